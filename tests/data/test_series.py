"""Series in the containers of users."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import torch

from skrnn.data.ragged import RaggedArray
from skrnn.data.series import SeriesOptions, index_of, parse_series, read_entries
from skrnn.preprocessing import sliding_windows


@pytest.mark.parametrize("dtype", ["timestamp[us][pyarrow]", "date32[pyarrow]"])
def test_dates_of_arrow_are_dates(dtype):
    dates = pd.date_range("2024-01-31", periods=3, freq="ME")
    index = pd.Index(dates.date, dtype=dtype)
    found = index_of(pd.Series(range(3), index), 3, "X")
    assert isinstance(found, pd.DatetimeIndex)
    assert found.tolist() == dates.tolist()


def test_a_series_is_read_by_column_and_keeps_its_memory():
    frame = polars.DataFrame({"a": [1, 2], "b": [3, 4]})
    for series in (frame, frame.to_arrow()):
        values, names = parse_series(series, "series")
        assert values.tolist() == [[1, 3], [2, 4]]
        assert names == ["a", "b"]
    array = np.arange(4.0)
    values, names = parse_series(array, "series")
    assert values is array
    assert names is None


# --- columns of lists ----------------------------------------------------------------


@pytest.mark.parametrize(
    "hold",
    [polars.Series, pyarrow.array, lambda X: pyarrow.chunked_array([X])],
    ids=["polars", "Arrow", "Arrow in chunks"],
)
def test_a_column_of_lists_has_a_series_a_row(hold):
    entries = read_entries(hold([[1.0, 2.0, 3.0], [4.0, 5.0]]), SeriesOptions(1), "X")
    assert [np.ravel(target).tolist() for target in entries.targets] == [
        [1, 2, 3],
        [4, 5],
    ]


@pytest.mark.parametrize(
    "hold",
    [
        lambda rows: polars.Series(rows, dtype=polars.Array(polars.Float64, 3)),
        lambda rows: pd.Series(
            rows, dtype=pd.ArrowDtype(pyarrow.list_(pyarrow.float64()))
        ),
        pd.Series,
    ],
    ids=["polars Array", "pandas by Arrow", "pandas"],
)
def test_cells_of_one_length_are_series_too(hold):
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    entries = read_entries(hold(rows), SeriesOptions(1), "X")
    assert [np.ravel(target).tolist() for target in entries.targets] == rows
    windows = sliding_windows(hold(rows), window=2)
    assert windows.y.tolist() == [3.0, 6.0]
    assert windows.groups.tolist() == [0, 1]


def test_a_tensor_of_two_dimensions_has_a_series_a_column():
    tensor = torch.arange(6.0).reshape(3, 2)
    entries = read_entries(tensor, SeriesOptions(1), "X")
    assert [np.ravel(target).tolist() for target in entries.targets] == [
        [0, 2, 4],
        [1, 3, 5],
    ]
    windows = sliding_windows(tensor, window=2, target=1)
    assert windows.X.shape == (1, 2, 2)
    assert windows.y.tolist() == [5]


def test_a_ragged_array_has_a_series_a_sequence():
    ragged = RaggedArray.from_sequences([np.arange(3.0), np.arange(2.0)])
    entries = read_entries(ragged, SeriesOptions(1), "X")
    assert [np.ravel(target).tolist() for target in entries.targets] == [
        [0, 1, 2],
        [0, 1],
    ]


def test_a_list_of_other_objects_is_named():
    with pytest.raises(ValueError, match=r"X is not an array \(n_steps,\)"):
        read_entries([object(), np.arange(3.0)], SeriesOptions(1), "X")


def test_a_number_among_series_is_named():
    with pytest.raises(
        ValueError, match=r"X\[1\] has 0 dimensions, expected \(n_steps,\)"
    ):
        read_entries([np.arange(3.0), 4.0], SeriesOptions(1), "X")


# --- times in a column -----------------------------------------------------------------


@pytest.mark.parametrize(
    "times",
    [
        pd.Series(pd.to_timedelta(np.arange(6), unit="s")),
        pd.Series(range(1960, 1966), dtype=object),
        pd.Series(pd.date_range("2024", periods=6), dtype=object),
        pd.Series(np.arange(6.0)),
    ],
    ids=["durations", "numbers as objects", "dates as objects", "numbers"],
)
def test_times_of_every_kind_in_a_column_are_those_of_an_index(times):
    frame = pd.DataFrame({"t": times, "y": np.arange(6.0)})
    fields = pd.DataFrame({"t": [times.to_numpy()] * 2, "y": [np.arange(6.0)] * 2})
    expected = pd.Index(times.infer_objects())
    for X in (frame, [frame], fields):
        for found in read_entries(X, SeriesOptions(target="y", time="t"), "X").indexes:
            assert found.equals(expected)


def test_a_list_of_frames_of_another_library_is_read_as_one_of_pandas():
    frame = pd.DataFrame({"day": pd.date_range("2024", periods=4), "y": np.arange(4.0)})
    options = SeriesOptions(target="y", time="day")
    expected = read_entries([frame, frame], options, "X")
    found = read_entries([polars.from_pandas(frame)] * 2, options, "X")
    assert (found.container, found.labels) == (expected.container, expected.labels)
    assert found.indexes[1].equals(expected.indexes[1])


def test_times_that_are_tuples_are_named():
    X = pd.DataFrame({"t": [[(2024, 1), (2024, 2)]], "y": [np.arange(2.0)]})
    with pytest.raises(TypeError, match="column 't' must hold dates, times or numbers"):
        read_entries(X, SeriesOptions(target="y", time="t"), "X")


@pytest.mark.parametrize("X", [pd.Series(np.arange(9.0)), np.ones((9, 2)), [np.ones(9)]])
def test_a_column_of_times_that_no_container_has_is_named(X):
    with pytest.raises(ValueError, match=r"time='day' names a column, but X.* has none"):
        read_entries(X, SeriesOptions(time="day"), "X")
