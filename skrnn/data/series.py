"""Series in the user's containers: one or many, their covariates and their times.

``parse_series`` and ``index_of`` read one series, ``read_entries`` the many of a
forecaster. ``panels`` brings these to flat arrays, ``windows`` cuts one itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype

from skrnn.data.columns import (
    check_number_columns,
    column_kind,
    warn_of_long_frame,
)
from skrnn.data.date_formats import dates_of_strings, is_date
from skrnn.data.date_offsets import is_number_index, is_time_index, plain_times
from skrnn.data.field_roles import (
    FieldOptions,
    Role,
    check_kinds,
    in_order,
    is_frame,
    roles_of,
)
from skrnn.data.field_values import StaticColumns, read_features, read_static
from skrnn.data.fields import check_details, kinds_of_categories
from skrnn.data.layouts import check_is_container, parse_frame
from skrnn.data.ragged import RaggedArray
from skrnn.data.seasons import season_of
from skrnn.data.steps import is_missing, is_sequence, shown, to_array

#: How the user gave the series, and so how forecasts are returned.
Container = Literal["series", "array", "columns", "table", "arrays", "list", "fields"]


@dataclass(frozen=True)
class SeriesOptions:
    """The estimator's settings about series.

    Attributes
    ----------
    horizon : int
        Steps ahead.
    target, time : column names, optional
    freq : offset, str or None
    known_future, static : sequences of column names, optional
    calendar : bool
        Whether features are derived from dates.
    missing : {"raise", "indicator"}
    layout : Layout, optional
        That of ``fit``; the columns must be the same.
    """

    horizon: int = 1
    target: Any = None
    time: Hashable | None = None
    freq: Any = None
    known_future: Sequence[Hashable] | None = None
    static: Sequence[Hashable] | None = None
    calendar: bool = False
    missing: str = "raise"
    layout: Layout | None = None

    @property
    def known(self) -> list[Hashable]:
        """Columns that are known ahead."""
        return [] if self.known_future is None else list(self.known_future)


@dataclass(frozen=True)
class Layout:
    """The columns of series, the same at fit and later.

    Attributes
    ----------
    columns : list of column names
        Covariates, those known ahead last; calendar features are not among them.
    n_known : int
        How many of them are known ahead.
    offset : DateOffset or None
        The frequency.
    has_dates : bool
    periods : str or None
        The frequency of periods, None where times are not periods.
    roles : dict of column to Role, optional
        Of a frame of fields.
    names : list of str, optional
        Columns of the user's frame, where they are the features of one series.
    categories : dict of column to kind, optional
        What the categories of a frame of fields are, where they are of one kind.
    """

    columns: list[Hashable]
    n_known: int
    offset: Any
    has_dates: bool
    periods: str | None = None
    roles: dict[Hashable, Role] | None = None
    names: list[Hashable] | None = None
    categories: dict[Hashable, Any] | None = None

    @property
    def season(self) -> int:
        """Steps of a season, 1 where there is none."""
        return season_of(self.offset)


@dataclass
class Entries:
    """Series as they were read, before times and gaps are considered."""

    targets: list[NDArray]
    covariates: list[NDArray]
    indexes: list[pd.Index]
    container: Container
    labels: list[Any] | pd.Index
    names: list[str]
    columns: list[Hashable] = field(default_factory=list)
    static: StaticColumns | None = None
    roles: dict[Hashable, Role] | None = None
    categories: dict[Hashable, Any] | None = None
    frame: Any = None
    feature_names: list[Hashable] | None = None


# --- one series ----------------------------------------------------------------------


def parse_series(series: Any, name: str) -> tuple[NDArray, list | None]:
    """Return the numbers of one series, and the names of its columns.

    Parameters
    ----------
    series : array-like, Series or DataFrame
        One row a step.
    name : str
        Name of the series in messages.

    Returns
    -------
    values : ndarray of shape (n_steps,) or (n_steps, n_features)
        A view where the series is an array. Masked and NA values are NaN.
    columns : list, or None if it is not a frame

    Raises
    ------
    TypeError
        If the series holds no real numbers.
    """
    series = parse_frame(series, name)
    columns = None
    if isinstance(series, pd.DataFrame):
        columns = series.columns.tolist()
        check_number_columns(series, name, rows_are_steps=True)
    try:
        values = to_array(series)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} is not an array (n_steps,) or (n_steps, n_features): {str(error)[:200]}"
        ) from error
    if values.dtype.kind in "mM":
        raise TypeError(f"{name} holds dates or times, expected real numbers")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {_not_real(values, name)}")
    return values, columns


def _not_real(values: NDArray, name: str) -> str:
    """Return the first value that is not a real number, or the dtype, and the remedy."""
    for value in values.ravel().tolist():
        if isinstance(value, complex):
            return f"dtype {values.dtype}"
        if not is_missing(value) and not isinstance(value, float | int):
            return (
                f"{shown(value)}; pandas.to_numeric({name}) makes numbers of strings and "
                "Decimals"
            )
    return f"dtype {values.dtype}; pass {name}.astype(float)"


def index_of(entry: Any, n_steps: int, name: str) -> pd.Index:
    """Return the index of a series; row numbers where it has none."""
    if not isinstance(entry, pd.Series | pd.DataFrame):
        return pd.RangeIndex(n_steps)
    if isinstance(entry.index, pd.MultiIndex):
        raise ValueError(
            f"{name} has a MultiIndex; pass a list of series, as [part.droplevel(0) for _, "
            f"part in {name}.groupby(level=0)]"
        )
    return plain_times(entry.index)


def check_unique_columns(frame: pd.DataFrame, name: str) -> None:
    """Raise a ValueError for two columns of one name."""
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"{name} has more than one column {shown(twice)}")


def check_no_dates(frame: pd.DataFrame, name: str) -> None:
    """Raise a TypeError for a column of dates among the features of a series."""
    for j, column in enumerate(frame.columns):
        if column_kind(frame.iloc[:, j]) == "dates":
            raise TypeError(
                f"{name} holds dates or times in column {shown(column)}; make them the "
                f"index, as {name}.set_index({shown(column)})"
            )


def listed(
    names: Sequence[str], lengths: NDArray[np.int64], chosen: NDArray[np.int64]
) -> str:
    """Return the first of some series and their lengths, for a message."""
    parts = [f"{names[i]} has {lengths[i]} steps" for i in chosen[:5].tolist()]
    more = f" and {len(chosen) - 5} others are too short" if len(chosen) > 5 else ""
    return ", ".join(parts) + more


# --- many series ----------------------------------------------------------------------


def read_entries(X: Any, options: SeriesOptions, name: str) -> Entries:
    """Read one or many series; frames of other libraries have been parsed before."""
    if isinstance(X, pd.DataFrame):
        check_unique_columns(X, name)
        kinds = {column_kind(X.iloc[:, j]) for j in range(X.shape[1])}
        if "sequences" in kinds:
            return _read_fields(X, options, name)
        if options.time is None and not is_time_index(plain_times(X.index)):
            each = "all rows are" if options.target is not None else "each column is"
            warn_of_long_frame(X, name, f"{each} read as one series")
        if options.target is None:
            X = _with_times(X, options, name)
            check_columns_of_series(X, options, name)
            return _read_columns(X, name)
        return _read_list([X], ["series"], [name], options)
    if isinstance(X, pd.Series):
        first = next(iter(X), None)
        if is_sequence(first) and not isinstance(first, str | bytes):
            labels = X.index.tolist()
            return _read_list(list(X), labels, _numbered(len(X), name), options)
        return _read_list([X], ["series"], [name], options)
    if isinstance(X, str | bytes):
        raise TypeError(f"{name} must be a series of numbers, or several, got {shown(X)}")
    check_is_container(X, name, "series")
    if not is_sequence(X):
        raise TypeError(
            f"{name} must be a series of numbers, or several, got {type(X).__name__}"
        )
    if isinstance(X, RaggedArray):
        X = list(X)
    X = column_of_lists(X)
    of_objects = isinstance(X, np.ndarray) and X.dtype == object and X.size
    if of_objects and not is_sequence(X.flat[0]):
        try:
            X = X.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise TypeError(f"{name} must hold numbers: {str(error)[:200]}") from error
    first = next(iter(X), None)
    is_list = isinstance(X, list | tuple) or np.dtype(object) == getattr(X, "dtype", None)
    if not is_list:
        array, _ = parse_series(X, name)
        if array.ndim == 2 and options.target is None:
            _check_no_time(options, name)
            return _read_columns(pd.DataFrame(array), name, "table")
        if array.ndim <= 2:
            return _read_list([array], ["array"], [name], options)
        return _read_list(list(array), None, _numbered(len(array), name), options)
    if first is None or is_sequence(first):
        entries = list(X)
        return _read_list(entries, None, _numbered(len(entries), name), options)
    return _read_list([parse_series(X, name)[0]], ["array"], [name], options)


def column_of_lists(X: Any) -> Any:
    """Return a column of lists, such as Arrow's, as a list of them; others as they are."""
    if isinstance(X, list | tuple | np.ndarray | pd.Series):
        return X
    try:
        array = to_array(X)
    except (ValueError, TypeError):
        return X
    if array.dtype == object:
        return array
    is_column = len(getattr(X, "shape", ())) < 2  # of cells of one length
    return list(array) if is_column and array.ndim > 1 else X


