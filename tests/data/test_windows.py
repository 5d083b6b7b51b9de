"""Series become windows and the steps that follow them."""

import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, TimeSeriesSplit, cross_val_score

from skrnn.preprocessing import sequences_from_frame, sliding_windows

DETERMINISTIC = settings(derandomize=True, max_examples=40, deadline=None, database=None)


def days(n, start="2024-01-01", name="day"):
    """Return the numbers from 0 on consecutive days."""
    times = pd.date_range(start, periods=n, name=name)
    return pd.Series(np.arange(float(n)), times, name="sales")


def trading_days(n, start="2012-01-02"):
    """Return prices on weekdays without some holidays, whose index has no frequency."""
    times = pd.date_range(start, periods=n, freq="B", name="Date")
    holidays = pd.to_datetime(["2012-01-16", "2012-02-20", "2012-02-21"])
    times = times[~times.isin(holidays)]
    return pd.Series(np.arange(float(len(times))), times, name="close")


# --- one series ----------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("n_features", [None, 1, 2])
def test_windows_are_what_a_loop_would_cut(horizon, stride, n_features):
    shape = (23,) if n_features is None else (23, n_features)
    series = np.random.default_rng(0).normal(size=shape)
    X, y = sliding_windows(
        series,
        window=4,
        horizon=horizon,
        stride=stride,
        target=1 if n_features == 2 else None,
    )
    starts = [s for s in range(0, 23, stride) if s + 4 + horizon <= 23]
    column = series if n_features is None else series[:, -1]
    np.testing.assert_array_equal(X, [series[s : s + 4] for s in starts])
    expected = np.array([column[s + 4 : s + 4 + horizon] for s in starts])
    np.testing.assert_array_equal(y, expected[:, 0] if horizon == 1 else expected)


def test_frames_and_series_are_read_by_name():
    frame = pd.DataFrame({"price": np.arange(6.0), "volume": np.arange(6) * 10})
    X, y = sliding_windows(frame, window=2, target="volume")
    assert X.shape == (4, 2, 2)
    assert y.tolist() == [20, 30, 40, 50]
    X, y = sliding_windows(frame["price"], window=2)
    assert X.tolist()[0] == [0, 1]
    X, y = sliding_windows(frame["volume"].astype("Int64"), window=2)
    assert y.tolist() == [20, 30, 40, 50]


def test_windows_are_read_only_views():
    series = np.arange(10.0)
    for part in sliding_windows(series, window=3, horizon=1):
        assert np.shares_memory(part, series)
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("horizon", [1, 2, 6])
def test_the_documented_gaps_keep_training_and_test_apart_and_no_smaller_one_does(
    stride, horizon
):
    window = 5
    X, y = sliding_windows(np.arange(400), window=window, horizon=horizon, stride=stride)
    y = y.reshape(len(X), horizon)

    def overlaps(gap):
        targets, values = [], []
        for train, test in TimeSeriesSplit(3, gap=gap).split(X):
            targets.append(y[train].max() >= y[test].min())
            values.append(y[train].max() >= X[test].min())
        return any(targets), any(values)

    gap = (horizon - 1) // stride
    assert not overlaps(gap)[0]
    assert gap == 0 or overlaps(gap - 1)[0]
    gap = (window + horizon - 1) // stride
    assert not overlaps(gap)[1]
    assert gap == 0 or overlaps(gap - 1)[1]


@pytest.mark.parametrize("name", ["window", "horizon", "stride"])
def test_lengths_below_one_or_not_whole_are_named(name):
    arguments = {"window": 2} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} == 0, must be >= 1"):
        sliding_windows(np.arange(9), **arguments)
    with pytest.raises(TypeError, match=f"{name} must be an instance of int"):
        sliding_windows(np.arange(9), **(arguments | {name: 1.5}))


def test_masked_and_missing_steps_of_a_series_are_nan():
    expected = [[1.0, np.nan], [np.nan, 3.0]]
    masked = np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0])
    nullable = pd.array([1, None, 3, 4], dtype="Int64")
    for series in (masked, nullable, pd.Series(nullable), [1, None, 3, 4]):
        if isinstance(series, list):
            series = np.array(series, dtype=float)
        np.testing.assert_array_equal(sliding_windows(series, window=2)[0], expected)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", "b", "c"], "series holds strings in column 'x', such as 'a'"),
        (pd.to_datetime(["2024-01-01"] * 3), "series holds dates or times in column 'x'"),
        ([1, "b", 2], "series holds strings in column 'x', such as 'b'"),
        ([[1], [2], [3]], "series holds whole sequences in column 'x', such as"),
    ],
)
def test_a_column_of_a_series_that_holds_no_numbers_is_named(column, message):
    frame = pd.DataFrame({"price": [1.0, 2.0, 3.0], "x": column})
    with pytest.raises(TypeError, match=message):
        sliding_windows(frame, window=1, target="price")


