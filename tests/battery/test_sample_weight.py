"""A weight of k is worth k samples, and a weight of zero none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier

# In one batch that holds everything, with nothing dropped, a weighted sample and a
# repeated one give the same gradients. So they must give the same network.
EXACT = {"dropout": 0.0, "batch_size": 1000, "max_epochs": 10, "lr": 0.01}


@pytest.fixture
def weights(rng):
    return rng.integers(1, 4, size=24)


def repeated(X, y, counts):
    indices = np.repeat(np.arange(len(X)), counts)
    return [X[i] for i in indices], y[indices]


def test_a_weight_of_k_equals_k_samples_in_one_batch(
    make_estimator, numbers, y, weights, outputs
):
    weighted = make_estimator(**EXACT).fit(numbers, y, sample_weight=weights)
    several = make_estimator(**EXACT).fit(*repeated(numbers, y, weights))
    plain = make_estimator(**EXACT).fit(numbers, y)
    expected = outputs(several, numbers)
    assert_allclose(outputs(weighted, numbers), expected, rtol=1e-3, atol=1e-4)
    assert np.abs(outputs(plain, numbers) - expected).max() > 5e-3


def test_a_weight_of_zero_equals_no_sample_in_one_batch(
    make_estimator, numbers, y, rng, outputs
):
    weights = (rng.random(24) < 0.6).astype(float)
    weights[1] = 1.0  # the longest sequence, from which a window gets its size
    kept = np.flatnonzero(weights)
    weighted = make_estimator(**EXACT).fit(numbers, y, sample_weight=weights)
    fewer = make_estimator(**EXACT).fit([numbers[i] for i in kept], y[kept])
    assert_allclose(
        outputs(weighted, numbers), outputs(fewer, numbers), rtol=1e-3, atol=1e-4
    )


def test_the_unit_of_the_weights_does_not_matter(make_estimator, X, y, weights, outputs):
    small = make_estimator().fit(X, y, sample_weight=weights)
    large = make_estimator().fit(X, y, sample_weight=weights * 1024)
    assert_allclose(outputs(small, X), outputs(large, X), rtol=1e-5)


def test_equal_weights_are_no_weights(make_estimator, X, y, outputs):
    plain = make_estimator().fit(X, y)
    equal = make_estimator().fit(X, y, sample_weight=np.full(24, 0.25))
    assert_allclose(outputs(plain, X), outputs(equal, X), rtol=1e-5)


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_weights_may_be_in_any_container(
    make_estimator, X, y, weights, container, outputs
):
    expected = outputs(make_estimator().fit(X, y, sample_weight=weights), X)
    got = outputs(make_estimator().fit(X, y, sample_weight=container(weights)), X)
    assert_array_equal(got, expected)


@pytest.mark.slow
def test_a_weight_of_k_is_worth_k_samples_on_average(make_estimator, outputs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, 4, 1))
    counts = rng.integers(0, 4, size=48)
    numbers = X[:, :, 0].sum(1) + rng.normal(size=48)
    y = (numbers > 0).astype(int) if is_classifier(make_estimator()) else numbers
    params = {"batch_size": 16, "lr_schedule": "one_cycle", "lr": 0.01, "dropout": 0.0}

    def mean_output(X, y, weight, epochs):
        models = [
            make_estimator(random_state=seed, max_epochs=epochs, **params)
            for seed in range(8)
        ]
        return np.mean(
            [outputs(m.fit(X, y, sample_weight=weight), X_test) for m in models], axis=0
        )

    X_test = rng.normal(size=(100, 4, 1))
    weighted = mean_output(list(X), y, counts, 20)
    # as many updates as above
    epochs = round(20 * 3 / np.ceil(counts.sum() / 16))
    several = mean_output(*repeated(X, y, counts), None, epochs)
    plain = mean_output(list(X), y, None, 20)
    difference = np.sqrt(np.mean((weighted - several) ** 2))
    assert difference < 0.6 * np.sqrt(np.mean((plain - several) ** 2))
    assert np.corrcoef(weighted.ravel(), several.ravel())[0, 1] > 0.98


def test_contradictions_of_no_weight_are_not_learned(make_classifier):
    X = np.array([[[1.0]], [[-1.0]]] * 40)
    y = np.array(["plus", "minus"] * 40)
    wrong = np.array(["minus", "plus"] * 40)
    weights = np.r_[np.ones(80), np.zeros(80)]
    model = make_classifier(max_epochs=15, batch_size=32, lr=0.05)
    model.fit(np.r_[X, X], np.r_[y, wrong], sample_weight=weights)
    assert model.score(X, y) == 1.0
    model.fit(np.r_[X, X], np.r_[y, wrong], sample_weight=1 - weights)
    assert model.score(X, y) == 0.0


def test_outliers_of_no_weight_do_not_count(make_regressor):
    X = np.array([[[1.0]], [[-1.0]]] * 40)
    y = X[:, 0, 0] * 3 + 10
    outliers = np.full(10, 1e6)
    weights = np.r_[np.ones(80), np.zeros(10)]
    model = make_regressor(max_epochs=40, batch_size=32, lr=0.05, dropout=0.0)
    model.fit(np.r_[X, X[:10]], np.r_[y, outliers], sample_weight=weights)
    assert_allclose(model.predict(X), y, atol=0.5)
