"""Training keeps a sequence of each class, however the others are held out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from skrnn.data.holdout import draw_held_out, keep_groups


def groups_of(labels):
    """Return the sequences of each label, and the labels as an array."""
    labels = np.array(labels)
    return [np.flatnonzero(labels == label) for label in np.unique(labels)], labels


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            "aaaaaabbbbbbc",
            "^1 class has one sequence, which stays .* not have this class$",
        ),
        (
            "aaaaaabbbbbbcd",
            "^2 classes have one sequence each, .* not have these classes",
        ),
    ],
)
def test_the_only_sequence_of_a_class_stays_and_a_warning_counts_them(labels, message):
    groups, strata = groups_of(list(labels))
    for seed in range(10):
        random = np.random.RandomState(seed)
        with pytest.warns(UserWarning, match=message):
            held_out = draw_held_out(groups, strata, len(labels), 4, random)
        assert len(held_out) == 4
        assert held_out.max() < 12
    with pytest.warns(UserWarning, match=message):
        kept = keep_groups(np.arange(9, len(labels)), groups)
    assert kept.tolist() == [9, 10, 11]


@pytest.mark.parametrize("stratified", [True, False])
def test_a_class_for_each_sequence_holds_out_none_with_one_warning(stratified):
    groups, labels = groups_of(list("abcdefghijkl"))
    strata = labels if stratified else None
    message = "each sequence that could be held out is the only one"
    with pytest.warns(UserWarning, match=message) as caught:
        held_out = draw_held_out(groups, strata, 12, 3, np.random.RandomState(0))
    assert (len(held_out), len(caught)) == (0, 1)
    with pytest.warns(UserWarning, match=message) as caught:
        assert len(keep_groups(np.array([10, 11]), groups)) == 0
    assert len(caught) == 1


def test_without_single_sequences_the_last_ones_are_held_out_as_they_are():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        groups, _ = groups_of(list("aabbcc"))
        assert keep_groups(np.array([4, 5]), groups).tolist() == [4, 5]
        assert keep_groups(np.array([4, 5]), []).tolist() == [4, 5]
        assert len(keep_groups(np.empty(0, np.int64), groups)) == 0
