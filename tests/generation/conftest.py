"""Random step functions whose every sequence can be listed."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

N_CODES = 97


class History(NamedTuple):
    """The source of each row, and a number made of each hypothesis's tokens."""

    source: Tensor
    code: Tensor

    def take(self, sources, hypotheses):
        return History(self.source[sources], self.code[hypotheses.reshape(-1)])


class Tables:
    """A step function that depends on the whole history through a number made of it.

    Token 0 begins a sequence and is never generated, as in the networks; the last ends.
    """

    def __init__(self, n_sources, n_tokens, seed=0, scale=2.0):
        rng = np.random.default_rng(seed)
        logits = scale * rng.normal(size=(n_sources, N_CODES, n_tokens))
        self.scores = torch.from_numpy(logits).log_softmax(-1)
        self.scores[..., 0] = -torch.inf
        self.n_tokens, self.end = n_tokens, n_tokens - 1
        self.sizes = []  # sources of each call

    def start(self, sources=None):
        n_sources = len(self.scores)
        sources = torch.arange(n_sources) if sources is None else torch.as_tensor(sources)
        return History(sources, torch.zeros(len(sources), dtype=torch.int64))

    def step(self, tokens, state):
        self.sizes.append(len(tokens))
        code = (state.code.view(tokens.shape) * self.n_tokens + tokens + 1) % N_CODES
        return self.scores[state.source[:, None], code], state._replace(
            code=code.flatten()
        )

    def log_probability(self, source, sequence, ends=True):
        """Return the log-probability of one sequence and of its end, token by token."""
        code, last, total = 0, 0, 0.0
        for token in (*sequence, self.end) if ends else sequence:
            code = (code * self.n_tokens + last + 1) % N_CODES
            total += self.scores[source, code, token].item()
            last = token
        return total

    def sequences(self, max_length):
        """Return every sequence of at most ``max_length`` tokens."""
        lengths = range(max_length + 1)
        tokens = range(1, self.end)
        return [s for n in lengths for s in itertools.product(tokens, repeat=n)]

    def ranking(self, source, max_length, length_penalty=0.0):
        """Return all sequences with their log-probabilities, the best first."""
        found = [
            (sequence, self.log_probability(source, sequence))
            for sequence in self.sequences(max_length)
        ]

        def score(pair):
            return pair[1] / ((5 + len(pair[0]) + 1) / 6) ** length_penalty

        return sorted(found, key=score, reverse=True)


class Largest(TorchDispatchMode):
    """Records the size of the largest new tensor of each dtype."""

    def __init__(self):
        super().__init__()
        self.sizes = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            before = self.sizes.get(result.dtype, 0)
            self.sizes[result.dtype] = max(before, result.numel())
        return result


@pytest.fixture
def largest():
    """Return a context that notes the size of tensors."""
    return Largest()


@pytest.fixture
def make_tables():
    """Return the class, to be called with sizes and a seed."""
    return Tables


@pytest.fixture
def listed():
    """Return a function that gives one source's found sequences as tuples."""

    def listed(hypotheses, source):
        rows = zip(
            hypotheses.tokens[source],
            hypotheses.lengths[source],
            hypotheses.log_probabilities[source],
            strict=True,
        )
        return [tuple(tokens[:n].tolist()) for tokens, n, p in rows if p > -np.inf]

    return listed
