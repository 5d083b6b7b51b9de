"""Series to forecast, from the user's container to flat arrays and back.

A ``Panel`` holds one or many series one after the other: the target, covariates, calendar
features, static columns and times. Each series ends with at least ``horizon`` rows after
its target's end, for what is known ahead. ``forecasting`` cuts windows of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.columns import column_kind
from skrnn.data.fields import (
    STATIC,
    FieldOptions,
    Role,
    StaticColumns,
    check_kinds,
    in_order,
    read_features,
    read_static,
    roles_of,
)
from skrnn.data.frequency import Timeline, check_time_indexes, is_time_index, season_of
from skrnn.data.layouts import check_is_container, open_frame, open_series
from skrnn.data.ragged import offsets_of
from skrnn.data.steps import is_missing, is_sequence, shown

#: How the user gave the series, and so how forecasts are returned.
Container = Literal["series", "array", "columns", "table", "arrays", "list", "fields"]
#: The remedy for gaps.
REMEDY = 'Set missing="indicator" to learn from gaps, or fill them before'


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
        return list(self.known_future or [])


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
    roles : dict of column to Role, optional
        Of a frame of fields.
    names : list of str, optional
        Columns of the user's frame, where they are the features of one series.
    """

    columns: list[Hashable]
    n_known: int
    offset: Any
    has_dates: bool
    roles: dict[Hashable, Role] | None = None
    names: list[Hashable] | None = None

    @property
    def season(self) -> int:
        """Steps of a season, 1 where there is none."""
        return season_of(self.offset)


@dataclass(frozen=True)
class Panel:
    """Series as flat arrays.

    Attributes
    ----------
    target : float64 ndarray of shape (total_rows,)
        NaN where a value is missing, or not known yet.
    covariates : float64 ndarray of shape (total_rows, n_covariates)
        Those known ahead last, calendar features at the very end.
    offsets : int64 ndarray of shape (n_series + 1,)
    ends : int64 ndarray of shape (n_series,)
        Steps of each series up to the end of its target; at least ``horizon`` rows follow.
    n_known : int
        Covariates that are known ahead, calendar features among them.
    static : StaticColumns, optional
    indexes : list of Index
        Of all rows of each series.
    layout : Layout
    container : str
        How the user gave the series.
    labels : list
        The name of each series.
    names : list of str
        What messages call each series.
    frame : DataFrame, optional
        The frame whose columns name the features.
    """

    target: NDArray[np.float64]
    covariates: NDArray[np.float64]
    offsets: NDArray[np.int64]
    ends: NDArray[np.int64]
    n_known: int
    static: StaticColumns | None
    indexes: list[pd.Index]
    layout: Layout
    container: Container
    labels: list[Any]
    names: list[str]
    frame: Any = None

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def width(self) -> int:
        """Columns of the user's frame, the numbers of a step elsewhere."""
        if self.frame is not None:
            return self.frame.shape[1]
        return 1 + len(self.layout.columns)

    def take(self, series: NDArray[np.int64]) -> Panel:
        """Return some of the series."""
        lengths = np.diff(self.offsets)[series]
        offsets = offsets_of(lengths)
        rows = np.arange(offsets[-1]) + np.repeat(
            self.offsets[series] - offsets[:-1], lengths
        )
        return replace(
            self,
            target=self.target[rows],
            covariates=self.covariates[rows],
            offsets=offsets,
            ends=self.ends[series],
            static=None if self.static is None else self.static.take(series),
            indexes=[self.indexes[i] for i in series],
            labels=[self.labels[i] for i in series],
            names=[self.names[i] for i in series],
        )

    def until(self, ends: NDArray[np.int64]) -> Panel:
        """Return the series as they were at these steps, the later target unknown."""
        step = np.arange(len(self.target)) - np.repeat(
            self.offsets[:-1], np.diff(self.offsets)
        )
        known = step < np.repeat(ends, np.diff(self.offsets))
        return replace(self, target=np.where(known, self.target, np.nan), ends=ends)

    def times(self, series: NDArray[np.int64], steps: NDArray[np.int64]) -> pd.Index:
        """Return the time of a step of each of some series."""
        if len(self) == 1:
            return self.indexes[0][steps]
        every = self.indexes[0].append(self.indexes[1:])
        return every[self.offsets[series] + steps]

    def as_user(self, values: NDArray[np.float64]) -> Any:
        """Return forecasts ``(n_series, horizon)`` in the form of the user's series."""
        horizon = values.shape[1]
        if self.container == "arrays":
            return values
        if self.container == "array":
            return values[0]
        if self.container == "table":
            return values.T
        future = [
            index[end : end + horizon]
            for index, end in zip(self.indexes, self.ends.tolist(), strict=True)
        ]
        if self.container == "columns":
            return pd.DataFrame(values.T, future[0], self.labels)
        if self.container == "fields":
            ids = np.repeat(np.arange(len(self)), horizon)
            times = future[0].append(future[1:])
            index = pd.MultiIndex.from_arrays(
                [pd.Index(self.labels, name=self.frame.index.name)[ids], times],
                names=[self.frame.index.name or "id", times.name or "time"],
            )
            return pd.Series(values.ravel(), index, name="forecast")
        made = [
            pd.Series(row, index, name=label)
            for row, index, label in zip(values, future, self.labels, strict=True)
        ]
        return made[0] if self.container == "series" else made


