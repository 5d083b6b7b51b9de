"""The values of a frame's columns: tokens, features, time stamps, static ones."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.columns import as_frame, check_number_columns, is_foreign_frame
from skrnn.data.date_formats import dates_of_strings
from skrnn.data.field_roles import STATIC, FieldOptions, Role, is_frame, is_list
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import (
    DATES,
    Advice,
    Split,
    is_missing,
    is_sequence,
    join_tokens,
    shown,
    split_texts,
    step_shape,
    to_array,
    to_floats,
)


class StaticColumns(NamedTuple):
    """One value a sequence and column.

    Attributes
    ----------
    numbers : float64 ndarray of shape (n_sequences, n_numbers)
        NaN where a value is missing.
    categories : object ndarray of shape (n_sequences, n_categories)
        Hashable values, None where one is missing.
    """

    numbers: NDArray[np.float64]
    categories: NDArray[np.object_]

    def take(self, indices: NDArray[np.int64]) -> StaticColumns:
        """Return the values of some sequences."""
        return StaticColumns(self.numbers[indices], self.categories[indices])


def read_tokens(
    column: pd.Series, split: Split | None, place: str, advice: Advice, any_value: bool
) -> tuple[RaggedArray, list[str] | None]:
    """Return the tokens of each cell, and the texts where the cells are strings."""
    cells = column.tolist()
    for i, cell in enumerate(cells):
        if is_missing(cell):
            raise ValueError(
                f'{place} is missing in row {i} ({shown(cell)}); fill it, by fillna("") or an '
                "empty list"
            )
        strange = not is_sequence(cell) or is_frame(cell)
        if strange or isinstance(cell, str) != isinstance(cells[0], str):
            raise TypeError(
                f"{place} holds {shown(cells[0])} in row 0 and {shown(cell)} in row {i}; "
                "expected texts or token lists alone"
            )
    if isinstance(cells[0], str) and split is not None:
        return join_tokens(split_texts(cells, split, place), place, advice), cells
    return join_tokens(cells, place, advice, any_value=any_value), None


def read_features(
    column: pd.Series, place: str, width: int | None = None
) -> tuple[RaggedArray, tuple[int, ...]]:
    """Return numbers ``(total_steps, n_features)`` of arrays or lists, and a step's shape.

    ``width`` is the number of features where all of them are empty, 1 by default.
    """
    arrays = read_arrays(column, place, to_floats)
    shapes = [step_shape(a) if a.size or a.ndim > 1 else None for a in arrays]
    shape = next((shape for shape in shapes if shape is not None), (width or 1,))
    width = int(np.prod(shape))
    for i, got in enumerate(shapes):
        if got in (None, shape):
            continue
        if np.prod(got) == width:
            raise ValueError(
                f"row {i} of {place} has steps of shape {got}, expected {shape} (as the "
                "rows before)"
            )
        raise ValueError(
            f"row {i} of {place} has {np.prod(got)} features a step, expected {width} (as "
            "the rows before)"
        )
    return RaggedArray.from_sequences([a.reshape(len(a), width) for a in arrays]), shape


def read_arrays(
    column: pd.Series, place: str, convert: Callable[[Any, str], NDArray]
) -> list[NDArray]:
    """Return the sequences of numbers in a column, each as ``convert`` gives it.

    ``convert(cell, place)`` is ``to_floats`` or ``to_numbers``. Cells that are frames must
    have the same columns.
    """
    arrays = []
    columns: pd.Index | None = None
    for i, cell in enumerate(column):
        if type(cell) is np.ndarray and cell.dtype.kind in "biuf" and cell.ndim:
            arrays.append(convert(cell, place))  # it holds numbers
            continue
        if is_missing(cell):
            raise ValueError(
                f"row {i} of {place} is missing ({shown(cell)}); leave that row out"
            )
        if isinstance(cell, str) or not is_sequence(cell):
            raise TypeError(
                f"row {i} of {place} is {type(cell).__name__}, expected a sequence"
            )
        if is_frame(cell):
            cell = as_frame(cell) if is_foreign_frame(cell) else cell
            columns = cell.columns if columns is None else columns
            _check_steps_of_frame(cell, columns, f"row {i} of {place}")
        elif isinstance(next(iter(cell), None), str):
            raise TypeError(f"row {i} of {place} holds tokens, expected numbers")
        arrays.append(convert(cell, f"row {i} of {place}"))
    return arrays


def _check_steps_of_frame(frame: pd.DataFrame, columns: pd.Index, place: str) -> None:
    """Raise an error unless a cell that is a frame holds numbers in these columns."""
    if not frame.columns.equals(columns):
        raise ValueError(
            f"{place} has the columns {shown(frame.columns.tolist())}, expected "
            f"{shown(columns.tolist())} (as the rows before)"
        )
    check_number_columns(frame, place, rows_are_steps=True)


def read_stamps(column: pd.Series, place: str) -> RaggedArray:
    """Return seconds ``(total_steps,)`` from the first step of each sequence."""
    arrays = []
    for i, cell in enumerate(column):
        if not is_list(cell) or is_frame(cell):
            raise TypeError(
                f"row {i} of {place} must hold time stamps, one a step, got {shown(cell)}"
            )
        arrays.append(_seconds_of(cell, f"row {i} of {place}"))
    return RaggedArray.from_sequences(arrays)


def _seconds_of(cell: Any, place: str) -> NDArray[np.float64]:
    array = to_array(cell)
    if array.dtype.kind not in "biufmM":
        array = _dates_of(cell, place)
    missing = np.flatnonzero(pd.isna(array))
    if len(missing):
        raise ValueError(f"{place} lacks the time stamp of step {missing[0]}")
    if not len(array):
        return np.empty(0)
    if array.dtype.kind in "bu":
        array = array.astype(np.int64)
    differences = array - array[0]  # of large integers, too, before the cast
    if array.dtype.kind in "mM":
        return differences / np.timedelta64(1, "s")
    return differences.astype(np.float64)


def _dates_of(cell: Any, place: str) -> NDArray:
    """Return dates of any kind as datetime64."""
    steps, times = list(cell), datetime.time | datetime.timedelta
    if all(isinstance(step, datetime.timedelta) for step in steps):
        return pd.to_timedelta(pd.Index(steps)).to_numpy()
    if any(isinstance(step, str) for step in steps):
        dates = dates_of_strings(steps, place, utc=True)
        return dates.tz_localize(None).to_numpy()
    if not all(
        (isinstance(step, DATES) and not isinstance(step, times)) or is_missing(step)
        for step in steps
    ):
        raise TypeError(f"{place} must hold dates, times or seconds, got {shown(cell)}")
    index = pd.Index(steps)
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    return pd.to_datetime(index, utc=True).tz_localize(None).to_numpy()


def check_seconds(
    column: Hashable, stamps: RaggedArray, name: str
) -> NDArray[np.float64]:
    """Return the flat seconds; a ValueError unless they grow within each sequence."""
    seconds = stamps.values
    falls = np.diff(seconds) <= 0
    ends = stamps.offsets[1:-1]
    falls[ends[(ends > 0) & (ends < len(seconds))] - 1] = False
    if falls.any():
        row, step = stamps.step_of(int(np.flatnonzero(falls)[0]) + 1)
        again = (
            seconds[stamps.offsets[row] + step] == seconds[stamps.offsets[row] + step - 1]
        )
        raise ValueError(
            f"row {row} of {name}[{shown(column)}]: the time of step {step} is "
            f"{'that' if again else 'before that'} of step {step - 1}; steps must be in "
            "order of time, each at a time of its own"
        )
    return seconds


def read_static(
    frame: pd.DataFrame, roles: Mapping[Hashable, Role], options: FieldOptions, name: str
) -> StaticColumns | None:
    """Return the values of the static columns, None without any."""
    if not set(roles.values()) & set(STATIC):
        return None
    columns: dict[Role, list[NDArray]] = {"number": [], "category": []}
    for column, role in roles.items():
        if role not in STATIC:
            continue
        place = f"{name}[{shown(column)}]"
        read = _static_numbers if role == "number" else _static_categories
        values = read(frame[column], place)
        missing = np.flatnonzero(pd.isna(values))
        if len(missing) and not options.allow_missing:
            remedy = 'Set missing="indicator" to learn from gaps, or fill it before'
            raise ValueError(
                f"Input {name} contains NaN: {place} is missing in row {missing[0]}. "
                + (remedy if options.missing else "Fill it before")
            )
        columns[role].append(values)
    numbers = np.array(columns["number"], np.float64).reshape(-1, len(frame)).T
    categories = np.empty((len(frame), len(columns["category"])), object)
    for j, values in enumerate(columns["category"]):
        categories[:, j] = values
    return StaticColumns(numbers, categories)


def _static_numbers(column: pd.Series, place: str) -> NDArray[np.float64]:
    if getattr(column.dtype, "kind", "") == "c":
        raise TypeError(f"{place} must hold real numbers, got dtype {column.dtype}")
    try:
        values = column.to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{place} must hold numbers: {str(error)[:200]}") from error
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise ValueError(f"{place} is infinite in row {infinite[0]}")
    return values


def _static_categories(column: pd.Series, place: str) -> NDArray[np.object_]:
    cells = [None if is_missing(cell) else cell for cell in column.tolist()]
    for i, cell in enumerate(cells):
        if not isinstance(cell, Hashable):
            raise TypeError(
                f"{place} is static, one value a sequence, but row {i} holds {shown(cell)}"
            )
    return object_array(cells)
