"""Backtests: windows of series whose future is known, and simple forecasts of it.

Estimators and their model files share these windows and the scale of errors; the result
of a backtest and its picture belong to the estimators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._warnings import warn
from skrnn.data.date_offsets import shown_time
from skrnn.data.forecasting import CheckedWindows, SeriesInputs, Span, first_ends
from skrnn.data.panels import Panel
from skrnn.data.series import listed

#: Changes from which the scale of a series' errors is reliable.
MIN_CHANGES = 8


# --- windows -----------------------------------------------------------------------------


def windows_before(
    inputs: SeriesInputs, X: Any, n_windows: int | None, step: int
) -> CheckedWindows:
    """Return windows whose future is known, the last ones of each series.

    Parameters
    ----------
    inputs : SeriesInputs
        That have seen the series of ``fit``.
    X :
        As for ``fit`` of a forecaster.
    n_windows : int or None
        Windows of each series, fewer where the first would be less than half as long as
        the others. None makes as many as fit into the last fifth of the longest series.
    step : int
        Steps from one window to the next.

    Raises
    ------
    ValueError
        If no series has more than ``horizon`` steps, or none has a value among the steps
        to forecast.

    Warns
    -----
    UserWarning
        If series are too short for a window, have fewer than ``n_windows``, or end in
        missing values.
    """
    panel, horizon = inputs.read(X), inputs.options.horizon
    size = inputs.n_steps
    assert size is not None
    last = panel.ends - horizon
    _check_lengths(panel, horizon)
    wanted = n_windows
    if n_windows is None:
        n_windows = max(1, int(panel.ends.max() // 5 - horizon) // step + 1)
    before = np.maximum(last - first_ends(last, size), 0)  # the first ends of windows
    n_steps = np.minimum(n_windows - 1, before // step) * step
    fewer = np.flatnonzero((n_steps // step + 1 < n_windows) & (last >= 1))
    if wanted is not None and len(fewer):
        i = fewer[0]
        more = f"; {len(fewer) - 1} other series, too, have fewer" * (len(fewer) > 1)
        warn(
            f"{panel.names[i]} has {n_steps[i] // step + 1} of n_windows={wanted} "
            f"forecasts at step={step}: the first window takes at least "
            f"{last[i] - before[i]} of its {panel.ends[i]} steps{more}"
        )
    first = np.where(last < 1, last + 1, last - n_steps)  # none of a short series
    windows = inputs.cut(Span(panel, first, last, size), step=step)
    inputs.check_known(windows)
    _check_ends(windows)
    return windows


def _check_lengths(panel: Panel, horizon: int) -> None:
    """Warn of series without a step before the last ``horizon``; raise if all are such."""
    if panel.ends.max() <= horizon:
        raise ValueError(
            f"no series has more than horizon={horizon} steps; the longest has "
            f"{panel.ends.max()}"
        )
    short = np.flatnonzero(panel.ends <= horizon)
    if len(short):
        warn(
            f"{listed(panel.names, panel.ends, short)}: {horizon} steps are withheld, "
            f"and more than horizon={horizon} are needed; such series are left out"
        )


def _check_ends(windows: CheckedWindows) -> None:
    """Check that something is known of the steps to forecast.

    Raises
    ------
    ValueError
        If no window is followed by a value of the target.

    Warns
    -----
    UserWarning
        If some windows lie at the end of a series after its last value.
    """
    panel = windows.panel
    row = np.where(np.isnan(panel.target), -1, np.arange(len(panel.target)))
    last = np.maximum.reduceat(row, panel.offsets[:-1]) - panel.offsets[:-1]
    late = windows.origins > last[windows.series]
    if not late.any():
        return
    empty = np.unique(windows.series[late])
    first = empty[0]
    more = f", {len(empty) - 1} other series end so, too" if len(empty) > 1 else ""
    place = (
        f"the last value of {panel.names[first]} is that of "
        f"{shown_time(panel.indexes[first][last[first]])}, step {last[first]} of "
        f"{panel.ends[first]}{more}"
    )
    remedy = "leave out the rows after the last value"
    if np.isnan(windows.ahead).all():
        raise ValueError(f"no step that is withheld has a value: {place}; {remedy}")
    warn(f"{np.sum(late)} of {len(late)} forecasts count nowhere: {place}; {remedy}")


# --- simple forecasts --------------------------------------------------------------------


def values_before(
    windows: CheckedWindows, season: int, horizon: int
) -> NDArray[np.float64]:
    """Return the last known value at the same place in the season, for each step ahead.

    float64 ``(n_windows, horizon)``. Where it is missing, that of the season before, and
    so on; the last value of all where there is none.
    """
    panel, series, origins = windows.panel, windows.series, windows.origins
    start = panel.offsets[series][:, None]
    ahead = np.arange(horizon)
    back = season - ahead % season  # steps before the origin, from 1 to season
    row = start + origins[:, None] - back
    filled = _filled(panel.target, panel.offsets, season)
    last = _filled(panel.target, panel.offsets, 1)[start + origins[:, None] - 1]
    found = np.where(row >= start, filled[np.maximum(row, start)], np.nan)
    return np.where(np.isnan(found), last, found)


def _filled(
    values: NDArray[np.float64], offsets: NDArray[np.int64], season: int
) -> NDArray[np.float64]:
    """Return values, missing ones replaced by the last real one of their season's place."""
    starts = np.repeat(offsets[:-1], np.diff(offsets))
    row = np.arange(len(values))
    place = (row - starts) % season
    # in order of series, place in the season and time, each run can be filled at once
    order = np.lexsort((row, place, starts))
    sorted_values = values[order]
    run_starts = np.r_[True, (np.diff(starts[order]) != 0) | (np.diff(place[order]) != 0)]
    positions = np.arange(len(values))
    first_of_run = np.maximum.accumulate(np.where(run_starts, positions, 0))
    real = ~np.isnan(sorted_values)
    last_real = np.maximum.accumulate(np.where(real, positions, first_of_run))
    last_real = np.maximum(last_real, first_of_run)
    result = np.empty_like(values)
    result[order] = sorted_values[last_real]
    return result


