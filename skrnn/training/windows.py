"""Training windows: part of a sequence that is far longer than the others.

One recording of 50,000 steps among texts of 20 would decide the memory and the time of a
whole fit. An epoch trains on a window of it, drawn anew; predictions read all steps. Of a pair,
whose steps belong together in no known way, training reads the beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._warnings import warn
from skrnn.data.ragged import QUANTILE, WINDOW_RATIO, RaggedArray, window_size
from skrnn.training.dataset import EncodedDataset


class Windows(NamedTuple):
    """The sequences that are cut in training.

    Attributes
    ----------
    n_steps : int
        Steps of a window.
    indices : int64 ndarray of shape (n_long,)
        The longer sequences.
    starts : list of ranges or int64 ndarrays
        The steps at which a window of each of them may begin.
    n_target_steps : int, optional
        The most steps of a target that the network reads (teacher forcing).
    weight_scale : float
        Factor of the loss's weights: their mean over what is read is that over all.
    """

    n_steps: int
    indices: NDArray[np.int64]
    starts: Sequence[range | NDArray[np.int64]]
    n_target_steps: int | None = None
    weight_scale: float = 1.0

    def draw(self, n_sequences: int, generator: torch.Generator) -> NDArray[np.int64]:
        """Return where each sequence begins in this epoch, 0 for the short ones."""
        drawn = np.zeros(n_sequences, np.int64)
        random = torch.rand(len(self.indices), generator=generator, device="cpu").tolist()
        for i, starts, value in zip(self.indices, self.starts, random, strict=True):
            drawn[i] = starts[int(value * len(starts))]
        return drawn


def in_windows(
    dataset: EncodedDataset,
    ends: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
    *,
    patch_size: int = 1,
    quiet: bool = False,
) -> EncodedDataset:
    """Return a training dataset whose far longest sequences are read in windows.

    Datasets that are read in chunks stay as they are.

    Parameters
    ----------
    dataset : EncodedDataset
    ends : tuple of bool ndarrays of shape (n_classes,), optional
        Which classes may come first and last, of targets that are one class a step.
    patch_size : int
        Steps of the user that the dataset reads as one.
    quiet : bool
        Whether nobody is warned of them.
    """
    lengths = dataset.lengths
    n_steps = window_size(lengths)
    unit = "steps" if patch_size == 1 else f"patches of {patch_size} steps"
    if dataset.forced:
        return _beginnings(dataset, n_steps, unit, quiet)
    if dataset.bptt is not None or lengths.max() <= n_steps:
        return dataset
    indices = np.flatnonzero(lengths > n_steps)
    starts: Sequence[range | NDArray[np.int64]]
    starts = [range(n - n_steps + 1) for n in lengths[indices].tolist()]
    if ends is not None and isinstance(dataset.targets, RaggedArray):
        labels = [dataset.targets[i] for i in indices.tolist()]
        starts = [_allowed(y, n_steps, *ends) for y in labels]
    if not quiet:
        _warn_of_windows(dataset, indices, n_steps, unit)
    return _read_in(dataset, Windows(n_steps, indices, starts))


def _beginnings(
    dataset: EncodedDataset, n_steps: int, unit: str, quiet: bool
) -> EncodedDataset:
    """Return pairs of which training reads the first steps of either side."""
    most = {"X": n_steps, "y": window_size(dataset.target_lengths)}
    sides = {"X": (dataset.lengths, unit), "y": (dataset.target_lengths, "tokens")}
    found = {name: np.flatnonzero(n > most[name]) for name, (n, _) in sides.items()}
    if not any(map(len, found.values())):
        return dataset
    for name, (lengths, of_side) in sides.items():
        if len(found[name]) and not quiet:
            longest = int(np.argmax(lengths))
            place = int(dataset.origin_of(np.array([longest]))[0])
            warn(
                f"Training reads the first {most[name]:,} {of_side} of a sequence of {name} "
                f"that has more, {WINDOW_RATIO} times the {QUANTILE} quantile of the lengths: "
                f"{len(found[name]):,} of them, {name}[{place}] the longest"
            )
    starts = [range(1)] * len(found["X"])
    return _read_in(dataset, Windows(n_steps, found["X"], starts, most["y"]))


def _read_in(dataset: EncodedDataset, windows: Windows) -> EncodedDataset:
    """Return the dataset as it is read in windows, with weights of the mean over all steps."""
    cut = replace(dataset, windows=windows)
    weights = dataset.weights
    if weights is not None and isinstance(dataset.targets, RaggedArray):
        means: Any = weights
        if isinstance(weights, RaggedArray):
            sums = np.append(0.0, np.cumsum(weights.values, dtype=np.float64))
            ends = weights.offsets
            means = (sums[ends[1:]] - sums[ends[:-1]]) / weights.lengths
        mean = np.average(means, weights=cut.target_lengths)
        if mean > 0:
            scale = float(np.average(means, weights=dataset.target_lengths) / mean)
            cut = scaled(cut, scale)
            return replace(cut, windows=windows._replace(weight_scale=scale))
    return cut


def scaled(dataset: EncodedDataset, factor: float) -> EncodedDataset:
    """Return a dataset whose weights, if it has some, are multiplied by a factor."""
    weights = dataset.weights
    if weights is None:
        return dataset
    if isinstance(weights, RaggedArray):
        new: Any = weights.with_values(weights.values * np.float32(factor))
    else:
        new = weights * np.float32(factor)
    return replace(dataset, weights=new)


def _allowed(
    labels: NDArray[np.int64],
    n_steps: int,
    first: NDArray[np.bool_],
    last: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the starts of windows that no entity crosses, 0 if there are none."""
    fits = first[labels[: len(labels) - n_steps + 1]] & last[labels[n_steps - 1 :]]
    found = np.flatnonzero(fits)
    return found if len(found) else np.zeros(1, np.int64)


def _warn_of_windows(
    dataset: EncodedDataset, indices: NDArray[np.int64], n_steps: int, unit: str
) -> None:
    longest = indices[np.argmax(dataset.lengths[indices])]
    place = int(dataset.origin_of(np.array([longest]))[0])
    which = f"X[{place}] has {int(dataset.lengths[longest]):,} {unit}"
    if len(indices) > 1:
        which = f"{len(indices):,} sequences have more (the longest, {which})"
    warn(
        f"Training reads a random window of {n_steps:,} {unit} of a sequence that has more, "
        f"another in each pass: {WINDOW_RATIO} times the {QUANTILE} quantile of the "
        f"lengths; {which}. Predictions read all steps"
    )
