"""One vector, one answer: recurrence over one step is a plain hidden layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.linear_model import LinearRegression, LogisticRegression

from skrnn import FeedForwardClassifier, FeedForwardRegressor, SequenceClassifier

HIDDEN = 6


def copy_weights(recurrent, feed_forward):
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
    copy_weights(recurrent, feed_forward)
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
