"""Metrics of named entities: an entity is right if its type and both its ends are.

This file reads tags leniently or by a scheme and rewrites the entities in unambiguous tags;
seqeval counts them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from skrnn._optional import import_optional
from skrnn.data.schemes import SCHEMES, entities, repair, split_tag
from skrnn.data.steps import shown
from skrnn.metrics._pairing import Rows, check_rows, split_pair

AVERAGES = ("micro", "macro", "weighted")
#: The prefixes of all schemes, and what they are called in seqeval's lenient reader.
LENIENT = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}


def entity_precision_score(
    y_true: Any, y_pred: Any, *, scheme: str | None = None, average: str = "micro"
) -> float:
    """Compute the share of predicted entities that are right, type and both ends.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        As for ``entity_f1_score``.
    scheme : str or None, default=None
        As for ``entity_f1_score``.
    average : str, default="micro"
        As for ``entity_f1_score``.

    Returns
    -------
    precision : float
        Between 0 and 1; 0 if no entity is predicted.

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
    """Compute the share of true entities that were found, type and both ends.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        As for ``entity_f1_score``.
    scheme : str or None, default=None
        As for ``entity_f1_score``.
    average : str, default="micro"
        As for ``entity_f1_score``.

    Returns
    -------
    recall : float
        Between 0 and 1; 0 if there is no true entity.

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
    """Compute the harmonic mean of entity precision and recall.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        True and predicted tags, such as "B-person" and "O", or "B" and "O" where there is
        one type of entity. A string is a list of tags with white space between them; both
        are lists or both are strings.
    scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
        None reads tags leniently, as the CoNLL evaluation script does: "I-x" after "O"
        begins an entity. A scheme is strict: tags that violate it are not an entity.
    average : {"micro", "macro", "weighted"}, default="micro"
        Average over all entities; or over the types, equally or weighted by their number of
        true entities. ``entity_report`` has the values of each type.

    Returns
    -------
    f1 : float
        Between 0 and 1; 0 if no entity is right.

    Raises
    ------
    ValueError
        If the sequences differ in number or length, if there are none, if a tag has
        none of the prefixes of the scheme (read leniently: of any scheme), or if y_true and
        y_pred are the tags of one sequence.
    TypeError
        If a tag is not a string, if y_true or y_pred is not a container of sequences, if one
        holds lists and the other strings, or if sequences are nested too deep.

    Notes
    -----
    Read by a scheme, an entity counts if its tags are those of the scheme for it. seqeval's
    strict mode does the same but for two schemes: in IOE1 it overlooks entities beside
    others of their type, and in IOB1 it begins entities after a "B" that violates the scheme.

    Tags without a type, such as "B", are of a type of their own, named "_" in the report.

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
    """Compute precision, recall, F1 and number of each entity type.

    Parameters
    ----------
    y_true, y_pred : sequence of n_sequences lists of tags
        As for ``entity_f1_score``.
    scheme : str or None, default=None
        As for ``entity_f1_score``.

    Returns
    -------
    report : DataFrame
        A row for each type, then "micro avg", "macro avg" and "weighted avg"; columns
        precision, recall, f1-score and support (true entities).

    Raises
    ------
    ValueError
        If there is no entity in either, or as ``entity_f1_score``.

    Examples
    --------
    >>> from skrnn.metrics import entity_report
    >>> report = entity_report([["B-x", "O", "B-y"]], [["B-x", "O", "O"]])
    >>> report.loc["x", "f1-score"], report.loc["y", "recall"]
    (np.float64(1.0), np.float64(0.0))
    """
    seqeval = import_optional("seqeval.metrics", "entity_report", "metrics")
    true, pred = _check_tags(y_true, y_pred, scheme)
    if not _any_entities(true, pred):
        raise ValueError(
            "y_true and y_pred have no entities to report"
            + (f' that keep to scheme="{scheme}"' if scheme else "")
        )
    rows = seqeval.classification_report(true, pred, output_dict=True, zero_division=0)
    report = pd.DataFrame(rows).T
    return report.astype({"support": int})


