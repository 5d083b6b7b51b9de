"""One class a sequence, or several labels a sequence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from skrnn.data.containers import CheckedSequences, is_missing
from skrnn.data.targets._base import (
    CheckedData,
    CheckedTargets,
    Targets,
    as_array,
    check_length,
    encode_labels,
    listed,
    weight_by_class,
)


def make_class_targets(y: Any, name: str = "y") -> ClassTargets | MultilabelTargets:
    """Return the kind of class targets that y is: one label, or an indicator matrix."""
    multilabel = np.ndim(_without_missing(y, name)) == 2 and _is_indicator(y, name)
    return MultilabelTargets() if multilabel else ClassTargets()


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
        check_length(y, len(X.steps), name)
        labels = _without_missing(y, name)
        if labels.ndim == 2 and labels.shape[1] != 1 and self.classes is not None:
            raise ValueError(
                f"{name} has {labels.shape[1]} columns, but y had one label a sequence "
                "in fit"
            )
        _check_labels(labels, name)
        return CheckedTargets(column_or_1d(labels, warn=True))

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the sorted classes of all of y, or take the given ones."""
        self.classes = np.unique(every.y.values if classes is None else classes)

    def encode(self, data: CheckedData) -> NDArray[np.int64]:
        """Return each label's position in ``classes``; a new label is a ValueError."""
        labels = data.y.values.tolist()
        ids, new = encode_labels(labels, self.classes)
        if new is not None:
            raise ValueError(
                f"{data.name}[{new}] is {labels[new]!r}, not in classes "
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
        check_length(y, len(X.steps), name)
        matrix = _without_missing(y, name)
        n_labels = None if self.classes is None else len(self.classes)
        if matrix.ndim != 2 or (n_labels is not None and matrix.shape[1] != n_labels):
            raise ValueError(
                f"{name} has shape {matrix.shape}, expected an indicator matrix with "
                f"{n_labels} labels, as y was in fit"
            )
        _check_labels(matrix, name)
        matrix = check_array(matrix, accept_sparse=False, dtype=np.int64, input_name=name)
        wrong = np.argwhere((matrix != 0) & (matrix != 1))
        if len(wrong):
            i, j = wrong[0]
            raise ValueError(
                f"{name}[{i}, {j}] is {matrix[i, j]}; an indicator matrix holds 0 and 1"
            )
        return CheckedTargets(matrix)

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the number of labels; warn where each row has exactly one."""
        matrix = every.y.values
        self.classes = (
            np.arange(matrix.shape[1]) if classes is None else np.asarray(classes)
        )
        if matrix.shape[1] > 1 and (matrix.sum(1) == 1).all():
            warnings.warn(
                f"{every.name} has exactly one 1 in each of its {len(matrix)} rows and is "
                "learned as independent labels, of which a prediction may hold none or "
                "several. If each sequence has one class (one-hot encoding), pass "
                f"{every.name}.argmax(axis=1) or the labels themselves",
                UserWarning,
                stacklevel=6,
            )

    def encode(self, data: CheckedData) -> NDArray[np.float32]:
        """Return the matrix as float32."""
        return data.y.values.astype(np.float32)

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
                f"{n_labels} dicts, got {class_weight!r}"
            )
        y, of_train = data.y.values, train.y.values
        weight = np.ones(len(y)) if data.weight is None else data.weight
        for i, one in enumerate(by_label):
            weight = weight * weight_by_class(one, np.arange(2), y[:, i], of_train[:, i])
        return weight

    def groups(self, y: CheckedTargets) -> list[NDArray[np.int64]]:
        """Return the sequences that have each label, and those that lack it."""
        columns = [*y.values.T, *(1 - y.values).T]
        return [np.flatnonzero(column) for column in columns if column.any()]


def _without_missing(y: Any, name: str) -> NDArray:
    """Return y as an array of labels; a missing one is a ValueError."""
    y = as_array(y)
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(
            f"{name} must have one label a sequence, or be an indicator matrix: {error}"
        ) from error
    if array.dtype.kind in "US" and not hasattr(y, "dtype"):
        array = np.asarray(y, dtype=object)  # NaN among strings became "nan"
    if array.dtype.kind in "fc":
        array = check_array(
            array, ensure_2d=False, allow_nd=True, dtype=None, input_name=name
        )
    elif array.dtype.kind == "O":
        for i, label in enumerate(array.ravel()):
            if is_missing(label):
                raise ValueError(
                    f"Input {name} contains NaN or a missing value: {name}[{i}]"
                )
        array = np.asarray(y) if not hasattr(y, "dtype") else array
        if array.dtype == object and array.ndim == 2:  # a frame of nullable columns
            array = np.array(array.tolist())
    return array


def _check_labels(labels: NDArray, name: str) -> None:
    try:
        check_classification_targets(labels)
    except TypeError as error:  # labels that cannot be sorted
        raise TypeError(f"the labels of {name} must be of one kind: {error}") from error


def _is_indicator(y: Any, name: str) -> bool:
    """Return whether scikit-learn calls a 2-D y multilabel."""
    labels = _without_missing(y, name)
    return str(type_of_target(labels, input_name=name)) == "multilabel-indicator"
