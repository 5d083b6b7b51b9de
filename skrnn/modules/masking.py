"""Masks and indices of right-padded batches.

A *mask* is a bool tensor ``(B, T)``, True at real steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def length_mask(lengths: Tensor, n_steps: int) -> Tensor:
    """Return the mask ``(B, n_steps)`` of sequences of these lengths."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]  # (B, T)


def is_whole(lengths: Tensor, n_steps: int) -> bool:
    """Return whether a batch is one sequence, without padding, whose length is at hand.

    Nothing is masked in it, which a server that answers one text at a time notices.
    """
    return len(lengths) == 1 and lengths.device.type == "cpu" and int(lengths) == n_steps


def reversal(lengths: Tensor, n_steps: int) -> Tensor:
    """Return ``(B, n_steps)`` step indices that reverse each sequence in its length.

    Padding stays where it is, so that the reversal is its own inverse.
    """
    steps = torch.arange(n_steps, device=lengths.device)  # (T,)
    mirrored = lengths[:, None] - 1 - steps  # (B, T)
    return torch.where(mirrored >= 0, mirrored, steps)  # (B, T)


def gather_steps(x: Tensor, indices: Tensor) -> Tensor:
    """Return ``x[b, indices[b, t]]`` as ``(B, T', F)`` for x of ``(B, T, F)``."""
    flat = flat_indices(indices, x.shape[1])
    return x.flatten(0, 1).index_select(0, flat).unflatten(0, indices.shape)


def flat_indices(indices: Tensor, n_steps: int) -> Tensor:
    """Return steps ``(B, T')`` of sequences as rows ``(B * T',)`` of all steps ``(B * T,)``."""
    first = torch.arange(len(indices), device=indices.device)[:, None] * n_steps
    return (indices + first).reshape(-1)


def reverse_steps(x: Tensor, mirror: Tensor) -> Tensor:
    """Return x ``(B, T, F)`` with each sequence reversed in its length.

    ``mirror`` are the ``flat_indices`` of its ``reversal``.
    """
    return _ReverseSteps.apply(x, mirror)


class _ReverseSteps(torch.autograd.Function):
    """Steps in another order, whose gradient is reversed, too, and not a sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mirror: Tensor) -> Tensor:
        ctx.save_for_backward(mirror)
        return x.flatten(0, 1).index_select(0, mirror).view(x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (mirror,) = ctx.saved_tensors
        return _ReverseSteps.apply(gradient, mirror), None


def select_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Return the rows ``(N, F)`` of x ``(R, F)``, each of them at most once."""
    return _SelectRows.apply(x, rows)


class _SelectRows(torch.autograd.Function):
    """``index_select`` of different rows, whose gradient is a copy and not a sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = x.shape
        return x.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.shape).index_copy_(0, rows, gradient), None


def last_step(x: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence's last real step ``(B, F)`` of x ``(B, T, F)``."""
    if is_whole(lengths, x.shape[1]):
        return x[:, -1]
    return _LastStep.apply(x, lengths - 1)  # (B, F)


class _LastStep(torch.autograd.Function):
    """One step of each sequence, whose gradient is a copy and not a sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, last: Tensor) -> Tensor:
        ctx.save_for_backward(last)
        ctx.shape = x.shape
        return x[torch.arange(len(x), device=x.device), last]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (last,) = ctx.saved_tensors
        found = gradient.new_zeros(ctx.shape)
        found[torch.arange(len(last), device=last.device), last] = gradient
        return found, None


def both_ends(x: Tensor, lengths: Tensor) -> Tensor:
    """Return where two directions end, ``(B, F)`` of x ``(B, T, F)``.

    The first half of the features is that of the last real step, the second that of the first.
    """
    if is_whole(lengths, x.shape[1]):
        half = x.shape[-1] // 2
        return torch.cat([x[:, -1, :half], x[:, 0, half:]], dim=-1)
    return _BothEnds.apply(x, lengths - 1)


class _BothEnds(torch.autograd.Function):
    """Halves of two steps, whose gradient is one tensor and no sum of several."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, last: Tensor) -> Tensor:
        ctx.save_for_backward(last)
        ctx.shape = x.shape
        half = x.shape[-1] // 2
        ends = x[torch.arange(len(x), device=x.device), last]
        return torch.cat([ends[:, :half], x[:, 0, half:]], dim=-1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (last,) = ctx.saved_tensors
        half = ctx.shape[-1] // 2
        found = gradient.new_zeros(ctx.shape)
        rows = torch.arange(len(last), device=last.device)
        found[..., :half][rows, last] = gradient[:, :half]
        found[:, 0, half:] = gradient[:, half:]
        return found, None


def last_steps(x: Tensor, lengths: Tensor, window: int) -> Tensor:
    """Return the last ``window`` real steps ``(B, window, F)``, zeros before fewer."""
    steps = torch.arange(window, device=lengths.device) - window
    steps = lengths[:, None] + steps  # (B, window), negative before the first step
    last = gather_steps(x, steps.clamp(min=0))
    return last.masked_fill((steps < 0)[..., None], 0.0)  # (B, window, F)
