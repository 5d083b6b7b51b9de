"""Signs of a training that goes wrong: each has a case that shows it, and a healthy twin."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from torch.optim import SGD

from skrnn import (
    FeedForwardClassifier,
    FeedForwardForecaster,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceTagger,
)
from skrnn.training.callbacks import EpochCounter
from skrnn.training.diagnosis import Diagnosis


def warned(model, *data, **validation):
    """Fit, and return the warnings' beginnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data, **validation)
    assert {one.category for one in caught} <= {ConvergenceWarning}
    assert {one.filename for one in caught} <= {__file__}
    assert all(len(str(one.message)) < 500 for one in caught)
    return [str(one.message) for one in caught]


@pytest.fixture
def vectors(rng):
    return rng.normal(size=(80, 5))


@pytest.fixture
def labels(vectors):
    return (vectors[:, 0] > 0).astype(int)


@pytest.fixture
def sequences(rng):
    return [rng.normal(size=(n, 2)) for n in rng.integers(3, 9, size=40)]


@pytest.fixture
def signs(sequences):
    return [int(steps[:, 0].sum() > 0) for steps in sequences]


def feed_forward(**params):
    return FeedForwardClassifier(
        **{"hidden_layer_sizes": (8,), "batch_size": 8, "random_state": 0} | params
    )


# --- a loss that does not move -------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_tiny_learning_rate_does_not_move_the_loss(sequences, signs, dropout):
    model = SequenceClassifier(
        hidden_size=4, batch_size=4, max_epochs=12, dropout=dropout, random_state=0
    )
    (found,) = warned(model.set_params(lr=1e-9), sequences, signs)
    assert found.startswith("The training loss did not move: it is 0.")
    assert found.endswith(
        "Try a higher lr than 1e-09, and see that X says something about y"
    )
    assert warned(model.set_params(lr="auto"), sequences, signs) == []


def test_each_member_of_an_ensemble_is_watched(sequences, signs):
    model = SequenceClassifier(
        hidden_size=4, batch_size=4, max_epochs=12, n_estimators=2, lr=1e-9, dropout=0.0
    )
    first, second = warned(model.set_params(random_state=0), sequences, signs)
    assert first.startswith("member 1 of 2: The training loss did not move")
    assert second.startswith("member 2 of 2: The training loss did not move")


def test_a_gradient_of_zero_is_said_so(vectors):
    labels = np.arange(80) % 2
    model = feed_forward(batch_size=80, max_epochs=60)
    (found,) = warned(model, np.ones_like(vectors), labels)
    assert "The gradient is almost 0: see that the features are not constant" in found
    assert warned(model, vectors, (vectors[:, 0] > 0).astype(int)) == []


def test_a_loss_that_is_low_already_may_stand_still(vectors, labels):
    model = feed_forward(warm_start=True, max_epochs=30)
    assert warned(model, vectors, labels) == []
    assert warned(model.set_params(lr=1e-9), vectors, labels) == []


def test_a_short_training_is_not_judged(sequences, signs):
    model = SequenceClassifier(hidden_size=4, max_epochs=8, lr=1e-9, batch_size=4)
    assert warned(model, sequences, signs) == []


# --- gradients, and the learning rate ------------------------------------------------


def test_gradients_that_explode_are_noticed(rng, signs):
    sequences = [rng.normal(size=(60, 2)) for _ in signs]
    model = SequenceClassifier(
        hidden_size=8, cell="rnn_relu", batch_size=8, max_epochs=2, random_state=0
    )
    found = warned(model.set_params(lr=1.0), sequences, signs)
    (found,) = [one for one in found if one.startswith("Gradients explode")]
    assert "a smaller lr, a smaller max_grad_norm" in found
    assert 'cell="lstm"' in found
    assert warned(model.set_params(lr="auto"), sequences, signs) == []


def test_a_learning_rate_that_is_too_high_is_noticed(vectors, labels):
    model = feed_forward(max_epochs=12)
    (found,) = warned(model.set_params(lr=3.0), vectors, labels)
    assert found.startswith("The learning rate is too high for these data: the training ")
    assert found.endswith("Try lr=0.3, a tenth of the present one")
    assert warned(model.set_params(lr=0.03), vectors, labels) == []


# --- validation ----------------------------------------------------------------------


