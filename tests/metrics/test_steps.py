"""Step accuracy by hand, and R² of steps by scikit-learn's of the joined numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from skrnn.metrics import step_accuracy_score, step_r2_score

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


# --- numbers -------------------------------------------------------------------------


@pytest.fixture(params=[(), (2,)], ids=["one output", "two outputs"])
def levels(request, rng):
    """Return true and predicted numbers of sequences of 3, 0, 1 and 4 steps."""
    true = [rng.normal(size=(n, *request.param)) for n in (3, 0, 1, 4)]
    return true, [row + 0.1 * rng.normal(size=row.shape) for row in true]


def test_r2_of_steps_is_that_of_the_joined_numbers(levels):
    true, pred = levels
    expected = r2_score(*map(np.concatenate, levels))
    assert step_r2_score(true, pred) == pytest.approx(expected)
    assert step_r2_score(true, true) == 1
    lists = pd.Series([row.tolist() for row in true]), [row.tolist() for row in pred]
    assert step_r2_score(*lists) == pytest.approx(expected)


def test_r2_weights_each_step_of_a_sequence(levels):
    true, pred = levels
    repeated = [np.concatenate([y[0], y[3], y[3]]) for y in levels]
    score = step_r2_score(true, pred, sample_weight=[1, 1, 0, 2])
    assert score == pytest.approx(r2_score(*repeated))


@pytest.mark.parametrize(
    ("pred", "error", "message"),
    [
        ([[1.0, 2.0]], ValueError, "y_true has 2 sequences, y_pred has 1"),
        ([[1.0, 2.0], []], ValueError, r"y_true\[1\] has 1 steps, y_pred\[1\] has 0"),
        ([[1.0, 2.0], [np.nan]], ValueError, r"contains NaN .*: y_pred\[1\]\[0\]"),
        ([[1.0, 2.0], np.array([np.inf])], ValueError, r"infinity: y_pred\[1\], step 0"),
        ([1.0, 2.0], TypeError, r"y_pred\[0\] is float, expected an array of numbers"),
        ([["a", "b"], ["c"]], TypeError, r"y_pred\[0\]\[0\] is 'a', a string"),
    ],
)
def test_numbers_that_cannot_be_compared_are_named(pred, error, message):
    with pytest.raises(error, match=message):
        step_r2_score([[1.0, 2.0], [3.0]], pred)


def test_r2_of_one_step_is_an_error():
    with pytest.raises(ValueError, match=r"R² needs at least two steps .*, got 1"):
        step_r2_score([[1.0], []], [[1.0], []])
    with pytest.raises(ValueError, match=r"R² needs at least two steps .*, got 1"):
        step_r2_score([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=[0, 1])
