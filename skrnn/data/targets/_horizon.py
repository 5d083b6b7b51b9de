"""The steps that follow the windows of series."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.autoregression import Autoregression
from skrnn.data.scaling import center_and_deviation
from skrnn.data.targets._base import CheckedData, CheckedTargets
from skrnn.data.targets._numbers import MAX_OUTLIER, HorizonTargets


class SeriesTargets(HorizonTargets):
    """The steps that follow each window ↔ float32 errors of a linear autoregression.

    They come with the windows: y is None. NaN stands for a value that is missing. All
    steps ahead share one scale, and an output of 0 is the autoregression's forecast.
    """

    inputs: Any  # SeriesInputs

    def check(self, y: Any, X: Any, name: str = "y") -> CheckedTargets:
        """Return float64 ``(n_windows, horizon)``, NaN where a value is missing."""
        return CheckedTargets(X.ahead)

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the autoregression, and the size of its errors.

        That is their root mean square, or what is robust.
        """
        X: Any = train.X
        self.shape = X.ahead.shape[1:]
        level, scale = self.inputs.level_and_scale(X)
        relative = (X.ahead - level) / scale
        self.linear = Autoregression(self.inputs.n_steps)
        self.linear.fit(X.target, level, scale, relative, X.series, X.origins)
        self.linear.drop_errors()
        errors = relative - self.linear.predict(X.target, level, scale)
        known = errors[~np.isnan(errors)][:, None]
        largest = np.abs(known).max(initial=0.0)
        unit = largest if largest > 0 else 1.0  # squares must not leave float64
        found = center_and_deviation(known / unit, unit=self.unit, centered=True)
        size = float(found[1][0]) * unit
        self.mean = np.zeros(self.horizon)
        self.scale = np.full(self.horizon, size if size > 0 else 1.0)

    def encode(self, data: CheckedData) -> NDArray[np.float32]:
        """Return ``(n_windows, horizon)`` errors in units of outputs."""
        errors = np.clip(self.outputs_of(data.X), -MAX_OUTLIER, MAX_OUTLIER)
        return errors.astype(np.float32)

    def outputs_of(self, X: Any) -> NDArray[np.float64]:
        """Return the outputs that would be right, ``(n_windows, horizon)``."""
        level, scale = self.inputs.level_and_scale(X)
        errors = (X.ahead - level) / scale - self.linear.predict(X.target, level, scale)
        return errors / self.scale

    def decode(self, outputs: NDArray, X: Any) -> NDArray[np.float64]:
        """Return forecasts in the units of the series.

        ``outputs`` may have quantiles after the steps: ``(n_windows, horizon, ...)``.
        """
        level, scale = self.inputs.level_and_scale(X)
        linear = np.concatenate(
            [
                self.linear.predict(part.target, level[places], scale[places])
                for places, part in X.blocks()
            ]
        )
        shape = (len(outputs), -1, *[1] * (outputs.ndim - 2))
        relative = outputs * self.scale[0] + linear.reshape(shape)
        return relative * scale.reshape(shape) + level.reshape(shape)
