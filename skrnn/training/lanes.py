"""Lanes: long sequences cut into stretches, so that a few of them fill a batch.

A book is one sequence. Read from its begin to its end it would be a batch of one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.training.batching import Examples, count_chunks

#: How many batches of lanes are tried, and how much longer than even their lanes are.
BATCHES_TRIED = np.array([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64])
LANE_SLACK = np.array([1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0])
#: Chunks of a lane at least: all but its first one go on from a state.
LEAST_CHUNKS = 4


def longest_lane(lengths: NDArray[np.int64], rows: int, bptt: int) -> int:
    """Return how long a stretch of a sequence may be, to fill batches of ``rows`` rows.

    Sequences of these lengths are cut into lanes of no more steps. Each cut loses the
    state, so an update is the dearer the more of its chunks begin a lane; of those lanes
    whose updates cost about the least together, the longest are taken.
    """
    least, longest = LEAST_CHUNKS * bptt, int(lengths.max())
    if longest <= least:
        return longest
    even = lengths.sum() / rows / BATCHES_TRIED[:, None]
    tried = np.unique(np.ceil(even * LANE_SLACK).clip(least, longest))
    cost = np.empty(len(tried))
    for i, one in enumerate(tried):
        lanes = lane_lengths(lengths, int(one), bptt)
        updates = count_chunks(lanes, rows, bptt)
        cost[i] = (updates + 1) * (1 + bptt * len(lanes) / lengths.sum())
    return int(tried[cost <= 1.02 * cost.min()].max())


def lane_lengths(
    lengths: NDArray[np.int64], longest: int, bptt: int
) -> NDArray[np.int64]:
    """Return the lengths of the lanes into which sequences are cut.

    A sequence's lanes differ by a step at most. They are longer than ``longest`` where
    they would have fewer than `LEAST_CHUNKS` chunks.
    """
    most = np.maximum(lengths // (LEAST_CHUNKS * bptt), 1)
    parts = np.minimum(-(-lengths // longest), most)
    place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    size, rest = np.divmod(lengths, parts)
    return np.repeat(size, parts) + (place < np.repeat(rest, parts))


def in_lanes(examples: Examples, longest: int, bptt: int) -> Examples:
    """Return the examples with those longer than ``longest`` cut into equal parts."""
    offsets = offsets_of(lane_lengths(examples.lengths, longest, bptt))

    def cut(ragged: Any) -> Any:
        return None if ragged is None else RaggedArray(ragged.values, offsets)

    return Examples(
        EncodedSequences(cut(examples.sequences.steps)),
        cut(examples.targets),
        cut(examples.weights),
    )