# --- errors ------------------------------------------------------------------------------


def scaled_error(
    windows: CheckedWindows, forecasts: NDArray[np.float64], season: int
) -> float:
    """Return the mean absolute scaled error (MASE) of forecasts.

    ``(n_windows, horizon)``; steps whose value is missing count nowhere.
    """
    scale = errors_of_persistence(windows, season)
    return mean_of_known(np.abs(forecasts - windows.ahead) / scale[:, None])


def errors_of_persistence(windows: CheckedWindows, season: int) -> NDArray[np.float64]:
    """Return the mean absolute error of seasonal persistence before the first forecast.

    float64 ``(n_windows,)``, of each window's series: the scale of MASE. Where there are
    fewer than ``MIN_CHANGES`` of them, it is that of the step before; where these are few,
    too, the same of the whole series. A constant series is compared with its level.
    """
    panel = windows.panel
    first = np.full(len(panel), -1, np.int64)
    order = np.lexsort((-windows.origins, windows.series))
    first[windows.series[order]] = windows.origins[order]  # the smallest comes last
    scale = np.full(len(panel), np.nan)
    attempts = [
        (ends, lag, n_changes)
        for n_changes in (MIN_CHANGES, 1)
        for ends in (first, panel.ends)
        for lag in dict.fromkeys((season, 1))
    ]
    for ends, lag, n_changes in attempts:
        found, n = _mean_change(panel.target, panel.offsets, ends, lag)
        scale = np.where(~(scale > 0) & (n >= n_changes), found, scale)
    scale = scale[windows.series]
    size = np.abs(windows.level[:, 0])
    size = np.where(size > 0, size, 1.0)
    return np.where(scale > 0, scale, size)


def _mean_change(
    values: NDArray[np.float64],
    offsets: NDArray[np.int64],
    ends: NDArray[np.int64],
    lag: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean change over ``lag`` steps of each series, and of how many changes."""
    starts = np.repeat(offsets[:-1], np.diff(offsets))
    row = np.arange(len(values))
    step = row - starts
    before = np.maximum(row - lag, 0)
    change = np.abs(values - values[before])
    counts = (
        (step >= lag) & (step < np.repeat(ends, np.diff(offsets))) & ~np.isnan(change)
    )
    total = np.add.reduceat(np.where(counts, change, 0.0), offsets[:-1])
    n = np.add.reduceat(counts, offsets[:-1], dtype=np.int64)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan), n


def mean_of_known(values: NDArray) -> float:
    """Return the mean of values that are not NaN, NaN without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
