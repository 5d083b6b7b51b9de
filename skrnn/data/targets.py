"""The door for y and for weights: a target a sequence, a label a step, or sequences.

Behind this file there are only plain numpy arrays and RaggedArrays, as behind
``containers``, the door for X.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from skrnn._sklearn import check_sample_weight
from skrnn.data.containers import (
    Advice,
    Split,
    check_sequences,
    is_missing,
    is_sequence,
    unwrap_column,
)
from skrnn.data.ragged import RaggedArray, object_array

OF_TARGETS = Advice(
    "target_type",
    "Replace it, or leave that sequence out: no step of a Pipeline changes targets",
    "make them numbers or tokens before: no step of a Pipeline changes targets",
)


def check_length(y: Any, n_sequences: int, name: str = "y") -> None:
    """Raise a ValueError unless ``y`` has one entry for each sequence."""
    if y is None:
        raise ValueError(
            f"{name} is None: this estimator requires {name} to be passed, but the "
            f"target {name} is None"
        )
    if hasattr(y, "tocsr"):
        raise TypeError(
            f"{name} is sparse, which is not supported; pass {name}.toarray()"
        )
    n_entries = len(y) if hasattr(y, "__len__") else len(np.atleast_1d(np.asarray(y)))
    if n_entries != n_sequences:
        X_name = name.replace("y", "X", 1)
        raise ValueError(
            f"{name} has {n_entries} entries, but {X_name} has {n_sequences} sequences"
        )


def check_class_targets(y: Any, n_sequences: int, name: str = "y") -> NDArray:
    """Return y as a 1-D array of labels, or as a 2-D indicator matrix."""
    check_length(y, n_sequences, name)
    if isinstance(y, pd.Series | pd.DataFrame):
        y = y.to_numpy()
    y = _reject_missing(y, name)
    if y.dtype == object and y.ndim == 2:  # a frame of nullable columns
        y = np.array(y.tolist())
    try:
        check_classification_targets(y)
    except TypeError as error:  # labels that cannot be sorted
        raise TypeError(f"the labels of {name} must be of one kind: {error}") from error
    if type_of_target(y, input_name=name) == "multilabel-indicator":
        y = check_array(y, accept_sparse=False, dtype=np.int64, input_name=name)
        return _check_indicators(y, name)
    return column_or_1d(y, warn=True)


def _check_indicators(y: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Refuse other numbers than 0 and 1, which scikit-learn calls indicators too."""
    wrong = np.argwhere((y != 0) & (y != 1))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"{name}[{i}, {j}] is {y[i, j]}; an indicator matrix holds 0 and 1"
        )
    return y


def _reject_missing(y: Any, name: str) -> NDArray:
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(
            f"{name} must have one label a sequence, or be an indicator matrix: {error}"
        ) from error
    if array.dtype.kind in "US" and not hasattr(y, "dtype"):
        array = np.asarray(y, dtype=object)  # NaN among strings became "nan"
    if array.dtype.kind in "fc":
        array = check_array(array, ensure_2d=False, dtype=None, input_name=name)
    elif array.dtype.kind == "O":
        missing = np.flatnonzero(pd.isna(array.ravel()))
        if len(missing):
            raise ValueError(
                f"Input {name} contains NaN or a missing value: {name}[{missing[0]}]"
            )
        if not hasattr(y, "dtype"):
            array = np.asarray(y)
    return array


