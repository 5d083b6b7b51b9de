"""Indexes of dates have one frequency, known gaps and a future."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skrnn.data.frequency import check_time_index, check_time_indexes

DETERMINISTIC = settings(derandomize=True, max_examples=40, deadline=None, database=None)
CALENDAR = [
    "D", "2D", "W-SUN", "W-WED", "2W-FRI", "B", "MS", "ME", "BMS", "BME", "2MS", "6ME",
    "QS", "QE", "QS-FEB", "QE-JAN", "BQS", "BQE", "YS", "YE", "YE-JUN", "BYE", "2YS",
]  # fmt: skip
CLOCK = ["h", "15min", "7h", "36h", "s", "250ms"]
PERIODS = ["D", "W-SUN", "M", "2M", "Q-DEC", "Y-DEC", "h"]


def dates(freq, n=40, start="2019-03-05", **options):
    """Return dates that do not know their frequency."""
    times = pd.date_range(start, periods=n, freq=freq, **options)
    return pd.DatetimeIndex(times, freq=None, name="when")


def trading_days():
    """Return weekdays without some holidays, as in stock prices."""
    days = dates("B", 260, "2012-01-02")
    holidays = ["2012-01-16", "2012-05-28", "2012-10-29", "2012-10-30", "2012-12-25"]
    return days[~days.isin(pd.to_datetime(holidays))]


# --- the regular frequency -----------------------------------------------------------


@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
@pytest.mark.parametrize("freq", CALENDAR + CLOCK)
def test_the_frequency_of_regular_dates_is_inferred_and_their_future_continues_them(
    freq, tz
):
    times = dates(freq, 46, tz=tz)
    timeline = check_time_index(times[:40])
    assert timeline.steps.tolist() == list(range(40))
    assert len(timeline.gaps) == 0
    assert timeline.future(6).equals(times[40:])
    assert timeline.future(6).name == "when"
    assert timeline.without_gaps() is timeline.index


@given(data=st.data())
@DETERMINISTIC
@pytest.mark.parametrize("tz", [None, "America/New_York"])
def test_the_steps_of_dates_with_gaps_are_their_places_among_all(tz, data):
    freq = data.draw(st.sampled_from(CALENDAR + CLOCK))
    start = data.draw(st.datetimes(pd.Timestamp("1995"), pd.Timestamp("2030")))
    whole = dates(freq, 40, pd.Timestamp(start).floor("h"), tz=None)
    if tz is not None and freq in CALENDAR:
        whole = whole.normalize().tz_localize(tz)
    elif tz is not None:
        whole = whole.tz_localize("UTC").tz_convert(tz)
    holes = data.draw(st.sets(st.sampled_from(range(3, 39, 4))))  # most distances stay
    kept = np.setdiff1d(np.arange(40), sorted(holes))
    for given_freq in (None, freq):
        timeline = check_time_index(whole[kept], given_freq)
        assert timeline.steps.tolist() == kept.tolist()
        assert timeline.gaps.tolist() == [i for i, k in enumerate(kept) if k + 1 in holes]
        assert timeline.without_gaps().equals(whole)


@given(data=st.data())
@DETERMINISTIC
def test_with_freq_any_steps_may_be_missing(data):
    freq = data.draw(st.sampled_from(CALENDAR + CLOCK))
    whole = dates(freq, 30)
    kept = sorted(data.draw(st.sets(st.integers(0, 29), min_size=1)))
    timeline = check_time_index(whole[kept], freq)
    assert timeline.steps.tolist() == (np.array(kept) - kept[0]).tolist()
    following = dates(freq, 3, whole[kept[-1]])[1:]
    assert timeline.future(2).tolist() == following.tolist()


@pytest.mark.parametrize("freq", PERIODS)
def test_periods_have_their_own_frequency_whatever_is_missing(freq):
    whole = pd.period_range("2020-01-01", periods=12, freq=freq, name="when")
    timeline = check_time_index(whole[[0, 3, 5, 7, 9]])
    assert timeline.steps.tolist() == [0, 3, 5, 7, 9]
    assert timeline.without_gaps().equals(whole[:10])
    assert timeline.future(2).equals(whole[10:])
    assert timeline.future(2).name == "when"
    assert check_time_index(whole, freq).offset == whole.freq


def test_dates_on_weekdays_only_are_business_days():
    days = trading_days()
    timeline = check_time_index(days)
    assert timeline.offset == pd.offsets.BDay()
    assert days[timeline.gaps[0] + 1] == pd.Timestamp("2012-01-17")
    assert len(timeline.without_gaps()) == 260
    assert timeline.future(1)[0] == days[-1] + pd.offsets.BDay()
    periods = check_time_index(days.to_period("D"))
    assert periods.steps.tolist() == timeline.steps.tolist()
    assert periods.future(4).equals(timeline.future(4).to_period("D"))
    assert periods.without_gaps().equals(timeline.without_gaps().to_period("D"))


def test_five_days_in_one_week_are_days():
    assert check_time_index(dates("D", 5, "2024-01-01")).offset == pd.offsets.Day()


def test_one_day_of_each_month_is_a_frequency():
    timeline = check_time_index(dates(pd.DateOffset(months=1), 9, "2023-06-15"))
    assert timeline.future(1)[0] == pd.Timestamp("2024-03-15")


def test_days_keep_their_clock_when_summer_time_begins():
    days = dates("D", 4, "2024-03-29 08:00", tz="Europe/Berlin")
    timeline = check_time_index(days)
    assert timeline.offset == pd.offsets.Day()
    assert [time.hour for time in timeline.future(3)] == [8, 8, 8]


SANTIAGO = "America/Santiago"  # on 2024-09-08 the clock goes from 0 to 1


def midnights(n, start="2024-09-05"):
    days = dates("D", n, start)
    return days.tz_localize(SANTIAGO, nonexistent="shift_forward")


def test_days_continue_where_the_clock_leaves_out_their_time():
    timeline = check_time_index(midnights(3))
    assert timeline.future(4).equals(midnights(7)[3:])
    assert timeline.future(4)[0] == pd.Timestamp("2024-09-08 01:00", tz=SANTIAGO)


@pytest.mark.parametrize("freq", [None, "D"])
@pytest.mark.parametrize("kept", [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 5], [2, 3], [3, 4, 5]])
def test_a_time_that_the_clock_left_out_is_that_of_its_day(freq, kept):
    timeline = check_time_index(midnights(6)[kept], freq)
    assert timeline.offset == pd.offsets.Day()
    assert timeline.steps.tolist() == [number - kept[0] for number in kept]
    whole = midnights(10)[kept[0] :]
    assert timeline.without_gaps().equals(whole[: len(timeline.without_gaps())])
    assert timeline.future(4).equals(midnights(kept[-1] + 5)[-4:])


@pytest.mark.parametrize("freq", ["D", "MS"])
def test_the_future_of_local_dates_knows_its_frequency(freq):
    times = dates(freq, 5, "2024-03-01", tz="Europe/Berlin")
    assert check_time_index(times).future(3).freq == pd.tseries.frequencies.to_offset(
        freq
    )


def test_a_day_that_does_not_exist_is_an_error():
    days = pd.date_range("2011-12-26", periods=3, tz="Pacific/Apia")
    with pytest.raises(
        ValueError, match="in Pacific/Apia the clock skips a whole day after"
    ):
        check_time_index(days, "D").future(4)


def test_rows_keep_the_second_of_two_equal_times():
    days = pd.to_datetime(["2024-10-25 02:30", "2024-10-26 02:30", "2024-10-27 02:30"])
    local = days.tz_localize("Europe/Berlin", ambiguous=np.array([True, True, False]))
    times = local.append(pd.DatetimeIndex(["2024-10-29 02:30"]).tz_localize(local.tz))
    whole = check_time_index(times.rename("when")).without_gaps()
    assert whole[[0, 1, 2, 4]].equals(times)
    assert whole.name == "when"


def test_of_a_time_that_comes_twice_the_first_follows():
    before = dates("D", 3, "2024-10-24 02:30", tz="Europe/Berlin")
    future = check_time_index(before).future(3)
    assert [time.hour for time in future] == [2, 2, 2]
    assert future[0].utcoffset() == datetime.timedelta(hours=2)
    assert future[1].utcoffset() == datetime.timedelta(hours=1)


@pytest.mark.parametrize("freq", ["B", "2D", "W-SUN"])
def test_days_that_are_left_out_are_gaps_also_where_the_clock_changes(freq):
    times = dates(freq, 40, "2024-02-04", tz="Europe/Berlin")
    whole = dates("D", 400, "2024-02-04", tz="Europe/Berlin")
    expected = whole.get_indexer(times) - whole.get_indexer(times[:1])
    assert check_time_index(times, "D").steps.tolist() == expected.tolist()


def test_local_days_in_utc_are_told_from_irregular_times():
    times = dates("D", 60, "2024-03-01", tz="Europe/Berlin").tz_convert("UTC")
    with pytest.raises(
        ValueError, match="days of another time zone, bring them to it by t"
    ):
        check_time_index(times)
    with pytest.raises(
        ValueError, match=r"most common distance is 1 days\. Set freq, res"
    ):
        check_time_index(times.tz_localize(None))


def test_steps_counts_rows_whatever_their_dates():
    timeline = check_time_index(trading_days(), "steps")
    assert timeline.offset is None
    assert timeline.steps.tolist() == list(range(255))
    assert timeline.future(2).tolist() == [255, 256]


def test_without_dates_whole_numbers_are_continued_and_rows_counted():
    years = pd.Index([1700, 1710, 1720], name="year")
    following = check_time_index(years).future(2)
    assert following.tolist() == [1730, 1740]
    assert following.name == "year"
    for index in (pd.Index(list("abc")), pd.RangeIndex(3)):
        assert check_time_index(index).future(2).tolist() == [3, 4]
    assert check_time_index(years, "steps").future(2).tolist() == [1730, 1740]


@pytest.mark.parametrize("unit", [1, 10, 0.1, 1e-9, 1 / 3, pd.Timedelta("90s")])
def test_times_that_are_numbers_have_a_distance_and_gaps(unit):
    whole = pd.Index(5 * unit + unit * np.arange(400), name="seconds")
    timeline = check_time_index(whole[[*range(100), *range(103, 400)]])
    assert timeline.offset / unit == pytest.approx(1)
    assert timeline.gaps.tolist() == [99]
    assert timeline.steps[99:101].tolist() == [99, 103]
    np.testing.assert_allclose(timeline.without_gaps() / unit, whole / unit)
    np.testing.assert_allclose(timeline.future(2) / unit, [405, 406])
    assert timeline.future(2).name == "seconds"


def test_several_series_share_the_distance_of_the_longest():
    years, rows = pd.Index([1700, 1710, 1720]), pd.RangeIndex(5)
    timelines = check_time_indexes([years, rows, years[:1]], None, ["a", "b", "c"])
    assert [t.offset for t in timelines] == [10, None, 10]
    assert timelines[2].future(1).tolist() == [1710]
    with pytest.raises(ValueError, match=r"b: row 1 \(5\) lies .* distance 10 of a"):
        check_time_indexes([years, pd.Index([0, 5])], None, ["a", "b"])


def test_several_series_share_the_frequency_of_the_longest():
    long, short = dates("B", 30), dates("D", 3, "2024-01-02")
    timelines = check_time_indexes([short, long], None, ["a", "b"])
    assert [t.offset for t in timelines] == [pd.offsets.BDay()] * 2
    assert timelines[0].steps.tolist() == [0, 1, 2]
    one = check_time_indexes([long, long[:1]], None, ["a", "b"])[1]
    assert one.future(1)[0] == long[1]


# --- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "freq", "message"),
    [
        (dates("D")[[0, 2, 1]], None, r"s is not sorted by time: row 2 \(2019-03-06\) "
         r"comes after row 1 \(2019-03-07\); pass s.sort_index\(\)"),
        (dates("D")[[0, 2, 1]], "steps", r"pass s.sort_index\(\)"),
        (dates("h")[[0, 1, 1]], None, r"s has the time 2019-03-05 01:00:00 twice, in rows "
         r"1 and 2; keep one row a time, as s\[~s.index.duplicated\(\)\]"),
        (pd.DatetimeIndex(["2020-01-01", None]), None, "s has a missing time in row 1"),
        (dates("D")[[0, 1, 2]].append(dates("D")[3:5] + pd.Timedelta("1h")), None,
         r"s has no regular frequency: row 3 \(2019-03-08 01:00:00\) comes 1 days "
         r"01:00:00 after row 2 \(2019-03-07\), but the most common distance is 1 days. "),
        (dates("h").insert(2, pd.Timestamp("2019-03-05 01:05")), None, "row 2 .* comes 0 days"
         " 00:05:00 after row 1 .*, but the most common distance is 0 days 01:00:00"),
        (dates("D", 1), None, "s has 1 rows, too few to infer the frequency; set freq"),
        (dates("D"), "W-TUE", r"s: row 1 \(2019-03-06\) lies between two steps of "
         "freq='W-TUE'"),
        (dates("D"), "MS", r"s: row 0 \(2019-03-05\) lies between two steps of freq='MS'"),
        (dates("30min"), "h", "s: row 1 .* lies between two steps of freq='h'"),
        (dates("D"), "M", "freq='M' is not a frequency of pandas, such as"),
        (dates("D"), 3, "freq=3 is not a frequency of pandas, such as"),
        (dates("D"), "-1D", "freq='-1D' runs backwards"),
        (pd.period_range("2020", periods=3, freq="M"), "D", "freq='D' differs from 'M'"),
        (pd.Index([3, 1, 2]), None, r"s is not sorted by time: row 1 \(1\) comes after row 0 "
         r"\(3\); pass s.sort_index\(\).*if its numbers are not times, pass s.reset_index"),
        (pd.Index([3, 1, 2]), "steps", r"s is not sorted by time"),
        (pd.Index([0.5, 1.5, 1.5]), None, r"s has the time 1.5 twice, in rows 1 and 2"),
        (pd.Index([0.5, None]), None, "s has a missing time in row 1"),
        (pd.Index([2, 4, 6, 7]), None, r"s has no regular distance between its times: row 3 "
         r"\(7\) comes 1 after row 2 \(6\), but the most common distance is 2"),
        (pd.Index([0, 0.1, 0.2, 0.35]), None, "comes 0.15 after row 2"),
        (pd.to_timedelta([0, 1, 2, 4, 5.5], "h"), None, "row 4 .* comes 0 days 01:30:00 after"),
        (pd.to_timedelta([0, 2, 1], "h"), None, r"s is not sorted by time: row 2 \(0 days 01"),
        (pd.Index(["2020-01-01", "2020-01-03"]), None, "s has dates in its index that are "
         "str, such as '2020-01-01'; make dates of them by pd.to_datetime, or set freq"),
        (pd.Index(["01.02.2020"]), None, "s has dates in its index that are str"),
        (pd.Index(["Jan 2020", "Feb 2020"]), None, "s has dates in its index that are str"),
        (pd.Index(["2000Q1", "2000Q2"]), None, "s has dates in its index that are str"),
        (pd.Index([201911, 201912, 202001]), None, "s has times that are numbers, such as "
         r'201911, .*make dates of them by pd.to_datetime\(..., format="%Y%m"\)'),
        (pd.Index([20200228.0, 20200229, 20200301]), None, r'.*format="%Y%m%d"\)'),
        (pd.Index([datetime.date(2020, 1, 1)]), None, "that are date, such as"),
        (pd.Index(["2020-01-01"]), "D", r"freq='D' needs dates: .* s has \['2020-01-01'\]"),
    ],
)  # fmt: skip
def test_indexes_that_have_no_order_or_no_frequency_are_refused(index, freq, message):
    with pytest.raises(ValueError, match=message):
        check_time_index(index, freq, "s")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (pd.RangeIndex(9), "b has an index without dates, expected one of dates without"),
        (
            dates("D", tz="UTC"),
            "b has an index of dates in UTC, expected one of dates wi",
        ),
        (dates("D").to_period("D"), "b has an index of periods 'D', expected one of dat"),
        (dates("h", 9), "row 1 .* lies between two steps of the frequency 'D' of a"),
    ],
)
def test_series_with_other_kinds_of_times_are_named(other, message):
    with pytest.raises(ValueError, match=message):
        check_time_indexes([dates("D"), other], None, ["a", "b"])


def test_gaps_are_described_by_the_first_of_them():
    text = check_time_index(trading_days()).describe_gaps()
    assert text == (
        "row 10 (2012-01-17) comes 2 steps after row 9 (2012-01-13), at the frequency "
        "'B'; 4 gaps, 5 missing in all"
    )
