"""Outputs of regressors, their units, and that they learn."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

from skrnn import FeedForwardRegressor, SequenceRegressor
from skrnn.datasets import make_adding_problem
from skrnn.metrics import step_r2_scorer

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


@pytest.mark.parametrize(("n_outputs", "n_held_out"), [(1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("by_step", [False, True])
def test_held_out_numbers_of_another_shape_are_refused(
    make_regressor, numbers, rng, n_outputs, n_held_out, by_step
):
    def draw(n):
        shape = () if n == 1 else (n,)
        if by_step:
            return [rng.normal(size=(len(x), *shape)) for x in numbers]
        return rng.normal(size=(len(numbers), *shape))

    model = make_regressor()
    rows = "n_steps" if by_step else "n_sequences"
    got, expected = (
        f"({rows},{f' {n}' if n > 1 else ''})" for n in (n_held_out, n_outputs)
    )
    message = re.escape(f"y_val has shape {got}, expected {expected} as in fit")
    with pytest.raises(ValueError, match=message):
        model.fit(numbers, draw(n_outputs), X_val=numbers, y_val=draw(n_held_out))
    assert not hasattr(model, "net_")


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


# X says nothing about y, which is noticed.
@pytest.mark.filterwarnings("ignore:The training loss did not move")
def test_squared_error_predicts_the_mean(make_regressor, skewed):
    model, x = fit_constant(make_regressor, skewed)
    assert_allclose(model.predict(x), skewed.mean(), rtol=0.02)


@pytest.mark.filterwarnings(
    "ignore:The training loss did not move"
)  # X says nothing of y
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


# --- numbers for each step -----------------------------------------------------------


@pytest.fixture
def step_amounts(X, rng):
    """Return a number for each step of X."""
    return [rng.normal(loc=3.0, scale=2.0, size=len(x)) for x in X]


def shapes(rows):
    return [row.shape for row in rows]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_number_for_each_step(make_regressor, X, step_amounts, loss):
    model = make_regressor(loss=loss).fit(X, step_amounts)
    predicted = model.predict(X)
    assert predicted.shape == (24,)
    assert predicted.dtype == object
    assert {row.dtype for row in predicted} == {np.dtype(np.float64)}
    assert shapes(predicted) == shapes(step_amounts)
    assert type(model.score(X, step_amounts)) is float


@pytest.mark.parametrize("loss", LOSSES)
def test_several_numbers_for_each_step(make_regressor, X, step_amounts, loss):
    y = [np.c_[row, -row, np.full(len(row), 500.0)] for row in step_amounts]
    model = make_regressor(loss=loss).fit(X, y)
    assert shapes(model.predict(X)) == shapes(y)
    assert_allclose(np.concatenate(list(model.predict(X)))[:, 2], 500, atol=5)
    assert type(model.score(X, y)) is float


def test_arrays_as_long_as_the_sequences_are_steps_and_a_table_is_outputs(
    make_regressor, rng
):
    X, y = rng.normal(size=(24, 5)), rng.normal(size=(24, 5))
    of_steps = make_regressor().fit(X, list(y)).predict(X[:2])
    assert shapes(of_steps) == [(5,), (5,)]
    assert of_steps.dtype == object
    for table in (y, y.tolist(), pd.DataFrame(y)):
        assert make_regressor().fit(X, table).predict(X[:2]).shape == (2, 5)
    with pytest.raises(ValueError, match="pass arrays, as"):
        make_regressor().fit([[1.0], [2.0, 3.0]], [[1.0], [2.0, 3.0]])


@pytest.mark.parametrize("loss", LOSSES)
def test_sequences_of_one_step_have_one_number_either_way(make_regressor, rng, loss):
    X, amounts = rng.normal(size=(24, 1, 3)), rng.normal(size=24)
    known = make_regressor().get_params()
    params = {k: v for k, v in {"pooling": "last", "context": 0}.items() if k in known}
    one = make_regressor(loss=loss, **params).fit(X, amounts)
    by_step = make_regressor(loss=loss, **params).fit(X, [np.array([a]) for a in amounts])
    assert_allclose(np.concatenate(list(by_step.predict(X))), one.predict(X), rtol=1e-5)
    assert_allclose(by_step.history_["train_loss"], one.history_["train_loss"], 1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_step_counts_alike_and_padding_not_at_all(numbers, rng, loss):
    params = {"context": 0, "loss": loss, "batch_size": 1000, "max_epochs": 5, "lr": 0.1}
    params["scale"] = None  # sums in another order
    y = [rng.normal(size=len(x)) for x in numbers]
    weight = rng.integers(1, 4, size=24).astype(float)
    lengths = np.array(list(map(len, numbers)))
    cut = [x[i : i + 1] for x in numbers for i in range(len(x))]
    model = FeedForwardRegressor(random_state=0, hidden_layer_sizes=4, **params)
    model.fit(numbers, y, weight)
    losses, predicted = model.history_["train_loss"], model.predict(numbers)
    model.fit(cut, [np.array([v]) for v in np.concatenate(y)], np.repeat(weight, lengths))
    assert_allclose(model.history_["train_loss"], losses, rtol=1e-5)
    assert_allclose(
        np.concatenate(list(model.predict(cut))),
        np.concatenate(list(predicted)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_score_of_steps_is_that_of_all_steps_together(
    make_regressor, X, step_amounts
):
    model = make_regressor().fit(X, step_amounts)
    weight = np.arange(24.0)
    predicted = np.concatenate(list(model.predict(X)))
    true = np.concatenate(step_amounts)
    assert model.score(X, step_amounts) == pytest.approx(r2_score(true, predicted))
    by_step = np.repeat(weight, list(map(len, X)))
    assert model.score(X, step_amounts, weight) == pytest.approx(
        r2_score(true, predicted, sample_weight=by_step)
    )


@pytest.mark.parametrize("unit", [1e-30, 1e-13, 1e-11, 1e30])
def test_the_unit_of_steps_does_not_change_the_score(
    make_regressor, X, step_amounts, unit
):
    plain = make_regressor().fit(X, step_amounts).score(X, step_amounts)
    y = [unit * row for row in step_amounts]
    assert make_regressor().fit(X, y).score(X, y) == pytest.approx(plain)


def test_steps_have_quantiles_each(make_regressor, X, step_amounts):
    levels = (0.9, 0.1, 0.5)
    model = make_regressor(loss="quantile", quantiles=levels).fit(X, step_amounts)
    quantiles = model.predict_quantiles(X)
    assert shapes(quantiles) == [(len(x), 3) for x in X]
    for row, median in zip(quantiles, model.predict(X), strict=True):
        assert_array_equal(row[:, 2], median)
        assert (row[:, 0] >= row[:, 2]).all()
        assert (row[:, 2] >= row[:, 1]).all()
    y = [np.c_[row, row] for row in step_amounts]
    both = make_regressor(loss="quantile", quantiles=levels).fit(X, y)
    assert shapes(both.predict_quantiles(X)) == [(len(x), 3, 2) for x in X]


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_another_level_shifts_the_prediction_of_each_step_by_as_much(
    make_regressor, rng, norm
):
    X = [rng.integers(-8, 9, size=n) / 8 for n in rng.integers(4, 9, size=24)]
    X = [x - x.mean() for x in X] if norm == "standard" else X
    y = [2 * x for x in X]
    moved_X, moved_y = ([row + 1024.0 for row in rows] for rows in (X, y))
    model = make_regressor(instance_norm=norm).fit(X, y)
    moved = make_regressor(instance_norm=norm).fit(moved_X, moved_y)
    for got, expected in zip(moved.predict(moved_X), model.predict(X), strict=True):
        assert_allclose(got, expected + 1024.0, atol=5e-3)


def test_a_text_without_tokens_has_no_numbers(make_regressor):
    X = ["a b", "b", "", "a", "b a b", "b b"] * 4
    y = [np.array([float(t == "a") for t in text.split()]) for text in X]
    weight = np.arange(24.0)
    model = make_regressor().fit(X, y, weight)
    filled = [i for i, text in enumerate(X) if text]
    expected = make_regressor().fit(
        [X[i] for i in filled], [y[i] for i in filled], weight[filled]
    )
    predicted = model.predict(["", "a b", "   "])
    assert shapes(predicted) == [(0,), (2,), (0,)]
    assert_array_equal(predicted[1], expected.predict(["a b"])[0])
    assert shapes(model.predict(["", ""])) == [(0,), (0,)]
    assert model.score(X, y) == expected.score(X, y)
    quantile = make_regressor(loss="quantile").fit(X, y)
    assert shapes(quantile.predict_quantiles(["", "a b"])) == [(0, 3), (2, 3)]


def test_a_numeric_sequence_without_steps_stays_an_error(make_regressor, numbers, rng):
    y = [rng.normal(size=len(x)) for x in numbers]
    model = make_regressor().fit(numbers, y)
    for call in (model.predict, lambda X: model.fit(X, [*y[:1], y[0][:0]])):
        with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
            call([numbers[0], numbers[0][:0]])


def test_a_named_scorer_is_refused_where_y_has_steps(make_regressor, X, step_amounts):
    model = make_regressor(scoring="r2", early_stopping=True)
    with pytest.raises(
        ValueError, match=r"scoring='r2' compares one number .*step_r2_scorer"
    ):
        model.fit(X, step_amounts)


def test_a_scorer_watches_steps(make_regressor, X, step_amounts):
    model = make_regressor(
        scoring=step_r2_scorer, early_stopping=True, max_epochs=4, lr=0.05
    )
    model.fit(X, step_amounts)
    assert len(model.history_) == 4
    assert model.history_["valid_score"].nunique() > 1


def test_a_search_scores_steps(make_regressor, X, step_amounts):
    model = make_regressor().fit(X, step_amounts)
    assert step_r2_scorer(model, X, step_amounts) == model.score(X, step_amounts)
    weight = np.arange(1.0, len(X) + 1)
    assert step_r2_scorer(model, X, step_amounts, sample_weight=weight) == model.score(
        X, step_amounts, weight
    )
    search = GridSearchCV(
        make_regressor(), {"lr": [0.001, 0.05]}, scoring=step_r2_scorer, cv=2
    ).fit(X, step_amounts)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_fit_on_steps_refuses_one_number_a_sequence_later(
    make_regressor, X, step_amounts, amounts
):
    model = make_regressor().fit(X, step_amounts)
    with pytest.raises(TypeError, match=r"y\[0\] is float, expected an array of numbers"):
        model.score(X, amounts)
    with pytest.raises(TypeError, match=r"y\[0\] is float, expected an array of numbers"):
        model.partial_fit(X, amounts)
    model.fit(X, amounts)  # a fit from the start may be of another kind
    assert model.predict(X).shape == (24,)
    with pytest.raises(ValueError, match="y must have one entry a sequence"):
        model.partial_fit(X, step_amounts)


def running_mean(x, n=3):
    """Return the mean of each step and the ones before it, n together."""
    return np.convolve(np.pad(x, (n - 1, 0)), np.ones(n) / n, mode="valid")


def test_a_running_mean_is_learned_where_steps_alone_do_not_suffice():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in rng.integers(10, 30, size=150)]
    y = [running_mean(x) for x in X]
    shared = {"max_epochs": 60, "random_state": 0}
    recurrent = SequenceRegressor(hidden_size=8, lr=0.03, dropout=0.0, **shared)
    assert recurrent.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.9
    pointwise = FeedForwardRegressor(hidden_layer_sizes=8, context=0, lr=0.01, **shared)
    assert pointwise.fit(X[:100], y[:100]).score(X[100:], y[100:]) < 0.5
    window = FeedForwardRegressor(hidden_layer_sizes=8, context=2, lr=0.01, **shared)
    assert window.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.9


def test_a_copy_beyond_the_context_of_the_baseline_is_learned():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in rng.integers(10, 30, size=150)]
    y = [np.r_[np.zeros(3), x[:-3]] for x in X]
    params = {"hidden_size": 16, "lr": 0.02, "dropout": 0.0, "max_epochs": 60}
    model = SequenceRegressor(random_state=0, **params).fit(X[:100], y[:100])
    assert model.score(X[100:], y[100:]) > 0.9
    baseline = FeedForwardRegressor(max_epochs=60, random_state=0)
    assert baseline.fit(X[:100], y[:100]).score(X[100:], y[100:]) < 0.1
