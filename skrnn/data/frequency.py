"""Time indexes of series: the regular frequency, gaps, and the times that follow.

The index of a series is read into a ``Timeline``, which numbers its rows by steps of one
frequency. What a gap means is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import offsets

from skrnn.data.date_formats import format_of_integers, is_date
from skrnn.data.date_offsets import (
    clock_times,
    infer_offset,
    is_duration,
    is_number_index,
    is_time_index,
    local_times,
    most_common,
    name_of,
    number_steps,
    numbers_of,
    read_freq,
    shown_time,
)
from skrnn.data.steps import DATES, shown

#: Value of ``freq`` under which each row is one step, whatever its time.
STEPS = "steps"
#: Share of the distance between numbers by which rounding may move them.
ROUNDING = 1e-3
#: Types of the distance between times that are not dates.
DISTANCES = (int, float, pd.Timedelta)


class Remedies(NamedTuple):
    """How messages tell the user to repair times; ``{name}`` stands for the series."""

    sort: str
    unique: str
    present: str


#: What is to be done where numbers in an index are no times.
COUNT_ROWS = "; if its numbers are not times, pass {name}.reset_index(drop=True)"
OF_INDEX = Remedies(
    "pass {name}.sort_index(), or a list of series where it holds several",
    "keep one row a time, as {name}[~{name}.index.duplicated()], or pass a list of series "
    "where it holds several",
    "leave that row out, as {name}[{name}.index.notna()]",
)


class Timeline(NamedTuple):
    """The times of a series' rows, numbered by steps of one frequency.

    Attributes
    ----------
    index : Index of length n_rows
        Sorted dates, periods or numbers without duplicates, or any other index.
    offset : DateOffset, number or None
        From one step to the next. None where each row is one step.
    steps : int64 ndarray of shape (n_rows,)
        Number of each row's step; the first is 0. Steps without a row are gaps.
    """

    index: pd.Index
    offset: Any
    steps: NDArray[np.int64]

    @property
    def gaps(self) -> NDArray[np.int64]:
        """Rows after which at least one step is missing, int64 ``(n_gaps,)``."""
        return np.flatnonzero(np.diff(self.steps) > 1)

    def describe_gaps(self, source: str = "") -> str:
        """Return where the first gap is, and how many there are, for a message.

        ``source`` says where the frequency comes from, as " of fit".
        """
        row = int(self.gaps[0])
        missing = int(self.steps[-1]) + 1 - len(self.steps)
        count = "1 gap" if len(self.gaps) == 1 else f"{len(self.gaps)} gaps"
        return (
            f"row {row + 1} ({shown_time(self.index[row + 1])}) comes "
            f"{self.steps[row + 1] - self.steps[row]} steps after row {row} "
            f"({shown_time(self.index[row])}), at {_described(self.offset)}{source}; "
            f"{count}, {missing} missing in all"
        )

    def without_gaps(self) -> pd.Index:
        """Return the index with the missing steps inserted, of length steps[-1] + 1."""
        if not len(self.gaps):
            return self.index
        offset = self.offset
        if isinstance(offset, offsets.Week):  # the same, without a call a step
            offset = offsets.Day(7 * offset.n)
        times = self._extend(0, int(self.steps[-1]) + 1, offset)
        if getattr(times, "tz", None) is None:
            return times
        values = times.to_series(index=range(len(times)))
        values.iloc[self.steps] = self.index  # of two equal local times the given one
        return pd.DatetimeIndex(values, name=self.index.name)

    def future(self, horizon: int) -> pd.Index:
        """Return the ``horizon`` times that follow the last row.

        Where each row is one step, whole numbers at equal distances are continued, and
        other indexes are followed by row numbers.
        """
        if self.offset is not None:
            return self._extend(-1, horizon + 1, self.offset)[1:]
        n = len(self.index)
        if n > 1 and self.index.dtype.kind in "iu":
            distances = _distances_of(self.index)
            if (distances == distances[0]).all():
                return self._extend(-1, horizon + 1, int(distances[0]))[1:]
        return pd.RangeIndex(n, n + horizon)

    def _extend(self, row: int, n_times: int, offset: Any) -> pd.Index:
        """Return the times from that of a row on."""
        start, name = self.index[row], self.index.name
        if isinstance(offset, int):
            stop = int(start) + offset * n_times
            return pd.RangeIndex(int(start), stop, offset, name=name)
        if isinstance(offset, float | pd.Timedelta):
            return pd.Index(start + offset * np.arange(n_times), name=name)
        if not isinstance(self.index, pd.PeriodIndex):
            zone = self.index.tz
            if zone is None or is_duration(offset):
                return pd.date_range(start, periods=n_times, freq=offset, name=name)
            start = clock_times(self.index)[row]
            clock = pd.date_range(start, periods=n_times, freq=offset, name=name)
            times = local_times(clock, zone)
            if not times.is_monotonic_increasing:
                raise ValueError(
                    f"in {zone} the clock skips a whole day after {shown_time(self.index[row])}; "
                    'remove the time zone by tz_localize(None), or set freq="steps"'
                )
            plain = clock.tz_localize(zone, nonexistent="NaT", ambiguous="NaT")
            # a frequency has no times that the clock skips or repeats
            return times if plain.hasnans else pd.DatetimeIndex(times, freq=offset)
        if offset == self.index.freq:
            return pd.period_range(start, periods=n_times, name=name)
        stamps = pd.date_range(start.to_timestamp(), periods=n_times, freq=offset)
        return stamps.to_period(self.index.freq).rename(name)


# --- checks --------------------------------------------------------------------------


def check_time_index(index: pd.Index, freq: Any = None, name: str = "series") -> Timeline:
    """Check the index of a series and number its rows by steps of one frequency.

    Parameters
    ----------
    index : Index of length n_rows
        A DatetimeIndex or PeriodIndex has a frequency, numbers have a distance; each row
        of another index is one step.
    freq : offset string, DateOffset, "steps" or None, default=None
        Frequency of the steps. "steps" counts rows. None infers it: the own frequency of
        an index that has one; business days where times lie on weekdays only; months,
        quarters and years, by their first or last day or business day or by one day of
        the month; weeks, days, or the most common distance. Gaps do not disturb it.
    name : str
        Name of the series in messages.

    Returns
    -------
    timeline : Timeline
        It may have gaps.

    Raises
    ------
    ValueError
        If a time is missing, unsorted or duplicated, if the times do not lie on steps of
        ``freq``, if they have no regular frequency, if ``freq`` needs dates, or if strings
        are dates; the message names the place.
    """
    return check_time_indexes([index], freq, [name])[0]


def check_time_indexes(
    indexes: Sequence[pd.Index],
    freq: Any,
    names: Sequence[str],
    remedies: Remedies = OF_INDEX,
    source: str = "",
) -> list[Timeline]:
    """Check the indexes of several series, which share one frequency.

    As ``check_time_index`` for each of them. An inferred frequency is that of the longest
    series. ``remedies`` say where the times are, ``source`` where a ``freq`` comes from
    that is not the user's, as " of fit".
    """
    for index, name in zip(indexes, names, strict=True):
        if is_time_index(index) or is_number_index(index):
            _check_sorted(index, name, remedies)
        if _kind_of(index) != _kind_of(indexes[0]):
            raise ValueError(
                f"{name} has an index {_kind_of(index)}, expected one "
                f"{_kind_of(indexes[0])} (as {names[0]} has)"
            )
    counted = isinstance(freq, str) and freq == STEPS
    if counted or not is_time_index(indexes[0]):
        of_numbers = isinstance(freq, DISTANCES) and freq > 0 * freq
        if not counted and freq is not None and not of_numbers:
            raise ValueError(
                f"freq={name_of(freq)!r} needs dates: a DatetimeIndex or PeriodIndex, but "
                f"{names[0]} has {shown(indexes[0][:1].tolist())} as the first of its index; "
                "pd.to_datetime makes dates of strings"
            )
        if not counted:
            return _number_timelines(indexes, freq, names, source)
        return [Timeline(index, None, np.arange(len(index))) for index in indexes]
    if freq is not None:
        offset, origin = read_freq(freq, indexes[0]), f"freq={name_of(freq)!r}"
        if source:
            origin = f"{_described(offset)}{source}"
    else:
        longest = max(range(len(indexes)), key=lambda i: len(indexes[i]))
        offset = infer_offset(indexes[longest], names[longest])
        origin = f"{_described(offset)} of {names[longest]}"
    return [
        Timeline(index, offset, number_steps(index, offset, name, origin))
        for index, name in zip(indexes, names, strict=True)
    ]


def _check_sorted(index: pd.Index, name: str, remedies: Remedies) -> None:
    missing = np.flatnonzero(index.isna())
    if len(missing):
        raise ValueError(
            f"{name} has a missing time in row {missing[0]}; "
            + _of(remedies.present, name)
        )
    if index.is_monotonic_increasing and index.is_unique:
        return
    numbers = numbers_of(index)
    falls = np.flatnonzero(np.diff(numbers) < 0)
    if len(falls):
        row = int(falls[0])
        raise ValueError(
            f"{name} is not sorted by time: row {row + 1} ({shown_time(index[row + 1])}) comes "
            f"after row {row} ({shown_time(index[row])}); "
            + _of(remedies.sort, name)
            + _of_labels(index, name, remedies)
        )
    row = int(np.flatnonzero(np.diff(numbers) == 0)[0])
    raise ValueError(
        f"{name} has the time {shown_time(index[row])} twice, in rows {row} and {row + 1}; "
        + _of(remedies.unique, name)
        + _of_labels(index, name, remedies)
    )


def _of(remedy: str, name: str) -> str:
    return remedy.replace("{name}", name)


def _of_labels(index: pd.Index, name: str, remedies: Remedies) -> str:
    """Return the advice about numbers in an index."""
    may_be_labels = remedies is OF_INDEX and not is_time_index(index)
    return _of(COUNT_ROWS, name) if may_be_labels else ""


def _kind_of(index: pd.Index) -> str:
    if not is_time_index(index):
        return "without dates"
    if isinstance(index, pd.PeriodIndex):
        return f"of periods {index.freqstr!r}"
    return (
        "of dates without a time zone" if index.tz is None else f"of dates in {index.tz}"
    )


# --- times that are numbers -----------------------------------------------------------


def _number_timelines(
    indexes: Sequence[pd.Index], freq: Any, names: Sequence[str], source: str
) -> list[Timeline]:
    """Number the rows of indexes that are not dates; row numbers are no times."""
    for index, name in zip(indexes, names, strict=True):
        _check_no_dates(index, name)
        if freq is None:
            _check_no_integer_dates(index, name)
    timed = [i for i, index in enumerate(indexes) if _is_of_times(index)]
    offset, origin = freq, f"freq={freq}"
    if source:
        origin = f"{_described(freq)}{source}"
    if timed and freq is None:
        longest = max(timed, key=lambda i: len(indexes[i]))
        if len(indexes[longest]) > 1:
            offset = _infer_distance(indexes[longest], names[longest])
        origin = f"{_described(offset)} of {names[longest]}"
    timelines = []
    for i, index in enumerate(indexes):
        steps = np.arange(len(index))
        if i in timed and len(index) > 1:
            steps = _number_distances(index, offset, names[i], origin)
        timelines.append(Timeline(index, offset if i in timed else None, steps))
    return timelines


def _check_no_dates(index: pd.Index, name: str) -> None:
    """Raise a ValueError for dates that are strings or objects."""
    first = index[0] if len(index) and index.dtype.kind in "OTU" else None
    if isinstance(first, DATES) or (isinstance(first, str) and is_date(first)):
        raise ValueError(
            f"{name} has dates in its index that are {type(first).__name__}, such as "
            f"{shown(first)}; make dates of them by pd.to_datetime, or set "
            'freq="steps" to count rows'
        )


def _check_no_integer_dates(index: pd.Index, name: str) -> None:
    """Raise a ValueError for dates that are integers, such as 202001."""
    written = format_of_integers(index.to_numpy())
    if written is not None:
        raise ValueError(
            f"{name} has times that are numbers, such as {shown_time(index[0])}, but all of "
            f'them are dates in the format "{written}"; make dates of them by '
            f'pd.to_datetime(..., format="{written}"), or set freq="steps" to count rows'
        )


def _is_of_times(index: pd.Index) -> bool:
    """Return whether an index holds numbers other than those of its rows."""
    if not is_number_index(index):
        return False
    if index.dtype.kind in "fm":
        return True
    return not (index.to_numpy() == np.arange(len(index))).all()


def _infer_distance(index: pd.Index, name: str) -> Any:
    """Return the most common distance of numbers; a ValueError if there is none."""
    distances = _distances_of(index)
    if distances.dtype.kind == "i":
        step: Any = most_common(distances)
    elif distances.dtype.kind == "m":
        unit = np.datetime_data(distances.dtype)[0]
        step = pd.Timedelta(most_common(distances.astype(np.int64)), unit)
    else:
        multiples = np.rint(distances / distances.min()).astype(np.int64)
        step = float(np.median(distances[multiples == most_common(multiples)]))
    between = np.flatnonzero(~_is_whole(distances / step))
    if len(between):
        row = int(between[0])
        raise ValueError(
            f"{name} has no regular distance between its times: row {row + 1} "
            f"({shown_time(index[row + 1])}) comes {_number(distances[row])} after row {row} "
            f"({shown_time(index[row])}), but the most common distance is {_number(step)}. "
            'Set freq="steps" to count rows'
        )
    return step


def _number_distances(
    index: pd.Index, offset: Any, name: str, origin: str
) -> NDArray[np.int64]:
    """Return the number of each time's step; a ValueError for times between."""
    multiples = _distances_of(index) / offset
    between = np.flatnonzero(~_is_whole(multiples))
    if len(between):
        row = int(between[0]) + 1
        raise ValueError(
            f"{name}: row {row} ({shown_time(index[row])}) lies between two steps of {origin}. "
            'Set freq="steps" to count rows'
        )
    return np.concatenate([[0], np.cumsum(np.rint(multiples).astype(np.int64))])


def _distances_of(index: pd.Index) -> NDArray:
    """Return the distances between numbers, int64 or float64, or between durations."""
    if index.dtype.kind == "m":
        return np.diff(index.to_numpy())
    is_float = index.dtype.kind == "f"
    return np.diff(index.to_numpy(np.float64 if is_float else np.int64))


def _is_whole(multiples: NDArray) -> NDArray[np.bool_]:
    whole = np.rint(multiples)
    return (whole > 0) & (np.abs(multiples - whole) <= ROUNDING)


def _number(value: Any) -> str:
    """Return a distance as text, without the digits that rounding made."""
    if isinstance(value, np.timedelta64):
        value = pd.Timedelta(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _described(offset: Any) -> str:
    if isinstance(offset, DISTANCES):
        return f"the distance {_number(offset)}"
    return f"the frequency {name_of(offset)!r}"
