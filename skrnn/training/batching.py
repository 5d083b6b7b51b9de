"""Batches: padding begins here.

An ``EncodedDataset`` holds encoded sequences with their targets. ``TrainingBatches`` cuts it
into shuffled batches of similar lengths, ``prediction_batches`` into batches whose
make-up depends on the sequences alone and not on the user's order. Everything is
indexed by whole batches; there is no loop over samples or steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.seeding import make_generator

#: Batches whose sequences are sorted by length together.
POOL = 64
#: Padded steps of one network call beyond which a batch is cut into pieces, with at least
#: ``MIN_ROWS`` rows each: on a CPU larger activations leave the caches and the
#: allocator's pools, on a GPU they only cost memory.
MAX_STEPS = {"cpu": 3200, "cuda": 1 << 17}
MIN_ROWS, SLACK = 16, 8
#: Batches whose chunks are counted at least, to know how many an epoch has.
N_COUNTED = 16
#: Sequences of one prediction call.
MAX_ROWS = 256


@dataclass(frozen=True)
class EncodedDataset:
    """Encoded sequences with targets and weights.

    Attributes
    ----------
    sequences : EncodedSequences
    targets : ndarray of shape (n_sequences, ...) or RaggedArray, optional
        Ragged targets have one entry for each step of the sequences, or, with
        ``forced``, a length of their own.
    weights : float32 ndarray of shape (n_sequences,) or RaggedArray, optional
        Their mean over the training data is 1; ragged ones weigh single steps.
    forced : bool
        Whether the network is given the targets one step late (teacher forcing).
    """

    sequences: EncodedSequences
    targets: NDArray | RaggedArray | None = None
    weights: NDArray[np.float32] | RaggedArray | None = None
    forced: bool = False

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence."""
        return self.sequences.steps.lengths

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """Steps of each target; those of the sequences unless ``forced``."""
        if self.forced and isinstance(self.targets, RaggedArray):
            return self.targets.lengths
        return self.lengths


class MicroBatch(NamedTuple):
    """What one call of the network takes.

    ``inputs`` is the network's argument. ``n_targets`` is what its
    loss is a sum of: sequences, or real steps where each has a target; ``indices`` are
    those of its sequences. A piece that ``carries_state`` starts from the state behind the
    piece before, whose first rows it has.
    """

    inputs: dict[str, Tensor]
    targets: Tensor | None
    weights: Tensor | None
    n_targets: int
    indices: NDArray[np.int64]
    carries_state: bool = False


class Batch(list[MicroBatch]):
    """The pieces whose gradients make one optimizer step."""

    @property
    def n_targets(self) -> int:
        """Targets of all pieces."""
        return sum(piece.n_targets for piece in self)


