"""Probabilities from logits."""

import numpy as np
import pytest
from scipy import special

from skrnn.data import probabilities


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 7), (5, 3), (2, 4, 6), (0, 3)])
def test_results_have_the_bits_of_scipy(name, dtype, shape):
    logits = np.random.default_rng(0).normal(scale=30, size=shape).astype(dtype)
    if logits.size:
        logits[..., 0] = -np.inf
    expected = getattr(special, name)(logits, axis=-1)
    result = getattr(probabilities, name)(logits)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected)
