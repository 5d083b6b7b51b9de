"""A linear autoregression of windows, which a forecaster's network corrects.

What follows a window is a linear function of its steps, both relative to the window's last
value and scale. A ridge penalty is chosen on the latest windows; where none is clearly
better than the last value itself, that is the forecast.

References
----------
Smyl (2020). A hybrid method of exponential smoothing and recurrent neural networks for
time series forecasting. IJF 36(1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray

#: Penalties that are tried, for standardized features and weights of mean 1.
PENALTIES = np.logspace(-2, 7, 19)
#: Share of the windows, the latest ones, on which a penalty is chosen.
VALIDATION = 0.2
#: Standard errors by which a less cautious model must be better.
CAUTION = 0.5
#: Windows below which nothing is learned.
MIN_WINDOWS = 10


class Autoregression:
    """Linear forecasts of windows, relative to their last value and scale.

    Parameters
    ----------
    window : int
        Steps that are read; zeros, the last value, come before those of a shorter window,
        and stand for missing ones.

    Attributes
    ----------
    coefficients : float64 ndarray of shape (n_features, horizon)
    intercept : float64 ndarray of shape (horizon,)
    late : int64 ndarray of shape (n_late,)
        The windows on which the penalty was chosen.
    late_errors : float64 ndarray of shape (n_late,)
        Mean squares of their relative errors, by what the earlier windows say.
    """

    def __init__(self, window: int):
        self.window = window

    def fit(
        self,
        target: RaggedArray,
        level: NDArray[np.float64],
        scale: NDArray[np.float64],
        relative: NDArray[np.float64],
        series: NDArray[np.int64],
        origins: NDArray[np.int64],
    ) -> Autoregression:
        """Learn from windows.

        Parameters
        ----------
        target : RaggedArray of float64
            The target of each window.
        level, scale : float64 ndarrays of shape (n_windows, 1)
        relative : float64 ndarray of shape (n_windows, horizon)
            What follows, relative to level and scale; NaN where it is missing.
        series, origins : int64 ndarrays of shape (n_windows,)
            The series of each window, and how many steps it has seen.
        """
        horizon = relative.shape[1]
        one_series = bool((series == series[0]).all())
        self.centre = float(level.mean()) if one_series else None
        low, high = float(level.min()), float(level.max())
        self.bounds = (2 * low - high, 2 * high - low)  # one range beyond training's
        features = self._features(target, level, scale)
        self.coefficients = np.zeros((features.shape[1], horizon))
        self.intercept = np.zeros(horizon)
        whole = np.flatnonzero(~np.isnan(relative).any(axis=1))
        self.late, self.late_errors = whole[:0], np.empty(0)
        if len(whole) < MIN_WINDOWS:
            return self
        x, y = features[whole], relative[whole]
        weight = window_weights(scale[:, 0], series)[whole]
        early, late = _split(series[whole], origins[whole], horizon)
        errors = np.array(
            [np.square(y[late]).mean(axis=1)]
            + [
                np.square(y[late] - x[late] @ coefficients - intercept).mean(axis=1)
                for coefficients, intercept in _solve(x[early], y[early], weight[early])
            ]
        )
        cautious = [0, *range(len(PENALTIES), 0, -1)]
        chosen = most_cautious(errors * weight[late], horizon, cautious)
        self.late, self.late_errors = whole[late], errors[chosen]
        if chosen:
            self.coefficients, self.intercept = _solve(x, y, weight)[chosen - 1]
        return self

    def drop_errors(self) -> None:
        """Delete the errors of single windows, of which there are as many as data."""
        self.late, self.late_errors = self.late[:0], np.empty(0)

    def predict(
        self,
        target: RaggedArray,
        level: NDArray[np.float64],
        scale: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return forecasts ``(n_windows, horizon)``, relative to level and scale."""
        return self._features(target, level, scale) @ self.coefficients + self.intercept

    def _features(
        self, target: RaggedArray, level: NDArray, scale: NDArray
    ) -> NDArray[np.float64]:
        """Return the steps of each window, and the distance of its level from training's.

        Only where training has one series, and 0 where the level is far from all of it.
        """
        n, lengths = len(target), target.lengths
        of_step = np.repeat(np.arange(n), lengths)
        column = self.window - (target.offsets[1:][of_step] - np.arange(len(of_step)))
        values = (target.values - level[of_step, 0]) / scale[of_step, 0]
        features = np.zeros((n, self.window + (self.centre is not None)))
        seen = column >= 0
        features[of_step[seen], column[seen]] = np.nan_to_num(values[seen], nan=0.0)
        if self.centre is not None:
            near = (level[:, 0] >= self.bounds[0]) & (level[:, 0] <= self.bounds[1])
            distance = np.where(near, level[:, 0] - self.centre, 0.0)
            features[:, -1] = distance / scale[:, 0]
        return features


def window_weights(
    scale: NDArray[np.float64], series: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return weights of mean 1 in each series, in proportion to the windows' scales.

    Between squared errors in units of the series, which its liveliest windows decide, and
    in units of each window.
    """
    ids = np.unique(series, return_inverse=True)[1]
    mean = np.bincount(ids, scale) / np.bincount(ids)
    return scale / mean[ids]


def _split(
    series: NDArray[np.int64], origins: NDArray[np.int64], horizon: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the earlier windows and the latest ones of each series.

    No step that the latest forecast is one of the earlier, where windows suffice.
    """
    ids = np.unique(series, return_inverse=True)[1]
    first, last = np.full((2, ids.max() + 1), origins.max(), np.int64)
    np.minimum.at(first, ids, origins)
    last[:] = 0
    np.maximum.at(last, ids, origins)
    cut = last - VALIDATION * (last - first)
    late = origins >= cut[ids]
    apart = origins < cut[ids] - (horizon - 1)
    early = apart if apart.sum() >= MIN_WINDOWS else ~late
    if not early.any():
        early = late
    return np.flatnonzero(early), np.flatnonzero(late)


def _solve(
    x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return coefficients and intercept of ridge regressions, for each penalty."""
    total = weight.sum()
    x_mean, y_mean = weight @ x / total, weight @ y / total
    x, y = x - x_mean, y - y_mean
    deviation = np.sqrt(weight @ np.square(x) / total)
    deviation = np.where(deviation > 1e-9, deviation, np.inf)
    x = x / deviation
    weighted = x * weight[:, None]
    values, vectors = np.linalg.eigh(weighted.T @ x)
    products = vectors.T @ (weighted.T @ y)
    values = np.maximum(values, 0.0)
    solved = []
    for penalty in PENALTIES:
        of_standard = vectors @ (products / (values + penalty)[:, None])
        coefficients = of_standard / deviation[:, None]
        solved.append((coefficients, y_mean - x_mean @ coefficients))
    return solved


def most_cautious(errors: NDArray[np.float64], horizon: int, order: list[int]) -> int:
    """Return the first model in order whose errors are not clearly above the least.

    Parameters
    ----------
    errors : float64 ndarray of shape (n_models, n_windows)
        Squared errors.
    horizon : int
        So many neighbouring windows share steps, and count as one.
    order : list of int
        The models, the most cautious first.
    """
    best = int(errors.mean(axis=1).argmin())
    gain = errors - errors[best]  # (n_models, n_windows)
    n_apart = max(1.0, errors.shape[1] / horizon)
    tolerance = CAUTION * gain.std(axis=1) / np.sqrt(n_apart)
    return next(i for i in order if gain[i].mean() <= tolerance[i])
