"""Quantiles of forecasts."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.quantiles import levels_of, quantile_forecasts, reduced, uncrossed


@pytest.mark.parametrize("n", [0, 1, 5])
def test_quantiles_of_each_number_do_not_cross(n, rng):
    outputs = rng.normal(size=(n, 6)).astype(np.float32)
    found = uncrossed(outputs, 3)
    assert found.shape == (n, 3, 2)
    for row, given in zip(found, outputs, strict=True):
        for k in range(2):
            assert row[:, k].tolist() == sorted(given[k::2])


def test_only_the_correction_of_the_point_forecast_is_reduced(rng):
    relative = rng.normal(size=(2, 3, 3))
    kept = reduced(relative, 0.25)
    np.testing.assert_allclose(kept[..., 0], relative[..., 0] / 4)
    distances = relative[..., 1:] - relative[..., :1]
    np.testing.assert_allclose(kept[..., 1:] - kept[..., :1], distances)


def test_levels_that_were_not_learned_start_from_the_point_forecast(rng):
    relative = rng.normal(size=(2, 3, 3))
    expected = np.concatenate([relative[..., 1:], relative[..., [0, 0]]], axis=-1)
    np.testing.assert_array_equal(levels_of(relative, 4), expected)


@pytest.mark.parametrize("levels", [[0.9, 0.1, 0.5], [0.1, 0.5, 0.9]])
def test_forecasts_move_by_errors_and_do_not_cross(levels, rng):
    relative = rng.normal(size=(4, 2, 1))
    offsets = rng.normal(size=(2, 3))
    found = quantile_forecasts(relative, levels, offsets, 2.0)
    moved = np.sort(relative + offsets / 2, axis=-1)
    ranks = np.argsort(np.argsort(levels))
    np.testing.assert_allclose(found, moved[..., ranks])
    plain = quantile_forecasts(relative, levels, None, 2.0)
    np.testing.assert_array_equal(plain, np.repeat(relative, 3, axis=-1))