@dataclass
class _Entries:
    """Series as they were read, before times and gaps are considered."""

    targets: list[NDArray]
    covariates: list[NDArray]
    indexes: list[pd.Index]
    container: Container
    labels: list[Any]
    names: list[str]
    columns: list[Hashable] = field(default_factory=list)
    static: StaticColumns | None = None
    roles: dict[Hashable, Role] | None = None
    frame: Any = None
    feature_names: list[Hashable] | None = None


def read_series(X: Any, options: SeriesOptions, name: str = "X") -> Panel:
    """Read one or many series.

    Raises
    ------
    TypeError
        If X holds no series of numbers.
    ValueError
        If columns are missing or unknown, if times are unsorted, duplicated or not
        regular, if values are missing and may not be, or if a series has no value.
    """
    entries = _read(open_frame(X, name) if not isinstance(X, list) else X, options, name)
    if not entries.targets:
        raise ValueError(f"{name} holds no series")
    _check_columns(entries, options, name)
    entries = _order_columns(entries, options)
    timelines = _timelines(entries, options)
    layout = Layout(
        entries.columns,
        len(options.known),
        timelines[0].offset,
        is_time_index(timelines[0].index),
        entries.roles,
        entries.feature_names,
    )
    if options.calendar and not layout.has_dates:
        raise ValueError(
            "calendar=True needs dates: a DatetimeIndex or PeriodIndex, or a field of "
            f"dates that time names, but {entries.names[0]} has none"
        )
    panel = _flatten(entries, timelines, options, layout)
    _check_values(panel, options)
    return panel


# --- containers ----------------------------------------------------------------------


def _read(X: Any, options: SeriesOptions, name: str) -> _Entries:
    if isinstance(X, pd.DataFrame):
        kinds = {column_kind(X.iloc[:, j]) for j in range(X.shape[1])}
        if "sequences" in kinds:
            return _read_fields(X, options, name)
        if options.target is None:
            return _read_columns(_with_times(X, options, name), name)
        return _read_list([X], ["series"], [name], options)
    if isinstance(X, pd.Series):
        if X.dtype == object and is_sequence(next(iter(X), None)):
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
    of_objects = isinstance(X, np.ndarray) and X.dtype == object and X.size
    if of_objects and not is_sequence(X.flat[0]):
        try:
            X = X.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise TypeError(f"{name} must hold numbers: {str(error)[:200]}") from error
    first = next(iter(X), None)
    is_list = isinstance(X, list | tuple) or np.dtype(object) == getattr(X, "dtype", None)
    if not is_list:
        array, _ = open_series(X, name)
        if array.ndim == 2 and options.target is None:
            return _read_columns(pd.DataFrame(array), name, "table")
        if array.ndim <= 2:
            return _read_list([array], ["array"], [name], options)
        return _read_list(list(array), None, _numbered(len(array), name), options)
    if first is None or is_sequence(first):
        entries = list(X)
        return _read_list(entries, None, _numbered(len(entries), name), options)
    return _read_list([np.asarray(X)], ["array"], [name], options)


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


def _numbered(n: int, name: str) -> list[str]:
    return [f"{name}[{i}]" for i in range(n)]


def _read_columns(
    frame: pd.DataFrame, name: str, container: Container = "columns"
) -> _Entries:
    """Read a frame of numbers, one series a column."""
    values, columns = open_series(frame, name)
    columns = list(columns or [])
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"{name} has more than one column {shown(twice)}")
    n = len(columns)
    return _Entries(
        list(values.T),
        [np.empty((len(values), 0))] * n,
        [_index_of(frame, len(values), name)] * n,
        container,
        columns,
        [f"{name}[{shown(column)}]" for column in columns],
    )


