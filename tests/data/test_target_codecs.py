"""Codecs of y: what goes in comes back out."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.target_codecs import (
    IndicatorCodec,
    LabelCodec,
    NumberCodec,
    StepLabelCodec,
    TargetCodec,
)
from skrnn.data.vocabulary import UNKNOWN


def tokens(sequences):
    flat = object_array([token for sequence in sequences for token in sequence])
    return RaggedArray.from_lengths(flat, [len(s) for s in sequences])


# --- labels --------------------------------------------------------------------------


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
def test_labels_come_back_as_they_were(y):
    codec = LabelCodec().fit(y)
    ids = codec.encode(y)
    assert codec.classes.tolist() == sorted(set(y.tolist()))
    assert codec.n_outputs == len(codec.classes)
    assert ids.dtype == np.int64
    decoded = codec.decode(ids)
    assert decoded.dtype == y.dtype
    assert decoded.tolist() == y.tolist()


def test_given_classes_are_sorted_and_need_not_occur():
    codec = LabelCodec().fit(np.array(["b"]), classes=np.array(["c", "b", "a"]))
    assert codec.encode(np.array(["c", "a"])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("classes", "y", "place"),
    [
        (["a", "b"], ["a", "c"], r"y\[1\] is .*'c'"),
        (["a", "b"], ["", "a"], r"y\[0\] is .*''"),
        ([1, 2], [2, 1, 0], r"y\[2\] is .*0"),
        ([1, 2], ["1", "2"], r"y\[0\] is .*'1'"),
        (["1", "2"], [1, 2], r"y\[0\] is .*1"),
        (np.array(["a", "b"], dtype=object), [1, 2], r"y\[0\] is .*1"),
        (np.array(["a", "b"], dtype=object), np.array([1, "a"], dtype=object), r"y\[0\]"),
    ],
)
def test_a_label_never_seen_is_named(classes, y, place):
    codec = LabelCodec().fit(np.asarray(classes))
    with pytest.raises(ValueError, match=place + ".*not in classes"):
        codec.encode(np.asarray(y))


def test_the_message_calls_the_labels_by_their_name():
    with pytest.raises(ValueError, match=r"y_val\[0\]"):
        LabelCodec().fit(np.array([1])).encode(np.array([2]), name="y_val")


def test_indicators_come_back_as_they_were():
    y = np.array([[0, 1, 1], [1, 0, 0]])
    codec = IndicatorCodec().fit(y)
    assert codec.n_outputs == 3
    assert codec.classes.tolist() == [0, 1, 2]
    encoded = codec.encode(y)
    assert encoded.dtype == np.float32
    decoded = codec.decode(encoded > 0.5)
    assert decoded.dtype == np.int64
    assert decoded.tolist() == y.tolist()


def test_another_number_of_labels_is_an_error():
    codec = IndicatorCodec().fit(np.array([[0, 1], [1, 0]]))
    with pytest.raises(ValueError, match="y_val has 3 labels, expected 2"):
        codec.encode(np.array([[0, 1, 0]]), name="y_val")


# --- numbers out ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 3)])
@pytest.mark.parametrize("with_levels", [False, True])
def test_numbers_come_back_as_they_were(shape, with_levels, rng):
    y = 1000 + 5 * rng.normal(size=shape)
    levels = None
    if with_levels:
        levels = 10 * rng.normal(size=(20, 1)), rng.uniform(1, 2, size=(20, 1))
    codec = NumberCodec().fit(y, levels)
    encoded = codec.encode(y, levels)
    assert encoded.dtype == np.float32
    assert encoded.shape == (20, codec.n_outputs)
    if not with_levels:  # levels are the centre where there are any
        np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.mean(encoded**2, axis=0), 1, rtol=1e-4)
    decoded = codec.decode(encoded, levels)
    assert decoded.dtype == np.float64
    assert decoded.shape == y.shape
    np.testing.assert_allclose(decoded, y, rtol=1e-6)


def test_weights_count_in_the_mean_and_the_deviation(rng):
    y, weight = rng.normal(size=30), rng.integers(0, 4, size=30)
    weighted = NumberCodec().fit(y, weight=weight)
    repeated = NumberCodec().fit(np.repeat(y, weight))
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e9])
def test_a_constant_y_becomes_zeros_and_comes_back(value):
    y = np.full(7, value)
    codec = NumberCodec().fit(y)
    assert not codec.encode(y).any()
    np.testing.assert_allclose(codec.decode(np.zeros((7, 1))), y)


def test_a_single_number_is_constant():
    codec = NumberCodec().fit(np.array([3.0]))
    assert codec.decode(codec.encode(np.array([3.0]))).tolist() == [3.0]


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_quantiles_keep_their_axis(n_outputs, rng):
    y = rng.normal(size=(6, n_outputs))
    y = y[:, 0] if n_outputs == 1 else y
    levels = rng.normal(size=(6, 1)), rng.uniform(1, 2, size=(6, 1))
    codec = NumberCodec().fit(y, levels)
    encoded = codec.encode(y, levels)
    stacked = np.stack([encoded] * 4, axis=1)  # (n_sequences, n_quantiles, n_outputs)
    decoded = codec.decode(stacked, levels)
    assert decoded.shape == ((6, 4) if n_outputs == 1 else (6, 4, 2))
    for quantile in range(4):
        np.testing.assert_allclose(decoded[:, quantile], y, rtol=1e-5)


def test_another_number_of_outputs_is_an_error(rng):
    codec = NumberCodec().fit(rng.normal(size=(4, 2)))
    with pytest.raises(ValueError, match="y_val has 3 outputs, expected 2"):
        codec.encode(rng.normal(size=(4, 3)), name="y_val")


# --- tokens out ----------------------------------------------------------------------


def without_end(ids, end):
    """Return the ids of each sequence, whose last is checked to be the end."""
    assert all(sequence[-1] == end for sequence in ids)
    flat = np.concatenate([sequence[:-1] for sequence in ids])
    return RaggedArray.from_lengths(flat, ids.lengths - 1)


@pytest.mark.parametrize(
    "sequences",
    [
        [["b", "a", "b"], ["a"], ["c", "a"]],
        [[], ["a"], [], [], ["b", "b"], []],
        [[1, 2, 1], [300]],
        [[("a", 1), ("b", 2)], [("a", 1)]],
        [["🙂", "שלום", "مرحبا"], ["e\u0301", "é"]],
    ],
)
def test_written_tokens_come_back_as_they_were(sequences):
    codec = TargetCodec().fit(tokens(sequences))
    ids = codec.encode(tokens(sequences))
    assert ids.lengths.tolist() == [len(s) + 1 for s in sequences]
    assert ids.values.dtype == np.int64
    decoded = codec.decode(without_end(ids, codec.end))
    assert decoded == sequences
    kinds = {type(token) for s in sequences for token in s}
    assert {type(token) for s in decoded for token in s} == kinds


def test_the_end_is_the_last_id_and_no_tokens():
    codec = TargetCodec().fit(tokens([["b", "a"], ["b"]]))
    assert codec.vocabulary.ids == {"b": 2, "a": 3}
    assert (codec.end, codec.n_outputs) == (4, 5)
    ids = codec.encode(tokens([["a", "b"], []]))
    assert [sequence.tolist() for sequence in ids] == [[3, 2, 4], [4]]


def test_target_tokens_that_were_not_learned_are_unknown():
    codec = TargetCodec(min_count=2).fit(tokens([["b", "a", "b"], ["c", "a"]]))
    ids = codec.encode(tokens([["c", "a", "z"]]))
    assert ids.values.tolist() == [UNKNOWN, codec.vocabulary.ids["a"], UNKNOWN, codec.end]
    assert codec.n_outputs == 5


def test_the_most_frequent_target_tokens_are_kept():
    sequences = tokens([["c", "b", "c"], ["a", "b", "c"]])
    codec = TargetCodec(max_size=2).fit(sequences)
    assert list(codec.vocabulary.ids) == ["c", "b"]
    assert codec.end == 4


def test_the_case_of_target_tokens_is_kept():
    codec = TargetCodec().fit(tokens([["The", "the"]]))
    assert set(codec.vocabulary.ids) == {"The", "the"}


# --- a class a step ------------------------------------------------------------------


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
def test_step_labels_come_back_as_lists_of_pythons_own(labels, classes, kind):
    codec = StepLabelCodec().fit(tokens(labels))
    assert codec.classes.tolist() == classes
    assert codec.n_outputs == len(classes)
    ids = codec.encode(tokens(labels))
    assert ids.values.dtype == np.int64
    assert ids.lengths.tolist() == [len(row) for row in labels]
    assert [[classes[i] for i in row] for row in ids] == labels
    decoded = codec.decode(ids)
    assert decoded == labels
    assert {type(label) for row in decoded for label in row} == {kind}


@pytest.mark.parametrize("classes", [["b", "c", "a", "b"], np.array(["c", "b", "a"])])
def test_given_classes_of_steps_are_sorted_and_may_be_more_than_y_has(classes):
    codec = StepLabelCodec().fit(tokens([["b"]]), classes)
    assert codec.classes.tolist() == ["a", "b", "c"]
    assert codec.encode(tokens([["c"], ["b", "a"]])).values.tolist() == [2, 1, 0]


def test_a_new_label_of_a_step_is_named_with_its_place():
    codec = StepLabelCodec().fit(tokens([["a", "b"]]))
    y = tokens([["a"], [], ["b", "a", "z"], ["y"]])
    with pytest.raises(
        ValueError,
        match=r"y_val\[2\], step 2 is 'z', which is not in classes \['a', 'b'\]",
    ):
        codec.encode(y, "y_val")


def test_no_steps_are_encoded_and_decoded_as_none():
    codec = StepLabelCodec().fit(tokens([["a"]]))
    ids = codec.encode(tokens([[], []]))
    assert ids.values.dtype == np.int64
    assert codec.decode(ids) == [[], []]
