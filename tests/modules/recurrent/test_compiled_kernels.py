"""Kernels as machine code: the functions that they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

pytest.importorskip("numba")

from skrnn.modules.recurrent.compiled_kernels import _sigmoid, _tanh


@pytest.mark.parametrize(("function", "exact"), [(_tanh, np.tanh), (_sigmoid, expit)])
def test_activations_are_exact_to_a_few_units_in_the_last_place(function, exact):
    for scale in (1e-6, 1e-3, 1.0, 30.0):
        for x in np.linspace(-scale, scale, 2001, dtype=np.float32):
            assert abs(function(x) - exact(np.float64(x))) < 5e-7 * min(
                1.0, max(scale, 0.5)
            )
    assert np.isnan(function(np.float32(np.nan)))
    assert abs(function(np.float32(np.inf)) - 1) < 5e-7
    assert abs(function(np.float32(-np.inf)) - exact(np.float64(-800.0))) < 5e-7


@pytest.mark.parametrize(("function", "lowest"), [(_tanh, -1.0), (_sigmoid, 0.0)])
def test_activations_that_saturate_stay_within_their_range(function, lowest):
    for x in np.linspace(7, 25, 1001, dtype=np.float32):
        assert lowest <= function(-x) < function(x) <= 1