def test_a_series_of_dates_or_of_unequal_steps_is_refused():
    dates = pd.date_range("2024-01-01", periods=4)
    for series in (dates, pd.Series(dates), dates.to_numpy()):
        with pytest.raises(TypeError, match="series holds dates or times"):
            sliding_windows(series, window=1)
    with pytest.raises(
        ValueError, match=r"series\[0\] has 2 numbers and series\[1\] has 1"
    ):
        sliding_windows([[1, 2], [3]], window=1)


def test_a_series_that_is_too_short_is_refused_and_one_that_just_fits_is_not():
    with pytest.raises(
        ValueError, match="9 steps, but window=7 and horizon=3 need at least 10"
    ):
        sliding_windows(np.arange(9), window=7, horizon=3)
    assert sliding_windows(np.arange(10), window=7, horizon=3)[0].shape == (1, 7)


@pytest.mark.parametrize(
    ("series", "target", "error", "message"),
    [
        (np.zeros((9, 2)), None, ValueError, "target must say which of the 2 features"),
        (np.zeros((9, 2)), 2, ValueError, "target == 2, must be <= 1"),
        (np.zeros(9), 0, ValueError, "target=0 must be None: the series has one feature"),
        (pd.DataFrame(np.zeros((9, 2))), "x", ValueError, "target='x' is not a column"),
        (np.zeros((9, 2, 2)), 0, ValueError, "series has 3 dimensions"),
        (np.zeros((9, 0)), None, ValueError, "series has no features"),
        (
            ["a"] * 9,
            None,
            TypeError,
            "series must hold real numbers, got 'a'; pandas.to_num",
        ),
    ],
)
def test_other_series_and_targets_are_refused(series, target, error, message):
    with pytest.raises(error, match=message):
        sliding_windows(series, window=2, target=target)


# --- dates ---------------------------------------------------------------------------


def test_y_of_a_dated_series_is_indexed_by_the_first_step_to_forecast():
    series = days(9)
    X, y = sliding_windows(series, window=3, stride=2)
    assert np.shares_memory(X, series.to_numpy())
    expected = pd.Series([3.0, 5.0, 7.0], series.index[3:8:2], name="sales")
    pd.testing.assert_series_equal(y, expected)
    y[:] = 0.0
    assert series.tolist() == list(range(9))


def test_a_horizon_makes_a_column_for_each_step():
    frame = days(9).to_frame().assign(heat=1.0)
    X, y = sliding_windows(frame, window=3, horizon=2, target="sales")
    assert X.shape == (5, 3, 2)
    assert y.columns.tolist() == ["t+1", "t+2"]
    assert y.loc["2024-01-04"].tolist() == [3.0, 4.0]
    _, y = sliding_windows(frame, window=3, target="heat")
    assert y.name == "heat"


def test_dates_split_windows_and_targets_alike():
    X, y = sliding_windows(days(60), window=3)
    train = y.index < "2024-02-01"
    assert y[train].index[-1] == pd.Timestamp("2024-01-31")
    assert X[~train][0].tolist() == [28.0, 29.0, 30.0]
    scores = cross_val_score(Ridge(), X, y, cv=TimeSeriesSplit(3))
    assert scores == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "index",
    [
        days(9).index,
        days(9).index.tz_localize("Europe/Berlin"),
        days(9).index.to_period("D"),
        pd.Index([1700 + i for i in range(9)]),
        None,
    ],
    ids=["dates", "zone", "periods", "years", "array"],
)
def test_times_of_windows_and_targets_are_those_of_their_steps(index):
    series = np.arange(9.0)
    labels = np.arange(9) if index is None else index
    if index is not None:
        series = pd.Series(series, index)
    windows = sliding_windows(series, window=3, horizon=2, stride=2)
    X, y = windows
    assert windows.X_times.tolist() == np.asarray(labels)[X.astype(int)].tolist()
    expected = np.asarray(labels)[np.asarray(y).astype(int)].tolist()
    assert windows.y_times.tolist() == expected
    assert isinstance(y, pd.DataFrame) == isinstance(
        index, pd.DatetimeIndex | pd.PeriodIndex
    )


