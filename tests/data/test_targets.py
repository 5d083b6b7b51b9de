"""The door for y and weights: every container means the same, every mistake is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import (
    check_class_targets,
    check_length,
    check_number_targets,
    check_step_targets,
    check_target_sequences,
    check_weights,
)

TEXTS = ["b a n d", "a b"]
TOKENS = [["b", "a", "n", "d"], ["a", "b"]]
TWO_OUTPUTS = np.arange(12.0).reshape(2, 3, 2)


# --- one target a sequence, and weights ----------------------------------------------


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
    [
        TWO_OUTPUTS,
        TWO_OUTPUTS.tolist(),
        list(TWO_OUTPUTS),
        pd.Series(list(TWO_OUTPUTS)),
        object_array(list(TWO_OUTPUTS)),
    ],
)
def test_numeric_targets_may_have_several_outputs(y):
    np.testing.assert_array_equal(check_targets(y), TWO_OUTPUTS)


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
            r"y\[0\] is float, expected a list of labels",
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
