"""Padding that users put at the ends of sequences, and its removal.

``containers`` names ``trim_padding`` in messages; padding of batches belongs to
``skrnn.training``.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_scalar

from skrnn.data.columns import column_kind, is_category
from skrnn.data.layouts import parse_frame, parse_rows
from skrnn.data.ragged import object_array
from skrnn.data.steps import is_missing, is_sequence, stack_nested, to_array


def trim_padding(X: Any, value: float = np.nan) -> Any:
    """Remove the padding at the ends of sequences.

    Estimators take sequences of unequal length as they are, without padding.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_features), frame \
            or list of arrays
        Sequences of numbers, of which the shorter ones end in steps that pad them; or a
        frame of several columns, some of which hold sequences: numbers, tokens or dates.
    value : float, default=nan
        A step is padding if all its features are equal to ``value``; masked and missing
        features are NaN. 0 also removes steps at the end that really are 0. Missing
        tokens and dates are padding whatever the value.

    Returns
    -------
    sequences : list of n_sequences arrays, or DataFrame
        Arrays ``(n_steps_i,)`` or ``(n_steps_i, n_features)`` of the dtype of X. Padding
        before the last step that is not padding stays. Of a frame of several columns a
        frame of pandas: the sequences of a row end at the last step that is padding in
        not all of them, and texts and static columns stay as they are.

    Raises
    ------
    TypeError
        If X is not a container of sequences, or holds no numbers.
    ValueError
        If a sequence has no other steps than padding, and X holds no tokens.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn.preprocessing import trim_padding
    >>> X = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, np.nan]])
    >>> trim_padding(X)
    [array([1., 2., 3.]), array([4.])]
    >>> trim_padding([np.array([5, 0, 6, 0])], value=0)
    [array([5, 0, 6])]

    A frame of fields is trimmed row by row:

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pulse": [[70.0, 72.0, np.nan]], "drug": [["x", "y", None]]})
    >>> trim_padding(frame.assign(ward="A")).iloc[0].tolist()
    [[70.0, 72.0], ['x', 'y'], 'A']
    """
    check_scalar(value, "value", Real)
    frame = parse_frame(X, "X")
    if isinstance(frame, pd.DataFrame) and frame.shape[1] > 1:
        columns = [
            j
            for j in range(frame.shape[1])
            if column_kind(frame.iloc[:, j]) == "sequences"
        ]
        if columns:
            return _trim_fields(frame, columns, value)
    sequences = [_sequence(row, i) for i, row in enumerate(parse_rows(X, "X"))]
    lengths = [_length(sequence, value) for sequence in sequences]
    _check_any(lengths)
    return [
        sequence[:length] for sequence, length in zip(sequences, lengths, strict=True)
    ]


def _trim_fields(frame: pd.DataFrame, columns: list[int], value: float) -> pd.DataFrame:
    """Return a frame whose ``columns`` of sequences end where the last field does."""
    fields = {j: frame.iloc[:, j].tolist() for j in columns}
    ends = np.array([[_end(cell, value) for cell in cells] for cells in fields.values()])
    lengths = ends.max(axis=0)
    if not any(_holds_tokens(frame.iloc[:, j]) for j in range(frame.shape[1])):
        _check_any(lengths.tolist())
    trimmed = frame.copy()
    for j, cells in fields.items():
        cut = [
            cell if is_missing(cell) else getattr(cell, "iloc", cell)[:length]
            for cell, length in zip(cells, lengths.tolist(), strict=True)
        ]
        trimmed.isetitem(j, pd.Series(object_array(cut), frame.index))
    return trimmed


def _holds_tokens(column: pd.Series) -> bool:
    """Return whether a column holds texts or token lists."""
    for cell in column:
        if isinstance(cell, str):
            return not is_category(column.dtype)
        if not is_sequence(cell):
            continue
        first = next((step for step in cell if not np.all(pd.isna(step))), None)
        if first is not None:
            return isinstance(first, str)
    return False


def _end(cell: Any, value: float) -> int:
    """Return the steps up to the last that is not padding, 0 of a missing cell."""
    if is_missing(cell) or isinstance(cell, str):
        return 0
    array = stack_nested(to_array(cell))
    if array.dtype.kind in "biuf":
        return _length(array, value)
    real = [i for i, step in enumerate(cell) if not np.all(pd.isna(step))]
    return real[-1] + 1 if real else 0


def _check_any(lengths: list[int]) -> None:
    """Raise a ValueError that names the first sequences without a real step."""
    empty = [i for i, length in enumerate(lengths) if not length]
    if empty:
        places = ", ".join(f"X[{i}]" for i in empty[:5])
        more = ", ..." if len(empty) > 5 else ""
        raise ValueError(
            f"{places}{more} {'has' if len(empty) == 1 else 'have'} no other steps than "
            f"padding ({len(empty)} of {len(lengths)} sequences); leave them out"
        )


def _sequence(row: Any, i: int) -> NDArray:
    """Return a sequence of numbers as an array, with NaN where one is missing."""
    array = stack_nested(to_array(row))
    if array.ndim == 0:
        raise TypeError(f"X[{i}] is {type(row).__name__}, expected a sequence of numbers")
    if array.dtype == object:
        kinds = set(map(type, array.flat))
        if all(issubclass(k, Real) for k in kinds if k is not type(None)):
            return array.astype(np.float64)  # None becomes NaN
    if array.dtype.kind not in "biuf":
        raise TypeError(f"X[{i}] must hold numbers, got dtype {array.dtype}")
    return array


def _length(sequence: NDArray, value: float) -> int:
    """Return the steps up to the last that is not padding."""
    if not len(sequence):
        return 0
    is_padding = np.isnan(sequence) if is_missing(value) else sequence == value
    steps = np.flatnonzero(~is_padding.reshape(len(sequence), -1).all(axis=1))
    return int(steps[-1]) + 1 if len(steps) else 0