def _read_list(
    entries: list, labels: list | None, names: list[str], options: SeriesOptions
) -> _Entries:
    """Read series that are given one by one; ``labels`` may name the container of one."""
    targets, covariates, indexes = [], [], []
    columns: list[Hashable] | None = None
    feature_names: list[Hashable] | None = None
    frame = None
    for entry, name in zip(entries, names, strict=True):
        entry = open_frame(entry, name)
        if isinstance(entry, pd.DataFrame):
            entry = _with_times(entry, options, name)
            for j, column in enumerate(entry.columns):
                if column_kind(entry.iloc[:, j]) == "dates":
                    raise TypeError(
                        f"{name} holds dates or times in column {shown(column)}; make "
                        f"them the index, as {name}.set_index({shown(column)})"
                    )
            frame = entry if frame is None else frame
        values, its_columns = open_series(entry, name)
        if values.ndim > 2:
            raise ValueError(
                f"{name} has {values.ndim} dimensions, expected (n_steps,) or "
                "(n_steps, n_features)"
            )
        if values.ndim == 1:
            values = values[:, None]
            if options.target is not None and not isinstance(entry, pd.DataFrame):
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
        indexes.append(_index_of(entry, len(values), name))
    container: Container = "list"
    if labels in (["series"], ["array"]):
        container = labels[0]
        labels = [_label_of(entries[0], options)]
    elif all(not isinstance(e, pd.Series | pd.DataFrame) for e in entries):
        container = "arrays"
    if labels is None:
        labels = [_label_of(entry, options) for entry in entries]
        if any(label is None for label in labels) or len(set(labels)) < len(labels):
            labels = list(range(len(entries)))
    return _Entries(
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


def _label_of(entry: Any, options: SeriesOptions) -> Any:
    return (
        options.target
        if isinstance(entry, pd.DataFrame)
        else getattr(entry, "name", None)
    )


def _index_of(entry: Any, n_steps: int, name: str) -> pd.Index:
    if not isinstance(entry, pd.Series | pd.DataFrame):
        return pd.RangeIndex(n_steps)
    if isinstance(entry.index, pd.MultiIndex):
        raise ValueError(
            f"{name} has a MultiIndex; pass a list of series, as [part.droplevel(0) for _, "
            f"part in {name}.groupby(level=0)]"
        )
    return entry.index


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


def _read_fields(frame: pd.DataFrame, options: SeriesOptions, name: str) -> _Entries:
    """Read a frame with one row a series, whose cells are step fields or static."""
    fields = FieldOptions(options.static, options.time, options.missing)
    layout = options.layout
    if layout is not None and layout.roles is not None:
        frame = in_order(frame, list(layout.roles), name)
        roles = dict(layout.roles)
        check_kinds(frame, roles, name)
    else:
        roles = roles_of(frame, fields, name)
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
    indexes = None
    if options.time is not None:
        indexes = [
            _stamps_of(cell, f"{row}, column {shown(options.time)}").rename(options.time)
            for cell, row in zip(frame[options.time], names, strict=True)
        ]
    targets, covariates = [], []
    known = set(options.known)
    for i, row in enumerate(names):
        columns = {column: steps[column][i][:, 0] for column in numeric}
        lengths = {column: len(values) for column, values in columns.items()}
        if indexes is not None:
            lengths[options.time] = len(indexes[i])
        n_target = lengths[target]
        longest = max([n_target, *(lengths[c] for c in rest if c in known)])
        if indexes is not None:
            longest = max(longest, len(indexes[i])) if known else longest
        for column, n in lengths.items():
            ahead = column in known
            if (
                n != n_target
                and not ahead
                and not (known and column == options.time and n == longest)
            ):
                raise ValueError(
                    f"{row}: column {shown(target)} has {n_target} steps, but column "
                    f"{shown(column)} has {n}; only columns that known_future names, and "
                    "the times with them, may be longer than the target"
                )
            if ahead and n < n_target:
                raise ValueError(
                    f"{row}: column {shown(target)} has {n_target} steps, but column "
                    f"{shown(column)} has {n}; a column that is known ahead must not be "
                    "shorter"
                )
        if indexes is not None and len(indexes[i]) < longest:
            raise ValueError(
                f"{row}: column {shown(options.time)} has {len(indexes[i])} times, but "
                f"columns that are known ahead have {longest} steps; the times must be "
                "as many"
            )
        targets.append(_padded(columns[target], longest))
        table = np.empty((longest, len(rest)))
        for j, column in enumerate(rest):
            table[:, j] = _padded(columns[column], longest)
        covariates.append(table)
    if indexes is None:
        indexes = [pd.RangeIndex(len(values)) for values in targets]
    return _Entries(
        targets,
        covariates,
        indexes,
        "fields",
        frame.index.tolist(),
        names,
        list(rest),
        read_static(frame, roles, fields, name),
        roles,
        frame,
        frame.columns.tolist(),
    )


def _padded(values: NDArray, n_steps: int) -> NDArray[np.float64]:
    result = np.full(n_steps, np.nan)
    result[: len(values)] = values
    return result


def _stamps_of(cell: Any, place: str) -> pd.Index:
    """Return the times of a cell as an index."""
    if is_missing(cell) or isinstance(cell, str) or not is_sequence(cell):
        raise TypeError(f"{place} must hold time stamps, one a step, got {shown(cell)}")
    if isinstance(cell, pd.Index):
        return cell
    if isinstance(cell, np.ndarray) and cell.dtype.kind in "biuf":
        return pd.Index(cell)
    index = pd.Index(cell if isinstance(cell, np.ndarray) else list(cell))
    if is_time_index(index) or pd.api.types.is_numeric_dtype(index.dtype):
        return index
    try:
        return pd.DatetimeIndex(pd.to_datetime(index))
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"{place} must hold dates, times or numbers, got {shown(cell)}"
        ) from error


