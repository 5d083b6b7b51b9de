"""Packed sequences: the real steps of a batch, without any padding.

Sequences are sorted by length, the longest first, and the steps are stacked one after the
other: first the first step of every sequence, then the second of those that have one. The
sequences that are alive at a step are then the first rows of the step before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn.modules.masking import select_rows
from skrnn.modules.transfer import to_device


class Steps(NamedTuple):
    """The rows of each step, in the order in which a cell reads.

    Attributes
    ----------
    starts : int64 ndarray of shape (T,)
        The first row of each step.
    sizes : int64 ndarray of shape (T,)
        Its rows, one a sequence.
    """

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def equal(cls, n_sequences: int, n_steps: int) -> Steps:
        """Return the steps of sequences of one length."""
        starts = np.arange(0, n_sequences * n_steps, n_sequences)
        return cls(starts, np.full(n_steps, n_sequences))

    def mirrored(self) -> Steps:
        """Return the steps in the opposite order."""
        return Steps(self.starts[::-1].copy(), self.sizes[::-1].copy())

    def previous(self) -> NDArray[np.int64]:
        """Return, for each row, the row that the cell read before it.

        Row 0 is the first of ``B`` initial states, row ``B`` the first packed row.
        """
        n_sequences = int(self.sizes.max())
        found = np.empty(int(self.sizes.sum()), np.int64)
        before, n_before = 0, n_sequences
        for start, size in zip(self.starts.tolist(), self.sizes.tolist(), strict=True):
            rows = np.arange(
                size
            )  # a sequence that begins here follows its initial state
            rows[: min(size, n_before)] += before
            found[start : start + size] = rows
            before, n_before = n_sequences + start, size
        return found


class Packing:
    """How right-padded sequences ``(B, T, F)`` are packed into rows ``(N, F)``.

    Parameters
    ----------
    lengths : int64 ndarray of shape (B,)
        Real steps of each, at least 1.
    n_steps : int
        Steps of the padded sequences.
    device : torch.device or str
        Where these are.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        n_steps: int,
        device: torch.device | str = "cpu",
    ):
        self.shape = (len(lengths), n_steps)
        #: place of each packed row in the padded steps; None where all are of one length
        self.places: Tensor | None = None
        if (lengths == n_steps).all():
            self.forward = Steps.equal(len(lengths), n_steps)
            return
        order = np.argsort(-lengths, kind="stable")
        steps = np.arange(lengths.max())
        alive = steps[:, None] < lengths[order]  # (T', B)
        sizes = alive.sum(axis=1)
        starts = np.cumsum(sizes) - sizes
        self.forward = Steps(starts, sizes)
        places = (order * n_steps + steps[:, None])[alive]  # (N,)
        self.places = to_device(places, device)
        #: where each sequence is among the sorted ones
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self.rank = to_device(rank, device)

    def sequences(self, device: torch.device) -> Tensor:
        """Return the sequence ``(N,)`` of each packed row."""
        n_sequences, n_steps = self.shape
        if self.places is None:
            return torch.arange(n_sequences, device=device).repeat(n_steps)
        return self.places // n_steps

    @property
    def backward(self) -> Steps:
        """The steps of a cell that reads each sequence from its end."""
        return self.forward.mirrored()

    def pack(self, x: Tensor) -> Tensor:
        """Return the rows ``(N, F)`` of the real steps of x ``(B, T, F)``."""
        if self.places is None:
            return x.transpose(0, 1).reshape(-1, x.shape[2])
        return select_rows(x.reshape(-1, x.shape[2]), self.places)

    def unpack(self, rows: Tensor) -> Tensor:
        """Return ``(B, T, F)`` of rows ``(N, F)``, zeros in the padding."""
        n_sequences, n_steps = self.shape
        size = rows.shape[1]
        if self.places is None:
            return rows.view(n_steps, n_sequences, size).transpose(0, 1)
        padded = rows.new_zeros((n_sequences * n_steps, size))
        return padded.index_copy_(0, self.places, rows).view(n_sequences, n_steps, size)

    def unsort(self, states: Tensor) -> Tensor:
        """Return states ``(B, H)`` of the sorted sequences in the order of the batch."""
        return states if self.places is None else states.index_select(0, self.rank)
