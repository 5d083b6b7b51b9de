"""The door: every container gives the same steps, every mistake an error that names it."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from skrnn.data.checks import (
    Form,
    check_class_targets,
    check_length,
    check_number_targets,
    check_same_form,
    check_sequences,
    check_step_targets,
    check_target_sequences,
    check_weights,
)
from skrnn.data.ragged import RaggedArray, object_array

RAGGED = [np.array([[1, 2], [3, 4], [5, 6]]), np.array([[7, 8], [9, 10]])]
UNIVARIATE = [[1.0, 2.0, 3.0], [4.0, 5.0]]
EVEN = np.arange(12.0).reshape(2, 3, 2)
TEXTS = ["b a n d", "a b"]
TOKENS = [["b", "a", "n", "d"], ["a", "b"]]
SQUARE_TOKENS = [["a", "b"], ["c", "d"]]


def check(X, **options):
    return check_sequences(X, **({"split": str.split} | options))


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def assert_numeric(checked, sequences, n_features):
    values = np.concatenate([np.asarray(s).reshape(len(s), -1) for s in sequences])
    assert checked.steps.values.dtype == np.float32
    assert checked.steps.values.shape[1] == n_features
    np.testing.assert_array_equal(checked.steps.values, values)
    assert checked.steps.lengths.tolist() == [len(s) for s in sequences]
    assert checked.form.kind == "numeric"
    assert checked.form.n_features == n_features
    assert not checked.strings


# --- containers of numbers -----------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        RAGGED,
        tuple(RAGGED),
        object_array(RAGGED),
        pd.Series(RAGGED, index=[7, 3]),
        pd.DataFrame({"x": RAGGED}),
        [s.tolist() for s in RAGGED],
        [tuple(map(tuple, s)) for s in RAGGED],
        pd.Series([s.tolist() for s in RAGGED]),
        [list(s) for s in RAGGED],
        [pd.DataFrame(s) for s in RAGGED],
        [torch.tensor(s) for s in RAGGED],
        [torch.tensor(s, dtype=torch.float16) for s in RAGGED],
        [s.astype(np.float64) for s in RAGGED],
        [s.astype(">f4") for s in RAGGED],
        [s.astype(object) for s in RAGGED],
        [read_only(s) for s in RAGGED],
        [s[:, ::-1][:, ::-1] for s in RAGGED],
        [np.asfortranarray(s) for s in RAGGED],
        RaggedArray.from_sequences(RAGGED),
    ],
    ids=lambda X: type(X).__name__,
)
def test_every_container_of_ragged_sequences_gives_the_same_steps(X):
    checked = check(X)
    assert_numeric(checked, RAGGED, 2)
    assert checked.form == Form("numeric", "list", 2)


@pytest.mark.parametrize(
    "X",
    [
        UNIVARIATE,
        [np.array(s) for s in UNIVARIATE],
        [np.array(s)[:, None] for s in UNIVARIATE],
        [np.array(UNIVARIATE[0]), np.array(UNIVARIATE[1])[:, None]],
        [pd.Series(s, index=range(5, 5 + len(s))) for s in UNIVARIATE],
        [torch.tensor(s) for s in UNIVARIATE],
        pd.Series(UNIVARIATE),
        pd.DataFrame({"x": UNIVARIATE}),
        [range(1, 4), range(4, 6)],
        [[decimal.Decimal(int(x)) for x in s] for s in UNIVARIATE],
        object_array(UNIVARIATE),
    ],
    ids=lambda X: type(X).__name__,
)
def test_a_sequence_of_numbers_has_one_feature(X):
    checked = check(X)
    assert_numeric(checked, UNIVARIATE, 1)
    assert checked.form == Form("numeric", "list", 1)


@pytest.mark.parametrize("make", [np.array, torch.tensor, read_only, np.asfortranarray])
def test_a_stacked_array_is_the_list_of_its_sequences(make):
    checked = check(make(EVEN))
    assert_numeric(checked, list(EVEN), 2)
    assert checked.form == Form("numeric", "array", 2)
    np.testing.assert_array_equal(checked.steps.values, check(list(EVEN)).steps.values)


def test_image_frames_are_flattened_step_by_step(rng):
    frames = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    assert_numeric(check(frames), list(frames), 20)
    assert_numeric(check([frames[0], frames[1][:2]]), [frames[0], frames[1][:2]], 20)


@pytest.mark.parametrize(
    "X",
    [
        EVEN[..., 0],
        EVEN[..., 0].tolist(),
        pd.DataFrame(EVEN[..., 0]),
        pd.DataFrame(EVEN[..., 0], columns=["a", "b", "c"]),
        torch.tensor(EVEN[..., 0]),
        read_only(EVEN[..., 0]),
        EVEN[..., 0].astype(object),
        pd.DataFrame(EVEN[..., 0]).astype("Int64"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_rows_of_two_dimensional_data_are_univariate_series(X):
    checked = check(X)
    assert_numeric(checked, list(EVEN[..., 0]), 1)
    assert checked.form.container == ("nested" if isinstance(X, list) else "columns")
    assert checked.form.width == 3


def test_column_names_are_kept_where_they_are_strings():
    frame = pd.DataFrame(EVEN[..., 0], columns=["a", "b", "c"])
    assert check(frame).named is frame
    assert check(frame.to_numpy()).named is None
    assert check(pd.DataFrame({"x": RAGGED})).named is None
    assert check([frame, frame]).named is frame


def test_a_frame_of_one_numeric_column_has_sequences_of_one_step():
    assert check(pd.DataFrame({"a": [1, 2, 3]})).steps.lengths.tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 3)])
def test_memory_maps_that_are_read_only_are_accepted(shape, tmp_path):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "x.npy", array)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    expected = check(array).steps.values
    np.testing.assert_array_equal(check(mapped).steps.values, expected)
    as_list = [np.asarray(s) for s in mapped]
    np.testing.assert_array_equal(check(as_list).steps.values, expected)


def test_booleans_are_the_numbers_zero_and_one():
    checked = check([np.array([True, False]), np.array([True])])
    assert checked.steps.values.ravel().tolist() == [1, 0, 1]


def test_the_users_arrays_are_not_changed():
    X = [s.astype(np.float32) for s in RAGGED]
    before = [s.copy() for s in X]
    check(X).steps.values[:] = -1
    for got, expected in zip(X, before, strict=True):
        np.testing.assert_array_equal(got, expected)


# --- containers of tokens ------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        np.array(TEXTS, dtype=np.dtypes.StringDType()),
        pd.Series(TEXTS, index=[9, 4]),
        pd.Series(TEXTS, dtype=object),
        pd.Series(TEXTS, dtype="str"),
        pd.Series(TEXTS, dtype="string"),
        pd.Series(TEXTS, dtype="category"),
        pd.Index(TEXTS),
        pd.DataFrame({"text": TEXTS}),
    ],
    ids=lambda X: f"{type(X).__name__}-{getattr(X, 'dtype', '')}",
)
def test_every_container_of_strings_gives_the_same_tokens(X):
    checked = check(X)
    assert [s.tolist() for s in checked.steps] == TOKENS
    assert checked.steps.values.dtype == object
    assert checked.form == Form("tokens", "list", None)
    assert checked.form.n_features is None
    assert checked.strings


@pytest.mark.parametrize(
    "X",
    [
        TOKENS,
        [tuple(s) for s in TOKENS],
        [np.array(s) for s in TOKENS],
        [np.array(s, dtype=object) for s in TOKENS],
        [pd.Series(s) for s in TOKENS],
        pd.Series(TOKENS),
        pd.DataFrame({"tokens": TOKENS}),
        object_array(TOKENS),
        object_array([np.array(s) for s in TOKENS]),
    ],
    ids=lambda X: f"{type(X).__name__}-{type(X[0]).__name__ if type(X) is list else ''}",
)
def test_every_container_of_token_lists_gives_the_same_tokens(X):
    checked = check(X)
    assert [s.tolist() for s in checked.steps] == TOKENS
    assert checked.form == Form("tokens", "list", None)
    assert not checked.strings


@pytest.mark.parametrize(
    "X",
    [
        SQUARE_TOKENS,
        np.array(SQUARE_TOKENS),
        np.array(SQUARE_TOKENS, dtype=object),
        np.array(SQUARE_TOKENS, dtype=np.dtypes.StringDType()),
        pd.DataFrame(SQUARE_TOKENS),
    ],
    ids=lambda X: f"{type(X).__name__}-{getattr(X, 'dtype', '')}",
)
def test_token_lists_of_one_length_may_be_an_array(X):
    assert [s.tolist() for s in check(X).steps] == SQUARE_TOKENS


@pytest.mark.parametrize(
    "X",
    [
        [[3, 1], [3]],
        [np.array([3, 1]), np.array([3])],
        [torch.tensor([3, 1]), torch.tensor([3])],
        pd.Series([[3, 1], [3]]),
        [pd.Series([3, 1]), pd.Series([3])],
        object_array([[3, 1], [3]]),
    ],
    ids=lambda X: f"{type(X).__name__}-{type(X[0]).__name__}",
)
def test_integers_are_looked_up_like_words_where_asked(X):
    checked = check(X, input_type="tokens")
    assert checked.form == Form("tokens", "list", None)
    assert checked.steps.values.tolist() == [3, 1, 3]
    assert {type(token) for token in checked.steps.values} == {int}
    assert checked.steps.lengths.tolist() == [2, 1]


@pytest.mark.parametrize("make", [np.array, pd.DataFrame, torch.tensor, list])
def test_rows_of_integers_are_token_lists_where_asked(make):
    checked = check(make([[3, 1], [2, 3]]), input_type="tokens")
    assert checked.steps.values.tolist() == [3, 1, 2, 3]
    assert checked.form == Form("tokens", "list", None)


def test_tokens_may_be_any_hashable_value():
    checked = check([[("a", 1), 2.5], [frozenset("x")]], input_type="tokens")
    assert checked.steps.values.tolist() == [("a", 1), 2.5, frozenset("x")]


@pytest.mark.parametrize("array", [np.array(["a", "b"]), np.array([3, 4])])
def test_numpys_own_tokens_become_pythons(array):
    steps = check([tuple(array)] * 2, input_type="tokens").steps.values
    assert set(map(type, steps)) == {type(array.tolist()[0])}


def test_strings_are_tokens_and_not_numbers_even_where_they_look_like_some():
    assert check([["1", "2"], ["3"]]).form.kind == "tokens"


# --- what is refused -----------------------------------------------------------------

EMPTY = [
    ([], "X has 0 sequences"),
    ((), "X has 0 sequences"),
    (pd.Series([], dtype=object), "X has 0 sequences"),
    (np.empty((0, 3)), "0 sample"),
    (np.empty((3, 0)), "0 feature"),
    (np.empty((0, 3, 2)), r"X has shape \(0, 3, 2\)"),
    (np.empty((2, 0, 3)), r"X has shape \(2, 0, 3\)"),
    (np.empty((2, 3, 0)), r"X has shape \(2, 3, 0\)"),
    (pd.DataFrame({"a": []}), "0 sample"),
    ([np.empty((3, 0))], "X has 0 features a step"),
]


@pytest.mark.parametrize(("X", "message"), EMPTY)
def test_an_empty_X_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.parametrize(
    ("X", "place"),
    [
        ([np.ones((2, 2)), np.ones((0, 2))], r"X\[1\]"),
        ([[1, 2], []], r"X\[1\]"),
        ([[], [1, 2]], r"X\[0\]"),
        ([np.ones((2, 3)), []], r"X\[1\]"),
        ([["a"], [], []], r"X\[1\]"),
        ([[], ["a"]], r"X\[0\]"),
        (["a", "   "], r"X\[1\]"),
        (pd.Series(["", "a"]), r"X\[0\]"),
    ],
)
def test_a_sequence_without_steps_is_named(X, place):
    with pytest.raises(ValueError, match=place + " has no steps"):
        check(X)


def test_the_number_of_sequences_without_steps_is_told():
    with pytest.raises(ValueError, match="2 of 3 are empty"):
        check([["a"], [], []])


@pytest.mark.parametrize("X", [[["a"], []], [[], [1.0]], ["a", ""]])
def test_sequences_without_steps_are_accepted_where_asked(X):
    lengths = check(X, allow_empty=True).steps.lengths
    assert lengths.tolist() == [len(s) for s in X]


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
        (1e300, "too large for float32"),
        (-1e39, "too large for float32"),
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
        ([[1, 2], ["a"]], r"X\[1\] is no numeric array .*steps are strings"),
        ([[1, 2], [1, "a"]], r"X\[1\] is no numeric array .*steps are strings"),
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


@pytest.mark.parametrize("X", ["a string", b"bytes"])
def test_a_bare_string_is_refused(X):
    with pytest.raises(TypeError, match="X is one string; pass a list of strings"):
        check(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(3), "Expected 2D array, got 1D"),
        (np.array(3.0), "Expected 2D array, got scalar"),
        (np.array("text"), "Expected 2D array, got scalar"),
        (torch.ones(3), "Expected 2D array, got 1D"),
        ([1.0, 2.0], r"X\[0\] is float, expected a sequence.*1D.*passed as \[x\]"),
        ([np.array(1.0)], r"X\[0\] is ndarray, expected a sequence"),
        (pd.Series([1.0, 2.0]), "2-dimensional container"),
        ([{"a": 1}], r"X\[0\] is dict, expected a sequence"),
        ([{1, 2}], r"X\[0\] is set, expected a sequence"),
        ([{"a", "b"}], r"X\[0\] is set, expected a sequence"),
        ([iter([1, 2])], r"X\[0\] is list_iterator, expected a sequence"),
        ([(c for c in "abc")], r"X\[0\] is generator, expected a sequence"),
    ],
)
def test_a_single_sequence_and_what_is_no_sequence_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.parametrize(
    "X", [None, 3, {"a": [1]}, {1, 2}, (s for s in RAGGED), map(str, RAGGED), object()]
)
def test_what_is_no_container_is_refused_by_its_type(X):
    with pytest.raises(TypeError, match=f"X must be a list of seq.*{type(X).__name__}"):
        check(X)


def test_dict_steps_are_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"steps of type dict; put StepwiseTransformer"):
        check([[{"a": 1.0}], [{"a": 2.0}]])


@pytest.mark.parametrize(
    "X",
    [
        ["a", None],
        ["a", np.nan],
        ["a", pd.NaT],
        ["a", np.float32("nan")],
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype=object),
        pd.Series(["a", None], dtype="string"),
        pd.DataFrame({"text": ["a", None]}),
        np.array(["a", None], dtype=object),
        [["a"], None],
        [np.ones(2), None],
        [np.ones((2, 2)), np.nan],
    ],
)
def test_a_missing_sequence_is_named(X):
    with pytest.raises(ValueError, match=r"X\[1\] is missing"):
        check(X)


@pytest.mark.parametrize(
    "X",
    [
        pd.Series([None, "a"]),
        pd.Series([None, "a"], dtype="string"),
        pd.DataFrame({"text": [None, "a"]}),
        [None, "a"],
    ],
)
def test_a_missing_first_sequence_is_named(X):
    with pytest.raises(ValueError, match=r"X\[0\] is missing"):
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
    with pytest.raises(ValueError, match=r"X\[0\] is no numeric array"):
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


@pytest.mark.parametrize("make", [scipy.sparse.csr_matrix, scipy.sparse.csr_array])
def test_sparse_data_is_refused(make):
    with pytest.raises(TypeError, match="Sparse data was passed for X"):
        check(make(np.eye(3)))


def test_a_list_of_sparse_matrices_is_refused_with_its_place():
    with pytest.raises((TypeError, ValueError), match=r"X\[0\]"):
        check([scipy.sparse.csr_matrix(np.eye(3))])


def test_strings_are_refused_where_numbers_are_asked_for():
    with pytest.raises(ValueError, match=r"X\[0\] is a string.*\"numeric\""):
        check(["1 2"], input_type="numeric")
    with pytest.raises(TypeError, match=r"X\[0\] is no numeric.*steps are strings"):
        check([["1", "2"]], input_type="numeric")


def test_more_than_two_dimensions_are_refused_where_tokens_are_asked_for():
    with pytest.raises(ValueError, match='3 dimensions, input_type="tokens"'):
        check(np.ones((1, 2, 3)), input_type="tokens")


def test_strings_are_refused_where_nothing_can_split_them():
    with pytest.raises(TypeError, match="X holds strings, expected token lists"):
        check_sequences(["a b"])


@pytest.mark.parametrize("given", [None, 3, iter("ab")])
def test_a_tokenizer_that_gives_no_list_is_refused(given):
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"tokenizer gave {kind} for X\[0\]"):
        check(["a b"], split=lambda text: given)


def test_messages_call_the_data_by_its_name():
    with pytest.raises(ValueError, match=r"X_val\[1\] has no steps"):
        check([["a"], []], name="X_val")
    with pytest.raises(ValueError, match=r"Input X_val contains NaN: X_val\[0\], step 0"):
        check(np.array([[np.nan]]), name="X_val")


# --- the form of a later X -----------------------------------------------------------


class Fitted:
    """Stands in for an estimator, whose name the messages give."""


def form_of(X, **options):
    return check(X, **options).form


COLUMNS, OTHER_COLUMNS = np.ones((2, 3)), np.ones((2, 4))
ONE_FEATURE = [[1.0, 2.0], [3.0]]


@pytest.mark.parametrize(
    ("fitted", "later"),
    [
        (COLUMNS, COLUMNS),
        (COLUMNS, COLUMNS.tolist()),
        (COLUMNS, ONE_FEATURE),
        (COLUMNS, np.ones((2, 7, 1))),
        (COLUMNS, np.ones((2, 5)).tolist()),
        (ONE_FEATURE, COLUMNS),
        (ONE_FEATURE, OTHER_COLUMNS),
        (RAGGED, EVEN),
        (EVEN, RAGGED),
        (TOKENS, TEXTS),
        (COLUMNS.tolist(), COLUMNS),
    ],
)
def test_containers_of_the_same_features_may_be_exchanged(fitted, later):
    check_same_form(check(later), form_of(fitted), estimator=Fitted())


@pytest.mark.parametrize(
    ("fitted", "later", "message"),
    [
        (COLUMNS, OTHER_COLUMNS, "X has 4 features, but Fitted is expecting 3 features"),
        (COLUMNS, RAGGED, "X has 2 features, but Fitted is expecting 1 features"),
        (COLUMNS.tolist(), OTHER_COLUMNS, "X has 4 features, but Fitted is expecting 3"),
        (RAGGED, COLUMNS, "X has 1 features, but Fitted is expecting 2 features"),
        (RAGGED, np.ones((1, 2, 3)), "X has 3 features, but Fitted is expecting 2"),
        (RAGGED, TOKENS, "X holds token sequences, but Fitted was fitted on numeric"),
        (TOKENS, RAGGED, "X holds numeric sequences, but Fitted was fitted on token"),
    ],
)
def test_other_features_and_kinds_are_refused_later(fitted, later, message):
    with pytest.raises(ValueError, match=message):
        check_same_form(check(later), form_of(fitted), estimator=Fitted())


# --- y and weights -------------------------------------------------------------------


def test_y_has_one_entry_for_each_sequence():
    check_length([1, 2], 2)
    with pytest.raises(ValueError, match="y has 3 entries, but X has 2 sequences"):
        check_length([1, 2, 3], 2)
    with pytest.raises(ValueError, match="y_val is None"):
        check_length(None, 2, "y_val")
    with pytest.raises(ValueError, match="y has 1 entries"):
        check_length(5, 2)


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a"],
        np.array(["b", "a"]),
        np.array(["b", "a"], dtype=object),
        pd.Series(["b", "a"], index=[5, 1]),
        pd.Series(["b", "a"], dtype="category"),
        pd.Series(["b", "a"], dtype="string"),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_labels_may_come_in_any_container(y):
    labels = check_class_targets(y, 2)
    assert labels.tolist() == ["b", "a"]
    assert labels.shape == (2,)


@pytest.mark.parametrize("make", [list, np.array, pd.DataFrame])
def test_an_indicator_matrix_is_told_from_labels(make):
    indicators = check_class_targets(make([[0, 1], [1, 1]]), 2)
    assert indicators.tolist() == [[0, 1], [1, 1]]
    assert indicators.dtype == np.int64


def test_a_column_of_labels_becomes_a_vector_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        labels = check_class_targets(np.array([[1], [2]]), 2)
    assert labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    "y",
    [
        ["a", None],
        ["a", np.nan],
        ("a", np.nan),
        [1.0, np.nan],
        np.array(["a", np.nan], dtype=object),
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, None], dtype="Int64"),
        [1.0, np.inf],
    ],
)
def test_a_missing_label_is_refused(y):
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        check_class_targets(y, 2)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.5, 2.5], "Unknown label type: continuous"),
        (np.ones((2, 2, 2)), "dim"),
        ([[1, 2], [3, 4]], "y should be a 1d array"),
        ("ab", "Unknown label type"),
        ([["a"], ["b", "c"]], "inhomogeneous"),
    ],
)
def test_labels_of_the_wrong_form_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        check_class_targets(y, 2)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        np.array([1.0, 2.0]),
        pd.Series([1, 2], index=[3, 1]),
        (1, 2),
        torch.ones(2),
    ],
    ids=lambda y: type(y).__name__,
)
def test_numbers_may_come_in_any_container(y):
    numbers = check_number_targets(y, 2)
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, np.asarray(y, dtype=np.float64))


@pytest.mark.parametrize("make", [list, np.array, pd.DataFrame])
def test_numbers_may_have_columns(make):
    assert check_number_targets(make([[1, 2], [3, 4]]), 2).tolist() == [[1, 2], [3, 4]]


def test_a_column_of_numbers_becomes_a_vector_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        assert check_number_targets(np.array([[1], [2]]), 2).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan], "Input y contains NaN"),
        ([1.0, None], "Input y contains NaN"),
        ([1.0, np.inf], "Input y contains infinity"),
        (["a", "b"], "could not convert string to float"),
        (np.ones((2, 1, 1)), "y has 3 dimensions, expected"),
        ([[1, 2], [3]], "inhomogeneous"),
        ([1.0], "y has 1 entries, but X has 2 sequences"),
        (None, "y is None"),
    ],
)
def test_numbers_of_the_wrong_form_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        check_number_targets(y, 2)


def test_weights_are_one_number_for_each_sequence():
    assert check_weights(None, 2) is None
    assert check_weights(2.0, 2).tolist() == [2, 2]
    assert check_weights([1, 0], 2).tolist() == [1, 0]
    assert check_weights(pd.Series([1, 3], index=[8, 9]), 2).dtype == np.float64


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], "sample_weight"),
        ([-1.0, 2.0], "Negative values in data passed to `sample_weight`"),
        ([np.nan, 1.0], "sample_weight contains NaN"),
        ([0.0, 0.0], "at least one non-zero"),
        ([[1.0, 2.0]], "Sample weights must be 1D"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weight, 2)


# --- targets that are sequences ------------------------------------------------------


def check_targets(y, n_sequences=2, **options):
    return check_target_sequences(y, n_sequences, **({"split": str.split} | options))


@pytest.mark.parametrize(
    "y",
    [
        TEXTS,
        TOKENS,
        tuple(TEXTS),
        np.array(TEXTS),
        object_array(TEXTS),
        object_array(TOKENS),
        pd.Series(TEXTS, index=[7, 3]),
        pd.Series(TOKENS),
        pd.DataFrame({"y": TEXTS}),
        pd.DataFrame({"y": TOKENS}),
        [tuple(row) for row in TOKENS],
        [np.array(row) for row in TOKENS],
    ],
)
def test_written_targets_mean_the_same_in_every_container(y):
    targets = check_targets(y)
    assert [row.tolist() for row in targets] == TOKENS
    assert set(map(type, targets.values)) == {str}


def test_written_targets_may_be_empty():
    assert check_targets(["", "a b"]).lengths.tolist() == [0, 2]
    assert check_targets([["a"], []]).lengths.tolist() == [1, 0]


def test_integers_are_written_where_they_are_said_to_be_tokens():
    targets = check_targets([[1, 2, 3], [2]], target_type="tokens")
    assert [row.tolist() for row in targets] == [[1, 2, 3], [2]]


HORIZON = np.array([[1.5, 2.0, 3.0], [4.0, 5.0, 1e-12]])


@pytest.mark.parametrize(
    "y",
    [
        HORIZON,
        HORIZON.tolist(),
        list(HORIZON),
        tuple(map(tuple, HORIZON)),
        object_array(list(HORIZON)),
        pd.Series(list(HORIZON), index=[7, 3]),
        pd.Series(HORIZON.tolist()),
        pd.DataFrame(HORIZON),
        pd.DataFrame({"y": list(HORIZON)}),
        np.asfortranarray(HORIZON),
    ],
)
def test_numeric_targets_mean_the_same_in_every_container(y):
    targets = check_targets(y)
    assert targets.dtype == np.float64
    np.testing.assert_array_equal(targets, HORIZON)  # in double precision


@pytest.mark.parametrize(
    "y",
    [EVEN, EVEN.tolist(), list(EVEN), pd.Series(list(EVEN)), object_array(list(EVEN))],
)
def test_numeric_targets_may_have_several_outputs(y):
    np.testing.assert_array_equal(check_targets(y), EVEN)


@pytest.mark.parametrize(
    "y", [[[1], [2]], np.ones((2, 1)), pd.DataFrame({"y": [1.0, 2]})]
)
def test_a_horizon_of_one_step_keeps_its_axis(y):
    assert check_targets(y).shape == (2, 1)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["a"], ValueError, "y has 1 entries, but X has 2 sequences"),
        (None, ValueError, "y is None"),
        ("ab", TypeError, "y is one string"),
        (["a b", ["a", "b"]], TypeError, r"y\[1\] is list, but y\[0\] is str"),
        ([["a"], "a"], TypeError, r"y\[1\] is str, but y\[0\] is list"),
        (["a", None], ValueError, r"y\[1\] is missing"),
        ([["a"], ["a", None]], TypeError, r"y\[1\], step 1 is None"),
        ([["a"], ["a", 1]], TypeError, 'step 1 is 1 .*unless target_type="tokens"'),
        ([[1.0, 2.0], [3.0]], ValueError, r"y\[1\] has 1 steps, y\[0\] has 2: numeric"),
        ([[1, 2], [3]], ValueError, 'tokens need target_type="tokens"'),
        ([[1.0, np.nan], [2.0, 3.0]], ValueError, r"NaN: y\[0\], step 1"),
        ([[1.0, 2.0], [2.0, np.inf]], ValueError, r"infinity.*y\[1\], step 1"),
        (np.array([[1.0, np.nan], [2.0, 3.0]]), ValueError, r"NaN: y\[0\], step 1"),
        (np.ones(2), ValueError, "Expected 2D array, got 1D array"),
        (np.ones((2, 0)), ValueError, "0 feature|without steps"),
        ([[], []], ValueError, "y has targets without steps"),
    ],
)
def test_target_sequences_of_the_wrong_form_are_refused(y, error, message):
    with pytest.raises(error, match=message):
        check_targets(y)


@pytest.mark.parametrize(
    ("y", "target_type", "error", "message"),
    [
        (["a", "b"], "numeric", ValueError, 'a string, but target_type is "numeric"'),
        (np.ones((2, 3, 1)), "tokens", ValueError, 'dimensions, target_type="tokens" ex'),
        (
            [["a"], [("input_type",)]],
            "auto",
            TypeError,
            r"step 0 is \('input_type',\) am",
        ),
        ([[1.0, np.nan], [2.0, 3.0]], "auto", ValueError, "step 1. Replace it, or leave"),
        (np.array([[np.inf], [2.0]]), "auto", ValueError, "step 0. Replace it, or leave"),
        (
            [[{"a": 1}], [{"a": 2}]],
            "auto",
            TypeError,
            "dict; make them numbers or tokens",
        ),
    ],
)
def test_messages_advise_what_can_be_done_about_targets(y, target_type, error, message):
    with pytest.raises(error, match=message) as caught:
        check_targets(y, target_type=target_type)
    assert "StepwiseTransformer" not in str(caught.value)
    assert "input_type=" not in str(caught.value)


def test_messages_call_target_sequences_by_their_name():
    with pytest.raises(ValueError, match=r"y_val\[1\] has 1 steps, y_val\[0\] has 2"):
        check_targets([[1.0, 2.0], [3.0]], name="y_val")


# --- a label for every step ----------------------------------------------------------

STEP_LABELS = [["b", "a", "c"], ["a", "b"]]
SQUARE_LABELS = [["b", "a"], ["a", "c"]]


def check_labels(y, lengths=(3, 2), **options):
    return check_step_targets(y, np.array(lengths), str.split, **options)


@pytest.mark.parametrize(
    "y",
    [
        STEP_LABELS,
        tuple(map(tuple, STEP_LABELS)),
        [np.array(row) for row in STEP_LABELS],
        object_array(STEP_LABELS),
        object_array([np.array(row, dtype=object) for row in STEP_LABELS]),
        pd.Series(STEP_LABELS, index=[7, 7]),
        pd.DataFrame({"tags": STEP_LABELS}),
        [pd.Series(row, index=range(9, 9 + len(row))) for row in STEP_LABELS],
        RaggedArray.from_lengths(object_array(["b", "a", "c", "a", "b"]), [3, 2]),
        ["b a c", "a  b "],
        np.array(["b a c", "a b"]),
        pd.Series(["b a c", "a b"]),
        pd.DataFrame({"tags": ["b a c", "a b"]}),
    ],
    ids=lambda y: type(y).__name__,
)
def test_a_label_for_every_step_may_come_in_any_container(y):
    labels, strings = check_labels(y)
    assert labels.values.tolist() == ["b", "a", "c", "a", "b"]
    assert {type(label) for label in labels.values} == {str}
    assert labels.lengths.tolist() == [3, 2]
    assert strings == _holds_strings(y)


def _holds_strings(y):
    column = y.iloc[:, 0] if isinstance(y, pd.DataFrame) else y
    return isinstance(next(iter(column)), str)


@pytest.mark.parametrize(
    "y",
    [
        SQUARE_LABELS,
        np.array(SQUARE_LABELS),
        np.array(SQUARE_LABELS, dtype=object),
        object_array(SQUARE_LABELS),
        pd.DataFrame(SQUARE_LABELS, columns=["first", "second"]),
    ],
    ids=lambda y: type(y).__name__,
)
def test_labels_may_be_columns_where_lengths_are_equal(y):
    labels, strings = check_labels(y, (2, 2))
    assert labels.values.tolist() == ["b", "a", "a", "c"]
    assert not strings


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, bool, np.float64])
@pytest.mark.parametrize(
    "make", [np.array, list, lambda y: [list(row) for row in y], pd.DataFrame]
)
def test_labels_become_pythons_own(dtype, make):
    y = make(np.array([[1, 0], [0, 1]], dtype=dtype))
    labels, _ = check_labels(y, (2, 2))
    assert labels.values.tolist() == [1, 0, 0, 1]
    own = {"b": bool, "f": float}.get(np.dtype(dtype).kind, int)
    assert {type(label) for label in labels.values} == {own}


def test_strings_are_cut_by_the_given_function():
    labels, strings = check_step_targets(["bac", "ab"], np.array([3, 2]), list)
    assert [row.tolist() for row in labels] == [["b", "a", "c"], ["a", "b"]]
    assert strings


def test_a_sequence_without_steps_has_no_labels():
    for empty in ([], (), np.array([])):
        labels, _ = check_labels([["a"], empty, ["b"]], (1, 0, 1))
        assert [row.tolist() for row in labels] == [["a"], [], ["b"]]
    labels, strings = check_labels(["a", "", "b"], (1, 0, 1))
    assert labels.lengths.tolist() == [1, 0, 1]
    assert strings


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([["a"]], ValueError, "y has 1 entries, but X has 2 sequences"),
        (None, ValueError, "y is None"),
        (scipy.sparse.eye_array(2).tocsr(), TypeError, r"y is sparse.* y.toarray"),
        (
            [["a", "b", "c"], ["a"]],
            ValueError,
            r"y\[1\] has 1 labels, but X\[1\] has 2 steps",
        ),
        (["a b c", "a b c"], ValueError, r"y\[1\] has 3 labels, but X\[1\] has 2 steps"),
        (
            [["a", "b", "c"], "a b"],
            TypeError,
            r"y\[1\] is str, expected a list of labels",
        ),
        (
            ["a b c", ["a", "b"]],
            TypeError,
            r"y\[1\] is list, expected a string, as y\[0\]",
        ),
        ([["a", "b", "c"], None], TypeError, r"y\[1\] is NoneType, expected a list"),
        (["a b c", None], TypeError, r"y\[1\] is NoneType, expected a string"),
        ([0, 1], TypeError, r"y\[0\] is int, expected a list of labels: one label for"),
        (
            np.array([0.0, 1.0]),
            TypeError,
            r"y\[0\] is float64, expected a list of labels",
        ),
        ([{"a", "b", "c"}, ["a", "b"]], TypeError, r"y\[0\] is set, expected a list"),
        (
            [["a", "b", "c"], ["a", None]],
            ValueError,
            r"y\[1\], step 1 is None: a label is missing",
        ),
        ([["a", "b", "c"], ["a", np.nan]], ValueError, r"y\[1\], step 1 is nan.*missing"),
        ([[1, 2, 3], [1, pd.NA]], ValueError, r"y\[1\], step 1 is <NA>.*missing"),
        (
            [[1.0, 2.0, 0.5], [1, 1]],
            ValueError,
            r"y\[0\], step 2 is 0.5; labels must be discrete",
        ),
        ([["a", "b", "c"], ["a", 1]], TypeError, r"y\[1\], step 1 is 1; .* of one kind"),
        ([[1, 2, 3], [1, "a"]], TypeError, r"y\[1\], step 1 is 'a'; .* of one kind"),
        (
            [["a", "b", b"c"], ["a", "b"]],
            TypeError,
            r"y\[0\], step 2 is b'c'; labels must",
        ),
        (
            [[[1], [2], [3]], [[1], [2]]],
            TypeError,
            r"y\[0\], step 0 is \[1\]; labels must be strings or whole numbers",
        ),
        (np.ones((2, 3, 1)), ValueError, r"y\[1\] has 3 labels"),
    ],
)
def test_labels_of_steps_that_make_no_sense_are_named(y, error, message):
    with pytest.raises(error, match=message):
        check_labels(y)


def test_validation_labels_are_named_after_themselves():
    with pytest.raises(
        ValueError, match=r"y_val\[0\] has 1 labels, but X_val\[0\] has 3"
    ):
        check_labels([["a"], ["a", "b"]], name="y_val")
    with pytest.raises(TypeError, match=r"y_val\[1\] is list, .* as y_val\[0\] is"):
        check_labels(["a b c", ["a", "b"]], name="y_val")
