"""Time indexes of series: the regular frequency, gaps, and the times that follow.

The index of a series is read into a ``Timeline``, which numbers its rows by steps of one
frequency. What a gap means is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import offsets
from pandas.tseries.frequencies import to_offset

from skrnn.data.steps import shown

#: Value of ``freq`` under which each row is one step, whatever its time.
STEPS = "steps"
#: Offsets of one month, one quarter and one year, by the day of the month.
MONTHLY = {
    "begin": (offsets.MonthBegin, offsets.QuarterBegin, offsets.YearBegin),
    "end": (offsets.MonthEnd, offsets.QuarterEnd, offsets.YearEnd),
    "business begin": (offsets.BMonthBegin, offsets.BQuarterBegin, offsets.BYearBegin),
    "business end": (offsets.BMonthEnd, offsets.BQuarterEnd, offsets.BYearEnd),
}


class Timeline(NamedTuple):
    """The times of a series' rows, numbered by steps of one frequency.

    Attributes
    ----------
    index : Index of length n_rows
        A sorted DatetimeIndex or PeriodIndex without duplicates, or any other index.
    offset : DateOffset or None
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

    def describe_gaps(self) -> str:
        """Return where the first gap is, and how many there are, for a message."""
        row = int(self.gaps[0])
        missing = int(self.steps[-1]) + 1 - len(self.steps)
        count = "1 gap" if len(self.gaps) == 1 else f"{len(self.gaps)} gaps"
        return (
            f"row {row + 1} ({_shown(self.index[row + 1])}) comes "
            f"{self.steps[row + 1] - self.steps[row]} steps after row {row} "
            f"({_shown(self.index[row])}), at the frequency {_name_of(self.offset)!r}; "
            f"{count}, {missing} missing in all"
        )

    def without_gaps(self) -> pd.Index:
        """Return the index with the missing steps inserted, of length steps[-1] + 1."""
        if not len(self.gaps):
            return self.index
        offset = self.offset
        if isinstance(offset, offsets.Week):  # the same, without a call a step
            offset = offsets.Day(7 * offset.n)
        return self._extend(self.index[0], int(self.steps[-1]) + 1, offset)

    def future(self, horizon: int) -> pd.Index:
        """Return the ``horizon`` times that follow the last row.

        Where each row is one step, whole numbers at equal distances are continued, and
        other indexes are followed by row numbers.
        """
        if self.offset is not None:
            return self._extend(self.index[-1], horizon + 1, self.offset)[1:]
        n = len(self.index)
        if n > 1 and pd.api.types.is_integer_dtype(self.index.dtype):
            numbers = self.index.to_numpy(np.int64)
            step = int(numbers[1] - numbers[0])
            if step and (np.diff(numbers) == step).all():
                start = int(numbers[-1]) + step
                return pd.RangeIndex(
                    start, start + step * horizon, step, name=self.index.name
                )
        return pd.RangeIndex(n, n + horizon)

    def _extend(self, start: Any, n_times: int, offset: Any) -> pd.Index:
        name = self.index.name
        if not isinstance(self.index, pd.PeriodIndex):
            return pd.date_range(start, periods=n_times, freq=offset, name=name)
        if offset == self.index.freq:
            return pd.period_range(start, periods=n_times, name=name)
        stamps = pd.date_range(start.to_timestamp(), periods=n_times, freq=offset)
        return stamps.to_period(self.index.freq).rename(name)


# --- checks --------------------------------------------------------------------------


def is_time_index(index: pd.Index) -> bool:
    """Return whether an index holds dates."""
    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)


def check_time_index(index: pd.Index, freq: Any = None, name: str = "series") -> Timeline:
    """Check the index of a series and number its rows by steps of one frequency.

    Parameters
    ----------
    index : Index of length n_rows
        Only a DatetimeIndex or PeriodIndex has a frequency; each row of another index is
        one step.
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
        ``freq``, if they have no regular frequency, or if ``freq`` needs dates; the
        message names the place.
    """
    return check_time_indexes([index], freq, [name])[0]


def check_time_indexes(
    indexes: Sequence[pd.Index], freq: Any, names: Sequence[str]
) -> list[Timeline]:
    """Check the indexes of several series, which share one frequency.

    As ``check_time_index`` for each of them. An inferred frequency is that of the longest
    series.
    """
    for index, name in zip(indexes, names, strict=True):
        if is_time_index(index):
            _check_sorted(index, name)
        if _kind_of(index) != _kind_of(indexes[0]):
            raise ValueError(
                f"{name} has an index {_kind_of(index)}, expected one "
                f"{_kind_of(indexes[0])} (as {names[0]} has)"
            )
    counted = isinstance(freq, str) and freq == STEPS
    if counted or not is_time_index(indexes[0]):
        if not counted and freq is not None:
            raise ValueError(
                f"freq={_name_of(freq)!r} needs dates: a DatetimeIndex or PeriodIndex, but "
                f"{names[0]} has {shown(indexes[0][:1].tolist())} as the first of its index; "
                "pd.to_datetime makes dates of strings"
            )
        return [Timeline(index, None, np.arange(len(index))) for index in indexes]
    if freq is not None:
        offset, origin = _read_freq(freq, indexes[0]), f"freq={_name_of(freq)!r}"
    else:
        longest = max(range(len(indexes)), key=lambda i: len(indexes[i]))
        offset = _infer_offset(indexes[longest], names[longest])
        origin = f"the frequency {_name_of(offset)!r} of {names[longest]}"
    return [
        Timeline(index, offset, _number_steps(index, offset, name, origin))
        for index, name in zip(indexes, names, strict=True)
    ]


