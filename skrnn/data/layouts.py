"""Containers of users as rows, tables, arrays or fields, and their rebuild.

``read_container`` brings a container into one of four layouts and knows how to rebuild
it; ``parse_rows`` gives the rows of y, ``parse_column`` its numbers or labels where each
sequence has as many. Series are parsed in ``series``. The values are checked elsewhere:
those of X in ``containers``, those of y in ``targets``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Number
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from skrnn.data.columns import (
    as_frame,
    column_kind,
    has_flat_numbers,
    is_foreign_frame,
)
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import is_missing, is_sequence, shown, to_array, unreadable_tensor
from skrnn.data.values import place_of, plain_label

Layout = Literal["list", "columns", "array", "fields"]


# --- reading and rebuilding ----------------------------------------------------------


class Container(NamedTuple):
    """A user's container in one of four layouts.

    Attributes
    ----------
    layout : {"list", "columns", "array", "fields"}
        "list": one object a sequence. "columns": a table, one column a step. "array":
        three or more dimensions. "fields": a frame, one column a feature, whose cells are
        1-D sequences of numbers.
    content : list, ndarray or DataFrame
        A list, a 2-D array or frame, an array, or a frame.
    rebuild : callable
        ``rebuild(steps, names)`` gives transformed steps in the user's container;
        ``steps`` is a RaggedArray, ``names`` the names of its features or None.
    """

    layout: Layout
    content: Any
    rebuild: Callable[[RaggedArray, Sequence[str] | None], Any]


def read_container(X: Any, name: str = "X") -> Container:
    """Read any container of sequences.

    Parameters
    ----------
    X : list, tuple, ndarray, tensor, Series, DataFrame, RaggedArray
        One row a sequence; Series and frames of pandas, polars or arrow. A 2-D container
        of one column that holds texts or sequences is that column.
    name : str
        Name of X in messages.

    Raises
    ------
    TypeError
        If X is not a container of sequences; the message names the remedy.
    """
    check_is_container(X, name)
    if isinstance(X, list | tuple | RaggedArray):
        return _list_container(list(X), tuple if isinstance(X, tuple) else list)
    if _is_awkward(X):
        return _list_container(X.to_list(), object_array)
    if is_foreign_frame(X):
        X = as_frame(X)
    if isinstance(X, pd.DataFrame):
        return _read_frame(X)
    if isinstance(X, pd.Series):
        return _read_series(X, name)
    array = to_array(X)
    if array.ndim >= 3:
        return Container("array", array, _rebuild_array)
    if array.ndim == 2:
        return _read_table(array)
    if array.dtype.kind in "mM":
        raise TypeError(f"{name} holds dates or times, expected numbers or tokens")
    if array.dtype.names is not None:
        raise TypeError(
            f"{name} is a structured array, expected numbers or tokens; pass "
            f"numpy.lib.recfunctions.structured_to_unstructured({name})"
        )
    if array.ndim == 1 and array.dtype.kind in "OUTS":
        return _list_container(array.tolist(), object_array)
    raise _one_dimensional(array, name)


def check_is_container(X: Any, name: str, entries: str = "sequences") -> None:
    """Raise a TypeError that names the remedy unless X is a container."""
    if isinstance(X, str | bytes):
        raise TypeError(
            f"{name} is one string; pass a list of strings, one for each sequence"
        )
    if hasattr(X, "tocsr"):
        try:  # scikit-learn's words
            check_array(X, accept_sparse=False, input_name=name)
        except TypeError as error:
            raise TypeError(
                f"{error} In a Pipeline: FunctionTransformer(lambda X: X.toarray(), "
                "accept_sparse=True), or ColumnTransformer(..., sparse_threshold=0)"
            ) from None
    if (remedy := remedy_for(X, name)) is not None:
        raise TypeError(
            f"{name} must be a list of {entries}, an array, a Series or a DataFrame, "
            f"got {type(X).__name__}{remedy}"
        )


def remedy_for(X: Any, name: str) -> str | None:
    """Return how to make a container of X; None if it is one already."""
    kind = type(X).__name__
    if is_packed(X):
        return f"; pass torch.nn.utils.rnn.unpack_sequence({name})"
    if getattr(X, "is_nested", False) is True:
        return f"; pass the nested tensor's sequences as list({name}.unbind())"
    if (remedy := unreadable_tensor(X)) is not None:
        return f" of layout {getattr(X, 'layout', None)}; {remedy}"
    if isinstance(X, list | tuple | RaggedArray):
        return None
    if kind.endswith("GroupBy"):
        return (
            "; make sequences of the frame's groups by "
            "skrnn.preprocessing.sequences_from_frame(frame, by=...)"
        )
    if kind == "LazyFrame":
        return f"; pass {name}.collect()"
    if isinstance(X, Mapping):
        return (
            f"; pass list({name}.values()) if each of its values is an entry, or "
            f"pandas.DataFrame({name}) if each is a column"
        )
    if isinstance(X, Set):
        return f"; a set has no order, pass list({name})"
    if is_foreign_frame(X) or hasattr(X, "__array__") or hasattr(X, "iloc"):
        return None
    if isinstance(X, memoryview):
        return None if X.ndim else f"; pass list({name})"
    return f"; pass list({name})" if isinstance(X, Iterable) else ""


def is_packed(X: Any) -> bool:
    """Return whether X is torch's PackedSequence, which is a tuple of four parts."""
    return type(X).__name__ == "PackedSequence"


