"""Measures of single steps' labels."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq
from typing import Any

import numpy as np

from skrnn.data.targets import check_weights
from skrnn.metrics._pairing import check_pair, check_split


def step_accuracy_score(
    y_true: Any,
    y_pred: Any,
    *,
    tokenizer: str | Callable[[str], list] = "word",
    sample_weight: Any = None,
) -> float:
    """Return the share of steps that get their label.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences label lists, or of strings
        True and predicted labels.
    tokenizer : {"word", "char"} or callable, default="word"
        How a string becomes labels: "word" splits at spaces, "char" makes each character
        a label, a callable takes the string and returns a list. Lists stay as they are.
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

    Examples
    --------
    >>> from skrnn.metrics import step_accuracy_score
    >>> step_accuracy_score([["a", "b"], ["c", "c"]], [["a", "b"], ["c", "b"]])
    0.75
    >>> step_accuracy_score(["ab", "cc"], ["ab", "cb"], tokenizer="char")
    0.75
    """
    true, pred = check_pair(y_true, y_pred, check_split(tokenizer))
    given = check_weights(sample_weight, len(true))
    weight = np.ones(len(true)) if given is None else given
    total = np.array([len(row) for row in true]) @ weight
    if not total:
        raise ValueError("y_true has no steps (of sequences that have a weight)")
    right = np.array(
        [sum(map(eq, a, b)) for a, b in zip(true, pred, strict=True)], dtype=float
    )
    return float(right @ weight / total)
