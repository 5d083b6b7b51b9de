"""Series to forecast as flat arrays, and back.

A ``Panel`` holds one or many series one after the other: the target, covariates, calendar
features, static columns and times. Each series ends with at least ``horizon`` rows after
its target's end, for what is known ahead. ``series`` reads the user's containers, and
``forecasting`` cuts windows of a panel.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.date_offsets import is_time_index
from skrnn.data.field_roles import STATIC, keep_times
from skrnn.data.field_values import StaticColumns
from skrnn.data.frequency import OF_INDEX, Remedies, Timeline, check_time_indexes
from skrnn.data.layouts import parse_frame
from skrnn.data.ragged import offsets_of
from skrnn.data.seasons import calendar_cycles, calendar_features
from skrnn.data.series import Container, Entries, Layout, SeriesOptions, read_entries
from skrnn.data.steps import shown

#: Rows from which times of which no two are neighbours have another frequency.
FEW_TIMES = 8
#: Values that can be squared, but for 0.
SMALLEST, LARGEST = 1e-150, 1e150
#: The remedy for gaps.
REMEDY = 'Set missing="indicator" to learn from gaps, or fill them before'


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
    labels : list or Index
        The name of each series; the columns of a frame that has one series a column.
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
            labels=self.labels[series]
            if isinstance(self.labels, pd.Index)
            else [self.labels[i] for i in series],
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
        every = self.indexes[0]
        if len(self) > 1:
            every = every.append(self.indexes[1:])
            steps = self.offsets[series] + steps
        return every[steps].infer_objects()  # row numbers may follow dates

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
            index[end : end + horizon].infer_objects()
            for index, end in zip(self.indexes, self.ends.tolist(), strict=True)
        ]
        if self.container == "columns":
            return pd.DataFrame(values.T, future[0], self.labels)
        one_a_row = self.container == "fields"
        names = [self._target_field] * len(self) if one_a_row else self.labels
        made = [
            pd.Series(row, index, name=name)
            for row, index, name in zip(values, future, names, strict=True)
        ]
        if one_a_row:
            cells = np.empty(len(made), object)
            cells[:] = made
            return pd.Series(cells, self.frame.index, name=names[0])
        return made[0] if self.container == "series" else made

    @property
    def _target_field(self) -> Hashable:
        """The column of a frame of fields that holds the target."""
        fields = self.layout.roles or {}
        numeric = [column for column, role in fields.items() if role == "features"]
        return next(column for column in numeric if column not in self.layout.columns)


def read_panel(X: Any, options: SeriesOptions, name: str = "X") -> Panel:
    """Read one or many series.

    Raises
    ------
    TypeError
        If X holds no series of numbers.
    ValueError
        If columns are missing or unknown, if times are unsorted, duplicated or not
        regular, if values are missing and may not be, or if a series has no value.
    """
    entries = read_entries(
        parse_frame(X, name) if not isinstance(X, list) else X, options, name
    )
    if not entries.targets:
        raise ValueError(f"{name} holds no series")
    _check_columns(entries, options, name)
    entries = _order_columns(entries, options)
    timelines = _timelines(entries, options, name)
    layout = Layout(
        entries.columns,
        len(options.known),
        next((t.offset for t in timelines if t.offset is not None), None),
        is_time_index(timelines[0].index),
        _frequency_of_periods(timelines[0].index),
        entries.roles,
        entries.feature_names,
        entries.categories,
    )
    if options.calendar and not layout.has_dates:
        lacks = entries.container == "fields" and options.time is None
        raise ValueError(
            "calendar=True needs dates: a DatetimeIndex or PeriodIndex, or a field of "
            f"dates that time names, but {entries.names[0]} has none"
            + (keep_times("date") if lacks else "")
        )
    panel = _flatten(entries, timelines, options, layout)
    _check_values(panel, options)
    return panel


# --- columns and times ---------------------------------------------------------------


def _check_columns(entries: Entries, options: SeriesOptions, name: str) -> None:
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
    fitted = any(role in STATIC for role in (layout.roles or {}).values())
    if fitted and entries.static is None:
        raise ValueError(
            f"{name} must be a frame with one row a series, as in fit: it lacks static "
            "columns"
        )
    if entries.static is not None and not fitted:
        static = [c for c, role in (entries.roles or {}).items() if role in STATIC]
        raise ValueError(
            f"{name} has the static columns {shown(static)}, but the series of fit had "
            "none; leave them out"
        )


def _order_columns(entries: Entries, options: SeriesOptions) -> Entries:
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


def _timelines(entries: Entries, options: SeriesOptions, name: str) -> list[Timeline]:
    freq, layout = options.freq, options.layout
    has_dates = is_time_index(entries.indexes[0])
    if freq is None and layout is not None and has_dates == layout.has_dates:
        freq = layout.offset
        if freq is None and layout.has_dates:
            freq = "steps"
    shared = all(index is entries.indexes[0] for index in entries.indexes)
    names = entries.names
    remedies = _remedies(entries, options)
    source = ""
    if options.freq is None and layout is not None and freq is not None:
        _check_kind_of_times(entries.indexes[0], layout, names[0])
        source = " of fit"
    if shared:
        in_column = options.time is not None and entries.container != "fields"
        label = name if len(names) > 1 or in_column else names[0]
        found = check_time_indexes(entries.indexes[:1], freq, [label], remedies, source)
        timelines = found * len(names)
    else:
        timelines = check_time_indexes(entries.indexes, freq, names, remedies, source)
    for timeline, name in zip(timelines, names, strict=True):
        if not len(timeline.gaps):
            continue
        gaps = timeline.describe_gaps(source)
        n_times = len(timeline.index)
        if options.freq is None and FEW_TIMES <= n_times == len(timeline.gaps) + 1:
            raise ValueError(f"no two times of {name} are one step apart: {gaps}")
        if options.missing == "raise":
            raise ValueError(
                f'{name} has gaps: {gaps}. Set missing="indicator" to take them for '
                'missing values, or freq="steps" to count rows'
            )
    return timelines


def _check_kind_of_times(index: pd.Index, layout: Layout, name: str) -> None:
    """Raise a ValueError for periods after dates in fit, and for dates after periods."""
    is_period = _frequency_of_periods(index) is not None
    if layout.has_dates and is_period != (layout.periods is not None):
        had = "dates" if is_period else f"periods {layout.periods!r}"
        remedy = "to_timestamp()" if is_period else f"to_period({layout.periods!r})"
        raise ValueError(
            f"{name} has an index of {'periods' if is_period else 'dates'}, but in fit it "
            f"had {had}; pass {name}.{remedy}"
        )


def _frequency_of_periods(index: pd.Index) -> str | None:
    return index.freqstr if isinstance(index, pd.PeriodIndex) else None


def _remedies(entries: Entries, options: SeriesOptions) -> Remedies:
    """Return how times are repaired where they are: in the index, a column or cells."""
    if options.time is None and entries.container == "fields":
        return Remedies(
            "sort the Series in the cells of that row, by .sort_index(), or drop an index that "
            "holds no times, by .reset_index(drop=True)",
            "keep one step a time in the cells of that row",
            "leave that step out of the cells of that row",
        )
    if options.time is None:
        return OF_INDEX
    time = shown(options.time)
    if entries.container == "fields":
        make = f"sequences_from_frame(frame, by=..., time={time}, features=...)"
        return Remedies(
            f"sort that row's arrays by time, as skrnn.preprocessing.{make} does",
            "keep one step a time",
            "leave that step out of every array of the row",
        )
    several = (
        "; where it holds several series, skrnn.preprocessing.sequences_from_frame(frame, "
        f"by=..., time={time}) makes one row a series"
    )
    return Remedies(
        "pass {name}" + f".sort_values({time}){several}",
        "keep one row a time, as {name}" + f".drop_duplicates({time}){several}",
        "leave that row out, as {name}" + f".dropna(subset={time})",
    )


# --- flat arrays ---------------------------------------------------------------------


def _flatten(
    entries: Entries, timelines: list[Timeline], options: SeriesOptions, layout: Layout
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
    extended: dict[tuple[int, int], pd.Index] = {}  # the last one
    for i, (timeline, start) in enumerate(zip(timelines, offsets.tolist(), strict=False)):
        target[start + timeline.steps] = entries.targets[i]
        covariates[start + timeline.steps, :n_covariates] = entries.covariates[i]
        more = int(rows[i] - lengths[i])
        key = id(timeline), more
        if key not in extended:
            index = timeline.without_gaps()
            index = index.append(timeline.future(more)) if more else index
            extended = {key: index}
        index = extended[key]
        indexes.append(index)
        if cycles and not is_time_index(index):
            raise ValueError(
                'calendar=True needs the dates of the steps ahead, but freq="steps" counts '
                "rows; set their frequency, or leave calendar out"
            )
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
            _check_size(values, panel, place)
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


def _check_size(values: NDArray, panel: Panel, place: str) -> None:
    """Raise a ValueError for values whose squares are no finite numbers above 0."""
    size = np.maximum.reduceat(np.nan_to_num(np.abs(values)), panel.offsets[:-1])
    strange = np.flatnonzero((size > LARGEST) | ((size > 0) & (size < SMALLEST)))
    if len(strange):
        i = strange[0]
        raise ValueError(
            f"{panel.names[i]}{place}: the largest value is {size[i]:.3g}, expected one "
            f"from {SMALLEST:g} to {LARGEST:g}; change its unit"
        )
