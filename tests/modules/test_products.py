"""Products against torch's own, in every layout that the callers use."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from skrnn.modules import products
from skrnn.modules.parallel import Piece, one_thread_each, with_all_threads
from skrnn.modules.products import (
    FEW_ROWS,
    add_rows,
    affine,
    multiply,
    multiply_large,
    multiply_large_rows,
    multiply_rows,
    products_in,
)


def transposed(x):
    """Return x as a transposed view."""
    return x.T.contiguous().T


@pytest.fixture(params=["small", "large", "no library"])
def sizes(request, monkeypatch):
    if request.param == "no library":
        monkeypatch.setattr(products, "_LINEAR", None)
    monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1 << 10)
    return (3, 5, 4) if request.param == "small" else (70, 90, 110)


@pytest.mark.parametrize("change_x", [torch.clone, transposed])
@pytest.mark.parametrize("change_weight", [torch.clone, transposed])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("by_mkl", [True, False])
def test_products_equal_those_of_torch(
    sizes, change_x, change_weight, with_bias, by_mkl, generator, monkeypatch
):
    monkeypatch.setattr(products, "_has_mkl_full_width", lambda: by_mkl)
    n, k, m = sizes
    x, weight = torch.randn(n, k, generator=generator), torch.randn(m, k)
    bias = torch.randn(m, generator=generator) if with_bias else None
    got = multiply(change_x(x), change_weight(weight), bias)
    torch.testing.assert_close(got, F.linear(x, weight, bias), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("with_bias", [True, False])
def test_gradients_equal_those_of_torch(sizes, with_bias, generator):
    n, k, m = sizes
    shapes = [(2, n, k), (m, k)] + [(m,)] * with_bias
    given = [torch.randn(s, generator=generator, requires_grad=True) for s in shapes]
    factor = torch.randn(2, n, m, generator=generator)
    got, expected = (
        torch.autograd.grad((function(*given) * factor).sum(), given)
        for function in (affine, F.linear)
    )
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_rows", [2, 32, FEW_ROWS - 1, FEW_ROWS, FEW_ROWS + 1])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("by_mkl", [True, False])
def test_products_in_halves_equal_those_of_torch(
    n_rows, with_bias, by_mkl, monkeypatch, generator
):
    monkeypatch.setattr(products, "MIN_SPLIT", 1)
    monkeypatch.setattr(products, "_has_mkl_full_width", lambda: by_mkl)
    x, weight = torch.randn(n_rows, 7, generator=generator), torch.randn(91, 7)
    bias = torch.randn(91, generator=generator) if with_bias else None
    for change in (torch.clone, transposed):
        got = multiply_large(x, change(weight), bias)
        torch.testing.assert_close(got, F.linear(x, weight, bias), rtol=1e-5, atol=1e-5)
    sums = multiply_large_rows(got, x)
    torch.testing.assert_close(sums, got.T @ x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_rows", [1, 20, 31, 32, 33, 300, 1000])
@pytest.mark.parametrize(("n_terms", "width"), [(7, 90), (90, 7), (40, 60)])
@pytest.mark.parametrize("by_mkl", [True, False])
def test_any_number_of_rows_has_its_products(n_rows, n_terms, width, by_mkl, monkeypatch):
    monkeypatch.setattr(products, "_has_mkl_full_width", lambda: by_mkl)
    monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1)
    monkeypatch.setattr(products, "MIN_SPLIT", 1)
    x, weight = torch.randn(n_rows, n_terms), torch.randn(width, n_terms)
    for function in (multiply, multiply_large):
        torch.testing.assert_close(
            function(x, weight, weight[:, 0]),
            F.linear(x, weight, weight[:, 0]),
            rtol=1e-5,
            atol=1e-4,
        )
    right = torch.randn(n_rows, width)
    for function in (multiply_rows, multiply_large_rows):
        found = function(x, right)
        torch.testing.assert_close(found, x.T @ right, rtol=1e-5, atol=1e-4)
        assert found.is_contiguous()


def test_products_of_a_layer_may_be_changed_in_place(monkeypatch):
    monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1)
    for n_rows in (32, 33):
        x = torch.randn(n_rows, 5, requires_grad=True)
        affine(x, torch.randn(6, 5)).add_(1).sum().backward()
        assert x.grad.any()


def test_frozen_arguments_get_no_gradient(generator):
    x = torch.randn(2, 3, generator=generator, requires_grad=True)
    weight = torch.randn(4, 3, generator=generator)
    affine(x, weight).sum().backward()
    torch.testing.assert_close(x.grad, weight.sum(0).expand(2, 3))
    assert weight.grad is None


def test_double_precision_stays_double(generator):
    x = torch.randn(80, 90, generator=generator, dtype=torch.float64)
    weight = torch.randn(100, 90, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(affine(x, weight), x @ weight.T, rtol=1e-12, atol=1e-12)


def test_an_infinite_bias_stays_infinite(generator, monkeypatch):
    monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1)
    x, weight = torch.randn(80, 90, generator=generator), torch.randn(100, 90)
    bias = torch.zeros(100)
    bias[0] = -torch.inf
    got = affine(x, weight, bias)
    assert (got[:, 0] == -torch.inf).all()
    assert got[:, 1:].isfinite().all()


@pytest.fixture
def rounding(monkeypatch):
    """Take the CPU for one with units for bfloat16, also for small products."""
    monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1)
    monkeypatch.setattr(products, "MIN_ROUNDED", 1)
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: True)


def test_factors_are_rounded_and_results_are_not(rounding, generator):
    x, weight = torch.randn(3, 40, generator=generator), torch.randn(5, 40)
    with products_in("bfloat16"):
        got = multiply(x, weight)
    rounded = x.bfloat16().double() @ weight.bfloat16().double().T
    assert got.dtype == torch.float32
    assert not torch.equal(got, x @ weight.T)
    torch.testing.assert_close(got.double(), rounded, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(multiply(x, weight), F.linear(x, weight))  # of any library


def test_gradients_of_rounded_factors_are_float32(rounding, generator):
    x = torch.randn(3, 40, generator=generator, requires_grad=True)
    weight = torch.randn(5, 40, generator=generator, requires_grad=True)
    with products_in("bfloat16"):
        affine(x, weight).sum().backward()
    assert x.grad.dtype == weight.grad.dtype == torch.float32
    torch.testing.assert_close(x.grad, weight.sum(0).expand(3, 40), rtol=0, atol=0.1)
    torch.testing.assert_close(weight.grad, x.sum(0).expand(5, 40), rtol=0, atol=0.1)


@pytest.mark.parametrize("n_rows", [1, 64, FEW_ROWS + 44])
@pytest.mark.parametrize("by_mkl", [True, False])
def test_sums_over_rows_are_added_in_place(n_rows, by_mkl, generator, monkeypatch):
    monkeypatch.setattr(products, "_has_mkl_full_width", lambda: by_mkl)
    left, right = (torch.randn(n_rows, n, generator=generator) for n in (50, 40))
    total = torch.randn(50, 40, generator=generator)
    expected = total + left.T @ right
    add_rows(total, left, right)
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-4)


def test_sums_that_are_added_have_rounded_factors(rounding, generator, monkeypatch):
    monkeypatch.setattr(products, "_has_mkl_full_width", lambda: True)
    left, right = (torch.randn(50, n, generator=generator) for n in (3, 4))
    total = torch.zeros(3, 4)
    with products_in("bfloat16"):
        add_rows(total, left, right)
        assert torch.equal(total, multiply_rows(left, right))


def test_sums_over_rows_have_rounded_factors(rounding, generator):
    left, right = (torch.randn(50, n, generator=generator) for n in (3, 4))
    with products_in("bfloat16"):
        got = multiply_rows(left, right)
    expected = left.bfloat16().double().T @ right.bfloat16().double()
    assert got.dtype == torch.float32
    assert not torch.equal(got, multiply_rows(left, right))
    torch.testing.assert_close(got.double(), expected, rtol=1e-2, atol=1e-2)


def test_biases_are_added_in_float32(rounding, generator):
    x, weight = torch.ones(3, 4), torch.zeros(5, 4)
    bias = 1 + torch.rand(5, generator=generator) / 1000
    with products_in("bfloat16"):
        assert torch.equal(affine(x, weight, bias), bias.expand(3, 5))


@pytest.mark.parametrize(
    ("n_rows", "n_terms", "width"), [(40, 300, 4000), (600, 300, 4000), (512, 2000, 128)]
)
@pytest.mark.parametrize("after_openmp", [False, True])
def test_rounded_products_have_the_same_bits_with_any_number_of_threads(
    n_rows, n_terms, width, after_openmp, generator, monkeypatch
):
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: True)
    monkeypatch.setattr(products, "MIN_SPLIT", 1)
    x = torch.randn(n_rows, n_terms, generator=generator, requires_grad=True)
    weight = torch.randn(width, n_terms, generator=generator, requires_grad=True)

    def run():
        with products_in("bfloat16"), one_thread_each():
            if after_openmp:
                with_all_threads(Piece(torch.sin, (x,)))
            outputs = affine(x, weight)
            found = torch.autograd.grad(outputs.square().sum(), (x, weight))
        return outputs, *found

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = run()
        torch.set_num_threads(2)
        got = run()
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(got, expected, strict=True):
        assert torch.equal(one, other)


def test_a_cpu_without_units_keeps_float32(rounding, generator, monkeypatch):
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: False)
    x, weight = torch.randn(3, 40, generator=generator), torch.randn(5, 40)
    expected = multiply(x, weight)
    with products_in("bfloat16"):
        assert torch.equal(multiply(x, weight), expected)


def test_small_thin_and_double_products_are_not_rounded(rounding, generator, monkeypatch):
    x, weight = torch.randn(3, 40, generator=generator), torch.randn(5, 40)
    with products_in("bfloat16"):
        assert products.rounds(x, weight)
        assert not products.rounds(x.double(), weight.double())
        monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 3 * 40 * 5 + 1)
        assert not products.rounds(x, weight)
        monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1)
        monkeypatch.setattr(products, "MIN_ROUNDED", 9)
        for thin in (torch.empty(8, 40), torch.empty(40, 8)):
            for other in (torch.empty(40, thin.shape[1]), torch.empty(8, thin.shape[1])):
                assert not products.rounds(thin, other)
    assert not products.rounds(x, weight)


def test_units_for_bfloat16_are_those_that_torch_and_onednn_use(monkeypatch):
    ask = products._has_matrix_units.__wrapped__
    available = torch.backends.mkldnn.is_available()
    for name in products.ISA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for capabilities in ({"amx_bf16": True}, {"avx512_bf16": True}, {}):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda found=capabilities: found, raising=False
        )
        assert ask() == (available and "amx_bf16" in capabilities)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    for limit, allowed in {
        "AVX512_CORE": False,
        "avx10_1_512_amx": True,
        "DEFAULT": True,
        "": True,
    }.items():
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
        assert ask() == (available and allowed)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    for older in (True, False):
        monkeypatch.setattr(
            torch.cpu, "_is_amx_tile_supported", lambda found=older: found, raising=False
        )
        assert ask() == (available and older)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert not ask()
    assert not products.has_bfloat16_units("mps")


def test_switching_onednn_off_switches_its_units_off(monkeypatch):
    monkeypatch.setattr(products, "_has_matrix_units", lambda: True)
    before = torch.backends.mkldnn.enabled
    try:
        for enabled in (True, False):
            torch._C._set_mkldnn_enabled(enabled)
            assert products.has_bfloat16_units("cpu") == enabled
    finally:
        torch._C._set_mkldnn_enabled(before)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"cpu_name": "Intel Xeon"}, True),
        ({"cpu_name": "Zen 4"}, False),
        ({"cpu_name": None}, False),
        ({}, False),
    ],
)
def test_mkl_has_full_width_on_processors_of_intels(capabilities, expected, monkeypatch):
    ask = products._has_mkl_full_width.__wrapped__
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: capabilities, raising=False
    )
    assert ask() == (expected and torch.backends.mkl.is_available())
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not ask()
