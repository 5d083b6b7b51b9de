"""Metrics of generated sequences: edits, exact matches, and translations by sacrebleu."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from skrnn._optional import import_optional
from skrnn._warnings import warn
from skrnn.data.steps import shown
from skrnn.data.targets import check_weights
from skrnn.metrics._pairing import check_references, split_references

#: Share of a script among the letters of references from which BLEU counts its characters.
MIN_SHARE = 0.1
#: Scripts in which BLEU counts characters: without spaces, or (Hangul) with long words.
BY_CHARACTER = r"[\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"


def token_error_rate(
    y_true: Any,
    y_pred: Any,
    *,
    multiple_references: bool = False,
    tokenizer: Any = "word",
    sample_weight: Any = None,
) -> float:
    """Count the edits that turn predictions into references, per reference token.

    Insertions, deletions and substitutions of all sequences together, over the length of
    all references: the word error rate where tokens are words, the phone error rate
    where they are phones, the character error rate with ``tokenizer="char"``.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences token lists or strings
        References and predictions, both as lists or both as strings.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references, of which the nearest counts,
        and of equally near ones the longest.
    tokenizer : {"word", "char"}, callable or object, default="word"
        How a string becomes tokens, as for the estimators: "word" is
        :class:`~skrnn.preprocessing.WordTokenizer` (marks are tokens of their own), "char"
        is :class:`~skrnn.preprocessing.CharTokenizer`, a callable takes the string and
        returns a list (``str.split`` splits at white space alone), an object has
        ``encode`` and ``decode`` or ``tokenize``. Lists are not split.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence.

    Returns
    -------
    rate : float
        0 if all predictions are right; may exceed 1.

    Raises
    ------
    ValueError
        If there are no sequences, if they differ in number, or if the references have no
        tokens.
    TypeError
        If y_true or y_pred is not a container of sequences, if one holds lists and the other
        strings, or if sequences are nested too deep.

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
    pairs = split_references(y_true, y_pred, multiple_references, tokenizer)
    from rapidfuzz.distance import Levenshtein

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
    tokenizer: Any = "word",
    sample_weight: Any = None,
) -> float:
    """Compute the share of predictions that equal their reference, token by token.

    In work on pronunciation, 1 − this is called the word error rate.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences token lists or strings
        References and predictions, both as lists or both as strings.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references, of which one must match.
    tokenizer : {"word", "char"}, callable or object, default="word"
        As for ``token_error_rate``. With "word", spaces do not matter.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weight of each sequence.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If there are no sequences, or if they differ in number.
    TypeError
        As ``token_error_rate``.

    Examples
    --------
    >>> from skrnn.metrics import exact_match_score
    >>> exact_match_score(["a b", "c"], ["a b", "d"])
    0.5
    """
    pairs = split_references(y_true, y_pred, multiple_references, tokenizer)
    weight = check_weights(sample_weight, len(pairs))
    matches = [pred in references for references, pred in pairs]
    return float(np.average(matches, weights=weight))


def bleu_score(
    y_true: Any,
    y_pred: Any,
    *,
    multiple_references: bool = False,
    tokenize: str = "auto",
) -> float:
    """Compute corpus BLEU by sacrebleu.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences strings or token lists
        References and translations, both as strings or both as lists. Token lists are
        joined by spaces.
    multiple_references : bool, default=False
        Whether each entry of y_true is a list of references.
    tokenize : str, default="auto"
        sacrebleu's tokenizer: "13a" (sacrebleu's default, for scripts with spaces), "zh",
        "ja-mecab", "ko-mecab" (both need a package of their own), "char", "intl", "none",
        ... "auto" chooses by the script of the references: "zh" for Chinese, "char" for
        Japanese, Korean, Thai, Lao, Khmer and Burmese, "13a" for all others. It does not
        depend on what is installed. Scores with different tokenizers cannot be compared:
        name it beside a score.

    Returns
    -------
    bleu : float
        Between 0 and 100.

    Raises
    ------
    ValueError
        If there are no sequences, if they differ in number, or if ``tokenize`` is unknown.
    TypeError
        As ``token_error_rate``.

    Warns
    -----
    UserWarning
        If no reference has four tokens: then BLEU, which counts runs of one to four tokens,
        is 0 for all predictions.

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
    BLEU = import_optional("sacrebleu.metrics", "bleu_score", "metrics").BLEU
    names = ("auto", *BLEU.TOKENIZERS)
    if tokenize not in names:
        raise ValueError(f"tokenize must be one of {names}, got {shown(tokenize)}")
    references, predictions = _texts(y_true, y_pred, multiple_references)
    texts = [text for several in references for text in several]
    metric = BLEU(tokenize=_tokenizer_for(texts) if tokenize == "auto" else tokenize)
    score = _corpus_score(metric, references, predictions)
    if not score and all(len(metric.tokenizer(text).split()) < 4 for text in texts):
        warn(
            "no reference of y_true has four tokens, so that BLEU is 0 for any y_pred; use "
            "chrf_score, token_error_rate or exact_match_score for short texts",
            UserWarning,
        )
    return score


def chrf_score(y_true: Any, y_pred: Any, *, multiple_references: bool = False) -> float:
    """Compute corpus chrF, the F-score of character n-grams, by sacrebleu.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences strings or token lists
        References and translations, both as strings or both as lists. Token lists are
        joined by spaces.
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
    TypeError
        As ``token_error_rate``.

    References
    ----------
    Popović (2015). chrF: character n-gram F-score for automatic MT evaluation. WMT.

    Examples
    --------
    >>> from skrnn.metrics import chrf_score
    >>> chrf_score(["guten Tag"], ["guten Tag"])
    100.0
    """
    CHRF = import_optional("sacrebleu.metrics", "chrf_score", "metrics").CHRF
    references, predictions = _texts(y_true, y_pred, multiple_references)
    return _corpus_score(CHRF(), references, predictions)


def _texts(
    y_true: Any, y_pred: Any, multiple_references: bool
) -> tuple[list[list[str]], list[str]]:
    """Return each sequence's references and its prediction as texts."""
    references, predictions = check_references(y_true, y_pred, multiple_references)
    texts = [list(map(_text_of, several)) for several in references]
    return texts, list(map(_text_of, predictions))


def _text_of(sequence: Any) -> str:
    return sequence if isinstance(sequence, str) else " ".join(map(str, sequence))


def _corpus_score(
    metric: Any, references: list[list[str]], predictions: list[str]
) -> float:
    """Return sacrebleu's score, which rounding may bring above 100, up to 100."""
    most = max(map(len, references))
    by_rank = [
        [row[k] if k < len(row) else None for row in references] for k in range(most)
    ]
    return min(100.0, float(metric.corpus_score(predictions, by_rank).score))


def _tokenizer_for(texts: Iterable[str]) -> str:
    """Return the name of sacrebleu's tokenizer for the script of texts.

    >>> (
    ...     _tokenizer_for(["a cat"]),
    ...     _tokenizer_for(["我用Python"]),
    ...     _tokenizer_for(["猫です"]),
    ... )
    ('13a', 'zh', 'char')
    """
    text = "".join(texts)
    if text.isascii():
        return "13a"
    import regex

    n_letters = len(regex.findall(r"\p{L}", text))
    n_han = len(regex.findall(r"\p{Han}", text))
    n_others = len(regex.findall(BY_CHARACTER, text))
    if n_han + n_others < MIN_SHARE * n_letters:
        return "13a"
    return "char" if n_others >= MIN_SHARE * (n_han + n_others) else "zh"
