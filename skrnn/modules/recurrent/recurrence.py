"""A recurrence over packed steps, with a backward pass written by hand.

All inputs are multiplied with the input weights at once, a *kernel* runs the loop over the
steps, and the weights' gradients are one product each at the end. ``plain_kernels`` and
``compiled_kernels`` hold the same kernels; the second needs numba. The choice depends on
the amount of work alone, so that the same data and seed have the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skrnn.modules.recurrent import plain_kernels
from skrnn.modules.recurrent.packing import Steps
from skrnn.modules.recurrent.plain_kernels import Kernel, Kernels
from skrnn.modules.transfer import to_device

#: Steps times units from which numba pays: importing it takes 0.3 s.
MIN_WORK = 2**23
#: Of the current training or prediction; steps count once an epoch.
_work: ContextVar[float] = ContextVar("work", default=0.0)


@contextmanager
def expected_work(work: float) -> Iterator[None]:
    """Announce how many steps times units follow: large work runs compiled kernels."""
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)


def runs_compiled(like: Tensor) -> bool:
    """Whether ``current_kernels`` of a tensor are compiled ones."""
    return current_kernels(like) is not plain_kernels.KERNELS


def current_kernels(like: Tensor) -> Kernels:
    """Return the kernels for the announced work and the dtype and device of a tensor."""
    fits = like.dtype == torch.float32 and like.device.type == "cpu"
    if not fits or _work.get() < MIN_WORK:
        return plain_kernels.KERNELS
    return compiled_kernels() or plain_kernels.KERNELS


@cache
def compiled_kernels() -> Kernels | None:
    """Return the compiled kernels, or None without numba, or where it is not to compile."""
    try:
        from numba import config
    except ImportError:
        return None
    if getattr(config, "DISABLE_JIT", False):
        return None
    from skrnn.modules.recurrent.compiled_kernels import KERNELS

    return KERNELS


def recur(
    kernel: Kernel,
    steps: Steps,
    x: Tensor,
    state: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor | None,
    bias_ih: Tensor,
    bias_hh: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the outputs ``(N, H)``, and the state ``(B, H)`` after each last step.

    Parameters
    ----------
    kernel : Kernel
        A row of ``current_kernels``.
    steps : Steps
        In the order in which they are read.
    x : float tensor of shape (N, F)
        Packed inputs.
    state : float tensor of shape (B, H)
        Before the first step of each sequence, the longest sequence first.
    weight_ih, weight_hh, bias_ih, bias_hh : tensors
        As torch has them; those of the hidden state may be None.
    """
    parts = (x, state, weight_ih, weight_hh, bias_ih, bias_hh)
    if torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in parts):
        return _Recurrence.apply(kernel, steps, *parts)
    gates = kernel.multiply(x, weight_ih, bias_ih)
    outputs, _ = kernel.forward(gates, steps, state, weight_hh, bias_hh, False)
    return outputs, _last(outputs, steps)


def _last(outputs: Tensor, steps: Steps) -> Tensor:
    """Return the last output ``(B, H)`` of each sequence."""
    starts, sizes = steps
    n_sequences = int(sizes.max())
    if sizes[-1] == n_sequences:
        return outputs[starts[-1] : starts[-1] + n_sequences].clone()
    last = (sizes[:, None] > range(n_sequences)).sum(axis=0) - 1  # step of each sequence
    rows = to_device(starts[last], outputs.device)
    return outputs.index_select(0, rows + torch.arange(n_sequences, device=rows.device))


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        kernel: Kernel,
        steps: Steps,
        x: Tensor,
        state: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor | None,
        bias_ih: Tensor,
        bias_hh: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        gates = kernel.multiply(x, weight_ih, bias_ih)
        outputs, saved = kernel.forward(gates, steps, state, weight_hh, bias_hh, True)
        ctx.kernel, ctx.steps = kernel, steps
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, state, weight_ih, weight_hh, *saved)
        return outputs, _last(outputs, steps)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, by_outputs: Tensor | None, by_last: Tensor | None
    ) -> tuple[Any, ...]:
        x, state, weight_ih, weight_hh, *saved = ctx.saved_tensors
        by_last = torch.zeros_like(state) if by_last is None else by_last
        # kernels overwrite it, and read it by rows
        by_last = by_last.clone(memory_format=torch.contiguous_format)
        found = ctx.kernel.backward(
            by_outputs, by_last, ctx.steps, state, weight_hh, saved
        )
        moved, by_input = found.n_moved, found.by_input
        by_x = by_weight_hh = by_bias_hh = None
        if ctx.needs_input_grad[2]:
            by_x = ctx.kernel.multiply(by_input, weight_ih.roll(moved, 0).t())
        if weight_hh is not None:
            by_weight_hh = ctx.kernel.multiply_rows(found.by_hidden, found.before)
            by_bias_hh = found.by_hidden.sum(0)
        return (
            None,
            None,
            by_x,
            found.by_state,
            ctx.kernel.multiply_rows(by_input, x).roll(-moved, 0),
            by_weight_hh,
            by_input.sum(0).roll(-moved, 0),
            by_bias_hh,
        )
