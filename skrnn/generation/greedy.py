"""Greedy search: the most probable token at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from skrnn.generation.beam import State, Step, mask_forbidden
from skrnn.generation.hypotheses import Hypotheses
from skrnn.generation.repetition import mask_repeated


def greedy_search(
    step: Step,
    state: State,
    max_lengths: Tensor,
    end: int,
    *,
    no_repeat_ngram_size: int = 0,
    may_be_empty: bool = True,
) -> Hypotheses:
    """Generate one sequence for each source.

    Parameters
    ----------
    step : callable
        ``step(tokens (S, K), state)`` → log-probabilities ``(S, K, n_tokens)``, state.
    state : State
        Before the first token of the ``S`` sources, with one hypothesis each.
    max_lengths : int64 tensor of shape (S,)
        Tokens after which each source's sequence must end.
    end : int
        The token that ends a sequence.
    no_repeat_ngram_size, may_be_empty :
        As in ``beam_search``.

    Returns
    -------
    hypotheses : Hypotheses
        One for each source.
    """
    device = max_lengths.device
    n_sources = len(max_lengths)
    sources = torch.arange(n_sources, device=device)  # unfinished
    steps: list[tuple[Tensor, Tensor]] = []  # sources and tokens of each step
    lengths = max_lengths.clone()
    totals = torch.zeros(n_sources, dtype=torch.float64, device=device)
    last = torch.zeros((n_sources, 1), dtype=torch.int64, device=device)
    prefixes = last.new_zeros((n_sources, 1, 0))  # kept where n-grams are compared
    for t in range(int(max_lengths.max()) + 1):
        scores, state = step(last, state)  # (S', 1, V)
        must_end = max_lengths[sources] <= t
        scores = mask_forbidden(scores, end, must_end, may_end=t > 0 or may_be_empty)
        scores = mask_repeated(scores, prefixes, no_repeat_ngram_size)
        best, chosen = scores[:, 0].max(1)
        ended = (chosen == end) | must_end  # also where the end's score is -inf
        totals[sources] += best.double()
        lengths[sources[ended]] = t
        ongoing = (~ended).nonzero()[:, 0]
        if not len(ongoing):
            break
        if len(ongoing) < len(sources):
            sources = sources[ongoing]
            chosen = chosen[ongoing]
            state = state.take(ongoing, ongoing[:, None])
            prefixes = prefixes[ongoing]
        steps.append((sources, chosen))
        last = chosen[:, None]
        if no_repeat_ngram_size:
            prefixes = torch.cat([prefixes, last[..., None]], dim=2)
    tokens = torch.zeros((n_sources, len(steps)), dtype=torch.int64, device=device)
    for t, (rows, chosen) in enumerate(steps):
        tokens[rows, t] = chosen
    return Hypotheses(
        tokens[:, None].cpu().numpy(),
        lengths[:, None].cpu().numpy(),
        totals[:, None].cpu().numpy(),
    )