def _check_sorted(index: pd.Index, name: str) -> None:
    missing = np.flatnonzero(index.isna())
    if len(missing):
        raise ValueError(
            f"{name} has a missing time in row {missing[0]}; leave that row out, as "
            f"{name}[{name}.index.notna()]"
        )
    if index.is_monotonic_increasing and index.is_unique:
        return
    numbers = _numbers_of(index)
    falls = np.flatnonzero(np.diff(numbers) < 0)
    if len(falls):
        row = int(falls[0])
        raise ValueError(
            f"{name} is not sorted by time: row {row + 1} ({_shown(index[row + 1])}) comes "
            f"after row {row} ({_shown(index[row])}); pass {name}.sort_index(), or a list "
            "of series where it holds several"
        )
    row = int(np.flatnonzero(np.diff(numbers) == 0)[0])
    raise ValueError(
        f"{name} has the time {_shown(index[row])} twice, in rows {row} and {row + 1}; keep "
        f"one row a time, as {name}[~{name}.index.duplicated()], or pass a list of series "
        "where it holds several"
    )


def _kind_of(index: pd.Index) -> str:
    if not is_time_index(index):
        return "without dates"
    if isinstance(index, pd.PeriodIndex):
        return f"of periods {index.freqstr!r}"
    return (
        "of dates without a time zone" if index.tz is None else f"of dates in {index.tz}"
    )


def _read_freq(freq: Any, index: pd.Index) -> Any:
    """Return ``freq`` as an offset that an index can have."""
    if isinstance(index, pd.PeriodIndex) and freq in (index.freqstr, index.freq):
        return index.freq
    try:
        offset = to_offset(freq)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f'freq={shown(freq)} is not a frequency of pandas, such as "D" or "MS", and '
            f'not "steps": {str(error)[:200]}'
        ) from error
    if offset.n < 1:
        raise ValueError(f"freq={_name_of(offset)!r} runs backwards, expected forwards")
    if isinstance(index, pd.PeriodIndex) and not (
        isinstance(offset, offsets.BDay) and isinstance(index.freq, offsets.Day)
    ):
        raise ValueError(
            f"freq={_name_of(offset)!r} differs from {index.freqstr!r}, the frequency of "
            "the PeriodIndex; leave freq=None"
        )
    return offset


# --- numbers of steps ----------------------------------------------------------------


def _number_steps(
    index: pd.Index, offset: Any, name: str, origin: str
) -> NDArray[np.int64]:
    """Return the number of each time's step; raise a ValueError for times between.

    ``origin`` says in the message where the offset comes from.
    """
    if isinstance(index, pd.PeriodIndex) and offset == index.freq:
        numbers = _numbers_of(index)
        steps, remainders = np.divmod(numbers - numbers[:1], offset.n)
    elif len(index) == 0 or index.freq == offset:
        return np.arange(len(index))
    elif (found := _infer(index)) is not None and found[0] == offset:
        return found[1]
    elif isinstance(offset, offsets.Tick):
        times = _utc(index)
        step = pd.Timedelta(offset).to_timedelta64()
        steps = (times - times[0]) // step
        remainders = times - times[0] - steps * step != np.timedelta64(0)
    else:
        stamps = _stamps(index)
        expected = pd.date_range(stamps[0], stamps[-1], freq=offset)
        steps = expected.get_indexer(stamps)
        remainders = steps < 0
    between = np.flatnonzero(remainders)
    if len(between):
        row = int(between[0])
        raise ValueError(
            f"{name}: row {row} ({_shown(index[row])}) lies between two steps of {origin}. "
            'Set freq="steps" to count rows'
        )
    return steps.astype(np.int64)


def _infer_offset(index: pd.Index, name: str) -> Any:
    """Return the frequency of an index; raise a ValueError if it has none."""
    own = index.freq
    if isinstance(index, pd.PeriodIndex):
        found = _infer(index) if isinstance(own, offsets.Day) and own.n == 1 else None
        return found[0] if found and isinstance(found[0], offsets.BDay) else own
    if own is not None:
        return own
    if len(index) < 2:
        raise ValueError(
            f"{name} has {len(index)} rows, too few to infer the frequency; set freq"
        )
    found = _infer(index)
    if found is not None:
        return found[0]
    distances = np.diff(_numbers_of(index))
    step = _most_common(distances)
    row = int(np.flatnonzero(distances % step)[0])
    raise ValueError(
        f"{name} has no regular frequency: row {row + 1} ({_shown(index[row + 1])}) comes "
        f"{_shown(index[row + 1] - index[row])} after row {row} ({_shown(index[row])}), but "
        f"the most common distance is {_shown(_distance(step, index))}. Set freq, resample the series, "
        'or set freq="steps" to count rows'
    )


