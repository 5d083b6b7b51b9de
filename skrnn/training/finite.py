"""Outputs that are not finite: an error that names the sequence.

A ReLU cell overflows on sequences far longer than those of training, and any network on
features far larger. The label of such an output is none.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn._warnings import warn
from skrnn.data.ragged import RaggedArray
from skrnn.modules.masking import length_mask
from skrnn.training.dataset import EncodedDataset

if TYPE_CHECKING:
    from skrnn.training.net import SequenceNet

#: Sequences that are tried after training.
N_TRIED = 16


class NotFiniteOutput(ValueError):
    """The network's output for a sequence is not finite."""


def check_finite_rows(
    net: SequenceNet,
    dataset: EncodedDataset,
    indices: NDArray[np.int64],
    values: Tensor,
    lengths: Tensor | None = None,
) -> None:
    """Raise a NotFiniteOutput that names the first sequence with values that are not finite.

    Parameters
    ----------
    net : SequenceNet
    dataset : EncodedDataset
    indices : int64 ndarray of shape (B,)
        The sequences of a batch.
    values : float tensor of shape (B, ...)
        A row a sequence, ``(B, T, ...)`` with ``lengths``.
    lengths : int64 tensor of shape (B,), optional
        Real steps of each sequence; the padding may hold anything.
    """
    if math.isfinite(values.sum().item()):
        return  # one pass that allocates nothing
    wrong = ~values.isfinite()
    if lengths is not None:
        real = length_mask(lengths, values.shape[1])  # (B, T)
        wrong = wrong.flatten(2).any(2) & real if wrong.ndim > 2 else wrong & real
    rows = wrong.reshape(len(wrong), -1).any(1)  # (B,)
    raise_not_finite(net, dataset, indices[rows.cpu().numpy()])


def raise_not_finite(
    net: SequenceNet, dataset: EncodedDataset, indices: NDArray[np.int64]
) -> None:
    """Raise a NotFiniteOutput that names the first of some sequences, if there are any."""
    if len(indices) > 0:
        raise NotFiniteOutput(
            f"The network's output is not finite for {_name(dataset, indices)}: it "
            f"overflows float32. {_advice(net)}"
        )


def _name(dataset: EncodedDataset, indices: NDArray[np.int64]) -> str:
    """Return the first of some sequences, and how many others there are."""
    first = indices[np.argmin(indices)]
    n_steps, n_others = int(dataset.lengths[first]), len(indices) - 1
    place = int(dataset.origin_of(np.array([first]))[0])
    others = f" and {n_others} more" if n_others else ""
    return f"sequence {place} ({n_steps:,} step{'s' * (n_steps != 1)}){others}"


def _advice(net: SequenceNet) -> str:
    """Return how to obtain finite outputs, for a message."""
    ways = "Pass sequences of lengths and values like those of training"
    if any(not cell.is_bounded for cell in net.module_.cells().values()):
        ways += (
            ', or fit with cell="lstm" or "gru", whose states cannot grow with the steps'
        )
    return ways


def warn_of_overflow(net: SequenceNet, dataset: EncodedDataset) -> None:
    """Warn of training sequences for which the trained network has no finite output.

    A cell whose state grows with the steps is tried on the longest ones, of which training
    may have read windows or chunks, or skipped the updates.
    """
    if all(cell.is_bounded for cell in net.module_.cells().values()):
        return
    from skrnn.training.inference import score_targets

    longest = np.argsort(-dataset.lengths, kind="stable")[:N_TRIED]
    tried = _some(dataset, longest)
    with torch.no_grad():
        losses = score_targets(net, tried, check=False)
    wrong = np.flatnonzero(~np.isfinite(losses))
    if len(wrong):
        warn(
            "After training the network's output is not finite for "
            f"{_name(tried, wrong)} of the training data: it overflows float32, and "
            f"predictions of sequences like it are an error. {_advice(net)}"
        )


def _some(dataset: EncodedDataset, indices: NDArray[np.int64]) -> EncodedDataset:
    """Return some sequences of a dataset, unweighted."""
    targets: Any = dataset.targets
    return replace(
        dataset,
        sequences=dataset.sequences.take(indices),
        targets=(
            targets.take(indices)
            if isinstance(targets, RaggedArray)
            else targets[indices]
        ),
        weights=None,
        origin=dataset.origin_of(indices),
        windows=None,
    )