def _with_times(frame: pd.DataFrame, options: SeriesOptions, name: str) -> pd.DataFrame:
    """Return a frame of numbers with the column of times as its index."""
    if options.time is None:
        return frame
    if options.time not in frame.columns:
        raise ValueError(
            f"time names {shown(options.time)}, but {name} has the columns "
            f"{shown(frame.columns.tolist())}"
        )
    place = f"{name}[{shown(options.time)}]"
    index = _stamps_of(frame[options.time].to_numpy(), place).rename(options.time)
    return frame.drop(columns=options.time).set_axis(index, axis=0)


def check_columns_of_series(
    frame: pd.DataFrame, options: SeriesOptions, name: str
) -> None:
    """Raise a TypeError for dates that ``time`` should name, and for names of series."""
    kinds = {c: column_kind(frame[c]) for c in frame.columns}
    dates = [c for c, kind in kinds.items() if _holds_dates(frame[c], kind)]
    time = dates[0] if options.time is None and dates else options.time
    for column, kind in kinds.items():
        if column in dates and options.time is None:
            raise TypeError(
                f"{name} holds dates or times in column {shown(column)}; set "
                f"time={shown(column)}, or make them the index, as "
                f"{name}.set_index({shown(column)})"
            )
        if kind == "texts":
            features = [c for c in (time, options.target) if c is not None]
            shown_features = "".join(f"{shown(c)}, " for c in features)
            at = "" if time is None else f"time={shown(time)}, "
            place = f"{name}[{shown(column)}]"
            message = (
                f"{name} holds strings in column {shown(column)}, such as "
                f"{shown(next(iter(frame[column].dropna())))}; expected numbers. "
            )
            if column == options.target:
                raise TypeError(
                    f"{message}If they are numbers, read them by pandas.to_numeric({place}), "
                    'or by pandas.read_csv(..., thousands=",", decimal=".")'
                )
            raise TypeError(
                f"{message}If they "
                "name several series, make one row a series by skrnn.preprocessing."
                f"sequences_from_frame(frame, by={shown(column)}, {at}"
                f"features=[{shown_features}...]); if they are categories, make numbers of "
                f"them, as by pandas.get_dummies(frame, columns=[{shown(column)}], "
                "dtype=float); else leave that column out"
            )


