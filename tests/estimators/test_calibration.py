"""Errors of forecasts as quantiles, and the trust in a network."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

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


def test_errors_of_a_window_that_are_alike_count_as_one():
    of_window = np.random.default_rng(0).normal(size=(30, 1, 2))
    sizes = np.array([1.0, 2.0, 4.0])
    levels = (0.05, 0.95)
    one_step = error_quantiles(of_window, levels)
    assert one_step[0, 1] == pytest.approx(of_window[..., 1].max())  # 31 * 0.95 > 29
    got = error_quantiles(of_window * sizes[:, None], levels)
    np.testing.assert_allclose(got, one_step * sizes[:, None])


def test_intervals_from_few_overlapping_windows_cover_what_they_say():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(150):  # persistence on random walks
        walk = np.r_[rng.normal(size=30).cumsum(), np.full(11, np.nan)]
        windows = sliding_window_view(walk, 13)
        errors = (windows[:, 1:] - windows[:, :1])[..., None].repeat(2, axis=-1)
        low, high = error_quantiles(errors, (0.05, 0.95)).T
        ahead = rng.normal(size=12).cumsum()
        inside.append((low <= ahead) & (ahead <= high))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.04)


def test_trust_in_many_windows_is_the_best_share():
    rng = np.random.default_rng(0)
    point, true = rng.normal(size=(2, 40_000, 3))
    true = true + 0.4 * point
    weight = np.ones(len(point))
    shares = np.linspace(0, 1, 21)
    losses = [np.square(true - share * point).mean() for share in shares]
    assert trust_of(point, true, weight) == shares[np.argmin(losses)]
    assert trust_of(point, -point, weight) == 0.0
    assert trust_of(point, point, weight) == 1.0


def test_trust_in_few_windows_is_cautious():
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(200):
        point, noise = rng.normal(size=(2, 20, 1))
        assert trust_of(point, noise, np.ones(20)) <= max(
            0.0, (point * noise).sum() / np.square(point).sum() + 0.026
        )
        gains.append(trust_of(point, noise, np.ones(20)))
    assert np.mean(gains) < 0.06  # the least squares share is 0.09 on average


def test_trust_counts_windows_by_weight_and_leaves_out_what_is_missing():
    point = np.ones((40, 2))
    true = np.where(np.arange(40)[:, None] < 20, 1.0, -1.0) * point
    weight = np.where(np.arange(40) < 20, 100.0, 1.0)
    assert trust_of(point, true, weight) > 0.8
    assert trust_of(point, true, weight[::-1]) == 0.0
    true[20:] = np.nan
    assert trust_of(point, true, np.ones(40)) == 1.0
