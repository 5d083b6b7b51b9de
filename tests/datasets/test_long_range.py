"""Problems of long memory have the documented form, and no shortcut past the memory."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skrnn.datasets import make_copy_memory, make_dyck, make_temporal_order

PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}


def stack_of(word):
    """Return the greatest depth of a word, or -1 if it is not balanced."""
    stack, deepest = [], 0
    for bracket in word:
        if bracket not in PAIRS:
            stack.append(bracket)
        elif not stack or stack.pop() != PAIRS[bracket]:
            return -1
        deepest = max(deepest, len(stack))
    return -1 if stack else deepest


def counted(X, y):
    """Return how well the counts of tokens tell classes apart."""
    bag = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False)
    model = make_pipeline(bag, LogisticRegression(max_iter=2000))
    texts = [" ".join(x) for x in X]
    half = len(X) // 2
    return model.fit(texts[:half], y[:half]).score(texts[half:], y[half:])


@pytest.mark.parametrize("make", [make_copy_memory, make_temporal_order, make_dyck])
def test_the_same_random_state_gives_the_same_sequences(make):
    X, y = make(20, random_state=3)
    again, y_again = make(20, random_state=np.random.RandomState(3))
    assert list(again) == list(X)
    assert list(y_again) == list(y)
    assert list(make(20, random_state=4)[0]) != list(X)


@pytest.mark.parametrize("make", [make_copy_memory, make_temporal_order])
def test_one_hot_steps_are_indicators_of_the_tokens(make):
    tokens, y = make(9, random_state=0)
    arrays, y_again = make(9, encoding="one_hot", random_state=0)
    assert list(y_again) == list(y)
    names = {}
    for sequence, array in zip(tokens, arrays, strict=True):
        assert array.dtype == np.float32
        assert (array.sum(1) == 1).all()
        for token, column in zip(sequence, array.argmax(1), strict=True):
            assert names.setdefault(token, column) == column
    with pytest.raises(ValueError, match='encoding must be "tokens" or "one_hot"'):
        make(encoding="ids")


def test_copied_symbols_follow_the_marker():
    X, y = make_copy_memory(50, n_symbols=4, n_copied=3, delay=7, random_state=0)
    for steps, labels in zip(X, y, strict=True):
        assert len(steps) == len(labels) == 14
        assert steps[3:] == ["_"] * 7 + [">"] + ["_"] * 3
        assert labels == ["_"] * 11 + steps[:3]
    assert set(np.concatenate([x[:3] for x in X])) == set("abcd")


def test_no_blank_may_lie_between_symbols_and_marker():
    X, y = make_copy_memory(1, n_copied=1, delay=0)
    assert X[0][1:] == [">", "_"]
    assert y[0] == ["_", "_", X[0][0]]


@pytest.mark.parametrize("n_cues", [2, 3])
def test_the_class_of_temporal_order_is_its_cues_in_order(n_cues):
    lengths = {"min_steps": 10, "max_steps": 60}
    X, y = make_temporal_order(400, n_cues=n_cues, **lengths, random_state=0)
    assert set(map(len, X)) == set(range(10, 61))
    assert len(set(y)) == 2**n_cues
    for steps, label in zip(X, y, strict=True):
        assert (steps[0], steps[-1]) == ("E", "B")
        assert "".join(s for s in steps if s in "XY") == label
        assert set(steps[1:-1]) <= set("abcdXY")


def test_cues_stand_where_the_paper_puts_them():
    X, _ = make_temporal_order(2000, n_cues=3, min_steps=100, max_steps=100)
    places = np.array([[i for i, s in enumerate(x) if s in "XY"] for x in X])
    assert places.min(0).tolist() == [10, 33, 66]
    assert places.max(0).tolist() == [20, 43, 76]


@pytest.mark.parametrize(("n_cues", "expected"), [(2, 0.75), (3, 0.5)])
def test_counts_of_cues_leave_their_order_open(n_cues, expected):
    X, y = make_temporal_order(2000, n_cues=n_cues, max_steps=100, random_state=0)
    assert abs(counted(X, y) - expected) < 0.05


@pytest.mark.parametrize(("n_kinds", "max_depth"), [(1, 1), (1, 4), (2, 2), (4, 6)])
def test_words_are_labelled_by_whether_a_stack_accepts_them(n_kinds, max_depth):
    X, y = make_dyck(300, n_kinds=n_kinds, max_depth=max_depth, random_state=0)
    depths = np.array([stack_of(word) for word in X])
    assert ((depths >= 0) == (y == "balanced")).all()
    assert (y == "balanced").sum() == 150
    assert depths.max() == max_depth
    assert set(map(len, X)) <= set(range(10, 41, 2))


def test_an_unbalanced_word_differs_from_a_balanced_one_in_two_places():
    X, y = make_dyck(60, min_steps=4, max_steps=12, random_state=0)
    for word in (word for word, label in zip(X, y, strict=True) if label != "balanced"):
        swapped = []
        for i in range(len(word)):
            for j in range(i):
                other = list(word)
                other[i], other[j] = other[j], other[i]
                swapped.append(stack_of(other))
        assert max(swapped) >= 0
        opened = np.cumsum([-1 if bracket in PAIRS else 1 for bracket in word])
        assert opened.max() <= 5


def test_counts_of_brackets_say_nothing():
    X, y = make_dyck(2000, random_state=0)
    assert abs(counted(X, y) - 0.5) < 0.05


def test_balanced_words_of_one_length_are_equally_likely():
    X, y = make_dyck(
        12_000, n_kinds=1, max_depth=2, min_steps=6, max_steps=6, random_state=0
    )
    words = ["".join(x) for x, label in zip(X, y, strict=True) if label == "balanced"]
    names, counts = np.unique(words, return_counts=True)
    assert names.tolist() == ["(()())", "(())()", "()(())", "()()()"]
    assert np.abs(counts - 1500).max() < 150


def test_long_words_stay_within_float64():
    X, y = make_dyck(4, min_steps=3000, max_steps=3000, random_state=0)
    assert sorted(y) == ["balanced"] * 2 + ["unbalanced"] * 2
    assert {len(word) for word in X} == {3000}


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (make_copy_memory, {"n_symbols": 1}, "n_symbols == 1, must be >= 2"),
        (make_copy_memory, {"delay": -1}, "delay == -1, must be >= 0"),
        (make_temporal_order, {"n_cues": 4}, "n_cues == 4, must be <= 3"),
        (make_temporal_order, {"min_steps": 9}, "min_steps == 9, must be >= 10"),
        (make_dyck, {"n_kinds": 5}, "n_kinds == 5, must be <= 4"),
        (make_dyck, {"min_steps": 11, "max_steps": 11}, "there is no even number from"),
    ],
)
def test_parameters_out_of_range_are_named(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
