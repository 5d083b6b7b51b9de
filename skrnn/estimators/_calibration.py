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

from skrnn.data.autoregression import most_cautious
from skrnn.data.forecasting import Span
from skrnn.data.quantiles import levels_of, reduced

#: Forecasts of a step ahead from which its quantiles are taken; of fewer, all steps share
#: theirs, in units of each step's own error.
MIN_ERRORS = 100
#: Windows that a short series must have before its end is held out.
MIN_TRAINING = 8
#: Shares of the network's correction that are compared.
SHARES = np.linspace(0.0, 1.0, 21)


class Calibration(NamedTuple):
    """Measured on windows that training did not see.

    Attributes
    ----------
    trust : float
        From 0 to 1: how much of the network's correction of the autoregression is kept.
    offsets : float64 ndarray of shape (horizon, n_levels)
        Quantiles of the errors, in units of the scale of a window.
    n_errors : int, optional
        From how many of them each is taken; None of files that lack it.
    """

    trust: float
    offsets: NDArray[np.float64]
    n_errors: int | None = None


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


def calibrate(
    true: NDArray[np.float64],
    relative: NDArray[np.float64],
    weight: NDArray[np.float64],
    unit: float,
    levels: Sequence[float],
) -> Calibration:
    """Measure a network's corrections of the autoregression on windows held out.

    Parameters
    ----------
    true : float64 ndarray of shape (n_windows, horizon)
        The outputs that would be right, NaN where the truth is missing.
    relative : float64 ndarray of shape (n_windows, horizon, 1 + n_learned)
        The network's: the point forecast, then the learned levels.
    weight : float64 ndarray of shape (n_windows,)
    unit : float
        An output of 1, in units of the scale of a window.
    levels : sequence of float
        As of ``all_levels``.
    """
    trust = trust_of(relative[..., 0], true, weight)
    kept = reduced(relative, trust)
    # outputs of the network that is kept have another unit
    errors = (true[..., None] - levels_of(kept, len(levels))) * unit
    counts = (~np.isnan(true)).sum(axis=0)
    n_errors = counts.min() if counts.min() >= MIN_ERRORS else counts.sum()
    return Calibration(trust, error_quantiles(errors, levels), int(n_errors))


def trust_of(
    point: NDArray[np.float64], true: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Return the least share of the correction that is not clearly worse than the best.

    As cautious as the autoregression about its penalty: of few windows the best share is
    often too large, and a correction that is too large loses more than one that is too
    small.
    """
    real = ~np.isnan(true)
    point, true = np.where(real, point, 0.0), np.where(real, true, 0.0)
    errors = np.array(
        [np.square(true - share * point).sum(axis=1) * weight for share in SHARES]
    )
    chosen = most_cautious(errors, true.shape[1], list(range(len(SHARES))))
    return float(SHARES[chosen])


def all_levels(quantiles: Sequence[float], learned: bool) -> list[float]:
    """Return the user's levels, and the median after them where levels are learned."""
    levels = list(map(float, quantiles))
    return [*levels, 0.5] if learned and 0.5 not in levels else levels


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
        Of errors pooled over the steps ahead that share of them, with n the number of
        windows: those of one window, and of its neighbours, depend on each other.
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
            known = values[~np.isnan(values)]
            result[h, j] = _rank(known, level, int(counts[h])) * size[h]
    return result


def _rank(values: NDArray[np.float64], level: float, n: int) -> float:
    """Return the quantile of values that come from ``n`` windows."""
    if level == 0.5:
        return float(np.median(values))
    side = 1.0 if level > 0.5 else -1.0
    rank = (n + 1) * max(level, 1 - level) * (len(values) / max(n, 1))
    place = min(int(np.ceil(rank)), len(values)) - 1
    return side * float(np.sort(side * values)[place])


def _increasing(values: NDArray[np.float64], counts: NDArray) -> NDArray[np.float64]:
    """Return the closest values that never fall, weighted by counts (isotonic)."""
    from sklearn.isotonic import isotonic_regression

    return isotonic_regression(values, sample_weight=np.maximum(counts, 1e-3))