def _holds_dates(column: pd.Series, kind: str) -> bool:
    if kind != "texts":
        return kind == "dates"
    first = next(iter(column.dropna()), None)
    return isinstance(first, str) and is_date(first)


def _numbered(n: int, name: str) -> list[str]:
    return [f"{name}[{i}]" for i in range(n)]


def _read_columns(
    frame: pd.DataFrame, name: str, container: Container = "columns"
) -> Entries:
    """Read a frame of numbers, one series a column."""
    values, columns = parse_series(frame, name)
    columns = list(columns or [])
    n = len(columns)
    return Entries(
        list(values.T),
        [np.empty((len(values), 0))] * n,
        [index_of(frame, len(values), name)] * n,
        container,
        frame.columns,
        [f"{name}[{shown(column)}]" for column in columns],
    )


def _read_list(
    entries: list, labels: list | None, names: list[str], options: SeriesOptions
) -> Entries:
    """Read series that are given one by one; ``labels`` may name the container of one."""
    targets, covariates, indexes = [], [], []
    columns: list[Hashable] | None = None
    feature_names: list[Hashable] | None = None
    frame = None
    entries = [parse_frame(e, name) for e, name in zip(entries, names, strict=True)]
    for entry, name in zip(entries, names, strict=True):
        if isinstance(entry, pd.DataFrame):
            check_unique_columns(entry, name)
            entry = _with_times(entry, options, name)
            check_columns_of_series(entry, options, name)
            frame = entry if frame is None else frame
        values, its_columns = parse_series(entry, name)
        if values.ndim not in (1, 2):
            raise ValueError(
                f"{name} has {values.ndim} dimensions, expected (n_steps,) or "
                "(n_steps, n_features)"
            )
        if values.ndim == 1:
            values = values[:, None]
            if options.target is not None and not isinstance(entry, pd.DataFrame):
                if options.layout is not None:
                    raise ValueError(
                        f"{name} has one feature, but in fit it had the columns "
                        f"{shown([options.target, *options.layout.columns])}, of which "
                        f"target={shown(options.target)} names one"
                    )
                raise ValueError(
                    f"target={shown(options.target)} must be None: {name} has one feature"
                )
        known = its_columns or list(range(values.shape[1]))
        column = _target_of(known, options.target, name)
        rest = [c for c in known if c != known[column]]
        if columns is None:
            columns, feature_names = rest, its_columns
        elif set(rest) != set(columns):
            raise ValueError(
                f"{name} has the covariates {shown(rest)}, expected {shown(columns)} (as "
                f"{names[0]} has)"
            )
        targets.append(values[:, column])
        covariates.append(values[:, [known.index(c) for c in columns]])
        indexes.append(index_of(entry, len(values), name))
    if entries and frame is None:
        _check_no_time(options, names[0])
    container: Container = "list"
    if labels in (["series"], ["array"]):
        container = labels[0]
        labels = [_label_of(entries[0], options)]
    elif all(not isinstance(e, pd.Series | pd.DataFrame) for e in entries):
        container = "arrays"
    if labels is None:
        labels = [_label_of(entry, options) for entry in entries]
    return Entries(
        targets,
        covariates,
        indexes,
        container,
        labels,
        names,
        columns or [],
        frame=frame if columns else None,
        feature_names=feature_names if columns else None,
    )


