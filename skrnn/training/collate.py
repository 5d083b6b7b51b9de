"""Batches: padding begins here.

A ``Collator``, of one ``StepField`` a field, cuts padded micro-batches out of an
``EncodedDataset``; ``TrainingBatches`` and ``PredictionBatches`` iterate over them in the
order that ``order`` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.modules.embedding import field_key
from skrnn.modules.transfer import lengths_to_device, to_device
from skrnn.training.dataset import EncodedDataset
from skrnn.training.order import (
    count_batches,
    cut_batch,
    max_steps,
    prediction_order,
    training_order,
)
from skrnn.training.windows import Windows


class MicroBatch(NamedTuple):
    """Padded sequences for one call of the network.

    Attributes
    ----------
    inputs : dict
        The network's argument.
    targets, weights : tensors, optional
    n_targets : int
        Number of terms of its loss: sequences, or real steps where each has a target.
    indices : int64 ndarray
        Of its sequences in the dataset.
    carries_state : bool
        Whether it starts from the state after the micro-batch before, of which it holds
        the first rows.
    """

    inputs: dict[str, Tensor]
    targets: Tensor | None
    weights: Tensor | None
    n_targets: int
    indices: NDArray[np.int64]
    carries_state: bool = False


class Batch(list[MicroBatch]):
    """The micro-batches whose gradients make one optimizer step."""

    @property
    def n_targets(self) -> int:
        """Targets of all micro-batches."""
        return sum(part.n_targets for part in self)


class TrainingBatches:
    """An epoch's batches, drawn anew by each ``iter``.

    With ``bptt`` longer sequences are cut into chunks of that many steps, each a batch of
    its own that carries the state of the one before (truncated back-propagation through
    time). The place of the first cut changes from batch to batch. Of the ``windows`` of a
    dataset each epoch draws others.

    Attributes
    ----------
    lengths : int64 ndarray of shape (n_sequences,)
        Steps that an epoch reads of each sequence; subwords where it reads these.
    n_targets : int or None
        Target steps of an epoch; None where each sequence has one target.
    """

    def __init__(
        self,
        dataset: EncodedDataset,
        batch_size: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
        bptt: int | None = None,
    ):
        self.bptt = bptt
        self.batch_size = batch_size
        self.generator = generator
        self.device = device
        self.max_steps = max_steps(device)
        self.read(dataset)

    def read(self, dataset: EncodedDataset) -> None:
        """Cut the batches to come out of a dataset."""
        self.lengths = dataset.read_lengths
        self.target_lengths = dataset.target_lengths
        self.n_targets = dataset.n_targets
        self.windows = dataset.windows
        self.collator = Collator(dataset, self.device)

    def __len__(self) -> int:
        return count_batches(self.lengths, self.batch_size, self.bptt)

    def __iter__(self) -> Iterator[Batch]:
        longer = np.maximum(self.lengths, self.target_lengths)
        cut: Callable[[NDArray[np.int64]], MicroBatch] = self.collator
        if self.windows is not None:
            cut = self._windowed(self.windows)
        for indices in training_order(
            self.lengths, self.batch_size, self.generator, self.target_lengths
        ):
            if self.bptt is not None and longer[indices].max() > self.bptt:
                first = torch.randint(
                    self.bptt // 2, self.bptt, (), generator=self.generator, device="cpu"
                )
                for chunk in self.collator.chunks(indices, self.bptt, 1 + int(first)):
                    yield Batch([chunk])
                continue
            parts = cut_batch(indices, longer[indices], self.max_steps)
            yield Batch(map(cut, parts))

    def _windowed(self, windows: Windows) -> Callable[[NDArray[np.int64]], MicroBatch]:
        """Return the collator of an epoch, which reads the windows drawn for it."""
        starts = windows.draw(len(self.lengths), self.generator)

        def cut(indices: NDArray[np.int64]) -> MicroBatch:
            """Return the sequences at ``indices``, the long ones cut."""
            first = starts[indices]
            return self.collator(indices, first, first + windows.n_steps)

        return cut


class PredictionBatches:
    """The batches of a prediction, always the same for the same sequences.

    Sequences longer than ``chunk`` come in chunks that carry the state. ``encode_characters``
    encodes all distinct words once, instead of each batch its own. ``halved`` makes two
    batches at least, unless there is little to read.

    Attributes
    ----------
    order : list of int64 ndarrays
        The sequences of each batch.
    sizes : list of int
        The padded steps of each batch.
    """

    def __init__(
        self,
        dataset: EncodedDataset,
        device: torch.device | str = "cpu",
        chunk: int | None = None,
        encode_characters: Callable[[Tensor, int], Tensor] | None = None,
        *,
        halved: bool = False,
    ):
        self.encode_characters = encode_characters
        self.lengths = np.maximum(dataset.lengths, dataset.target_lengths)
        self.chunk = chunk
        self.order = prediction_order(dataset, max_steps(device), halved=halved)
        longer = dataset.longer_lengths
        self.sizes = [len(rows) * int(longer[rows].max()) for rows in self.order]
        self.collator = Collator(dataset, device)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        if self.encode_characters is not None:
            self.collator.encode_characters(self.encode_characters)
        for indices in self.order:
            if self.chunk is not None and self.lengths[indices].max() > self.chunk:
                yield Batch(self.collator.chunks(indices, self.chunk, self.chunk))
            else:
                yield Batch([self.collator(indices)])


class StepField:
    """One step field of a dataset: flat values on the device, and tables beside them.

    Parameters
    ----------
    field : EncodedSequences
        Its values and tables.
    index : int
        Its place among the fields.
    device : torch.device or str
        Where its tensors are.
    """

    def __init__(self, field: EncodedSequences, index: int, device: torch.device | str):
        self.index = index
        self.device = device
        self.values = to_device(field.read.values, device)
        #: ids are tokens, numbers are features
        self.name = "features" if self.values.is_floating_point() else "tokens"
        self.words = field.words
        #: vectors of all distinct words, where they are encoded before the batches are cut
        self.encoded: Tensor | None = None
        self.vectors = _optional(field.vectors, device)
        if field.characters is not None:
            self.characters = to_device(field.characters, device)
        self.character_ids = field.characters

    @cached_property
    def n_characters(self) -> NDArray[np.int64]:
        """Characters of each distinct word."""
        assert self.character_ids is not None
        return np.count_nonzero(self.character_ids, axis=1)

    def __call__(
        self, positions: NDArray[np.int64], flat: Tensor, padding: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the field's part of a batch of steps ``positions`` ``(B, T)``."""
        shape = (*positions.shape, *self.values.shape[1:])
        inputs = self.values.index_select(0, flat).view(shape)  # (B, T[, F])
        if padding is not None:
            inputs.masked_fill_(
                padding.view(*positions.shape, *[1] * (inputs.dim() - 2)), 0
            )
        batch = {self.name: inputs}
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
        return {field_key(name, self.index): part for name, part in batch.items()}


