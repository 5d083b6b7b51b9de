"""Errors of forecasts as quantiles, and the trust in a network."""

import numpy as np
import pytest

from skrnn.estimators._calibration import error_quantiles, trust_of


def test_quantiles_of_errors_have_the_rank_of_split_conformal_prediction():
    errors = np.random.default_rng(0).normal(size=(199, 2, 2))
    got = error_quantiles(errors, (0.1, 0.9))
    for h in range(2):
        assert got[h, 0] == pytest.approx(np.sort(errors[:, h, 0])[19])
        assert got[h, 1] == pytest.approx(np.sort(errors[:, h, 1])[179])


def test_few_errors_are_pooled_over_the_steps_ahead():
    errors = (
        np.random.default_rng(0).normal(size=(20, 3, 1)) * [[[1.0]], [[1.0]], [[1.0]]][0]
    )
    errors = errors * np.array([1.0, 2.0, 4.0])[:, None]
    got = error_quantiles(errors, (0.95,))[:, 0]
    assert (np.diff(got) > 0).all()
    assert got[0] < errors.max()


def test_trust_is_the_best_share():
    rng = np.random.default_rng(0)
    point, true = rng.normal(size=(2, 50, 3))
    true = true + 0.4 * point
    shares = np.linspace(0, 1, 1001)
    losses = [np.square(true - share * point).mean() for share in shares]
    assert trust_of(point, true) == pytest.approx(shares[np.argmin(losses)], abs=1e-3)
    assert trust_of(point, -point) == 0.0
