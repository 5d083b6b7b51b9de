"""Measures of written sequences: edits, exact matches, and translations by sacrebleu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from skrnn.data.targets import check_weights
from skrnn.metrics._pairing import (
    check_numbers,
    check_split,
    references_of,
    rows_of,
    steps_of,
)


def token_error_rate(
    y_true: Any,
    y_pred: Any,
    *,
    multiple_references: bool = False,
    tokenizer: str | Callable[[str], list] = "word",
    sample_weight: Any = None,
) -> float:
    """Return the edits that turn predictions into references, per reference token.

    Insertions, deletions and substitutions of all sequences together, over the length of
    all references: the word error rate where tokens are words, the phone error rate
    where they are phones, the character error rate with ``tokenizer="char"``.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences token lists or strings
        References and predictions.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references, of which the nearest counts,
        and of equally near ones the longest.
    tokenizer : {"word", "char"} or callable, default="word"
        How a string becomes tokens: "word" splits at spaces and leaves punctuation where
        it is, "char" makes each character a token, a callable takes the string and
        returns a list. Lists stay as they are.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence.

    Returns
    -------
    rate : float
        0 where all is right; may exceed 1.

    Raises
    ------
    ValueError
        If there are no sequences, if they differ in number, or if the references have no
        tokens.

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
    >>> token_error_rate(["abcd"], ["abd"], tokenizer="char")
    0.25
    """
    pairs = _pairs(y_true, y_pred, multiple_references, tokenizer)
    edits, lengths = [], []
    for references, prediction in pairs:
        distance, shortness = min(
            (Levenshtein.distance(reference, prediction), -len(reference))
            for reference in references
        )
        edits.append(distance)
        lengths.append(-shortness)
    given = check_weights(sample_weight, len(edits))
    weight = np.ones(len(edits)) if given is None else given
    total = float(np.asarray(lengths) @ weight)
    if not total:
        raise ValueError("the references of y_true have no tokens")
    return float(np.asarray(edits) @ weight) / total


def exact_match_score(
    y_true: Any,
    y_pred: Any,
    *,
    multiple_references: bool = False,
    tokenizer: str | Callable[[str], list] = "word",
) -> float:
    """Return the share of predictions that equal their reference, token by token.

    1 − this is what work on pronunciation calls the word error rate.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences token lists or strings
        References and predictions.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references, of which one must match.
    tokenizer : {"word", "char"} or callable, default="word"
        As for ``token_error_rate``. With "word" the number of spaces does not matter.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If there are no sequences, or if they differ in number.

    Examples
    --------
    >>> from skrnn.metrics import exact_match_score
    >>> exact_match_score(["a b", "c"], ["a b", "d"])
    0.5
    """
    pairs = _pairs(y_true, y_pred, multiple_references, tokenizer)
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

    Raises
    ------
    ValueError
        If there are no sequences, or if they differ in number.

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

    Raises
    ------
    ValueError
        If there are no sequences, or if they differ in number.

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


def _pairs(
    y_true: Any, y_pred: Any, multiple_references: bool, tokenizer: object
) -> list[tuple[list[list], list]]:
    """Return each sequence's references and its prediction, as lists of tokens."""
    split = check_split(tokenizer)
    pred = [steps_of(row, split) for row in rows_of(y_pred)]
    true = [
        [steps_of(row, split) for row in references]
        for references in references_of(y_true, multiple_references)
    ]
    check_numbers(true, pred)
    return list(zip(true, pred, strict=True))


def _sacrebleu(metric: Any, y_true: Any, y_pred: Any, multiple_references: bool) -> float:
    predictions = [_text_of(row) for row in rows_of(y_pred)]
    many = [list(map(_text_of, r)) for r in references_of(y_true, multiple_references)]
    check_numbers(many, predictions)
    most = max(map(len, many))
    by_rank = [[row[k] if k < len(row) else None for row in many] for k in range(most)]
    return float(metric.corpus_score(predictions, by_rank).score)


def _text_of(row: Any) -> str:
    return row if isinstance(row, str) else " ".join(map(str, row))
