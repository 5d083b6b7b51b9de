"""The linear autoregression that a forecaster's network corrects."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skrnn.data.autoregression import (
    PENALTIES,
    Autoregression,
    _solve,
    _split,
    most_cautious,
)
from skrnn.data.ragged import RaggedArray


def windows_of(values, window, horizon):
    """Return the arguments of ``fit`` for all full windows of a series."""
    n = len(values) - window - horizon + 1
    rows = np.arange(n)[:, None] + np.arange(window)
    level = values[rows[:, -1:]]
    scale = np.sqrt(np.square(values[rows] - level).mean(1, keepdims=True))
    ahead = values[np.arange(n)[:, None] + window + np.arange(horizon)]
    steps = RaggedArray(values[rows].ravel(), np.arange(n + 1) * window)
    series, origins = np.zeros(n, np.int64), np.arange(n) + window
    return steps, level, scale, (ahead - level) / scale, series, origins


def test_penalties_are_those_of_weighted_ridge_regression():
    rng = np.random.default_rng(0)
    x, y, weight = (
        rng.normal(size=(40, 5)) * 3,
        rng.normal(size=(40, 2)),
        rng.uniform(size=40),
    )
    mean = np.average(x, axis=0, weights=weight)
    deviation = np.sqrt(np.average(np.square(x - mean), axis=0, weights=weight))
    for penalty, (coefficients, intercept) in list(
        zip(PENALTIES, _solve(x, y, weight), strict=True)
    )[::6]:
        ridge = Ridge(alpha=penalty).fit((x - mean) / deviation, y, sample_weight=weight)
        np.testing.assert_allclose(
            x @ coefficients + intercept, ridge.predict((x - mean) / deviation)
        )


def test_a_linear_recurrence_is_continued_exactly():
    values = np.sin(np.arange(200) / 5) + 7
    data = windows_of(values, 8, 3)
    model = Autoregression(8).fit(*data)
    np.testing.assert_allclose(model.predict(*data[:3]), data[3], atol=0.02)


def test_a_random_walk_is_nearly_its_last_value():
    ratios = []
    for walk in np.random.default_rng(0).normal(size=(20, 1000)).cumsum(axis=1):
        model = Autoregression(8).fit(*windows_of(walk[:500], 8, 3))
        data = windows_of(walk[500:], 8, 3)
        error, last = (
            np.square((data[3] - forecast) * data[2]).mean()
            for forecast in (model.predict(*data[:3]), 0.0)
        )
        ratios.append(error / last)
    assert np.mean(ratios) < 1.02


def test_a_short_or_missing_past_is_the_last_value():
    values = np.sin(np.arange(200) / 5)
    model = Autoregression(4).fit(*windows_of(values, 4, 2))
    one = (np.ones((1, 1)), np.ones((1, 1)))
    full, short, missing = (
        model.predict(RaggedArray.from_sequences([np.array(steps)]), *one)
        for steps in ([1.0, 1.0, 2.0, 1.0], [2.0, 1.0], [np.nan, 1.0, 2.0, 1.0])
    )
    np.testing.assert_allclose(short, full)
    np.testing.assert_allclose(missing, full)


def test_levels_far_from_training_do_not_matter():
    values = 5 + np.sin(np.arange(200) / 5)
    steps, level, scale, *rest = windows_of(values, 6, 2)
    model = Autoregression(6).fit(steps, level, scale, *rest)
    far, farther = (
        model.predict(steps.with_values(steps.values + shift), level + shift, scale)
        for shift in (1000.0, 5000.0)
    )
    np.testing.assert_allclose(far, farther, atol=1e-8)


def test_few_windows_and_missing_targets_teach_nothing():
    data = windows_of(np.sin(np.arange(14.0)), 4, 2)
    assert not Autoregression(4).fit(*data).coefficients.any()
    steps, level, scale, relative, *rest = windows_of(np.sin(np.arange(60.0)), 4, 2)
    relative = np.full_like(relative, np.nan)
    model = Autoregression(4).fit(steps, level, scale, relative, *rest)
    assert not model.coefficients.any()


def test_no_step_that_the_latest_windows_forecast_is_one_of_the_earlier():
    series = np.repeat([0, 1], [50, 80])
    origins = np.r_[np.arange(50), np.arange(80)] + 5
    early, late = _split(series, origins, horizon=4)
    for i in (0, 1):
        last_early = origins[early][series[early] == i].max()
        first_late = origins[late][series[late] == i].min()
        assert last_early + 4 <= first_late
    assert 0.15 < len(late) / len(series) < 0.25


def test_a_cautious_model_wins_unless_it_is_clearly_worse():
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=400)
    errors = np.stack([noise + 0.001 * rng.normal(size=400), noise, noise + 1])
    assert most_cautious(errors, 1, [0, 1, 2]) in (0, 1)
    assert most_cautious(errors, 1, [2, 1, 0]) in (0, 1)
    equal = np.stack([noise, noise])
    assert most_cautious(equal, 1, [1, 0]) == 1


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_forecasts_are_the_same_at_every_scale(scale):
    values = np.sin(np.arange(120) / 4) + np.random.default_rng(0).normal(size=120) / 10
    expected, got = (
        Autoregression(6).fit(*data).predict(*data[:3])
        for data in (windows_of(values, 6, 2), windows_of(values * scale, 6, 2))
    )
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