def _check_no_time(options: SeriesOptions, name: str) -> None:
    """Raise a ValueError if ``fit`` has no columns, though ``time`` names one."""
    if options.time is not None and options.layout is None:
        raise ValueError(
            f"time={shown(options.time)} names a column, but {name} has none; pass a frame "
            "with it, or a Series whose index has the times, and time=None"
        )


def _label_of(entry: Any, options: SeriesOptions) -> Any:
    return (
        options.target
        if isinstance(entry, pd.DataFrame)
        else getattr(entry, "name", None)
    )


def _target_of(columns: list, target: Any, name: str) -> int:
    """Return the number of the target's column."""
    if target is None:
        if len(columns) != 1:
            raise ValueError(
                f"target must say which of the {len(columns)} columns of {name} to "
                "forecast"
            )
        return 0
    if target not in columns:
        raise ValueError(
            f"target={shown(target)} is not a column of {name}, which has {shown(columns)}"
        )
    return columns.index(target)


# --- frames of fields ----------------------------------------------------------------


def _read_fields(frame: pd.DataFrame, options: SeriesOptions, name: str) -> Entries:
    """Read a frame with one row a series, whose cells are step fields or static."""
    fields = FieldOptions(options.static, options.time, options.missing)
    layout = options.layout
    if layout is not None and layout.roles is not None:
        frame = in_order(frame, list(layout.roles), name)
        roles = dict(layout.roles)
        check_kinds(frame, roles, name)
    else:
        roles = roles_of(frame, fields, name)
    categories = kinds_of_categories(frame, roles)
    if layout is not None and layout.categories is not None:
        check_details(categories, layout.categories, name)
    texts = [column for column, role in roles.items() if role == "tokens"]
    if texts:
        raise TypeError(
            f"{name}[{shown(texts[0])}] holds texts or tokens, but series are numbers; name "
            f'the column in static_features, or make it a category by .astype("category"), '
            "if it has one value a series"
        )
    numeric = [column for column, role in roles.items() if role == "features"]
    target = numeric[_target_of(numeric, options.target, name)]
    rest = [column for column in numeric if column != target]
    steps = {
        column: read_features(frame[column], f"{name}[{shown(column)}]")[0]
        for column in numeric
    }
    for column, of_column in steps.items():
        if of_column.values.shape[1] != 1:
            raise ValueError(
                f"{name}[{shown(column)}] has {of_column.values.shape[1]} features a step, "
                "expected one number"
            )
    names = [f"row {shown(label)} of {name}" for label in frame.index]
    if options.time is not None:
        indexes = [
            _stamps_of(cell, f"{row}, column {shown(options.time)}").rename(options.time)
            for cell, row in zip(frame[options.time], names, strict=True)
        ]
    else:
        cells = (frame[column] for column in numeric)
        indexes = [
            _times_of_cells(dict(zip(numeric, of_row, strict=True)), row)
            for of_row, row in zip(zip(*cells, strict=True), names, strict=True)
        ]
    targets, covariates = [], []
    for i, row in enumerate(names):
        columns = {column: steps[column][i][:, 0] for column in numeric}
        lengths = {column: len(values) for column, values in columns.items()}
        if options.time is not None:
            lengths[options.time] = len(indexes[i])
        longest = _length_of_row(lengths, target, options, row)
        targets.append(_padded(columns[target], longest))
        table = np.empty((longest, len(rest)))
        for j, column in enumerate(rest):
            table[:, j] = _padded(columns[column], longest)
        covariates.append(table)
        if indexes[i] is None:
            indexes[i] = pd.RangeIndex(longest)
        elif len(indexes[i]) < longest:
            raise ValueError(
                f"{row} has {longest} steps, but its Series have {len(indexes[i])} times; give "
                "the columns that are known ahead as Series with times, too"
            )
    return Entries(
        targets,
        covariates,
        indexes,
        "fields",
        frame.index.tolist(),
        names,
        list(rest),
        read_static(frame, roles, fields, name),
        roles,
        categories,
        frame,
        frame.columns.tolist(),
    )


