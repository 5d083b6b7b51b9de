"""Matrix products, by oneDNN where it is faster than torch's own choice, or in bfloat16.

torch multiplies float32 matrices on a CPU by MKL, which uses half the vector width of other
makers' processors. Its recurrent layers call oneDNN, which uses all of it; so do these
functions, but not for few rows or sums over rows on a processor of Intel's.
Where a device has units for it, training may compute them in bfloat16: not scores over
paths, which need all digits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skrnn.modules.parallel import run_parts, run_side_by_side

#: Multiplications below which oneDNN, which compiles a kernel for each new shape, does not
#: gain what that costs.
MIN_MULTIPLICATIONS = 1 << 24
#: The number of rows is rounded to a multiple of this one, or of a share of the power of two
#: below it, so that batches of many sizes have a compiled kernel in common.
ROW_MULTIPLE, ROW_SHARE = 32, 8
#: Terms of a sum from which oneDNN may divide it between threads.
MAX_TERMS = 1 << 13
#: Multiplications from which two halves gain on two cores.
MIN_SPLIT = 1 << 25
#: Rows below which halves of the weight are better: oneDNN rearranges all that it is given.
FEW_ROWS = 8 * ROW_MULTIPLE
#: Columns of both factors of a sum over rows from which oneDNN may gain: in thin sums it
#: takes up to 16 times as long as MKL.
MIN_WIDTH = 32
#: Rows, columns and terms of a product from which bfloat16 pays for the conversion on a CPU.
MIN_ROUNDED = 64
#: Variables of the environment that keep oneDNN from instructions of the processor.
ISA_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
#: What ``precision`` may be.
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_precision: ContextVar[torch.dtype] = ContextVar("precision", default=torch.float32)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Compute large products in a precision, a key of ``PRECISIONS``.

    In bfloat16 factors and results are rounded, sums are not, but for those of parts of a
    product; biases are added, and results returned, in float32. A CPU without units for it
    rounds nothing.
    """
    token = _precision.set(PRECISIONS[precision])
    try:
        yield
    finally:
        _precision.reset(token)


def has_bfloat16_units(device_type: str) -> bool:
    """Return whether such a device multiplies faster in bfloat16.

    Of processors these are such with matrix units (AMX). One whose vector units alone know
    bfloat16 is slower with it in recurrent layers.
    """
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type != "cpu" or not bool(torch.backends.mkldnn.enabled):
        return False
    return _has_matrix_units()


@cache
def _has_matrix_units() -> bool:
    """Return whether oneDNN finds a processor's matrix units."""
    limits = [os.environ.get(name, "").upper() for name in ISA_VARIABLES]
    allowed = all("AMX" in limit or limit in ("", "DEFAULT") for limit in limits)
    if not allowed or not torch.backends.mkldnn.is_available():
        return False
    cpu: Any = torch.cpu
    if hasattr(cpu, "get_capabilities"):
        return bool(cpu.get_capabilities().get("amx_bf16"))
    return bool(getattr(cpu, "_is_amx_tile_supported", bool)())  # of older releases


def may_round(x: Tensor) -> bool:
    """Return whether products of x are in bfloat16 in the present precision, if large."""
    if _precision.get() == torch.float32 or x.dtype != torch.float32:
        return False
    return x.device.type != "cpu" or has_bfloat16_units("cpu")


def rounds(x: Tensor, weight: Tensor) -> bool:
    """Return whether ``x @ weight.T`` is computed in bfloat16.

    On a CPU a small or thin product would lose more by the conversion than it gains.
    """
    if not may_round(x):
        return False
    n_terms, n_columns = weight.shape[1], len(weight)
    n_rows = x.numel() // max(1, n_terms)
    return x.device.type != "cpu" or (
        min(n_rows, n_terms, n_columns) >= MIN_ROUNDED
        and x.numel() * n_columns >= MIN_MULTIPLICATIONS
    )


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``torch.nn.functional.linear`` in the present precision."""
    if not rounds(x, weight):
        return F.linear(x, weight, bias)
    products = F.linear(x.bfloat16(), weight.bfloat16()).float()
    return products if bias is None else products + bias


def _find_linear() -> Any:
    """Return oneDNN's affine map, None in builds of torch without it."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_LINEAR = _find_linear()


