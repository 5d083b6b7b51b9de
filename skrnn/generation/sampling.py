"""Sampling: writing on from where a sequence stands, by chance or greedily."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor

#: Tensors ``(B, ...)``, one row a sequence.
State = tuple[Tensor, ...]
#: ``step(inputs (B, 1[, F]), state)`` → logits ``(B, C)``, state.
Step = Callable[[Tensor, State], tuple[Tensor, State]]


#: Less leaves no chance, and would be too much for float32.
LEAST_TEMPERATURE = 1e-30


class Sampling(NamedTuple):
    """How the next step is chosen.

    Attributes
    ----------
    temperature : float
        Logits are divided by it; 0 takes the most probable.
    top_k : int or None
        Tokens that may be chosen, the most probable ones.
    top_p : float or None
        Probability that the tokens which may be chosen have together at least
        (Holtzman et al. 2020, section 3.1).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None


def choose_token(logits: Tensor, how: Sampling, generator: Generator) -> Tensor:
    """Return a token ``(B,)`` for each row of logits ``(B, C)``."""
    if how.temperature < LEAST_TEMPERATURE:
        return logits.argmax(1)
    logits = logits / how.temperature
    if how.top_k is not None and how.top_k < logits.shape[1]:
        least = logits.topk(how.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    probabilities = logits.softmax(1)
    if how.top_p is not None and how.top_p < 1:
        ordered, order = probabilities.sort(1, descending=True)
        before = ordered.cumsum(1) - ordered  # what more probable tokens have
        ordered = ordered.masked_fill(before >= how.top_p, 0.0)
        probabilities = torch.zeros_like(ordered).scatter_(1, order, ordered)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def choose_features(logits: Tensor, how: Sampling, generator: Generator) -> Tensor:
    """Return 0/1 features ``(B, F)``, each by its own probability."""
    if how.temperature < LEAST_TEMPERATURE:
        return (logits > 0).to(logits.dtype)
    probabilities = (logits / how.temperature).sigmoid()
    return torch.bernoulli(probabilities, generator=generator)


def write_tokens(
    step: Step,
    logits: Tensor,
    state: State,
    n_steps: int,
    *,
    how: Sampling,
    generator: Generator,
    ends: Tensor,
    never: Tensor,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, step by step, which rows are still written and their next token.

    Parameters
    ----------
    step : callable
        ``step(tokens (B, 1), state)`` → logits ``(B, C)``, state.
    logits : float tensor of shape (B, C)
        For the first token.
    state : tuple of tensors (B, ...)
        Behind what has been read.
    n_steps : int
        Most tokens to write.
    how : Sampling
        How tokens are chosen.
    generator : Generator
        Where chance comes from.
    ends, never : int64 tensors
        Tokens that end a sequence (they are not yielded), and that are never written.
    """
    rows = torch.arange(len(logits), device=logits.device)
    for _ in range(n_steps):
        logits = logits.index_fill(1, never, -torch.inf)
        tokens = choose_token(logits, how, generator)
        going = ~torch.isin(tokens, ends)
        if not bool(going.all()):
            rows, tokens = rows[going], tokens[going]
            state = tuple(part[going] for part in state)
            if not len(rows):
                return
        yield rows, tokens
        logits, state = step(tokens[:, None], state)


def write_features(
    step: Step,
    logits: Tensor,
    state: State,
    n_steps: int,
    *,
    how: Sampling,
    generator: Generator,
) -> Iterator[Tensor]:
    """Yield the next steps ``(B, F)``; the arguments are those of ``write_tokens``."""
    for _ in range(n_steps):
        features = choose_features(logits, how, generator)
        yield features
        logits, state = step(features[:, None], state)