def training_order(
    lengths: NDArray[np.int64],
    batch_size: int,
    generator: torch.Generator,
    target_lengths: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """Return the indices of each batch of one epoch.

    The sequences are shuffled, sorted by length within pools of ``POOL`` batches, cut,
    and the batches shuffled: little padding, and other neighbours at each epoch. Targets
    of other lengths sort sequences of one length.
    """
    n_sequences = len(lengths)
    ties = np.zeros_like(lengths) if target_lengths is None else target_lengths
    shuffled = torch.randperm(n_sequences, generator=generator, device="cpu").numpy()
    pool = np.arange(n_sequences) // (POOL * batch_size)
    order = shuffled[np.lexsort((ties[shuffled], lengths[shuffled], pool))]
    cuts = np.arange(batch_size, n_sequences, batch_size)
    # the smaller batch that is left over stands at a random place of the last pool:
    # at its end it would always hold the longest sequences
    first = n_sequences // (POOL * batch_size) * POOL
    if n_sequences % batch_size and first < len(cuts):
        place = int(
            torch.randint(first, len(cuts) + 1, (), generator=generator, device="cpu")
        )
        cuts[place:] -= batch_size - n_sequences % batch_size
    batches = np.split(order, cuts)
    mixed = torch.randperm(len(batches), generator=generator, device="cpu")
    return [batches[i] for i in mixed.tolist()]


class TrainingBatches:
    """An epoch's batches, drawn anew by each ``iter``.

    With ``bptt`` longer sequences are cut into chunks of that many steps, each a batch of
    its own that goes on from the state of the one before (truncated back-propagation
    through time). Where the first cut lies changes from batch to batch.
    """

    def __init__(
        self,
        examples: EncodedDataset,
        batch_size: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
        bptt: int | None = None,
    ):
        self.bptt = bptt
        self.lengths = examples.lengths
        self.target_lengths = examples.target_lengths
        self.batch_size = batch_size
        self.generator = generator
        self.max_steps = max_steps(device)
        self.collator = Collator(examples, device)

    def __len__(self) -> int:
        if self.bptt is None:
            return -(-len(self.lengths) // self.batch_size)
        return count_chunks(self.lengths, self.batch_size, self.bptt)

    def __iter__(self) -> Iterator[Batch]:
        longer = np.maximum(self.lengths, self.target_lengths)
        for indices in training_order(
            self.lengths, self.batch_size, self.generator, self.target_lengths
        ):
            if self.bptt is not None and longer[indices].max() > self.bptt:
                first = torch.randint(
                    self.bptt // 2, self.bptt, (), generator=self.generator, device="cpu"
                )
                for piece in self.collator.chunks(indices, self.bptt, 1 + int(first)):
                    yield Batch([piece])
                continue
            pieces = cut_batch(indices, longer[indices], self.max_steps)
            yield Batch(map(self.collator, pieces))


def count_chunks(lengths: NDArray[np.int64], batch_size: int, bptt: int) -> int:
    """Return how many chunks the batches of an epoch have, on average.

    Those of some orders are counted, of one where it has many batches. A batch is as long
    as its longest sequence, and where it is cut, its first chunk has evenly from half of
    ``bptt`` to all of it.
    """
    generator = make_generator(0)
    n_batches = -(-len(lengths) // batch_size)
    n_orders = 1 if n_batches == 1 else -(-N_COUNTED // n_batches)
    orders = [training_order(lengths, batch_size, generator) for _ in range(n_orders)]
    longest = np.array([lengths[batch].max() for order in orders for batch in order])
    rest = longest[longest > bptt] - bptt  # behind the longest first chunk
    chunks = -(-rest // bptt)  # of ``bptt`` steps
    over = np.maximum(rest + bptt - bptt // 2 - 1 - chunks * bptt, 0)  # one more for some
    total = len(longest) + float((chunks + over / (bptt - bptt // 2)).sum())
    return round(total / n_orders)


def cut_batch(
    indices: NDArray[np.int64], lengths: NDArray[np.int64], most: int
) -> Iterator[NDArray[np.int64]]:
    """Yield a batch's pieces of about ``most`` padded steps, longest sequences first.

    A piece has at least ``MIN_ROWS`` rows, unless that would make it ``SLACK`` times as
    large: one very long sequence does not pad others to its length.
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
        rows = -(
            -left // -(-left // rows)
        )  # pieces of equal size, no small one at the end
        yield indices[order[start : start + rows]]
        start += rows


class PredictionBatches:
    """The batches of a prediction, always the same for the same sequences.

    Sequences longer than ``chunk`` come in chunks that carry the state. ``encode_characters``
    encodes all distinct words once, instead of each batch its own.

    Attributes
    ----------
    order : list of int64 ndarrays
        The sequences of each batch.
    """

    def __init__(
        self,
        examples: EncodedDataset,
        device: torch.device | str = "cpu",
        chunk: int | None = None,
        encode_characters: Callable[[Tensor], Tensor] | None = None,
    ):
        self.encode_characters = encode_characters
        # forced targets that are longer than their sources count in what fits
        self.lengths = lengths = np.maximum(examples.lengths, examples.target_lengths)
        self.chunk = chunk
        order = np.lexsort((fingerprints(examples.sequences), examples.lengths, lengths))
        self.order = list(_cut(order, lengths, max_steps(device)))
        self.collator = Collator(examples, device)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        if self.encode_characters is not None and self.collator.words is not None:
            self.collator.encoded = self.encode_characters(self.collator.characters)
        for indices in self.order:
            if self.chunk is not None and self.lengths[indices].max() > self.chunk:
                yield Batch(self.collator.chunks(indices, self.chunk, self.chunk))
            else:
                yield Batch([self.collator(indices)])


def max_steps(device: torch.device | str) -> int:
    """Return the padded steps of one network call on this device."""
    return MAX_STEPS.get(torch.device(device).type, MAX_STEPS["cuda"])


def _cut(
    order: NDArray[np.int64], lengths: NDArray[np.int64], most: int
) -> Iterator[NDArray[np.int64]]:
    """Yield runs of ``order`` of at most ``MAX_ROWS`` rows and ``most`` padded steps."""
    start = 0
    while start < len(order):
        rows = MAX_ROWS
        while True:
            longest = int(lengths[order[min(start + rows, len(order)) - 1]])
            fitting = max(1, most // longest)
            if rows <= fitting:
                break
            rows = max(fitting, rows // 2)
        yield order[start : start + rows]
        start += rows


def fingerprints(sequences: EncodedSequences, chunk: int = 1 << 16) -> NDArray[np.uint64]:
    """Return a number for each sequence that depends on its content alone.

    Integer arithmetic, hence exact in any order; ``chunk`` steps at a time.
    """
    steps = sequences.steps
    if not len(steps) or not len(steps.values):
        return np.zeros(len(steps), dtype=np.uint64)
    width = int(np.prod(steps.values.shape[1:], dtype=np.int64))
    result = np.zeros(len(steps), dtype=np.uint64)
    if sequences.characters is not None:
        column = np.arange(sequences.characters.shape[1], dtype=np.uint64)
        factor = (column + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        factor ^= factor >> np.uint64(32)
        by_word = sequences.characters.astype(np.uint64) @ factor  # zeros do not count
    nonempty = np.flatnonzero(steps.lengths)
    cuts = np.flatnonzero(np.diff(steps.offsets[nonempty] // chunk)) + 1
    for part in np.split(nonempty, cuts):
        first, last = steps.offsets[part[0]], steps.offsets[part[-1] + 1]
        values = np.ascontiguousarray(steps.values[first:last]).reshape(-1)
        bits = values.view(f"u{values.itemsize}").astype(np.uint64)
        if sequences.words is not None:  # words of one id differ in their characters
            bits ^= by_word[sequences.words[first:last]]
        starts = (steps.offsets[part] - first) * width
        position = np.arange(len(bits)) - np.repeat(starts, steps.lengths[part] * width)
        mixed = (position.astype(np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        mixed ^= mixed >> np.uint64(29)
        bits += np.uint64(0x632BE59BD9B4E019)
        bits ^= bits >> np.uint64(15)
        result[part] = np.add.reduceat(bits * (mixed | np.uint64(1)), starts)
    return result


class Collator:
    """Cuts padded batches out of flat arrays that stay on the device."""

    def __init__(self, examples: EncodedDataset, device: torch.device | str):
        sequences = examples.sequences
        self.device = device
        self.offsets = sequences.steps.offsets
        self.values = to_device(sequences.steps.values, device)
        #: the inputs' name in a batch: ids are tokens, numbers are features
        self.name = "features" if self.values.is_floating_point() else "tokens"
        targets = examples.targets
        self.by_step = isinstance(targets, RaggedArray) and not examples.forced
        self.forced: NDArray[np.int64] | None = None
        if isinstance(targets, RaggedArray) and examples.forced:
            self.forced = targets.offsets
        self.targets = _optional(examples.targets, device)
        self.weights = _optional(examples.weights, device)
        self.weights_by_step = isinstance(examples.weights, RaggedArray)
        self.words = sequences.words
        #: vectors of all distinct words, where they are encoded before the batches are cut
        self.encoded: Tensor | None = None
        self.vectors = _optional(sequences.vectors, device)
        if sequences.characters is not None:
            self.characters = to_device(sequences.characters, device)
            self.n_characters = (sequences.characters != 0).sum(1)

    def chunks(
        self, indices: NDArray[np.int64], n_steps: int, first: int
    ) -> Iterator[MicroBatch]:
        """Yield the sequences in chunks of ``n_steps`` steps, the first one shorter.

        The longest sequence stands first; those that have ended leave.
        """
        lengths = self.offsets[indices + 1] - self.offsets[indices]
        order = np.argsort(-lengths, kind="stable")
        indices, lengths = indices[order], lengths[order]
        start, stop = 0, first
        while start < lengths[0]:
            here = indices[lengths > start]
            yield self(here, start, stop)._replace(carries_state=start > 0)
            start, stop = stop, stop + n_steps

    def __call__(
        self, indices: NDArray[np.int64], start: int = 0, stop: int | None = None
    ) -> MicroBatch:
        """Return the sequences at ``indices``, padded to the longest of them.

        Or their steps from ``start`` to ``stop``, where all of them have some.
        """
        starts = self.offsets[indices] + start
        lengths = self.offsets[indices + 1] - starts
        if stop is not None:
            lengths = np.minimum(lengths, stop - start)
        n_steps = int(lengths.max())
        steps = np.arange(n_steps)
        positions = starts[:, None] + np.minimum(steps, lengths[:, None] - 1)  # (B, T)
        shape = (*positions.shape, *self.values.shape[1:])
        flat = to_device(positions.reshape(-1), self.device)
        inputs = self.values.index_select(0, flat).view(shape)  # (B, T[, F])
        if int(lengths.min()) < n_steps:
            padding = to_device(steps >= lengths[:, None], self.device)
            inputs.masked_fill_(
                padding.view(*positions.shape, *[1] * (inputs.dim() - 2)), 0
            )
        batch = {self.name: inputs, "lengths": to_device(lengths, self.device)}
        if self.vectors is not None:
            batch["vectors"] = self.vectors
        if self.encoded is not None and self.words is not None:
            batch["words"] = to_device(self.words[positions], self.device)
            batch["characters"] = self.encoded
        elif self.words is not None:
            words, of_step = np.unique(self.words[positions], return_inverse=True)
            batch["words"] = to_device(of_step.reshape(positions.shape), self.device)
            rows = self.characters.index_select(0, to_device(words, self.device))
            batch["characters"] = rows[:, : int(self.n_characters[words].max())]
        chosen = to_device(indices, self.device)
        if self.forced is not None:
            return self._forced(batch, indices, chosen)

        def pick(values: Tensor | None, by_step: bool) -> Tensor | None:
            """Return each sequence's value, or its steps', which the padding repeats."""
            if values is None or not by_step:
                return None if values is None else values.index_select(0, chosen)
            shape = (*positions.shape, *values.shape[1:])
            return values.index_select(0, flat).view(shape)  # (B, T[, F])

        return MicroBatch(
            batch,
            pick(self.targets, self.by_step),
            pick(self.weights, self.weights_by_step),
            int(lengths.sum()) if self.by_step else len(indices),
            indices,
        )

    def _forced(
        self, batch: dict[str, Tensor], indices: NDArray[np.int64], chosen: Tensor
    ) -> MicroBatch:
        """Return a piece whose network is given the targets one step late."""
        assert self.forced is not None
        assert self.targets is not None
        starts = self.forced[indices]
        lengths = self.forced[indices + 1] - starts
        steps = np.minimum(np.arange(int(lengths.max())), lengths[:, None] - 1)  # (B, U)
        flat = to_device((starts[:, None] + steps).reshape(-1), self.device)
        targets = self.targets.index_select(0, flat).view(steps.shape)  # (B, U)
        batch["previous"] = F.pad(targets[:, :-1], (1, 0))  # 0 begins
        batch["target_lengths"] = to_device(lengths, self.device)
        weights = None
        if self.weights is not None:
            weights = self.weights.index_select(0, chosen)[:, None]  # (B, 1)
        return MicroBatch(batch, targets, weights, int(lengths.sum()), indices)


def to_device(array: NDArray, device: torch.device | str) -> Tensor:
    """Return an array as a tensor, copied first where torch cannot take it as it is.

    That is a read-only array (a memmap), or one that runs backwards.
    """
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)


def _optional(
    array: NDArray | RaggedArray | None, device: torch.device | str
) -> Tensor | None:
    if isinstance(array, RaggedArray):
        array = array.values
    return None if array is None else to_device(array, device)


def padding_share(batches: TrainingBatches) -> float:
    """Return the share of steps in one epoch's batches that are padding."""
    total = real = 0
    for batch in batches:
        for piece in batch:
            lengths = piece.inputs["lengths"]
            total += len(lengths) * int(lengths.max())
            real += int(lengths.sum())
    return 1 - real / total
