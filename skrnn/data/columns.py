"""Columns of data frames: the kind of values in each, and checks of mixed columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from skrnn._warnings import warn
from skrnn.data.ragged import object_array
from skrnn.data.steps import DATES, is_missing, is_sequence, shown, to_array

ColumnKind = Literal["numbers", "texts", "sequences", "dates", "other"]
HOLDS = {
    "texts": "strings",
    "sequences": "whole sequences",
    "dates": "dates or times",
    "other": "values other than numbers",
}
OF_ARRAYS = (
    "An array argument must be made of strings or numbers. If a ColumnTransformer made it, "
    'set_output(transform="pandas") gives out a frame, whose columns keep names and kinds'
)
#: Below this probability under random order, columns count as ids and times.
CHANCE = 1e-6
#: How the types of categorical columns begin, in polars (two) and arrow.
CATEGORICAL = ("Categorical", "Enum", "dictionary")


def is_foreign_frame(X: Any) -> bool:
    """Return whether X is a frame of a library other than pandas, such as polars."""
    return (
        not isinstance(X, pd.DataFrame | pd.Series | pd.Index | np.ndarray | type)
        and hasattr(X, "to_pandas")
        and hasattr(X, "columns")
    )


def as_frame(X: Any) -> pd.DataFrame:
    """Return a frame of another library as a pandas DataFrame."""
    names = getattr(X, "column_names", X.columns)
    return pd.DataFrame({name: _as_column(X[name]) for name in names})


def _as_column(column: Any) -> Any:
    """Return a column of another library as an array, or as a Categorical."""
    dtype = str(getattr(column, "dtype", None) or getattr(column, "type", None))
    if dtype.startswith(CATEGORICAL):  # numpy gives arrow's missing ones a category
        read = column.to_pylist if hasattr(column, "to_pylist") else column.to_list
        return pd.Categorical(read())
    array = to_array(column)
    if array.dtype.kind == "M" and array.ndim == 1:
        kind: Any = getattr(column, "dtype", None) or getattr(column, "type", None)
        zone = getattr(kind, "time_zone", None) or getattr(kind, "tz", None)
        return array if zone is None else _in_zone(array, zone)
    is_list = array.dtype == object or array.ndim > 1
    return object_array(list(array)) if is_list else array


def _in_zone(array: NDArray, zone: str) -> pd.DatetimeIndex:
    """Return times in UTC as times of a zone."""
    return pd.DatetimeIndex(array).tz_localize("UTC").tz_convert(zone)


def holds_numbers_only(frame: pd.DataFrame) -> bool:
    """Return whether the dtypes of a frame alone say that each column is of numbers."""
    return all(isinstance(d, np.dtype) and d.kind in "biufc" for d in set(frame.dtypes))


def is_category(dtype: Any) -> bool:
    """Return whether a dtype of pandas is categorical: its own, or arrow's dictionary."""
    if isinstance(dtype, pd.ArrowDtype):
        return str(dtype).startswith(CATEGORICAL)
    return isinstance(dtype, pd.CategoricalDtype)


def column_kind(column: pd.Series) -> ColumnKind:
    """Return the kind of values in a column, from its dtype or its cells."""
    kinds = kinds_in(column)
    if not kinds:
        return "numbers"  # all are missing
    return kinds.pop() if len(kinds) == 1 else "texts" if "texts" in kinds else "other"


