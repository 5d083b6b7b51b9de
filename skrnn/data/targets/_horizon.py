"""What follows the windows of series."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.targets._base import CheckedData, CheckedTargets
from skrnn.data.targets._numbers import HorizonTargets


class SeriesTargets(HorizonTargets):
    """The steps that follow each window ↔ float32 columns relative to its last value.

    They come with the windows: y is None. NaN stands for a value that is missing. All
    steps ahead share one scale, and an output of 0 is the last value.
    """

    def check(self, y: Any, X: Any, name: str = "y") -> CheckedTargets:
        """Return float64 ``(n_windows, horizon)``, NaN where a value is missing."""
        return CheckedTargets(X.ahead)

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the root mean square distance from the last value."""
        self.shape = self._values(train).shape[1:]
        relative = self._relative(train)
        unit = np.nanmax(np.abs(relative))
        squares = np.square(relative / unit) if unit > 0 else np.zeros((1, 1))
        scale = unit * float(np.sqrt(np.nanmean(squares)))
        self.mean = np.zeros(self.horizon)
        self.scale = np.full(self.horizon, scale if scale > 0 else 1.0)

    def relative(self, X: Any) -> NDArray[np.float64]:
        """Return what follows the windows in units of outputs, ``(n_windows, horizon)``."""
        level, scale = self.inputs.level_and_scale(X)
        return (X.ahead - level) / scale / self.scale