def test_the_last_window_is_followed_by_the_future():
    windows = sliding_windows(days(9), window=3, horizon=2, stride=4)
    assert windows.X_future.tolist() == [[6.0, 7.0, 8.0]]
    assert windows.future_index.equals(pd.date_range("2024-01-10", periods=2))
    assert windows.future_index.name == "day"
    windows = sliding_windows(np.arange(18).reshape(9, 2), window=2, target=0)
    assert windows.X_future.tolist() == [[[14, 15], [16, 17]]]
    assert windows.future_index.tolist() == [9]
    years = pd.Series(np.arange(9.0), range(1700, 1709))
    assert sliding_windows(years, window=2).future_index.tolist() == [1709]


def test_the_result_is_a_pair_that_survives_a_pickle():
    windows = sliding_windows(days(9), window=3)
    copy = pickle.loads(pickle.dumps(windows))
    assert len(copy) == 2
    np.testing.assert_array_equal(copy[0], windows[0])
    assert copy.y_times.tolist() == windows.y_times.tolist()
    assert copy.future_index.equals(windows.future_index)


# --- gaps ----------------------------------------------------------------------------


def test_prices_without_holidays_are_refused_counted_or_filled():
    prices = trading_days(40)
    with pytest.raises(
        ValueError,
        match=r"series has gaps: row 10 \(2012-01-17\) comes 2 steps after row 9 "
        r"\(2012-01-13\), at the frequency 'B'; 2 gaps, 3 missing in all. Set "
        "gaps='fill' to insert rows of NaN, or freq='steps' to count rows",
    ):
        sliding_windows(prices, window=4)
    counted = sliding_windows(prices, window=4, freq="steps")
    assert len(counted[0]) == 37 - 4
    assert counted[1].index.equals(prices.index[4:])
    assert counted.future_index.tolist() == [37]
    filled = sliding_windows(prices, window=4, gaps="fill")
    assert len(filled[0]) == 40 - 4
    assert filled[1].index[filled[1].isna()].tolist() == [
        pd.Timestamp(day) for day in ("2012-01-16", "2012-02-20", "2012-02-21")
    ]
    assert filled.future_index.tolist() == [pd.Timestamp("2012-02-27")]
    whole = pd.Series(np.nan, pd.date_range("2012-01-02", periods=40, freq="B"))
    whole[prices.index] = prices
    np.testing.assert_array_equal(filled[0], sliding_windows(whole, window=4)[0])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int64", "float64"), ("float32", "float32"), ("int8", "float32")],
)
def test_filled_numbers_are_floats(dtype, expected):
    series = days(9).astype(dtype).drop(pd.Timestamp("2024-01-03"))
    X, _ = sliding_windows(series, window=3, gaps="fill")
    assert X.dtype == expected
    np.testing.assert_array_equal(X[0], [0, 1, np.nan])


def test_gaps_between_numbers_are_refused_or_filled():
    years = pd.Series(np.arange(9), range(1990, 1999)).drop(1993)
    with pytest.raises(ValueError, match=r"row 3 \(1994\) comes 2 steps after row 2"):
        sliding_windows(years, window=3)
    windows = sliding_windows(years, window=3, gaps="fill")
    np.testing.assert_array_equal(windows.X[1], [1, 2, np.nan])
    assert windows.future_index.tolist() == [1999]
    assert len(sliding_windows(years, window=3, freq="steps").X) == 5


def test_a_long_frame_is_said_so_and_columns_of_one_name_are_refused():
    long = pd.DataFrame({"id": np.repeat([3, 1], 20), "t": [*range(20)] * 2, "y": 0.0})
    with pytest.warns(
        UserWarning, match="all rows are read as one series. .*by='id', time='t'"
    ):
        sliding_windows(long, window=3, target="y")
    with pytest.raises(ValueError, match="series has more than one column 'y'"):
        sliding_windows(long.set_axis(["x", "y", "y"], axis=1), window=3, target="y")


