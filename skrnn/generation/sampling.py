"""Sampling: writing on from where a sequence stands, by chance or greedily."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Tensors ``(B, ...)``, one row a sequence.
State = tuple[Tensor, ...]
#: ``step(inputs (B, 1[, F]), state)`` → logits ``(B, C)``, state.
Step = Callable[[Tensor, State], tuple[Tensor, State]]


#: Less leaves no chance, more nothing but chance, and either would leave float32.
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-30, 1e30
#: Steps for which random_streams are drawn at once, at most, and numbers that these may be.
N_DRAWN, MAX_DRAWN = 64, 1 << 20


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

    @property
    def is_greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature < MIN_TEMPERATURE


class RandomStreams:
    """Numbers drawn evenly from [0, 1): a stream of its own for each sequence.

    A sequence's numbers depend on the seed and its index alone. What is written for it
    depends neither on what is written beside it nor on how long that is.

    Parameters
    ----------
    seed : int
        At least 0.
    indices : int64 ndarray of shape (B,)
        The sequences' indices.
    shape : tuple of int
        Shape of what a sequence needs for one step.
    max_length : int
        Most steps that will be drawn, where that is known.
    device : torch.device or str
        Where they are wanted.
    """

    def __init__(
        self,
        seed: int,
        indices: NDArray[np.int64],
        shape: tuple[int, ...] = (),
        max_length: int = N_DRAWN,
        device: torch.device | str = "cpu",
    ):
        self.streams = [
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
            for index in indices.tolist()
        ]
        a_step = len(indices) * math.prod(shape)
        n_drawn = min(N_DRAWN, max_length, max(1, MAX_DRAWN // a_step))
        self.drawn = np.empty((len(indices), n_drawn, *shape))
        self.used = n_drawn
        self.device = device

    def draw(self, rows: Tensor) -> Tensor:
        """Return the next numbers ``(len(rows), *shape)`` of some of the sequences."""
        places = rows.cpu().numpy()
        if self.used == self.drawn.shape[1]:
            for row in places:
                self.streams[row].random(out=self.drawn[row])
            self.used = 0
        numbers = self.drawn[places, self.used]
        self.used += 1
        return torch.from_numpy(numbers).to(self.device)


def choose_token(
    logits: Tensor, sampling: Sampling, random_streams: Tensor | None
) -> Tensor:
    """Return a token ``(B,)`` for each row of logits ``(B, C)`` and chance ``(B,)``.

    Without random_streams, or if greedy, it is the most probable one.
    """
    if random_streams is None or sampling.is_greedy:
        return logits.argmax(1)
    logits = (logits - logits.amax(1, keepdim=True)) / min(
        sampling.temperature, MAX_TEMPERATURE
    )
    if sampling.top_k is not None and sampling.top_k < logits.shape[1]:
        best, places = logits.topk(sampling.top_k)
        logits = torch.full_like(logits, -torch.inf).scatter_(1, places, best)
    probabilities = logits.softmax(1)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = probabilities.sort(1, descending=True)
        before = ordered.cumsum(1, dtype=torch.float64) - ordered  # of more probable ones
        ordered = ordered.masked_fill(before >= sampling.top_p, 0.0)
        probabilities = torch.zeros_like(ordered).scatter_(1, order, ordered)
    below = probabilities.cumsum(1, dtype=torch.float64)  # (B, C)
    wanted = (
        random_streams[:, None] * below[:, -1:]
    )  # less than all, as random_streams are than 1
    return torch.searchsorted(below, wanted, right=True)[:, 0]


def choose_features(
    logits: Tensor, sampling: Sampling, random_streams: Tensor | None
) -> Tensor:
    """Return 0/1 features ``(B, F)``, each by its own probability and chance."""
    if random_streams is None or sampling.is_greedy:
        return (logits > 0).to(logits.dtype)
    probabilities = (logits / min(sampling.temperature, MAX_TEMPERATURE)).sigmoid()
    return (random_streams < probabilities).to(logits.dtype)


def generate_tokens(
    step: Step,
    logits: Tensor,
    state: State,
    max_length: int,
    *,
    sampling: Sampling,
    random_streams: RandomStreams | None,
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
    max_length : int
        Most tokens to write.
    sampling : Sampling
        How tokens are chosen.
    random_streams : RandomStreams or None
        Of the B sequences; None always takes the most probable.
    ends, never : int64 tensors
        Tokens that end a sequence (they are not yielded), and that are never written.
    """
    rows = torch.arange(len(logits), device=logits.device)
    for t in range(max_length):
        logits = logits.index_fill(1, never, -torch.inf)
        drawn = None if random_streams is None else random_streams.draw(rows)
        tokens = choose_token(logits, sampling, drawn)
        going = ~torch.isin(tokens, ends)
        if not bool(going.all()):
            rows, tokens = rows[going], tokens[going]
            state = tuple(part[going] for part in state)
            if not len(rows):
                return
        yield rows, tokens
        if t + 1 < max_length:
            logits, state = step(tokens[:, None], state)


def generate_features(
    step: Step,
    logits: Tensor,
    state: State,
    max_length: int,
    *,
    sampling: Sampling,
    random_streams: RandomStreams | None,
) -> Iterator[Tensor]:
    """Yield the next steps ``(B, F)``; the arguments are those of ``generate_tokens``."""
    rows = torch.arange(len(logits))
    for t in range(max_length):
        drawn = None if random_streams is None else random_streams.draw(rows)
        features = choose_features(logits, sampling, drawn)
        yield features
        if t + 1 < max_length:
            logits, state = step(features[:, None], state)
