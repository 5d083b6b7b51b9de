"""Measures of single steps: their labels, or their numbers."""

from __future__ import annotations

from operator import eq
from typing import Any

import numpy as np
from sklearn.metrics import r2_score

from skrnn.data.targets import check_weights, parse_step_numbers
from skrnn.metrics._pairing import check_rows, check_same_steps, check_split, split_pair


def step_accuracy_score(
    y_true: Any,
    y_pred: Any,
    *,
    tokenizer: Any = None,
    sample_weight: Any = None,
) -> float:
    """Compute the share of steps whose label is predicted.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences label lists, or of strings
        True and predicted labels, both as lists or both as strings.
    tokenizer : None, {"word", "char"}, callable or object, default=None
        How a string becomes labels. None splits at white space, so that labels may hold
        marks, such as "B-person". Else as for ``token_error_rate``: "char" makes each
        character a label. Lists are not split.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence's steps.

    Returns
    -------
    accuracy : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sequences differ in number or in length, or have no steps.
    TypeError
        If y_true or y_pred is not a container of sequences, if one holds lists and the other
        strings, or if sequences are nested too deep.

    Examples
    --------
    >>> from skrnn.metrics import step_accuracy_score
    >>> step_accuracy_score([["a", "b"], ["c", "c"]], [["a", "b"], ["c", "b"]])
    0.75
    >>> step_accuracy_score(["ab", "cc"], ["ab", "cb"], tokenizer="char")
    0.75
    """
    rows = check_rows(y_true, y_pred)
    true, pred = split_pair(*rows, check_split(tokenizer))
    check_same_steps(true, pred)
    given = check_weights(sample_weight, len(true))
    weight = np.ones(len(true)) if given is None else given
    total = np.array([len(row) for row in true]) @ weight
    if not total:
        raise ValueError("y_true has no steps (of sequences that have a weight)")
    right = np.array(
        [sum(map(eq, a, b)) for a, b in zip(true, pred, strict=True)], dtype=float
    )
    return float(right @ weight / total)


def step_r2_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Compute R², the coefficient of determination, of the numbers of all steps together.

    Parameters
    ----------
    y_true, y_pred : list, ndarray or Series of n_sequences arrays
        True and predicted numbers of each sequence, arrays or lists ``(n_steps_i,)`` or
        ``(n_steps_i, n_outputs)``.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence's steps.

    Returns
    -------
    r2 : float
        1 for perfect predictions, 0 for the mean of y_true; the mean over the outputs.

    Raises
    ------
    ValueError
        If the sequences differ in number, in length or in outputs, if a number is missing
        or infinite, or if there are fewer than two steps.
    TypeError
        If y_true or y_pred is not a container of arrays of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn.metrics import step_r2_score
    >>> step_r2_score([np.array([1.0, 3.0]), np.array([2.0])], [[1.0, 2.0], [2.0]])
    0.5
    """
    true, pred = (
        parse_step_numbers(y, name)
        for y, name in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    if len(true) != len(pred):
        raise ValueError(f"y_true has {len(true)} sequences, y_pred has {len(pred)}")
    unequal = np.flatnonzero(true.lengths != pred.lengths)
    if len(unequal):
        i = unequal[0]
        raise ValueError(
            f"y_true[{i}] has {true.lengths[i]} steps, y_pred[{i}] has {pred.lengths[i]}"
        )
    weight = check_weights(sample_weight, len(true))
    if weight is not None:
        weight = np.repeat(weight, true.lengths)
    n_steps = len(true.values) if weight is None else np.count_nonzero(weight)
    if n_steps < 2:
        raise ValueError(
            f"R² needs at least two steps (that have a weight), got {n_steps}"
        )
    return float(r2_score(true.values, pred.values, sample_weight=weight))
