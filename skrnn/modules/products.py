"""Matrix products, by oneDNN where it is faster than torch's own choice, or in bfloat16.

torch multiplies float32 matrices on a CPU by MKL, which uses half the vector width of some
processors. Its recurrent layers call oneDNN, which uses all of it; so do these functions.
On a GPU the factors may be rounded to bfloat16: not those of recurrent layers, whose kernels
are PyTorch's, nor of scores over paths, which need all digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skrnn.modules.parallel import run_side_by_side, run_with_all_threads

#: Multiplications below which oneDNN, which compiles a kernel for each new shape, does not
#: gain what that costs.
MIN_MULTIPLICATIONS = 1 << 26
#: Multiplications from which two halves gain on two cores.
MIN_SPLIT = 1 << 24
#: What ``precision`` may be.
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
#: Types of devices whose products may be in another precision.
REDUCING = {"cuda"}
_precision: ContextVar[torch.dtype] = ContextVar("precision", default=torch.float32)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Round the factors of products on a GPU to a precision, a key of ``PRECISIONS``.

    Results are float32.
    """
    token = _precision.set(PRECISIONS[precision])
    try:
        yield
    finally:
        _precision.reset(token)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``torch.nn.functional.linear``, its factors in the present precision."""
    dtype = _precision.get()
    if dtype == torch.float32 or x.device.type not in REDUCING:
        return F.linear(x, weight, bias)
    with torch.autocast(x.device.type, dtype):
        return F.linear(x, weight, bias).to(x.dtype)


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
    """
    if _is_faster(x, weight):
        return _LINEAR(x, weight, bias, "none", [], "")
    return _linear(x, weight, bias)


def multiply_large(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``multiply(x, weight, bias)``, by several threads in training.

    oneDNN's products have the same bits with any number of threads; others are computed for
    two halves of the rows.
    """
    if _is_faster(x, weight):
        return run_with_all_threads([partial(multiply, x, weight, bias)])[0]
    large = x.numel() * len(weight) >= MIN_SPLIT and x.device.type == "cpu"
    if not large or len(x) < 2 or torch.is_inference_mode_enabled():
        return multiply(x, weight, bias)
    halves = [partial(multiply, half, weight, bias) for half in x.tensor_split(2)]
    return torch.cat(run_side_by_side(halves))


class _Affine(torch.autograd.Function):
    """``multiply`` with a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return ``(N, M)``."""
        ctx.save_for_backward(x, weight)
        return multiply_large(x, weight, bias)

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
            of_weight = multiply_large(gradient.T, x.T)  # (M, K)
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
