"""Validation of X: every container gives the same steps, every mistake is named."""

from __future__ import annotations

import decimal
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from skrnn.data.containers import Form, check_same_form, check_sequences
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
    assert checked.steps.values.dtype in (np.float32, np.float64)
    assert checked.steps.values.shape[1] == n_features
    np.testing.assert_array_equal(checked.steps.values, values)
    assert checked.steps.lengths.tolist() == [len(s) for s in sequences]
    assert checked.form.kind == "numeric"
    assert checked.form.n_features == n_features
    assert checked.texts is None


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
    is_frame = isinstance(X, pd.DataFrame)
    assert checked.form == Form("numeric", "fields" if is_frame else "list", 1)


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
    assert checked.texts == TEXTS


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
    assert checked.texts is None


@pytest.mark.parametrize(
    "X",
    [
        SQUARE_TOKENS,
        np.array(SQUARE_TOKENS),
        np.array(SQUARE_TOKENS, dtype=object),
        np.array(SQUARE_TOKENS, dtype=np.dtypes.StringDType()),
    ],
    ids=lambda X: f"{type(X).__name__}-{getattr(X, 'dtype', '')}",
)
def test_token_lists_of_one_length_may_be_an_array(X):
    assert [s.tolist() for s in check(X).steps] == SQUARE_TOKENS
    rows = check(pd.DataFrame(X), input_type="tokens").steps
    assert [s.tolist() for s in rows] == SQUARE_TOKENS


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


def test_the_number_of_sequences_without_steps_is_named():
    with pytest.raises(ValueError, match="2 of 3 are empty"):
        check([["a"], [], []])


@pytest.mark.parametrize("X", [[["a"], []], [[], [1.0]], ["a", ""]])
def test_sequences_without_steps_are_accepted_where_asked(X):
    lengths = check(X, empty="keep").steps.lengths
    assert lengths.tolist() == [len(s) for s in X]


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
        (pd.Series([1.0, 2.0]), "X is 1-D: 2 numbers.*Expected 2D array, got 1D"),
        ([{"a": 1}], r"X\[0\] is dict, expected a sequence"),
        ([{1, 2}], r"X\[0\] is set, expected a sequence"),
        ([{"a", "b"}], r"X\[0\] is set, expected a sequence"),
        ([iter([1, 2])], r"X\[0\] is list_iterator, expected a sequence"),
        ([(c for c in "abc")], r"X\[0\] is generator, expected a sequence"),
    ],
)
def test_a_single_sequence_and_other_values_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.parametrize(
    "X", [None, 3, {"a": [1]}, {1, 2}, (s for s in RAGGED), map(str, RAGGED), object()]
)
def test_other_objects_than_containers_are_refused_by_their_type(X):
    with pytest.raises(TypeError, match=f"X must be a list of seq.*{type(X).__name__}"):
        check(X)


def test_dict_steps_are_refused_with_the_remedy():
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
    with pytest.raises(TypeError, match=r"X\[0\] is not a numeric.*steps are strings"):
        check([["1", "2"]], input_type="numeric")


def test_more_than_two_dimensions_are_refused_where_tokens_are_asked_for():
    with pytest.raises(ValueError, match="3 dimensions, sequences of tokens"):
        check(np.ones((1, 2, 3)), input_type="tokens")


def test_strings_are_refused_where_nothing_can_split_them():
    with pytest.raises(TypeError, match="X holds strings, expected token lists"):
        check_sequences(["a b"])


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


# --- sequences without steps ---------------------------------------------------------


@pytest.mark.parametrize(
    "X", [["", "a"], [["a"], []], [[], ["a"]], [np.array(["a"]), []]]
)
def test_tokens_may_be_empty_where_only_numbers_may_not(X):
    checked = check(X, empty="tokens")
    assert checked.form.kind == "tokens"
    assert checked.steps.lengths.tolist() == [len(row) for row in X]


@pytest.mark.parametrize(
    "X", [[[1.0], []], [np.zeros((0, 2)), np.ones((1, 2))], [np.ones((0, 2))]]
)
def test_numbers_may_not_be_empty_where_tokens_may(X):
    with pytest.raises(ValueError, match=r"X\[.\] has no steps"):
        check(X, empty="tokens")


@pytest.mark.parametrize("X", [[[]], [(), []], pd.Series([[]])])
def test_empty_lists_alone_are_tokens_where_these_may_be_empty(X):
    checked = check(X, empty="tokens")
    assert checked.form == Form("tokens", "list", None)
    assert len(checked.steps.values) == 0
    check_same_form(checked, form_of(TOKENS), estimator=Fitted())
    with pytest.raises(ValueError, match=r"X\[0\] has no steps"):
        check_same_form(checked, form_of(RAGGED), estimator=Fitted())


# --- texts in lists of their own -----------------------------------------------------

TEXTS_IN_LISTS = [["a good film"], ["a bad plot"], ["good"]]


@pytest.mark.parametrize("make", [list, lambda X: [tuple(row) for row in X]])
def test_texts_in_lists_of_their_own_cause_a_warning_with_the_remedy(make):
    with pytest.warns(UserWarning, match=r"pass the strings themselves, as \[text for"):
        check_sequences(make(TEXTS_IN_LISTS), split=str.split)
    passed = [text for (text,) in TEXTS_IN_LISTS]
    assert check_sequences(passed, split=str.split).texts == passed


@pytest.mark.parametrize(
    ("X", "options"),
    [
        ([["good"], ["bad"]], {}),
        ([["New York"], ["Rome"], ["Oslo"]], {}),
        ([["a good film"], ["a", "bad plot"]], {}),
        ([["a good film"]], {}),
        (TEXTS_IN_LISTS, {"input_type": "tokens"}),
        (TEXTS_IN_LISTS, {"split": None}),
        (np.array(TEXTS_IN_LISTS), {}),
        (["a good film", "a bad plot"], {}),
    ],
)
def test_other_tokens_cause_no_warning(X, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_sequences(X, **({"split": str.split} | options))


def test_rows_that_are_dicts_and_one_sequence_have_remedies():
    rows = [{"t": "a b", "n": 1}]
    with pytest.raises(
        ValueError, match=r"if each row is a dict of columns, pass pandas.D"
    ):
        check_sequences(rows)
    with pytest.raises(
        TypeError, match=r"list\(X.values\(\)\) .* or pandas.DataFrame\(X\)"
    ):
        check_sequences({"t": ["a b"], "n": [1]})
    sparse = scipy.sparse.eye_array(3).tocsr()
    with pytest.raises(TypeError, match=r"Sparse data was passed.*sparse_threshold=0"):
        check_sequences(sparse)
    fitted = check_sequences([np.zeros((3, 2)), np.zeros((4, 2))]).form
    with pytest.raises(
        ValueError, match=r"If X is one sequence of 2 features, pass \[X\]"
    ):
        check_same_form(check_sequences(np.zeros((3, 2))), fitted, estimator=fitted)
