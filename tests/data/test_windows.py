"""Series become windows and the steps that follow them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

from skrnn.preprocessing import sliding_windows


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
    with pytest.raises(ValueError, match=r"series is not an array \(n_steps,\) or"):
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
        (["a"] * 9, None, TypeError, "series must hold real numbers, got dtype <U1"),
    ],
)
def test_other_series_and_targets_are_refused(series, target, error, message):
    with pytest.raises(error, match=message):
        sliding_windows(series, window=2, target=target)
