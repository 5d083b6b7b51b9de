"""Numbers for each step: a signal from a signal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.containers import CheckedSequences, is_missing, is_sequence, parse_rows
from skrnn.data.layouts import parse_column, read_container
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets._base import CheckedData, CheckedTargets, parse_targets
from skrnn.data.targets._numbers import NumberTargets
from skrnn.data.targets._steps import shown_tokens
from skrnn.data.values import REAL, read_numbers


def has_step_numbers(y: Any) -> bool:
    """Return whether y has an array for each sequence, with a number for each step.

    The container decides, and never the lengths, which may agree by chance: a list of
    arrays, or an object array, a Series or a column of arrays or lists, has numbers for
    each step. An array of numbers, a frame of numbers, and a list of lists, which numpy
    reads as a table, have several outputs a sequence.
    """
    try:
        layout, content, _ = read_container(y, "y")
    except (TypeError, ValueError):  # one number a sequence, or invalid
        return False
    if layout == "fields":
        return True
    if layout != "list":
        return False
    first = next((row for row in content if not is_missing(row)), None)
    of_lists = isinstance(y, list | tuple) and isinstance(first, list | tuple)
    return is_sequence(first) and not isinstance(first, str | bytes) and not of_lists


def parse_step_numbers(y: Any, name: str) -> RaggedArray:
    """Return the numbers of each step, of y or of predictions.

    Parameters
    ----------
    y : list, ndarray, Series or DataFrame
        Arrays or lists ``(n_steps_i,)`` or ``(n_steps_i, n_outputs)``.
    name : str
        Name of y in messages.

    Returns
    -------
    numbers : RaggedArray of float64 ``(total_steps,)`` or ``(total_steps, n_outputs)``

    Raises
    ------
    TypeError, ValueError
        If a sequence is not an array of real, finite numbers, or if they differ in their
        outputs; the message names the place.
    """
    rows = [
        _read_row(row, f"{name}[{i}]", f"sequence {i}")
        for i, row in enumerate(parse_rows(y, name))
    ]
    steps = RaggedArray.from_lengths(_join(rows, name, None), list(map(len, rows)))
    _check_finite(steps, name)
    return steps


class StepNumberTargets(NumberTargets):
    """Real numbers for each step ↔ standardised float32 columns.

    All steps share one mean and one scale an output. With ``instance_norm`` the numbers
    are relative to their sequence's level.

    Parameters
    ----------
    inputs, unit :
        As in ``NumberTargets``.
    """

    by_step = True

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return float64 numbers, RaggedArray ``(total_steps,)`` or (total_steps, n_outputs).

        Parameters
        ----------
        y : list, ndarray, Series or DataFrame
            Arrays ``(n_steps_i,)`` or ``(n_steps_i, n_outputs)``, one as long as each
            sequence.
        X : CheckedSequences
        name : str
            Name of y in messages.
        """
        lengths = X.steps.lengths
        rows = [
            _read_row(row, f"{name}[{i}]", f"{X.name}[{i}]")
            for i, row in enumerate(parse_targets(y, X, name, parse_rows))
        ]
        got = np.fromiter(map(len, rows), np.int64, len(rows))
        if (got != lengths).any():
            i = int(np.flatnonzero(got != lengths)[0])
            message = (
                f"{name}[{i}] has {got[i]} numbers, but {X.name}[{i}] has {lengths[i]} "
                f"steps{shown_tokens(X, i)}"
            )
            if (got == got[0]).all():
                message += (
                    f". An array for each sequence has a number for each step; for {got[0]} "
                    f"outputs a sequence pass a 2-D array, as np.stack({name})"
                )
            raise ValueError(message)
        steps = RaggedArray(_join(rows, name, self.shape), X.steps.offsets)
        _check_finite(steps, name)
        return CheckedTargets(steps)

    def encode(self, data: CheckedData) -> RaggedArray:
        """Return standardised numbers ``(total_steps, n_outputs)``."""
        return data.y.values.with_values(self._standardised(data))

    def decode(self, outputs: NDArray, X: CheckedSequences) -> NDArray[np.object_]:
        """Return float64 arrays ``(n_steps_i, ...)`` in y's units, one a sequence.

        ``outputs`` are those of all steps; they may have quantiles before the outputs:
        (total_steps, ..., n_outputs).
        """
        return object_array(list(X.steps.with_values(super().decode(outputs, X))))

    def loss_weights(
        self, data: CheckedData, train: CheckedData, class_weight: Any
    ) -> RaggedArray | None:
        """Return the sample weight of each step."""
        weight = self._weight(data)
        return None if weight is None else data.X.steps.with_values(weight)

    # --- a row of numbers belongs to a step ------------------------------------------

    def _values(self, data: CheckedData) -> NDArray[np.float64]:
        return data.y.values.values

    def _weight(self, data: CheckedData) -> NDArray[np.float64] | None:
        return None if data.weight is None else np.repeat(data.weight, data.lengths)

    def _level(self, X: CheckedSequences) -> tuple[NDArray, NDArray] | None:
        level = super()._level(X)
        if level is None:
            return None
        shift, scale = (np.repeat(part, X.steps.lengths, axis=0) for part in level)
        return shift, scale


def _read_row(row: Any, place: str, of: str) -> NDArray:
    """Return one sequence's numbers as an array; ``of`` names the sequence."""
    if type(row) is not np.ndarray or row.dtype.kind not in REAL:
        if isinstance(row, str | bytes) or not is_sequence(row):
            raise TypeError(
                f"{place} is {type(row).__name__}, expected an array of numbers, one for "
                f"each step of {of}"
            )
        row = parse_column(row, place)
        if row.dtype.kind not in REAL:
            row = read_numbers(row, place)
    return row


def _join(
    rows: list[NDArray], name: str, shape: tuple[int, ...] | None
) -> NDArray[np.float64]:
    """Return flat numbers; rows of another shape than the first's are an error.

    ``shape`` is that of the numbers of a step in ``fit``, if it is known.
    """
    expected = shape
    for i, row in enumerate(rows):
        if row.shape == (0,):
            continue  # of any shape
        if expected is None and row.ndim < 3 and 0 not in row.shape[1:]:
            expected = row.shape[1:]
        if row.shape[1:] != expected:
            raise ValueError(
                f"{name}[{i}] has shape {row.shape}, expected {_shape_text(expected)}"
                f"{'' if shape is None else ' as in fit'}"
            )
    filled = [row for row in rows if len(row)]
    if not filled:
        return np.empty((0, *(expected or ())))
    return np.concatenate(filled).astype(np.float64)


def _check_finite(steps: RaggedArray, name: str) -> None:
    """Raise a ValueError that names the first step that is not finite."""
    bad = np.argwhere(~np.isfinite(steps.values))
    if len(bad):
        i, step = steps.step_of(int(bad[0, 0]))
        what = "NaN" if np.isnan(steps.values[tuple(bad[0])]) else "infinity"
        raise ValueError(
            f"Input {name} contains {what}: {name}[{i}], step {step}. Replace that number, "
            "or leave the sequence out"
        )


def _shape_text(trailing: tuple[int, ...] | None) -> str:
    """Return the shape of a sequence's numbers as messages say it."""
    if trailing is None:
        return "(n_steps,) or (n_steps, n_outputs)"
    return "(n_steps,)" if not trailing else f"(n_steps, {trailing[0]})"