def test_a_validation_loss_that_only_gets_worse_is_noticed(rng, vectors, labels):
    model = feed_forward(max_epochs=30, hidden_layer_sizes=(32,), lr=0.03)
    validation = {"X_val": rng.normal(size=(40, 5))}
    validation["y_val"] = (validation["X_val"][:, 0] > 0).astype(int)
    wrong = 1 - validation["y_val"]
    (found,) = warned(model, vectors, labels, **validation | {"y_val": wrong})
    assert found.startswith(
        "The validation loss got worse from the first epoch on, from "
    )
    assert warned(model, vectors, labels, **validation) == []


def test_few_held_out_sequences_are_not_judged(vectors, labels):
    model = feed_forward(max_epochs=30, hidden_layer_sizes=(32,), lr=0.03)
    few = {"X_val": vectors[:19], "y_val": 1 - labels[:19]}
    assert warned(model, vectors, labels, **few) == []


# --- one label -----------------------------------------------------------------------


@pytest.mark.parametrize("crf", [True, False])
def test_a_tagger_that_predicts_one_label_is_noticed(sequences, rng, crf):
    by_chance = [(rng.random(len(steps)) < 0.15).astype(int) for steps in sequences]
    by_features = [(steps[:, 0] > 0.8).astype(int) for steps in sequences]
    model = SequenceTagger(
        hidden_size=8, crf=crf, batch_size=4, max_epochs=8, lr=0.01, random_state=0
    )
    (found,) = warned(model, sequences, by_chance)
    assert found.startswith("Only one label is predicted, 0, also for ")
    assert 'class_weight="balanced"' in found
    assert warned(model, sequences, by_features) == []
    model.set_params(class_weight={1: 0})  # what the user wants
    assert warned(model, sequences, by_features) == []


def test_a_tagger_of_texts_and_of_arrays_is_tried_too(rng):
    words = np.array(["oak", "elm", "ash"])
    texts = [" ".join(rng.choice(words, size=6)) for _ in range(40)]
    rows = rng.choice(["O", "N"], size=(40, 6), p=[0.85, 0.15])
    model = SequenceTagger(
        hidden_size=4, batch_size=4, max_epochs=6, lr=0.01, random_state=0
    )
    for X, y in (
        (texts, [" ".join(row) for row in rows]),
        (rng.normal(size=(40, 6)), rows),
    ):
        (found,) = warned(model, X, y)
        assert found.startswith("Only one label is predicted, 'O', also for ")


def test_labels_that_are_rare_are_not_missed(sequences):
    long = [np.vstack([steps] * 10) for steps in sequences]
    once = [[1, *[0] * (len(steps) - 1)] for steps in long]
    model = SequenceTagger(hidden_size=4, batch_size=4, max_epochs=5, lr=1e-3)
    assert warned(model.set_params(random_state=0), long, once) == []


# --- what is healthy -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "load"),
    [(FeedForwardClassifier, load_iris), (FeedForwardRegressor, load_diabetes)],
)
def test_the_defaults_warn_of_nothing(make, load):
    X, y = load(return_X_y=True)
    assert warned(make(early_stopping=True, random_state=0), X, y) == []


def test_a_forecaster_warns_once_though_it_trains_twice(rng):
    X = [rng.normal(size=80) for _ in range(4)]
    model = FeedForwardForecaster(
        hidden_layer_sizes=(4,), window=4, max_epochs=12, lr=1e-9, random_state=0
    )
    assert len(warned(model, X)) == 1


class Net:
    """Stands for a net that has run some epochs."""

    def __init__(self):
        self.history = []
        self.optimizer_ = SGD([torch.ones(1, requires_grad=True)], lr=0.1)
        self.optimizer_.param_groups[0]["initial_lr"] = 0.1

    def run(self, loss, n_updates=20, **row):
        batches = [{"train_loss": loss}] * n_updates
        norms = {"gradient_norm": 1.0, "max_gradient_norm": 2.0}
        row = {"train_loss": loss, "train_batch_count": n_updates} | norms | row
        self.history.append(row | {"batches": batches})


@pytest.mark.parametrize("resumed", [0, 4])
def test_the_course_of_a_resumed_training_is_not_judged(resumed):
    net, counter = Net(), EpochCounter()
    counter.n_epochs_ = resumed
    diagnosis = Diagnosis(counter, 10, fresh=True, n_validation=0)
    diagnosis.on_train_begin(net)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for loss in (1.0, *[5.0] * 5):
            net.run(loss)
            counter.n_epochs_ += 1
            diagnosis.on_epoch_end(net)
        diagnosis.finish(net) if resumed else None
    assert len(caught) == (resumed == 0)
