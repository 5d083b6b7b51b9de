"""Compiled products of small matrices against NumPy's in float64."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch

numba = pytest.importorskip("numba")

from numba.core import caching  # noqa: E402

from skrnn.modules import products as dense  # noqa: E402
from skrnn.modules.recurrent import compiled_products as products  # noqa: E402


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 7, 8, 13, 21])
@pytest.mark.parametrize("width", [1, 15, 16, 31, 32, 33, 80])
@pytest.mark.parametrize("n_terms", [1, 5, 257])
def test_a_product_is_added_to_its_rows_and_columns_alone(n_rows, width, n_terms):
    out, w = drawn(n_rows + 2, width + 5), drawn(n_terms, width + 3)
    a = drawn(n_rows + 1, n_terms + 4)
    expected = out.astype(float)
    expected[1 : n_rows + 1, 2 : width + 2] += (
        a[1:, 3 : n_terms + 3].astype(float) @ w[:, 1 : width + 1]
    )
    products.add_product(out, 1, 2, a, 1, 3, n_rows, w, 1, width)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-5)


def test_the_first_factor_may_have_any_strides():
    a, w, out = drawn(40, 9), drawn(40, 35), np.zeros((9, 35), np.float32)
    products.add_product(out, 0, 0, a.T, 0, 0, 9, w, 0, 35)
    np.testing.assert_allclose(out, a.T.astype(float) @ w, rtol=1e-5, atol=1e-5)


def test_a_row_has_the_same_bits_however_many_rows_there_are():
    a, w = drawn(15, 70), drawn(70, 45)
    together = np.zeros((15, 45), np.float32)
    products.add_product(together, 0, 0, a, 0, 0, 15, w, 0, 45)
    for first, last in ((0, 1), (3, 5), (4, 11), (14, 15)):
        alone = np.zeros((last - first, 45), np.float32)
        products.add_product(alone, 0, 0, a, first, 0, last - first, w, 0, 45)
        np.testing.assert_array_equal(alone, together[first:last])


def test_rounded_products_are_those_of_the_other_module(monkeypatch):
    for name, value in (("MIN_MULTIPLICATIONS", 1), ("MIN_ROUNDED", 1)):
        monkeypatch.setattr(dense, name, value)
    monkeypatch.setattr(dense, "has_bfloat16_units", lambda device_type: True)
    x, weight, bias = (torch.from_numpy(drawn(*s)) for s in ((9, 40), (33, 40), (33,)))
    y = torch.from_numpy(drawn(9, 35))
    plain = products.multiply(x, weight, bias), products.multiply_rows(x, y)
    with dense.products_in("bfloat16"):
        got = products.multiply(x, weight, bias), products.multiply_rows(x, y)
        expected = dense.multiply(x, weight, bias), dense.multiply_rows(x, y)
    for one, rounded, exact in zip(got, expected, plain, strict=True):
        assert torch.equal(one, rounded)
        assert not torch.equal(one, exact)


def test_without_terms_nothing_is_added():
    out = drawn(9, 40)
    before = out.copy()
    a, w = np.empty((9, 0), np.float32), np.empty((0, 40), np.float32)
    products.add_product(out, 0, 0, a, 0, 0, 9, w, 0, 40)
    np.testing.assert_array_equal(out, before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_reach_their_row_and_column_alone(value):
    a, w, out = drawn(9, 6), drawn(6, 35), np.zeros((9, 35), np.float32)
    a[4, 2] = value
    w[3, 33] = value
    products.add_product(out, 0, 0, a, 0, 0, 9, w, 0, 35)
    finite = np.isfinite(out)
    assert not finite[4].any()
    assert not finite[:, 33].any()
    assert finite[np.arange(9) != 4][:, np.arange(35) != 33].all()


@pytest.mark.parametrize("bias", [None, torch.from_numpy(drawn(33))])
@pytest.mark.parametrize("n_rows", [1, 21])
@pytest.mark.parametrize("columns", [slice(None), slice(2, 19), slice(0, 40, 3)])
def test_tensors_may_be_columns_of_others_or_transposed(bias, n_rows, columns):
    x = torch.from_numpy(drawn(n_rows, 40))[:, columns]
    before = None if bias is None else bias.clone()
    weight = torch.from_numpy(drawn(x.shape[1], 33)).T
    found = products.multiply(x, weight, bias)
    torch.testing.assert_close(found, torch.nn.functional.linear(x, weight, bias))
    assert bias is None or torch.equal(bias, before)
    for width in (34, 80):
        right = torch.from_numpy(drawn(n_rows, width))[:, ::2]
        found = products.multiply_rows(x, right)
        torch.testing.assert_close(found, x.T @ right)
        assert found.is_contiguous()


def test_tensors_may_begin_anywhere_in_their_memory():
    left = torch.from_numpy(drawn(2003))[3:].view(50, 40)
    right = torch.from_numpy(drawn(13)).as_strided((2, 3), (10, 1))
    for one, other in (
        (left, left),
        (left[:2], right),
        (left[:1].expand(1, 40), left[:1]),
    ):
        found = products.multiply_rows(one, other)
        torch.testing.assert_close(found, one.T @ other, rtol=1e-5, atol=1e-5)
        found = products.multiply(one, torch.ones(2, 40))
        torch.testing.assert_close(found, one @ torch.ones(40, 2), rtol=1e-5, atol=1e-5)


def double(x):
    return 2 * x


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of numba's cache."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def n_read_from_cache():
    """Compile and run a function; return how many of its versions were read."""
    function = products.compiled(double)
    assert function(np.float32(3)) == 6
    return sum(function.stats.cache_hits.values())


def test_without_a_folder_for_the_cache_a_function_compiles_all_the_same(monkeypatch):
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    assert n_read_from_cache() == 0


def fail(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["_save_data", "_save_index"])
def test_a_cache_that_is_full_or_unreadable_stops_nothing(folder, monkeypatch, name):
    with monkeypatch.context() as patch:
        patch.setattr(caching.IndexDataCacheFile, name, fail)
        assert n_read_from_cache() == 0
    assert [n_read_from_cache() for _ in range(2)] == [0, 1]
    monkeypatch.setattr(caching.IndexDataCacheFile, "_load_index", fail)
    assert n_read_from_cache() == 0


@pytest.mark.parametrize("ending", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_damaged_file_of_the_cache_is_written_anew(folder, ending, left):
    assert [n_read_from_cache() for _ in range(2)] == [0, 1]
    (damaged,) = folder.rglob(ending)
    damaged.write_bytes(damaged.read_bytes()[:left])
    assert [n_read_from_cache() for _ in range(2)] == [0, 1]


def test_code_with_functions_of_an_older_version_inside_is_compiled_anew(
    folder, monkeypatch
):
    assert [n_read_from_cache() for _ in range(2)] == [0, 1]
    monkeypatch.setattr(products, "_own_digest", lambda: b"of another version")
    assert [n_read_from_cache() for _ in range(2)] == [0, 1]


def test_a_full_cache_keeps_no_code_of_an_older_version(folder, monkeypatch):
    files = products.compiled(double)._cache._cache_file
    files._source_stamp = "an older file's"
    files.save("key", "code of an older version")
    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", fail)
    assert [n_read_from_cache() for _ in range(2)] == [0, 0]