def kinds_in(column: pd.Series) -> set[ColumnKind]:
    """Return all kinds of values in a column, from its dtype or its cells."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    if pd.api.types.is_numeric_dtype(dtype):
        return {"numbers"}
    if dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype):
        return {"dates"}
    return {kind_of_cell(cell) for cell in _one_of_each_type(column)}


def _one_of_each_type(cells: Iterable) -> list:
    """Return the first cell of each type that is not missing."""
    found: dict[type, Any] = {}
    for cell in cells:
        if type(cell) not in found and not is_missing(cell):
            found[type(cell)] = cell
    return list(found.values())


def kind_of_cell(cell: object) -> ColumnKind:
    """Return the kind of value in a cell that is not missing."""
    if isinstance(cell, str | bytes):
        return "texts"
    if is_sequence(cell):
        return "sequences"
    if isinstance(cell, DATES):
        return "dates"
    return "numbers" if _is_number(cell) else "other"


def _is_number(cell: object) -> bool:
    return hasattr(cell, "__float__") and not isinstance(cell, str | bytes)


def has_flat_numbers(column: pd.Series) -> bool:
    """Return whether the cells are 1-D sequences of numbers."""
    for cell in column:
        if is_missing(cell):
            continue
        if isinstance(cell, np.ndarray):
            if cell.dtype.kind in "biufc":
                return cell.ndim == 1
            if cell.ndim != 1:
                return False
        if isinstance(cell, str | bytes | pd.DataFrame) or not is_sequence(cell):
            return False
        for step in cell:
            if not is_missing(step):
                return _is_number(step) and np.ndim(step) == 0
    return False


def check_number_columns(
    frame: pd.DataFrame,
    name: str,
    *,
    rows_are_steps: bool = False,
    is_array: bool = False,
) -> None:
    """Raise a TypeError that names the first column that is not numeric.

    Parameters
    ----------
    frame : DataFrame
        The table, one column a step, or one column a feature.
    name : str
        Name of the table in messages.
    rows_are_steps : bool
        Whether the table is one sequence, whose rows cannot be grouped further.
    is_array : bool
        Whether the user passed an array, which has no column names.
    """
    if holds_numbers_only(frame):
        return
    for j in range(frame.shape[1]):
        column = frame.iloc[:, j]
        kind = column_kind(column)
        if kind == "numbers":
            continue
        label = shown(frame.columns[j])
        message = (
            f"{name} holds {HOLDS[kind]} in column {label}, such as "
            f"{_example(column, kind)}; expected numbers. "
        )
        if rows_are_steps:
            raise TypeError(message + "Leave that column out, or make numbers of it")
        if is_array:
            raise TypeError(message + OF_ARRAYS)
        raise TypeError(message + _remedies(frame, kind, name, label))


def _example(column: pd.Series, kind: str) -> str:
    for cell in column:
        if not is_missing(cell) and (kind == "dates" or kind_of_cell(cell) != "numbers"):
            return shown(cell)
    return "no value"


def _remedies(frame: pd.DataFrame, kind: ColumnKind, name: str, label: str) -> str:
    remedy = "Leave that column out, or make numbers of it"
    if kind in ("texts", "sequences"):
        remedy = f"Pass one column of {kind} alone, as {name}[{label}], or numbers only"
    is_indexed = isinstance(frame.index, pd.MultiIndex)
    rows = "frame.reset_index()" if is_indexed else "frame"
    time = f", time={label}" if kind == "dates" else ""
    return (
        f"{remedy}. If each row is one step, make sequences of the rows by "
        f"skrnn.preprocessing.sequences_from_frame({rows}, by=...{time})"
    )


def check_single_texts(frame: pd.DataFrame, name: str, *, is_array: bool = False) -> None:
    """Raise a TypeError if one of several columns holds texts of several words."""
    for j in range(frame.shape[1]):
        for cell in frame.iloc[:, j]:
            if isinstance(cell, str) and " " in cell.strip():
                column = f":, {j}" if is_array else shown(frame.columns[j])
                raise TypeError(
                    f"{name} has {frame.shape[1]} columns, and {name}[{column}] holds "
                    f"whole texts, such as {shown(cell)}. Pass one of the columns, "
                    'or join them; input_type="tokens" makes each cell one '
                    "token"
                )


def warn_of_long_frame(X: pd.DataFrame, name: str, reading: str) -> None:
    """Warn that a frame looks like a long one, and say how it is read."""
    columns = _id_and_time(X)
    if columns is not None:
        by, time = (shown(X.columns[j]) for j in columns)
        warn(
            f"{name} has a column {by} whose values repeat row after row, and a column "
            f"{time} that grows within each of them and starts anew with the next; "
            f"{reading}. If its rows are steps, pass "
            f"skrnn.preprocessing.sequences_from_frame(frame, by={by}, time={time})",
        )


def _id_and_time(X: pd.DataFrame) -> tuple[int, int] | None:
    """Return the columns of a long frame's ids and times; None if it does not look so.

    The ids repeat in runs, three rows or more on average; within each run the time grows,
    and at most ends of runs it falls back. Random columns look so in fewer than one of
    ``1 / CHANCE`` tables.
    """
    n_rows, n_columns = X.shape
    if n_rows < 6 or n_columns < 2:
        return None
    values = to_array(X)
    if values.dtype.kind not in "biuf":  # texts and categories may be ids, too
        columns = [to_array(X.iloc[:, j]) for j in range(n_columns)]
        values = np.column_stack(
            [c if c.dtype.kind in "biuf" else pd.factorize(c)[0] for c in columns]
        )
    changes = values[1:] != values[:-1]
    n_runs = changes.sum(axis=0) + 1
    grows = values[1:] > values[:-1]
    for by in np.flatnonzero((n_runs > 1) & (3 * n_runs <= n_rows)):
        ends = changes[:, by]
        if len(np.unique(values[:, by])) != n_runs[by]:
            continue  # a value comes back after others
        lengths = np.diff(np.flatnonzero(np.concatenate([[True], ends, [True]])))
        if -gammaln(lengths + 1).sum() + 2 * np.log(n_columns) > np.log(CHANCE):
            continue
        restarts = ~grows[ends]
        times = grows[~ends].all(axis=0) & (2 * restarts.sum(axis=0) > len(restarts))
        if times.any():
            return int(by), int(np.flatnonzero(times)[0])
    return None
