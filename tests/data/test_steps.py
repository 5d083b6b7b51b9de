"""Values of sequences become flat steps; the first one that does not fit is named."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
import torch

from skrnn.data.containers import check_sequences
from skrnn.data.steps import MAX_SHOWN, is_missing, shown, to_array
from skrnn.data.targets._tokens import TARGET_ADVICE


def check(X, **options):
    return check_sequences(X, **({"split": str.split} | options))


# --- values that do not fit ----------------------------------------------------------


def with_bad_step(value):
    X = [np.zeros((2, 2)), np.zeros((3, 2))]
    X[1][2, 0] = value
    return X


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.nan, "NaN"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda X: X,
        lambda X: [s.tolist() for s in X],
        lambda X: pd.Series(X),
        lambda X: np.stack([s[-2:] for s in X]),
        lambda X: np.stack([s[-2:, 0] for s in X]),
        lambda X: pd.DataFrame(np.stack([s[-2:, 0] for s in X]), columns=["a", "b"]),
    ],
    ids=["list", "nested", "series", "3-D", "2-D", "frame"],
)
def test_a_number_that_is_not_finite_is_named_by_sequence_and_step(make, value, what):
    X = make(with_bad_step(value))
    step = len(X[1]) - 1 if isinstance(X, list | pd.Series) else 1
    with pytest.raises(ValueError, match=rf"X contains .*{what}.*: X\[1\], step {step}"):
        check(X)


@pytest.mark.parametrize("make", [list, np.array])
def test_infinities_that_cancel_out_are_found(make):
    with pytest.raises(ValueError, match=r"X\[0\], step 1"):
        check(make([[1.0, np.inf, -np.inf]]))


def test_none_among_numbers_is_missing():
    with pytest.raises(ValueError, match=r"contains NaN: X\[0\], step 1"):
        check([[1.0, None], [2.0]])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.ones((2, 2)), np.ones((2, 3))], r"X\[1\] has 3 features, expected 2 \(as X"),
        ([np.ones((2, 2)), np.ones(2)], r"X\[1\] has 1 features, expected 2"),
        ([np.ones(2), np.ones((2, 3))], r"X\[1\] has 3 features, expected 1"),
        (
            [np.ones((2, 2, 3)), np.ones((2, 3, 2))],
            r"X\[1\] has steps of shape \(3, 2\), expected \(2, 3\)",
        ),
    ],
)
def test_steps_of_other_features_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1, 2], ["a"]], r"X\[1\] is not a numeric array .*steps are strings"),
        ([[1, 2], [1, "a"]], r"X\[1\], step 0 is 1 \(int\), but step 1 is 'a'"),
        ([[1, 2], "a b"], r"X\[1\] is str, but X\[0\] is a numeric sequence"),
        ([[1, 2], 3], r"X\[1\] is int, but X\[0\] is a numeric sequence"),
        ([[1, 2], np.array(3.0)], r"X\[1\] is ndarray"),
        ([["a"], [1]], r"X\[1\], step 0 is 1 among strings"),
        ([["b", "a"], ["a", 2]], r"X\[1\], step 1 is 2 among strings"),
        (["a", ["b"]], r"X\[1\] is list, but X\[0\] is str"),
        ([["a"], "b"], r"X\[1\] is str, but X\[0\] is list"),
        (["a", 1], r"X\[1\] is int, but X\[0\] is str"),
        ([["a"], {"b": 1}], r"X\[1\] is dict"),
        ([["a"], {"b"}], r"X\[1\] is set"),
    ],
)
def test_mixed_kinds_are_refused_with_their_place(X, message):
    with pytest.raises(TypeError, match=message):
        check(X)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("input_type", ["auto", "tokens"])
def test_a_missing_token_is_named(missing, input_type):
    with pytest.raises(TypeError, match=r"X\[1\], step 1 is .*not missing"):
        check([["a"], ["b", missing]], input_type=input_type)


def test_a_token_that_cannot_be_looked_up_is_named():
    with pytest.raises(TypeError, match=r"X\[0\], step 1 is \['b'\]"):
        check([["a", ["b"]]])


@pytest.mark.parametrize(
    "X",
    [
        [[[1, 2], [3]], [[1, 2]]],
        [[[1, 2], 3], [[1, 2]]],
        pd.Series([[[1, 2], [3]], [[1, 2]]]),
        pd.DataFrame({"x": [[[1, 2], [3]], [[1, 2]]]}),
    ],
)
def test_steps_of_unequal_size_are_refused_with_their_sequence(X):
    with pytest.raises(ValueError, match=r"X\[0\] is not a numeric array"):
        check(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.ones(2), np.ones(2) * 1j], r"X\[1\] .*Complex data not supported"),
        (np.ones((2, 2, 2)) * 1j, "X, a 3-D array, .*Complex data not supported"),
        (np.ones((2, 2)) * 1j, "Complex data not supported"),
    ],
)
def test_complex_numbers_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.parametrize("given", [None, 3, iter("ab")])
def test_a_tokenizer_that_gives_no_list_is_refused(given):
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"tokenizer gave {kind} for X\[0\]"):
        check(["a b"], split=lambda text: given)


# --- first steps that are neither numbers nor strings --------------------------------

WORDS = [("the", "DT"), ("cat", "NN")]


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (
            [1, "a"],
            r"X\[0\], step 0 is 1 \(int\), but step 1 is 'a'.*input_type=\"tokens\"",
        ),
        ([2.5, "a"], r"X\[0\], step 0 is 2.5 \(float\), but step 1 is 'a'"),
        (np.array([1, "2"], object), r"X\[0\], step 0 is 1 \(int\), but step 1 is '2'"),
        ([True, "a"], r"X\[0\], step 0 is True \(bool\), but step 1 is 'a'"),
        ([np.nan, "a"], r"X\[0\], step 0 is nan; tokens must be .* not missing"),
        ([None, "a"], r"X\[0\], step 0 is None; tokens must be .* not missing"),
        ([pd.NA, pd.NaT, "a"], r"X\[0\], step 0 is <NA>; tokens must be .* not missing"),
        ([b"a", b"b"], r"X\[0\], step 0 is b'a'; decode bytes to strings"),
        (np.array([b"a", b"b"]), r"X\[0\], step 0 is .*b'a'.*; decode bytes to strings"),
        (WORDS, r"X\[0\], step 0 is \('the', 'DT'\); .*\[\[word for word, tag in"),
        ([["a", "b"], ["c"]], r"X\[0\], step 0 is \['a', 'b'\]; .*one list of strings"),
        ([["a", "b"], ["c", "d"]], r"X\[0\], step 0 is \['a', 'b'\]; .*one list of str"),
        ([{"a"}, {"b"}], r"X\[0\], step 0 is {'a'}; .*MultiLabelBinarizer"),
        ([1.0, {"a": 1}], r"X\[0\], step 1 is {'a': 1}; .*DictVectorizer"),
        (
            [pd.Timestamp(0)],
            r"X\[0\], step 0 is Timestamp\(.*; dates and times are not",
        ),
        ([datetime.timedelta(1)], r"X\[0\], step 0 is datetime.timedelta.*; dates and"),
        (b"abc", r"X\[0\] is b'abc', which is bytes; .* as X\[0\].decode\(\)"),
        (["a", b"b"], r"X\[0\], step 1 is b'b' among strings"),
    ],
    ids=repr,
)
def test_a_step_that_is_neither_number_nor_string_is_named_with_a_remedy(
    sequence, message
):
    with pytest.raises(TypeError, match=message):
        check([sequence, sequence])


def test_tuples_and_numbers_among_strings_are_tokens_where_asked():
    for sequence in (WORDS, [1, "a"], [b"a", b"b"]):
        steps = check([sequence], input_type="tokens").steps
        assert steps.values.tolist() == list(sequence)


def test_the_advice_for_targets_names_no_parameter_of_X():
    with pytest.raises(
        TypeError, match="no step of a Pipeline changes targets"
    ) as caught:
        check([[{"a": 1}]], name="y", advice=TARGET_ADVICE)
    assert "StepwiseTransformer" not in str(caught.value)


@pytest.mark.parametrize(
    "X",
    [
        [["b", ["x" * 1000] * 1000]],
        [[1, "a" * 10_000]],
        [[("a" * 10_000, "b")] * 2],
        [["a" * 10_000, None]],
        [[{"a" * 10_000}]],
        [[object()] * 5],
        [np.array([["a" * 10_000, 1.0]], object)],
        pd.DataFrame({"n" * 10_000: [1], "b": [{"a" * 10_000}]}),
        [pd.DataFrame({f"column {i}": [1.0] for i in range(1000)}), pd.DataFrame([1])],
        np.array([["a b" * 10_000, "c"]]),
        ["a", None, "b" * 10_000],
    ],
    ids=range(11),
)
def test_messages_stay_short(X):
    with pytest.raises((TypeError, ValueError)) as caught:
        check(X)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", ["a" * 200, ["a" * 200] * 200, {"b" * 200}, 3, [1, 2]])
def test_short_values_are_shown_whole_and_long_ones_cut(value):
    text = shown(value)
    assert len(text) <= MAX_SHOWN
    assert (text == repr(value)) == (len(repr(value)) <= MAX_SHOWN)


# --- masked and missing values, tensors ----------------------------------------------


def masked(values, place):
    array = np.ma.array(values)
    array[place] = np.ma.masked
    return array


TWO = [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("X", "place"),
    [
        (masked(TWO, (1, 0)), r"X\[1\], step 0"),
        (masked(np.array(TWO, float), (1, 0)), r"X\[1\], step 0"),
        (masked(np.ones((2, 3, 2)), (1, 2, 0)), r"X\[1\], step 2"),
        (list(masked(TWO, (1, 0))), r"X\[1\], step 0"),
        ([np.array([1]), masked([1, 2], 1)], r"X\[1\], step 1"),
        ([list(masked(np.ones((3, 2)), (2, 1)))], r"X\[0\], step 2"),
        (pd.Series([np.ones(2), masked([1, 2], 1)]), r"X\[1\], step 1"),
        (
            pd.DataFrame({"a": [np.ones(2), masked([1, 2], 1)]}),
            r"row 1, step 1",
        ),
        ([pd.Series(pd.array([1, None], dtype="Int64"))], r"X\[0\], step 1"),
        ([pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})], r"X\[0\], step 1"),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Float32")}), r"X\[1\], step 0"),
        (pd.DataFrame({"a": [1, pd.NA], "b": [1, 2]}, dtype=object), r"X\[1\], step 0"),
        ([[1, pd.NA]], r"X\[0\], step 1"),
        ([[1, pd.NaT]], r"X\[0\], step 1"),
    ],
    ids=range(14),
)
def test_a_masked_or_missing_number_is_named(X, place):
    with pytest.raises(ValueError, match=f"X.* contains NaN: {place}. Set missing="):
        check(X)


@pytest.mark.parametrize(
    "X",
    [
        masked([["a", "b"], ["c", "d"]], (1, 0)),
        [["a"], masked(["c", "d"], 0)],
        [["a"], masked(np.array(["c", "d"], object), 0)],
    ],
    ids=range(3),
)
def test_a_masked_token_is_named(X):
    with pytest.raises(TypeError, match=r"X\[1\], step 0 is None; .*not missing"):
        check(X)


def test_a_masked_integer_is_no_token():
    for X in (masked(TWO, (1, 0)), [[1], masked([3, 4], 0)]):
        with pytest.raises(
            TypeError, match=r"X\[1\], step 0 is (nan|None); .*not missing"
        ):
            check(X, input_type="tokens")


def test_a_masked_text_is_missing():
    with pytest.raises(ValueError, match=r'X\[1\] is missing .*fillna\(""\)'):
        check(masked(["a b", "c"], 1))


def test_a_masked_array_without_masked_cells_is_read():
    assert check(np.ma.array(TWO)).steps.values.ravel().tolist() == [1, 2, 3, 4]


def test_masked_cells_become_nan_none_or_nat():
    assert np.isnan(to_array(masked([1, 2], 1))[1])
    assert to_array(masked(np.array([1, 2], np.float32), 1)).dtype == np.float32
    assert to_array(masked(["a", "b"], 1)).tolist() == ["a", None]
    assert np.isnat(to_array(masked(np.array([0, 0], "M8[s]"), 1))[1])
    assert is_missing(np.ma.masked)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_that_require_gradients_are_read(dtype):
    X = [torch.ones(2, 3, dtype=dtype, requires_grad=True)]
    column = np.empty(1, dtype=object)
    column[0] = X[0]
    for given in (X, [list(X[0])], torch.stack(X), pd.Series(column)):
        checked = check(given)
        assert checked.steps.values.tolist() == [[1, 1, 1]] * 2
    assert X[0].requires_grad


@pytest.mark.parametrize(
    ("values", "expected"),
    [(["a", None, "b", "a"], ["a", None, "b", "a"]), ([2, None, 1], [2, np.nan, 1])],
)
def test_a_missing_entry_of_a_dictionary_of_arrow_stays_missing(values, expected):
    encoded = pa.array(values).dictionary_encode()
    for given in (encoded, pa.chunked_array([encoded, encoded[:0]])):
        np.testing.assert_array_equal(to_array(given), np.array(expected))


@pytest.mark.parametrize("chunked", [False, True])
def test_tensors_of_arrow_keep_their_shape_and_what_is_missing(chunked):
    kind = pa.fixed_shape_tensor(pa.float32(), (2, 2))
    storage = pa.array([[0, 1, 2, None], [4, 5, 6, 7]], pa.list_(pa.float32(), 4))
    given = pa.ExtensionArray.from_storage(kind, storage)
    given = pa.chunked_array([given, given[:0]]) if chunked else given
    expected = [[[0, 1], [2, np.nan]], [[4, 5], [6, 7]]]
    np.testing.assert_array_equal(to_array(given), expected)
    cube = np.arange(24.0).reshape(2, 3, 4).transpose(0, 2, 1)
    given = pa.FixedShapeTensorArray.from_numpy_ndarray(cube)
    given = pa.chunked_array([given]) if chunked else given
    np.testing.assert_array_equal(to_array(given), cube)
    storage = pa.array([None, [4, 5, 6, 7]], pa.list_(pa.float32(), 4))
    missing, there = to_array(pa.ExtensionArray.from_storage(kind, storage))
    assert missing is None
    assert there.tolist() == [[4, 5], [6, 7]]


def test_texts_of_polars_are_no_longer_than_they_are():
    array = to_array(polars.Series(["a", "b" * 1000]))
    assert array.dtype == object
    assert array.tolist() == ["a", "b" * 1000]
