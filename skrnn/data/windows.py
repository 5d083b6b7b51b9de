"""Series as overlapping windows, with the steps that follow each of them."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.utils.validation import check_scalar

from skrnn.data.columns import as_frame, is_foreign_frame, warn_of_long_frame
from skrnn.data.date_offsets import is_time_index, plain_times
from skrnn.data.frequency import Timeline, check_time_indexes
from skrnn.data.ragged import offsets_of
from skrnn.data.series import (
    check_no_dates,
    check_unique_columns,
    column_of_lists,
    index_of,
    listed,
    parse_series,
)
from skrnn.data.steps import is_sequence, shown


class Windows(tuple[NDArray, Any]):
    """The pair ``(X, y)`` of windows and targets, with their times and series.

    ``sliding_windows`` documents the attributes.
    """

    groups: NDArray[np.int64]
    X_future: NDArray
    future_index: pd.Index
    _index: pd.Index
    _rows: Any
    _window: int
    _horizon: int

    @property
    def X(self) -> NDArray:
        """The windows."""
        return self[0]

    @property
    def y(self) -> Any:
        """The targets."""
        return self[1]

    @property
    def X_times(self) -> NDArray:
        """Times of the steps of each window, ``(n_windows, window)``."""
        times = self._index[: len(self._index) - self._horizon].to_numpy()
        return _cut(times, self._window, self._rows)

    @property
    def y_times(self) -> NDArray:
        """Times of the steps of each target, ``(n_windows, horizon)``."""
        times = self._index[self._window :].to_numpy()
        return _cut(times, self._horizon, self._rows)


def sliding_windows(
    series: Any,
    *,
    window: int,
    horizon: int = 1,
    stride: int = 1,
    target: Any = None,
    freq: Any = None,
    gaps: Literal["raise", "fill"] = "raise",
) -> Windows:
    """Cut series into windows and the steps that follow each of them, for forecasting.

    Window ``i`` of a series starts at its step ``i * stride``, the target at step
    ``i * stride + window``.

    Parameters
    ----------
    series : array-like, Series or DataFrame of shape (n_steps,) or (n_steps, n_features), \
