"""Sequences as their own targets: what follows each of their steps."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from skrnn.data.containers import check_sequences
from skrnn.data.inputs import Inputs
from skrnn.data.ragged import RaggedArray
from skrnn.data.targets import CheckedData, FeatureContinuations, TokenContinuations
from skrnn.data.vocabulary import UNKNOWN


def validated(targets, X, name="y"):
    checked = targets.inputs.check(X, estimator=None, name=name.replace("y", "X"))
    return CheckedData(checked, targets.check(None, checked, name), name=name)


def fit_on(X, cls=TokenContinuations, **options):
    """Return continuations, and X validated, that are fitted on X."""
    targets = cls(Inputs(empty="keep", **options))
    checked = targets.inputs.check(X, estimator=None)
    targets.inputs.fit(checked)
    data = validated(targets, X)
    targets.fit(data, data)
    targets.observe(data)
    return targets, data


def rows(ragged):
    return [row.tolist() for row in ragged]


# --- tokens --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        ["a b a", "", "b"],
        [["a", "b", "a"], [], ["b"]],
        [["The", "the"], ["THE", "the"]],
        ["Ça va ?", "Bien ?"],
    ],
)
def test_sequences_come_back_as_they_were(X):
    targets, data = fit_on(X, lowercase=False)
    ids = targets.encode(data)
    assert ids.lengths.tolist() == (data.lengths + 1).tolist()
    assert ids.lengths.tolist() == targets.counts(data).tolist()
    ends = ids.values[ids.offsets[1:] - 1]
    assert set(ends.tolist()) == {targets.codec.end} == {targets.n_outputs - 1}
    tokens = RaggedArray.from_lengths(ids.values[ids.values != ends[0]], data.lengths)
    assert list(targets.decode(tokens, data.X)) == X


def test_characters_come_back_as_texts():
    targets, data = fit_on(["ab a", "b"], tokenizer="char")
    ids = targets.encode(data)
    tokens = RaggedArray.from_lengths(ids.values[ids.values != targets.codec.end], [4, 1])
    assert targets.decode(tokens, data.X).tolist() == ["ab a", "b"]


def test_the_network_reads_each_step_one_step_late():
    targets, data = fit_on([["a", "b", "a"], [], ["b"]])
    a, b = targets.inputs.token_ids["a"], targets.inputs.token_ids["b"]
    ids = targets.encode(data)
    assert rows(ids) == [[a, b, a, 4], [4], [b, 4]]
    assert rows(targets.inputs_of(ids)) == [[0, a, b, a], [0], [0, b]]
    assert rows(targets.prompts(data.X.steps)) == [[0, a, b, a], [0], [0, b]]


def test_one_step_is_decoded_as_its_token():
    targets, _ = fit_on([[3, 5, 3]], input_type="tokens")
    ids = targets.inputs.token_ids
    assert [targets.decode_step(np.int64(ids[token])) for token in (3, 5)] == [3, 5]
    targets, _ = fit_on(["a b"])
    assert targets.decode_step(np.int64(targets.inputs.token_ids["b"])) == "b"


def test_probabilities_are_those_of_what_can_be_generated(rng):
    targets, _ = fit_on(["a b"])
    logits = rng.normal(size=(3, targets.n_outputs)).astype(np.float32)
    logits[:, :2] = 50.0  # padding and unknown
    probabilities = targets.probabilities(logits)
    assert probabilities.shape == (3, 3)  # two tokens and the end
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    expected = np.exp(logits[:, 2:]) / np.exp(logits[:, 2:]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


def test_a_sequence_ends_at_the_end_or_at_stop():
    targets, _ = fit_on([["a", ("b", 1)], ["."]], input_type="tokens")
    ids, end = targets.inputs.token_ids, targets.codec.end
    assert targets.ends(None, {}) == (end,)
    assert targets.ends(".", {"top_k": 3}) == (end, ids["."])
    assert targets.ends(("b", 1), {}) == (end, ids["b", 1])


@pytest.mark.parametrize("stop", ["z", "", ["a"], (["a"],), 2])
def test_a_stop_that_is_no_token_is_an_error(stop):
    targets, _ = fit_on([["a", "b"]])
    with pytest.raises(ValueError, match="is not a token in vocabulary_"):
        targets.ends(stop, {})


def test_a_vocabulary_without_tokens_is_an_error():
    with pytest.raises(ValueError, match="no token of X is seen min_count=2 times"):
        fit_on(["a b", "c"], min_count=2)


def test_the_spacing_is_learned_from_training_texts():
    targets, data = fit_on(["Ça va ?", "Bien ?"])
    ids = [targets.inputs.token_ids[token] for token in ("bien", "?")]
    generated = RaggedArray.from_lengths(np.array(ids), [2])
    assert targets.decode(generated, data.X).tolist() == ["bien ?"]


# --- unknown tokens ------------------------------------------------------------------


def test_left_out_tokens_share_the_probability_of_unknown_ones():
    targets, _ = fit_on([["a", "a", "b", "b", "x", "y", "xyz"]], min_count=2)
    assert targets.n_left_out == 3
    assert b"xyz" not in pickle.dumps(targets)  # nothing gives them away
    ids = targets.encode(validated(targets, [["a", "x"], [], ["q", "b", "y"]]))
    penalty = targets.unknown_penalty(ids)
    np.testing.assert_allclose(penalty, np.log(3) * np.array([1, 0, 2]))


def test_the_part_of_training_that_leaves_out_most_tokens_counts():
    targets, _ = fit_on([["a", "a", "x"]], min_count=2)
    targets.observe(validated(targets, [["q", "r", "q", "a"]]))
    assert targets.n_left_out == 2
    targets.observe(validated(targets, [["a"]]))
    assert targets.n_left_out == 2


@pytest.mark.parametrize("X", [[["a", "a"]], [["a", "a", "x"]]])
def test_without_two_tokens_left_out_there_is_no_penalty(X):
    targets, _ = fit_on(X, min_count=2)
    ids = targets.encode(validated(targets, [["x", "y"]]))
    assert (ids.values == UNKNOWN).sum() == 2
    assert targets.unknown_penalty(ids).tolist() == [0]


# --- features ------------------------------------------------------------------------

CHORDS = [np.array([[0, 1, 1], [1, 0, 0]]), np.array([[1, 1, 1]])]


def test_features_are_their_own_targets():
    targets, data = fit_on(CHORDS, FeatureContinuations)
    assert targets.n_outputs == 3
    assert not targets.generates_tokens
    encoded = targets.encode(data)
    assert rows(encoded) == [chord.tolist() for chord in CHORDS]
    assert targets.counts(data).tolist() == [2, 1]
    assert rows(targets.inputs_of(encoded)) == [[[0, 0, 0], [0, 1, 1]], [[0, 0, 0]]]
    prompts = targets.prompts(data.X.steps)
    assert rows(prompts) == [
        [[0, 0, 0], [0, 1, 1], [1, 0, 0]],
        [[0, 0, 0], [1, 1, 1]],
    ]
    decoded = targets.decode(encoded, data.X)
    assert decoded.dtype == object
    for got, chord in zip(decoded, CHORDS, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, chord)
    assert targets.unknown_penalty(encoded).tolist() == [0, 0]


def test_prompts_without_steps_begin_with_zeros():
    targets, _ = fit_on(CHORDS, FeatureContinuations)
    steps = RaggedArray.from_lengths(np.ones((2, 3), np.float32), [0, 2, 0])
    prompts = targets.prompts(steps)
    assert prompts.lengths.tolist() == [1, 3, 1]
    late = targets.inputs_of(steps)
    assert rows(late) == [[], [[0, 0, 0], [1, 1, 1]], []]
    assert rows(prompts)[0] == rows(prompts)[2] == [[0, 0, 0]]


def test_a_decoded_step_of_features_is_a_copy():
    targets, _ = fit_on(CHORDS, FeatureContinuations)
    step = np.ones(3, np.float32)
    decoded = targets.decode_step(step)
    step[:] = 0
    assert decoded.tolist() == [1, 1, 1]


def test_features_have_independent_probabilities():
    targets, _ = fit_on(CHORDS, FeatureContinuations)
    logits = np.array([[0.0, np.log(3), -np.log(3)]], np.float32)
    np.testing.assert_allclose(targets.probabilities(logits), [[0.5, 0.75, 0.25]])


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0])
@pytest.mark.parametrize("name", ["y", "y_val"])
def test_features_other_than_zeros_and_ones_are_named(value, name):
    targets, _ = fit_on(CHORDS, FeatureContinuations)
    X = [chord.astype(float) for chord in CHORDS]
    X[1] = np.array([[1, 1, 1], [0, 0, value]])
    place = name.replace("y", "X") + r"\[1\], step 1 holds other numbers than 0 and 1"
    with pytest.raises(ValueError, match=place):
        validated(targets, X, name)


@pytest.mark.parametrize(
    ("stop", "choices", "message"),
    [
        (1, {}, "stop=1 has no effect: steps are features"),
        (None, {"top_k": 3}, "top_k=3 has no effect: steps are features"),
        (None, {"top_p": None, "beam_size": 2}, "beam_size=2 has no effect"),
    ],
)
def test_choices_among_tokens_are_errors_for_features(stop, choices, message):
    targets, _ = fit_on(CHORDS, FeatureContinuations)
    assert targets.ends(None, {"top_k": None}) == ()
    with pytest.raises(ValueError, match=message):
        targets.ends(stop, choices)


def test_data_of_checked_sequences_may_be_a_plain_array():
    targets, _ = fit_on(np.zeros((4, 5, 2)), FeatureContinuations)
    checked = check_sequences(np.ones((4, 5, 2)))
    assert targets.check(None, checked).values is checked.steps
