"""The baseline: a window of steps through dense layers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from skrnn import FeedForwardClassifier, FeedForwardRegressor, SequenceClassifier

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
    model = FeedForwardClassifier(**params, max_epochs=2, random_state=0).fit(X, y)
    mlp = MLPClassifier(**params, max_iter=1).fit(X, y)
    copy_weights(mlp, model)
    assert_allclose(model.predict_proba(X), mlp.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_regressors_equal_scikit_learns_with_the_same_weights(activation):
    X, y = load_diabetes(return_X_y=True)
    params = {"hidden_layer_sizes": (5,), "activation": activation}
    model = FeedForwardRegressor(**params, max_epochs=2, random_state=0).fit(X, y)
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
    model.fit(numbers, labels)
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
    recurrent = SequenceClassifier(hidden_size=8, max_epochs=1).fit(X, y)
    assert window.n_parameters_ > 4 * recurrent.n_parameters_
    longer = np.zeros((4, 400, 3))
    more = FeedForwardClassifier(hidden_layer_sizes=8, max_epochs=1).fit(longer, y)
    assert more.n_parameters_ > 1.9 * window.n_parameters_
    same = SequenceClassifier(hidden_size=8, max_epochs=1).fit(longer, y)
    assert same.n_parameters_ == recurrent.n_parameters_
