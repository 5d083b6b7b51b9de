"""The level and the scale of windows of series, which their forecasts are relative to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skrnn.data.panels import Panel

#: Values below which their spread is not reliable.
FEW = 3
#: Squared spreads below this share of the sums that they come from are rounding errors.
ROUNDING = 1e-10
#: Share of a series' spread below which no window's scale falls, so that noise does not grow.
FLOOR = 0.01


def level_and_spread(
    panel: Panel, series: NDArray[np.int64], origins: NDArray[np.int64], window: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the level of windows, and how far they are from it.

    Parameters
    ----------
    panel : Panel
    series, origins : int64 ndarrays of shape (n_windows,)
        The series of each window, and how many steps it has seen.
    window : int
        The most steps of a window.

    Returns
    -------
    level : float64 ndarray of shape (n_windows, 1)
        The last value of the target; 0 where there is none.
    spread : float64 ndarray of shape (n_windows, 2)
        Root mean square distances from it: in the window, and in all of the series that it
        has seen. NaN where there are fewer than ``FEW`` values.
    """
    lengths, starts = np.diff(panel.offsets), panel.offsets[:-1]
    of_row = np.repeat(np.arange(len(panel)), lengths)
    real = ~np.isnan(panel.target)
    counts = np.maximum(np.add.reduceat(real, starts, dtype=np.int64), 1)
    filled = np.where(real, panel.target, 0.0)
    mean = np.add.reduceat(filled, starts) / counts
    distance = np.where(real, panel.target - mean[of_row], 0.0)
    # in units of each series: sums over all of them keep their differences
    unit = np.sqrt(np.add.reduceat(np.square(distance), starts) / counts)
    unit = np.where(unit > 0, unit, 1.0)
    distance = distance / unit[of_row]
    number, first, second = (
        np.concatenate([[0.0], np.cumsum(values)])
        for values in (real.astype(np.float64), distance, np.square(distance))
    )
    last_real = np.maximum.accumulate(
        np.where(real, np.arange(len(real)), np.repeat(starts, lengths))
    )
    start = panel.offsets[series]
    end = start + origins
    level = filled[last_real[end - 1]]
    centre = (level - mean[series]) / unit[series]
    spread = np.empty((len(series), 2))
    for j, begin in enumerate((np.maximum(end - window, start), start)):
        n = number[end] - number[begin]
        squares = second[end] - second[begin] - 2 * centre * (first[end] - first[begin])
        squares = np.maximum(squares / np.maximum(n, 1) + np.square(centre), 0.0)
        squares = np.where(squares > ROUNDING * (1 + np.square(centre)), squares, 0.0)
        spread[:, j] = np.where(n >= FEW, np.sqrt(squares) * unit[series], np.nan)
    return level[:, None], spread


def scale_of(
    level: NDArray[np.float64], spread: NDArray[np.float64], usual_share: float
) -> NDArray[np.float64]:
    """Return the scale ``(n_windows, 1)`` of each window, always positive.

    A constant window has the share ``usual_share`` of its level.
    """
    window, series = spread.T
    scale = np.fmax(window, FLOOR * series)
    scale = np.where(np.isnan(window), series, scale)
    size = np.abs(level[:, 0])
    scale = np.where(scale > 0, scale, usual_share * size)
    scale = np.where(scale > 0, scale, size)  # constant, as far as is known
    return np.where(scale > 0, scale, 1.0)[:, None]
