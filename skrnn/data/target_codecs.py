"""Codecs of y: from checked labels, numbers and tokens to targets, and from outputs back.

Each has ``fit``, ``encode`` and ``decode``.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.vocabulary import N_RESERVED, Vocabulary, distinct_tokens


class LabelCodec:
    """One class a sequence: labels ↔ int64 ids."""

    def fit(self, y: NDArray, classes: NDArray | None = None) -> LabelCodec:
        """Learn the sorted classes, or take the given ones."""
        self.classes = np.unique(y if classes is None else classes)
        return self

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.classes)

    def encode(self, y: NDArray, name: str = "y") -> NDArray[np.int64]:
        """Return each label's position in ``classes``; a new label is a ValueError."""
        ids_of = {label: i for i, label in enumerate(self.classes.tolist())}
        ids = np.array([ids_of.get(label, -1) for label in y.tolist()], dtype=np.int64)
        unknown = np.flatnonzero(ids < 0)
        if len(unknown):
            raise ValueError(
                f"{name}[{unknown[0]}] is {y.tolist()[unknown[0]]!r}, not in classes "
                f"{self.classes.tolist()}"
            )
        return ids

    def decode(self, ids: NDArray) -> NDArray:
        """Return the labels at ``ids``."""
        return self.classes[ids]


class StepLabelCodec:
    """One class a step: ragged labels ↔ ragged int64 ids."""

    def fit(self, y: RaggedArray, classes: NDArray | None = None) -> StepLabelCodec:
        """Learn the sorted classes, or take the given ones."""
        seen = sorted(set(y.values)) if classes is None else classes
        self.classes = np.unique(np.asarray(seen))
        return self

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.classes)

    def encode(self, y: RaggedArray, name: str = "y") -> RaggedArray:
        """Return each label's position in ``classes``; a new label is a ValueError."""
        ids_of = {label: i for i, label in enumerate(self.classes.tolist())}
        ids = np.fromiter(
            (ids_of.get(label, -1) for label in y.values), np.int64, len(y.values)
        )
        unknown = np.flatnonzero(ids < 0)
        if len(unknown):
            sequence, step = y.step_of(unknown[0])
            raise ValueError(
                f"{name}[{sequence}], step {step} is {y.values[unknown[0]]!r}, which is "
                f"not in classes {self.classes.tolist()}"
            )
        return y.with_values(ids)

    def decode(self, ids: RaggedArray) -> list[list[Hashable]]:
        """Return a list of labels, Python's own, for each sequence."""
        names = object_array(self.classes.tolist())
        labels = names[ids.values].tolist()
        ends = ids.offsets.tolist()
        return [labels[start:end] for start, end in pairwise(ends)]


class IndicatorCodec:
    """Several labels a sequence: 0/1 indicator matrix ↔ float32."""

    def fit(self, y: NDArray, classes: NDArray | None = None) -> IndicatorCodec:
        """Learn the number of labels."""
        self.classes = np.arange(y.shape[1]) if classes is None else np.asarray(classes)
        return self

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.classes)

    def encode(self, y: NDArray, name: str = "y") -> NDArray[np.float32]:
        """Return the matrix as float32; another number of labels is a ValueError."""
        if y.shape[1] != self.n_outputs:
            raise ValueError(f"{name} has {y.shape[1]} labels, expected {self.n_outputs}")
        return y.astype(np.float32)

    def decode(self, ids: NDArray) -> NDArray[np.int64]:
        """Return bools ``(n_sequences, n_labels)`` as 0/1 integers."""
        return ids.astype(np.int64)


class NumberCodec:
    """Real targets ↔ standardised float32 columns, relative to each sequence's level.

    ``levels`` is what ``NumericCodec.levels`` gives: shift and scale of each sequence.
    """

    def fit(
        self,
        y: NDArray,
        levels: tuple[NDArray, NDArray] | None = None,
        weight: NDArray | None = None,
    ) -> NumberCodec:
        """Learn the (weighted) mean and deviation of each output.

        Relative to levels the mean stays 0: staying at the level is what a network that
        has learned nothing predicts.
        """
        self.is_1d = y.ndim == 1
        columns = self._relative(y, levels)
        self.mean = np.average(columns, axis=0, weights=weight)
        if levels is not None:
            self.mean = np.zeros_like(self.mean)
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            variance = np.average((columns - self.mean) ** 2, axis=0, weights=weight)
            deviation = np.sqrt(variance)
        if not np.isfinite(deviation).all():
            raise ValueError("y is too large: its deviation overflows float64")
        constant = deviation <= 1e-12 * (1 + np.abs(self.mean))
        self.scale = np.where(constant, 1.0, deviation)
        return self

    @property
    def n_outputs(self) -> int:
        """Columns of y."""
        return len(self.mean)

    def encode(
        self, y: NDArray, levels: tuple[NDArray, NDArray] | None = None, name: str = "y"
    ) -> NDArray[np.float32]:
        """Return ``(n_sequences, n_outputs)`` standardised targets."""
        columns = self._relative(y, levels)
        if columns.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {columns.shape[1]} outputs, expected {self.n_outputs}"
            )
        return ((columns - self.mean) / self.scale).astype(np.float32)

    def decode(
        self, values: NDArray, levels: tuple[NDArray, NDArray] | None = None
    ) -> NDArray[np.float64]:
        """Return predictions in y's units and form.

        ``values`` may have quantiles in front of the outputs:
        ``(n_sequences, ..., n_outputs)``.
        """
        result = values.astype(np.float64) * self.scale + self.mean
        if levels is not None:
            shift, scale = (
                level.reshape(-1, *[1] * (values.ndim - 1)) for level in levels
            )
            result = result * scale + shift
        return result[..., 0] if self.is_1d else result

    @staticmethod
    def _relative(y: NDArray, levels: tuple[NDArray, NDArray] | None) -> NDArray:
        columns = y.reshape(len(y), -1)
        return columns if levels is None else (columns - levels[0]) / levels[1]


class TargetCodec:
    """Token sequences that a network writes ↔ ragged int64 ids.

    Beside the reserved ids and the tokens there is one more, ``end``, the last. The
    padding id stands before the first token where a network is fed what it has written.

    Parameters
    ----------
    min_count, max_size :
        As in ``Vocabulary.learn``.
    """

    def __init__(self, *, min_count: int = 1, max_size: int | None = None):
        self.min_count = min_count
        self.max_size = max_size

    def fit(self, steps: RaggedArray) -> TargetCodec:
        """Learn the vocabulary."""
        codes, tokens = distinct_tokens(steps.values)
        self.vocabulary = Vocabulary.learn(
            tokens,
            np.bincount(codes, minlength=len(tokens)),
            min_count=self.min_count,
            max_size=self.max_size,
        )
        return self

    @property
    def end(self) -> int:
        """The id that ends a sequence."""
        return len(self.vocabulary)

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.vocabulary) + 1

    def encode(self, steps: RaggedArray) -> RaggedArray:
        """Return ids, ``end`` behind each sequence's last."""
        codes, tokens = distinct_tokens(steps.values)
        ids = self.vocabulary.encode(tokens)[codes]
        return RaggedArray.from_lengths(
            np.insert(ids, steps.offsets[1:], self.end), steps.lengths + 1
        )

    def decode(self, ids: RaggedArray) -> list[list[Hashable]]:
        """Return a list of tokens for each sequence of ids without an end."""
        names = object_array([None] * N_RESERVED + list(self.vocabulary.ids))
        tokens = names[ids.values].tolist()
        return [tokens[start:end] for start, end in pairwise(ids.offsets.tolist())]
