"""One class a sequence, or several labels a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skrnn._warnings import warn
from skrnn.data.containers import CheckedSequences, is_sequence
from skrnn.data.layouts import parse_column
from skrnn.data.steps import shown
from skrnn.data.targets._base import (
    CheckedData,
    CheckedTargets,
    Targets,
    encode_labels,
    listed,
    parse_targets,
    weight_by_class,
)
from skrnn.data.values import check_label_column, label_array


def make_class_targets(y: Any) -> ClassTargets | MultilabelTargets:
    """Return the kind of class targets that y is: one label, or several columns.

    This reads y's form alone; ``check`` of the targets reads its values.
    """
    return MultilabelTargets() if _n_columns(y) > 1 else ClassTargets()


def _n_columns(y: Any) -> int:
    """Return the columns of a 2-D y; 1 for any other."""
    if isinstance(y, list | tuple):
        first: Any = y[0] if len(y) else 0
        is_row = is_sequence(first) and not isinstance(first, str)
        try:
            return len(first) if is_row and np.ndim(first) == 1 else 1
        except ValueError:  # rows of unequal length, which check names
            return 1
    shape: Any = getattr(y, "shape", ())
    return shape[1] if len(shape) == 2 else 1


class ClassTargets(Targets):
    """One class a sequence: labels ↔ int64 ids."""

    #: Whether the network's outputs are independent of each other.
    independent = False

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.classes)

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return labels of shape (n_sequences,)."""
        labels = parse_targets(y, X, name, parse_column)
        if labels.ndim == 2 and labels.shape[1] != 1:
            raise ValueError(
                f"{name} has {labels.shape[1]} columns, expected one label a sequence"
                f"{'' if self.classes is None else ', as in fit'}"
            )
        if labels.ndim > 2:
            raise ValueError(
                f"{name} has {labels.ndim} dimensions, expected one label a sequence, "
                "(n_sequences,), or an indicator matrix, (n_sequences, n_labels)"
            )
        check_label_column(labels, name)
        check_classification_targets(labels)
        return CheckedTargets(column_or_1d(labels, warn=True))

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the sorted classes of all of y, or take the given ones."""
        self.classes = np.unique(
            every.y.values if classes is None else label_array(classes)
        )
        if len(self.classes) == 1 < len(every):
            warn(
                f"y has a single class, {shown(self.classes.tolist()[0])}: there is nothing "
                "to learn"
            )

    def encode(self, data: CheckedData) -> NDArray[np.int64]:
        """Return each label's position in ``classes``; a new label is a ValueError."""
        labels = data.y.values.tolist()
        ids, new = encode_labels(labels, self.classes)
        if new is not None:
            raise ValueError(
                f"{data.name}[{data.index_of(new)}] is {shown(labels[new])}, not in classes "
                f"{listed(self.classes.tolist())}"
            )
        return ids

    def decode(self, outputs: NDArray[np.float32], X: CheckedSequences) -> NDArray:
        """Return the most probable label of logits ``(n_sequences, n_classes)``."""
        return self.classes[outputs.argmax(1)]

    def loss_weights(
        self, data: CheckedData, train: CheckedData, class_weight: Any
    ) -> NDArray | None:
        """Return sample weights times class weights ``(n_sequences,)``."""
        if class_weight is None:
            return data.weight
        values, of_train = data.y.values, train.y.values
        weight = weight_by_class(class_weight, self.classes, values, of_train)
        return weight if data.weight is None else weight * data.weight

    def strata(self, y: CheckedTargets) -> NDArray:
        """Return the labels."""
        return y.values

    def groups(self, y: CheckedTargets) -> list[NDArray[np.int64]]:
        """Return the sequences of each class."""
        _, codes, counts = np.unique(y.values, return_inverse=True, return_counts=True)
        return np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])


class MultilabelTargets(Targets):
    """Several labels a sequence: 0/1 indicator matrix ↔ float32."""

    independent = True

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.classes)

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return an int64 indicator matrix of shape (n_sequences, n_labels)."""
        matrix = parse_targets(y, X, name, parse_column)
        self._check_shape(matrix, name)
        wrong = np.argwhere((matrix != 0) & (matrix != 1))
        if len(wrong):
            i, j = wrong[0]
            raise ValueError(
                f"{name}[{i}, {j}] is {shown(matrix[i].tolist()[j])}; an indicator matrix "
                f"holds 0 and 1. With one label a sequence, {name} should be a 1d array"
            )
        return CheckedTargets(matrix.astype(np.int64))

    def _check_shape(self, matrix: NDArray, name: str) -> None:
        """Raise a ValueError for another shape than (n_sequences, n_labels)."""
        n_labels = None if self.classes is None else len(self.classes)
        if matrix.ndim == 2 and n_labels in (None, matrix.shape[1]):
            return
        expected = "" if n_labels is None else f" with {n_labels} labels"
        raise ValueError(
            f"{name} has shape {matrix.shape}, expected an indicator matrix{expected}"
        )

    def _matrix(self, data: CheckedData) -> NDArray[np.int64]:
        """Return the indicator matrix, of as many labels as there are classes."""
        self._check_shape(data.y.values, data.name)
        return data.y.values

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the number of labels; warn where each row has exactly one."""
        matrix = every.y.values
        self.classes = (
            np.arange(matrix.shape[1]) if classes is None else np.asarray(classes)
        )
        if matrix.shape[1] > 1 and (matrix.sum(1) == 1).all():
            warn(
                f"{every.name} has exactly one 1 in each of its {len(matrix)} rows and is "
                "learned as independent labels, of which a prediction may hold none or "
                "several. If each sequence has one class (one-hot encoding), pass "
                f"{every.name}.argmax(axis=1) or the labels themselves",
            )

    def encode(self, data: CheckedData) -> NDArray[np.float32]:
        """Return the matrix as float32."""
        return self._matrix(data).astype(np.float32)

    def decode(
        self, outputs: NDArray[np.float32], X: CheckedSequences
    ) -> NDArray[np.int64]:
        """Return 0/1 integers ``(n_sequences, n_labels)``."""
        return (outputs > 0).astype(np.int64)

    def loss_weights(
        self, data: CheckedData, train: CheckedData, class_weight: Any
    ) -> NDArray | None:
        """Return sample weights times the product of the labels' class weights."""
        if class_weight is None:
            return data.weight
        n_labels = len(self.classes)
        by_label = class_weight
        if isinstance(by_label, str):
            by_label = [by_label] * n_labels
        if not isinstance(by_label, list) or len(by_label) != n_labels:
            raise ValueError(
                f'class_weight for {n_labels} labels must be "balanced" or a list of '
                f"{n_labels} dicts, got {shown(class_weight)}"
            )
        y, of_train = self._matrix(data), train.y.values
        weight = np.ones(len(y)) if data.weight is None else data.weight
        for i, one in enumerate(by_label):
            weight = weight * weight_by_class(one, np.arange(2), y[:, i], of_train[:, i])
        return weight

    def groups(self, y: CheckedTargets) -> list[NDArray[np.int64]]:
        """Return the sequences that have each label, and those that lack it."""
        columns = [*y.values.T, *(1 - y.values).T]
        return [np.flatnonzero(column) for column in columns if column.any()]
