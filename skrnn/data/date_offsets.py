"""Offsets of dates: read from the user, or inferred, and the step of each date."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import offsets
from pandas.tseries.frequencies import to_offset

from skrnn.data.steps import shown

#: Offsets of one month, one quarter and one year, by the day of the month.
MONTHLY = {
    "begin": (offsets.MonthBegin, offsets.QuarterBegin, offsets.YearBegin),
    "end": (offsets.MonthEnd, offsets.QuarterEnd, offsets.YearEnd),
    "business begin": (offsets.BMonthBegin, offsets.BQuarterBegin, offsets.BYearBegin),
    "business end": (offsets.BMonthEnd, offsets.BQuarterEnd, offsets.BYearEnd),
}


def is_time_index(index: pd.Index) -> bool:
    """Return whether an index holds dates."""
    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)


def plain_times(index: pd.Index) -> pd.Index:
    """Return an index of Arrow's dates as a DatetimeIndex, and any other as it is."""
    if index.dtype.kind == "M" and not is_time_index(index):
        return pd.DatetimeIndex(index)
    return index


def is_number_index(index: pd.Index) -> bool:
    """Return whether an index holds real numbers, or durations."""
    return index.dtype.kind in "iufm"


# --- offsets -------------------------------------------------------------------------


def read_freq(freq: Any, index: pd.Index) -> Any:
    """Return ``freq`` as an offset that an index can have."""
    if isinstance(index, pd.PeriodIndex):
        own = index.freqstr if isinstance(freq, str) else index.freq
        if freq == own:
            return index.freq
    try:
        with warnings.catch_warnings():  # pandas 2.2 warns where 3 raises
            warnings.simplefilter("error", FutureWarning)
            offset = to_offset(freq)
    except (FutureWarning, ValueError, TypeError) as error:
        raise ValueError(
            f'freq={shown(freq)} is not a frequency of pandas, such as "D" or "MS", and '
            f'not "steps": {str(error)[:200]}'
        ) from error
    if offset.n < 1:
        raise ValueError(f"freq={name_of(offset)!r} runs backwards, expected forwards")
    if isinstance(index, pd.PeriodIndex) and not (
        isinstance(offset, offsets.BDay) and isinstance(index.freq, offsets.Day)
    ):
        raise ValueError(
            f"freq={name_of(offset)!r} differs from {index.freqstr!r}, the frequency of "
            "the PeriodIndex; leave freq=None"
        )
    return offset


# --- numbers of steps ----------------------------------------------------------------


def number_steps(
    index: pd.Index, offset: Any, name: str, origin: str
) -> NDArray[np.int64]:
    """Return the number of each time's step; raise a ValueError for times between.

    ``origin`` says in the message where the offset comes from.
    """
    if isinstance(index, pd.PeriodIndex) and offset == index.freq:
        numbers = numbers_of(index)
        steps, remainders = np.divmod(numbers - numbers[:1], offset.n)
    elif len(index) == 0 or index.freq == offset:
        return np.arange(len(index))
    elif (found := _infer(index)) is not None and found[0] == offset:
        return found[1]
    elif is_duration(offset):
        times = _utc(index)
        step = pd.Timedelta(offset).to_timedelta64()
        steps = (times - times[0]) // step
        remainders = times - times[0] - steps * step != np.timedelta64(0)
    else:
        clock = clock_times(index)
        expected = pd.date_range(clock[0], clock[-1], freq=offset)
        steps = expected.get_indexer(clock)
        remainders = steps < 0
    between = np.flatnonzero(remainders)
    if len(between):
        row = int(between[0])
        raise ValueError(
            f"{name}: row {row} ({shown_time(index[row])}) lies between two steps of {origin}. "
            'Set freq="steps" to count rows'
        )
    return steps.astype(np.int64)


def infer_offset(index: pd.Index, name: str) -> Any:
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
    distances = np.diff(numbers_of(index))
    step = most_common(distances)
    row = int(np.flatnonzero(distances % step)[0])
    remedy = "Set freq, resample the series, "
    if _are_local_days(index, distances):
        remedy = (
            "If these are days of another time zone, bring them to it by tz_convert; else set "
            "freq, resample the series, "
        )
    raise ValueError(
        f"{name} has no regular frequency: row {row + 1} ({shown_time(index[row + 1])}) comes "
        f"{shown_time(index[row + 1] - index[row])} after row {row} ({shown_time(index[row])}), but "
        f"the most common distance is {shown_time(_distance(step, index))}. {remedy}or set "
        'freq="steps" to count rows'
    )


