"""Arrow's lists of numbers against the same steps as arrays."""

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from skrnn import SequenceClassifier
from skrnn.data.arrow import ragged_of
from skrnn.data.containers import check_sequences
from skrnn.data.ragged import RaggedArray

ARRAYS = [np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2) - 5]


def lists_of(arrays, dtype=np.float32, large=False):
    """Return an Arrow array of lists of lists of one size."""
    values = pa.array(np.concatenate(arrays).astype(dtype).ravel())
    steps = pa.FixedSizeListArray.from_arrays(values, arrays[0].shape[1])
    offsets = np.cumsum([0, *map(len, arrays)])
    kind = pa.LargeListArray if large else pa.ListArray
    return kind.from_arrays(pa.array(offsets, pa.int64() if large else pa.int32()), steps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("large", [False, True])
def test_lists_are_the_same_steps_as_arrays(dtype, large):
    steps = ragged_of(lists_of(ARRAYS, dtype, large))
    assert steps.values.dtype == dtype
    assert len(steps) == 2
    for got, expected in zip(steps, ARRAYS, strict=True):
        assert np.array_equal(got, expected)


def test_the_memory_is_shared():
    lists = lists_of(ARRAYS)
    assert np.shares_memory(
        ragged_of(lists).values, lists.values.flatten().to_numpy(zero_copy_only=True)
    )
    checked = check_sequences(lists)
    assert np.shares_memory(checked.steps.values, ragged_of(lists).values)


@pytest.mark.parametrize(
    "X",
    [
        lists_of([*ARRAYS, *ARRAYS])[1:3],
        pa.chunked_array(
            [lists_of(ARRAYS)[1:], lists_of(ARRAYS)[:0], lists_of(ARRAYS[:1])]
        ),
    ],
    ids=["slice", "chunks"],
)
def test_slices_and_chunks_keep_their_own_sequences(X):
    steps = ragged_of(X)
    assert [s.tolist() for s in steps] == [a.tolist() for a in (ARRAYS[1], ARRAYS[0])]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda X: pa.table({"x": X}),
        lambda X: pa.record_batch({"x": X}),
        lambda X: pd.Series(X, dtype=pd.ArrowDtype(X.type)),
    ],
    ids=["table", "record batch", "Series"],
)
def test_one_column_is_read_without_a_copy_in_whatever_it_comes(wrapped):
    lists = lists_of(ARRAYS)
    steps = ragged_of(wrapped(lists))
    assert np.shares_memory(steps.values, ragged_of(lists).values)
    assert steps.offsets.tolist() == [0, 3, 5]


@pytest.mark.parametrize("dtype", [pa.float32(), pa.float64(), pa.int16()])
def test_missing_numbers_are_nan(dtype):
    steps = ragged_of(pa.array([[1, None], [3]], pa.list_(dtype)))
    np.testing.assert_array_equal(steps.values[:, 0], [1, np.nan, 3])
    assert steps.values.dtype == (np.float32 if dtype == pa.float32() else np.float64)


def test_plain_numbers_are_steps_of_one_feature():
    steps = ragged_of(pa.array([[1.0, 2.0], [3.0]]))
    assert [s.tolist() for s in steps] == [[[1.0], [2.0]], [[3.0]]]


@pytest.mark.parametrize(
    "X",
    [
        pa.array([["a"], ["b", "c"]]),
        pa.array([[1.0], None]),
        pa.table({"a": [[1.0]], "b": [[2.0]]}),
        pa.table({"a": [[1.0, 2.0], [3.0]]}),
        pd.Series([[1.0], [2.0]]),
        pd.Series(["a\ud800"], dtype=object),
        pa.array([[[1.0, 2.0]], [[1.0]]]),
        pa.array([1.0, 2.0]),
        pa.array([], pa.list_(pa.float32())),
        [[1.0]],
        np.ones(2),
    ],
    ids=lambda X: str(getattr(X, "type", type(X))),
)
def test_anything_else_is_left_to_the_other_readers(X):
    assert ragged_of(X) is None


@pytest.mark.parametrize("flat", [True, False], ids=["ragged", "arrow"])
def test_a_classifier_reads_them_as_it_reads_arrays(flat):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in rng.integers(1, 6, size=12)]
    y = np.arange(12) % 2
    given = RaggedArray.from_sequences(X) if flat else lists_of(X)
    settings = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
    model = SequenceClassifier(**settings).fit(given, y)
    expected = SequenceClassifier(**settings).fit(X, y)
    assert np.array_equal(model.predict_proba(X), expected.predict_proba(given))


def test_texts_are_read_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for dtype in (object, pd.StringDtype("python")):
        texts = pd.Series(["a b", "c"], dtype=dtype)
        assert check_sequences(texts, split=str.split).texts == ["a b", "c"]


def test_a_table_of_one_field_keeps_its_name():
    X = pa.table({"level": [[1.0, 2.0], [3.0]] * 3})
    model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(X, [0, 1] * 3)
    assert model.feature_names_in_.tolist() == ["level"]
    with pytest.raises(ValueError, match=r"lacks the columns \['level'\]"):
        model.predict(X.rename_columns(["other"]))


def test_a_table_of_steps_does_not_stand_for_one_of_several_fields():
    column = lists_of([*ARRAYS] * 3)
    X = pa.table({"x": column, "ward": pa.array(["a", "b"] * 3).dictionary_encode()})
    model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(X, [0, 1] * 3)
    with pytest.raises(ValueError, match=r"lacks the columns \['ward'\]"):
        model.predict(X.select(["x"]))


def test_errors_name_the_place():
    bad = [ARRAYS[0], ARRAYS[1] * np.nan]
    with pytest.raises(ValueError, match=r"NaN: X\[1\], step 0"):
        check_sequences(lists_of(bad))
    empty = pa.array([[1.0], []], pa.list_(pa.float32()))
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        check_sequences(empty)
