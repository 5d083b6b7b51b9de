"""The baseline: a window of steps through dense layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris, make_blobs
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    FeedForwardTagger,
    SequenceClassifier,
)

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


def copy_weights(mlp, model):
    """Give scikit-learn's network the weights of ours."""
    module = model.net_.module_
    layers = [part for part in module.hidden if hasattr(part, "weight")] + [module.head]
    mlp.coefs_ = [layer.weight.detach().numpy().T for layer in layers]
    mlp.intercepts_ = [layer.bias.detach().numpy() for layer in layers]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_classifiers_equal_scikit_learns_with_the_same_weights(activation):
    X, y = load_iris(return_X_y=True)
    params = {"hidden_layer_sizes": (5, 4), "activation": activation}
    params |= {"random_state": 0}
    model = FeedForwardClassifier(**params, scale=None, max_epochs=2).fit(X, y)
    mlp = MLPClassifier(**params, max_iter=1).fit(X, y)
    copy_weights(mlp, model)
    assert_allclose(model.predict_proba(X), mlp.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_regressors_equal_scikit_learns_with_the_same_weights(activation):
    X, y = load_diabetes(return_X_y=True)
    params = {"hidden_layer_sizes": (5,), "activation": activation}
    params |= {"random_state": 0}
    model = FeedForwardRegressor(**params, scale=None, max_epochs=2).fit(X, y)
    mlp = MLPRegressor(**params, max_iter=1).fit(X, y)
    copy_weights(mlp, model)
    expected = mlp.predict(X) * y.std() + y.mean()
    assert_allclose(model.predict(X), expected, rtol=1e-5)


def test_an_integer_is_one_hidden_layer():
    X, y = load_iris(return_X_y=True)
    predictions = [
        FeedForwardClassifier(hidden_layer_sizes=sizes, max_epochs=2, random_state=0)
        .fit(X, y)
        .predict_proba(X)
        for sizes in (6, (6,), [6], np.int64(6))
    ]
    for other in predictions[1:]:
        assert_array_equal(other, predictions[0])


def test_the_window_is_the_longest_training_sequence(numbers, labels):
    model = FeedForwardClassifier(hidden_layer_sizes=4, max_epochs=1)
    assert model.fit(numbers, labels).window_ == 6
    assert model.set_params(window=2).fit(numbers, labels).window_ == 2


@pytest.mark.parametrize("cls", [FeedForwardClassifier, FeedForwardRegressor])
def test_an_ensemble_and_its_members_say_their_window(cls, numbers, labels):
    model = cls(hidden_layer_sizes=4, max_epochs=1, n_estimators=2).fit(
        numbers, np.unique(labels, return_inverse=True)[1]
    )
    assert [one.window_ for one in (model, *model.estimators_)] == [6, 6, 6]


def test_one_far_longer_sequence_does_not_decide_the_window(rng):
    X = [rng.normal(size=n) for n in [*rng.integers(5, 20, size=40), 50_000]]
    y = np.arange(41) % 2
    for cls in (FeedForwardClassifier, FeedForwardRegressor):
        model = cls(hidden_layer_sizes=4, max_epochs=1, random_state=0)
        with pytest.warns(
            UserWarning, match=r"window_=1\d steps are read, the 0.95 quan.*50"
        ):
            model.fit(X, y)
        assert 10 < model.window_ < 20
        assert model.n_parameters_ < 500
        assert np.isfinite(model.predict(X)).all()
        assert model.set_params(window=30).fit(X[:-1], y[:-1]).window_ == 30


def test_a_window_has_no_more_weights_than_memory_allows(monkeypatch, rng):
    monkeypatch.setattr("skrnn.estimators._feedforward.MAX_WEIGHTS", 5000)
    X, y = [rng.normal(size=(40, 6)) for _ in range(20)], np.arange(20) % 2
    model = FeedForwardClassifier(hidden_layer_sizes=(100,), max_epochs=1)
    with pytest.warns(
        UserWarning, match="window_=8 steps are read, so many that the first"
    ):
        model.fit(X, y)
    assert model.net_.module_.hidden[0].weight.numel() <= 5000
    model.set_params(window=40).fit(X, y)  # as the user says


@pytest.mark.parametrize("kind", ["numbers", "words"])
def test_only_the_last_steps_are_seen(request, labels, kind):
    X = request.getfixturevalue(kind)
    model = FeedForwardClassifier(
        hidden_layer_sizes=4, window=2, max_epochs=2, random_state=0
    ).fit(X, labels)
    expected = model.predict_proba(X)
    last = [sequence[-2:] for sequence in X]
    assert_allclose(model.predict_proba(last), expected, rtol=1e-5, atol=1e-6)
    first = [sequence[:2] for sequence in X]
    assert not np.allclose(model.predict_proba(first), expected, atol=1e-4)


def test_zeros_stand_in_front_of_short_sequences(numbers, labels):
    model = FeedForwardClassifier(hidden_layer_sizes=4, max_epochs=2, random_state=0)
    model.set_params(scale=None).fit(numbers, labels)
    padded = [np.r_[np.zeros((6 - len(x), 3)), x] for x in numbers]
    assert_allclose(
        model.predict_proba(padded), model.predict_proba(numbers), rtol=1e-5, atol=1e-6
    )


def test_iris_is_learned():
    X, y = load_iris(return_X_y=True)
    model = FeedForwardClassifier(hidden_layer_sizes=8, max_epochs=30, random_state=0)
    assert model.set_params(lr=0.03).fit(scale(X), y).score(scale(X), y) > 0.93


def test_diabetes_is_learned():
    X, y = load_diabetes(return_X_y=True)
    model = FeedForwardRegressor(hidden_layer_sizes=8, max_epochs=20, random_state=0)
    model.set_params(dropout=0.0, weight_decay=0.0)
    assert model.set_params(lr=0.01).fit(scale(X), y).score(scale(X), y) > 0.45


def test_what_holds_at_different_places_costs_a_window_more_parameters_than_recurrence():
    X = np.zeros((4, 200, 3))
    y = [0, 1, 0, 1]
    window = FeedForwardClassifier(hidden_layer_sizes=8, max_epochs=1).fit(X, y)
    recurrent = SequenceClassifier(hidden_size=8, patch_size=1, max_epochs=1).fit(X, y)
    assert window.n_parameters_ > 4 * recurrent.n_parameters_
    longer = np.zeros((4, 400, 3))
    more = FeedForwardClassifier(hidden_layer_sizes=8, max_epochs=1).fit(longer, y)
    assert more.n_parameters_ > 1.9 * window.n_parameters_
    same = SequenceClassifier(hidden_size=8, patch_size=1, max_epochs=1).fit(longer, y)
    assert same.n_parameters_ == recurrent.n_parameters_


# --- one step: recurrence is a plain hidden layer ------------------------------------

HIDDEN = 6


def copy_cell(recurrent, feed_forward):
    """Give a feed-forward network the weights of a one-directional tanh cell."""
    cell = recurrent.net_.module_.encoder.forward_layers[0].rnn
    target = feed_forward.net_.module_
    target.input_layer.load_state_dict(recurrent.net_.module_.input_layer.state_dict())
    with torch.no_grad():
        target.hidden[0].weight.copy_(cell.weight_ih_l0)
        target.hidden[0].bias.copy_(cell.bias_ih_l0 + cell.bias_hh_l0)
    target.head.load_state_dict(recurrent.net_.module_.head.state_dict())


@pytest.mark.parametrize("kind", ["numbers", "words"])
def test_a_tanh_cell_over_one_step_equals_a_tanh_layer(kind, rng):
    if kind == "numbers":
        X = list(rng.normal(size=(30, 1, 4)))
    else:
        X = [[word] for word in rng.choice(["oak", "elm", "ash"], size=30)]
    y = rng.integers(3, size=30)
    shared = {"dropout": 0.0, "max_epochs": 3, "embedding_dim": 5, "lr": 0.05}
    recurrent = SequenceClassifier(
        cell="rnn_tanh",
        bidirectional=False,
        pooling="last",
        hidden_size=HIDDEN,
        random_state=0,
        **shared,
    ).fit(X, y)
    feed_forward = FeedForwardClassifier(
        hidden_layer_sizes=(HIDDEN,), activation="tanh", random_state=1, **shared
    ).fit(X, y)
    expected = recurrent.predict_proba(X)
    assert not np.allclose(feed_forward.predict_proba(X), expected, atol=1e-3)
    copy_cell(recurrent, feed_forward)
    assert_allclose(feed_forward.predict_proba(X), expected, rtol=1e-6, atol=1e-6)
    # what one step never uses: the recurrent weights and the second bias
    unused = HIDDEN * HIDDEN + HIDDEN
    assert feed_forward.n_parameters_ == recurrent.n_parameters_ - unused


def test_a_network_without_hidden_layers_agrees_with_logistic_regression():
    X, y = make_blobs(n_samples=200, centers=[[-2, 0], [2, 1]], random_state=0)
    linear = FeedForwardClassifier(
        hidden_layer_sizes=(),
        dropout=0.0,
        label_smoothing=0.0,
        max_epochs=400,
        batch_size=200,
        lr=0.3,
        weight_decay=0.0,
        random_state=0,
    ).fit(X, y)
    oracle = LogisticRegression(C=1e6).fit(X, y)
    assert 0.9 < oracle.score(X, y) < 1.0  # not separable, so that the optimum is finite
    assert_allclose(linear.predict_proba(X), oracle.predict_proba(X), atol=0.02)


def test_a_network_without_hidden_layers_separates_what_is_separable():
    X, y = make_blobs(n_samples=100, centers=[[-4, 0], [4, 1]], random_state=0)
    linear = FeedForwardClassifier(hidden_layer_sizes=(), max_epochs=40, lr=0.05)
    oracle = LogisticRegression().fit(X, y)
    assert_array_equal(linear.fit(X, y).predict(X), oracle.predict(X))


def test_a_network_without_hidden_layers_agrees_with_linear_regression(rng):
    X = rng.normal(size=(150, 3))
    y = X @ [3.0, -2.0, 0.5] + 7.0 + rng.normal(size=150)
    linear = FeedForwardRegressor(
        hidden_layer_sizes=(),
        dropout=0.0,
        max_epochs=150,
        batch_size=150,
        lr=0.1,
        weight_decay=0.0,
        random_state=0,
    ).fit(X, y)
    expected = LinearRegression().fit(X, y).predict(X)
    assert_allclose(linear.predict(X), expected, atol=0.02 * y.std())


# --- the context of each step --------------------------------------------------------


def make_tagger(**params):
    return FeedForwardTagger(
        hidden_layer_sizes=12, max_epochs=2, batch_size=12, random_state=0, **params
    )


def label(X):
    """Return one of three labels for each step."""
    rng = np.random.default_rng(0)
    return [["uvw"[i] for i in rng.integers(3, size=len(x))] for x in X]


def test_a_context_of_no_neighbours_sees_each_step_alone(numbers):
    model = make_tagger(context=0).fit(numbers, label(numbers))
    alone = [x[i : i + 1] for x in numbers for i in range(len(x))]
    together = np.concatenate(list(model.predict_proba(numbers)))
    assert_allclose(
        np.concatenate(list(model.predict_proba(alone))), together, rtol=1e-5, atol=1e-6
    )


def test_a_context_sees_no_farther_than_its_neighbours(rng):
    X = [rng.normal(size=(9, 2)) for _ in range(24)]
    model = make_tagger(context=2).fit(X, label(X))
    changed = X[0].copy()
    changed[8] += 100
    before, after = model.predict_proba([X[0]])[0], model.predict_proba([changed])[0]
    assert_array_equal(before[:6], after[:6])
    assert (before[6:] != after[6:]).any(1).all()


def test_numbers_for_each_step_see_no_farther_than_the_context(rng):
    X = [rng.normal(size=(9, 2)) for _ in range(24)]
    y = [rng.normal(size=9) for _ in X]
    model = FeedForwardRegressor(context=2, window=1, max_epochs=2, random_state=0)
    model.fit(X, y)
    assert not hasattr(model, "window_")
    changed = X[0].copy()
    changed[8] += 100
    before, after = model.predict([X[0]])[0], model.predict([changed])[0]
    assert_array_equal(before[:6], after[:6])
    assert (before[6:] != after[6:]).all()


def test_a_fit_on_steps_forgets_the_window_of_the_fit_before(numbers, rng):
    model = FeedForwardRegressor(max_epochs=2, random_state=0)
    assert model.fit(numbers, rng.normal(size=24)).window_ == 6
    model.fit(numbers, [rng.normal(size=len(x)) for x in numbers])
    assert not hasattr(model, "window_")
