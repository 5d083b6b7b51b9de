"""Poolings: from every step's output to one vector a sequence.

A new pooling is one class with ``forward(outputs, state, lengths)`` and one row in
``POOLINGS``.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.initialization import xavier_
from skrnn.modules.masking import length_mask


class LastPooling(nn.Module):
    """The state after the last step (and, backward, after the first)."""

    def __init__(self, size: int):
        super().__init__()

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)`` and state ``(B, F)``."""
        return state


class MeanPooling(nn.Module):
    """The mean over the real steps."""

    def __init__(self, size: int):
        super().__init__()

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)``."""
        mask = length_mask(lengths, outputs.shape[1])
        weights = mask / lengths[:, None]  # (B, T)
        return torch.bmm(weights[:, None].to(outputs.dtype), outputs)[:, 0]  # (B, F)


class MaxPooling(nn.Module):
    """The largest value over the real steps, feature by feature."""

    def __init__(self, size: int):
        super().__init__()

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)``."""
        mask = length_mask(lengths, outputs.shape[1])
        return outputs.masked_fill(~mask[..., None], -torch.inf).amax(1)  # (B, F)


class AttentionPooling(nn.Module):
    """A learned weighted mean over the real steps.

    References
    ----------
    Yang, Yang, Dyer, He, Smola, Hovy (2016). Hierarchical attention networks for
    document classification. NAACL, section 2.2.
    """

    def __init__(self, size: int):
        super().__init__()
        self.projection = nn.Linear(size, size)
        self.context = nn.Parameter(torch.empty(size, 1))

    def initialize(self, generator: Generator) -> None:
        """Draw the context vector; the projection is a Linear like any other."""
        xavier_(self.context, generator)

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, F)`` from outputs ``(B, T, F)``."""
        weights = self.weights(outputs, lengths)
        return torch.bmm(weights[:, None], outputs)[:, 0]  # (B, F)

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(B, T)`` attention, 0 in the padding, each row's sum 1."""
        scores = (torch.tanh(self.projection(outputs)) @ self.context)[..., 0]  # (B, T)
        mask = length_mask(lengths, outputs.shape[1])
        return scores.masked_fill(~mask, -torch.inf).softmax(-1)


POOLINGS = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
}
