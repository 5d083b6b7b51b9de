"""Outputs of regressors, their units, and that they learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrnn import FeedForwardRegressor, SequenceRegressor
from skrnn.datasets import make_adding_problem

LOSSES = ["squared_error", "absolute_error", "huber", "quantile"]

# --- outputs -------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_a_number_for_each_sequence(make_regressor, X, amounts, loss):
    model = make_regressor(loss=loss).fit(X, amounts)
    predicted = model.predict(X)
    assert predicted.shape == (24,)
    assert predicted.dtype == np.float64
    assert type(model.score(X, amounts)) is float


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("container", [np.array, np.ndarray.tolist, pd.DataFrame])
def test_several_numbers_for_each_sequence(make_regressor, X, amounts, loss, container):
    y = container(np.c_[amounts, -amounts, np.full(24, 500.0)])
    model = make_regressor(loss=loss).fit(X, y)
    assert model.predict(X).shape == (24, 3)
    assert_allclose(model.predict(X)[:, 2], 500, atol=5)
    assert type(model.score(X, y)) is float


def test_a_column_vector_of_numbers_warns(make_regressor, numbers, amounts):
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        model = make_regressor().fit(numbers, amounts[:, None])
    assert model.predict(numbers).shape == (24,)


@pytest.mark.parametrize("loss", LOSSES)
def test_another_unit_of_y_changes_the_unit_of_the_prediction_only(
    make_regressor, X, amounts, loss
):
    plain = make_regressor(loss=loss).fit(X, amounts)
    scaled = make_regressor(loss=loss).fit(X, 1000 * amounts + 5)
    assert_allclose(scaled.predict(X), 1000 * plain.predict(X) + 5, rtol=1e-3, atol=0.5)
    assert_allclose(scaled.history_["train_loss"], plain.history_["train_loss"], 1e-4)


@pytest.mark.parametrize("unit", [1e-30, 1e-13, 1e-11, 1e30])
def test_the_unit_of_y_does_not_change_the_score(make_regressor, numbers, amounts, unit):
    plain = make_regressor().fit(numbers, amounts).score(numbers, amounts)
    y = amounts * unit
    assert make_regressor().fit(numbers, y).score(numbers, y) == pytest.approx(plain)


def test_each_output_has_its_own_unit(make_regressor, numbers, amounts):
    y = np.c_[amounts, amounts[::-1]]
    plain = make_regressor().fit(numbers, y).predict(numbers)
    scaled = make_regressor().fit(numbers, y * [1e-6, 1e6] + [0, 1]).predict(numbers)
    assert_allclose(scaled, plain * [1e-6, 1e6] + [0, 1], rtol=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_y_is_predicted(make_regressor, loss):
    X = np.zeros((10, 3))
    model = make_regressor(loss=loss, max_epochs=60, lr=0.03, dropout=0.0)
    model.fit(X, np.full(10, 7e3))
    assert_allclose(model.predict(X), 7e3, atol=0.5)


# --- what each loss is minimal at ----------------------------------------------------


def fit_constant(make_regressor, y, **params):
    """Fit on sequences that all look alike: the answer is one number."""
    shared = {"max_epochs": 300, "batch_size": len(y), "lr": 0.03, "dropout": 0.0}
    model = make_regressor(**shared, **params)
    return model.fit(np.zeros((len(y), 2)), y), np.zeros((1, 2))


@pytest.fixture
def skewed(rng):
    return rng.exponential(size=101) ** 2


def test_squared_error_predicts_the_mean(make_regressor, skewed):
    model, x = fit_constant(make_regressor, skewed)
    assert_allclose(model.predict(x), skewed.mean(), rtol=0.02)


def test_absolute_error_predicts_the_median(make_regressor, skewed):
    model, x = fit_constant(make_regressor, skewed, loss="absolute_error")
    assert_allclose(model.predict(x), np.median(skewed), atol=0.03 * skewed.std())


def test_huber_predicts_between_median_and_mean(make_regressor, skewed):
    model, x = fit_constant(make_regressor, skewed, loss="huber")
    assert np.median(skewed) < model.predict(x)[0] < skewed.mean()


def test_quantiles_are_those_of_y(make_regressor, skewed):
    levels = [0.9, 0.1, 0.75]
    model, x = fit_constant(make_regressor, skewed, loss="quantile", quantiles=levels)
    predicted = model.predict_quantiles(x)
    assert predicted.shape == (1, 3)
    scale = skewed.std()
    assert_allclose(predicted[0], np.quantile(skewed, levels), atol=0.1 * scale)
    assert_allclose(model.predict(x), np.median(skewed), atol=0.05 * scale)


# --- quantiles -----------------------------------------------------------------------


def test_the_prediction_is_the_median(make_regressor, X, amounts):
    model = make_regressor(loss="quantile", quantiles=(0.9, 0.5)).fit(X, amounts)
    assert_array_equal(model.predict(X), model.predict_quantiles(X)[:, 1])


def test_quantiles_never_cross_and_keep_the_order_asked_for(make_regressor, X, amounts):
    ascending = (0.05, 0.3, 0.5, 0.7, 0.95)
    model = make_regressor(loss="quantile", quantiles=ascending).fit(X, amounts)
    predicted = model.predict_quantiles(X)
    assert predicted.shape == (24, 5)
    assert (np.diff(predicted, axis=1) >= 0).all()
    descending = make_regressor(loss="quantile", quantiles=ascending[::-1])
    assert_array_equal(
        descending.fit(X, amounts).predict_quantiles(X), predicted[:, ::-1]
    )


def test_several_outputs_have_quantiles_each(make_regressor, X, amounts):
    y = np.c_[amounts, 100 - amounts]
    model = make_regressor(loss="quantile", quantiles=(0.1, 0.5, 0.9)).fit(X, y)
    predicted = model.predict_quantiles(X)
    assert predicted.shape == (24, 3, 2)
    assert_array_equal(model.predict(X), predicted[:, 1])
    assert predicted[..., 1].min() > predicted[..., 0].max()


def test_setting_other_quantiles_waits_for_the_next_fit(make_regressor, X, amounts):
    model = make_regressor(loss="quantile", quantiles=(0.1, 0.9)).fit(X, amounts)
    expected = model.predict_quantiles(X)
    assert_array_equal(model.set_params(quantiles=(0.3,)).predict_quantiles(X), expected)
    assert model.fit(X, amounts).predict_quantiles(X).shape == (24, 1)


@pytest.mark.slow
def test_quantiles_cover_as_much_as_they_say_where_the_noise_varies(make_regressor):
    rng = np.random.default_rng(0)
    X = rng.uniform(0.2, 2.0, size=(2000, 3))
    y = X[:, 0] + X[:, 2] * rng.normal(size=2000)  # noise by the last value
    model = make_regressor(loss="quantile", quantiles=(0.1, 0.9), max_epochs=30, lr=0.01)
    model.set_params(batch_size=64, dropout=0.0)
    if "cell" in model.get_params():
        model.set_params(hidden_size=8)
    else:
        model.set_params(hidden_layer_sizes=8)
    low, high = model.fit(X[:1500], y[:1500]).predict_quantiles(X[1500:]).T
    inside = (low <= y[1500:]) & (y[1500:] <= high)
    assert 0.74 < inside.mean() < 0.86
    noisy = X[1500:, 2] > 1.1
    assert (high - low)[noisy].mean() > 1.5 * (high - low)[~noisy].mean()
    assert min(inside[noisy].mean(), inside[~noisy].mean()) > 0.68


# --- levels never seen ---------------------------------------------------------------


def series(rng, n=40, n_steps=8):
    """Return windows of random walks and the value that follows each."""
    walks = rng.normal(size=(n, n_steps + 1)).cumsum(1)
    return walks[:, :-1, None], walks[:, -1]


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_another_level_shifts_the_prediction_by_as_much(make_regressor, rng, norm):
    X, y = series(rng)
    model = make_regressor(instance_norm=norm).fit(X, y)
    expected = model.predict(X) + 1024.0  # a power of two: float32 keeps the digits
    assert_allclose(model.predict(X + 1024.0), expected, atol=2e-3)
    moved = make_regressor(instance_norm=norm).fit(X + 1024.0, y + 1024.0)
    assert_allclose(moved.predict(X + 1024.0), expected, atol=2e-3)
    plain = make_regressor().fit(X, y)
    assert not np.allclose(plain.predict(X + 1024.0), plain.predict(X) + 1024.0, atol=1)


def test_the_standard_norm_scales_with_the_sequence(make_regressor, rng):
    X, y = series(rng)
    model = make_regressor(instance_norm="standard").fit(X, y)
    assert_allclose(model.predict(64 * X), 64 * model.predict(X), rtol=1e-4, atol=1e-3)
    moved = make_regressor(instance_norm="standard").fit(64 * X, 64 * y)
    assert_allclose(moved.predict(64 * X), 64 * model.predict(X), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_the_norm_concerns_the_target_feature_alone(make_regressor, rng, norm):
    X, y = series(rng)
    X = np.concatenate([rng.normal(size=X.shape), X], axis=2)
    model = make_regressor(instance_norm=norm, target_feature=1).fit(X, y)
    expected = model.predict(X)
    shifted = model.predict(X + np.array([0.0, 512.0]))
    assert_allclose(shifted, expected + 512.0, atol=2e-3)
    other = model.predict(X + np.array([1.0, 0.0]))
    assert not np.allclose(other, expected, atol=1e-3)


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_feature_that_is_constant_in_each_sequence_is_learned_from(
    make_regressor, rng, norm
):
    X, _ = series(rng, n=200)
    kind = rng.choice([-1.0, 1.0], size=200)
    X = np.concatenate([X, np.broadcast_to(kind[:, None, None], X.shape)], axis=2)
    y = X[:, -1, 0] + 3 * kind
    params = {"max_epochs": 40, "batch_size": 32, "lr": 0.02, "dropout": 0.0}
    model = make_regressor(instance_norm=norm, **params).fit(X, y)
    deviation = y - X[:, -1, 0]
    predicted = model.predict(X) - X[:, -1, 0]
    assert np.corrcoef(deviation, predicted)[0, 1] > 0.8


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_quantiles_and_several_outputs_are_shifted_too(make_regressor, rng, norm):
    X, y = series(rng)
    model = make_regressor(instance_norm=norm, loss="quantile")
    model.fit(X, np.c_[y, y + 1, y + 2])
    shifted = model.predict_quantiles(X + 256.0)
    assert_allclose(shifted, model.predict_quantiles(X) + 256.0, atol=1e-3)
    assert_allclose(model.predict(X + 256.0), model.predict(X) + 256.0, atol=1e-3)


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_levels_of_short_and_constant_sequences_are_finite(make_regressor, rng, norm):
    X, y = series(rng)
    model = make_regressor(instance_norm=norm).fit(X, y)
    constant = [np.full((n, 1), 40.0) for n in (1, 2, 30)]
    predicted = model.predict(constant)
    assert np.isfinite(predicted).all()
    assert_allclose(predicted, 40.0, atol=10)
    ones = make_regressor(instance_norm=norm).fit(X[:, -1:], y)
    assert np.isfinite(ones.predict(X[:, -1:])).all()


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_trend_goes_on_beyond_the_levels_of_training(make_regressor, norm):
    start = np.linspace(0, 10, 100)
    X = start[:, None] + 0.5 * np.arange(6)
    y = start + 3.0
    params = {"max_epochs": 60, "batch_size": 32, "lr": 0.03, "dropout": 0.0}
    if "activation" in make_regressor().get_params():
        params["activation"] = "tanh"  # ReLU layers go on along a line by themselves
    model = make_regressor(instance_norm=norm, **params).fit(X, y)
    assert_allclose(model.predict(X + 1000), y + 1000, atol=0.1)
    blind = make_regressor(**params).fit(X, y)
    assert np.abs(blind.predict(X + 1000) - (y + 1000)).min() > 100


def test_sequences_of_one_step_do_not_ruin_the_scale_of_forecasts(make_regressor, rng):
    walks = list(rng.normal(size=(60, 10)).cumsum(axis=1))
    y = np.array([walk[-1] for walk in walks]) + rng.normal(size=60)
    params = {"instance_norm": "last", "max_epochs": 1, "lr": 1e-9}

    def spread(X, y):
        """Return how far an untrained network's predictions are from the last values."""
        model = make_regressor(**params).fit(X, y)
        return np.std(model.predict(walks) - [walk[-1] for walk in walks])

    singles = [np.ones(1)] * 20
    beside = spread([*walks, *singles], np.append(y, 1 + rng.normal(size=20)))
    assert 0 < beside < 3 * spread(walks, y)


