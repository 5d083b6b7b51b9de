"""Numbers: one or several a sequence, or a horizon of future steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import column_or_1d

from skrnn.data.containers import CheckedSequences
from skrnn.data.inputs import Inputs
from skrnn.data.layouts import parse_column
from skrnn.data.ragged import RaggedArray
from skrnn.data.scaling import center_and_deviation
from skrnn.data.targets._base import (
    CheckedData,
    CheckedTargets,
    Targets,
    parse_targets,
    scale_to_mean_1,
)
from skrnn.data.values import read_numbers

#: Deviation of a constant target, relative to its value.
CONSTANT_SCALE = 1e-3
#: Largest scaled target: an outlier stays one in float32.
MAX_OUTLIER = 1e18


class NumberTargets(Targets):
    """Real numbers ↔ standardised float32 columns.

    With ``instance_norm`` they are relative to each sequence's own level, which
    ``inputs`` knows.

    Parameters
    ----------
    inputs : Inputs
        The estimator's inputs.
    unit : {"deviation", "quartiles", "tails"}
        What y is scaled by, as in ``center_and_deviation``.
    """

    def __init__(self, inputs: Inputs, unit: str = "deviation"):
        self.inputs = inputs
        self.unit = unit
        self.shape: tuple[int, ...] | None = None

    @property
    def n_outputs(self) -> int:
        """Columns of y."""
        return len(self.mean)

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return float64 ``(n_sequences,)`` or ``(n_sequences, n_outputs)``."""
        _check_rows_are_outputs(y, name)
        values = _parse_numbers(y, X, name)
        if values.ndim > 2:
            raise ValueError(
                f"{name} has {values.ndim} dimensions, expected (n_sequences,) or "
                "(n_sequences, n_outputs); for numbers for each step pass a list of "
                f"arrays, as list({name})"
            )
        if values.ndim == 2 and values.shape[1] == 0:
            raise ValueError(f"{name} has no numbers: its shape is {values.shape}")
        if values.ndim == 2 and values.shape[1] == 1:
            values = column_or_1d(values, warn=True)
        return self._like_fit(values, name)

    def _like_fit(self, values: NDArray[np.float64], name: str) -> CheckedTargets:
        self._check_shape(values, name)
        return CheckedTargets(values)

    def _check_shape(self, values: NDArray[np.float64], name: str) -> None:
        """Raise a ValueError for rows of another shape than in ``fit``."""
        if self.shape is None or values.shape[1:] == self.shape:
            return
        rows = "n_steps" if self.by_step else "n_sequences"
        got, expected = (rows, *values.shape[1:]), (rows, *self.shape)
        raise ValueError(
            f"{name} has shape {got}, expected {expected} as in fit".replace("'", "")
        )

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the (weighted) mean and standard deviation of each output, or what is robust.

        Relative to a sequence's level the mean stays 0: an untrained network then
        predicts the level.
        """
        if train.weight is not None:
            scale_to_mean_1(train.weight)  # raises where every weight is 0
        weight = self._weight(train)
        self.shape = self._values(train).shape[1:]
        with np.errstate(over="ignore"):
            columns = self._relative(train)
        if not np.isfinite(columns).all():
            raise ValueError(
                "y is too large: relative to X's levels it overflows float64"
            )
        # in units of the largest value: neither squares nor tiny numbers leave float64
        unit = np.abs(columns).max(axis=0)
        unit = np.where(unit > 0, unit, 1.0)
        columns = columns / unit
        mean, deviation = center_and_deviation(
            columns,
            weight,
            unit=self.unit,
            centered=self.inputs.instance_norm is not None,
        )
        deviation[deviation <= 1e-12 * np.abs(mean)] = 0.0
        self.mean = mean * unit
        self.scale = self._scale(deviation * unit, unit)

    def _scale(self, deviation: NDArray, largest: NDArray) -> NDArray[np.float64]:
        """Return the scale of each column; ``largest`` is its largest absolute value."""
        return np.where(deviation > 0, deviation, CONSTANT_SCALE * largest)

    def encode(self, data: CheckedData) -> NDArray | RaggedArray:
        """Return ``(n_sequences, n_outputs)`` standardised targets."""
        return self._standardised(data)

    def _standardised(self, data: CheckedData) -> NDArray[np.float32]:
        values = self._values(data)
        if len(values):  # before a first fit y_val was parsed without y's shape
            self._check_shape(values, data.name)
        scaled = (self._relative(data) - self.mean) / self.scale
        return np.clip(scaled, -MAX_OUTLIER, MAX_OUTLIER).astype(np.float32)

    def decode(self, outputs: NDArray, X: CheckedSequences) -> NDArray:
        """Return predictions in y's units and form.

        ``outputs`` may have quantiles before the outputs: (n_sequences, ..., n_outputs).
        """
        assert self.shape is not None
        result = outputs.astype(np.float64) * self.scale + self.mean
        level = self._level(X)
        if level is not None:
            shift, scale = (part.reshape(-1, *[1] * (outputs.ndim - 1)) for part in level)
            result = result * scale + shift
        return result.reshape(*outputs.shape[:-1], *self.shape)

    def units(self, X: CheckedSequences) -> NDArray[np.float64]:
        """Return ``(n_sequences, n_outputs)``: how much of y one unit of an output is."""
        level = self._level(X)
        scale = self.scale if level is None else self.scale * level[1]
        return np.broadcast_to(scale, (len(X.steps), self.n_outputs))

    def _relative(self, data: CheckedData) -> NDArray[np.float64]:
        values = self._values(data)
        columns = values.reshape(len(values), -1)
        level = self._level(data.X)
        return columns if level is None else (columns - level[0]) / level[1]

    # --- what a row of numbers belongs to: here a sequence ---------------------------

    def _values(self, data: CheckedData) -> NDArray[np.float64]:
        """Return all rows of numbers ``(n_rows, ...)``."""
        return data.y.values

    def _weight(self, data: CheckedData) -> NDArray[np.float64] | None:
        """Return the weight of each row."""
        return data.weight

    def _level(self, X: CheckedSequences) -> tuple[NDArray, NDArray] | None:
        """Return the level and scale ``(n_rows, 1)`` that each row is relative to."""
        return self.inputs.level_and_scale(X)


class HorizonTargets(NumberTargets):
    """Numbers of the steps ahead: one horizon for all sequences, as the last axis but one.

    The network gives the whole horizon at once; all its steps share one scale an output,
    so that a forecast's shape is not changed by the scaling.
    """

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return float64 ``(n_sequences, horizon)`` or (n_sequences, horizon, n_outputs)."""
        values = _parse_numbers(y, X, name)
        if values.ndim not in (2, 3) or 0 in values.shape:
            raise ValueError(
                f"{name} has shape {values.shape}, expected (n_sequences, horizon) or "
                "(n_sequences, horizon, n_outputs)"
            )
        return self._like_fit(values, name)

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        assert self.shape is not None
        return self.shape[0]

    def _scale(self, deviation: NDArray, largest: NDArray) -> NDArray[np.float64]:
        """Return the scale of each output, the same for all its steps ahead."""
        deviation = deviation.reshape(self.horizon, -1)
        most = deviation.max(axis=0)
        unit = np.where(most > 0, most, 1.0)  # squares must not leave float64
        shared = unit * np.sqrt(np.square(deviation / unit).mean(axis=0))
        of_largest = largest.reshape(self.horizon, -1).max(axis=0)
        return np.tile(super()._scale(shared, of_largest), self.horizon)


def _check_rows_are_outputs(y: Any, name: str) -> None:
    """Raise a ValueError if y is a list of lists of unequal length."""
    if not isinstance(y, list | tuple) or not set(map(type, y)) <= {list, tuple}:
        return
    lengths = list(map(len, y))
    other = next((i for i, n in enumerate(lengths) if n != lengths[0]), None)
    if other is not None:
        raise ValueError(
            f"{name}[{other}] has {lengths[other]} numbers, but {name}[0] has {lengths[0]}: "
            "nested lists are several outputs a sequence, the same number for each. For a "
            f"number for each step pass arrays, as [np.asarray(row) for row in {name}]"
        )


def _parse_numbers(y: Any, X: CheckedSequences, name: str) -> NDArray[np.float64]:
    """Return finite numbers, one entry a sequence of X."""
    return read_numbers(parse_targets(y, X, name, parse_column), name)
