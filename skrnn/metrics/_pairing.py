"""Opening y_true and y_pred: whatever container they are, lists of lists come out."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any

Split = Callable[[str], list]

#: How strings become lists. A new way is one row.
SPLITS: dict[str, Split] = {"word": str.split, "char": list}


def check_split(tokenizer: object) -> Split:
    """Return the function that cuts a string as ``tokenizer`` says."""
    if isinstance(tokenizer, str) and tokenizer in SPLITS:
        return SPLITS[tokenizer]
    if callable(tokenizer):
        return tokenizer
    raise ValueError(
        f"tokenizer must be one of {sorted(SPLITS)} or a callable that splits a string "
        f"into a list, got {tokenizer!r}"
    )


def rows_of(y: Any) -> list:
    """Return the sequences of a container, each as it was given."""
    return list(y.to_numpy() if hasattr(y, "to_numpy") else y)


def steps_of(row: Any, split: Split = str.split) -> list:
    """Return one sequence as a list; ``split`` cuts a string."""
    if isinstance(row, str):
        return list(split(row))
    return row.tolist() if hasattr(row, "tolist") else list(row)


def check_numbers(true: Sized, pred: Sized) -> None:
    """Raise a ValueError unless there are as many sequences in both, and some."""
    if len(true) != len(pred):
        raise ValueError(f"y_true has {len(true)} sequences, y_pred has {len(pred)}")
    if not len(true):
        raise ValueError("y_true has no sequences")


def check_pair(
    y_true: Any, y_pred: Any, split: Split = str.split
) -> tuple[list[list], list[list]]:
    """Return both as lists of lists of equal lengths."""
    true = [steps_of(row, split) for row in rows_of(y_true)]
    pred = [steps_of(row, split) for row in rows_of(y_pred)]
    check_numbers(true, pred)
    for i, (a, b) in enumerate(zip(true, pred, strict=True)):
        if len(a) != len(b):
            raise ValueError(f"y_true[{i}] has {len(a)} steps, y_pred[{i}] has {len(b)}")
    return true, pred


def references_of(y_true: Any, multiple_references: bool) -> list[list]:
    """Return each sequence's references as they were given."""
    rows = rows_of(y_true)
    if not multiple_references:
        return [[row] for row in rows]
    for i, row in enumerate(rows):
        if isinstance(row, str) or not len(row):
            raise ValueError(
                f"y_true[{i}] is {row!r}, expected a list of at least one reference"
            )
    return [list(row) for row in rows]