# --- learning ------------------------------------------------------------------------


def test_recurrence_adds_two_marked_numbers_far_apart():
    X, y = make_adding_problem(800, min_steps=4, max_steps=8, random_state=0)
    shared = {"max_epochs": 25, "lr": 0.02, "random_state": 0}
    shared |= {"dropout": 0.0, "weight_decay": 0.0}
    model = SequenceRegressor(hidden_size=8, **shared).fit(X[:600], y[:600])
    assert model.score(X[600:], y[600:]) > 0.8
    longer, sums = make_adding_problem(200, min_steps=9, max_steps=12, random_state=1)
    window = FeedForwardRegressor(hidden_layer_sizes=8, **shared).fit(X[:600], y[:600])
    assert model.score(longer, sums) > 0.5 > window.score(longer, sums)


def test_regression_works_on_words():
    rng = np.random.default_rng(0)
    prices = {"oak": 1.0, "elm": 2.0, "ash": 4.0, "yew": 8.0}
    X = [list(rng.choice(list(prices), size=rng.integers(1, 5))) for _ in range(300)]
    y = np.array([sum(prices[word] for word in x) for x in X])
    model = SequenceRegressor(
        hidden_size=8,
        embedding_dim=8,
        max_epochs=20,
        lr=0.02,
        dropout=0.0,
        weight_decay=0.0,
        random_state=0,
    ).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.9
