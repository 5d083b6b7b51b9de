"""Results of a search: generated sequences and their log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Hypotheses(NamedTuple):
    """The best sequences of each source, the best first.

    Attributes
    ----------
    tokens : int64 ndarray of shape (n_sources, n_best, longest)
        Generated tokens without the end; undefined after each one's length. ``longest``
        is the largest length.
    lengths : int64 ndarray of shape (n_sources, n_best)
        Tokens of each, the end not counted; 0 where fewer than ``n_best`` were found.
    log_probabilities : float64 ndarray of shape (n_sources, n_best)
        In nats, the end's included; -inf where fewer were found.
    """

    tokens: NDArray[np.int64]
    lengths: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]

    def take(self, sources: NDArray[np.int64]) -> Hypotheses:
        """Return the hypotheses of some sources."""
        return Hypotheses(
            self.tokens[sources], self.lengths[sources], self.log_probabilities[sources]
        )


def joined(parts: Sequence[Hypotheses]) -> Hypotheses:
    """Return the hypotheses of all parts' sources, in the order of the parts."""
    longest = max(part.tokens.shape[2] for part in parts)
    tokens = [
        np.pad(part.tokens, ((0, 0), (0, 0), (0, longest - part.tokens.shape[2])))
        for part in parts
    ]
    return Hypotheses(
        np.concatenate(tokens),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.log_probabilities for part in parts]),
    )
