"""Measures for predictions that are sequences, and scorers made of them.

y_true and y_pred are lists (or object arrays) of label lists. Entities are counted by
seqeval.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import make_scorer

__all__ = [
    "entity_f1_score",
    "entity_f1_scorer",
    "entity_precision_score",
    "entity_recall_score",
    "entity_report",
    "step_accuracy_score",
    "step_accuracy_scorer",
]


def step_accuracy_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Return the share of steps that get their label.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences label lists, or of strings
        True and predicted labels. Strings are lists of labels with spaces between.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence's steps.

    Returns
    -------
    accuracy : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sequences differ in number or in length.

    Examples
    --------
    >>> from skrnn.metrics import step_accuracy_score
    >>> step_accuracy_score([["a", "b"], ["c", "c"]], [["a", "b"], ["c", "b"]])
    0.75
    """
    true, pred = _check_pair(y_true, y_pred)
    lengths = np.array([len(row) for row in true])
    if not lengths.sum():
        raise ValueError("y_true has no steps")
    right = np.array(
        [sum(map(eq, a, b)) for a, b in zip(true, pred, strict=True)], dtype=float
    )
    weight = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight)
    return float(right @ weight / (lengths @ weight))


def entity_precision_score(
    y_true: Any, y_pred: Any, *, scheme: str | None = None, average: str = "micro"
) -> float:
    """Return the share of predicted entities that are right, type and both ends.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        True and predicted tags.
    scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
        None reads tags leniently, as the CoNLL evaluation script does: "I-x" behind "O"
        begins an entity. A scheme is strict: what breaks it is no entity.
    average : {"micro", "macro", "weighted"}, default="micro"
        Over all entities, or over the types.

    Returns
    -------
    precision : float
        Between 0 and 1.

    Examples
    --------
    >>> from skrnn.metrics import entity_precision_score
    >>> entity_precision_score([["B-x", "I-x", "O"]], [["B-x", "I-x", "B-x"]])
    0.5
    """
    return _entity_score("precision_score", y_true, y_pred, scheme, average)


def entity_recall_score(
    y_true: Any, y_pred: Any, *, scheme: str | None = None, average: str = "micro"
) -> float:
    """Return the share of true entities that were found, type and both ends.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        True and predicted tags.
    scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
        As for ``entity_precision_score``.
    average : {"micro", "macro", "weighted"}, default="micro"
        Over all entities, or over the types.

    Returns
    -------
    recall : float
        Between 0 and 1.

    Examples
    --------
    >>> from skrnn.metrics import entity_recall_score
    >>> entity_recall_score([["B-x", "O", "B-y"]], [["B-x", "O", "O"]])
    0.5
    """
    return _entity_score("recall_score", y_true, y_pred, scheme, average)


def entity_f1_score(
    y_true: Any, y_pred: Any, *, scheme: str | None = None, average: str = "micro"
) -> float:
    """Return the harmonic mean of entity precision and recall.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        True and predicted tags.
    scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
        As for ``entity_precision_score``.
    average : {"micro", "macro", "weighted"}, default="micro"
        Over all entities, or over the types.

    Returns
    -------
    f1 : float
        Between 0 and 1.

    References
    ----------
    Tjong Kim Sang, De Meulder (2003). Introduction to the CoNLL-2003 shared task:
    language-independent named entity recognition. CoNLL, section 2.

    Examples
    --------
    >>> from skrnn.metrics import entity_f1_score
    >>> round(entity_f1_score([["B-x", "I-x", "B-y"]], [["B-x", "I-x", "O"]]), 3)
    0.667
    >>> (
    ...     entity_f1_score([["I-x"]], [["I-x"]]),
    ...     entity_f1_score([["B-x"]], [["I-x"]], scheme="IOB2"),
    ... )
    (1.0, 0.0)
    """
    return _entity_score("f1_score", y_true, y_pred, scheme, average)


def entity_report(y_true: Any, y_pred: Any, *, scheme: str | None = None) -> pd.DataFrame:
    """Return precision, recall, F1 and number of each entity type.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        True and predicted tags.
    scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
        As for ``entity_precision_score``.

    Returns
    -------
    report : DataFrame
        A row for each type, then "micro avg", "macro avg" and "weighted avg"; columns
        precision, recall, f1-score and support (true entities).

    Examples
    --------
    >>> from skrnn.metrics import entity_report
    >>> report = entity_report([["B-x", "O", "B-y"]], [["B-x", "O", "O"]])
    >>> report.loc["x", "f1-score"], report.loc["y", "recall"]
    (np.float64(1.0), np.float64(0.0))
    """
    from seqeval.metrics import classification_report

    true, pred = _check_pair(y_true, y_pred)
    rows = classification_report(
        true, pred, output_dict=True, zero_division=0, **_options(scheme)
    )
    report = pd.DataFrame(rows).T
    return report.astype({"support": int})


def _entity_score(
    name: str, y_true: Any, y_pred: Any, scheme: str | None, average: str
) -> float:
    import seqeval.metrics

    true, pred = _check_pair(y_true, y_pred)
    score = getattr(seqeval.metrics, name)
    return float(score(true, pred, average=average, zero_division=0, **_options(scheme)))


def _options(scheme: str | None) -> dict[str, Any]:
    """Return seqeval's arguments for a scheme's name."""
    if scheme is None:
        return {}
    import seqeval.scheme

    known = ("IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU")
    if scheme not in known:
        raise ValueError(f"scheme must be one of {known} or None, got {scheme!r}")
    return {"mode": "strict", "scheme": getattr(seqeval.scheme, scheme)}


def _check_pair(y_true: Any, y_pred: Any) -> tuple[list[list], list[list]]:
    """Return both as lists of lists of equal lengths."""
    true, pred = _as_lists(y_true), _as_lists(y_pred)
    if len(true) != len(pred):
        raise ValueError(f"y_true has {len(true)} sequences, y_pred has {len(pred)}")
    for i, (a, b) in enumerate(zip(true, pred, strict=True)):
        if len(a) != len(b):
            raise ValueError(f"y_true[{i}] has {len(a)} steps, y_pred[{i}] has {len(b)}")
    return true, pred


def _as_lists(y: Any) -> list[list]:
    rows: Sequence | NDArray = y.to_numpy() if hasattr(y, "to_numpy") else y
    return [_steps_of(row) for row in rows]


def _steps_of(row: Any) -> list:
    if isinstance(row, str):
        return row.split()
    return row.tolist() if hasattr(row, "tolist") else list(row)


entity_f1_scorer = make_scorer(entity_f1_score)
"""Scorer of ``entity_f1_score``, read leniently, for ``GridSearchCV(scoring=...)``."""

step_accuracy_scorer = make_scorer(step_accuracy_score)
"""Scorer of ``step_accuracy_score``."""