def _is_awkward(X: Any) -> bool:
    return type(X).__module__.partition(".")[0] == "awkward"


def _is_array(X: Any) -> bool:
    """Return whether numpy can read X without a loss."""
    is_frame = isinstance(X, pd.DataFrame) or is_foreign_frame(X)
    is_array = hasattr(X, "__array__") or isinstance(X, memoryview)
    return is_array and not is_frame and not _is_awkward(X)


def _one_dimensional(array: NDArray, name: str) -> ValueError:
    if array.ndim == 0:
        return ValueError(
            f"{name} is one value: Expected 2D array, got scalar array instead. Reshape "
            f"your data: pass a list of sequences"
        )
    return ValueError(
        f"{name} is 1-D: {len(array)} numbers, expected a list of sequences. Expected 2D "
        "array, got 1D array instead. Reshape your data: pass one sequence x as [x], or "
        "cut a long series by skrnn.preprocessing.sliding_windows; x.reshape(-1, 1) makes "
        "each number a sequence of one step"
    )


def _list_container(sequences: list, make: Callable[[list], Any]) -> Container:
    return Container("list", sequences, lambda steps, names: make(list(steps)))


def _read_series(X: pd.Series, name: str) -> Container:
    if pd.api.types.is_numeric_dtype(X.dtype):
        raise _one_dimensional(np.empty(len(X)), name)
    if column_kind(X) == "dates":
        raise TypeError(f"{name} holds dates or times, expected numbers or tokens")
    return _list_container(
        X.tolist(),
        lambda sequences: pd.Series(object_array(sequences), X.index, name=X.name),
    )


def _read_table(array: NDArray) -> Container:
    """Read a 2-D array: one column of texts or sequences is that column."""
    if array.shape[1] == 1 and array.dtype.kind in "OUTS":
        cells = array[:, 0].tolist()
        if _first_present_is_sequence(cells):
            return _list_container(cells, object_array)
    return Container("columns", array, lambda s, _: _table_of(s, array.shape))


def _first_present_is_sequence(cells: Iterable) -> bool:
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return isinstance(first, bytes) or is_sequence(first)


def _read_frame(X: pd.DataFrame) -> Container:
    if X.shape[1] == 1:
        column = X.iloc[:, 0]
        kind = column_kind(column)
        if kind in ("texts", "sequences") and not has_flat_numbers(column):
            return _list_container(
                column.tolist(),
                lambda sequences: pd.DataFrame(
                    {X.columns[0]: object_array(sequences)}, X.index
                ),
            )
    if X.shape[1] and all(
        column_kind(X.iloc[:, j]) == "sequences" for j in range(X.shape[1])
    ):
        return Container("fields", X, lambda s, names: _fields_of(s, names, X))
    return Container("columns", X, lambda s, _: _table_of(s, X.shape, X))


def _table_of(
    steps: RaggedArray, shape: tuple[int, int], frame: pd.DataFrame | None = None
) -> Any:
    """Return steps as a table of the same shape, or 3-D if they have more features."""
    values = steps.values.reshape(*shape, -1)
    if values.shape[2] > 1:
        return values
    if frame is None:
        return values[:, :, 0]
    return pd.DataFrame(values[:, :, 0], index=frame.index, columns=frame.columns)


def _rebuild_array(steps: RaggedArray, names: Sequence[str] | None) -> NDArray:
    return steps.values.reshape(len(steps), int(steps.lengths[0]), -1)


def _fields_of(
    steps: RaggedArray, names: Sequence[str] | None, frame: pd.DataFrame
) -> Any:
    """Return steps as a frame, one column a feature; without names, as a Series.

    A single feature of a single column keeps its name.
    """
    values = steps.values
    if names is None and values.shape[1:] == (1,) and frame.shape[1] == 1:
        names = frame.columns
    if names is None or values.ndim != 2 or values.shape[1] != len(names):
        return pd.Series(object_array(list(steps)), index=frame.index)
    columns = {
        name: object_array(list(steps.with_values(values[:, j])))
        for j, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=frame.index)


# --- rows and columns -----------------------------------------------------------------


def parse_rows(container: Any, name: str) -> list[Any]:
    """Return the rows of any container, for y and for metrics.

    Parameters
    ----------
    container : list, tuple, ndarray, tensor, Series, DataFrame or RaggedArray
        One row a sequence. A 2-D container of one column that holds texts or sequences is
        that column.
    name : str
        Name of the container in messages.

    Returns
    -------
    rows : list of length n_sequences
        Scalars, strings, lists or arrays, as the user gave them. A masked cell is NaN
        among numbers and None elsewhere.

    Raises
    ------
    TypeError
        If it is not a container of rows; the message names the remedy.
    """
    if isinstance(container, pd.Series):
        return container.tolist()
    check_is_container(container, name)
    if _is_array(container) and (array := to_array(container)).ndim == 1:
        return array.tolist()  # rows may be scalars here
    read = read_container(container, name)
    if read.layout == "fields":
        return only_column(read.content, name)
    if read.layout == "columns":
        return list(to_array(read.content))
    return list(read.content)


