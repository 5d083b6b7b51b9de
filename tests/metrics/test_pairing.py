"""y_true and y_pred in every container, and pairs that cannot be meant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skrnn.data.ragged import object_array
from skrnn.data.tokenizers import CharTokenizer, WordTokenizer, check_tokenizer
from skrnn.metrics import (
    bleu_score,
    chrf_score,
    entity_f1_score,
    entity_precision_score,
    entity_recall_score,
    entity_report,
    exact_match_score,
    step_accuracy_score,
    token_error_rate,
)

TAGS = [["B-x", "I-x", "O"], ["B-y"], ["O", "B-x", "I-x", "B-y"]]
GUESSES = [["B-x", "I-x", "O"], ["O"], ["B-x", "I-x", "I-x", "B-y"]]
SCORES = [
    entity_precision_score,
    entity_recall_score,
    entity_f1_score,
    step_accuracy_score,
]

TAG_CONTAINERS = {
    "lists": list,
    "tuples": lambda y: tuple(map(tuple, y)),
    "object array": object_array,
    "arrays": lambda y: [np.array(row) for row in y],
    "Series": lambda y: pd.Series(y, index=[4, 4, 2]),
    "strings": lambda y: [" ".join(row) for row in y],
    "array of strings": lambda y: np.array([" ".join(row) for row in y]),
    "tuple of strings": lambda y: tuple(" ".join(row) for row in y),
    "column of strings": lambda y: np.array([[" ".join(row)] for row in y]),
    "frame of strings": lambda y: pd.DataFrame({"y": [" ".join(row) for row in y]}),
    "frame of lists": lambda y: pd.DataFrame({"y": y}),
}


@pytest.mark.parametrize("container", TAG_CONTAINERS)
@pytest.mark.parametrize("measure", SCORES)
def test_tags_mean_the_same_in_every_container(measure, container):
    make = TAG_CONTAINERS[container]
    other = TAG_CONTAINERS["tuple of strings" if "strings" in container else "lists"]
    expected = measure(TAGS, GUESSES)
    assert measure(make(TAGS), other(GUESSES)) == expected
    assert measure(other(TAGS), make(GUESSES)) == expected
    assert measure(make(TAGS), make(GUESSES)) == expected


def test_columns_of_tags_are_sequences_of_one_length():
    true, pred = [["B-x", "O"], ["B-y", "I-y"]], [["B-x", "O"], ["B-y", "O"]]
    assert entity_f1_score(np.array(true), np.array(pred)) == 0.5
    assert step_accuracy_score(np.array(true), pred) == 0.75


# --- strings -------------------------------------------------------------------------

TOKENIZED = pytest.mark.parametrize(
    "measure", [step_accuracy_score, token_error_rate, exact_match_score]
)


@TOKENIZED
@pytest.mark.parametrize(
    ("tokenizer", "true", "pred"),
    [
        ("word", "ab c", "ab d"),
        ("char", "xy", "xz"),
        (WordTokenizer(), "ab, ", "ab. "),
        (lambda text: text.split("/"), "a b/c", "a b/d"),
        (tuple, "xy", "xz"),
    ],
)
def test_strings_are_cut_as_the_tokenizer_says(measure, tokenizer, true, pred):
    expected = measure([["ab", "c"], ["e"]], [["ab", "d"], ["e"]])
    assert measure([true, "e"], [pred, "e"], tokenizer=tokenizer) == expected


@TOKENIZED
@pytest.mark.parametrize("tokenizer", ["word", "char", str.upper])
def test_lists_stay_as_they_are_whatever_the_tokenizer(measure, tokenizer):
    true, pred = [["ab", "c"], ["e"]], [["ab", "d"], ["e"]]
    assert measure(true, pred, tokenizer=tokenizer) == measure(true, pred)


@pytest.mark.parametrize("measure", [token_error_rate, exact_match_score])
def test_words_are_those_of_the_estimators(measure):
    for true, pred in [
        ("كيف حالك؟", "كيف حالك ؟"),
        ('She said "yes".', 'She said " yes " .'),
        ("Ça va ?", "C\u0327a va?"),
        ("你好。", "你 好 。"),
    ]:
        assert measure([true], [pred]) == measure([["x"]], [["x"]])
        assert measure([true], [pred], tokenizer=str.split) != measure([["x"]], [["x"]])


@TOKENIZED
def test_a_tokenizer_may_be_an_object(measure):
    class Pieces:
        def encode(self, text):
            return text.split("/")

        def decode(self, pieces):
            return "/".join(pieces)

    for tokenizer in (Pieces(), WordTokenizer(), CharTokenizer(normalize=None)):
        split = check_tokenizer(tokenizer).split
        true, pred = ["a b/c", "d"], ["a b/e", "d"]
        expected = measure(list(map(split, true)), list(map(split, pred)))
        assert measure(true, pred, tokenizer=tokenizer) == expected


def test_labels_in_strings_are_split_at_white_space_only():
    assert step_accuracy_score(["B-x , O"], ["B-x\tO  O"]) == 2 / 3
    assert step_accuracy_score(["B-x@y don't!"], ["B-x@y O"]) == 1 / 2


@TOKENIZED
@pytest.mark.parametrize("tokenizer", ["chars", 1])
def test_an_unknown_tokenizer_is_an_error(measure, tokenizer):
    message = rf"tokenizer must be one of \['char', 'word'\], .* got {tokenizer!r}"
    with pytest.raises(ValueError, match=message):
        measure(["a"], ["a"], tokenizer=tokenizer)


# --- errors --------------------------------------------------------------------------

STEP_MEASURES = pytest.mark.parametrize("measure", [*SCORES, entity_report])


@STEP_MEASURES
def test_unequal_numbers_of_sequences_are_an_error(measure):
    with pytest.raises(ValueError, match="y_true has 3 sequences, y_pred has 2"):
        measure(TAGS, GUESSES[:2])


@STEP_MEASURES
def test_unequal_lengths_are_named_by_their_index(measure):
    with pytest.raises(ValueError, match=r"y_true\[1\] has 1 steps, y_pred\[1\] has 2"):
        measure(TAGS, [GUESSES[0], ["O", "O"], GUESSES[2]])


@STEP_MEASURES
def test_no_sequences_are_an_error(measure):
    with pytest.raises(ValueError, match="y_true has no sequences"):
        measure([], [])


REFERENCED = [token_error_rate, exact_match_score, bleu_score, chrf_score]
EVERY_MEASURE = pytest.mark.parametrize("measure", [*SCORES, entity_report, *REFERENCED])
WITH_REFERENCES = pytest.mark.parametrize("measure", REFERENCED)


@EVERY_MEASURE
@pytest.mark.parametrize("wrong", ["a text", b"text", None, 3, {"y": ["O"]}, iter([])])
def test_what_is_no_container_of_sequences_is_refused(measure, wrong):
    message = (
        "is one string; pass a list|must be a list( of sequences)?, an array, a Series"
    )
    for pair in [(wrong, ["O"]), (["O"], wrong), (wrong, wrong)]:
        with pytest.raises(TypeError, match=f"^y_(true|pred) ({message})"):
            measure(*pair)


@EVERY_MEASURE
def test_labels_of_one_sequence_that_are_no_strings_are_refused(measure):
    for y in ([1, 2, 3], np.array([1, 2, 3]), pd.Series([0.5, 1.5])):
        with pytest.raises(
            TypeError, match=r"y_true\[0\] is .*one sequence y alone is passed"
        ):
            measure(y, y)


@EVERY_MEASURE
@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_missing_sequence_is_named(measure, missing):
    with pytest.raises(ValueError, match=r"y_pred\[1\] is missing"):
        measure(["O", "O O"], ["O", missing])


@EVERY_MEASURE
def test_strings_among_lists_are_refused(measure):
    with pytest.raises(
        TypeError, match=r"y_true\[1\] is a string, but y_true\[0\] is a list"
    ):
        measure([["O"], "O"], [["O"], ["O"]])


@EVERY_MEASURE
def test_lists_against_strings_are_refused(measure):
    with pytest.raises(
        TypeError, match=r"y_true\[0\] is a list, but y_pred\[0\] is a string"
    ):
        measure([["O", "O"], ["O"]], ["O O", "O"])
    with pytest.raises(
        TypeError, match=r"y_true\[0\] is a string, but y_pred\[0\] is a list"
    ):
        measure(["O O", "O"], [["O", "O"], ["O"]])


@EVERY_MEASURE
@pytest.mark.parametrize("nest", [list, np.array])
def test_sequences_nested_too_deep_are_refused(measure, nest):
    y, flat = [[nest(["O", "O"])]], [["O", "O"]]
    with pytest.raises(TypeError, match=r"y_true\[0\], step 0 is .* one level too deep"):
        measure(y, y)
    with pytest.raises(TypeError, match=r"y_pred\[0\], step 0 is .* one level too deep"):
        measure(flat, y)
    with pytest.raises(TypeError, match=r"y_true\[0\], step 0 is .* one level too deep"):
        measure(np.array([[["O"]]]), [["O"]])


@WITH_REFERENCES
def test_several_references_without_the_parameter_are_refused(measure):
    for true, pred in [
        ([["the cat sat", "a cat sat"]], ["the cat sat"]),
        ([[["the", "cat"], ["a", "cat"]]], [["the", "cat"]]),
        (pd.Series([("the cat", "a cat"), ("b", "c")]), ["the cat", "b"]),
    ]:
        with pytest.raises(TypeError, match=r"need multiple_references=True$"):
            measure(true, pred)


@WITH_REFERENCES
def test_single_references_as_several_are_refused(measure):
    with pytest.raises(TypeError, match=r"each entry of y_true is a list of references$"):
        measure([["the", "cat"]], [["the", "cat"]], multiple_references=True)
    with pytest.raises(
        ValueError, match=r"y_true\[0\] is 'the cat', expected a list of at"
    ):
        measure(["the cat"], ["the cat"], multiple_references=True)


@pytest.mark.parametrize(
    "measure", [step_accuracy_score, token_error_rate, exact_match_score]
)
def test_steps_that_cannot_be_equal_are_refused(measure):
    with pytest.raises(TypeError, match="y_true are int, those of y_pred are str: they"):
        measure([[1, 2]], [["1", "2"]])
    with pytest.raises(TypeError, match="y_true are str, those of y_pred are int: they"):
        measure([["1", "2"]], [[1, 2]])
    assert measure([[1, "a"]], [[1, "a"]]) == measure([[1.0, True]], [[1, 1]])