class Collator:
    """Cuts padded batches out of flat arrays that stay on the device."""

    def __init__(self, dataset: EncodedDataset, device: torch.device | str):
        sequences = dataset.sequences
        self.device = device
        self.offsets = sequences.steps.offsets
        #: where the subwords of each step begin, if these are read
        self.subwords: NDArray[np.int64] | None = None
        if sequences.subwords is not None:
            self.subwords = sequences.subwords.offsets
        self.fields = [
            StepField(field, j, device) for j, field in enumerate(sequences.fields)
        ]
        #: the first field's name in a batch
        self.name = self.fields[0].name
        #: what each sequence has once, by its name in a batch
        self.once: dict[str, Tensor] = {}
        if sequences.static is not None:
            self.once = {
                "static_numbers": to_device(sequences.static.numbers, device),
                "static_categories": to_device(sequences.static.categories, device),
            }
        if sequences.future is not None:
            self.once["future"] = to_device(sequences.future, device)
        targets = dataset.targets
        self.by_step = isinstance(targets, RaggedArray) and not dataset.forced
        self.forced: NDArray[np.int64] | None = None
        if isinstance(targets, RaggedArray) and dataset.forced:
            self.forced = targets.offsets
        #: the most steps of a target that the network reads
        self.max_forced = (
            None if dataset.windows is None else dataset.windows.n_target_steps
        )
        self.targets = _optional(dataset.targets, device)
        self.weights = _optional(dataset.weights, device)
        self.weights_by_step = isinstance(dataset.weights, RaggedArray)

    def encode_characters(self, encode: Callable[[Tensor, int], Tensor]) -> None:
        """Encode all distinct words once, by ``encode(characters, field)``."""
        for field in self.fields:
            if field.words is not None:
                field.encoded = encode(field.characters, field.index)

    def chunks(
        self, indices: NDArray[np.int64], n_steps: int, first: int
    ) -> Iterator[MicroBatch]:
        """Yield the sequences in chunks of ``n_steps`` steps, the first one shorter.

        The sequences are sorted, the longest first, and leave where they end.
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
        self,
        indices: NDArray[np.int64],
        start: int | NDArray[np.int64] = 0,
        stop: int | NDArray[np.int64] | None = None,
    ) -> MicroBatch:
        """Return the sequences at ``indices``, padded to the longest of them.

        With ``start`` and ``stop``, of all or of each, only their steps from ``start`` to
        ``stop``; each of them must have some.
        """
        starts = self.offsets[indices] + start
        lengths = self.offsets[indices + 1] - starts
        if stop is not None:
            lengths = np.minimum(lengths, stop - start)
        n_steps = int(lengths.max())
        steps = np.arange(n_steps)
        positions = starts[:, None] + np.minimum(steps, lengths[:, None] - 1)  # (B, T)
        flat = to_device(positions.reshape(-1), self.device)
        padding = None
        if int(lengths.min()) < n_steps:
            padding = to_device(steps >= lengths[:, None], self.device)
        if self.subwords is None:
            batch = {"lengths": lengths_to_device(lengths, self.device)}
            for field in self.fields:
                batch |= field(positions, flat, padding)
        else:
            batch = self._read_subwords(self.subwords, positions, lengths)
        chosen = to_device(indices, self.device)
        for name, values in self.once.items():
            batch[name] = values.index_select(0, chosen)
        if self.forced is not None:
            return self._forced(batch, indices, chosen)

        def pick(values: Tensor | None, by_step: bool) -> Tensor | None:
            """Return the values of sequences, or of steps, which the padding repeats."""
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

    def _read_subwords(
        self,
        offsets: NDArray[np.int64],
        steps: NDArray[np.int64],
        n_steps: NDArray[np.int64],
    ) -> dict[str, Tensor]:
        """Return the subwords of ``steps`` ``(B, T)``, and which of them are their first."""
        starts = offsets[steps[:, 0]]
        lengths = offsets[steps[:, -1] + 1] - starts
        places = np.arange(int(lengths.max()))
        positions = starts[:, None] + np.minimum(places, lengths[:, None] - 1)  # (B, S)
        flat = to_device(positions.reshape(-1), self.device)
        padding = None
        if int(lengths.min()) < len(places):
            padding = to_device(places >= lengths[:, None], self.device)
        return {
            "lengths": lengths_to_device(lengths, self.device),
            "first_subwords": to_device(offsets[steps] - starts[:, None], self.device),
            "n_steps": lengths_to_device(n_steps, self.device),
            **self.fields[0](positions, flat, padding),
        }

    def _forced(
        self, batch: dict[str, Tensor], indices: NDArray[np.int64], chosen: Tensor
    ) -> MicroBatch:
        """Return sequences whose network reads the targets, shifted by one step."""
        assert self.forced is not None
        assert self.targets is not None
        starts = self.forced[indices]
        lengths = self.forced[indices + 1] - starts
        if self.max_forced is not None:
            lengths = np.minimum(lengths, self.max_forced)
        steps = np.minimum(np.arange(int(lengths.max())), lengths[:, None] - 1)  # (B, U)
        flat = to_device((starts[:, None] + steps).reshape(-1), self.device)
        targets = self.targets.index_select(0, flat).view(steps.shape)  # (B, U)
        batch["previous"] = F.pad(targets[:, :-1], (1, 0))  # 0 begins a target
        batch["target_lengths"] = lengths_to_device(lengths, self.device)
        weights = None
        if self.weights is not None:
            weights = self.weights.index_select(0, chosen)[:, None]  # (B, 1)
        return MicroBatch(batch, targets, weights, int(lengths.sum()), indices)


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
        for part in batch:
            lengths = part.inputs["lengths"]
            total += len(lengths) * int(lengths.max())
            real += int(lengths.sum())
    return 1 - real / total
