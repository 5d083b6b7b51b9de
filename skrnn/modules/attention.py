"""Attention: weights of the encoder's steps (the memory) at each step of a decoder.

A new attention is one subclass of ``Attention`` and one row in ``ATTENTIONS``.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.initialization import xavier_
from skrnn.modules.masking import length_mask
from skrnn.modules.products import Linear

#: Numbers that additive attention holds at once without gradients.
MAX_PAIRS = 1 << 22


class Attention(nn.Module):
    """Abstract base: scores of every memory step for every query.

    Parameters
    ----------
    query_size : int
        Features of a query, an output of the decoder's first layer.
    memory_size : int
        Features of a memory step, an encoder's output.
    """

    def __init__(self, query_size: int, memory_size: int):
        super().__init__()

    def keys(self, memory: Tensor) -> Tensor:
        """Return ``(B, T, K)`` of memory ``(B, T, memory_size)``.

        Computed once for a source and kept while its target is decoded.
        """
        raise NotImplementedError

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return ``(B, U, T)`` for queries ``(B, U, query_size)``; padding included."""
        raise NotImplementedError


class GeneralAttention(Attention):
    """Scores by a bilinear form, one matrix product for all steps.

    References
    ----------
    Luong, Pham, Manning (2015). Effective approaches to attention-based neural machine
    translation. EMNLP, section 3.1.
    """

    def __init__(self, query_size: int, memory_size: int):
        super().__init__(query_size, memory_size)
        self.projection = Linear(memory_size, query_size, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """Return ``(B, T, query_size)`` of memory ``(B, T, memory_size)``."""
        return self.projection(memory)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return ``(B, U, T)`` for queries ``(B, U, query_size)``."""
        return torch.bmm(queries, keys.transpose(1, 2))


class ScaledDotAttention(Attention):
    """Scores by the scalar product of a projected query and a projected memory step.

    Of few sentences it learned to align in fewer updates than ``GeneralAttention``
    (``python -m benchmarks.defaults --parts translations``).

    References
    ----------
    Vaswani, Shazeer, Parmar, et al. (2017). Attention is all you need. NIPS, section 3.2.1
    (with one head, and the encoder's own outputs as values).
    """

    def __init__(self, query_size: int, memory_size: int):
        super().__init__(query_size, memory_size)
        self.of_memory = Linear(memory_size, query_size, bias=False)  # softmax undoes one
        self.of_query = Linear(query_size, query_size)
        self.scale = query_size**-0.5

    def keys(self, memory: Tensor) -> Tensor:
        """Return ``(B, T, query_size)`` of memory ``(B, T, memory_size)``, scaled."""
        return self.of_memory(memory) * self.scale

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return ``(B, U, T)`` for queries ``(B, U, query_size)``."""
        return torch.bmm(self.of_query(queries), keys.transpose(1, 2))


class AdditiveAttention(Attention):
    """Scores by a layer of tanh units over each pair of steps.

    References
    ----------
    Bahdanau, Cho, Bengio (2015). Neural machine translation by jointly learning to align
    and translate. ICLR, appendix A.1.2. Here queries are the new outputs of the decoder's
    first layer, so that training needs one call of each layer.
    """

    def __init__(self, query_size: int, memory_size: int):
        super().__init__(query_size, memory_size)
        self.of_memory = Linear(memory_size, query_size)
        self.of_query = Linear(query_size, query_size, bias=False)
        self.weights = nn.Parameter(torch.empty(query_size, 1))

    def initialize(self, generator: Generator) -> None:
        """Draw the weights of the tanh units; the projections are Linear layers."""
        xavier_(self.weights, generator)

    def keys(self, memory: Tensor) -> Tensor:
        """Return ``(B, T, query_size)`` of memory ``(B, T, memory_size)``."""
        return self.of_memory(memory)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return ``(B, U, T)`` for queries ``(B, U, query_size)``."""
        x = self.of_query(queries)  # (B, U, Q)
        if torch.is_grad_enabled():  # the backward pass keeps all pairs anyway
            return self._of_pairs(x, keys)
        n_steps = max(1, MAX_PAIRS // max(1, keys.numel()))
        return torch.cat([self._of_pairs(part, keys) for part in x.split(n_steps, 1)], 1)

    def _of_pairs(self, x: Tensor, keys: Tensor) -> Tensor:
        pairs = x[:, :, None] + keys[:, None]  # (B, U, T, Q)
        return (torch.tanh(pairs) @ self.weights)[..., 0]


ATTENTIONS: dict[str, type[Attention]] = {
    "general": GeneralAttention,
    "scaled_dot": ScaledDotAttention,
    "additive": AdditiveAttention,
}


def attend(scores: Tensor, lengths: Tensor) -> Tensor:
    """Return the weights ``(B, U, T)``: 0 in the padding, and 1 in the sum of a row."""
    mask = length_mask(lengths, scores.shape[2])  # (B, T)
    return scores.masked_fill(~mask[:, None], -torch.inf).softmax(2)