# --- columns and times ---------------------------------------------------------------


def _check_columns(entries: _Entries, options: SeriesOptions, name: str) -> None:
    for column in options.known:
        if column not in entries.columns:
            raise ValueError(
                f"known_future names {shown(column)}, but the covariates of {name} are "
                f"{shown(entries.columns)}"
            )
    static_names = options.static if entries.container != "fields" else None
    if static_names:
        raise ValueError(
            f"static_features={shown(list(static_names))} needs a frame with one row a "
            f"series, whose other columns hold arrays; {name} has none"
        )
    layout = options.layout
    if layout is None:
        return
    expected = set(layout.columns)
    got = set(entries.columns)
    if expected != got:
        missing = [c for c in layout.columns if c not in got]
        unknown = [c for c in entries.columns if c not in expected]
        parts = [f"lacks {shown(missing)}"] if missing else []
        parts += [f"has the unknown {shown(unknown)}"] if unknown else []
        raise ValueError(
            f"{name} must have the covariates of fit, {shown(layout.columns)}; it "
            + " and ".join(parts)
        )
    if (layout.roles is not None and entries.static is None) and any(
        role in STATIC for role in layout.roles.values()
    ):
        raise ValueError(
            f"{name} must be a frame with one row a series, as in fit: it lacks static "
            "columns"
        )


def _order_columns(entries: _Entries, options: SeriesOptions) -> _Entries:
    """Bring the covariates in order, those known ahead last."""
    known = options.known
    wanted = [c for c in entries.columns if c not in known] + known
    if options.layout is not None:
        wanted = options.layout.columns
    if wanted != entries.columns:
        order = [entries.columns.index(c) for c in wanted]
        entries.covariates = [table[:, order] for table in entries.covariates]
        entries.columns = list(wanted)
    return entries


def _timelines(entries: _Entries, options: SeriesOptions) -> list[Timeline]:
    freq = options.freq
    if freq is None and options.layout is not None and is_time_index(entries.indexes[0]):
        freq = options.layout.offset
        if freq is None and options.layout.has_dates:
            freq = "steps"
    shared = all(index is entries.indexes[0] for index in entries.indexes)
    names = entries.names
    if shared:
        label = "X" if len(names) > 1 else names[0]
        found = check_time_indexes(entries.indexes[:1], freq, [label])
        timelines = found * len(names)
    else:
        timelines = check_time_indexes(entries.indexes, freq, names)
    for timeline, name in zip(timelines, names, strict=True):
        if len(timeline.gaps) and options.missing == "raise":
            raise ValueError(
                f'{name} has gaps: {timeline.describe_gaps()}. Set missing="indicator" '
                'to take them for missing values, or freq="steps" to count rows'
            )
    return timelines


# --- flat arrays ---------------------------------------------------------------------


