"""Lists of numbers in Arrow's memory as flat steps, without a copy.

A column of an Arrow file that is memory-mapped stays on the disk: only what encoding makes
of it is held in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray
from skrnn.data.steps import is_arrow


def ragged_of(X: Any) -> RaggedArray | None:
    """Return a column of lists of numbers as steps; None if X is anything else.

    Parameters
    ----------
    X : pyarrow Array or ChunkedArray, Series of arrow's dtype, Table or RecordBatch
        Lists of numbers, or of lists of numbers of one fixed size; the only column of a table
        holds the latter. None of the lists may be missing; numbers may.

    Returns
    -------
    steps : RaggedArray, optional
        Of shape ``(total_steps, n_features)``, in the dtype of the column. It shares the
        memory of a column in one chunk, unless numbers are missing, which become NaN.
    """
    if isinstance(X, pd.Series):
        X = X.array.__arrow_array__() if isinstance(X.dtype, pd.ArrowDtype) else None
    elif len(getattr(X, "column_names", ())) == 1:
        X = X[X.column_names[0]]
        if not _has_fixed_size(X):
            return None  # a field of one feature, which has the column's name
    if not is_arrow(X):
        return None
    chunks = [part for part in getattr(X, "chunks", [X]) if len(part)]
    read = [_read_lists(chunk) for chunk in chunks]
    parts = [part for part in read if part is not None]
    if not parts or len(parts) < len(read):
        return None
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    return RaggedArray.from_lengths(values, np.concatenate([p.lengths for p in parts]))


def _has_fixed_size(column: Any) -> bool:
    """Return whether the steps of a column are lists of one fixed size."""
    kind = getattr(getattr(column, "type", None), "value_type", "")
    return str(kind).startswith("fixed_size_list<")


def _read_lists(lists: Any) -> RaggedArray | None:
    """Return one Arrow array of lists as steps, if each of them is numbers."""
    if not str(lists.type).startswith(("list<", "large_list<")) or lists.null_count:
        return None
    offsets = lists.offsets.to_numpy().astype(np.int64)
    steps = lists.values[int(offsets[0]) : int(offsets[-1])]
    width = 1
    if str(steps.type).startswith("fixed_size_list<"):
        width = int(steps.type.list_size)
        if steps.null_count:
            return None
        steps = steps.flatten()
    values = _numbers(steps)
    if values is None or not width:
        return None
    return RaggedArray(values.reshape(-1, width), offsets - offsets[0])


def _numbers(column: Any) -> NDArray | None:
    """Return the floats or integers of a column, if it holds such; missing ones are NaN."""
    if not str(column.type).startswith(("float", "double", "int", "uint")):
        return None
    return column.to_numpy(zero_copy_only=not column.null_count)