def parse_column(values: Any, name: str) -> NDArray:
    """Return one number or label a sequence, or as many for each, as an array.

    Parameters
    ----------
    values : list, tuple, ndarray, tensor, Series or DataFrame
        One entry a sequence.
    name : str
        Name of the values in messages.

    Returns
    -------
    column : ndarray of shape (n_sequences, ...)
        Of the values' own dtype; object only for arrays that hold strings or several
        kinds of values.

    Raises
    ------
    TypeError
        If it is not a container of values; the message names the remedy.
    ValueError
        If a value is missing, masked or NaN; the message names its place.
    """
    check_is_container(values, name, "values")
    column = _column_array(values, name)
    if column.ndim == 0:
        raise ValueError(f"{name} is one value, expected one for each sequence")
    missing = _missing_cells(column)
    if missing.any():
        index = tuple(np.argwhere(missing)[0].tolist())
        place = place_of(name, column.shape, index)
        raise ValueError(f"Input {name} contains NaN or a missing value: {place}")
    if column.dtype == object and _are_numbers(column):
        return np.array(column.tolist())  # nullable columns, or objects
    if column.dtype == object and column.ndim == 1:
        return object_array([plain_label(value) for value in column])
    return column


def _column_array(values: Any, name: str) -> NDArray:
    """Return values as an array; missing ones are None, NaN, NA or NaT."""
    if is_foreign_frame(values):
        values = as_frame(values)
    if _is_awkward(values):
        values = values.to_list()
    if isinstance(values, pd.Series | pd.DataFrame):
        return np.asarray(values.to_numpy())
    try:
        if not isinstance(values, list | tuple):
            return to_array(values)
        values = [_without_masks(plain_label(value)) for value in values]
        array = to_array(values)
        if array.dtype.kind not in "US":
            return array
        objects = np.asarray(values, dtype=object)  # NaN among strings became "nan"
        strings = set(objects.ravel().tolist())
        kept = all(isinstance(s, str) and not s.endswith("\0") for s in strings)
        return array if kept else objects  # numpy drops a NUL at the end of a string
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} must have one entry a sequence, or rows of one length"
            f"{_unequal_rows(values, name)}: {str(error)[:200]}"
        ) from error


def _unequal_rows(values: Any, name: str) -> str:
    """Return the first entry that is not a row like the first, for a message."""
    rows = list(values)
    sizes = [
        len(row) if is_sequence(row) and not isinstance(row, str) else None
        for row in rows
    ]
    other = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    if other is None:
        return ""
    described = [
        f"{name}[{i}] is {shown(rows[i])}"
        if sizes[i] is None
        else f"{name}[{i}] has {sizes[i]} values"
        for i in (other, 0)
    ]
    return f"; {described[0]}, but {described[1]}"


def _without_masks(value: Any) -> Any:
    """Return a masked value as None, and masked rows with None or NaN."""
    if value is np.ma.masked:
        return None
    if isinstance(value, np.ma.MaskedArray):
        return to_array(value)
    if isinstance(value, list | tuple):
        return [_without_masks(cell) for cell in value]
    return value


def _missing_cells(array: NDArray) -> NDArray[np.bool_]:
    if array.dtype.kind == "V":  # pandas before 3 cannot read structured cells
        return np.zeros(array.shape, dtype=bool)
    missing = np.asarray(pd.isna(array))
    if array.dtype == object and np.ma.core.MaskedConstant in set(map(type, array.flat)):
        missing |= np.array([cell is np.ma.masked for cell in array.flat]).reshape(
            array.shape
        )
    return missing


def _are_numbers(array: NDArray) -> bool:
    """Return whether an array of objects holds numbers or booleans only."""
    kinds = set(map(type, array.flat))
    return all(issubclass(kind, Number | np.number | np.bool_) for kind in kinds)


def parse_frame(frame: Any, name: str) -> Any:
    """Return a frame of any library as a pandas DataFrame, anything else as it is.

    Raises
    ------
    TypeError
        If it has to be collected first.
    """
    if type(frame).__name__ == "LazyFrame":
        raise TypeError(f"{name} must be a frame, got LazyFrame{remedy_for(frame, name)}")
    return as_frame(frame) if is_foreign_frame(frame) else frame


def only_column(frame: pd.DataFrame, name: str) -> list:
    """Return the cells of a frame's one column of sequences."""
    if frame.shape[1] > 1:
        raise TypeError(
            f"{name} has {frame.shape[1]} columns of sequences, expected one; pass one "
            f"of them, as {name}[{shown(frame.columns[0])}]"
        )
    return frame.iloc[:, 0].tolist()
