"""Standardization of columns: mean 0 and standard deviation 1, whatever their unit and size.

Values are read in float64 and cast to float32 last: seconds since 1970, or readings of
1e-13, keep their differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

#: Values that are converted at a time, and the most rows.
BLOCK, BLOCK_ROWS = 1 << 18, 1 << 12
#: Deviations below this share of the largest value are rounding errors.
CONSTANT = 1e-12


class Standardization:
    """Mean and standard deviation of each column; missing values do not count.

    Parameters
    ----------
    enabled : bool
        False leaves values as they are, and keeps the mean for missing ones.

    Attributes
    ----------
    mean, scale : float64 ndarrays of shape (n_columns,)
        A constant column has its own size as scale.
    """

    def __init__(self, enabled: bool = True):
        self.enabled = enabled

    def fit(
        self,
        values: NDArray,
        weights: NDArray | None = None,
        groups: NDArray[np.int64] | None = None,
    ) -> Standardization:
        """Learn from ``(n_rows, n_columns)``, NaN where a value is missing.

        ``weights`` ``(n_rows,)`` say how often each row counts. Columns of one group, of
        ``groups`` ``(n_columns,)`` from 0 on, share their mean and standard deviation.
        """
        if weights is not None and not weights.all():
            values, weights = values[weights > 0], weights[weights > 0]
        largest = np.zeros(values.shape[1])
        for block, _ in _blocks(values):
            largest = np.maximum(largest, np.nan_to_num(np.abs(block)).max(axis=0))
        if groups is not None:
            of_group = np.zeros(groups.max(initial=-1) + 1)
            np.maximum.at(of_group, groups, largest)
            largest = of_group[groups]
        # in units of the largest value: neither squares nor tiny numbers leave float64
        unit = np.where(largest > 0, largest, 1.0)
        total, mean, squares = np.zeros((3, values.shape[1]))
        for block, weight in _blocks(values, weights):
            total += (weight * ~np.isnan(block)).sum(axis=0)
            mean += np.nansum(weight * (block / unit), axis=0)
        total, mean = _of_groups(total, groups), _of_groups(mean, groups)
        total = np.where(total > 0, total, 1.0)
        mean /= total
        for block, weight in _blocks(values, weights):
            squares += np.nansum(weight * np.square(block / unit - mean), axis=0)
        deviation = np.sqrt(_of_groups(squares, groups) / total)
        deviation[deviation <= CONSTANT * np.abs(mean)] = 0.0
        self.mean = mean * unit
        self.scale = np.where(deviation > 0, deviation * unit, unit)
        if not self.enabled:
            self.scale = np.ones_like(self.scale)
        return self

    def apply(self, values: NDArray) -> NDArray[np.float32]:
        """Return ``(n_rows, n_columns)`` standardized; the mean where one is missing."""
        result = np.empty(values.shape, np.float32)
        shift = self.mean if self.enabled else np.zeros_like(self.mean)
        start = 0
        with np.errstate(over="ignore"):  # becomes inf, which the caller refuses
            for block, _ in _blocks(values):
                missing = np.isnan(block)
                scaled = (block - shift) / self.scale
                if missing.any():
                    scaled = np.where(missing, (self.mean - shift) / self.scale, scaled)
                result[start : start + len(block)] = scaled
                start += len(block)
        return result


def _of_groups(sums: NDArray, groups: NDArray[np.int64] | None) -> NDArray:
    """Return the sum over each column's group, ``(n_columns,)``."""
    return sums if groups is None else np.bincount(groups, sums)[groups]


def _blocks(
    values: NDArray, weights: NDArray | None = None
) -> Iterator[tuple[NDArray[np.float64], Any]]:
    """Yield rows as float64, and their weights as a column."""
    n_rows = min(BLOCK_ROWS, max(1, BLOCK // max(1, values.shape[1])))
    for start in range(0, len(values), n_rows):
        rows = slice(start, start + n_rows)
        weight = 1.0 if weights is None else weights[rows, None]
        yield values[rows].astype(np.float64), weight


#: Of a normal distribution of unit deviation: a quartile, and the mean distance from 0.
QUARTILE, MEAN_DISTANCE = ndtri(0.75), np.sqrt(2 / np.pi)
#: Deviations beyond so many of those by quartiles are the work of outliers.
MAX_RATIO = 5


def center_and_deviation(
    columns: NDArray,
    weights: NDArray | None = None,
    *,
    unit: str = "deviation",
    centered: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and standard deviation of each column, or what outliers do not change.

    Parameters
    ----------
    columns : float64 ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,), optional
        How often each row counts.
    unit : {"deviation", "quartiles", "tails"}
        "quartiles" gives the median, and the deviation of a normal distribution with the
        same distance between the quartiles; where that is 0, with the same mean distance
        from the median. "tails" gives the median, and the deviation unless it is far
        beyond that of "quartiles".
    centered : bool
        Whether the columns are relative to 0, which then stands for the mean and median.

    Returns
    -------
    center, deviation : float64 ndarrays of shape (n_columns,)
    """
    center = np.zeros(columns.shape[1])
    if not centered:
        center = np.average(columns, axis=0, weights=weights)
    deviation = np.sqrt(np.average((columns - center) ** 2, axis=0, weights=weights))
    if unit == "deviation":
        return center, deviation
    center, by_quartiles = _median_and_quartiles(columns, weights, centered)
    if unit == "tails":
        return center, np.minimum(deviation, MAX_RATIO * by_quartiles)
    return center, by_quartiles


def _median_and_quartiles(
    columns: NDArray, weights: NDArray | None, centered: bool
) -> tuple[NDArray, NDArray]:
    """Return the median of each column, and a deviation from its quartiles."""

    def quantiles(values: Any, levels: Any) -> NDArray:
        method: Any = "inverted_cdf"
        return np.quantile(values, levels, axis=0, weights=weights, method=method)

    if centered:
        center = np.zeros(columns.shape[1])
        deviation = quantiles(np.abs(columns), 0.5) / QUARTILE
    else:
        low, center, high = quantiles(columns, [0.25, 0.5, 0.75])
        deviation = (high - low) / (2 * QUARTILE)
    mean = np.average(np.abs(columns - center), axis=0, weights=weights) / MEAN_DISTANCE
    return center, np.where(deviation > 0, deviation, mean)
