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
from rapidfuzz.distance import Levenshtein
from sklearn.metrics import make_scorer

from skrnn.data.checks import check_weights

__all__ = [
    "bleu_score",
    "bleu_scorer",
    "chrf_score",
    "exact_match_score",
    "exact_match_scorer",
    "token_error_rate",
    "token_error_rate_scorer",
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
    given = check_weights(sample_weight, len(true))
    weight = np.ones(len(true)) if given is None else given
    total = np.array([len(row) for row in true]) @ weight
    if not total:
        raise ValueError("y_true has no steps (of sequences that have a weight)")
    right = np.array(
        [sum(map(eq, a, b)) for a, b in zip(true, pred, strict=True)], dtype=float
    )
    return float(right @ weight / total)


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

    Raises
    ------
    ValueError
        If there is no entity in either, or the sequences differ in number or length.

    Examples
    --------
    >>> from skrnn.metrics import entity_report
    >>> report = entity_report([["B-x", "O", "B-y"]], [["B-x", "O", "O"]])
    >>> report.loc["x", "f1-score"], report.loc["y", "recall"]
    (np.float64(1.0), np.float64(0.0))
    """
    from seqeval.metrics import classification_report

    true, pred = _check_pair(y_true, y_pred)
    if not any(tag != "O" for row in [*true, *pred] for tag in row):
        raise ValueError("y_true and y_pred have no entities to report")
    rows = classification_report(
        true, pred, output_dict=True, zero_division=0, **_options(scheme)
    )
    report = pd.DataFrame(rows).T
    return report.astype({"support": int})


def token_error_rate(
    y_true: Any,
    y_pred: Any,
    *,
    multiple_references: bool = False,
    sample_weight: Any = None,
) -> float:
    """Return the edits that turn predictions into references, per reference token.

    Insertions, deletions and substitutions of all sequences together, over the length of
    all references: the word error rate where tokens are words, the phone error rate
    where they are phones.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences token lists or strings
        References and predictions. Strings are split at spaces.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references, of which the nearest counts.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence.

    Returns
    -------
    rate : float
        0 where all is right; may exceed 1.

    Raises
    ------
    ValueError
        If the sequences differ in number, or the references have no tokens.

    References
    ----------
    Levenshtein (1966). Binary codes capable of correcting deletions, insertions, and
    reversals. Soviet Physics Doklady 10(8).

    Examples
    --------
    >>> from skrnn.metrics import token_error_rate
    >>> token_error_rate(["a b c d", "e"], ["a b d", "e"])
    0.2
    >>> token_error_rate([["a b", "b"]], ["b"], multiple_references=True)
    0.0
    """
    edits, lengths = [], []
    for references, prediction in _references(y_true, y_pred, multiple_references):
        nearest = min(
            (Levenshtein.distance(reference, prediction), len(reference))
            for reference in references
        )
        edits.append(nearest[0])
        lengths.append(nearest[1])
    given = check_weights(sample_weight, len(edits))
    weight = np.ones(len(edits)) if given is None else given
    total = float(np.asarray(lengths) @ weight)
    if not total:
        raise ValueError("the references of y_true have no tokens")
    return float(np.asarray(edits) @ weight) / total


def exact_match_score(
    y_true: Any, y_pred: Any, *, multiple_references: bool = False
) -> float:
    """Return the share of predictions that equal their reference, token by token.

    1 − this is what work on pronunciation calls the word error rate.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences token lists or strings
        References and predictions. Strings are split at spaces.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references, of which one must match.

    Returns
    -------
    score : float
        Between 0 and 1.

    Examples
    --------
    >>> from skrnn.metrics import exact_match_score
    >>> exact_match_score(["a b", "c"], ["a b", "d"])
    0.5
    """
    pairs = _references(y_true, y_pred, multiple_references)
    return float(np.mean([pred in references for references, pred in pairs]))


def bleu_score(y_true: Any, y_pred: Any, *, multiple_references: bool = False) -> float:
    """Return corpus BLEU as sacrebleu computes it.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences strings or token lists
        References and translations. Token lists are joined by spaces.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references.

    Returns
    -------
    bleu : float
        Between 0 and 100.

    References
    ----------
    Papineni, Roukos, Ward, Zhu (2002). BLEU: a method for automatic evaluation of machine
    translation. ACL.
    Post (2018). A call for clarity in reporting BLEU scores. WMT.

    Examples
    --------
    >>> from skrnn.metrics import bleu_score
    >>> round(bleu_score(["the cat sat on the mat"], ["the cat sat on the mat"]))
    100
    """
    from sacrebleu.metrics import BLEU

    return _sacrebleu(BLEU(), y_true, y_pred, multiple_references)


def chrf_score(y_true: Any, y_pred: Any, *, multiple_references: bool = False) -> float:
    """Return corpus chrF, the F-score of character n-grams, as sacrebleu computes it.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences strings or token lists
        References and translations. Token lists are joined by spaces.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references.

    Returns
    -------
    chrf : float
        Between 0 and 100.

    References
    ----------
    Popović (2015). chrF: character n-gram F-score for automatic MT evaluation. WMT.

    Examples
    --------
    >>> from skrnn.metrics import chrf_score
    >>> chrf_score(["guten Tag"], ["guten Tag"])
    100.0
    """
    from sacrebleu.metrics import CHRF

    return _sacrebleu(CHRF(), y_true, y_pred, multiple_references)


def _sacrebleu(metric: Any, y_true: Any, y_pred: Any, multiple_references: bool) -> float:
    predictions = [_text_of(row) for row in y_pred]
    many = [list(map(_text_of, row)) for row in _many(y_true, multiple_references)]
    if len(many) != len(predictions):
        raise ValueError(
            f"y_true has {len(many)} sequences, y_pred has {len(predictions)}"
        )
    most = max(map(len, many), default=0)
    by_rank = [[row[k] if k < len(row) else None for row in many] for k in range(most)]
    return float(metric.corpus_score(predictions, by_rank).score)


def _text_of(row: Any) -> str:
    return row if isinstance(row, str) else " ".join(map(str, row))


def _many(y_true: Any, multiple_references: bool) -> list[list]:
    """Return each sequence's references as they were given."""
    rows = list(y_true.to_numpy() if hasattr(y_true, "to_numpy") else y_true)
    if not multiple_references:
        return [[row] for row in rows]
    for i, row in enumerate(rows):
        if isinstance(row, str) or not len(row):
            raise ValueError(
                f"y_true[{i}] is {row!r}, expected a list of at least one reference"
            )
    return [list(row) for row in rows]


def _references(
    y_true: Any, y_pred: Any, multiple_references: bool
) -> list[tuple[list[list], list]]:
    """Return each sequence's references and its prediction, as lists of tokens."""
    pred = _as_lists(y_pred)
    true = [list(map(_steps_of, row)) for row in _many(y_true, multiple_references)]
    if len(true) != len(pred):
        raise ValueError(f"y_true has {len(true)} sequences, y_pred has {len(pred)}")
    return list(zip(true, pred, strict=True))


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

token_error_rate_scorer = make_scorer(token_error_rate, greater_is_better=False)
"""Scorer of ``token_error_rate``, negated: higher is better."""

exact_match_scorer = make_scorer(exact_match_score)
"""Scorer of ``exact_match_score``."""

bleu_scorer = make_scorer(bleu_score)
"""Scorer of ``bleu_score``."""
