"""Measures of single steps' labels."""

from __future__ import annotations

from operator import eq
from typing import Any

import numpy as np

from skrnn.data.targets import check_weights
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
