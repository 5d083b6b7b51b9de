"""Beam search, batched over sources and hypotheses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from skrnn.generation.hypotheses import Hypotheses


class State(Protocol):
    """What a step function keeps between steps."""

    def take(self, sources: Tensor, hypotheses: Tensor) -> Any:
        """Return some sources ``(S',)`` with hypotheses ``(S', K')``, by row of all."""


Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def beam_search(
    step: Step,
    state: State,
    max_lengths: Tensor,
    end: int,
    *,
    beam_size: int,
    length_penalty: float = 0.0,
) -> Hypotheses:
    """Write the ``beam_size`` best sequences that a beam of that width finds.

    A source is done when no unfinished hypothesis can become better than the worst of
    its ``beam_size`` finished ones; it then leaves the batch.

    Parameters
    ----------
    step : callable
        ``step(tokens (S, K), state)`` → log-probabilities ``(S, K, n_tokens)``, state.
    state : State
        Where the ``S`` sources start, one hypothesis each.
    max_lengths : int64 tensor of shape (S,)
        Tokens after which a hypothesis is ended.
    end : int
        The token that ends a sequence.
    beam_size : int
        Hypotheses kept for each source.
    length_penalty : float, at least 0
        Exponent ``a`` of the length by which log-probabilities are divided before they
        are compared, ``((5 + n) / 6) ** a``; more favours longer sequences.

    Returns
    -------
    hypotheses : Hypotheses
        ``beam_size`` for each source, the best first.

    References
    ----------
    Wu et al. (2016). Google's neural machine translation system. arXiv 1609.08144,
    section 7.
    """
    device = max_lengths.device
    n_sources, width = len(max_lengths), beam_size
    found = _Found(n_sources, width, int(max_lengths.max()), device)

    sources = torch.arange(n_sources, device=device)  # those still being written
    totals = torch.zeros((n_sources, 1), dtype=torch.float64, device=device)  # (S, K)
    written = torch.zeros((n_sources, 1, 0), dtype=torch.int64, device=device)
    last = torch.zeros((n_sources, 1), dtype=torch.int64, device=device)
    for t in range(int(max_lengths.max()) + 1):
        scores, state = step(last, state)  # (S, K, V)
        n_hypotheses, n_tokens = scores.shape[1:]
        scores = scores.double() + totals[..., None]
        must_end = max_lengths[sources] <= t
        if bool(must_end.any()):
            only_end = torch.full_like(scores[0, 0], -torch.inf)
            only_end[end] = 0.0
            scores[must_end] += only_end
        n_candidates = min(2 * width, n_hypotheses * n_tokens)
        totals, flat = scores.flatten(1).topk(n_candidates)  # (S, N)
        parents, tokens = flat // n_tokens, flat % n_tokens
        ended = tokens == end

        # an ended candidate counts if it is among the best ``width``, as a live one does
        ends_now = ended & (torch.arange(n_candidates, device=device) < width)
        norm = ((5.0 + t + 1) / 6.0) ** length_penalty
        found.add(
            sources, totals.masked_fill(~ends_now, -torch.inf), norm, written, parents
        )

        live = totals.masked_fill(ended, -torch.inf)
        totals, order = live.topk(min(width, n_candidates))  # (S, K)
        parents, tokens = parents.gather(1, order), tokens.gather(1, order)
        # log-probabilities only fall, and the longest allowed divides them by the most
        longest = ((6.0 + max_lengths[sources].double()) / 6.0) ** length_penalty
        hope = totals[:, 0] / longest
        going = ((hope > found.worst(sources)) & ~must_end).nonzero()[:, 0]
        if not len(going):
            break

        rows = going[:, None] * n_hypotheses + parents[going]  # (S', K)
        state = state.take(going, rows)
        sources, totals, last = sources[going], totals[going], tokens[going]
        written = written[going[:, None], parents[going]]  # (S', K, t)
        written = torch.cat([written, last[..., None]], dim=2)
    return found.hypotheses()


class _Found:
    """The best finished hypotheses of each source so far."""

    def __init__(self, n_sources: int, width: int, longest: int, device: torch.device):
        shape = (n_sources, width)
        self.tokens = torch.zeros((*shape, longest), dtype=torch.int64, device=device)
        self.lengths = torch.zeros(shape, dtype=torch.int64, device=device)
        self.totals = torch.full(shape, -torch.inf, dtype=torch.float64, device=device)
        self.scores = torch.full(shape, -torch.inf, dtype=torch.float64, device=device)

    def worst(self, sources: Tensor) -> Tensor:
        """Return the score that a new hypothesis must beat."""
        return self.scores[sources, -1]

    def add(
        self,
        sources: Tensor,
        totals: Tensor,
        norm: float,
        written: Tensor,
        parents: Tensor,
    ) -> None:
        """Let candidates ``(S, N)`` in that end now, -inf for those that do not."""
        some = (totals > -torch.inf).any(1).nonzero()[:, 0]
        if not len(some):
            return
        rows, totals, parents = sources[some], totals[some], parents[some]
        width, length = self.scores.shape[1], written.shape[2]
        scores = torch.cat([self.scores[rows], totals / norm], dim=1)
        self.scores[rows], order = scores.topk(width)
        self.totals[rows] = torch.cat([self.totals[rows], totals], dim=1).gather(1, order)
        lengths = torch.full_like(parents, length)
        self.lengths[rows] = torch.cat([self.lengths[rows], lengths], 1).gather(1, order)
        new = self.tokens.new_zeros((*parents.shape, self.tokens.shape[2]))
        new[..., :length] = written[some[:, None], parents]
        tokens = torch.cat([self.tokens[rows], new], dim=1)  # (S, W + N, longest)
        index = order[..., None].expand(-1, -1, tokens.shape[2])
        self.tokens[rows] = tokens.gather(1, index)

    def hypotheses(self) -> Hypotheses:
        """Return all, the best first."""
        return Hypotheses(
            self.tokens.cpu().numpy(),
            self.lengths.cpu().numpy(),
            self.totals.cpu().numpy(),
        )
