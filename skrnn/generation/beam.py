"""Beam search, batched over sources and hypotheses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from skrnn.generation.hypotheses import Hypotheses
from skrnn.generation.repetition import mask_repeated


class State(Protocol):
    """The state that a step function takes and returns."""

    def take(self, sources: Tensor, hypotheses: Tensor) -> Any:
        """Return some sources, and some hypotheses of each.

        Parameters
        ----------
        sources : int64 tensor of shape (S',)
            Increasing indices.
        hypotheses : int64 tensor of shape (S', K')
            For each source in ``sources``, rows of all ``S * K`` hypotheses.
        """


Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def beam_search(
    step: Step,
    state: State,
    max_lengths: Tensor,
    end: int,
    *,
    beam_size: int,
    n_best: int | None = None,
    length_penalty: float = 0.0,
    no_repeat_ngram_size: int = 0,
    may_be_empty: bool = True,
) -> Hypotheses:
    """Generate the ``n_best`` best sequences that a beam finds.

    A source leaves the batch when no unfinished hypothesis can become better than the
    worst of its ``n_best`` finished ones.

    Parameters
    ----------
    step : callable
        ``step(tokens (S, K), state)`` → log-probabilities ``(S, K, n_tokens)``, state.
    state : State
        Before the first token of the ``S`` sources, with one hypothesis each.
    max_lengths : int64 tensor of shape (S,)
        Tokens after which a hypothesis must end.
    end : int
        The token that ends a sequence.
    beam_size : int
        Unfinished hypotheses kept for each source; more search further and cost more.
    n_best : int, default=None
        Finished hypotheses kept, ``beam_size`` if None; a smaller number ends sooner.
    length_penalty : float, at least 0
        Exponent ``a`` of the divisor ``((5 + n) / 6) ** a`` of log-probabilities in
        comparisons, ``n`` being the length; a larger one favours longer sequences.
    no_repeat_ngram_size : int, at least 0
        Length of the runs of tokens that a sequence has once at most; 0 allows all.
    may_be_empty : bool
        Whether a sequence may end before its first token. It always may where the
        maximal length is 0.

    Returns
    -------
    hypotheses : Hypotheses
        ``n_best`` for each source, the best first.

    References
    ----------
    Wu et al. (2016). Google's neural machine translation system. arXiv 1609.08144,
    section 7.
    """
    device = max_lengths.device
    n_sources, width = len(max_lengths), beam_size
    finished = _Finished(n_sources, width if n_best is None else n_best, device)

    sources = torch.arange(n_sources, device=device)  # unfinished
    totals = torch.zeros((n_sources, 1), dtype=torch.float64, device=device)  # (S, K)
    prefixes = torch.zeros((n_sources, 1, 0), dtype=torch.int64, device=device)
    last = torch.zeros((n_sources, 1), dtype=torch.int64, device=device)
    for t in range(int(max_lengths.max()) + 1):
        scores, state = step(last, state)  # (S, K, V)
        n_hypotheses = scores.shape[1]
        must_end = max_lengths[sources] <= t
        scores = mask_forbidden(scores, end, must_end, may_end=t > 0 or may_be_empty)
        scores = mask_repeated(scores, prefixes, no_repeat_ngram_size)
        totals, parents, tokens = _candidates(scores, totals, 2 * width)  # (S, N)
        n_candidates = totals.shape[1]
        ended = tokens == end

        # an ended candidate counts if it is among the best ``width``, like an unfinished one
        ends_now = ended & (torch.arange(n_candidates, device=device) < width)
        norm = ((5.0 + t + 1) / 6.0) ** length_penalty
        finished.add(
            sources, totals.masked_fill(~ends_now, -torch.inf), norm, prefixes, parents
        )

        live = totals.masked_fill(ended, -torch.inf)
        totals, order = live.topk(min(width, n_candidates))  # (S, K)
        parents, tokens = parents.gather(1, order), tokens.gather(1, order)
        # log-probabilities only fall, and the maximal length has the largest divisor
        max_norm = ((6.0 + max_lengths[sources].double()) / 6.0) ** length_penalty
        bound = totals[:, 0] / max_norm
        ongoing = ((bound > finished.worst(sources)) & ~must_end).nonzero()[:, 0]
        if not len(ongoing):
            break

        rows = ongoing[:, None] * n_hypotheses + parents[ongoing]  # (S', K)
        state = state.take(ongoing, rows)
        sources, totals, last = sources[ongoing], totals[ongoing], tokens[ongoing]
        prefixes = prefixes[ongoing[:, None], parents[ongoing]]  # (S', K, t)
        prefixes = torch.cat([prefixes, last[..., None]], dim=2)
    return finished.hypotheses()


def mask_forbidden(
    scores: Tensor, end: int, must_end: Tensor, *, may_end: bool
) -> Tensor:
    """Return scores ``(S, K, n_tokens)``, -inf for tokens that must not come next.

    Where ``must_end`` ``(S,)`` is True, only the end may come next; elsewhere the end may
    only if ``may_end``.
    """
    is_end = torch.arange(scores.shape[2], device=scores.device) == end  # (V,)
    if bool(must_end.any()):
        scores = scores.masked_fill(must_end[:, None, None] & ~is_end, -torch.inf)
    if not may_end:
        scores = scores.masked_fill(~must_end[:, None, None] & is_end, -torch.inf)
    return scores


def _candidates(
    scores: Tensor, totals: Tensor, n_candidates: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best ``(S, N)`` totals, their parents and last tokens.

    N is at most ``n_candidates``. As many candidates of each hypothesis are enough, so the
    large tensor, scores ``(S, K, n_tokens)``, is ranked in its own precision, and only
    those candidates are added up in float64.
    """
    n_hypotheses, n_tokens = scores.shape[1:]
    each = min(n_candidates, n_tokens)
    best, ids = scores.topk(each)  # (S, K, each)
    sums = (best.double() + totals[..., None]).flatten(1)  # (S, K * each)
    sums, flat = sums.topk(min(n_candidates, n_hypotheses * each))  # (S, N)
    return sums, flat // each, ids.flatten(1).gather(1, flat)


class _Finished:
    """The ``n_best`` finished hypotheses of each source so far."""

    def __init__(self, n_sources: int, n_best: int, device: torch.device):
        shape = (n_sources, n_best)
        self.tokens = torch.zeros((*shape, 0), dtype=torch.int64, device=device)
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
        prefixes: Tensor,
        parents: Tensor,
    ) -> None:
        """Add the candidates that end now; ``totals`` ``(S, N)`` is -inf for others."""
        some = (totals > -torch.inf).any(1).nonzero()[:, 0]
        if not len(some):
            return
        rows, totals, parents = sources[some], totals[some], parents[some]
        n_best, length = self.scores.shape[1], prefixes.shape[2]
        scores = torch.cat([self.scores[rows], totals / norm], dim=1)  # (S', n_best + N)
        self.scores[rows], order = scores.topk(n_best)
        self.totals[rows] = torch.cat([self.totals[rows], totals], dim=1).gather(1, order)
        lengths = torch.full_like(parents, length)
        self.lengths[rows] = torch.cat([self.lengths[rows], lengths], 1).gather(1, order)
        self._make_room(length)
        old, is_old = self.tokens[rows, :, :length], (order < n_best)[..., None]
        new = prefixes[some[:, None], parents.gather(1, (order - n_best).clamp(min=0))]
        index = order.clamp(max=n_best - 1)[..., None].expand(-1, -1, length)
        self.tokens[rows, :, :length] = torch.where(is_old, old.gather(1, index), new)

    def _make_room(self, length: int) -> None:
        """Grow the table for hypotheses of ``length``, at least to twice its width."""
        room = self.tokens.shape[2]
        if length > room:
            self.tokens = F.pad(self.tokens, (0, max(length, 2 * room) - room))

    def hypotheses(self) -> Hypotheses:
        """Return all, the best first."""
        lengths = self.lengths.masked_fill(self.totals == -torch.inf, 0)
        return Hypotheses(
            self.tokens[..., : int(lengths.max())].cpu().numpy(),
            lengths.cpu().numpy(),
            self.totals.cpu().numpy(),
        )
