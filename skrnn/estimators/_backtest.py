"""Forecasts of what is known already, and their errors beside simple ones'."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._optional import import_optional
from skrnn.data.backtests import errors_of_persistence, mean_of_known, values_before
from skrnn.data.forecasting import CheckedWindows
from skrnn.data.steps import shown
from skrnn.data.targets import listed

#: Steps before the first forecast that a picture shows.
SHOWN = 60


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of the ends of series, from ``backtest`` of a forecaster.

    Attributes
    ----------
    forecasts : DataFrame
        One row a forecast value: ``series`` (its label, or its number where two series
        share one), ``cutoff`` (the last time that was known),
        ``time``, ``step`` (steps ahead, from 1), ``actual``, ``forecast``, the quantiles as
        "q0.05" and so on, ``seasonal`` (the value one season before) and ``last`` (the last
        value).
    table : DataFrame
        One row each for the forecaster, seasonal persistence and persistence: ``MASE``,
        ``sMAPE`` (percent), ``RMSE``, ``coverage`` of the interval between the outermost
        quantiles, and ``pinball`` loss, a mean over the quantiles. Missing values count
        nowhere.
    levels : tuple of float
        Of the quantiles.
    """

    forecasts: pd.DataFrame
    table: pd.DataFrame
    levels: tuple[float, ...] = ()
    _past: dict[Hashable, pd.Series] = field(default_factory=dict, repr=False)

    @property
    def quantile_columns(self) -> list[str]:
        """Names of the columns of quantiles."""
        return [f"q{level:g}" for level in self.levels]

    def plot(self, series: Hashable = None, ax: Any = None) -> Any:
        """Draw one series with its forecasts and the band of their outermost quantiles.

        Parameters
        ----------
        series : label, default=None
            Which one, as in ``forecasts["series"]``; None takes the first.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        ax : matplotlib Axes

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        ValueError
            If there is no such series.
        """
        plt = import_optional("matplotlib.pyplot", "Backtest.plot", "plot")
        labels = list(self._past)
        label = labels[0] if series is None else series
        if label not in self._past:
            raise ValueError(f"series={shown(label)} is none of {listed(labels)}")
        if ax is None:
            ax = plt.subplots(figsize=(9, 4), layout="constrained")[1]
        rows = self.forecasts[self.forecasts["series"] == label]
        first = True
        past = self._past[label]
        ax.plot(
            _drawable(past.index), past.to_numpy(), color="black", lw=1, label="actual"
        )
        columns = self.quantile_columns
        lowest = f"q{min(self.levels):g}" if columns else ""
        highest = f"q{max(self.levels):g}" if columns else ""
        for _, part in rows.groupby("cutoff", sort=True):
            times = _drawable(pd.Index(part["time"]))
            if len(columns) > 1:
                ax.fill_between(
                    times,
                    part[lowest],
                    part[highest],
                    color="C0",
                    alpha=0.25,
                    lw=0,
                    label=f"{lowest} to {highest}" if first else None,
                )
            marker = "." if len(part) == 1 else None
            ax.plot(
                times,
                part["forecast"],
                color="C0",
                marker=marker,
                label="forecast" if first else None,
            )
            first = False
        ax.set_title(str(label), loc="left")
        # beside the title, where it hides no data
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False)
        return ax


def make_backtest(
    windows: CheckedWindows,
    point: NDArray[np.float64],
    quantiles: NDArray[np.float64] | None,
    levels: Sequence[float],
    season: int,
    name: str,
) -> Backtest:
    """Put forecasts ``(n_windows, horizon[, n_levels])`` beside what came.

    ``season`` is that of persistence, ``name`` the forecaster's in the table.
    """
    n_windows, horizon = point.shape
    panel, series, origins = windows.panel, windows.series, windows.origins
    of_row = np.repeat(np.arange(n_windows), horizon)
    ahead = np.tile(np.arange(horizon), n_windows)
    seasonal = values_before(windows, season, horizon)
    last = values_before(windows, 1, horizon)
    labels = [i if label is None else label for i, label in enumerate(panel.labels)]
    if len(set(labels)) < len(labels):  # rows of a frame may share a label
        labels = list(range(len(labels)))
    columns: dict[str, Any] = {
        "series": pd.Index(labels)[series[of_row]],
        "cutoff": panel.times(series[of_row], origins[of_row] - 1),
        "time": panel.times(series[of_row], origins[of_row] + ahead),
        "step": ahead + 1,
        "actual": windows.ahead.ravel(),
        "forecast": point.ravel(),
    }
    for j, level in enumerate(levels):
        assert quantiles is not None
        columns[f"q{level:g}"] = quantiles[..., j].ravel()
    columns |= {"seasonal": seasonal.ravel(), "last": last.ravel()}
    scale = errors_of_persistence(windows, season)[:, None]
    rows = {
        name: _errors(windows.ahead, point, scale, quantiles, levels),
        "seasonal persistence": _errors(windows.ahead, seasonal, scale, None, levels),
        "persistence": _errors(windows.ahead, last, scale, None, levels),
    }
    past = {}
    for i in np.unique(series):
        mine = origins[series == i]
        start = max(0, int(mine.min()) - max(SHOWN, 2 * horizon))
        stop = int(panel.ends[i])
        row = int(panel.offsets[i])
        past[labels[i]] = pd.Series(
            panel.target[row + start : row + stop], panel.indexes[i][start:stop]
        )
    return Backtest(
        pd.DataFrame(columns), pd.DataFrame.from_dict(rows, "index"), tuple(levels), past
    )


def _errors(
    actual: NDArray,
    forecast: NDArray,
    scale: NDArray,
    quantiles: NDArray | None,
    levels: Sequence[float],
) -> dict[str, float]:
    """Return the row of the table; all arrays ``(n_windows, horizon[, n_levels])``."""
    error = actual - forecast
    size = np.abs(actual) + np.abs(forecast)
    relative = np.where(size > 0, 2 * np.abs(error) / np.where(size > 0, size, 1.0), 0.0)
    relative = np.where(np.isnan(error), np.nan, relative)
    row = {
        "MASE": mean_of_known(np.abs(error) / scale),
        "sMAPE": 100 * mean_of_known(relative),
        "RMSE": float(np.sqrt(mean_of_known(np.square(error)))),
    }
    if not levels:
        return row
    row["coverage"] = np.nan
    if quantiles is None:
        quantiles = np.repeat(forecast[..., None], len(levels), axis=-1)
    elif len(levels) > 1:
        low = quantiles[..., int(np.argmin(levels))]
        high = quantiles[..., int(np.argmax(levels))]
        known = ~np.isnan(actual)
        inside = (low <= actual) & (actual <= high)
        row["coverage"] = mean_of_known(np.where(known, inside, np.nan))
    distance = actual[..., None] - quantiles
    level = np.asarray(levels)
    row["pinball"] = mean_of_known(np.maximum(level * distance, (level - 1) * distance))
    return row


def _drawable(index: pd.Index) -> Any:
    """Return times that matplotlib draws; periods by their starts."""
    if isinstance(index, pd.PeriodIndex):
        return index.to_timestamp()
    if index.dtype == object and len(index) and isinstance(index[0], pd.Period):
        return pd.PeriodIndex(index).to_timestamp()
    return index
