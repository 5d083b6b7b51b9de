"""The interface of targets, and the checks of y and of weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch.nn.utils.rnn import pack_sequence

from skrnn.data.containers import check_sequences
from skrnn.data.layouts import parse_column
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import (
    CheckedData,
    CheckedTargets,
    ClassTargets,
    StepTargets,
    Targets,
    TokenTargets,
    check_weights,
    parse_targets,
    scale_to_mean_1,
)
from skrnn.data.targets._base import (
    decode_labels,
    encode_labels,
    listed,
    weight_by_class,
)

# --- lengths and weights -------------------------------------------------------------


def test_y_has_one_entry_for_each_sequence():
    X = check_sequences([[1.0], [2.0]])
    assert parse_targets([1, 2], X, "y", parse_column).tolist() == [1, 2]
    for y, name, message in (
        ([1, 2, 3], "y", "y has 3 entries, but X has 2 sequences$"),
        ([1], "y_val", "y_val has 1 entries, but X has 2"),
        (None, "y_val", "y_val is None"),
        (np.array(5), "y", "y is one value, expected one for each sequence"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_targets(y, X, name, parse_column)
    with pytest.raises(TypeError, match=r"y is sparse.* y.toarray"):
        parse_targets(scipy.sparse.eye_array(2).tocsr(), X, "y", parse_column)
    with pytest.raises(TypeError, match=r"y must be a list of values.*, got int$"):
        parse_targets(5, X, "y", parse_column)


def test_too_few_entries_for_the_rows_of_a_frame_name_sequences_from_frame():
    frame = pd.DataFrame({"id": [0, 0, 1, 1], "speed": [1.0, 2.0, 3.0, 4.0]})
    for make, y in ((ClassTargets, ["a", "b"]), (TokenTargets, [["a"], ["b"]])):
        with pytest.raises(
            ValueError, match=r"X has 4 sequences\..*sequences_from_frame"
        ):
            make().check(y, check_sequences(frame))
        with pytest.raises(ValueError, match=r"X has 4 sequences$"):
            make().check(y, check_sequences(frame.to_numpy()))


@pytest.mark.parametrize("targets", [ClassTargets(), StepTargets(), TokenTargets()])
def test_packed_targets_are_named_before_their_length(targets):
    y = pack_sequence([torch.ones(2), torch.ones(1), torch.ones(1)])
    X = check_sequences([["a", "b"], ["c"], ["d"]])
    with pytest.raises(TypeError, match=r"PackedSequence.*unpack_sequence\(y\)"):
        targets.check(y, X)


@pytest.mark.parametrize(
    "weight",
    [
        np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
        np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]),
        [1.0, np.ma.masked, 3.0],
        pd.Series([1.0, None, 3.0], dtype="Float64"),
        [1, None, 3],
    ],
)
def test_a_missing_weight_is_named(weight):
    with pytest.raises(ValueError, match=r"sample_weight contains .*sample_weight\[1\]"):
        check_weights(weight, 3)


def test_weights_are_one_number_for_each_sequence():
    assert check_weights(None, 2) is None
    assert check_weights(2.0, 2).tolist() == [2, 2]
    assert check_weights([1, 0], 2).tolist() == [1, 0]
    assert check_weights(pd.Series([1, 3], index=[8, 9]), 2).dtype == np.float64


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], "sample_weight"),
        ([-1.0, 2.0], "Negative values"),
        ([np.nan, 1.0], "sample_weight contains NaN"),
        ([0.0, 0.0], "at least one non-zero"),
        ([[1.0, 2.0]], "Sample weights must be 1D"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weight, 2)
    with pytest.raises(ValueError, match="sample_weight_val"):
        check_weights(weight, 2, "sample_weight_val")


def test_the_factor_makes_the_mean_weight_1():
    weight = np.array([1.0, 5.0])
    assert scale_to_mean_1(weight) * weight.mean() == pytest.approx(1)
    counts = np.array([3, 1])
    factor = scale_to_mean_1(weight, counts)
    assert factor * (3 * 1 + 1 * 5) / 4 == pytest.approx(1)
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        scale_to_mean_1(np.zeros(3))
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        scale_to_mean_1(np.array([0.0, 2.0]), np.array([3, 0]))


# --- class weights -------------------------------------------------------------------


def test_balanced_class_weights_are_scikit_learns():
    classes, y = np.array(["a", "b", "c"]), np.array(["a", "a", "a", "b"])
    weight = weight_by_class("balanced", classes, y, y)
    np.testing.assert_allclose(weight, [4 / 6, 4 / 6, 4 / 6, 2])
    assert weight_by_class("balanced", classes, np.array(["c", "b"]), y).tolist() == [
        1,
        2,
    ]


def test_class_weights_of_a_dict_default_to_1():
    classes, y = np.array(["a", "b", "c"]), np.array(["b", "a", "c"])
    assert weight_by_class({"a": 3}, classes, y, y).tolist() == [1, 3, 1]
    weight = weight_by_class({"a": 3, "b": 0, "c": 1, "z": 9}, classes, y, y)
    assert weight.tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"z": 1.0}, r"class_weight names \['z'\], not in classes \['a', 'b'\]"),
        ({"a": -1.0}, r"class_weight\['a'\] must be a number of at least 0, got -1.0"),
        ({"b": np.nan}, r"class_weight\['b'\] must be a number"),
        ({"b": np.inf}, r"class_weight\['b'\] must be a number"),
        ({"b": "2"}, r"class_weight\['b'\] must be a number"),
        ([{0: 1.0}], "a list for several labels only"),
    ],
)
def test_class_weights_that_cannot_be_used_are_refused(class_weight, message):
    classes = np.array(["a", "b"])
    with pytest.raises(ValueError, match=message):
        weight_by_class(class_weight, classes, classes, classes)


# --- labels --------------------------------------------------------------------------


def test_labels_are_encoded_by_their_place_and_the_first_new_one_is_found():
    classes = np.array(["a", "b"])
    ids, new = encode_labels(["b", "a", "b"], classes)
    assert (ids.dtype, ids.tolist(), new) == (np.int64, [1, 0, 1], None)
    assert encode_labels(["a", "x", "y"], classes)[1] == 1


def test_decoded_labels_are_pythons_own_objects():
    ids = RaggedArray.from_lengths(np.array([1, 0, 1]), [2, 0, 1])
    decoded = decode_labels(ids, [("a", 1), ("b", 2)])
    assert decoded == [[("b", 2), ("a", 1)], [], [("b", 2)]]


def test_long_lists_are_cut_in_messages():
    assert listed(["a", "b"]) == "['a', 'b']"
    assert listed(range(5000)).endswith("18, 19, ... 5,000 in all]")


# --- validated data ------------------------------------------------------------------


@pytest.fixture
def data():
    X = check_sequences(
        ["a b", "", "c"], input_type="tokens", split=str.split, empty="keep"
    )
    labels = RaggedArray.from_lengths(object_array(["u", "v", "w"]), [2, 0, 1])
    y = CheckedTargets(labels, ["u v", "", "w"])
    raw = (["a b", "", "c"], pd.Series(["u v", "", "w"], index=[7, 7, 1]))
    return CheckedData(X, y, np.array([1.0, 2.0, 3.0]), raw)


def test_taking_sequences_takes_everything_that_belongs_to_them(data):
    taken = data.take(np.array([2, 0]))
    assert [row.tolist() for row in taken.X.steps] == [["c"], ["a", "b"]]
    assert taken.X.texts == ["c", "a b"]
    assert [row.tolist() for row in taken.y.values] == [["w"], ["u", "v"]]
    assert taken.y.texts == ["w", "u v"]
    assert taken.weight.tolist() == [3, 1]
    assert taken.raw[0] == ["c", "a b"]
    assert taken.raw[1].tolist() == ["w", "u v"]
    assert taken.origin.tolist() == [2, 0]
    assert taken.lengths.tolist() == [1, 2]
    assert (len(data), len(taken)) == (3, 2)
    assert data.take(np.array([0]), with_raw=False).raw == (None, None)
    assert taken.without_weight().weight is None
    without_raw = CheckedData(data.X, data.y)
    assert without_raw.take(np.array([0])).raw == (None, None)


def test_the_origin_stays_that_in_the_users_X(data):
    assert data.without_empty().origin.tolist() == [0, 2]
    assert data.without_empty().take(np.array([1])).origin.tolist() == [2]


def test_flat_targets_are_taken_by_row():
    taken = CheckedTargets(np.array([[1, 2], [3, 4], [5, 6]])).take(np.array([2, 1]))
    assert taken.values.tolist() == [[5, 6], [3, 4]]
    assert taken.texts is None


def test_data_without_empty_sequences_keep_the_others(data):
    kept = data.without_empty()
    assert kept.lengths.tolist() == [2, 1]
    assert kept.weight.tolist() == [1, 3]
    assert kept.without_empty() is kept
    with pytest.raises(ValueError, match="X has no steps: all its sequences are empty"):
        data.take(np.array([1])).without_empty()


def test_messages_about_empty_validation_data_name_them(data):
    X = replace(data.X.take(np.array([1])), name="X_val")
    empty = CheckedData(X, data.y, name="y_val")
    with pytest.raises(ValueError, match="X_val has no steps"):
        empty.without_empty()


# --- the interface -------------------------------------------------------------------


class _Rows(Targets):
    """The least that a kind of targets has."""

    n_outputs = 1

    def check(self, y, X, name="y"):
        return CheckedTargets(np.asarray(y))

    def fit(self, train, every, classes=None):
        self.fitted = True

    def encode(self, data):
        return data.y.values

    def decode(self, outputs, X):
        return outputs


def test_a_kind_of_targets_needs_five_members(data):
    with pytest.raises(TypeError, match=r"abstract methods? .*n_outputs"):
        Targets()
    targets = _Rows()
    assert (targets.classes, targets.vocabulary) == (None, None)
    assert not targets.teacher_forcing
    assert targets.counts(data) is None
    assert targets.loss_weights(data, data, None) is data.weight
    assert targets.strata(data.y) is None
    assert targets.groups(data.y) == []
    targets.observe(data)
