"""Forecast errors at the ends of series: how far they go, and how much to trust a network.

``split_ends`` holds the ends out; what a network without them forecasts there gives a
``Calibration``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.forecasting import Span

#: Forecasts of a step ahead from which its quantiles are taken; of fewer, all steps share
#: theirs, in units of each step's own error.
MIN_ERRORS = 100
#: Windows that a short series must have before its end is held out.
MIN_TRAINING = 8


class Calibration(NamedTuple):
    """Measured on windows that training did not see.

    Attributes
    ----------
    trust : float
        From 0 to 1: how much of the network's correction of the autoregression is kept.
    offsets : float64 ndarray of shape (horizon, n_levels)
        Quantiles of the errors, in units of the scale of a window.
    """

    trust: float
    offsets: NDArray[np.float64]


def split_ends(span: Span, fraction: float, horizon: int) -> tuple[Span, Span | None]:
    """Return the windows of series without their ends, and those that forecast the ends.

    No step that the second ones forecast is seen by the first. A series that is too short
    stays whole in the first; None if all are.
    """
    panel, window = span.panel, span.window
    n_held_out = np.maximum(np.round(fraction * panel.ends), horizon).astype(np.int64)
    cut = panel.ends - n_held_out
    enough = cut >= np.maximum(span.first, np.minimum(window, span.last)) + horizon
    # of short series some windows that are not full
    enough |= (cut >= span.first + horizon + MIN_TRAINING) & (cut >= 2 * horizon)
    if not enough.any():
        return span, None
    ends = np.where(enough, cut, panel.ends)
    train = Span(panel.until(ends), span.first, ends - horizon, window)
    chosen = np.flatnonzero(enough)
    held_out = Span(panel.take(chosen), cut[chosen], panel.ends[chosen] - 1, window)
    return train, held_out


def complete(span: Span, horizon: int) -> Span:
    """Return the windows whose whole horizon is known."""
    return replace(span, last=span.panel.ends - horizon)


def trust_of(point: NDArray, true: NDArray) -> float:
    """Return the share of the network's correction that leaves the least squared error."""
    real = ~np.isnan(true)
    squares = float(np.square(point[real]).sum())
    if not squares > 0:
        return 1.0
    return float(np.clip((point[real] * true[real]).sum() / squares, 0.0, 1.0))


def all_levels(quantiles: Sequence[float], learned: bool) -> list[float]:
    """Return the user's levels, and the median after them where levels are learned."""
    levels = list(map(float, quantiles))
    return [*levels, 0.5] if learned and 0.5 not in levels else levels


def levels_of(relative: NDArray, n_levels: int) -> NDArray[np.float64]:
    """Return the forecast that each quantile starts from, ``(n, horizon, n_levels)``.

    Those that the network has not learned start from its point forecast, the first column.
    """
    learned = relative[..., 1:]
    others = np.repeat(relative[..., :1], n_levels - learned.shape[-1], axis=-1)
    return np.concatenate([learned, others], axis=-1)


def error_quantiles(
    errors: NDArray[np.float64], levels: Sequence[float]
) -> NDArray[np.float64]:
    """Return the quantile of each level's errors, for each step ahead.

    Parameters
    ----------
    errors : float64 ndarray of shape (n_windows, horizon, n_levels)
        NaN where the truth is missing.
    levels : sequence of float

    Returns
    -------
    offsets : float64 ndarray of shape (horizon, n_levels)
        Of n errors the one of rank ``(n + 1) * level``, rounded away from the median.
    """
    horizon = errors.shape[1]
    size = np.sqrt(np.nanmean(np.square(errors), axis=(0, 2)))  # (horizon,)
    size = np.where(size > 0, size, 1.0)
    counts = (~np.isnan(errors[..., 0])).sum(axis=0)
    if (
        counts.min() < MIN_ERRORS
    ):  # of few errors the scale is known better than the tails
        size = np.sqrt(_increasing(np.square(size), counts))
    pooled = errors / size[:, None]
    result = np.empty((horizon, len(levels)))
    for j, level in enumerate(levels):
        for h in range(horizon):
            own = counts[h] >= MIN_ERRORS
            values = pooled[:, h, j] if own else pooled[..., j]
            result[h, j] = _rank(values[~np.isnan(values)], level) * size[h]
    return result


def _rank(values: NDArray[np.float64], level: float) -> float:
    n = len(values)
    place = (n + 1) * level - 1
    if level > 0.5:
        place = np.ceil(place)
    elif level < 0.5:
        place = np.floor(place)
    return float(np.interp(place, np.arange(n), np.sort(values)))


def _increasing(values: NDArray[np.float64], counts: NDArray) -> NDArray[np.float64]:
    """Return the closest values that never fall, weighted by counts (isotonic)."""
    from sklearn.isotonic import isotonic_regression

    return isotonic_regression(values, sample_weight=np.maximum(counts, 1e-3))
