"""Sampling: generates the next steps of a sequence, at random or greedily."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skrnn.generation.beam import State
from skrnn.generation.repetition import mask_repeated

#: ``step(inputs (B, 1[, F]), state)`` → logits ``(B, C)``, state.
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


#: A lower temperature is greedy and a higher one uniform; float32 holds neither.
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-30, 1e30
#: Steps and numbers that ``RandomStreams`` draws at once, at most.
MAX_STEPS_DRAWN, MAX_NUMBERS_DRAWN = 64, 1 << 20


class NotFiniteLogits(ValueError):
    """Logits of some rows, ``rows``, are not finite: no step can be chosen."""

    def __init__(self, rows: Tensor):
        super().__init__("the network's logits are not finite")
        self.rows = rows


class Sampling(NamedTuple):
    """Rules by which the next step is chosen.

    Attributes
    ----------
    temperature : float
        Divisor of the logits: higher is more random, and 0 chooses the most probable
        step.
    top_k : int or None
        Number of most probable tokens to choose from.
    top_p : float or None
        Choose from the fewest most probable tokens whose probabilities sum to at least
        this (Holtzman et al. 2020, section 3.1).

    References
    ----------
    Holtzman, Buys, Du, Forbes, Choi (2020). The curious case of neural text
    degeneration. ICLR.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    @property
    def is_greedy(self) -> bool:
        """Whether the most probable step is always chosen."""
        return self.temperature < MIN_TEMPERATURE


class RandomStreams:
    """Uniform random numbers in [0, 1), with a stream of its own for each sequence.

    A sequence's numbers depend on the seed and its key alone, so a sample depends
    neither on the other sequences of a batch nor on their lengths.

    Parameters
    ----------
    seed : int
        At least 0.
    keys : sequence of B tuples of int
        One for each sequence.
    shape : tuple of int
        Shape of a sequence's numbers for one step.
    max_length : int
        Upper bound of the steps that will be drawn, where it is known.
    device : torch.device or str
        Device of the numbers.
    """

    def __init__(
        self,
        seed: int,
        keys: Sequence[tuple[int, ...]],
        shape: tuple[int, ...] = (),
        max_length: int = MAX_STEPS_DRAWN,
        device: torch.device | str = "cpu",
    ):
        self.streams = [
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
            for key in keys
        ]
        a_step = len(keys) * math.prod(shape)
        n_drawn = min(MAX_STEPS_DRAWN, max_length, max(1, MAX_NUMBERS_DRAWN // a_step))
        self.drawn = np.empty((len(keys), n_drawn, *shape))
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
    logits: Tensor, sampling: Sampling, random_numbers: Tensor | None
) -> Tensor:
    """Return a token ``(B,)`` for each row of logits ``(B, C)``.

    ``random_numbers`` ``(B,)`` choose it; without them, or if greedy, it is the most
    probable one.
    """
    if random_numbers is None or sampling.is_greedy:
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
    wanted = random_numbers[:, None] * below[:, -1:]  # less than the sum of all
    return torch.searchsorted(below, wanted, right=True)[:, 0]


def choose_features(
    logits: Tensor, sampling: Sampling, random_numbers: Tensor | None
) -> Tensor:
    """Return 0/1 features ``(B, F)``, each chosen by its own random number ``(B, F)``."""
    if random_numbers is None or sampling.is_greedy:
        return (logits > 0).to(logits.dtype)
    probabilities = (logits / min(sampling.temperature, MAX_TEMPERATURE)).sigmoid()
    return (random_numbers < probabilities).to(logits.dtype)


def generate_tokens(
    step: Step,
    logits: Tensor,
    state: State,
    max_lengths: Tensor,
    *,
    sampling: Sampling,
    random_streams: RandomStreams | None,
    ends: Tensor,
    never: Tensor,
    no_repeat_ngram_size: int = 0,
    may_be_empty: bool = True,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, step by step, the rows that have not ended and their next tokens.

    Parameters
    ----------
    step : callable
        ``step(tokens (B, 1), state)`` → logits ``(B, C)``, state.
    logits : float tensor of shape (B, C)
        For the first token.
    state : State
        After the steps that have been read, of B sources with one hypothesis each.
    max_lengths : int64 tensor of shape (B,)
        Largest number of tokens to generate for each sequence, at least 1.
    sampling : Sampling
        How tokens are chosen.
    random_streams : RandomStreams or None
        Of the B sequences; None always chooses the most probable token.
    ends, never : int64 tensors
        Tokens that end a sequence (they are not yielded), and tokens that are never
        generated.
    no_repeat_ngram_size : int
        Length of the runs of generated tokens that a sequence has once at most; 0 allows
        all.
    may_be_empty : bool
        Whether a sequence may end before its first token.
    """
    rows = torch.arange(len(logits), device=logits.device)
    forbidden = never if may_be_empty else torch.cat([never, ends])
    prefixes = rows.new_zeros((len(rows), 1, 0))  # kept where n-grams are compared
    for t in count():
        logits = logits.index_fill(1, forbidden, -torch.inf)
        logits = mask_repeated(logits[:, None], prefixes, no_repeat_ngram_size)[:, 0]
        _check_best(logits.amax(1), rows)
        drawn = None if random_streams is None else random_streams.draw(rows)
        tokens = choose_token(logits, sampling, drawn)
        continues = ~torch.isin(tokens, ends)
        if bool(continues.all()):
            yield rows, tokens
        elif bool(continues.any()):
            yield rows[continues], tokens[continues]
        continues &= max_lengths[rows] > t + 1
        if not bool(continues.all()):
            ongoing = continues.nonzero()[:, 0]
            if not len(ongoing):
                return
            rows, tokens = rows[ongoing], tokens[ongoing]
            state, prefixes = state.take(ongoing, ongoing[:, None]), prefixes[ongoing]
        if no_repeat_ngram_size:
            prefixes = torch.cat([prefixes, tokens[:, None, None]], dim=2)
        logits, state = step(tokens[:, None], state)
        forbidden = never


def generate_features(
    step: Step,
    logits: Tensor,
    state: Any,
    max_length: int,
    *,
    sampling: Sampling,
    random_streams: RandomStreams | None,
) -> Iterator[Tensor]:
    """Yield the next ``max_length`` steps ``(B, F)``.

    The other arguments are those of ``generate_tokens``; any object may be the state.
    """
    rows = torch.arange(len(logits), device="cpu")
    for t in range(max_length):
        drawn = None if random_streams is None else random_streams.draw(rows)
        _check_best(logits.amax(1), rows)
        features = choose_features(logits, sampling, drawn)
        yield features
        if t + 1 < max_length:
            logits, state = step(features[:, None], state)


def _check_best(best: Tensor, rows: Tensor) -> None:
    """Raise a NotFiniteLogits for rows whose highest logit ``(B,)`` is NaN or infinite.

    Logits of -inf are steps that never come next.
    """
    known = best < torch.inf
    if not bool(known.all()):
        raise NotFiniteLogits(rows.to(known.device)[~known])
