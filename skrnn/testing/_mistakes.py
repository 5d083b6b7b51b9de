"""Data that make no sense, and the place that a message should name."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn.data.ragged import object_array


class Mistake(NamedTuple):
    """Data with a mistake.

    Attributes
    ----------
    name : str
        What is wrong.
    data : X or y
    place : str
        Regular expression of the place; "" where there is none.
    """

    name: str
    data: Any
    place: str

    def is_named_in(self, message: str) -> bool:
        """Return whether a message has the place of the mistake."""
        return re.search(self.place, message, flags=re.DOTALL) is not None


def mistakes_in_X(inputs: str, X: Any, allow_nan: bool) -> list[Mistake]:
    """Return sequences that no estimator can read, made of right ones."""
    if inputs == "fields":
        return _in_fields(X, allow_nan)
    mistakes = [
        Mistake("an empty X", [], ""),
        Mistake("None as X", None, ""),
        Mistake("a number as X", 3, ""),
        Mistake("one string as X", "oak elm", ""),
        Mistake("a missing sequence", _with(X, 2, None), _index(2)),
        Mistake("an object as a sequence", _with(X, 2, object()), _index(2)),
    ]
    if inputs == "texts":
        mistakes.append(Mistake("a number among texts", _with(X, 2, 3.5), _index(2)))
    elif inputs == "tokens":
        mistakes += [
            Mistake("a number among tokens", _with(X, 2, [*X[2], 3.5]), _index(2)),
            Mistake("a missing token", _with(X, 2, [*X[2], None]), _index(2)),
            Mistake("a text among token lists", _with(X, 2, "oak elm"), _index(2)),
        ]
    else:
        mistakes += [
            Mistake("tokens among numbers", _with(X, 2, ["oak"]), _index(2)),
            Mistake("a complex number", _with(X, 2, X[2] * 1j), ""),
            Mistake("infinity", _with(X, 2, X[2] + np.inf), _index(2)),
        ]
        if not allow_nan:
            mistakes.append(Mistake("NaN", _with(X, 2, X[2] * np.nan), _index(2)))
        if np.ndim(X[2]) == 2:
            wide = np.hstack([X[2], X[2]])
            mistakes.append(
                Mistake("4 features where others have 2", _with(X, 2, wide), _index(2))
            )
    return mistakes


def _in_fields(X: pd.DataFrame, allow_nan: bool) -> list[Mistake]:
    words = X["words"].tolist()
    mistakes = [
        Mistake("an empty X", X[:0], ""),
        Mistake(
            "a missing sequence",
            X.assign(words=object_array(_with(words, 2, None))),
            r"words.*\b2\b|\b2\b.*words",
        ),
    ]
    if not allow_nan:
        age = np.where(np.arange(len(X)) == 2, np.nan, X["age"])
        mistakes.append(
            Mistake("a missing number", X.assign(age=age), r"age.*\b2\b|\b2\b.*age")
        )
    return mistakes


def mistakes_in_y(targets: str, y: Any) -> list[Mistake]:
    """Return targets that no estimator can learn, made of right ones."""
    n = len(y)
    mistakes = [
        Mistake("no y", None, r"\by\b"),
        Mistake("a y that is too short", y[:-1], rf"{n}.*{n - 1}|{n - 1}.*{n}"),
        Mistake("one number as y", 3, r"\by\b"),
        Mistake("a missing target", object_array(_with(y, 3, None)), _index(3)),
    ]
    if targets in ("numbers", "step_numbers"):
        for name, value in (("NaN", np.nan), ("infinity", np.inf)):
            bad = value if targets == "numbers" else y[3] * value
            mistakes.append(Mistake(f"{name} in y", _with(y, 3, bad), r"\by\b"))
    if targets in ("step_labels", "step_numbers"):
        shorter = _with(y, 3, [*y[3], y[3][0]])
        mistakes.append(Mistake("one step too many in y", shorter, _index(3)))
    return mistakes


def _with(rows: Any, i: int, row: Any) -> list[Any]:
    """Return rows with another one in place of row ``i``."""
    changed = list(rows)
    changed[i] = row
    return changed


def _index(i: int) -> str:
    return rf"\b{i}\b"
