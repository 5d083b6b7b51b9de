"""Dates that users give as strings or as integers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skrnn.data.date_formats import (
    dates_of_strings,
    format_of_integers,
    is_date,
    rank_times,
)


@pytest.mark.parametrize(
    "text",
    ["2020-01", "2020-1-5", "31.12.2020", "1/2/20", "01/2020", "20200131", "2000Q1",
     "2000-Q1", "Q1 2000", "2020W05", "2020-W05", "Jan 2020", "january 2020", "Sept. 20",
     "1 May 2020", "1st may", "2020 Dec", "Feb-21"],
)  # fmt: skip
def test_dates_are_recognised_in_many_formats(text):
    assert is_date(text)


@pytest.mark.parametrize(
    "text", ["a", "12", "1960", "marble 12", "decade", "may", "step 3"]
)
def test_other_strings_are_no_dates(text):
    assert not is_date(text)


def test_iso_strings_become_dates_and_missing_ones_stay_missing():
    dates = dates_of_strings(["2020-01", None, "2020-01-31 08:00"], "X")
    assert dates[[0, 2]].tolist() == [
        pd.Timestamp(2020, 1, 1),
        pd.Timestamp(2020, 1, 31, 8),
    ]
    assert dates.isna().tolist() == [False, True, False]


def test_zones_are_kept_or_brought_to_one():
    texts = ["2020-01-01T00:00+01:00", "2020-01-01T00:00Z"]
    assert str(dates_of_strings(texts[:1], "X").tz) == "UTC+01:00"
    hours = dates_of_strings(texts, "X", utc=True).diff()[1:] / pd.Timedelta(hours=1)
    assert hours.tolist() == [1]
    with pytest.raises(
        ValueError, match="X holds dates with several offsets from UTC; bring them"
    ):
        dates_of_strings(texts, "X")


@pytest.mark.parametrize("text", ["13/01/2020", "20200113", "2020-1-5", "1960", "noon"])
def test_strings_in_another_format_are_refused(text):
    with pytest.raises(ValueError, match=f"X holds .*'{text}', .*ISO .*pd.to_datetime"):
        dates_of_strings(["2020-01-01", text], "X")


def test_a_day_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="X holds no dates: "):
        dates_of_strings(["2020-02-31"], "X")


def test_times_are_ranked_by_their_own_order():
    assert rank_times(pd.Series([3, 1, 3]), "t").tolist() == [1, 0, 1]
    assert rank_times(pd.Series(["b", "a"]), "t").tolist() == [1, 0]
    texts = ["2020-01-01T00:00Z", "2020-01-01T00:30+01:00", "2020-01-01 00:00Z"]
    assert rank_times(pd.Series(texts), "t").tolist() == [1, 0, 1]
    order = pd.Categorical(["10", "9"], ["9", "10"], ordered=True)
    assert rank_times(pd.Series(order), "t").tolist() == [1, 0]


def test_integers_that_are_all_valid_dates_have_a_format():
    months = pd.period_range("2014-11", periods=40, freq="M")
    assert format_of_integers(months.year.to_numpy() * 100 + months.month) == "%Y%m"
    days = pd.date_range("2020-02-20", periods=400).strftime("%Y%m%d")
    assert format_of_integers(days.astype(int).to_numpy()) == "%Y%m%d"


@pytest.mark.parametrize(
    "values",
    [
        np.arange(1960, 2020),
        np.arange(201501, 201514),
        201501 + np.arange(4) / 2,
        np.arange(20200101, 20200140),
        1_600_000_000 + 3600 * np.arange(9),
        np.array([201501, 201502]),
    ],
    ids=range(6),
)
def test_other_numbers_have_none(values):
    assert format_of_integers(values) is None