def _times_of_cells(cells: dict[Hashable, Any], row: str) -> pd.Index | None:
    """Return the index that the Series in the cells of one row have, if they have one.

    Those of columns that are known ahead may continue after the others'.

    Raises
    ------
    ValueError
        If the cells of two columns have different ones.
    """
    indexes = {
        column: index_of(cell, len(cell), f"{row}, column {shown(column)},")
        for column, cell in cells.items()
        if isinstance(cell, pd.Series | pd.DataFrame)
    }
    timed = {c: i for c, i in indexes.items() if not i.equals(pd.RangeIndex(len(i)))}
    if not timed:
        return None
    longest = max(timed, key=lambda column: len(timed[column]))
    index = timed[longest]
    for column, other in timed.items():
        if not other.equals(index[: len(other)]):
            raise ValueError(
                f"{row}: columns {shown(longest)} and {shown(column)} have different times; "
                "give all Series of a row the same index"
            )
    return index


def _length_of_row(
    lengths: dict[Hashable, int], target: Hashable, options: SeriesOptions, row: str
) -> int:
    """Return the steps of a series with those that are known ahead.

    Raises
    ------
    ValueError
        If a column, or the times, are longer or shorter than they may be.
    """
    n_target, known, time = lengths[target], set(options.known), options.time
    longest = max(n for c, n in lengths.items() if c in known or c == target)
    if known and time is not None:
        longest = max(longest, lengths[time])
    for column, n in lengths.items():
        place = (
            f"{row}: column {shown(target)} has {n_target} steps, but column "
            f"{shown(column)} has {n}"
        )
        if column in known and n < n_target:
            raise ValueError(f"{place}; a column that is known ahead must not be shorter")
        if known and column == time and n < longest:
            raise ValueError(
                f"{row}: column {shown(time)} has {n} times, but columns that are known ahead "
                f"have {longest} steps; the times must be as many"
            )
        if n != n_target and not (known and column in {*known, time}):
            raise ValueError(
                f"{place}; only columns that known_future names, and the times with them, "
                "may be longer than the target"
            )
    return longest


def _padded(values: NDArray, n_steps: int) -> NDArray[np.float64]:
    result = np.full(n_steps, np.nan)
    result[: len(values)] = values
    return result


def _stamps_of(cell: Any, place: str) -> pd.Index:
    """Return the times of a cell as an index."""
    if isinstance(cell, str) or not is_sequence(cell) or is_frame(cell):
        raise TypeError(f"{place} must hold time stamps, one a step, got {shown(cell)}")
    if isinstance(cell, pd.Index):
        return plain_times(cell)
    if isinstance(cell, np.ndarray) and cell.dtype.kind in "biuf":
        return pd.Index(cell)
    cells = cell if isinstance(cell, np.ndarray) else list(cell)
    times = pd.Index(cells, tupleize_cols=False)
    index = plain_times(times.infer_objects())
    if is_time_index(index) or is_number_index(index) or is_bool_dtype(index.dtype):
        return index
    if any(isinstance(time, str) for time in index):
        return dates_of_strings(index, place)
    try:
        return pd.DatetimeIndex(pd.to_datetime(index))
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"{place} must hold dates, times or numbers, got {shown(cell)}"
        ) from error