def check_number_targets(y: Any, n_sequences: int, name: str = "y") -> NDArray:
    """Return y as float64 ``(n_sequences,)`` or ``(n_sequences, n_outputs)``."""
    check_length(y, n_sequences, name)
    if isinstance(y, pd.Series | pd.DataFrame):
        y = y.to_numpy()
    y = check_array(y, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if y.ndim > 2:
        raise ValueError(
            f"{name} has {y.ndim} dimensions, expected (n_sequences,) or "
            "(n_sequences, n_outputs)"
        )
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def check_step_targets(
    y: Any, lengths: NDArray[np.int64], split: Split, name: str = "y"
) -> tuple[RaggedArray, bool]:
    """Return a label for each step, and whether y was strings, which ``split`` cuts.

    Parameters
    ----------
    y : list, ndarray, Series or DataFrame
        Label lists, one as long as each sequence, or an array ``(n_sequences, n_steps)``.
    lengths : int64 ndarray of shape (n_sequences,)
        Steps of each sequence of X.
    split : callable
        Splits a string into labels.
    name : str
        What the messages call y.

    Returns
    -------
    labels : RaggedArray of object
        Python's own strings and numbers.
    strings : bool
    """
    check_length(y, len(lengths), name)
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        y = unwrap_column(y)
    rows = list(y.to_numpy() if isinstance(y, pd.Series | pd.DataFrame) else y)
    strings = isinstance(rows[0], str)
    labels: list[Any] = []
    X_name = name.replace("y", "X", 1)
    for i, row in enumerate(rows):
        if isinstance(row, str) != strings or not is_sequence(row):
            kind = f"a string, as {name}[0] is" if strings else "a list of labels"
            raise TypeError(
                f"{name}[{i}] is {type(row).__name__}, expected {kind}: one label for "
                f"each step of {X_name}[{i}]"
            )
        of_row = split(row) if strings else _as_list(row)
        if len(of_row) != lengths[i]:
            raise ValueError(
                f"{name}[{i}] has {len(of_row)} labels, but {X_name}[{i}] has "
                f"{lengths[i]} steps"
            )
        labels += of_row
    steps = RaggedArray.from_lengths(object_array(labels), lengths)
    _check_labels(steps, name)
    return steps, strings


def _as_list(row: Any) -> list[Any]:
    """Return a sequence's steps as a list of Python's own objects."""
    steps = row.tolist() if hasattr(row, "tolist") else list(row)
    return [step.item() if isinstance(step, np.generic) else step for step in steps]


def _check_labels(steps: RaggedArray, name: str) -> None:
    """Raise an error that names the first label that is none."""
    kinds = set(map(type, steps.values))
    if kinds <= {str} or kinds <= {int, bool}:
        return
    for position, label in enumerate(steps.values):
        sequence, step = steps.step_of(position)
        place = f"{name}[{sequence}], step {step} is {label!r}"
        if is_missing(label):
            raise ValueError(f"{place}: a label is missing")
        if isinstance(label, float) and not label.is_integer():
            raise ValueError(f"{place}; labels must be discrete, not real numbers")
        if not isinstance(label, str | int | float):
            raise TypeError(f"{place}; labels must be strings or whole numbers")
        if isinstance(label, str) != isinstance(steps.values[0], str):
            raise TypeError(
                f"{place}; labels must be of one kind, {name}'s first label is "
                f"{steps.values[0]!r}"
            )


def check_target_sequences(
    y: Any, n_sequences: int, *, split: Split, target_type: str = "auto", name: str = "y"
) -> NDArray[np.float64] | RaggedArray:
    """Return y as tokens of any lengths, or as numbers of one common length.

    Parameters
    ----------
    y : list, ndarray, Series or DataFrame
        Strings, token lists, or numbers ``(n_sequences, horizon[, n_outputs])``.
    n_sequences : int
        Sequences of X.
    split : callable
        Splits a string into tokens.
    target_type : {"auto", "numeric", "tokens"}
        As ``input_type`` for X.
    name : str
        What the messages call y.

    Returns
    -------
    targets : RaggedArray of object, or float64 ndarray of two or three dimensions
    """
    check_length(y, n_sequences, name)
    checked = check_sequences(
        y,
        input_type=target_type,
        split=split,
        allow_empty=True,
        name=name,
        advice=OF_TARGETS,
    )
    if checked.form.kind == "tokens":
        return checked.steps
    lengths = checked.steps.lengths
    other = np.flatnonzero(lengths != lengths[0])
    if len(other):
        raise ValueError(
            f"{name}[{other[0]}] has {lengths[other[0]]} steps, {name}[0] has "
            f"{lengths[0]}: numeric targets must be of one length. Numbers that stand "
            'for tokens need target_type="tokens"'
        )
    if lengths[0] == 0:
        raise ValueError(f"{name} has targets without steps")
    if isinstance(y, pd.DataFrame):
        y = unwrap_column(y)
    rows = list(y.to_numpy() if isinstance(y, pd.Series | pd.DataFrame) else y)
    return np.array(rows, dtype=np.float64)


def check_weights(sample_weight: Any, n_sequences: int) -> NDArray | None:
    """Return non-negative float64 weights ``(n_sequences,)``, or None."""
    if sample_weight is None:
        return None
    return check_sample_weight(
        sample_weight,
        np.empty((n_sequences, 1)),
        dtype=np.float64,
        ensure_non_negative=True,
    )