def _flatten(
    entries: _Entries, timelines: list[Timeline], options: SeriesOptions, layout: Layout
) -> Panel:
    horizon = options.horizon
    n_covariates = len(entries.columns)
    cycles = calendar_cycles(layout.offset) if options.calendar else []
    lengths = np.fromiter(
        (int(t.steps[-1]) + 1 if len(t.steps) else 0 for t in timelines),
        np.int64,
        len(timelines),
    )
    ends = lengths.copy()
    if options.known:
        for i, values in enumerate(entries.targets):
            real = np.flatnonzero(~np.isnan(values))
            ends[i] = timelines[i].steps[real[-1]] + 1 if len(real) else 0
    for end, name in zip(ends, entries.names, strict=True):
        if end < 1:
            raise ValueError(f"{name} has no values to forecast from")
    rows = np.maximum(lengths, ends + horizon)
    offsets = offsets_of(rows)
    target = np.full(offsets[-1], np.nan)
    covariates = np.full((offsets[-1], n_covariates + 2 * len(cycles)), np.nan)
    indexes = []
    extended: dict[int, pd.Index] = {}
    for i, (timeline, start) in enumerate(zip(timelines, offsets.tolist(), strict=False)):
        target[start + timeline.steps] = entries.targets[i]
        covariates[start + timeline.steps, :n_covariates] = entries.covariates[i]
        if id(timeline) not in extended:
            index = timeline.without_gaps()
            more = int(rows[i] - lengths[i])
            index = index.append(timeline.future(more)) if more else index
            extended = {id(timeline): index}
        index = extended[id(timeline)]
        indexes.append(index)
        if cycles:
            covariates[start : start + len(index), n_covariates:] = calendar_features(
                index, cycles
            )
    return Panel(
        target,
        covariates,
        offsets,
        ends,
        len(options.known) + 2 * len(cycles),
        entries.static,
        indexes,
        layout,
        entries.container,
        entries.labels,
        entries.names,
        entries.frame,
    )


def _check_values(panel: Panel, options: SeriesOptions) -> None:
    """Raise a ValueError that names the first value that is infinite, or missing."""
    step = np.arange(len(panel.target)) - np.repeat(
        panel.offsets[:-1], np.diff(panel.offsets)
    )
    past = step < np.repeat(panel.ends, np.diff(panel.offsets))
    columns: Iterator[tuple[str, NDArray]] = iter(
        [("", panel.target)]
        + [
            (f", column {shown(name)}", panel.covariates[:, j])
            for j, name in enumerate(panel.layout.columns)
        ]
    )
    for place, values in columns:
        bad = past & (np.isinf(values) | (options.missing == "raise") & np.isnan(values))
        bad |= np.isinf(values)
        if not bad.any():
            continue
        row = int(np.flatnonzero(bad)[0])
        i = int(np.searchsorted(panel.offsets, row, side="right")) - 1
        time = panel.indexes[i][row - panel.offsets[i]]
        what = "infinity" if np.isinf(values[row]) else "NaN"
        remedy = "Replace infinite values before" if what == "infinity" else REMEDY
        raise ValueError(
            f"Input contains {what}: {panel.names[i]}{place}, step "
            f"{row - panel.offsets[i]} ({time}). {remedy}"
        )
    real = np.add.reduceat(
        past & ~np.isnan(panel.target), panel.offsets[:-1], dtype=np.int64
    )
    empty = np.flatnonzero(real == 0)
    if len(empty):
        raise ValueError(f"{panel.names[empty[0]]} has no values to forecast from")


# --- calendar ------------------------------------------------------------------------

#: Cycles of the calendar: days of a cycle, and where in it a time is, from 0 to 1.
CYCLES: Mapping[str, float] = {"day": 1.0, "week": 7.0, "year": 365.25}


def calendar_cycles(offset: Any) -> list[str]:
    """Return the cycles that have several steps at a frequency."""
    if offset is None:
        return list(CYCLES)
    start = pd.Timestamp("2001-01-01")
    days = ((start + offset + offset) - (start + offset)) / pd.Timedelta(1, "D")
    return [name for name, length in CYCLES.items() if days < 0.6 * length]


def calendar_features(index: pd.Index, cycles: Sequence[str]) -> NDArray[np.float64]:
    """Return the sine and cosine of each cycle ``(n_steps, 2 * n_cycles)``."""
    stamps: Any = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    day = (stamps.hour + stamps.minute / 60 + stamps.second / 3600).to_numpy() / 24
    phases = {
        "day": day,
        "week": (stamps.day_of_week.to_numpy() + day) / 7,
        "year": (stamps.day_of_year.to_numpy() - 1 + day) / CYCLES["year"],
    }
    turns = [2 * np.pi * phases[name] for name in cycles]
    return np.column_stack([f(turn) for turn in turns for f in (np.sin, np.cos)])
