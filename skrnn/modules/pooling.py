"""Poolings: one vector for each sequence from the outputs of all its steps.

A new pooling is one subclass of ``Pooling`` and one row in ``POOLINGS``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable

from skrnn.modules.initialization import xavier_
from skrnn.modules.masking import is_whole, length_mask
from skrnn.modules.products import Linear


class Pooling(nn.Module):
    """Abstract base: pools the encoder's outputs.

    Parameters
    ----------
    size : int
        Features of an output.

    Attributes
    ----------
    output_size : int
        Features of the pooled vector.
    reads_outputs : bool
        Whether ``forward`` reads the outputs; without it they may be None.
    """

    reads_outputs: ClassVar[bool] = True

    def __init__(self, size: int):
        super().__init__()
        self.output_size = size

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return the pooled vectors ``(B, output_size)``.

        Parameters
        ----------
        outputs : float tensor of shape (B, T, F)
            The encoder's outputs; in the padding any finite numbers.
        state : float tensor of shape (B, F)
            Its state after the last step (and, backward, after the first).
        lengths : int64 tensor of shape (B,)
            Real steps of each sequence.
        """
        raise NotImplementedError


class LastPooling(Pooling):
    """The state after the last step (and, backward, after the first)."""

    reads_outputs = False

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from state ``(B, F)``."""
        return state


class MeanPooling(Pooling):
    """The mean over the real steps."""

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)``."""
        return _mean(outputs, lengths, _mask(outputs, lengths))


class MaxPooling(Pooling):
    """The largest value over the real steps, feature by feature."""

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)``."""
        return _max(outputs, _mask(outputs, lengths))


class AttentionPooling(Pooling):
    """A learned weighted mean over the real steps.

    References
    ----------
    Yang, Yang, Dyer, He, Smola, Hovy (2016). Hierarchical attention networks for
    document classification. NAACL, section 2.2.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.projection = Linear(size, size)
        self.context = nn.Parameter(torch.empty(size, 1))

    def initialize(self, generator: Generator) -> None:
        """Draw the context vector; the projection is a Linear layer."""
        xavier_(self.context, generator)

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)``."""
        weights = self.weights(outputs, lengths)
        return torch.bmm(weights[:, None], outputs)[:, 0]  # (B, F)

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the weights ``(B, T)``: 0 in the padding, and 1 in the sum of a row."""
        scores = (torch.tanh(self.projection(outputs)) @ self.context)[..., 0]  # (B, T)
        mask = length_mask(lengths, outputs.shape[1])
        return scores.masked_fill(~mask, -torch.inf).softmax(-1)


class ConcatPooling(Pooling):
    """The last state, the maximum and the mean side by side.

    References
    ----------
    Howard, Ruder (2018). Universal language model fine-tuning for text classification. ACL,
    section 3.3.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.output_size = 3 * size

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, 3 F)`` from state ``(B, F)`` and outputs ``(B, T, F)``."""
        mask = _mask(outputs, lengths)
        parts = state, _max(outputs, mask), _mean(outputs, lengths, mask)
        return torch.cat(parts, dim=-1)


def _mask(outputs: Tensor, lengths: Tensor) -> Tensor | None:
    """Return ``(B, T)``: where outputs ``(B, T, F)`` are real; None if all of them are."""
    n_steps = outputs.shape[1]
    return None if is_whole(lengths, n_steps) else length_mask(lengths, n_steps)


def _mean(outputs: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return the means ``(B, F)`` over the real steps of outputs ``(B, T, F)``."""
    if mask is None:
        shares = outputs.new_full((1, outputs.shape[1]), 1 / outputs.shape[1])
    else:
        shares = (mask / lengths[:, None]).to(outputs.dtype)  # (B, T)
    return torch.bmm(shares[:, None], outputs)[:, 0]


def _max(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """Return the maxima ``(B, F)`` over the real steps of outputs ``(B, T, F)``."""
    return outputs.amax(1) if mask is None else _Max.apply(outputs, mask)


class _Max(torch.autograd.Function):
    """The maximum over real steps; those that share it share its gradient, as in ``amax``.

    torch's gradient makes boolean masks of all values, which take longer than all the rest.
    """

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, mask: Tensor) -> Tensor:
        bounds = outputs.new_full(mask.shape, torch.inf).masked_fill_(~mask, -torch.inf)
        real = torch.minimum(outputs, bounds[..., None])  # (B, T, F), -inf in the padding
        largest = real.amax(1)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(real, largest)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        real, largest = ctx.saved_tensors
        hits = torch.eq(real, largest[:, None], out=torch.empty_like(real))  # 1 or 0
        return hits.mul_((gradient / hits.sum(1))[:, None]), None


POOLINGS: dict[str, type[Pooling]] = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
    "concat": ConcatPooling,
}
