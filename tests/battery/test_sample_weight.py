"""A weight of k is worth k samples, and a weight of zero none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import is_classifier

# In one batch that holds everything, with nothing dropped, a weighted sample and a
# repeated one give the same gradients. So they must give the same network.
EXACT = {"dropout": 0.0, "batch_size": 1000, "max_epochs": 10, "lr": 0.01}


@pytest.fixture
def weights(rng):
    return rng.integers(1, 4, size=24)


def take(parts, indices):
    """Return some of the sequences or targets, in the container in which they came."""
    if parts is None or isinstance(parts, np.ndarray):
        return parts if parts is None else parts[indices]
    return [parts[i] for i in indices]


def equal_lengths(y):
    """Return targets of two tokens each, where targets are lists of tokens.

    A loss over tokens is a mean over steps, and so longer targets weigh more.
    """
    return [[*row, *row][:2] for row in y]


@pytest.fixture
def y(y, case):
    return equal_lengths(y) if case.answer == "tokens" else y


def test_a_weight_of_k_equals_k_samples_in_one_batch(
    make_estimator, numbers, y, weights, outputs
):
    weighted = make_estimator(**EXACT).fit(numbers, y, sample_weight=weights)
    indices = np.repeat(np.arange(24), weights)
    several = make_estimator(**EXACT).fit(take(numbers, indices), take(y, indices))
    plain = make_estimator(**EXACT).fit(numbers, y)
    expected = outputs(several, numbers)
    assert_allclose(outputs(weighted, numbers), expected, rtol=1e-3, atol=1e-4)
    assert np.abs(outputs(plain, numbers) - expected).max() > 3e-3


def test_a_weight_of_zero_equals_no_sample_in_one_batch(
    make_estimator, numbers, y, rng, outputs
):
    weights = (rng.random(24) < 0.6).astype(float)
    weights[1] = 1.0  # the longest sequence, from which a window gets its size
    kept = np.flatnonzero(weights)
    weighted = make_estimator(**EXACT).fit(numbers, y, sample_weight=weights)
    fewer = make_estimator(**EXACT).fit(take(numbers, kept), take(y, kept))
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
    assert_allclose(outputs(equal, X), outputs(plain, X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(23), r"sample_weight has shape \(23,\), expected \(24,\)"),
        (
            np.full(24, -1.0),
            r"sample_weight\[0\] is -1.0. Negative values are no weights",
        ),
        (np.full(24, np.nan), "Input sample_weight contains NaN"),
        (np.zeros(24), "at least one non-zero"),
    ],
)
def test_weights_that_make_no_sense_are_refused(make_estimator, X, y, weight, message):
    with pytest.raises(ValueError, match=message):
        make_estimator().fit(X, y, sample_weight=weight)


def test_the_weights_of_partial_fit_matter(make_estimator, numbers, y, outputs):
    weights = np.r_[np.ones(12), np.zeros(12)]
    params = {"batch_size": 24, "dropout": 0.0, "lr": 0.05}
    weighted = make_estimator(**params).partial_fit(numbers, y, sample_weight=weights)
    plain = make_estimator(**params).partial_fit(numbers, y)
    assert not np.allclose(outputs(weighted, numbers), outputs(plain, numbers), rtol=1e-3)


def test_the_weights_of_partial_fit_keep_their_size(make_estimator, words, y, outputs):
    def trained(weight):
        model = make_estimator(optimizer="sgd", max_grad_norm=None)
        return model.partial_fit(words, y, sample_weight=np.full(24, weight))

    light, heavy = (outputs(trained(weight), words) for weight in (0.01, 1.0))
    assert not np.allclose(light, heavy, rtol=1e-5)


@pytest.mark.slow
def test_a_weight_of_k_is_worth_k_samples_on_average(make_many_to_one, outputs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, 4, 1))
    counts = rng.integers(0, 4, size=48)
    numbers = X[:, :, 0].sum(1) + rng.normal(size=48)
    y = (numbers > 0).astype(int) if is_classifier(make_many_to_one()) else numbers
    params = {"batch_size": 16, "lr_schedule": "one_cycle", "lr": 0.01, "dropout": 0.0}

    def mean_output(X, y, weight, epochs):
        models = [
            make_many_to_one(random_state=seed, max_epochs=epochs, **params)
            for seed in range(8)
        ]
        return np.mean(
            [outputs(m.fit(X, y, sample_weight=weight), X_test) for m in models], axis=0
        )

    X_test = rng.normal(size=(100, 4, 1))
    weighted = mean_output(list(X), y, counts, 20)
    # as many updates as above
    epochs = round(20 * 3 / np.ceil(counts.sum() / 16))
    indices = np.repeat(np.arange(48), counts)
    several = mean_output(list(X[indices]), y[indices], None, epochs)
    plain = mean_output(list(X), y, None, 20)
    difference = np.sqrt(np.mean((weighted - several) ** 2))
    assert difference < 0.6 * np.sqrt(np.mean((plain - several) ** 2))
    assert np.corrcoef(weighted.ravel(), several.ravel())[0, 1] > 0.98


def test_contradictions_of_no_weight_are_not_learned(make_supervised):
    X, y = make_supervised.learnable
    wrong = y[1:] + y[:1]
    weights = np.r_[np.ones(40), np.zeros(40)]
    model = make_supervised(max_epochs=40, batch_size=40, lr=0.05, dropout=0.0)
    if make_supervised.has("hidden_size"):
        model.set_params(hidden_size=8)
    model.fit(X + X, y + wrong, sample_weight=weights)
    assert model.score(X, y) > 0.9
    assert model.score(X, wrong) < 0.1


def test_sequences_of_no_weight_are_not_learned(make_generator):
    X = [["a", "b"]] * 20 + [["a", "c"]] * 20
    model = make_generator(max_epochs=40, batch_size=40, lr=0.05, dropout=0.0)
    model.fit(X, sample_weight=np.r_[np.ones(20), np.zeros(20)])
    liked, disliked = model.score_samples([["a", "b"], ["a", "c"]])
    assert liked > disliked + 2


def test_outliers_of_no_weight_do_not_count(make_regressor):
    X = np.array([[[1.0]], [[-1.0]]] * 40)
    y = X[:, 0, 0] * 3 + 10
    outliers = np.full(10, 1e6)
    weights = np.r_[np.ones(80), np.zeros(10)]
    model = make_regressor(max_epochs=40, batch_size=32, lr=0.05, dropout=0.0)
    model.fit(np.r_[X, X[:10]], np.r_[y, outliers], sample_weight=weights)
    assert_allclose(model.predict(X), y, atol=0.5)
