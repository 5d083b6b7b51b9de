"""Streams: long sequences cut into stretches, so that a few of them fill a batch.

A book is one sequence: read from its first step to its last it is a batch of one row. For
truncated back-propagation through time it is cut into streams, which are read side by side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.training.dataset import EncodedDataset
from skrnn.training.order import count_chunks

#: Numbers of batches of streams that are tried, and how much longer than even streams are.
BATCHES_TRIED = np.array([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64])
STREAM_SLACK = np.array([1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0])
#: Chunks of a stream at least: all but its first one carry a state.
MIN_CHUNKS = 4


class StreamPlan(NamedTuple):
    """A plan that cuts sequences into streams.

    Attributes
    ----------
    lengths : int64 ndarray of shape (n_streams,)
        Steps of each stream, sequence by sequence.
    n_updates : int
        Updates of an epoch, which is the expected number of its chunks.
    """

    lengths: NDArray[np.int64]
    n_updates: int


def plan_streams(lengths: NDArray[np.int64], rows: int, bptt: int) -> StreamPlan:
    """Return how sequences of these lengths fill batches of ``rows`` rows.

    Each cut loses the state, so an update is the dearer the more of its chunks begin a
    stream; of those streams whose updates cost about the least together, the longest are
    taken. Nothing depends on the order of the sequences, and distinct lengths are counted
    once.
    """
    sizes, counts = np.unique(lengths, return_counts=True)
    total = int(lengths.sum())

    def cost(longest: int) -> float:
        streams, n_streams = _count_streams(sizes, counts, longest, bptt)
        n_updates = count_chunks(streams, n_streams, rows, bptt)
        return (n_updates + 1) * (1 + bptt * int(n_streams.sum()) / total)

    least, longest = MIN_CHUNKS * bptt, int(sizes[-1])
    if longest > least:
        even = total / rows / BATCHES_TRIED[:, None]
        tried = np.unique(np.ceil(even * STREAM_SLACK).clip(least, longest))
        costs = np.array([cost(int(one)) for one in tried])
        longest = int(tried[costs <= 1.02 * costs.min()].max())
    streams, n_streams = _count_streams(sizes, counts, longest, bptt)
    return StreamPlan(
        stream_lengths(lengths, longest, bptt),
        count_chunks(streams, n_streams, rows, bptt),
    )


def _n_parts(lengths: NDArray[np.int64], longest: int, bptt: int) -> NDArray[np.int64]:
    """Return into how many streams sequences of these lengths are cut."""
    most = np.maximum(lengths // (MIN_CHUNKS * bptt), 1)
    return np.minimum(-(-lengths // longest), most)


def _count_streams(
    sizes: NDArray[np.int64], counts: NDArray[np.int64], longest: int, bptt: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ascending, distinct lengths of all streams, and how many have each."""
    parts = _n_parts(sizes, longest, bptt)
    size, rest = np.divmod(sizes, parts)
    lengths = np.concatenate([size, size + 1])
    n_streams = np.concatenate([(parts - rest) * counts, rest * counts])
    streams, place = np.unique(lengths[n_streams > 0], return_inverse=True)
    return streams, np.bincount(place, n_streams[n_streams > 0]).astype(np.int64)


def stream_lengths(
    lengths: NDArray[np.int64], longest: int, bptt: int
) -> NDArray[np.int64]:
    """Return the lengths of the streams into which sequences are cut.

    The streams of a sequence differ by at most one step. They are longer than ``longest``
    where they would have fewer than `MIN_CHUNKS` chunks.
    """
    parts = _n_parts(lengths, longest, bptt)
    place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    size, rest = np.divmod(lengths, parts)
    return np.repeat(size, parts) + (place < np.repeat(rest, parts))


def in_streams(dataset: EncodedDataset, lengths: NDArray[np.int64]) -> EncodedDataset:
    """Return the dataset with its sequences cut into streams of these lengths."""
    steps, static = dataset.sequences.steps, dataset.sequences.static
    offsets = offsets_of(lengths)
    of_stream = np.searchsorted(steps.offsets, offsets[:-1], side="right") - 1

    def cut(ragged: Any) -> Any:
        return None if ragged is None else RaggedArray(ragged.values, offsets)

    return replace(
        dataset,
        sequences=EncodedSequences(
            cut(steps), static=None if static is None else static.take(of_stream)
        ),
        targets=cut(dataset.targets),
        weights=cut(dataset.weights),
        origin=dataset.origin_of(of_stream),
    )