def test_a_list_of_lists_is_one_series_and_one_of_arrays_several():
    lists = [[1, 10], [2, 20], [3, 30]]
    assert sliding_windows(lists, window=1, target=0).y.tolist() == [2, 3]
    assert sliding_windows([np.array(x) for x in lists], window=1).y.tolist() == [
        10,
        20,
        30,
    ]
    with pytest.raises(
        ValueError,
        match=r"series\[0\] has 3 numbers and series\[1\] has 2; a list of lists is one .*"
        r"\[np.array\(one\) for one in series\]",
    ):
        sliding_windows([[1, 2, 3], [4, 5]], window=1)


def test_a_series_long_enough_only_with_its_gaps_filled_is_cut():
    series = days(5).drop(pd.Timestamp("2024-01-03"))
    X, _ = sliding_windows(series, window=4, gaps="fill")
    assert X.shape == (1, 4)


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        (days(9)[::-1], {}, r"series is not sorted by time: row 1 .* series.sort_index"),
        (pd.concat([days(9), days(9)]).sort_index(), {}, "series has the time 2024-01-01 "
         r"twice, in rows 0 and 1; .* or pass a list of series where it holds several"),
        (days(9), {"freq": "W"}, "series: row 0 .* lies between two steps of freq='W'"),
        (days(9), {"gaps": "skip"}, "gaps must be 'raise' or 'fill', got 'skip'"),
        (days(9), {"gaps": "fill", "freq": "steps"}, "gaps='fill' needs dates or numbers"),
        (np.arange(9), {"gaps": "fill"}, "gaps='fill' needs dates or numbers"),
        (np.arange(9), {"freq": "D"}, "freq='D' needs dates"),
        (pd.concat({"a": days(9), "b": days(9)}), {}, "series has a MultiIndex; pass a l"),
    ],
)  # fmt: skip
def test_series_whose_times_are_in_disorder_are_refused(series, options, message):
    with pytest.raises(ValueError, match=message):
        sliding_windows(series, window=2, **options)


def test_the_list_that_the_message_about_a_multi_index_names_is_cut():
    series = pd.concat({"a": days(9), "b": days(9)})
    parts = [part.droplevel(0) for _, part in series.groupby(level=0)]
    assert sliding_windows(parts, window=2).groups.tolist() == [0] * 7 + [1] * 7


def test_a_column_of_dates_is_to_become_the_index():
    frame = days(9).reset_index()
    with pytest.raises(
        TypeError,
        match=r"column 'day'; make them the index, as series.set_index\('day'\)",
    ):
        sliding_windows(frame, window=2, target="sales")


# --- several series ------------------------------------------------------------------


@given(
    extra=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    window=st.integers(1, 5),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 4),
    n_features=st.sampled_from([None, 1, 3]),
    dated=st.booleans(),
    holes=st.sets(st.integers(0, 99)),
)
@DETERMINISTIC
def test_windows_of_several_series_are_what_a_loop_would_cut(
    extra, window, horizon, stride, n_features, dated, holes
):
    rng = np.random.default_rng(0)
    series, whole = [], []
    for k in extra:
        n = window + horizon + k
        shape = (n,) if n_features is None else (n, n_features)
        values = rng.normal(size=shape)
        if not dated:
            series.append(values)
            whole.append(values)
            continue
        make = pd.Series if n_features is None else pd.DataFrame
        full = make(values, pd.date_range("2024-01-01", periods=n))
        inner = [i for i in range(1, n - 1) if i in holes]
        full.iloc[inner] = np.nan
        whole.append(full.to_numpy())
        series.append(full.drop(full.index[inner]))
    target = None if n_features is None else n_features - 1
    windows = sliding_windows(
        series,
        window=window,
        horizon=horizon,
        stride=stride,
        target=target,
        **({"gaps": "fill", "freq": "D"} if dated else {}),
    )
    expected = []
    for i, values in enumerate(whole):
        column = values if target is None else values[:, target]
        for s in range(0, len(values) - window - horizon + 1, stride):
            end = s + window
            expected.append((values[s:end], column[end : end + horizon], i, s))
    X, y = windows
    y = np.asarray(y).reshape(len(X), horizon)
    np.testing.assert_array_equal(X, [e[0] for e in expected])
    np.testing.assert_array_equal(y, [e[1] for e in expected])
    assert windows.groups.tolist() == [e[2] for e in expected]
    starts = windows.X_times[:, 0]
    if dated:
        starts = (starts - np.datetime64("2024-01-01")) // np.timedelta64(1, "D")
    assert starts.tolist() == [e[3] for e in expected]
    np.testing.assert_array_equal(windows.X_future, [v[-window:] for v in whole])
    level = windows.future_index.get_level_values("series")
    assert level.tolist() == np.repeat(np.arange(len(whole)), horizon).tolist()