def _is_faster(x: Tensor, weight: Tensor) -> bool:
    """Return whether oneDNN multiplies these matrices, and faster."""
    return (
        _LINEAR is not None
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.numel() * len(weight) >= MIN_MULTIPLICATIONS
    )


def _row_multiple(n_rows: int) -> int:
    """Return the divisor of rounded numbers of rows near this one, at least 1."""
    return max(ROW_MULTIPLE, (1 << n_rows.bit_length() - 1) // ROW_SHARE)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, without a gradient.

    Parameters
    ----------
    x : tensor of shape (N, K)
    weight : tensor of shape (M, K)
        Either may be a transposed view.
    bias : tensor of shape (M,), optional

    Returns
    -------
    products : tensor of shape (N, M)
        It may be the first rows of a larger tensor.
    """
    if rounds(x, weight) or not _is_faster(x, weight) or _is_mkl_better(x):
        return _linear(x, weight, bias)
    bias = None if bias is None else bias.contiguous()  # oneDNN reads it as if it were
    n_rows, n_terms = x.shape
    rest = n_rows % _row_multiple(n_rows)
    if not rest:
        return _LINEAR(x, weight, bias, "none", [], "")
    if n_terms <= len(weight) or rest == n_rows:
        padded = x.new_zeros((n_rows - rest + _row_multiple(n_rows), n_terms))
        padded[:n_rows] = x
        return _LINEAR(padded, weight, bias, "none", [], "")[:n_rows]
    products = x.new_empty((n_rows, len(weight)))
    products[:-rest] = _LINEAR(x[:-rest], weight, bias, "none", [], "")
    products[-rest:] = F.linear(x[-rest:], weight, bias)
    return products


def multiply_rows(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left.T @ right``, a sum over rows, without a gradient.

    Parameters
    ----------
    left : tensor of shape (N, M)
    right : tensor of shape (N, K)

    Returns
    -------
    products : tensor of shape (M, K)
    """
    if rounds(left.T, right.T):
        return (left.bfloat16().T @ right.bfloat16()).float()
    n_rows = len(left) - len(left) % _row_multiple(len(left))
    dense = left.is_contiguous() and right.is_contiguous()
    by_mkl = min(left.shape[1], right.shape[1]) < MIN_WIDTH or _has_mkl_full_width()
    if by_mkl or not dense or not n_rows or not _is_faster(left.T, right.T):
        is_short = len(left) <= FEW_ROWS and right.shape[1] >= MIN_WIDTH
        if is_short or left.shape[1] < right.shape[1]:
            return left.T @ right
        return (right.T @ left).T.contiguous()  # six times as fast where K is small
    products = _LINEAR(left[:n_rows].T, right[:n_rows].T, None, "none", [], "")
    if n_rows < len(left):
        products.addmm_(left[n_rows:].T, right[n_rows:])
    return products


def add_rows(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``multiply_rows(left, right)`` to a total of the same shape, in place."""
    if _has_mkl_full_width() and not rounds(left.T, right.T):
        total.addmm_(left.T, right)
    else:
        total += multiply_rows(left, right)


def multiply_large(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``multiply(x, weight, bias)``, by several threads in training.

    Two halves are computed, whatever the number of threads: of the rows, or of few rows with
    halves of the weight, of which each thread then reads but one.
    """
    if not _is_split(x, weight):
        return multiply(x, weight, bias)
    if len(x) < FEW_ROWS:
        return _multiply_few(x, weight, bias)
    halves = x.tensor_split(2)
    rounded = rounds(halves[1], weight)  # whose sums oneDNN divides sooner
    same_bits = not rounded and _is_faster(halves[1], weight) and x.shape[1] < MAX_TERMS
    run = run_parts if same_bits else run_side_by_side
    return torch.cat(run([partial(multiply, half, weight, bias) for half in halves]))


def _multiply_few(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``multiply(x, weight, bias)`` from halves of the outputs, or of the terms."""
    if weight.is_contiguous():
        biases = (None, None) if bias is None else bias.tensor_split(2)
        outputs = zip(weight.tensor_split(2), biases, strict=True)
        return torch.cat(run_side_by_side([partial(multiply, x, *h) for h in outputs]), 1)
    terms = zip(x.tensor_split(2, 1), weight.tensor_split(2, 1), strict=True)
    one, other = run_side_by_side([partial(multiply, *half) for half in terms])
    total = one + other
    return total if bias is None else total.add_(bias)


def _is_mkl_better(x: Tensor) -> bool:
    """Return whether MKL multiplies few rows sooner than oneDNN: it rearranges less."""
    return len(x) < FEW_ROWS // 2 and _has_mkl_full_width()


@cache
def _has_mkl_full_width() -> bool:
    """Return whether MKL uses all of the processor's vectors."""
    capabilities: Any = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # older releases lack it
    name = str(capabilities.get("cpu_name"))
    return torch.backends.mkl.is_available() and "Intel" in name


def multiply_large_rows(left: Tensor, right: Tensor) -> Tensor:
    """Return ``multiply_rows(left, right)``, by several threads in training.

    The sums over two halves of the rows are added, whatever the number of threads; few rows
    are not cut, but the columns of ``left``.
    """
    if not _is_split(left, right.T):
        return multiply_rows(left, right)
    if len(left) < FEW_ROWS:
        products = left.new_empty((left.shape[1], right.shape[1]))
        by_mkl = _has_mkl_full_width() and not rounds(left.T, right.T)

        def compute(part: Tensor, columns: Tensor) -> None:
            if by_mkl:
                torch.mm(columns.T, right, out=part)
            else:
                part.copy_(multiply_rows(columns.contiguous(), right))

        parts = zip(products.tensor_split(2), left.tensor_split(2, 1), strict=True)
        run_side_by_side([partial(compute, *part) for part in parts])
        return products
    halves = zip(left.tensor_split(2), right.tensor_split(2), strict=True)
    one, other = run_side_by_side([partial(multiply_rows, *half) for half in halves])
    return one.add_(other)


def _is_split(x: Tensor, weight: Tensor) -> bool:
    large = x.numel() * len(weight) >= MIN_SPLIT and x.device.type == "cpu"
    return large and len(x) > 1 and not torch.is_inference_mode_enabled()


class _Affine(torch.autograd.Function):
    """``multiply`` with a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return ``(N, M)``."""
        ctx.save_for_backward(x, weight)
        products = multiply_large(x, weight, bias)
        # a view of what a function made could not be changed in place
        return products.clone() if products._is_view() else products

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        (gradient,) = gradients  # (N, M)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = multiply_large(gradient, weight.T)  # (N, K)
        if ctx.needs_input_grad[1]:
            of_weight = multiply_large_rows(gradient, x)  # (M, K)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum(0)  # (M,)
        return of_x, of_weight, of_bias


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, as ``torch.nn.functional.linear``.

    Parameters
    ----------
    x : tensor of shape (..., K)
    weight : tensor of shape (M, K)
    bias : tensor of shape (M,), optional

    Returns
    -------
    products : tensor of shape (..., M)
        They have a gradient, which has none itself.
    """
    if not _is_faster(x, weight):
        return _linear(x, weight, bias)
    products = _Affine.apply(x.reshape(-1, x.shape[-1]), weight, bias)  # (N, M)
    return products.view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """``torch.nn.Linear`` by ``affine``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(..., M)`` of x ``(..., K)``."""
        return affine(x, self.weight, self.bias)
