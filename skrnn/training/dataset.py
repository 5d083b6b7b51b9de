"""Encoded datasets: flat ids or features with their targets and weights.

Nothing here is padded, batched or on a device; see ``order`` and ``collate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray

if TYPE_CHECKING:
    from skrnn.training.windows import Windows


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
        Their mean over the training data is 1; ragged ones weight single steps.
    forced : bool
        Whether the network reads the targets, shifted by one step (teacher forcing).
    origin : int64 ndarray of shape (n_sequences,), optional
        Index of each sequence in the user's X, for messages; None where they are equal.
    bptt : int, optional
        Steps of a chunk, for a network that carries its state from one to the next.
    windows : Windows, optional
        The sequences of which training reads a part.
    """

    sequences: EncodedSequences
    targets: NDArray | RaggedArray | None = None
    weights: NDArray[np.float32] | RaggedArray | None = None
    forced: bool = False
    origin: NDArray[np.int64] | None = None
    bptt: int | None = None
    windows: Windows | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence."""
        return self.sequences.steps.lengths

    @property
    def read_lengths(self) -> NDArray[np.int64]:
        """Steps, or subwords, that the network reads of each sequence, or a window of it."""
        read = self.sequences.read.lengths
        if self.windows is None:
            return read
        lengths = np.maximum(self.lengths, 1)
        share = np.minimum(lengths, self.windows.n_steps)  # of lengths, rounded up
        return -(-share * read // lengths)

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """Steps of each target, or a window of it; the sequences' unless ``forced``."""
        lengths = self.lengths
        if self.forced and isinstance(self.targets, RaggedArray):
            lengths = self.targets.lengths
        if self.windows is None:
            return lengths
        return np.minimum(lengths, self.windows.n_target_steps or self.windows.n_steps)

    @property
    def longer_lengths(self) -> NDArray[np.int64]:
        """Steps that a call of the network needs for each: those it reads, or the target's."""
        return np.maximum(self.read_lengths, self.target_lengths)

    @property
    def n_rows(self) -> int:
        """Sequences, or chunks of long ones: what the size of a batch depends on."""
        if self.bptt is None:
            return len(self)
        return max(len(self), int(self.lengths.sum()) // self.bptt)

    @property
    def n_targets(self) -> int | None:
        """Target steps that are read; None where each sequence has one target."""
        if not isinstance(self.targets, RaggedArray):
            return None
        if self.windows is None:
            return len(self.targets.values)
        return int(self.target_lengths.sum())

    def origin_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices in the user's X of the sequences at ``indices``."""
        return indices if self.origin is None else self.origin[indices]
