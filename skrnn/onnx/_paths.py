"""Label paths of a conditional random field in numpy: the best one, and marginals.

Batches are rows of scores ``(B, T, C)``. Rows are sorted by length, the longest first, and
leave a recursion where their sequence ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: A score that is at most this is that of a forbidden transition.
FORBIDDEN = -1e4
#: Smallest weight, where the largest is 1: no path has weight 0.
MIN_WEIGHT = 1e-150
#: Smallest divisor.
MIN_DIVISOR = 1e-300
#: Numbers in one comparison of all pairs of labels.
MAX_PAIRS = 1 << 18

Floats = NDArray[np.float64]


class Transitions(NamedTuple):
    """Scores of neighbouring labels.

    Attributes
    ----------
    moves : float32 ndarray of shape (C, C)
        From a label (row) to another (column); ``FORBIDDEN`` where there is none.
    start, end : float32 ndarrays of shape (C,)
        Of the first and of the last label.
    """

    moves: NDArray[np.float32]
    start: NDArray[np.float32]
    end: NDArray[np.float32]

    def without_forbidden(self) -> Transitions:
        """Return scores that are -inf where a transition is forbidden."""
        return Transitions(*(np.where(s <= FORBIDDEN, -np.inf, s) for s in self))


def best_path(
    logits: NDArray[np.float32], lengths: NDArray[np.int64], transitions: Transitions
) -> NDArray[np.int64]:
    """Return the most probable label paths ``(B, T)``; the padding is undefined.

    References
    ----------
    Viterbi (1967). Error bounds for convolutional codes and an asymptotically optimum
    decoding algorithm. IEEE Transactions on Information Theory 13(2).
    """
    moves, start, end = transitions.without_forbidden()
    n_labels = logits.shape[2]
    paths = np.zeros(logits.shape[:2], np.int64)
    order = np.argsort(-lengths, kind="stable")
    size = max(1, MAX_PAIRS // (n_labels * n_labels))
    for rows in np.split(order, np.arange(size, len(order), size)):
        n_rows = _rows_by_step(lengths[rows])
        best = logits[rows, : len(n_rows)].transpose(1, 0, 2).astype(moves.dtype)
        best[0] += start  # (T, B, C)
        for t, n in enumerate(n_rows[1:], 1):
            best[t, :n] += (best[t - 1, :n, :, None] + moves).max(1)  # (n, C)
        path = np.zeros(best.shape[:2], np.int64)
        ongoing = 0
        for t, n in reversed(list(enumerate(n_rows))):
            if ongoing:
                step = best[t, :ongoing] + moves[:, path[t + 1, :ongoing]].T  # (n, C)
                path[t, :ongoing] = step.argmax(1)
            if n > ongoing:
                path[t, ongoing:n] = (best[t, ongoing:n] + end).argmax(1)
            ongoing = n
        paths[rows, : len(n_rows)] = path.T
    return paths


def marginals(
    logits: NDArray[np.float32], lengths: NDArray[np.int64], transitions: Transitions
) -> NDArray[np.float32]:
    """Return ``(B, T, C)`` probabilities of each step's labels."""
    lattice = _Lattice(logits, lengths, transitions)
    weights = lattice.forward()[0] * lattice.backward()  # (T, B, C)
    weights /= np.maximum(weights.sum(2, keepdims=True), MIN_DIVISOR)
    result = np.empty(logits.shape, np.float32)
    result[lattice.order] = weights.transpose(1, 0, 2)
    return result


def best_path_log_likelihood(
    logits: NDArray[np.float32], lengths: NDArray[np.int64], transitions: Transitions
) -> Floats:
    """Return ``(B,)`` log-probabilities of ``best_path``, in nats.

    They are -inf where all paths of a sequence are forbidden.
    """
    labels = best_path(logits, lengths, transitions)
    moves, start, end = transitions.without_forbidden()
    rows, steps = np.arange(len(labels)), np.arange(labels.shape[1])
    real = steps < lengths[:, None]  # (B, T)
    of_steps = np.take_along_axis(logits, labels[..., None], 2)[..., 0].astype(float)
    total = np.where(real, of_steps, 0.0).sum(1)
    of_moves = moves[labels[:, :-1], labels[:, 1:]].astype(float)  # (B, T - 1)
    total += np.where(real[:, 1:], of_moves, 0.0).sum(1)
    total += start[labels[:, 0]].astype(float) + end[labels[rows, lengths - 1]]
    lattice = _Lattice(logits, lengths, transitions)
    log_z = np.empty(len(labels))
    log_z[lattice.order] = lattice.forward()[1]
    return np.minimum(total - log_z, 0.0)


class _Lattice:
    """A batch, step first: weights in place of scores, rescaled at every step.

    References
    ----------
    Rabiner (1989). A tutorial on hidden Markov models and selected applications in speech
    recognition. Proceedings of the IEEE 77(2), sections III and V.
    """

    def __init__(
        self,
        logits: NDArray[np.float32],
        lengths: NDArray[np.int64],
        transitions: Transitions,
    ):
        self.order = np.argsort(-lengths, kind="stable")
        self.lengths = lengths[self.order]
        self.n_rows = _rows_by_step(self.lengths)
        scores = logits[self.order].transpose(1, 0, 2).astype(np.float64)  # (T, B, C)
        highest = scores.max(2, keepdims=True)
        self.emissions = np.exp(scores - highest)
        parts = [_as_weights(part) for part in transitions]
        (self.moves, self.start, self.end), shifts = zip(*parts, strict=True)
        real = np.arange(len(scores))[:, None] < self.lengths  # (T, B)
        divided = np.where(real, highest[..., 0], 0.0).sum(0)
        self.divided = divided + (self.lengths - 1) * shifts[0] + shifts[1] + shifts[2]

    def forward(self) -> tuple[Floats, Floats]:
        """Return weights of all paths up to each label, and logarithms of whole ones.

        Those are ``(T, B, C)``, each step's largest 1, and these ``(B,)``.
        """
        alpha = self.emissions.copy()
        logarithms = np.zeros(len(self.lengths))
        for t, n in enumerate(self.n_rows):
            step = alpha[t, :n]
            step *= alpha[t - 1, :n] @ self.moves if t else self.start
            largest = np.maximum(step.max(1), MIN_DIVISOR)
            step /= largest[:, None]
            logarithms[:n] += np.log(largest)
        last = alpha[self.lengths - 1, np.arange(len(self.lengths))] @ self.end  # (B,)
        return alpha, logarithms + np.log(last) + self.divided

    def backward(self) -> Floats:
        """Return rescaled weights ``(T, B, C)`` of all paths that follow each label."""
        beta = np.broadcast_to(self.end, self.emissions.shape).copy()
        for t in range(len(beta) - 2, -1, -1):
            n = self.n_rows[t + 1]
            step = (self.emissions[t + 1, :n] * beta[t + 1, :n]) @ self.moves.T
            beta[t, :n] = step / np.maximum(step.max(1, keepdims=True), MIN_DIVISOR)
        return beta


def _rows_by_step(lengths: NDArray[np.int64]) -> list[int]:
    """Return how many sequences, of descending lengths, reach each step."""
    steps = np.arange(int(lengths[0]))
    return (steps[:, None] < lengths).sum(1).tolist()


def _as_weights(scores: NDArray[np.float32]) -> tuple[Floats, float]:
    """Return exponentials, the largest 1 and none 0, and the logarithm of the divisor."""
    highest = float(scores.max())
    weights = np.exp(scores.astype(np.float64) - highest)
    return np.maximum(weights, MIN_WEIGHT), highest
