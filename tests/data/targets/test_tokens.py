"""Sequences of tokens that a network generates."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import TokenTargets
from skrnn.data.vocabulary import UNKNOWN
from skrnn.preprocessing import CharTokenizer, WordTokenizer

TEXTS = ["b a n d", "a b"]
TOKENS = [["b", "a", "n", "d"], ["a", "b"]]


def without_end(ids, end):
    """Return the ids of each sequence, whose last is checked to be the end."""
    assert all(sequence[-1] == end for sequence in ids)
    flat = np.concatenate([sequence[:-1] for sequence in ids])
    return RaggedArray.from_lengths(flat, ids.lengths - 1)


def round_trip(targets, data):
    return targets.decode(without_end(targets.encode(data), targets.end), data.X)


# --- validation ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        TEXTS,
        TOKENS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS)[:, None],
        object_array(TEXTS),
        object_array(TOKENS),
        pd.Series(TEXTS, index=[7, 3]),
        pd.Series(TOKENS),
        pd.DataFrame({"y": TEXTS}),
        pd.DataFrame({"y": TOKENS}),
        [tuple(row) for row in TOKENS],
        [np.array(row) for row in TOKENS],
    ],
    ids=lambda y: type(y).__name__,
)
def test_targets_mean_the_same_in_every_container(y, fitted, check_data):
    data = check_data(TokenTargets(), y)
    assert [row.tolist() for row in data.y.values] == TOKENS
    assert set(map(type, data.y.values.values)) == {str}
    assert data.y.texts in (None, TEXTS)
    targets = fitted(TokenTargets(), y)
    assert round_trip(targets, data) == (TOKENS if data.y.texts is None else TEXTS)


@pytest.mark.parametrize(
    "y",
    [
        [[1, 2, 3], [2, 2, 1]],
        np.array([[1, 2, 3], [2, 2, 1]], dtype=np.int16),
        pd.DataFrame([[1, 2, 3], [2, 2, 1]]),
        [np.array([1, 2, 3]), np.array([2, 2, 1])],
    ],
    ids=lambda y: type(y).__name__,
)
def test_integers_are_tokens_and_come_back_as_pythons_own(y, fitted, check_data):
    targets = fitted(TokenTargets(), y)
    decoded = round_trip(targets, check_data(targets, y))
    assert decoded == [[1, 2, 3], [2, 2, 1]]
    assert {type(token) for row in decoded for token in row} == {int}


def test_targets_may_be_empty(check_data):
    for y in (["", "a b"], [[], ["a", "b"]]):
        assert check_data(TokenTargets(), y).y.values.lengths.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("y", "place"),
    [
        ([["a"], ["a", 1.5]], r"y\[1\], step 1 is 1\.5"),
        ([["a"], [np.float32(2.0)]], r"y\[1\], step 0 is 2\.0"),
        ([["a"], [np.float64(2.0)]], r"y\[1\], step 0 is 2\.0"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), r"y\[0\], step 0 is 1\.0"),
        (pd.DataFrame([[1.5, 2.0], [3.0, 4.0]]), r"y\[0\], step 0 is 1\.5"),
        ([np.array([]), np.array([0.5])], r"y\[1\], step 0 is 0\.5"),
    ],
    ids=["list", "float32", "float64", "array", "frame", "arrays"],
)
def test_real_numbers_are_no_tokens(y, place, check_data):
    with pytest.raises(TypeError, match=place + ".*SequenceRegressor predicts numbers"):
        check_data(TokenTargets(), y)


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
        (np.array([[1.0, np.nan], [2.0, 3.0]]), TypeError, r"y\[0\], step 1 is nan"),
        ([["a"], [["b"]]], TypeError, r"y\[1\], step 0 is \['b'\]"),
        ([["a"], [{"b": 1}]], TypeError, r"y\[1\], step 0 is \{'b': 1\}"),
        (np.ones(2), ValueError, "Expected 2D array, got 1D array"),
        (np.ones((2, 3, 1)), ValueError, "y has 3 dimensions, sequences of tokens have"),
    ],
)
def test_targets_of_the_wrong_form_are_refused(y, error, message, check_data):
    with pytest.raises(error, match=message) as caught:
        check_data(TokenTargets(), y, lengths=[1, 1])
    assert "StepwiseTransformer" not in str(caught.value)
    assert "input_type" not in str(caught.value)


def test_messages_call_targets_by_their_name(check_data):
    with pytest.raises(TypeError, match=r"y_val\[1\], step 0 is 0.5"):
        check_data(TokenTargets(), [["a"], [0.5]], name="y_val")
    with pytest.raises(TypeError, match=r"y_val\[1\] is list, but y_val\[0\] is str"):
        check_data(TokenTargets(), ["a", ["b"]], name="y_val")


def test_a_wrong_tokenizer_of_targets_is_named_by_its_parameter():
    with pytest.raises((TypeError, ValueError), match="target_tokenizer"):
        TokenTargets(target_tokenizer="letters")


# --- tokens and ids ------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        [["b", "a", "b"], ["a"], ["c", "a"]],
        [[], ["a"], [], [], ["b", "b"], []],
        [[1, 2, 1], [300]],
        [[("a", 1), ("b", 2)], [("a", 1)]],
        [["🙂", "שלום", "مرحبا"], ["e\u0301", "é"]],
    ],
)
def test_generated_tokens_come_back_as_they_were(y, fitted, check_data):
    targets = fitted(TokenTargets(), y)
    data = check_data(targets, y)
    ids = targets.encode(data)
    assert (
        ids.lengths.tolist() == [len(s) + 1 for s in y] == targets.counts(data).tolist()
    )
    assert ids.values.dtype == np.int64
    decoded = round_trip(targets, data)
    assert decoded == y
    kinds = {type(token) for s in y for token in s}
    assert {type(token) for s in decoded for token in s} == kinds


def test_the_end_is_the_last_id_and_no_token(fitted, check_data):
    targets = fitted(TokenTargets(), [["b", "a"], ["b"]])
    assert targets.vocabulary == {"b": 2, "a": 3}
    assert (targets.end, targets.n_outputs) == (4, 5)
    ids = targets.encode(check_data(targets, [["a", "b"], []]))
    assert [sequence.tolist() for sequence in ids] == [[3, 2, 4], [4]]
    assert targets.teacher_forcing
    assert targets.classes is None


def test_target_tokens_that_were_not_learned_are_unknown(fitted, check_data):
    targets = fitted(TokenTargets(target_min_count=2), [["b", "a", "b"], ["c", "a"]])
    ids = targets.encode(check_data(targets, [["c", "a", "z"]]))
    a, end = targets.vocabulary["a"], targets.end
    assert ids.values.tolist() == [UNKNOWN, a, UNKNOWN, end]
    assert targets.n_outputs == 5


def test_the_most_frequent_target_tokens_are_kept(fitted):
    y = [["c", "b", "c"], ["a", "b", "c"]]
    targets = fitted(TokenTargets(target_max_vocabulary=2), y)
    assert list(targets.vocabulary) == ["c", "b"]
    assert targets.end == 4


def test_the_case_of_target_tokens_is_kept(fitted):
    assert set(fitted(TokenTargets(), ["The the"]).vocabulary) == {"The", "the"}


def test_held_out_tokens_are_not_learned(check_data):
    targets = TokenTargets()
    every = check_data(targets, ["a b", "c"])
    targets.fit(every.take(np.array([0]), with_raw=False), every)
    assert set(targets.vocabulary) == {"a", "b"}


@pytest.mark.parametrize("y", [["a b", "c"], [[], []]])
def test_a_vocabulary_without_tokens_is_an_error(y, fitted):
    with pytest.raises(
        ValueError, match="no token of y is seen target_min_count=2 times"
    ):
        fitted(TokenTargets(target_min_count=2), y)


def test_targets_of_which_no_token_is_known_are_an_error_where_a_user_passed_them(
    fitted, check_data
):
    targets = fitted(TokenTargets(), ["a b"])
    data = check_data(targets, ["x y", ""], name="y_val")
    with pytest.raises(ValueError, match="y_val holds unknown tokens only"):
        targets.encode(data)
    drawn = dataclasses.replace(data, split_off=True)
    assert targets.encode(drawn).values.tolist() == [UNKNOWN, UNKNOWN, 4, 4]
    assert targets.encode(check_data(targets, ["", ""])).values.tolist() == [4, 4]
    assert targets.encode(check_data(targets, ["x a"])).values.tolist() == [UNKNOWN, 2, 4]


# --- texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        ["Ça va ?", "Oui : « bien » !"],  # spaces before marks
        ["كيف حالك؟", "بخير، شكرا."],
        ['She said "yes".', 'He said "no", too.'],
        ["$5 (about)", "3 % of it", "a/b"],
        ["你好，世界。", "再见"],
    ],
)
@pytest.mark.parametrize("tokenizer", ["word", "char", WordTokenizer(), CharTokenizer()])
def test_texts_come_back_with_the_spacing_of_training(
    texts, tokenizer, fitted, check_data
):
    targets = fitted(TokenTargets(target_tokenizer=tokenizer), texts)
    data = check_data(targets, texts)
    assert round_trip(targets, data) == texts
    copied = pickle.loads(pickle.dumps(targets))
    assert round_trip(copied, data) == texts


def test_the_spacing_is_that_of_the_training_part(check_data):
    targets = TokenTargets()
    every = check_data(targets, ["Ça va ?", "Bien ?", "Ah bon?", "Oui?", "Non?"])
    one = every.take(np.array([0]))
    targets.fit(every.take(np.array([0, 1])), every)
    ids = np.array([targets.vocabulary[token] for token in ("Ça", "?")])  # a new pair
    assert targets.decode(RaggedArray.from_lengths(ids, [2]), one.X) == ["Ça ?"]
    targets.fit(every, every)  # where most have no space before the mark
    ids = np.array([targets.vocabulary[token] for token in ("Ça", "?")])
    assert targets.decode(RaggedArray.from_lengths(ids, [2]), one.X) == ["Ça?"]


def test_token_lists_have_no_spacing(fitted, token_sequences):
    targets = fitted(TokenTargets(), TOKENS)
    assert targets.spacing is None
    ids = np.array([targets.vocabulary[token] for token in "ab"])
    ragged = RaggedArray.from_lengths(ids, [2, 0])
    assert targets.decode(ragged, token_sequences([1, 1])) == [["a", "b"], []]
    assert targets.decode_tokens(ragged) == [["a", "b"], []]


def test_tokens_of_texts_can_be_had_without_joining_them(fitted):
    targets = fitted(TokenTargets(), ["a b", "b"])
    ids = np.array([targets.vocabulary[token] for token in "ab"])
    ragged = RaggedArray.from_lengths(ids, [2, 0])
    assert targets.decode_tokens(ragged) == [["a", "b"], []]


# --- lengths -------------------------------------------------------------------------


def observe(targets, source_lengths, target_lengths, check_data):
    y = [["a"] * n for n in target_lengths]
    targets.observe(check_data(targets, y, lengths=source_lengths))


def test_generated_targets_are_as_long_as_the_longest_of_training(check_data):
    targets = TokenTargets()
    observe(targets, [2, 4, 1], [3, 1, 6], check_data)
    assert targets.max_lengths(np.array([0, 1, 4])).tolist() == [6, 6, 6]
    # sources longer than any of training: more in proportion
    longer = targets.max_lengths(np.array([5, 6, 8, 40]))
    assert longer.tolist() == [8, 9, 12, 60]
    assert longer.dtype == np.int64


def test_lengths_grow_and_never_shrink_when_training_continues(check_data):
    targets = TokenTargets()
    observe(targets, [4], [6], check_data)
    assert not targets.may_be_empty
    observe(targets, [2, 1], [1, 0], check_data)
    assert (targets.longest_source, targets.longest_target) == (4, 6)
    assert targets.may_be_empty
    observe(targets, [8, 1], [1, 9], check_data)
    assert (targets.longest_source, targets.longest_target) == (8, 9)
    assert targets.may_be_empty


def test_targets_that_are_all_empty_still_have_room_for_a_token(check_data):
    targets = TokenTargets()
    observe(targets, [4], [0], check_data)
    assert targets.max_lengths(np.array([3])).tolist() == [1]


def test_target_texts_in_lists_of_their_own_cause_a_warning(token_sequences):
    y = [["a good film"], ["a bad plot"]]
    with pytest.warns(
        UserWarning, match=r"each list of y has one token.* for text, in y"
    ):
        TokenTargets().check(y, token_sequences([1, 1]))
