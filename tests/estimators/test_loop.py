"""The values that "auto" stands for in the training loop."""

import math

import numpy as np
import pytest
from sklearn.base import clone

from skrnn import (
    FeedForwardClassifier,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.estimators._loop import Budget

BUDGET = Budget(
    updates=100,
    of_a_class=60,
    min_epochs=(4, 8),
    max_epochs=50,
    batches=((10, 2), (20, 4)),
    lr=0.01,
)


def test_numbers_are_taken_as_they_are():
    assert BUDGET.batch_size(7, 1_000_000) == 7
    assert BUDGET.epochs(3, 1_000_000, 1_000_000, 2) == 3
    assert BUDGET.learning_rate(0.5, 4096, "constant") == 0.5


@pytest.mark.parametrize(
    ("n_rows", "size"), [(1, 2), (10, 2), (11, 4), (20, 4), (21, 128)]
)
def test_batches_grow_with_the_data(n_rows, size):
    assert BUDGET.batch_size("auto", n_rows) == size


@pytest.mark.parametrize(
    ("n_batches", "epochs"), [(1, 50), (4, 25), (20, 5), (30, 4), (10_000, 4)]
)
def test_small_data_get_so_many_updates_and_large_data_the_fewest_passes(
    n_batches, epochs
):
    assert BUDGET.epochs("auto", 100_000, n_batches, n_outputs=2) == epochs


@pytest.mark.parametrize(("n_rows", "epochs"), [(10, 50), (60, 10), (600, 5), (0, 50)])
def test_each_class_is_read_often_enough(n_rows, epochs):
    assert BUDGET.epochs("auto", n_rows, 1_000, n_outputs=10) == max(epochs, 6)


@pytest.mark.parametrize(
    ("n_outputs", "epochs"), [(1, 4), (4, 4), (7, 5), (13, 8), (150, 8)]
)
def test_more_classes_take_more_passes(n_outputs, epochs):
    assert BUDGET.epochs("auto", 1_000_000, 10_000, n_outputs) == epochs


@pytest.mark.parametrize(
    ("size", "growth"), [(1, 1), (32, 1), (64, math.sqrt(2)), (128, 2), (4096, 2)]
)
def test_the_learning_rate_grows_with_the_square_root_of_the_batch(size, growth):
    assert BUDGET.learning_rate("auto", size, "one_cycle") == pytest.approx(0.01 * growth)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_rate_that_is_not_annealed_is_half_as_high(schedule):
    assert BUDGET.learning_rate("auto", 32, schedule) == 0.005


def test_docstrings_say_the_numbers():
    assert SequenceClassifier._budget.epochs_text in " ".join(
        SequenceClassifier.__doc__.split()
    )
    assert BUDGET.epochs_text == (
        "as many as make 100 updates and read 60 sequences of each class, at least 4 (for 6 "
        "classes or fewer) to 8 (for 13 or more) and at most 50"
    )
    assert BUDGET.batches_text == (
        "2 for up to 10 sequences, 4 for up to 20 sequences, 128 for more"
    )
    both = BUDGET._replace(of_features=BUDGET._replace(lr=0.5))
    assert both.lr_text == f"{BUDGET.lr}, for features alone 0.5,"
    assert (
        both.epochs_text
        == f"{BUDGET.epochs_text}; for features alone {BUDGET.epochs_text}"
    )
    three = both._replace(of_few_tokens=BUDGET._replace(batches=((5, 1),)))
    assert three.batches_text == (
        f"{BUDGET.batches_text}; for a vocabulary of up to 256 tokens 1 for up to 5 sequences, "
        f"128 for more; for features alone {BUDGET.batches_text}"
    )


@pytest.mark.parametrize(("n_tokens", "lr"), [(None, 3), (2, 2), (256, 2), (257, 1)])
def test_features_and_small_vocabularies_have_budgets_of_their_own(n_tokens, lr):
    budget = BUDGET._replace(
        lr=1, of_few_tokens=BUDGET._replace(lr=2), of_features=BUDGET._replace(lr=3)
    )
    assert budget.for_inputs(n_tokens).lr == lr
    assert BUDGET.for_inputs(n_tokens) is BUDGET


def numbers(n, n_classes=2):
    rng = np.random.default_rng(0)
    return list(rng.normal(size=(n, 3, 1))), np.arange(n) % n_classes


def tokens(n, n_classes=2):
    return [["a", "b", "a"]] * n, np.arange(n) % n_classes


def words(n, n_classes=2):
    return [[f"w{i % 300}", "a", "b"] for i in range(n)], np.arange(n) % n_classes


# X says nothing about y, which is noticed.
@pytest.mark.filterwarnings("ignore:The training loss did not move")
@pytest.mark.parametrize(
    ("make", "data", "n", "expected"),
    [
        (SequenceClassifier, tokens, 40, (16, 40, 0.006)),
        (SequenceClassifier, tokens, 600, (32, 12, 0.006)),
        (SequenceClassifier, words, 600, (32, 6, 0.006)),
        (SequenceClassifier, numbers, 17, (8, 100, 0.003)),
        (SequenceClassifier, numbers, 129, (32, 100, 0.003)),
        (FeedForwardClassifier, numbers, 40, (32, 100, 0.003)),
        (SequenceRegressor, numbers, 60, (32, 300, 0.001)),
    ],
)
def test_fitted_attributes_say_what_was_chosen(make, data, n, expected):
    model = make(random_state=0)
    if make is not FeedForwardClassifier:
        model.set_params(hidden_size=2)
    model.fit(*data(n))
    assert (model.batch_size_, model.n_iter_, model.lr_) == expected


def test_a_schedule_starts_from_the_chosen_rate():
    X, y = tokens(40)
    model = SequenceClassifier(hidden_size=2, lr_schedule="constant", max_epochs=1).fit(
        X, y
    )
    assert model.history_["lr"].tolist() == [model.lr_] == [0.003]


def test_partial_fit_takes_the_constant_rate():
    X, y = tokens(40)
    model = SequenceClassifier(hidden_size=2).partial_fit(X, y)
    assert (model.lr_, model.batch_size_, model.n_iter_) == (0.003, 16, 1)
    assert model.set_params(lr=0.02).partial_fit(X, y).lr_ == 0.02


@pytest.mark.parametrize(("step", "lr"), [("a", 0.006), (0.5, 0.003)])
def test_a_tagger_chooses_for_its_own_data(step, lr):
    model = SequenceTagger(hidden_size=2, random_state=0)
    model.fit([[step, step]] * 40, [["x", "y"]] * 40)
    assert (model.batch_size_, model.n_iter_, model.lr_) == (32, 100, lr)


@pytest.mark.slow
def test_wrong_labels_of_small_data_are_not_learned_by_heart():
    rng = np.random.default_rng(0)

    def draw(n):
        """Return texts; half of their words belong to one of three classes."""
        y = rng.integers(3, size=n)
        of_class = 10 * y[:, None] + rng.integers(10, size=(n, 9))
        any_word = 30 + rng.integers(370, size=(n, 9))
        ids = np.where(rng.random((n, 9)) < 0.5, of_class, any_word)
        return [[f"w{i}" for i in row] for row in ids], y

    X, y = draw(600)
    noisy = np.where(rng.random(600) < 0.2, (y + 1) % 3, y)
    model = SequenceClassifier(hidden_size=16, random_state=0)
    short = clone(model).fit(X, noisy)
    long = clone(model).set_params(max_epochs=16).fit(X, noisy)
    test = draw(600)
    assert short.score(*test) > 0.85
    assert short.score(*test) > long.score(*test) + 0.05
