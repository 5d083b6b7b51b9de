"""Streams: long sequences cut into stretches, so that a few of them fill a batch.

A book is one sequence. Read from its begin to its end it would be a batch of one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.training.batching import EncodedDataset, count_chunks

#: How many batches of streams are tried, and how much longer than even their streams are.
BATCHES_TRIED = np.array([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64])
STREAM_SLACK = np.array([1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0])
#: Chunks of a stream at least: all but its first one go on from a state.
MIN_CHUNKS = 4


def longest_stream(lengths: NDArray[np.int64], rows: int, bptt: int) -> int:
    """Return how long a stretch of a sequence may be, to fill batches of ``rows`` rows.

    Sequences of these lengths are cut into streams of no more steps. Each cut loses the
    state, so an update is the dearer the more of its chunks begin a stream; of those streams
    whose updates cost about the least together, the longest are taken.
    """
    least, longest = MIN_CHUNKS * bptt, int(lengths.max())
    if longest <= least:
        return longest
    even = lengths.sum() / rows / BATCHES_TRIED[:, None]
    tried = np.unique(np.ceil(even * STREAM_SLACK).clip(least, longest))
    cost = np.empty(len(tried))
    for i, one in enumerate(tried):
        streams = stream_lengths(lengths, int(one), bptt)
        updates = count_chunks(streams, rows, bptt)
        cost[i] = (updates + 1) * (1 + bptt * len(streams) / lengths.sum())
    return int(tried[cost <= 1.02 * cost.min()].max())


def stream_lengths(
    lengths: NDArray[np.int64], longest: int, bptt: int
) -> NDArray[np.int64]:
    """Return the lengths of the streams into which sequences are cut.

    A sequence's streams differ by a step at most. They are longer than ``longest`` where
    they would have fewer than `MIN_CHUNKS` chunks.
    """
    most = np.maximum(lengths // (MIN_CHUNKS * bptt), 1)
    parts = np.minimum(-(-lengths // longest), most)
    place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    size, rest = np.divmod(lengths, parts)
    return np.repeat(size, parts) + (place < np.repeat(rest, parts))


def in_streams(examples: EncodedDataset, longest: int, bptt: int) -> EncodedDataset:
    """Return the examples with those longer than ``longest`` cut into equal parts."""
    offsets = offsets_of(stream_lengths(examples.lengths, longest, bptt))

    def cut(ragged: Any) -> Any:
        return None if ragged is None else RaggedArray(ragged.values, offsets)

    return EncodedDataset(
        EncodedSequences(cut(examples.sequences.steps)),
        cut(examples.targets),
        cut(examples.weights),
    )
