"""RaggedArray: sequences of unequal length in one flat array, without padding.

This file owns the array alone. ``containers`` validates its values; padding begins in
``skrnn.training``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Steps that training reads of a sequence at most, in multiples of this quantile of the lengths.
WINDOW_RATIO, QUANTILE = 20, 0.95


def window_size(lengths: NDArray[np.int64]) -> int:
    """Return the most steps that training reads of a sequence, by the lengths of all.

    Of fewer than 20 sequences the quantile is the longest, and none is cut: each of them is
    too large a share of the data.
    """
    return WINDOW_RATIO * int(np.quantile(lengths, QUANTILE, method="inverted_cdf"))


@dataclass(frozen=True, eq=False)
class RaggedArray:
    """Sequences of unequal length, stored one after the other.

    Parameters
    ----------
    values : ndarray of shape (total_steps, ...)
        All steps of all sequences.
    offsets : int64 ndarray of shape (n_sequences + 1,)
        Sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn.data.ragged import RaggedArray
    >>> ragged = RaggedArray.from_sequences([np.array([1, 2, 3]), np.array([4])])
    >>> len(ragged), ragged.lengths.tolist(), ragged[1].tolist()
    (2, [3, 1], [4])
    """

    values: NDArray
    offsets: NDArray[np.int64]

    @classmethod
    def from_sequences(cls, sequences: Sequence[NDArray]) -> RaggedArray:
        """Join arrays ``(n_steps_i, ...)`` of one dtype and equal trailing shape."""
        lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        return cls(np.concatenate(sequences), offsets_of(lengths))

    @classmethod
    def from_lengths(cls, values: NDArray, lengths: ArrayLike) -> RaggedArray:
        """Cut a flat array into sequences of the given lengths."""
        return cls(values, offsets_of(np.asarray(lengths, dtype=np.int64)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each sequence, int64 of shape (n_sequences,)."""
        return self.offsets[1:] - self.offsets[:-1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray:
        """Return sequence ``index`` as a view."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        index %= len(self)
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[NDArray]:
        return (self[i] for i in range(len(self)))

    def take(self, chosen: ArrayLike) -> RaggedArray:
        """Return sequences by index, in that order, or by mask, as a new RaggedArray."""
        indices = np.arange(len(self))[np.asarray(chosen)]
        lengths = self.lengths[indices]
        offsets = offsets_of(lengths)
        steps = np.arange(offsets[-1]) + np.repeat(
            self.offsets[indices] - offsets[:-1], lengths
        )
        return RaggedArray(self.values[steps], offsets)

    def with_values(self, values: NDArray) -> RaggedArray:
        """Return the same partition over other values, one for each step."""
        return RaggedArray(values, self.offsets)

    def rows_of(
        self, indices: NDArray[np.int64], n_steps: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the rows of some sequences' steps, and where a padded batch has them.

        Parameters
        ----------
        indices : int64 ndarray of shape (B,)
        n_steps : int
            Steps of the padded batch.

        Returns
        -------
        rows : int64 ndarray of shape (n_real,)
            Rows of ``values``.
        real : bool ndarray of shape (B, n_steps)
            Where the batch has these steps.
        """
        places = np.arange(n_steps)
        starts = self.offsets[indices]
        real = places < (self.offsets[indices + 1] - starts)[:, None]
        return (starts[:, None] + places)[real], real

    def step_of(self, position: int) -> tuple[int, int]:
        """Return ``(sequence, step)`` of a row of ``values``."""
        sequence = int(np.searchsorted(self.offsets, position, side="right")) - 1
        return sequence, int(position - self.offsets[sequence])


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each sequence begins, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    lengths.cumsum(out=offsets[1:])
    return offsets


def cut_runs(
    order: NDArray[np.int64], lengths: NDArray[np.int64], max_rows: int, max_steps: int
) -> Iterator[NDArray[np.int64]]:
    """Yield runs of ``order`` of at most ``max_rows`` rows and ``max_steps`` padded steps.

    ``order`` is that of rising ``lengths``; a sequence that is longer stands alone.
    """
    start = 0
    while start < len(order):
        rows = max_rows
        while True:
            longest = int(lengths[order[min(start + rows, len(order)) - 1]])
            fitting = max(1, max_steps // longest)
            if rows <= fitting:
                break
            rows = max(fitting, rows // 2)
        yield order[start : start + rows]
        start += rows


def object_array(elements: Sequence) -> NDArray[np.object_]:
    """Return a 1-D object array of any elements.

    ``np.array`` would make it 2-D when all the elements have the same length.
    """
    return np.fromiter(elements, dtype=object, count=len(elements))


def in_groups(elements: Sequence | NDArray, size: int) -> NDArray[np.object_]:
    """Return a 1-D object array of lists of ``size`` neighbouring elements each."""
    starts = range(0, len(elements), size)
    return object_array([list(elements[start : start + size]) for start in starts])
