"""The order of the sequences: which of them share a batch, and how many batches there are.

Everything is computed from lengths and contents, in whole arrays; batches themselves are
made in ``collate``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, cut_runs, offsets_of
from skrnn.training.dataset import EncodedDataset

#: Batches whose sequences are sorted by length together.
POOL = 64
#: Padded steps of one network call beyond which a batch is cut into micro-batches, with at
#: least ``MIN_ROWS`` rows each: on a CPU larger activations leave the caches and the
#: allocator's pools, on a GPU they only cost memory.
MAX_STEPS = {"cpu": 3200, "cuda": 1 << 17}
MIN_ROWS, SLACK = 16, 8
#: Sequences of one prediction call.
MAX_ROWS = 256
#: Steps of a prediction from which its batches run side by side, and the rows of each at least.
MIN_LARGE, MIN_TOGETHER = 1024, 16


def training_order(
    lengths: NDArray[np.int64],
    batch_size: int,
    generator: torch.Generator,
    target_lengths: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """Return the indices of each batch of an epoch.

    The sequences are shuffled, sorted by length within pools of ``POOL`` batches, cut,
    and the batches shuffled: little padding, and other neighbours in each epoch. Sequences
    of one length are sorted by ``target_lengths``.
    """
    n_sequences = len(lengths)
    ties = np.zeros_like(lengths) if target_lengths is None else target_lengths
    shuffled = torch.randperm(n_sequences, generator=generator, device="cpu").numpy()
    pool = np.arange(n_sequences) // (POOL * batch_size)
    order = shuffled[np.lexsort((ties[shuffled], lengths[shuffled], pool))]
    cuts = np.arange(batch_size, n_sequences, batch_size)
    # the smaller batch that is left over has a random place in the last pool: at its end
    # it would always hold the longest sequences
    first = n_sequences // (POOL * batch_size) * POOL
    if n_sequences % batch_size and first < len(cuts):
        place = int(
            torch.randint(first, len(cuts) + 1, (), generator=generator, device="cpu")
        )
        cuts[place:] -= batch_size - n_sequences % batch_size
    batches = np.split(order, cuts)
    mixed = torch.randperm(len(batches), generator=generator, device="cpu")
    return [batches[i] for i in mixed.tolist()]


def count_batches(
    lengths: NDArray[np.int64], batch_size: int, bptt: int | None = None
) -> int:
    """Return the number of batches of an epoch, with ``bptt`` the expected one.

    See ``count_chunks``; ``lengths`` are those of the sequences, in steps.
    """
    if bptt is None:
        return -(-len(lengths) // batch_size)
    return count_chunks(*np.unique(lengths, return_counts=True), batch_size, bptt)


def count_chunks(
    sizes: NDArray[np.int64], counts: NDArray[np.int64], batch_size: int, bptt: int
) -> int:
    """Return how many chunks of ``bptt`` steps the batches of an epoch are expected to have.

    ``counts`` says how many sequences have each of the ascending, distinct ``sizes``. A
    batch has as many steps as its longest sequence. A longer batch than ``bptt`` is cut:
    its first chunk has evenly from half of ``bptt`` to all of it, see ``TrainingBatches``.
    """
    ranks, weights = _longest_ranks(int(counts.sum()), batch_size)
    longest = sizes[np.searchsorted(np.cumsum(counts), ranks, side="right")]
    rest = np.maximum(longest - bptt, 0)  # after the longest first chunk
    chunks = -(-rest // bptt)  # of ``bptt`` steps
    over = np.maximum(rest + bptt - bptt // 2 - 1 - chunks * bptt, 0)  # one more for some
    expected = 1 + chunks + np.where(longest > bptt, over / (bptt - bptt // 2), 0)
    return round(float((expected * weights).sum()))


def _longest_ranks(
    n_sequences: int, batch_size: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rank by length of each batch's longest sequence, and how often it counts.

    ``training_order`` deals the sequences to pools at random. Here each pool has an even
    share of all lengths, so that nothing is drawn. Only the longest of a pool is less
    even: a few very long sequences meet in one pool now and then.
    """
    pool = POOL * batch_size
    n_pools, n_last = divmod(n_sequences, pool)
    middle = (np.arange(n_pools) + 0.5) / max(1, n_pools)  # of each pool's share
    ends = np.arange(1, POOL) * batch_size  # all but the last batch of a pool
    even = (ends - 1 + middle[:, None]) * (n_sequences / pool)
    # of ``pool`` evenly drawn numbers the largest is below x in a share of x ** pool
    top = n_sequences * middle ** (1 / pool)
    ranks: list[NDArray] = [even.ravel(), top]
    weights = [np.ones(n_pools * POOL)]
    if n_last:
        n_batches = -(-n_last // batch_size)
        # the smaller batch may stand at each place
        sizes = np.full((n_batches, n_batches), batch_size)
        np.fill_diagonal(sizes, n_last - (n_batches - 1) * batch_size)
        ends = np.cumsum(sizes, axis=1)[:, :-1].ravel()
        top = np.full(n_batches, n_sequences * 0.5 ** (1 / n_last))
        ranks += [(ends - 0.5) * (n_sequences / n_last), top]
        weights.append(np.full(n_batches**2, 1 / n_batches))
    places = np.concatenate(ranks).astype(np.int64).clip(0, n_sequences - 1)
    return places, np.concatenate(weights)


def cut_batch(
    indices: NDArray[np.int64], lengths: NDArray[np.int64], most: int
) -> Iterator[NDArray[np.int64]]:
    """Yield a batch's parts of about ``most`` padded steps, the longest sequences first.

    A part has at least ``MIN_ROWS`` rows, unless that would make it ``SLACK`` times as
    large, or the others are so many times shorter than its longest sequence: one very long
    sequence does not pad others to its length.
    """
    if len(indices) * lengths.max() <= most:
        yield indices
        return
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        rows = max(most // longest, min(MIN_ROWS, SLACK * most // longest), 1)
        left = len(order) - start
        n_parts = -(-left // rows)
        rows = -(-left // n_parts)  # equal parts, no small one at the end
        far_shorter = lengths[order[start : start + rows]] * SLACK < longest
        rows -= int(far_shorter.sum())
        yield indices[order[start : start + rows]]
        start += rows


def prediction_order(
    dataset: EncodedDataset, most: int, *, halved: bool = False
) -> list[NDArray[np.int64]]:
    """Return the indices of each batch of a prediction, of ``most`` padded steps.

    With ``halved`` there are two at least, unless the dataset is small. The batches depend on
    the lengths and contents of the sequences alone, and not on the order in which they come:
    so does every bit of a prediction.
    """
    if len(dataset) == 1:
        return [np.zeros(1, np.int64)]
    # forced targets that are longer than their sources count in what fits
    lengths = dataset.read_lengths
    longer = dataset.longer_lengths
    order = np.lexsort((lengths, longer))
    ties = (np.diff(lengths[order]) == 0) & (np.diff(longer[order]) == 0)
    if ties.any():
        order = np.lexsort((fingerprints(dataset.sequences), lengths, longer))
    n_rows = MAX_ROWS
    if halved and len(order) >= 2 * MIN_TOGETHER and is_large(dataset):
        n_rows = min(MAX_ROWS, -(-len(order) // 2))  # two batches at least
    return list(cut_runs(order, longer, n_rows, most))


def is_large(dataset: EncodedDataset) -> bool:
    """Return whether batches of a prediction run side by side."""
    return int(dataset.longer_lengths.sum()) >= MIN_LARGE


def max_steps(device: torch.device | str) -> int:
    """Return the padded steps of one network call on this device."""
    return MAX_STEPS.get(torch.device(device).type, MAX_STEPS["cuda"])


def fingerprints(sequences: EncodedSequences, chunk: int = 1 << 18) -> NDArray[np.uint64]:
    """Return a number for each sequence that depends on its content alone.

    Integer arithmetic, hence exact in any order; about ``chunk`` values at a time.
    """
    result = _fingerprints_of_steps(sequences, chunk)
    for j, field in enumerate(sequences.beside, 1):
        result += _fingerprints_of_steps(field, chunk) * np.uint64(2 * j + 1)
    once = [*(sequences.static or ())]
    if sequences.future is not None:
        once.append(sequences.future.reshape(len(sequences), -1))
    if once:
        ones = np.ones(len(sequences), np.int64)
        for values in once:
            rows = EncodedSequences(RaggedArray.from_lengths(values, ones))
            result = result * np.uint64(31) + _fingerprints_of_steps(rows, chunk)
    return result


def _fingerprints_of_steps(sequences: EncodedSequences, chunk: int) -> NDArray[np.uint64]:
    steps = sequences.read
    if not len(steps) or not steps.values.size:
        return np.zeros(len(steps), dtype=np.uint64)
    width = int(np.prod(steps.values.shape[1:], dtype=np.int64))
    result = np.zeros(len(steps), dtype=np.uint64)
    if sequences.characters is not None:
        column = np.arange(sequences.characters.shape[1], dtype=np.uint64)
        factor = (column + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        factor ^= factor >> np.uint64(32)
        by_word = sequences.characters.astype(np.uint64) @ factor  # zeros do not count
    size = max(1, chunk // width)  # longer sequences come in pieces
    n_pieces = -(-steps.lengths // size)
    owner = np.repeat(np.arange(len(steps)), n_pieces)
    before = size * (
        np.arange(len(owner)) - np.repeat(offsets_of(n_pieces)[:-1], n_pieces)
    )
    begin = steps.offsets[owner] + before
    end = np.minimum(begin + size, steps.offsets[owner + 1])
    cuts = np.flatnonzero(np.diff(begin * width // chunk)) + 1
    for part in np.split(np.arange(len(owner)), cuts):
        first, last = begin[part[0]], end[part[-1]]
        values = np.ascontiguousarray(steps.values[first:last]).reshape(-1)
        bits = values.view(f"u{values.itemsize}").astype(np.uint64)
        if sequences.words is not None:  # words of one id differ in their characters
            bits ^= by_word[sequences.words[first:last]]
        starts = (begin[part] - first) * width
        position = np.arange(len(bits)) - np.repeat(
            starts - before[part] * width, (end - begin)[part] * width
        )
        mixed = (position.astype(np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        mixed ^= mixed >> np.uint64(29)
        bits += np.uint64(0x632BE59BD9B4E019)
        bits ^= bits >> np.uint64(15)
        np.add.at(
            result, owner[part], np.add.reduceat(bits * (mixed | np.uint64(1)), starts)
        )
    return result
