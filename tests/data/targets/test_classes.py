"""One class a sequence, or several labels a sequence."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from skrnn.data.layouts import parse_column
from skrnn.data.ragged import object_array
from skrnn.data.targets import ClassTargets, MultilabelTargets, make_class_targets

INDICATORS = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1]])


# --- validation ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a"],
        ("b", "a"),
        np.array(["b", "a"]),
        np.array(["b", "a"], dtype=object),
        pd.Series(["b", "a"], index=[5, 1]),
        pd.Series(["b", "a"], dtype="category"),
        pd.Series(["b", "a"], dtype="string"),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_labels_may_come_in_any_container(y, check_data):
    targets = make_class_targets(y)
    assert isinstance(targets, ClassTargets)
    labels = check_data(targets, y).y.values
    assert labels.tolist() == ["b", "a"]
    assert labels.shape == (2,)


@pytest.mark.parametrize(
    "make",
    [list, np.array, pd.DataFrame, lambda y: pd.DataFrame(y).astype("Int64")],
    ids=["list", "array", "frame", "nullable"],
)
def test_an_indicator_matrix_is_distinguished_from_labels(make, check_data):
    y = make([[0, 1], [1, 1]])
    targets = make_class_targets(y)
    assert isinstance(targets, MultilabelTargets)
    indicators = check_data(targets, y).y.values
    assert indicators.tolist() == [[0, 1], [1, 1]]
    assert indicators.dtype == np.int64


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            [[["a"], ["b"]], [["b"], ["a"]]],
            "y has 3 dimensions, expected one label a seq",
        ),
        (np.zeros((2, 3, 2), dtype=int), "y has 3 dimensions, expected one label a seq"),
        ([[["a"], ["b", "c"]]] * 2, "y must have one entry a sequence, or rows of one"),
    ],
    ids=["lists", "array", "unequal"],
)
def test_nested_labels_are_an_error_that_names_y(y, message, check_data):
    with pytest.raises(ValueError, match=message):
        check_data(make_class_targets(y), y)


def test_a_column_of_labels_becomes_a_vector_with_a_warning(check_data):
    y = np.array([[1], [2]])
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        labels = check_data(make_class_targets(y), y).y.values
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
@pytest.mark.parametrize("make", [make_class_targets, lambda y: ClassTargets()])
def test_a_missing_label_is_refused(make, y, check_data):
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        check_data(make(y), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.5, 2.5], "Unknown label type: continuous"),
        (np.ones((2, 2, 2)), "y has 3 dimensions"),
        ([[1, 2], [3, 4]], "y should be a 1d array"),
        ([["a"], ["b", "c"]], "y must have one entry a sequence.*inhomogeneous"),
        (
            [["a", "b"], ["c", "d"]],
            r"y\[0, 0\] is 'a'; an indicator matrix holds 0 and 1",
        ),
        (np.array([["a", "b"], ["c", "d"]]), r"y\[0, 0\] is 'a'; .* a 1d array"),
        ([[0.5, 1], [0, 1]], r"y\[0, 0\] is 0.5; an indicator matrix"),
        (["a"], "y has 1 entries, but X has 2 sequences"),
    ],
)
def test_labels_of_the_wrong_form_are_refused(y, message, check_data):
    with pytest.raises(ValueError, match=message):
        check_data(make_class_targets(y), y, lengths=[1, 1])


MASK = [False, True, False]


@pytest.mark.parametrize(
    ("y", "place"),
    [
        (np.ma.masked_array([0, 1, 1], MASK), r"y\[1\]"),
        (np.ma.masked_array([0.0, 1.0, 1.0], MASK), r"y\[1\]"),
        (np.ma.masked_array(["a", "b", "a"], MASK), r"y\[1\]"),
        (np.ma.masked_array(object_array(["a", "b", "a"]), MASK), r"y\[1\]"),
        (object_array(["a", np.ma.masked, "a"]), r"y\[1\]"),
        (["a", np.ma.masked, "a"], r"y\[1\]"),
        ([[0], [np.ma.masked], [1]], r"y\[1\]"),
        (np.ma.masked_array(INDICATORS, INDICATORS == 0), r"y\[0, 0\]"),
        (list(np.ma.masked_array(INDICATORS, np.eye(3)[[1, 2, 0]])), r"y\[0, 1\]"),
        ([[0, 1], [1, np.ma.masked], [1, 1]], r"y\[1, 1\]"),
        ([[0, 1], [1, None], [1, 1]], r"y\[1, 1\]"),
        (pd.DataFrame([[0, 1], [1, None], [1, 1]], dtype="Int64"), r"y\[1, 1\]"),
    ],
)
def test_a_masked_label_is_missing_and_its_place_named(y, place, check_data):
    with pytest.raises(ValueError, match=f"Input y contains NaN or .*: {place}$"):
        check_data(make_class_targets(y), y, lengths=[1, 1, 1])


def test_an_array_without_a_masked_cell_is_read(check_data):
    y = np.ma.masked_array(["a", "b", "a"], mask=False)
    assert check_data(make_class_targets(y), y).y.values.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("dtype", ["Int64", "boolean", object])
def test_labels_that_are_number_objects_have_a_dtype_of_their_own(dtype, check_data):
    y = pd.Series([1, 0, 1], dtype=dtype)
    labels = check_data(make_class_targets(y), y).y.values
    assert labels.dtype.kind in "bi"
    assert labels.tolist() == [1, 0, 1]


def test_y_is_opened_once(check_data, monkeypatch):
    calls = []

    def count(y, name):
        calls.append(name)
        return parse_column(y, name)

    monkeypatch.setattr("skrnn.data.targets._classes.parse_column", count)
    for y in (["a", "b", "a"], INDICATORS):
        check_data(make_class_targets(y), y)
    assert calls == ["y", "y"]


def test_labels_of_several_kinds_are_refused(check_data):
    y = np.array(["a", 1], dtype=object)
    with pytest.raises(
        (TypeError, ValueError), match=r"y .*of one kind|Unknown label type"
    ):
        check_data(ClassTargets(), y)


def test_after_fit_a_matrix_is_no_list_of_labels(fitted, check_data):
    targets = fitted(ClassTargets(), ["a", "b"])
    message = "y_val has 2 columns, expected one label a sequence, as in fit"
    with pytest.raises(ValueError, match=message):
        check_data(targets, [[0, 1], [1, 0]], name="y_val")


@pytest.mark.parametrize("y", [[0, 1], [[0, 1], [1, 0]], np.zeros((2, 4), int)])
def test_after_fit_indicators_have_the_same_labels(y, fitted, check_data):
    targets = fitted(MultilabelTargets(), INDICATORS)
    with pytest.raises(ValueError, match=r"y_val has shape .* matrix with 3 labels"):
        check_data(targets, y, name="y_val")


def test_an_indicator_matrix_holds_0_and_1(check_data):
    with pytest.raises(
        ValueError, match=r"y\[1, 0\] is 2; an indicator matrix holds 0 a"
    ):
        check_data(MultilabelTargets(), [[0, 1], [2, 1]])


# --- labels and ids ------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.array(["b", "a", "c", "a"]),
        np.array(["b", "a", "c", "a"], dtype=object),
        np.array([3, -1, 7]),
        np.array([True, False]),
        np.array([2.0, 1.0]),
    ],
)
def test_labels_come_back_as_they_were(y, fitted, check_data):
    targets = fitted(ClassTargets(), y)
    data = check_data(targets, y)
    ids = targets.encode(data)
    assert targets.classes.tolist() == sorted(set(y.tolist()))
    assert targets.n_outputs == len(targets.classes)
    assert ids.dtype == np.int64
    outputs = softmax(5.0 * np.eye(targets.n_outputs)[ids], axis=1)
    decoded = targets.decode(outputs, data.X)
    assert decoded.dtype == y.dtype
    assert decoded.tolist() == y.tolist()


def test_given_classes_are_sorted_and_need_not_occur(fitted, check_data):
    targets = fitted(ClassTargets(), ["b"], classes=["c", "b", "a"])
    assert targets.classes.tolist() == ["a", "b", "c"]
    assert targets.encode(check_data(targets, ["c", "a"])).tolist() == [2, 0]


def test_classes_of_the_held_out_part_are_known(check_data):
    targets = ClassTargets()
    every = check_data(targets, ["b", "a", "c"])
    targets.fit(every.take(np.array([0, 1])), every)
    assert targets.classes.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("classes", "y", "place"),
    [
        (["a", "b"], ["a", "c"], r"y\[1\] is .*'c'"),
        (["a", "b"], ["", "a"], r"y\[0\] is .*''"),
        ([1, 2], [2, 1, 0], r"y\[2\] is .*0"),
        ([1, 2], ["1", "2"], r"y\[0\] is .*'1'"),
        (["1", "2"], [1, 2], r"y\[0\] is .*1"),
        (np.array(["a", "b"], dtype=object), [1, 2], r"y\[0\] is .*1"),
    ],
)
@pytest.mark.parametrize("name", ["y", "y_val"])
def test_a_label_never_seen_is_named(classes, y, place, name, fitted, check_data):
    targets = fitted(ClassTargets(), np.asarray(classes))
    data = check_data(targets, np.asarray(y), name=name)
    with pytest.raises(ValueError, match=place.replace("y", name) + ".*not in classes"):
        targets.encode(data)


def test_indicators_come_back_as_they_were(fitted, check_data):
    targets = fitted(MultilabelTargets(), INDICATORS)
    assert targets.n_outputs == 3
    assert targets.classes.tolist() == [0, 1, 2]
    data = check_data(targets, INDICATORS)
    encoded = targets.encode(data)
    assert encoded.dtype == np.float32
    decoded = targets.decode(encoded - np.float32(0.5), data.X)
    assert decoded.dtype == np.int64
    assert decoded.tolist() == INDICATORS.tolist()


def test_the_kinds_say_whether_outputs_are_independent():
    assert not ClassTargets().independent
    assert MultilabelTargets().independent


# --- one-hot rows --------------------------------------------------------------------


@pytest.mark.parametrize("make", [list, np.array, pd.DataFrame])
def test_a_warning_says_how_to_pass_one_hot_encoded_classes(make, fitted):
    with pytest.warns(UserWarning, match=r"pass y\.argmax\(axis=1\) or the labels"):
        fitted(MultilabelTargets(), make([[0, 1, 0], [1, 0, 0], [0, 1, 0]]))


@pytest.mark.parametrize(
    "y", [INDICATORS, [[0, 1], [0, 0]], [[0, 1], [1, 1]], [[1], [1]], [[1], [0]]]
)
def test_independent_labels_cause_no_warning(y, fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(MultilabelTargets(), y)


# --- weights -------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", ["balanced", {"a": 2.0, "b": 0.5}])
def test_class_weights_multiply_sample_weights(class_weight, fitted, check_data):
    y, weight = ["a", "b", "b", "b"], [1.0, 2.0, 3.0, 4.0]
    targets = fitted(ClassTargets(), y)
    plain, weighted = check_data(targets, y), check_data(targets, y, weight=weight)
    assert targets.loss_weights(plain, plain, None) is None
    assert targets.loss_weights(weighted, weighted, None).tolist() == weight
    alone = targets.loss_weights(plain, plain, class_weight)
    expected = (
        [2, 2 / 3, 2 / 3, 2 / 3] if class_weight == "balanced" else [2, 0.5, 0.5, 0.5]
    )
    np.testing.assert_allclose(alone, expected)
    both = targets.loss_weights(weighted, weighted, class_weight)
    np.testing.assert_allclose(both, np.multiply(expected, weight))


def test_balanced_weights_of_validation_data_are_those_of_training(fitted, check_data):
    targets = fitted(ClassTargets(), ["a", "b", "b", "b"])
    train, val = (check_data(targets, y) for y in (["a", "b", "b", "b"], ["a", "a", "b"]))
    weight = targets.loss_weights(val, train, "balanced")
    np.testing.assert_allclose(weight, [2, 2, 2 / 3])


def test_class_weights_of_several_labels_multiply(fitted, check_data):
    targets = fitted(MultilabelTargets(), INDICATORS)
    data = check_data(targets, INDICATORS, weight=[1, 1, 10])
    weight = targets.loss_weights(data, data, [{1: 2.0}, {0: 3.0, 1: 1.0}, {}])
    np.testing.assert_allclose(weight, [1, 6, 20])
    balanced = targets.loss_weights(data, data, "balanced")
    by_label = {0: 3 / 2, 1: 3 / 4}  # each label is 1 twice and 0 once
    expected = [np.prod([by_label[i] for i in row]) for row in INDICATORS]
    np.testing.assert_allclose(balanced, np.multiply(expected, [1, 1, 10]))
    for wrong in ({1: 2.0}, [{1: 2.0}]):
        with pytest.raises(ValueError, match="class_weight for 3 labels must be"):
            targets.loss_weights(data, data, wrong)


# --- what a random split keeps -------------------------------------------------------


def test_groups_are_the_sequences_of_each_class(check_data):
    y = ["b", "a", "b", "c", "a", "b"]
    targets = ClassTargets()
    checked = check_data(targets, y).y
    assert [group.tolist() for group in targets.groups(checked)] == [
        [1, 4],
        [0, 2, 5],
        [3],
    ]
    assert targets.strata(checked).tolist() == y


def test_groups_of_indicators_are_those_with_each_label_and_without(check_data):
    targets = MultilabelTargets()
    checked = check_data(targets, INDICATORS).y
    groups = sorted(group.tolist() for group in targets.groups(checked))
    assert groups == sorted([[1, 2], [0, 2], [0, 2], [0], [1], [1]])
    assert targets.strata(checked) is None


def test_a_label_that_all_sequences_have_has_no_group_without_it(check_data):
    targets = MultilabelTargets()
    checked = check_data(targets, [[1, 0], [1, 1]]).y
    assert sorted(g.tolist() for g in targets.groups(checked)) == [[0], [0, 1], [1]]
