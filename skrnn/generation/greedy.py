"""Greedy search: the most probable token at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from skrnn.generation.beam import State, Step
from skrnn.generation.hypotheses import Hypotheses


def greedy_search(step: Step, state: State, max_lengths: Tensor, end: int) -> Hypotheses:
    """Write one sequence for each source.

    Parameters
    ----------
    step : callable
        ``step(tokens (S, K), state)`` → log-probabilities ``(S, K, n_tokens)``, state.
    state : State
        Where the ``S`` sources start, one hypothesis each.
    max_lengths : int64 tensor of shape (S,)
        Tokens after which each source's sequence is ended.
    end : int
        The token that ends a sequence.

    Returns
    -------
    hypotheses : Hypotheses
        One for each source.
    """
    device = max_lengths.device
    n_sources = len(max_lengths)
    sources = torch.arange(n_sources, device=device)  # those still being written
    tokens = torch.zeros(
        (n_sources, int(max_lengths.max())), dtype=torch.int64, device=device
    )
    lengths = max_lengths.clone()
    totals = torch.zeros(n_sources, dtype=torch.float64, device=device)
    last = torch.zeros((n_sources, 1), dtype=torch.int64, device=device)
    for t in range(tokens.shape[1] + 1):
        scores, state = step(last, state)  # (S', 1, V)
        must_end = max_lengths[sources] <= t
        best, chosen = scores[:, 0].max(1)
        best = torch.where(must_end, scores[:, 0, end], best)
        ended = (chosen == end) | must_end
        totals[sources] += best.double()
        lengths[sources[ended]] = t
        going = (~ended).nonzero()[:, 0]
        if not len(going):
            break
        if len(going) < len(sources):
            sources = sources[going]
            chosen = chosen[going]
            state = state.take(going, going[:, None])
        tokens[sources, t] = chosen
        last = chosen[:, None]
    return Hypotheses(
        tokens[:, None].cpu().numpy(),
        lengths[:, None].cpu().numpy(),
        totals[:, None].cpu().numpy(),
    )
