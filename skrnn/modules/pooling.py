"""Poolings: one vector for each sequence from the outputs of all its steps.

A new pooling is one subclass of ``Pooling`` and one row in ``POOLINGS``.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

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
    """

    def __init__(self, size: int):
        super().__init__()
        self.output_size = size

    def forward(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """Return the pooled vectors ``(B, output_size)``.

        Parameters
        ----------
        outputs : float tensor of shape (B, T, F)
            The encoder's outputs, undefined in the padding.
        state : float tensor of shape (B, F)
            Its state after the last step (and, backward, after the first).
        lengths : int64 tensor of shape (B,)
            Real steps of each sequence.
        """
        raise NotImplementedError


class LastPooling(Pooling):
    """The state after the last step (and, backward, after the first)."""

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
    if mask is None:
        return outputs.amax(1)
    return outputs.masked_fill(~mask[..., None], -torch.inf).amax(1)


POOLINGS: dict[str, type[Pooling]] = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
    "concat": ConcatPooling,
}
