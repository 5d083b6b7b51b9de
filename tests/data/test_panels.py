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


def test_series_that_share_an_index_have_each_as_many_dates_as_rows():
    index = days(9)
    frames = [pd.DataFrame({"y": np.arange(9.0), "k": np.arange(9.0)}, index)] * 3
    frames[1] = frames[1].assign(y=frames[1]["y"].where(np.arange(9) < 7))
    options = SeriesOptions(3, target="y", known_future=["k"], calendar=True)
    for order in ([0, 1, 2], [0, 2, 1]):
        panel = read_panel([frames[i] for i in order], options)
        lengths = [len(each) for each in panel.indexes]
        assert (
            lengths == np.diff(panel.offsets).tolist() == [[12, 10, 12][i] for i in order]
        )
        last = panel.times(np.arange(3), panel.ends - 1)
        expected = [index[[8, 6, 8][i]] for i in order]
        assert last.tolist() == expected


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


# --- dates of Series in the cells of a frame ----------------------------------------------


def in_cells(*columns):
    """Return a frame of which each column is a list of Series."""
    made = {}
    for name, series in zip("yk", columns, strict=False):
        made[name] = np.empty(len(series), object)
        made[name][:] = series
    return pd.DataFrame(made)


def dated(n, start=0):
    return pd.Series(np.arange(float(n)), days(start + n)[start:])


def test_series_in_cells_have_their_dates_and_gaps():
    gap = dated(5).drop(days(5)[2])
    options = SeriesOptions(2, missing="indicator")
    panel = read_panel(in_cells([gap, dated(3, 4)]), options)
    np.testing.assert_array_equal(panel.target[:5], [0, 1, np.nan, 3, 4])
    assert panel.indexes[0].equals(days(7))
    assert panel.indexes[1].equals(days(9)[4:])
    forecasts = panel.as_user(np.ones((2, 2)))
    assert forecasts[1].index.equals(days(9)[7:])


def test_columns_known_ahead_have_the_dates_that_follow():
    frame = in_cells([dated(3), dated(4)], [dated(5), dated(6)])
    panel = read_panel(frame, SeriesOptions(2, target="y", known_future=["k"]))
    assert panel.ends.tolist() == [3, 4]
    assert panel.indexes[1].equals(days(6))
    arrays = in_cells([dated(3)], [np.arange(5.0)])
    with pytest.raises(
        ValueError, match="row 0 of X has 5 steps, but its Series have 3 t"
    ):
        read_panel(arrays, SeriesOptions(2, target="y", known_future=["k"]))


def test_arrays_beside_series_are_read_by_position():
    frame = in_cells([dated(3)], [np.arange(3.0)])
    panel = read_panel(frame, SeriesOptions(1, target="y"))
    assert panel.indexes[0].equals(days(4))


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (
            [[dated(5).iloc[::-1]]],
            r"row 0 of X is not sorted .* sort the Series in the cell",
        ),
        (
            [[dated(3)], [dated(3, 1)]],
            "row 0 of X: columns 'y' and 'k' have different times",
        ),
        ([[dated(3), np.arange(3.0)]], "row 1 of X has an index without dates, expected"),
    ],
)
def test_dates_in_cells_that_are_not_those_of_the_steps_are_named(columns, match):
    with pytest.raises(ValueError, match=match):
        read_panel(in_cells(*columns), SeriesOptions(1, target="y"))


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(2000, 2005),
        pd.to_timedelta(np.arange(5), unit="s"),
        pd.Index([0.5, 1.0, 1.5, 2.0, 2.5]),
    ],
    ids=["years", "durations", "seconds"],
)
def test_numbers_in_the_index_of_cells_are_times(index):
    series = pd.Series(np.arange(5.0), index)
    panel = read_panel(in_cells([series]), SeriesOptions(2))
    assert panel.indexes[0][:5].equals(index)
    assert panel.indexes[0][5] - panel.indexes[0][4] == index[1] - index[0]
    backwards = in_cells([series.iloc[::-1]])
    with pytest.raises(
        ValueError, match=r"not sorted .* drop an index that holds no times"
    ):
        read_panel(backwards, SeriesOptions(2))


@pytest.mark.parametrize("change", [lambda d: d.strftime("%Y-%m-%d"), lambda d: d.date])
def test_dates_in_cells_that_are_objects_are_refused(change):
    series = pd.Series(np.arange(5.0), pd.Index(change(days(5))))
    with pytest.raises(ValueError, match="row 0 of X has dates in its index that are"):
        read_panel(in_cells([series]), SeriesOptions(2))


# --- the form of the user's series -------------------------------------------------------


def test_forecasts_have_the_columns_of_the_frame():
    for columns in (
        pd.Index(["NY", "LA"], name="city"),
        pd.MultiIndex.from_product([["NY", "LA"], ["y"]], names=["city", None]),
    ):
        frame = pd.DataFrame(np.ones((5, 2)), days(5), columns)
        panel = read_panel(frame, SeriesOptions(2))
        assert panel.as_user(np.ones((2, 2))).columns.identical(columns)
        one = panel.take(np.array([1]))
        assert one.as_user(np.ones((1, 2))).columns.identical(columns[[1]])


def test_times_that_are_all_dates_or_all_rows_are_no_objects():
    panel = read_panel(pd.Series(np.arange(5.0), days(5)), SeriesOptions(2, freq="steps"))
    past = panel.times(np.array([0, 0]), np.array([1, 3]))
    assert past.equals(days(5)[[1, 3]])
    assert panel.as_user(np.ones((1, 2))).index.tolist() == [5, 6]
    assert panel.as_user(np.ones((1, 2))).index.dtype == np.int64


@pytest.mark.parametrize("hold", [tuple, np.array, pd.Index, pd.Series])
def test_columns_known_ahead_are_named_by_any_sequence(hold):
    frame = pd.DataFrame({"y": [1.0, 2, np.nan], "k": range(3), "l": range(3)}, days(3))
    options = SeriesOptions(1, target="y", known_future=hold(["k", "l"]))
    assert read_panel(frame, options).ends.tolist() == [2]
