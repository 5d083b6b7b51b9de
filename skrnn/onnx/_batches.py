"""Batches of encoded sequences, as a graph takes them. Padding begins and ends here."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import cut_runs

#: Sequences, and padded steps, of one batch.
MAX_ROWS, MAX_STEPS = 128, 3200
#: Numbers of a batch's steps: images have many in one.
MAX_NUMBERS = 1 << 22


class Batch(NamedTuple):
    """Some sequences, padded to the longest of them.

    Attributes
    ----------
    indices : int64 ndarray of shape (B,)
    lengths : int64 ndarray of shape (B,)
        Steps of X; the graph may read their subwords.
    inputs : dict of str to ndarray
        Of a graph.
    """

    indices: NDArray[np.int64]
    lengths: NDArray[np.int64]
    inputs: dict[str, NDArray]


def make_batches(sequences: EncodedSequences, names: Collection[str]) -> Iterator[Batch]:
    """Yield all sequences in batches, the shortest first.

    Parameters
    ----------
    sequences : EncodedSequences
    names : collection of str
        The inputs that the graph has.
    """
    lengths = sequences.read.lengths
    order = np.argsort(lengths, kind="stable")
    widest = max(math.prod(field.read.values.shape[1:]) for field in sequences.fields)
    max_steps = min(MAX_STEPS, max(1, MAX_NUMBERS // max(1, widest)))
    for indices in cut_runs(order, lengths, MAX_ROWS, max_steps):
        yield make_batch(sequences, indices, names)


def make_batch(
    sequences: EncodedSequences, indices: NDArray[np.int64], names: Collection[str]
) -> Batch:
    """Return the sequences at ``indices``, each of at least one step."""
    offsets = sequences.read.offsets
    starts = offsets[indices]
    lengths = offsets[indices + 1] - starts
    steps = np.arange(int(lengths.max()))
    positions = starts[:, None] + np.minimum(steps, lengths[:, None] - 1)  # (B, T)
    padding = None
    if len(indices) > 1 and int(lengths.min()) < len(steps):
        padding = steps >= lengths[:, None]
    inputs: dict[str, NDArray] = {"lengths": lengths}
    if sequences.subwords is not None:
        inputs["first_subwords"], lengths = _first_subwords(sequences, indices)
    for j, field in enumerate(sequences.fields):
        suffix = f".{j}" if j else ""
        values = field.read.values[positions]  # (B, T[, F])
        if padding is not None:
            values[padding] = 0
        inputs[("tokens" if values.ndim == 2 else "features") + suffix] = values
        if field.words is not None and field.characters is not None:
            words, characters = _distinct_words(field, positions)
            inputs["words" + suffix], inputs["characters" + suffix] = words, characters
    if sequences.static is not None:
        inputs["static_numbers"] = sequences.static.numbers[indices]
        inputs["static_categories"] = sequences.static.categories[indices]
    if sequences.future is not None:
        inputs["future"] = sequences.future[indices]
    return Batch(indices, lengths, {name: inputs[name] for name in names})


def _first_subwords(
    sequences: EncodedSequences, indices: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the place of each step's first subword ``(B, T)``, and the steps ``(B,)``."""
    assert sequences.subwords is not None
    starts = sequences.steps.offsets[indices]
    lengths = sequences.steps.offsets[indices + 1] - starts
    places = np.minimum(np.arange(int(lengths.max())), lengths[:, None] - 1)
    first = sequences.subwords.offsets[starts[:, None] + places]  # (B, T)
    return first - first[:, :1], lengths


def _distinct_words(
    field: EncodedSequences, positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each step's row ``(B, T)`` in a batch's own words, and their characters."""
    assert field.words is not None
    assert field.characters is not None
    if len(positions) == len(field):  # it is all of X
        return field.words[positions], field.characters
    words, of_step = np.unique(field.words[positions], return_inverse=True)
    characters = field.characters[words]
    longest = int((characters != 0).sum(1).max())
    return of_step.reshape(positions.shape), characters[:, :longest]


def check_finite_outputs(
    outputs: NDArray[np.float32],
    batch: Batch,
    places: NDArray[np.int64] | None = None,
) -> None:
    """Raise a ValueError that names a sequence whose outputs are not finite.

    ``places`` are those of all sequences in the user's X, if some were left out.
    ``outputs`` are ``(B, n_outputs)``, or ``(B, T, n_outputs)`` of steps, of which the
    padded ones may hold anything.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(outputs.sum()):
            return
    wrong = ~np.isfinite(outputs.reshape(len(outputs), -1))
    if outputs.ndim == 3:
        real = np.arange(outputs.shape[1]) < batch.lengths[:, None]  # (B, T)
        wrong &= np.repeat(real, outputs.shape[2], axis=1)
    if places is not None:
        batch = batch._replace(indices=places[batch.indices])
    raise_not_finite(batch, np.flatnonzero(wrong.any(1)))


def raise_not_finite(batch: Batch, rows: NDArray[np.int64]) -> None:
    """Raise a ValueError that names the first sequence of some rows, if there are any."""
    if not len(rows):
        return
    row = rows[np.argmin(batch.indices[rows])]
    n_steps, others = int(batch.lengths[row]), len(rows) - 1
    more = f" and {others} more" if others else ""
    raise ValueError(
        f"The network's output is not finite for sequence {batch.indices[row]} "
        f"({n_steps:,} step{'s' * (n_steps != 1)}){more}: it overflows float32. Pass "
        "sequences of lengths and values like those of training"
    )
