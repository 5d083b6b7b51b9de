"""One target far from all others does not ruin the robust losses."""

from __future__ import annotations

import numpy as np
import pytest

ROBUST = ["huber", "absolute_error", "quantile"]


@pytest.mark.parametrize(
    ("loss", "outlier"),
    [("huber", 1e6), ("absolute_error", -1e9), ("quantile", 1e250)],
)
def test_one_outlier_does_not_ruin_a_robust_loss(make_any, loss, outlier, rng):
    if not make_any.has("loss"):
        pytest.skip("it has no loss to choose")
    if make_any.answer == "horizon":
        pytest.skip("its linear autoregression is a squared error")
    X = [rng.normal(size=4) for _ in range(60)]
    y = [3 * x for x in X] if make_any.answer == "step numbers" else [x[-1] for x in X]
    wrong = [np.full_like(y[0], outlier), *y[1:]]
    model = make_any(loss=loss, max_epochs=40, lr=0.03).fit(X, wrong)
    assert model.score(X[1:], y[1:]) > 0.7


@pytest.mark.filterwarnings("ignore:Gradients explode")  # the outlier is also an input
@pytest.mark.parametrize("loss", ROBUST)
def test_the_unit_of_a_forecasters_errors_is_robust(make_forecaster, loss, rng):
    X = 10 + np.sin(np.arange(100) / 2) + 0.1 * rng.normal(size=100)
    X[50] = 1e6
    robust, squared = (
        make_forecaster.fit(X, loss=name, window=12)._targets.scale[0]
        for name in (loss, "squared_error")
    )
    assert robust < squared / 100
