"""The sequences that a random validation split holds out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from skrnn.data.holdout import draw_held_out, keep_groups
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import (
    CheckedTargets,
    ClassTargets,
    MultilabelTargets,
    StepTargets,
)

SEEDS = range(20)


def draw(targets, values, n_held_out, seed=0):
    y = CheckedTargets(values)
    random = np.random.RandomState(seed)
    return draw_held_out(
        targets.groups(y), targets.strata(y), len(values), n_held_out, random
    )


def assert_valid(held_out, n_sequences, n_held_out):
    assert held_out.dtype == np.int64
    assert (np.diff(held_out) > 0).all()  # sorted, each once
    assert len(held_out) <= n_held_out
    assert set(held_out.tolist()) <= set(range(n_sequences))


def left_in(groups, held_out):
    return [len(np.setdiff1d(group, held_out)) for group in groups]


# --- classes -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_only_sequence_of_a_class_stays_in_training(seed):
    y = np.array(["a"] * 12 + ["b"] * 6 + ["c", "d"])
    with pytest.warns(UserWarning, match="2 classes have one sequence each, which stays"):
        held_out = draw(ClassTargets(), y, 4, seed)
    assert_valid(held_out, 20, 4)
    assert len(held_out) == 4
    assert not set(held_out) & {18, 19}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_shares_of_the_classes_are_kept(seed):
    y = np.random.RandomState(seed).permutation(np.repeat(["a", "b", "c"], [50, 30, 20]))
    held_out = draw(ClassTargets(), y, 10, seed)
    counts = dict(zip(*np.unique(y[held_out], return_counts=True), strict=True))
    assert counts == {"a": 5, "b": 3, "c": 2}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("sizes", "n_held_out"),
    [
        ([2] * 10, 5),  # more classes than places
        ([2] * 10, 10),
        ([2] * 10, 15),  # more places than the classes can spare
        ([10, 2], 9),
        ([96, 4], 90),  # the rare class has a share of less than one in training
        ([40, 40, 3, 3], 80),
        ([2, 2, 100], 52),
    ],
)
def test_something_of_every_class_stays_in_training(sizes, n_held_out, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    held_out = draw(ClassTargets(), y, n_held_out, seed)
    assert_valid(held_out, len(y), n_held_out)
    assert len(held_out) == min(n_held_out, len(y) - len(sizes))
    assert min(left_in(ClassTargets().groups(CheckedTargets(y)), held_out)) >= 1


def test_nothing_is_held_out_where_every_class_has_one_sequence():
    with pytest.warns(UserWarning, match="early_stopping is ignored: each sequence"):
        held_out = draw(ClassTargets(), np.arange(5), 2)
    assert len(held_out) == 0


def test_without_single_sequences_there_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(ClassTargets(), np.repeat([0, 1], 10), 4)


# --- other targets -------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_sequence_with_a_label_stays_in_training(seed):
    random = np.random.RandomState(seed)
    matrix = random.randint(2, size=(20, 4))
    matrix[:, 3] = np.arange(20) == 7
    held_out = draw(MultilabelTargets(), matrix, 6, seed)
    assert_valid(held_out, 20, 6)
    assert len(held_out) == 6
    assert 7 not in held_out
    assert min(left_in(MultilabelTargets().groups(CheckedTargets(matrix)), held_out)) >= 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_held_out", [3, 12])
def test_the_last_sequence_in_which_a_step_has_a_label_stays_in_training(
    seed, n_held_out
):
    random = np.random.RandomState(seed)
    labels = [random.choice(list("OOOOab"), size=n).tolist() for n in range(1, 19)]
    labels[4][0] = "rare"
    flat = object_array([label for row in labels for label in row])
    y = RaggedArray.from_lengths(flat, [len(row) for row in labels])
    held_out = draw(StepTargets(), y, n_held_out, seed)
    assert_valid(held_out, 18, n_held_out)
    assert len(held_out) == n_held_out
    assert 4 not in held_out
    assert min(left_in(StepTargets().groups(CheckedTargets(y)), held_out)) >= 1


@pytest.mark.parametrize("n_held_out", [1, 5, 19])
def test_without_labels_any_sequence_may_be_held_out(n_held_out):
    drawn = [
        draw_held_out([], None, 20, n_held_out, np.random.RandomState(seed))
        for seed in range(60)
    ]
    for held_out in drawn:
        assert_valid(held_out, 20, n_held_out)
        assert len(held_out) == n_held_out
    assert set(np.concatenate(drawn).tolist()) == set(range(20))


@pytest.mark.parametrize("n_held_out", [3, 8])
def test_the_same_seed_draws_the_same_sequences(n_held_out):
    y = np.repeat(np.arange(5), 4)
    first, again, other = (
        draw(ClassTargets(), y, n_held_out, seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


# --- only sequences of their class ---------------------------------------------------


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
