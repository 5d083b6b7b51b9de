"""Step accuracy, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.metrics import step_accuracy_score

TAGS = [["B-x", "I-x", "O"], ["B-y"], ["O", "B-x", "I-x", "B-y"]]
GUESSES = [["B-x", "I-x", "O"], ["O"], ["B-x", "I-x", "I-x", "B-y"]]


def test_step_accuracy_is_counted_over_steps():
    score = step_accuracy_score(TAGS, GUESSES)
    assert type(score) is float
    assert score == 5 / 8
    assert step_accuracy_score([[1, 2], [3]], [[1, 3], [3]]) == pytest.approx(2 / 3)
    assert step_accuracy_score([[True], []], [np.array([True]), []]) == 1


def test_weights_count_for_each_step_of_their_sequence():
    weights = [1, 0, 3]
    repeated = [TAGS[0], *[TAGS[2]] * 3], [GUESSES[0], *[GUESSES[2]] * 3]
    assert step_accuracy_score(TAGS, GUESSES, sample_weight=weights) == pytest.approx(
        step_accuracy_score(*repeated)
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "sample_weight"),
        ([1, -1, 1], "Negative values"),
        ([0, 0, 0], "non-zero"),
        ([1, np.nan, 1], "NaN"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        step_accuracy_score(TAGS, GUESSES, sample_weight=weights)


def test_characters_are_labels_where_so_asked():
    assert step_accuracy_score(["abc", "d"], ["abd", "d"], tokenizer="char") == 3 / 4
    assert step_accuracy_score(["a b"], ["a-b"], tokenizer="char") == 2 / 3
    assert step_accuracy_score(["abc"], ["abd"]) == 0


@pytest.mark.parametrize(
    ("y", "weights"), [([[], []], None), ([["O"], []], [0, 1]), ([[]], [1])]
)
def test_accuracy_over_no_steps_is_an_error(y, weights):
    with pytest.raises(ValueError, match="y_true has no steps"):
        step_accuracy_score(y, y, sample_weight=weights)