def _entity_score(
    name: str, y_true: Any, y_pred: Any, scheme: str | None, average: str
) -> float:
    seqeval = import_optional("seqeval.metrics", f"entity_{name}", "metrics")
    if average not in AVERAGES:
        raise ValueError(f"average must be one of {AVERAGES}, got {shown(average)}")
    true, pred = _check_tags(y_true, y_pred, scheme)
    if not _any_entities(true, pred):
        return 0.0  # the mean over no types would be NaN
    score = getattr(seqeval, name)
    return float(score(true, pred, average=average, zero_division=0))


def _any_entities(true: list[list[str]], pred: list[list[str]]) -> bool:
    return any(entities(row) for rows in (true, pred) for row in rows)


def _check_tags(
    y_true: Any, y_pred: Any, scheme: str | None
) -> tuple[list[list[str]], list[list[str]]]:
    """Return both in tags that seqeval's lenient reader takes as the caller means them."""
    if scheme is not None and scheme not in SCHEMES:
        raise ValueError(
            f"scheme must be one of {tuple(SCHEMES)} or None, got {shown(scheme)}"
        )
    prefixes = set(LENIENT) if scheme is None else SCHEMES[scheme].prefixes
    read = _lenient if scheme is None else partial(_strict, scheme)
    rows = check_rows(y_true, y_pred)
    _check_not_flat(*rows)
    true, pred = split_pair(*rows)
    return (
        [read(_typed(row, prefixes, f"y_true[{i}]")) for i, row in enumerate(true)],
        [read(_typed(row, prefixes, f"y_pred[{i}]")) for i, row in enumerate(pred)],
    )


def _check_not_flat(true: Rows, pred: Rows) -> None:
    """Raise a ValueError for the tags of one sequence, each of which would be a sequence."""
    tags = [*true.sequences, *pred.sequences]
    if (
        true.are_strings
        and len(true.sequences) > 1
        and all(len(t.split()) == 1 for t in tags)
    ):
        raise ValueError(
            f"each string of y_true and y_pred is one tag ({shown(tags[0])}); pass the tags of one "
            "sequence as [y_true] and [y_pred], and sequences of one step as lists, [[tag], ...]"
        )


def _typed(tags: list, prefixes: set[str], name: str) -> list[str]:
    """Return tags that all have a type: "_" where there is none, as in seqeval."""
    typed = []
    for step, tag in enumerate(tags):
        if not isinstance(tag, str):
            raise TypeError(
                f'{name}, step {step} is {shown(tag)}, expected a tag such as "B-person" or "O"'
            )
        prefix, kind = split_tag(tag)
        if tag != "O" and (prefix not in prefixes or tag.endswith("-")):
            raise ValueError(
                f'{name}, step {step} is {shown(tag)}, expected "O" or a tag such as '
                f'"{min(prefixes)}-person" (prefixes {sorted(prefixes)})'
            )
        typed.append("O" if tag == "O" else f"{prefix}-{kind or '_'}")
    return typed


def _lenient(tags: list[str]) -> list[str]:
    """Return tags without BILOU's own prefixes.

    >>> _lenient(["B-x", "L-x", "U-y", "O"])
    ['B-x', 'E-x', 'S-y', 'O']
    """
    return [tag if tag == "O" else LENIENT[tag[0]] + tag[1:] for tag in tags]


def _strict(scheme: str, tags: list[str]) -> list[str]:
    """Return IOBES tags of the entities that conform to the scheme; all else is "O".

    >>> _strict("IOB2", ["B-x", "I-x", "I-y", "B-y"])
    ['B-x', 'E-x', 'O', 'S-y']
    """
    valid, unambiguous = repair(scheme, tags), repair("IOBES", tags)
    strict = ["O"] * len(tags)
    for start, end, _ in entities(tags):
        if tags[start:end] == valid[start:end]:
            strict[start:end] = unambiguous[start:end]
    return strict
