"""Series as flat arrays, and back."""

import numpy as np
import pandas as pd
import pytest

from skrnn import FeedForwardForecaster
from skrnn.data.panels import read_panel
from skrnn.data.series import SeriesOptions


def days(n):
    return pd.date_range("2024-01-01", periods=n, freq="D")


def test_series_lie_one_after_the_other_with_room_for_the_horizon():
    panel = read_panel([np.arange(3), np.arange(5)], SeriesOptions(horizon=2))
    assert panel.offsets.tolist() == [0, 5, 12]
    assert panel.ends.tolist() == [3, 5]
    expected = [0, 1, 2, np.nan, np.nan, 0, 1, 2, 3, 4, np.nan, np.nan]
    np.testing.assert_array_equal(panel.target, expected)
    assert [len(index) for index in panel.indexes] == [5, 7]


def test_trailing_rows_are_the_future_only_with_known_columns():
    frame = pd.DataFrame({"y": [1.0, 2, 3, np.nan, np.nan], "k": range(5)}, days(5))
    options = SeriesOptions(1, target="y", known_future=["k"])
    assert read_panel(frame, options).ends.tolist() == [3]
    options = SeriesOptions(1, target="y", missing="indicator")
    assert read_panel(frame, options).ends.tolist() == [5]


def test_gaps_between_dates_become_rows_without_values():
    series = pd.Series([1.0, 2, 4, 5], days(6)[[0, 1, 3, 4]])
    panel = read_panel(series, SeriesOptions(2, missing="indicator"))
    np.testing.assert_array_equal(panel.target, [1, 2, np.nan, 4, 5, np.nan, np.nan])
    assert panel.indexes[0].equals(days(7))


def test_known_columns_may_be_longer_cells_of_a_frame_of_fields():
    frame = pd.DataFrame(
        {"y": [np.arange(3.0), np.arange(2.0)], "k": [np.arange(5.0), np.arange(4.0)]}
    )
    panel = read_panel(frame, SeriesOptions(2, target="y", known_future=["k"]))
    assert panel.ends.tolist() == [3, 2]
    np.testing.assert_array_equal(panel.covariates[:, 0], [0, 1, 2, 3, 4, 0, 1, 2, 3])


def test_taking_and_cutting_series_keeps_the_rest():
    panel = read_panel([np.arange(3), np.arange(5), np.arange(4)], SeriesOptions(1))
    part = panel.take(np.array([2, 0]))
    assert part.ends.tolist() == [4, 3]
    np.testing.assert_array_equal(part.target, [0, 1, 2, 3, np.nan, 0, 1, 2, np.nan])
    before = part.until(np.array([2, 3]))
    np.testing.assert_array_equal(before.target[:5], [0, 1, np.nan, np.nan, np.nan])


def test_times_that_follow_have_the_frequency_of_fit():
    options = SeriesOptions(2)
    fitted = read_panel(pd.Series(np.arange(9.0), days(9)), options)
    later = SeriesOptions(2, layout=fitted.layout)
    one = read_panel(pd.Series([1.0], days(1)), later)
    assert one.indexes[0].equals(days(3))


def test_a_frame_of_many_series_in_one_column_is_refused():
    index = pd.MultiIndex.from_product([["u", "v"], range(30)])
    frame = pd.DataFrame({"sales": np.arange(60.0)}, index)
    with pytest.raises(ValueError, match=r"X has a MultiIndex; pass a list of series"):
        FeedForwardForecaster(horizon=2).fit(frame)
