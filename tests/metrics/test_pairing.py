"""y_true and y_pred in every container, and pairs that do not fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skrnn.data.ragged import object_array
from skrnn.metrics import (
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
}


@pytest.mark.parametrize("container", TAG_CONTAINERS)
@pytest.mark.parametrize("measure", SCORES)
def test_tags_mean_the_same_in_every_container(measure, container):
    make = TAG_CONTAINERS[container]
    expected = measure(TAGS, GUESSES)
    assert measure(make(TAGS), GUESSES) == expected
    assert measure(TAGS, make(GUESSES)) == expected
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


@TOKENIZED
@pytest.mark.parametrize("tokenizer", ["chars", None, 1])
def test_an_unknown_tokenizer_is_an_error(measure, tokenizer):
    message = rf"tokenizer must be one of \['char', 'word'\] .* got {tokenizer!r}"
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
