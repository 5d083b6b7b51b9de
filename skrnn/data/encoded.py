"""Encoded sequences and static columns: ids and numbers for networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray

#: Stands for a sequence without tokens: an unknown token without characters.
NO_TOKEN = ""


class EncodedStatic(NamedTuple):
    """Encoded static columns.

    Attributes
    ----------
    numbers : float32 ndarray of shape (n_sequences, n_numbers)
    categories : int64 ndarray of shape (n_sequences, n_categories)
        Ids, 0 for categories that training has not seen.
    """

    numbers: NDArray[np.float32]
    categories: NDArray[np.int64]

    def take(self, indices: NDArray) -> EncodedStatic:
        """Return the values of some sequences."""
        return EncodedStatic(self.numbers[indices], self.categories[indices])


@dataclass(frozen=True)
class EncodedSequences:
    """Encoded X: a step field as flat ids or features, with tables, and what is beside it.

    Attributes
    ----------
    steps : RaggedArray
        float32 ``(total_steps, n_features)`` or int64 ids ``(total_steps,)``.
    words : int64 ndarray of shape (total_steps,), optional
        With a char encoder: each step's row in ``characters``.
    characters : int64 ndarray of shape (n_distinct_words, n_characters), optional
        The characters (or n-grams) of this X's distinct words, zeros after them.
    vectors : float32 ndarray of shape (n_outside, dim), optional
        Pre-trained vectors of this X's tokens that are not in the vocabulary; their ids
        follow the vocabulary's.
    beside : tuple of EncodedSequences
        Further step fields, with the same offsets.
    static : EncodedStatic, optional
        One row a sequence.
    future : float32 ndarray of shape (n_sequences, horizon, n_known), optional
        What is known ahead of each sequence's end.
    subwords : RaggedArray, optional
        int64 ids of the subwords of each step, which are read in its place; ``words`` has
        one row a subword then.
    """

    steps: RaggedArray
    words: NDArray[np.int64] | None = None
    characters: NDArray[np.int64] | None = None
    vectors: NDArray[np.float32] | None = None
    beside: tuple[EncodedSequences, ...] = ()
    static: EncodedStatic | None = None
    future: NDArray[np.float32] | None = None
    subwords: RaggedArray | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def fields(self) -> tuple[EncodedSequences, ...]:
        """All step fields."""
        return (self, *self.beside)

    @property
    def read(self) -> RaggedArray:
        """Input of the network for each sequence: its steps, or all their subwords."""
        if self.subwords is None:
            return self.steps
        offsets = self.subwords.offsets[self.steps.offsets]
        return RaggedArray(self.subwords.values, offsets)

    def take(self, indices: NDArray) -> EncodedSequences:
        """Return some of the sequences; the tables are shared."""
        words, subwords = self.words, self.subwords
        if subwords is not None:
            places = self.steps.with_values(np.arange(len(subwords))).take(indices).values
            if words is not None:
                words = subwords.with_values(words).take(places).values
            subwords = subwords.take(places)
        elif words is not None:
            words = self.steps.with_values(words).take(indices).values
        return replace(
            self,
            steps=self.steps.take(indices),
            words=words,
            subwords=subwords,
            beside=tuple(field.take(indices) for field in self.beside),
            static=None if self.static is None else self.static.take(indices),
            future=None if self.future is None else self.future[indices],
        )