or list of them
        Numbers in order of time. The dates of a DatetimeIndex or PeriodIndex, or numbers
        in the index, are checked, and kept. A list of arrays, Series or DataFrames holds
        several series of any lengths, with the same features; no window crosses from one to
        the next. A list of numbers, or of lists of numbers, is one series.
    window : int
        Steps of a window, at least 1. A longer one covers more of the past and leaves
        fewer windows.
    horizon : int, default=1
        Steps to forecast, at least 1.
    stride : int, default=1
        Steps from the start of a window to the next, at least 1. A larger one gives
        fewer windows, which overlap less.
    target : column name (DataFrame) or index (array), default=None
        The feature to forecast. None takes the only one.
    freq : offset string, DateOffset or "steps", default=None
        The step of dates. None infers it, also where rows are missing: the own frequency
        of an index that has one; business days where dates lie on weekdays only; months,
        quarters or years by their first or last day; weeks, days, hours or whatever
        distance is most common. Of several series it is that of the longest.
        "steps" counts rows, whatever their dates: right for prices on trading days.
    gaps : {"raise", "fill"}, default="raise"
        What is done about dates, or numbers at equal distances, that are missing between
        others. "fill" inserts rows of
        NaN.

    Returns
    -------
    windows : Windows
        A tuple ``(X, y)``, so that ``X, y = sliding_windows(...)``, with attributes:

        X : ndarray of shape (n_windows, window) or (n_windows, window, n_features)
            The windows in order of series and time, with the features where a series is
            2-D. Both are sequences to skrnn; scikit-learn's regressors read the 2-D form
            as lags.
        y : ndarray, Series or DataFrame of shape (n_windows,) or (n_windows, horizon)
            The targets; 2-D where ``horizon`` is above 1. Where the series has dates, y
            is a Series, or a DataFrame with columns "t+1", "t+2", ..., indexed by the
            date of the first step to forecast; for a list by the number of the series and
            that date. Select its rows by ``y.iloc``, as X has row numbers only.
        groups : int64 ndarray of shape (n_windows,)
            The number of the series that each window comes from, for ``GroupKFold``.
        X_times, y_times : ndarray of shape (n_windows, window), (n_windows, horizon)
            The labels of all steps in the index of the series: dates (``datetime64``, or
            objects where these have a time zone or are periods), or other labels; row
            numbers where an array has no index.
        X_future : ndarray of shape (n_series, window) or (n_series, window, n_features)
            The last window of each series, whose target is not known yet.
        future_index : Index of length horizon
            The times that follow the series: dates, or numbers where rows are counted.
            For a list a MultiIndex of length ``n_series * horizon``, by series and time.

    Raises
    ------
    TypeError
        If the series, or one of its columns, is not numeric.
    ValueError
        If a parameter is out of its range, if series are too short or differ in their
        features, or if ``target`` is missing or not a feature. If dates are unsorted,
        come twice, are not regular or have gaps; the message names the place.

    Notes
    -----
    X is a read-only view, and so is y unless it has dates; where the series is an array,
    nothing is copied. Several series, and one with filled gaps, are copied.

    Masked and missing values become NaN, in X and in y; none is left out or replaced.

    The windows overlap, so they must be split by time: a random split shows a network
    in training what it is tested on. ``TimeSeriesSplit(gap=(horizon - 1) // stride)``
    is enough for the targets of training to lie before the targets of the test, as in
    real forecasting, where the past is known. With
    ``gap=(window + horizon - 1) // stride`` training and test share no value at all. The
    windows of several series are not in order of time: split them by ``y_times``, or by
    ``groups`` to test on other series.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skrnn.preprocessing import sliding_windows
    >>> X, y = sliding_windows(np.arange(7), window=3, horizon=2)
    >>> X
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    >>> y
    array([[3, 4],
           [4, 5],
           [5, 6]])

    With dates, and the window that the next forecast is made from:

    >>> months = pd.date_range("2024-01", periods=6, freq="MS")
    >>> windows = sliding_windows(pd.Series(range(6), months), window=3, horizon=2)
    >>> X, y = windows
    >>> y
                t+1  t+2
    2024-04-01    3    4
    2024-05-01    4    5
    >>> windows.X_future
    array([[3, 4, 5]])
    >>> windows.future_index
    DatetimeIndex(['2024-07-01', '2024-08-01'], dtype=..., freq='MS')
    """
    for name, value in (("window", window), ("horizon", horizon), ("stride", stride)):
        check_scalar(value, name, Integral, min_val=1)
    if not isinstance(series, pd.DataFrame) and not is_foreign_frame(series):
        series = column_of_lists(series)
    several = _holds_series(series)
    entries = list(series) if several else [series]
    entries = [as_frame(each) if is_foreign_frame(each) else each for each in entries]
    names = [f"series[{i}]" for i in range(len(entries))] if several else ["series"]
    arrays, columns = _read_series(entries, names)
    column = _target_column(columns, target, arrays[0].shape)
    indexes = [
        index_of(entry, len(array), name)
        for entry, array, name in zip(entries, arrays, names, strict=True)
    ]
    timelines = check_time_indexes(indexes, freq, names)
    if _treat_gaps(timelines, names, gaps, freq):
        arrays = [_fill_gaps(*part) for part in zip(arrays, timelines, strict=True)]
        indexes = [timeline.without_gaps() for timeline in timelines]
    lengths = np.array([len(array) for array in arrays])
    _check_lengths(lengths, names, window, horizon)

    groups, starts = _starts_of(lengths, window + horizon, stride)
    future = [timeline.future(horizon) for timeline in timelines]
    if several:
        rows: Any = starts
        values, index = np.concatenate(arrays), _concatenate(indexes)
        first = _by_series(groups, index[window:][rows])
        ids = np.repeat(np.arange(len(arrays)), horizon)
        future_index = _by_series(ids, _concatenate(future))
    else:
        rows = slice(0, starts[-1] + 1, stride)  # makes views
        values, index = arrays[0], indexes[0]
        first, future_index = index[window:][rows], future[0]
    y = _cut((values if values.ndim == 1 else values[:, column])[window:], horizon, rows)
    y = y[:, 0] if horizon == 1 else y
    if is_time_index(index):
        y = _with_dates(y, first, _name_of(entries[0], columns, column))

    windows = Windows((_cut(values[:-horizon], window, rows), y))
    windows.groups, windows.future_index = groups, future_index
    windows.X_future = _cut(values, window, offsets_of(lengths)[1:] - window)  # copies
    windows._index, windows._rows = index, rows
    windows._window, windows._horizon = window, horizon
    return windows


def _starts_of(
    lengths: NDArray[np.int64], n_steps: int, stride: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the series and the first row of each stretch of ``n_steps`` steps.

    Rows are numbered over all series, one after the other.
    """
    counts = (lengths - n_steps) // stride + 1
    groups = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(groups)) - offsets_of(counts)[groups]
    return groups, offsets_of(lengths)[groups] + number * stride


def _cut(steps: NDArray, length: int, rows: Any) -> NDArray:
    """Return the stretches of ``length`` steps that start at ``rows``.

    They are views where ``rows`` is a slice.
    """
    stretches = sliding_window_view(steps, length, axis=0)[rows]
    return np.moveaxis(stretches, -1, 1)  # (n_rows, length[, n_features])


def _with_dates(y: NDArray, index: pd.Index, name: Hashable) -> pd.Series | pd.DataFrame:
    if y.ndim == 1:
        return pd.Series(y, index, name=name, copy=True)
    return pd.DataFrame(y, index, [f"t+{step + 1}" for step in range(y.shape[1])])


def _concatenate(indexes: list[pd.Index]) -> pd.Index:
    return indexes[0].append(indexes[1:])


def _by_series(groups: NDArray[np.int64], times: pd.Index) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([groups, times], names=["series", times.name])


# --- reading -------------------------------------------------------------------------