def test_targets_of_several_dated_series_have_the_series_and_the_date():
    parts = [days(4), days(5, "2024-03-01")]
    windows = sliding_windows(parts, window=2)
    _, y = windows
    assert y.index.names == ["series", "day"]
    assert y.loc[1].index.equals(parts[1].index[2:])
    assert y.name == "sales"
    assert windows.future_index.tolist() == [
        (0, pd.Timestamp("2024-01-05")),
        (1, pd.Timestamp("2024-03-06")),
    ]


def test_groups_hold_out_whole_series():
    windows = sliding_windows([np.arange(9.0)] * 3, window=2)
    X, y = windows
    for train, test in GroupKFold(3).split(X, y, windows.groups):
        assert not set(windows.groups[train]) & set(windows.groups[test])
        assert len(test) == 7


def test_series_of_a_long_frame_are_a_list():
    frame = pd.DataFrame({"shop": [0] * 5 + [1] * 4, "sales": np.arange(9.0)})
    series = sequences_from_frame(frame, by="shop", features="sales")
    for container in (series, series.to_numpy(), list(series), tuple(series)):
        windows = sliding_windows(container, window=3)
        assert windows[1].tolist() == [3, 4, 8]
        assert windows.groups.tolist() == [0, 0, 1]


def test_lists_of_numbers_and_of_rows_are_one_series():
    assert sliding_windows([1, 2, 3], window=2)[0].tolist() == [[1, 2]]
    X, _ = sliding_windows([[1, 2], [3, 4], [5, 6]], window=2, target=0)
    assert X.tolist() == [[[1, 2], [3, 4]]]


def test_columns_of_several_frames_come_in_any_order():
    frame = days(4).to_frame().assign(heat=10.0)
    X, y = sliding_windows([frame, frame[["heat", "sales"]]], window=2, target="sales")
    np.testing.assert_array_equal(X[:2], X[2:])
    assert y.tolist() == [2, 3, 2, 3]


@pytest.mark.parametrize(
    ("series", "target", "message"),
    [
        ([days(9), days(3), days(4)], None, r"series\[1\] has 3 steps, series\[2\] has 4 st"
         r"eps, but window=3 and horizon=2 need at least 5"),
        ([np.zeros(2)] * 9, None, r"series\[4\] has 2 steps and 4 others are too short"),
        ([np.zeros((9, 2)), np.zeros((9, 3))], 0, r"series\[1\] has the shape \(9, 3\), exp"
         r"ected \('n_steps', 2\) \(as series\[0\] has\)"),
        ([days(9).to_frame(), days(9).to_frame("x")], None, r"series\[1\] has the columns \["
         r"'x'\], expected \['sales'\]"),
        ([days(9), np.zeros(9)], None, r"series\[1\] has an index without dates"),
        ([days(9), days(9)[::-1]], None, r"series\[1\] is not sorted by time"),
        ([days(9), days(9).drop(pd.Timestamp("2024-01-03"))], None, r"series\[1\] has gaps"),
        (np.zeros((2, 9, 2)), 0, r"series has 3 dimensions.*pass several series as list\(s"),
    ],
)  # fmt: skip
def test_series_that_do_not_fit_together_are_named(series, target, message):
    with pytest.raises(ValueError, match=message):
        sliding_windows(series, window=3, horizon=2, target=target)


@pytest.mark.parametrize("convert", [lambda frame: frame, polars.DataFrame.to_arrow])
def test_columns_of_frames_of_other_libraries_are_found_by_name(convert):
    first = polars.DataFrame({"price": [1.0, 2.0, 3.0], "volume": [10.0, 20.0, 30.0]})
    second = first.select("volume", "price")
    windows = sliding_windows([convert(first), convert(second)], window=2, target="price")
    assert windows.y.tolist() == [3.0, 3.0]
    np.testing.assert_array_equal(windows.X[0], windows.X[1])
    other = second.rename({"volume": "amount"})
    with pytest.raises(ValueError, match=r"series\[1\] has the columns .*'amount'"):
        sliding_windows([convert(first), convert(other)], window=2, target="price")
