"""Greedy and beam search in numpy, batched over sources and hypotheses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Scores = NDArray[np.floating]


class State(NamedTuple):
    """The state of a batch of ``S`` sources with ``K`` hypotheses each.

    Attributes
    ----------
    hidden : dict of str to float32 ndarray of shape (num_layers, S * K, H)
        Of the decoder's layers.
    memory : dict of str to ndarray of shape (S, ...)
        What is known of the sources.
    """

    hidden: dict[str, NDArray]
    memory: dict[str, NDArray]

    def take(self, sources: Ids, hypotheses: Ids) -> State:
        """Return some sources, and rows ``(S', K')`` of ``hidden`` for each."""
        rows = hypotheses.reshape(-1)
        hidden = {name: part[:, rows] for name, part in self.hidden.items()}
        n_sources = len(next(iter(self.memory.values())))
        memory = self.memory
        if len(sources) < n_sources:
            memory = {name: part[sources] for name, part in memory.items()}
        return State(hidden, memory)


#: ``step(tokens (S, K), state)`` → log-probabilities ``(S, K, n_tokens)``, state.
Step = Callable[[Ids, State], tuple[NDArray[np.float32], State]]


class Found(NamedTuple):
    """The best sequences of each source, the best first.

    Attributes
    ----------
    tokens : int64 ndarray of shape (n_sources, n_best, longest)
        Without the end; undefined after each one's length.
    lengths : int64 ndarray of shape (n_sources, n_best)
        0 where fewer than ``n_best`` were found.
    log_probabilities : float64 ndarray of shape (n_sources, n_best)
        In nats, the end's included; -inf where fewer were found.
    """

    tokens: Ids
    lengths: Ids
    log_probabilities: NDArray[np.float64]

    def take(self, sources: Ids) -> Found:
        """Return the sequences of some sources."""
        return Found(
            self.tokens[sources], self.lengths[sources], self.log_probabilities[sources]
        )


def beam_search(
    step: Step,
    state: State,
    max_lengths: Ids,
    end: int,
    *,
    beam_size: int,
    n_best: int,
    length_penalty: float,
    no_repeat_ngram_size: int,
    may_be_empty: bool,
) -> Found:
    """Return the ``n_best`` best sequences that a beam finds for each source.

    A source leaves the batch when no unfinished hypothesis can become better than the
    worst of its finished ones. With a beam of 1 the most probable token follows at each step.

    Parameters
    ----------
    step : callable
    state : State
        Before the first token, with one hypothesis a source.
    max_lengths : int64 ndarray of shape (S,)
        Tokens after which a hypothesis must end.
    end : int
        The token that ends a sequence.
    beam_size : int
        Unfinished hypotheses kept for each source.
    n_best : int
    length_penalty : float
        Exponent of the divisor ``((5 + n) / 6)`` of log-probabilities in comparisons.
    no_repeat_ngram_size : int
        Length of the runs of tokens that a sequence has once at most; 0 allows all.
    may_be_empty : bool
        Whether a sequence may end before its first token.

    References
    ----------
    Wu et al. (2016). Google's neural machine translation system. arXiv 1609.08144,
    section 7.
    """
    n_sources = len(max_lengths)
    finished = _Finished(n_sources, n_best)
    sources = np.arange(n_sources)  # unfinished
    totals = np.zeros((n_sources, 1))  # (S, K)
    prefixes = np.zeros((n_sources, 1, 0), np.int64)
    last = np.zeros((n_sources, 1), np.int64)
    for t in range(int(max_lengths.max()) + 1):
        scores, state = step(last, state)  # (S, K, V)
        n_hypotheses = scores.shape[1]
        must_end = max_lengths[sources] <= t
        _forbid(scores, end, must_end, may_end=t > 0 or may_be_empty)
        _forbid_repeated(scores, prefixes, no_repeat_ngram_size)
        n_candidates = 1 if beam_size == 1 else 2 * beam_size
        totals, parents, tokens = _candidates(scores, totals, n_candidates)  # (S, N)
        ended = tokens == end
        # an ended candidate counts if it is among the best ones, like an unfinished one
        ends_now = ended & (np.arange(ended.shape[1]) < beam_size)
        norm = ((5.0 + t + 1) / 6.0) ** length_penalty
        finished.add(
            sources, np.where(ends_now, totals, -np.inf), norm, prefixes, parents
        )
        live = np.where(ended, -np.inf, totals)
        order = _best(live, min(beam_size, live.shape[1]))
        totals, parents, tokens = (
            np.take_along_axis(part, order, 1) for part in (live, parents, tokens)
        )
        # log-probabilities only fall, and the maximal length has the largest divisor
        bound = totals[:, 0] / ((6.0 + max_lengths[sources]) / 6.0) ** length_penalty
        ongoing = np.flatnonzero((bound > finished.worst(sources)) & ~must_end)
        if not len(ongoing):
            break
        rows = ongoing[:, None] * n_hypotheses + parents[ongoing]  # (S', K)
        state = state.take(ongoing, rows)
        sources, totals, last = sources[ongoing], totals[ongoing], tokens[ongoing]
        prefixes = prefixes[ongoing[:, None], parents[ongoing]]  # (S', K, t)
        prefixes = np.concatenate([prefixes, last[..., None]], axis=2)
    return finished.found()


def _forbid(
    scores: NDArray[np.float32], end: int, must_end: NDArray[np.bool_], *, may_end: bool
) -> None:
    """Set the scores of tokens that must not come next to -inf, in place."""
    of_end = scores[..., end].copy()
    if must_end.any():
        scores[must_end] = -np.inf
    scores[..., end] = of_end if may_end else np.where(must_end[:, None], of_end, -np.inf)


def _forbid_repeated(scores: NDArray[np.float32], prefixes: Ids, size: int) -> None:
    """Set the scores of tokens that would repeat an n-gram to -inf, in place."""
    n_before = prefixes.shape[2]
    if not 0 < size <= n_before:
        return
    windows = sliding_window_view(prefixes, size, axis=2)  # (S, K, W, n)
    begun = prefixes[..., None, n_before - size + 1 :]  # (S, K, 1, n - 1)
    begins_alike = (windows[..., :-1] == begun).all(-1)  # (S, K, W)
    sources, hypotheses, places = begins_alike.nonzero()
    scores[sources, hypotheses, windows[sources, hypotheses, places, -1]] = -np.inf


def _candidates(
    scores: NDArray[np.float32], totals: NDArray[np.float64], n_candidates: int
) -> tuple[NDArray[np.float64], Ids, Ids]:
    """Return the best ``(S, N)`` totals, their parents and last tokens."""
    n_sources, n_hypotheses, n_tokens = scores.shape
    each = min(n_candidates, n_tokens)
    ids = _best(scores.reshape(-1, n_tokens), each).reshape(n_sources, n_hypotheses, each)
    best = np.take_along_axis(scores, ids, 2)
    sums = (best + totals[..., None]).reshape(n_sources, -1)  # (S, K * each)
    order = _best(sums, min(n_candidates, sums.shape[1]))
    tokens = np.take_along_axis(ids.reshape(n_sources, -1), order, 1)
    return np.take_along_axis(sums, order, 1), order // each, tokens


def _best(values: Scores, n: int) -> Ids:
    """Return the places of the ``n`` largest values of each row, the largest first."""
    if n == 1:
        return values.argmax(1)[:, None]
    if n >= values.shape[1]:
        return np.argsort(-values, axis=1, kind="stable")
    places = np.argpartition(-values, n - 1, axis=1)[:, :n]
    order = np.argsort(-np.take_along_axis(values, places, 1), axis=1, kind="stable")
    return np.take_along_axis(places, order, 1)


class _Finished:
    """The ``n_best`` finished hypotheses of each source so far."""

    def __init__(self, n_sources: int, n_best: int):
        shape = (n_sources, n_best)
        self.tokens = np.zeros((*shape, 0), np.int64)
        self.lengths = np.zeros(shape, np.int64)
        self.totals = np.full(shape, -np.inf)
        self.scores = np.full(shape, -np.inf)

    def worst(self, sources: Ids) -> NDArray[np.float64]:
        """Return the score that a new hypothesis must beat."""
        return self.scores[sources, -1]

    def add(
        self,
        sources: Ids,
        totals: NDArray[np.float64],
        norm: float,
        prefixes: Ids,
        parents: Ids,
    ) -> None:
        """Add the candidates that end now; ``totals`` ``(S, N)`` is -inf for others."""
        some = np.flatnonzero((totals > -np.inf).any(1))
        if not len(some):
            return
        rows, totals, parents = sources[some], totals[some], parents[some]
        length, room = prefixes.shape[2], self.tokens.shape[2]
        if length > room:
            more = max(length, 2 * room) - room
            self.tokens = np.pad(self.tokens, ((0, 0), (0, 0), (0, more)))
        of_old = [self.scores[rows], self.totals[rows], self.lengths[rows]]
        of_new = [totals / norm, totals, np.full_like(parents, length)]
        both = [np.concatenate(pair, 1) for pair in zip(of_old, of_new, strict=True)]
        order = _best(both[0], self.scores.shape[1])
        tokens = np.concatenate(
            [self.tokens[rows, :, :length], prefixes[some[:, None], parents]], axis=1
        )
        self.scores[rows], self.totals[rows], self.lengths[rows] = (
            np.take_along_axis(part, order, 1) for part in both
        )
        self.tokens[rows, :, :length] = np.take_along_axis(tokens, order[..., None], 1)

    def found(self) -> Found:
        """Return all, the best first."""
        lengths = np.where(self.totals == -np.inf, 0, self.lengths)
        return Found(self.tokens[..., : lengths.max()], lengths, self.totals)


def join_found(parts: list[Found]) -> Found:
    """Return the sequences of all parts' sources."""
    longest = max(part.tokens.shape[2] for part in parts)
    tokens = [
        np.pad(part.tokens, ((0, 0), (0, 0), (0, longest - part.tokens.shape[2])))
        for part in parts
    ]
    return Found(
        np.concatenate(tokens),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.log_probabilities for part in parts]),
    )