def _holds_series(series: Any) -> bool:
    """Return whether this is a list of series: of arrays, Series or DataFrames.

    A column of sequences or array of objects, such as ``sequences_from_frame`` makes, is
    a list.
    """
    is_column = isinstance(series, pd.Series)
    is_list = isinstance(series, list | tuple) or (
        isinstance(series, np.ndarray) and series.dtype == object and series.ndim == 1
    )
    first = next(iter(series), None) if is_list or is_column else None
    if is_column or not isinstance(first, list | tuple):
        is_text = isinstance(first, str | bytes)
        return is_foreign_frame(first) or (is_sequence(first) and not is_text)
    sizes = [len(step) if isinstance(step, list | tuple) else 1 for step in series]
    if len(set(sizes)) > 1:
        unequal = next(i for i, size in enumerate(sizes) if size != sizes[0])
        raise ValueError(
            f"series[0] has {sizes[0]} numbers and series[{unequal}] has {sizes[unequal]}; a "
            "list of lists is one series, whose steps they are. Pass several series as "
            "arrays, [np.array(one) for one in series]"
        )
    return False


def _read_series(
    entries: list, names: list[str]
) -> tuple[list[NDArray], list[Hashable] | None]:
    """Return the numbers of each series, and the names of the columns that all share."""
    arrays: list[NDArray] = []
    columns: list[Hashable] | None = None
    for entry, name in zip(entries, names, strict=True):
        if arrays and isinstance(entry, pd.DataFrame) and columns is not None:
            if set(entry.columns) != set(columns):
                raise ValueError(
                    f"{name} has the columns {shown(list(entry.columns))}, expected "
                    f"{shown(columns)} (as {names[0]} has)"
                )
            entry = entry[columns]
        if isinstance(entry, pd.DataFrame):
            check_unique_columns(entry, name)
            check_no_dates(entry, name)
            if not is_time_index(plain_times(entry.index)):
                warn_of_long_frame(entry, name, "all rows are read as one series")
        array, its_columns = parse_series(entry, name)
        if array.ndim not in (1, 2):
            remedy = f"; pass several series as list({name})" if array.ndim == 3 else ""
            raise ValueError(
                f"{name} has {array.ndim} dimensions, expected (n_steps,) or "
                f"(n_steps, n_features){remedy}"
            )
        if not arrays:
            columns = its_columns
        elif array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"{name} has the shape {array.shape}, expected "
                f"{shown(('n_steps', *arrays[0].shape[1:]))} (as {names[0]} has)"
            )
        arrays.append(array)
    return arrays, columns


def _target_column(columns: list | None, target: Any, shape: tuple[int, ...]) -> int:
    """Return the number of the feature to forecast."""
    if len(shape) == 1:
        if target is not None:
            raise ValueError(
                f"target={shown(target)} must be None: the series has one feature"
            )
        return 0
    n_features = shape[1]
    if n_features == 0:
        raise ValueError("series has no features")
    if target is None:
        if n_features > 1:
            raise ValueError(
                f"target must say which of the {n_features} features to forecast"
            )
        return 0
    if columns is not None:
        if target not in columns:
            raise ValueError(
                f"target={shown(target)} is not a column of the series, which has "
                f"{shown(columns)}"
            )
        return columns.index(target)
    check_scalar(target, "target", Integral, min_val=0, max_val=n_features - 1)
    return int(target)


def _name_of(entry: Any, columns: list | None, column: int) -> Hashable:
    """Return the name of the feature to forecast."""
    return entry.name if columns is None else columns[column]


def _check_lengths(
    lengths: NDArray[np.int64], names: list[str], window: int, horizon: int
) -> None:
    short = np.flatnonzero(lengths < window + horizon)
    if len(short):
        raise ValueError(
            f"{listed(names, lengths, short)}, but window={window} and horizon={horizon} need at least "
            f"{window + horizon}"
        )


# --- gaps ----------------------------------------------------------------------------


def _treat_gaps(
    timelines: list[Timeline], names: list[str], gaps: str, freq: Any
) -> bool:
    """Return whether gaps are to be filled; raise a ValueError if they are refused."""
    if gaps not in ("raise", "fill"):
        raise ValueError(f"gaps must be 'raise' or 'fill', got {shown(gaps)}")
    if gaps == "fill" and timelines[0].offset is None:
        raise ValueError(
            "gaps='fill' needs dates or numbers in the index, whose rows are not "
            f"counted, but freq={shown(freq)} and the index of {names[0]} is "
            f"{type(timelines[0].index).__name__}"
        )
    with_gaps = [i for i, timeline in enumerate(timelines) if len(timeline.gaps)]
    if with_gaps and gaps == "raise":
        first = with_gaps[0]
        raise ValueError(
            f"{names[first]} has gaps: {timelines[first].describe_gaps()}. Set "
            "gaps='fill' to insert rows of NaN, or freq='steps' to count rows"
        )
    return bool(with_gaps)


def _fill_gaps(array: NDArray, timeline: Timeline) -> NDArray:
    """Return the steps of a series with rows of NaN where some are missing."""
    if not len(timeline.gaps):
        return array
    shape = (int(timeline.steps[-1]) + 1, *array.shape[1:])
    filled = np.full(shape, np.nan, np.result_type(array.dtype, np.float32))
    filled[timeline.steps] = array
    return filled
