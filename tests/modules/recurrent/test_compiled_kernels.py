"""Kernels as machine code: the functions that they are made of, and their cache."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

numba = pytest.importorskip("numba")

from skrnn.modules.recurrent import compiled_kernels  # noqa: E402
from skrnn.modules.recurrent.compiled_kernels import _add_product, _sigmoid, _tanh  # noqa: E402


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


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize(
    ("n_terms", "width"), [(1, 1), (3, 7), (32, 16), (37, 515), (70, 9)]
)
def test_a_product_is_added_to_the_rows_and_columns_that_were_asked_for(
    n_rows, n_terms, width, rng
):
    a = rng.normal(size=(n_rows + 3, n_terms + 2)).astype(np.float32)
    w = rng.normal(size=(n_terms, width + 4)).astype(np.float32)
    out = rng.normal(size=(n_rows + 2, width + 5)).astype(np.float32)
    expected = out.astype(np.float64)
    part = a[3:, 2:].astype(np.float64) @ w[:, 4:].astype(np.float64)
    expected[1 : n_rows + 1, 5:] += part
    _add_product(out, 1, 5, a, 3, 2, n_rows, w, 4, width)
    np.testing.assert_allclose(out, expected, atol=2e-5)


def test_without_a_folder_for_the_cache_a_function_compiles_all_the_same(monkeypatch):
    calls = []
    njit = numba.njit

    def refuse(cache=False, **options):
        calls.append(cache)
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", refuse)
    double = compiled_kernels.compiled(lambda x: 2 * x)
    assert double(np.float32(3)) == 6
    assert calls == [True, False]