def _infer(index: pd.Index) -> tuple[Any, NDArray[np.int64]] | None:
    """Return the offset and each time's step, or None without a regular frequency."""
    if len(index) < 2:
        return None
    clock = clock_times(index).to_numpy()
    days = clock.astype("datetime64[D]")
    if ((clock - days) == (clock - days)[0]).all():  # one time of the day
        for infer in (_infer_months, _infer_business_days, _infer_days):
            if (found := infer(days)) is not None:
                return found
    return _infer_multiples(
        numbers_of(index), lambda step: to_offset(_distance(step, index))
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
    if not np.is_busday(days).all() or most_common(distances) != 1:
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
    step = most_common(distances)
    if (distances % step).any():
        return None
    return offset(step), (numbers - numbers[0]) // step


def most_common(distances: NDArray[np.int64]) -> int:
    """Return the most common distance, the smallest of equally common ones."""
    values, counts = np.unique(distances, return_counts=True)
    return int(values[counts.argmax()])


# --- stamps --------------------------------------------------------------------------


def _stamps(index: pd.Index) -> pd.DatetimeIndex:
    """Return the starts of periods, and dates as they are."""
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def is_duration(offset: Any) -> bool:
    """Return whether an offset is an elapsed time, such as hours, not a calendar's."""
    return isinstance(offset, offsets.Tick) and not isinstance(offset, offsets.Day)


def clock_times(index: pd.Index) -> pd.DatetimeIndex:
    """Return the times of a local clock at each date, without time zones.

    A day whose clock skips the usual time of day has a later one; the usual one is returned
    for it.
    """
    stamps = _stamps(index)
    if stamps.tz is None or not len(stamps):
        return stamps.tz_localize(None)
    clock = stamps.tz_localize(None)
    days = clock.normalize()
    usual = (
        days + (clock - days).to_series().mode()[0]
    )  # the first of equally frequent ones
    moved = (usual != clock) & (local_times(usual, stamps.tz) == stamps)
    return clock.where(~moved, usual)


def local_times(clock: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """Return the dates in a time zone at which a local clock shows these times.

    A time that the clock skips becomes the next that exists; of two with the same time the
    first is taken.
    """
    first = np.ones(len(clock), dtype=bool)
    return clock.tz_localize(zone, nonexistent="shift_forward", ambiguous=first)


def _are_local_days(index: pd.Index, distances: NDArray[np.int64]) -> bool:
    """Return whether dates in UTC lie whole days apart, but for changes of a clock."""
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
        return False
    hours = distances * (_distance(1, index) / pd.Timedelta(hours=1))
    return bool(((hours + 1) % 24 <= 2).all())


def _utc(index: pd.Index) -> NDArray:
    """Return dates as datetime64, in UTC where they have a time zone."""
    stamps = _stamps(index)
    return (stamps if stamps.tz is None else stamps.tz_convert(None)).to_numpy()


def numbers_of(index: pd.Index) -> NDArray[np.int64]:
    """Return numbers in the order of time: ordinals of periods, units of time, or own."""
    if is_number_index(index):
        if index.dtype.kind == "m":
            return index.to_numpy().astype(np.int64)
        return index.to_numpy(np.float64 if index.dtype.kind == "f" else np.int64)
    if isinstance(index, pd.PeriodIndex):
        return index.astype("int64").to_numpy()
    return _utc(index).astype(np.int64)


def _distance(n_units: int, index: pd.Index) -> pd.Timedelta:
    """Return ``n_units`` of the index's unit of time."""
    unit = np.datetime_data(_utc(index).dtype)[0]
    return pd.Timedelta(np.int64(n_units).astype(f"timedelta64[{unit}]"))


def name_of(freq: Any) -> str:
    """Return an offset as the text that makes it."""
    return getattr(freq, "freqstr", str(freq))


def shown_time(time: Any) -> str:
    """Return a time or a distance as text, without hours that are zero."""
    return str(time).removesuffix(" 00:00:00")