def _infer(index: pd.Index) -> tuple[Any, NDArray[np.int64]] | None:
    """Return the offset and each time's step, or None without a regular frequency."""
    if len(index) < 2:
        return None
    wall = _stamps(index).tz_localize(None).to_numpy()
    days = wall.astype("datetime64[D]")
    if ((wall - days) == (wall - days)[0]).all():  # one time of the day
        for infer in (_infer_months, _infer_business_days, _infer_days):
            if (found := infer(days)) is not None:
                return found
    return _infer_multiples(
        _numbers_of(index), lambda step: to_offset(_distance(step, index))
    )


def _infer_months(days: NDArray) -> tuple[Any, NDArray[np.int64]] | None:
    months = days.astype("datetime64[M]")
    if (np.diff(months).astype(np.int64) < 1).any():
        return None
    first = months.astype("datetime64[D]")
    last = (months + 1).astype("datetime64[D]") - 1
    anchors = {
        "begin": first,
        "end": last,
        "business begin": np.busday_offset(first, 0, roll="forward"),
        "business end": np.busday_offset(last, 0, roll="backward"),
    }
    anchor = next((name for name, day in anchors.items() if (days == day).all()), None)
    day = days - first
    if anchor is None and ((day != day[0]).any() or day[0].astype(np.int64) > 27):
        return None  # no day of the month that every month has
    numbers = months.astype(np.int64)
    month = int(numbers[0] % 12) + 1
    return _infer_multiples(numbers, lambda step: _month_offset(anchor, step, month))


def _month_offset(anchor: str | None, n_months: int, month: int) -> Any:
    """Return the offset of ``n_months`` months from one of them, by their anchor."""
    if anchor is None:
        return pd.DateOffset(months=n_months)
    of_month, of_quarter, of_year = MONTHLY[anchor]
    if n_months % 12 == 0:
        return of_year(n_months // 12, month=month)
    if n_months == 3:  # named as pandas names "QS" and "QE" if that fits
        start = (month - 1) % 3 + (10 if anchor.endswith("end") else 1)
        return of_quarter(startingMonth=start)
    return of_month(n_months)


def _infer_business_days(days: NDArray) -> tuple[Any, NDArray[np.int64]] | None:
    distances = np.diff(days).astype(np.int64)
    if not np.is_busday(days).all() or _most_common(distances) != 1:
        return None
    steps = np.busday_count(days[0], days)
    crosses_weekends = steps[-1] < distances.sum()
    return (offsets.BDay(), steps) if crosses_weekends else None


def _infer_days(days: NDArray) -> tuple[Any, NDArray[np.int64]] | None:
    def offset(n_days: int) -> Any:
        if n_days % 7 == 0:
            return offsets.Week(n_days // 7, weekday=pd.Timestamp(days[0]).weekday())
        return offsets.Day(n_days)

    return _infer_multiples(days.astype(np.int64), offset)


def _infer_multiples(
    numbers: NDArray[np.int64], offset: Callable[[int], Any]
) -> tuple[Any, NDArray[np.int64]] | None:
    """Return the offset of the most common distance if all are multiples of it."""
    distances = np.diff(numbers)
    step = _most_common(distances)
    if (distances % step).any():
        return None
    return offset(step), (numbers - numbers[0]) // step


def _most_common(distances: NDArray[np.int64]) -> int:
    """Return the most common distance, the smallest of equally common ones."""
    values, counts = np.unique(distances, return_counts=True)
    return int(values[counts.argmax()])


# --- stamps --------------------------------------------------------------------------


def _stamps(index: pd.Index) -> pd.DatetimeIndex:
    """Return the starts of periods, and dates as they are."""
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def _utc(index: pd.Index) -> NDArray:
    """Return dates as datetime64, in UTC where they have a time zone."""
    stamps = _stamps(index)
    return (stamps if stamps.tz is None else stamps.tz_convert(None)).to_numpy()


def _numbers_of(index: pd.Index) -> NDArray[np.int64]:
    """Return int64 numbers in the order of time: ordinals of periods, or units of time."""
    if isinstance(index, pd.PeriodIndex):
        return index.astype("int64").to_numpy()
    return _utc(index).astype(np.int64)


def _distance(n_units: int, index: pd.Index) -> pd.Timedelta:
    """Return ``n_units`` of the index's unit of time."""
    unit = np.datetime_data(_utc(index).dtype)[0]
    return pd.Timedelta(np.int64(n_units).astype(f"timedelta64[{unit}]"))


def _name_of(freq: Any) -> str:
    return getattr(freq, "freqstr", str(freq))


def _shown(time: Any) -> str:
    """Return a time or a distance as text, without hours that are zero."""
    return str(time).removesuffix(" 00:00:00")
