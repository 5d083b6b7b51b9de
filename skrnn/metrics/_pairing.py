"""Validation of y_true and y_pred: any container becomes a list of lists or of strings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from skrnn.data.containers import is_missing, is_sequence, parse_rows
from skrnn.data.steps import shown
from skrnn.data.tokenizers import check_tokenizer

Split = Callable[[str], list]

#: Added to messages about sequences nested too deep, where each has one reference.
SEVERAL = "; several references a sequence need multiple_references=True"
NESTED = (list, set, dict, np.ndarray)


class Rows(NamedTuple):
    """The sequences of y_true or y_pred, all strings or all lists.

    ``place`` is where the first one is, as messages say it, and None if there is none.
    """

    sequences: list[Any]
    are_strings: bool
    place: str | None


def check_split(tokenizer: object) -> Split:
    """Return the function that splits a string as ``tokenizer`` does; None is at spaces."""
    return str.split if tokenizer is None else check_tokenizer(tokenizer).split


def check_rows(y_true: Any, y_pred: Any) -> tuple[Rows, Rows]:
    """Return the sequences of both, as many in each, and of one kind."""
    true = _check_sequences(parse_rows(y_true, "y_true"), "y_true")
    pred = _check_sequences(parse_rows(y_pred, "y_pred"), "y_pred")
    _check_number(true.sequences, pred.sequences)
    _check_same_kind(true, pred, "")
    return true, pred


def split_pair(
    true: Rows, pred: Rows, split: Split = str.split
) -> tuple[list[list], list[list]]:
    """Return both as lists of lists of equal lengths."""
    a, b = ([_split(one, split) for one in rows.sequences] for rows in (true, pred))
    for i, (steps, predicted) in enumerate(zip(a, b, strict=True)):
        if len(steps) != len(predicted):
            raise ValueError(
                f"y_true[{i}] has {len(steps)} steps, y_pred[{i}] has {len(predicted)}"
            )
    return a, b


def check_references(
    y_true: Any, y_pred: Any, multiple_references: bool
) -> tuple[list[list[Any]], list[Any]]:
    """Return each sequence's references and its prediction, all strings or all lists."""
    rows = parse_rows(y_true, "y_true")
    true = None if multiple_references else _check_sequences(rows, "y_true", SEVERAL)
    pred = _check_sequences(parse_rows(y_pred, "y_pred"), "y_pred")
    _check_number(rows, pred.sequences)
    if true is not None:
        _check_same_kind(true, pred, SEVERAL)
        return [[sequence] for sequence in true.sequences], pred.sequences
    references = []
    for i, row in enumerate(rows):
        if isinstance(row, str) or not is_sequence(row) or not len(row):
            raise ValueError(
                f"y_true[{i}] is {shown(row)}, expected a list of at least one reference, as "
                "multiple_references=True"
            )
        several = _check_sequences(list(row), f"y_true[{i}]")
        _check_same_kind(several, pred, "; each entry of y_true is a list of references")
        references.append(several.sequences)
    return references, pred.sequences


def split_references(
    y_true: Any, y_pred: Any, multiple_references: bool, tokenizer: object
) -> list[tuple[list[list], list]]:
    """Return each sequence's references and its prediction, as lists of tokens."""
    split = check_tokenizer(tokenizer).split
    references, predictions = check_references(y_true, y_pred, multiple_references)
    true = [[_split(one, split) for one in several] for several in references]
    pred = [_split(one, split) for one in predictions]
    check_same_steps((one for several in true for one in several), pred)
    return list(zip(true, pred, strict=True))


def _split(sequence: Any, split: Split) -> list:
    return list(split(sequence)) if isinstance(sequence, str) else sequence


def _check_sequences(rows: list[Any], name: str, advice: str = "") -> Rows:
    """Return sequences, each as a string or a list; ``advice`` ends messages on nesting."""
    sequences = []
    for i, row in enumerate(rows):
        place = f"{name}[{i}]"
        if is_missing(row):
            raise ValueError(f"{place} is missing ({shown(row)})")
        if not is_sequence(row) or isinstance(row, bytes):
            raise TypeError(
                f"{place} is {shown(row)}, expected a list or a string; one sequence y alone is "
                "passed as [y]"
            )
        if isinstance(row, str) != isinstance(rows[0], str):
            raise TypeError(
                f"{place} is {_kind(row)}, but {name}[0] is {_kind(rows[0])}; all sequences "
                "must be of one kind"
            )
        if not isinstance(row, str):
            row = row.tolist() if hasattr(row, "tolist") else list(row)
            _check_flat(row, place, advice)
        sequences.append(row)
    are_strings = bool(rows) and isinstance(rows[0], str)
    return Rows(sequences, are_strings, f"{name}[0]" if rows else None)


def _check_flat(steps: list, place: str, advice: str) -> None:
    """Raise a TypeError for steps that are sequences themselves; tuples may be tokens."""
    if not any(issubclass(kind, NESTED) for kind in set(map(type, steps))):
        return
    step = next(i for i, value in enumerate(steps) if isinstance(value, NESTED))
    raise TypeError(
        f"{place}, step {step} is {shown(steps[step])}, expected a label or token: the sequences "
        f"are nested one level too deep{advice}"
    )


def _check_number(true: list, pred: list) -> None:
    """Raise a ValueError unless there are as many sequences in both, and some."""
    if len(true) != len(pred):
        raise ValueError(f"y_true has {len(true)} sequences, y_pred has {len(pred)}")
    if not true:
        raise ValueError("y_true has no sequences")


def _check_same_kind(true: Rows, pred: Rows, advice: str) -> None:
    if true.are_strings != pred.are_strings:
        kinds = ("a string", "a list") if true.are_strings else ("a list", "a string")
        raise TypeError(
            f"{true.place} is {kinds[0]}, but {pred.place} is {kinds[1]}; pass both as "
            f"strings, or both as lists{advice}"
        )


def check_same_steps(true: Iterable[list], pred: Iterable[list]) -> None:
    """Raise a TypeError if the steps of one are strings and those of the other are not."""
    kinds = [{type(step) for row in rows for step in row} for rows in (true, pred)]
    strings = [{issubclass(kind, str) for kind in some} for some in kinds]
    if all(kinds) and not strings[0] & strings[1]:
        names = [sorted(kind.__name__ for kind in some) for some in kinds]
        raise TypeError(
            f"the steps of y_true are {' or '.join(names[0])}, those of y_pred are "
            f"{' or '.join(names[1])}: they cannot be equal"
        )


def _kind(row: Any) -> str:
    return "a string" if isinstance(row, str) else f"a {type(row).__name__}"
