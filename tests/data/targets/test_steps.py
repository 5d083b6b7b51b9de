"""One label a step, and the tagging schemes that labels keep to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from skrnn.data.containers import check_sequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import StepTargets
from skrnn.preprocessing import CharTokenizer, WordTokenizer

STEP_LABELS = [["b", "a", "c"], ["a", "b"]]
SQUARE_LABELS = [["b", "a"], ["a", "c"]]


def lists(data):
    return [row.tolist() for row in data.y.values]


def ragged_ids(rows):
    flat = np.concatenate([np.array(row, np.int64) for row in rows])
    return RaggedArray.from_lengths(flat, [len(row) for row in rows])


# --- validation ----------------------------------------------------------------------


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
        np.array([["b a c"], ["a b"]]),
        pd.Series(["b a c", "a b"]),
        pd.DataFrame({"tags": ["b a c", "a b"]}),
    ],
    ids=lambda y: type(y).__name__,
)
def test_a_label_for_each_step_may_come_in_any_container(y, check_data):
    data = check_data(StepTargets(), y, lengths=[3, 2])
    labels = data.y.values
    assert labels.values.tolist() == ["b", "a", "c", "a", "b"]
    assert {type(label) for label in labels.values} == {str}
    assert labels.lengths.tolist() == [3, 2]
    assert data.y.texts is None or [t.split() for t in data.y.texts] == STEP_LABELS
    assert (data.y.texts is None) == ("b a c" not in str(y))


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
def test_labels_may_be_columns_where_lengths_are_equal(y, check_data):
    data = check_data(StepTargets(), y, lengths=[2, 2])
    assert data.y.values.values.tolist() == ["b", "a", "a", "c"]
    assert data.y.texts is None


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, bool, np.float64])
@pytest.mark.parametrize(
    "make", [np.array, list, lambda y: [list(row) for row in y], pd.DataFrame]
)
def test_labels_become_pythons_own(dtype, make, check_data):
    y = make(np.array([[1, 0], [0, 1]], dtype=dtype))
    labels = check_data(StepTargets(), y, lengths=[2, 2]).y.values
    assert labels.values.tolist() == [1, 0, 0, 1]
    own = {"b": bool, "f": float}.get(np.dtype(dtype).kind, int)
    assert {type(label) for label in labels.values} == {own}


@pytest.mark.parametrize("tokenizer", ["char", CharTokenizer(), CharTokenizer(None)])
def test_each_character_is_a_label_where_tokens_are_characters(
    tokenizer, fitted, check_data
):
    y = ["bac", "ab"]
    targets = fitted(StepTargets(tokenizer), y, lengths=[3, 2])
    data = check_data(targets, y, lengths=[3, 2])
    assert lists(data) == [["b", "a", "c"], ["a", "b"]]
    assert targets.decode(targets.encode(data), data.X) == y


@pytest.mark.parametrize("tokenizer", ["word", WordTokenizer(), str.split])
def test_white_space_separates_labels_of_other_tokenizers(tokenizer, fitted, check_data):
    y = ["B-PER I-PER  O", "O O"]
    targets = fitted(StepTargets(tokenizer), y, lengths=[3, 2])
    data = check_data(targets, y, lengths=[3, 2])
    assert lists(data) == [["B-PER", "I-PER", "O"], ["O", "O"]]
    assert targets.decode(targets.encode(data), data.X) == ["B-PER I-PER O", "O O"]


def test_a_sequence_without_steps_has_no_labels(check_data):
    for empty in ([], (), np.array([])):
        data = check_data(StepTargets(), [["a"], empty, ["b"]], lengths=[1, 0, 1])
        assert lists(data) == [["a"], [], ["b"]]
    data = check_data(StepTargets(), ["a", "", "b"], lengths=[1, 0, 1])
    assert data.y.values.lengths.tolist() == [1, 0, 1]
    assert data.y.texts == ["a", "", "b"]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([["a"]], ValueError, "y has 1 entries, but X has 2 sequences"),
        (None, ValueError, "y is None"),
        (scipy.sparse.eye_array(2).tocsr(), TypeError, r"y is sparse.* y.toarray"),
        (
            [["a", "b", "c"], ["a"]],
            ValueError,
            r"y\[1\] has 1 labels, but X\[1\] has 2 steps$",
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
def test_labels_of_steps_that_cannot_be_used_are_named(y, error, message, check_data):
    with pytest.raises(error, match=message):
        check_data(StepTargets(), y, lengths=[3, 2])


def test_validation_labels_are_named_after_themselves(check_data):
    with pytest.raises(
        ValueError, match=r"y_val\[0\] has 1 labels, but X_val\[0\] has 3"
    ):
        check_data(StepTargets(), [["a"], ["a", "b"]], lengths=[3, 2], name="y_val")
    with pytest.raises(TypeError, match=r"y_val\[1\] is list, .* as y_val\[0\] is"):
        check_data(StepTargets(), ["a b c", ["a", "b"]], lengths=[3, 2], name="y_val")


@pytest.mark.parametrize(
    ("text", "tokenizer", "labels", "shown"),
    [
        (
            "It's me, Bob!",
            "word",
            "O O B O",
            r"5 steps: \"It's\", 'me', ',', 'Bob', '!'$",
        ),
        ("a b", "char", "OO", r"3 steps: 'a', ' ', 'b'$"),
        (
            " ".join("abcdefghijklmn"),
            "word",
            "O",
            r"14 steps: 'a', .*'l', \.\.\. 14 in all$",
        ),
        ("a b c d e f g h i j k l", "word", "O", r"12 steps: 'a', .*'l'$"),
    ],
)
def test_a_number_of_labels_that_does_not_fit_a_text_shows_its_tokens(
    text, tokenizer, labels, shown, check_data
):
    targets = StepTargets(tokenizer)
    split = {"word": WordTokenizer().split, "char": CharTokenizer().split}[tokenizer]
    X = check_sequences([text], input_type="tokens", split=split)
    with pytest.raises(
        ValueError, match=r"y\[0\] has \d labels, but X\[0\] has " + shown
    ):
        check_data(targets, [labels], X)


# --- labels and ids ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        ([["O", "B-x"], ["I-x"], [], ["O", "O", "B-x"]], ["B-x", "I-x", "O"], str),
        ([[3, 1], [1], [], [10, 2, 1]], [1, 2, 3, 10], int),
        ([[True, False], [False], []], [False, True], bool),
        ([[1.0, 0.0], [2.0]], [0.0, 1.0, 2.0], float),
        ([["only"], ["only", "only"]], ["only"], str),
    ],
)
def test_step_labels_come_back_as_lists_of_pythons_own(
    labels, classes, kind, fitted, check_data
):
    lengths = [len(row) for row in labels]
    targets = fitted(StepTargets(), labels, lengths=lengths)
    assert targets.classes.tolist() == classes
    assert targets.n_outputs == len(classes)
    data = check_data(targets, labels, lengths=lengths)
    ids = targets.encode(data)
    assert ids.values.dtype == np.int64
    assert ids.lengths.tolist() == lengths
    assert [[classes[i] for i in row] for row in ids] == labels
    decoded = targets.decode(ids, data.X)
    assert decoded == targets.decode_lists(ids) == labels
    assert {type(label) for row in decoded for label in row} == {kind}


def test_labels_of_strings_come_back_as_strings(fitted, token_sequences):
    targets = fitted(StepTargets(), ["b a", "c"], lengths=[2, 1])
    ids = ragged_ids([[0, 2], [], [1]])
    assert targets.decode(ids, token_sequences([2, 0, 1])) == ["a c", "", "b"]
    assert targets.decode_lists(ids) == [["a", "c"], [], ["b"]]


@pytest.mark.parametrize("classes", [["b", "c", "a", "b"], np.array(["c", "b", "a"])])
def test_given_classes_of_steps_are_sorted_and_may_be_more_than_y_has(
    classes, fitted, check_data
):
    targets = fitted(StepTargets(), [["b"]], classes=classes)
    assert targets.classes.tolist() == ["a", "b", "c"]
    data = check_data(targets, [["c"], ["b", "a"]], lengths=[1, 2])
    assert targets.encode(data).values.tolist() == [2, 1, 0]


def test_classes_of_the_held_out_steps_are_known(check_data):
    targets = StepTargets()
    every = check_data(targets, [["b"], ["a", "c"]], lengths=[1, 2])
    targets.fit(every.take(np.array([0]), with_raw=False), every)
    assert targets.classes.tolist() == ["a", "b", "c"]


def test_a_new_label_of_a_step_is_named_with_its_place(fitted, check_data):
    targets = fitted(StepTargets(), [["a", "b"]], lengths=[2])
    y = [["a"], [], ["b", "a", "z"], ["y"]]
    data = check_data(targets, y, lengths=[1, 0, 3, 1], name="y_val")
    with pytest.raises(
        ValueError,
        match=r"y_val\[2\], step 2 is 'z', which is not in classes \['a', 'b'\]",
    ):
        targets.encode(data)


def test_no_steps_are_encoded_and_decoded_as_none(fitted, check_data):
    targets = fitted(StepTargets(), [["a"]])
    data = check_data(targets, [[], []], lengths=[0, 0])
    ids = targets.encode(data)
    assert ids.values.dtype == np.int64
    assert targets.decode(ids, data.X) == [[], []]


# --- schemes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("O I-x", r"y\[1\], step 1: 'I-x' after 'O' violates scheme=\"IOB2\""),
        ("I-x O", r"y\[1\], step 0: 'I-x' after the start violates"),
        ("B-x I-y", r"y\[1\], step 1: 'I-y' after 'B-x' violates"),
    ],
)
def test_the_first_violation_of_a_scheme_is_named(tags, message, check_data):
    targets = StepTargets(scheme="IOB2")
    with pytest.raises(ValueError, match=message + '.*invalid_tags="repair" repairs it'):
        check_data(targets, ["O O", tags], lengths=[2, 2])


def test_a_violation_at_the_end_is_named(check_data):
    with pytest.raises(ValueError, match=r"y\[0\], step 2: the end after 'B-x' violates"):
        check_data(StepTargets(scheme="IOBES"), ["O B-x"], lengths=[2])


def test_violations_are_repaired_where_asked(check_data):
    targets = StepTargets(scheme="IOB2", invalid_tags="repair")
    data = check_data(targets, [["O", "I-x"], [], ["B-x", "I-x"]], lengths=[2, 0, 2])
    assert lists(data) == [["O", "B-x"], [], ["B-x", "I-x"]]
    X = data.X
    true = targets.check_true([["I-x", "O"], [], ["O", "O"]], X)
    assert [row.tolist() for row in true] == [["B-x", "O"], [], ["O", "O"]]


def test_a_score_takes_true_labels_as_they_are_unless_they_are_repaired(check_data):
    targets = StepTargets(scheme="IOB2")
    X = check_data(targets, [["O", "O"]], lengths=[2]).X
    assert targets.check_true([["O", "I-x"]], X)[0].tolist() == ["O", "I-x"]


def test_untyped_tags_keep_to_a_scheme(check_data):
    data = check_data(StepTargets(scheme="IOB2"), ["B I O"], lengths=[3])
    assert lists(data) == [["B", "I", "O"]]


@pytest.mark.parametrize("labels", [["X-x", "O"], [1, 2], ["I-x", "Q"]])
def test_labels_that_are_no_tags_of_the_scheme_are_refused(labels, check_data, fitted):
    for invalid_tags in ("raise", "repair"):
        targets = StepTargets(scheme="IOB2", invalid_tags=invalid_tags)
        with pytest.raises(ValueError, match='scheme="IOB2"'):
            check_data(targets, [labels], lengths=[2])
    with pytest.raises(ValueError, match="classes"):
        fitted(StepTargets(scheme="IOB2"), [["O"]], classes=labels)


# --- weights -------------------------------------------------------------------------


def test_step_weights_are_sample_weights_times_class_weights(fitted, check_data):
    y, lengths = [["a", "b"], ["b", "b"]], [2, 2]
    targets = fitted(StepTargets(), y, lengths=lengths)
    plain = check_data(targets, y, lengths=lengths)
    weighted = check_data(targets, y, lengths=lengths, weight=[1, 10])
    assert targets.loss_weights(plain, plain, None) is None
    weights = targets.loss_weights(weighted, weighted, None)
    assert [row.tolist() for row in weights] == [[1, 1], [10, 10]]
    weights = targets.loss_weights(weighted, weighted, {"a": 3.0})
    assert [row.tolist() for row in weights] == [[3, 1], [10, 10]]
    balanced = targets.loss_weights(plain, plain, "balanced")
    np.testing.assert_allclose(balanced.values, [2, 2 / 3, 2 / 3, 2 / 3])
    assert targets.counts(plain) is None


def test_a_path_has_one_weight_and_its_classes_have_theirs(fitted, check_data):
    y, lengths = [["a", "b"], ["b", "b", "c"]], [2, 3]
    targets = fitted(StepTargets(whole_paths=True), y, lengths=lengths)
    data = check_data(targets, y, lengths=lengths, weight=[1, 10])
    assert targets.loss_weights(data, data, "balanced").tolist() == [1, 10]
    assert targets.counts(data).tolist() == lengths
    assert targets.class_weights(data, None) is None
    weights = targets.class_weights(data, {"b": 0.5})
    assert (weights.dtype, weights.tolist()) == (np.float32, [1, 0.5, 1])
    balanced = targets.class_weights(data, "balanced")
    np.testing.assert_allclose(balanced, [5 / 3, 5 / 9, 5 / 3], rtol=1e-6)
    with pytest.raises(ValueError, match="weight 0, by class_weight"):
        targets.class_weights(data, {"a": 0.0, "b": 0.0, "c": 0.0})


def test_classes_that_training_lacks_cannot_alone_have_weight(fitted, check_data):
    targets = fitted(StepTargets(whole_paths=True), [["a"]], classes=["a", "z"])
    data = check_data(targets, [["a"]])
    with pytest.raises(ValueError, match="weight 0, by class_weight"):
        targets.class_weights(data, {"a": 0.0, "z": 1.0})


# --- what a random split keeps -------------------------------------------------------


@pytest.mark.parametrize("one_letter", [True, False])
def test_groups_are_the_sequences_in_which_each_label_occurs(one_letter, check_data):
    y = [["b", "a", "b"], ["a"], [], ["c", "b"]]
    if not one_letter:
        y = [[ord(label) for label in row] for row in y]
    targets = StepTargets()
    checked = check_data(targets, y, lengths=[3, 1, 0, 2]).y
    groups = [group.tolist() for group in targets.groups(checked)]
    assert groups == [[0, 1], [0, 3], [3]]
    assert targets.strata(checked) is None
