"""Single values of y and of weights: numbers, or labels.

``layouts`` reads the containers; here the first value that is not a number or a label is an
error that names its place. The values of X are checked in ``steps``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.steps import DATES, is_missing, shown

#: Kinds of dtypes that hold real numbers.
REAL = "biuf"


def label_array(labels: Sequence[Any]) -> NDArray:
    """Return labels as an array; a member of an Enum that is a string is its value.

    numpy would write the member's name, cut to the length of its value.
    """
    return np.asarray([plain_label(label) for label in labels])


def plain_label(label: Any) -> Any:
    """Return the value of a member of an Enum that is a string, and others as they are."""
    return label.value if isinstance(label, Enum) and isinstance(label, str) else label


def place_of(name: str, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """Return the place of an entry of an array of this shape, as messages say it.

    A single column has no place of its own.
    """
    used = index if np.prod(shape[1:]) != 1 else index[:1]
    return f"{name}[{', '.join(map(str, used))}]" if used else name


def _shown(value: Any) -> str:
    """Return the representation of a value; numpy's numbers and strings as Python's own."""
    is_plain = isinstance(value, np.generic) and value.dtype.kind in "biufcU"
    return shown(value.item() if is_plain else value)


# --- numbers -------------------------------------------------------------------------


def read_numbers(column: NDArray, name: str) -> NDArray[np.float64]:
    """Return a column of real, finite numbers as float64.

    Parameters
    ----------
    column : ndarray of shape (n_sequences, ...)
        As ``parse_column`` returns it.
    name : str
        Name of the values in messages.

    Raises
    ------
    TypeError
        If an entry is a string, a date or another object; the message names its place.
    ValueError
        If it is complex, infinite, or too large for float64.
    """
    if column.dtype.kind in REAL:
        with np.errstate(over="ignore"):
            values = column.astype(np.float64)
    else:
        values = np.empty(column.shape)
        for index in np.ndindex(column.shape):
            place = place_of(name, column.shape, index)
            values[index] = _read_number(column[index], place)
    infinite = np.argwhere(~np.isfinite(values))
    if len(infinite):
        index = tuple(infinite[0].tolist())
        raise ValueError(
            f"Input {name} contains infinity or a value too large for float64: "
            f"{place_of(name, column.shape, index)} is {_shown(column[index])}"
        )
    return values


def _read_number(value: Any, place: str) -> float:
    if isinstance(value, complex | np.complexfloating):
        raise ValueError(f"Complex data not supported: {place} is {_shown(value)}")
    if isinstance(value, Number | np.bool_) and not isinstance(value, DATES):
        try:
            return float(value)  # type: ignore[arg-type]
        except OverflowError:
            raise ValueError(
                f"{place} is {_shown(value)}, which is too large for float64"
            ) from None
    remedy = " and not a number"
    if isinstance(value, str):
        remedy = ", a string and not a number; convert strings by float"
    elif isinstance(value, DATES):
        remedy = "; dates and times are not numbers: make them numbers, such as seconds"
    raise TypeError(f"{place} is {_shown(value)}{remedy}")


# --- labels --------------------------------------------------------------------------


def check_label_column(column: NDArray, name: str) -> None:
    """Raise an error that names the first entry of a column that cannot be a label."""
    kind, flat = column.dtype.kind, column.reshape(-1)
    if kind in "biuU" or (kind == "f" and _are_whole(flat)):
        return

    def place(i: int) -> str:
        index = np.unravel_index(i, column.shape)
        return place_of(name, column.shape, tuple(map(int, index)))

    check_labels(list(flat), name, place)


def _are_whole(numbers: NDArray) -> bool:
    return bool((np.abs(numbers) < 2**63).all() and (numbers == np.trunc(numbers)).all())


def check_labels(labels: Sequence[Any], name: str, place: Callable[[int], str]) -> None:
    """Raise an error that names the first label that cannot be one.

    Parameters
    ----------
    labels : sequence
        Strings or whole numbers, all of one kind.
    name : str
        What the labels are together.
    place : callable
        ``place(i)`` is the place of the label at ``i``, as messages say it.
    """
    kinds = set(map(type, labels))
    if kinds <= {int, bool} and _fit_int64(labels):
        return
    if kinds <= {str, np.str_} and not any(map(_ends_with_nul, set(labels))):
        return
    for i, label in enumerate(labels):
        _check_label(label, name, place(i))
        if isinstance(label, str) != isinstance(labels[0], str):
            raise TypeError(
                f"{place(i)} is {_shown(label)}; the labels of {name} must be of one kind, "
                f"and {place(0)} is {_shown(labels[0])}"
            )


def _check_label(label: Any, name: str, place: str) -> None:
    says = f"{place} is {_shown(label)}"
    if is_missing(label):
        raise ValueError(f"{says}: a label is missing")
    if isinstance(label, DATES):
        raise TypeError(f"{says}; labels are no dates or times: make it a string by str")
    if isinstance(label, bytes):
        raise TypeError(f"{says}; labels must be strings, as label.decode() gives")
    if isinstance(label, complex | np.complexfloating):
        raise ValueError(f"{says}: Complex data not supported")
    if isinstance(label, str):
        if _ends_with_nul(label):
            raise ValueError(
                f"{says}: a label must not end with the character NUL, which numpy's "
                "strings drop"
            )
    elif isinstance(label, float | np.floating):
        _check_whole(label, says, name)
    elif not isinstance(label, int | np.integer | np.bool_):
        raise TypeError(f"{says}; labels must be strings or whole numbers")
    elif not _fit_int64([int(label)]):
        raise ValueError(f"{says}, which is too large for a label: it needs 64 bits")


def _check_whole(label: Any, says: str, name: str) -> None:
    if np.isinf(label):
        raise ValueError(f"Input {name} contains infinity: {says}")
    if label != np.trunc(label) or abs(label) >= 2**63:
        raise ValueError(
            f"Unknown label type: continuous. {says}; labels must be discrete, not real "
            "numbers"
        )


def _fit_int64(labels: Sequence[int]) -> bool:
    return min(labels, default=0) >= -(2**63) and max(labels, default=0) < 2**63


def _ends_with_nul(label: str) -> bool:
    return label.endswith("\0")
