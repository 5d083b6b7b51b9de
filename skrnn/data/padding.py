"""Padding that users put at the ends of sequences, and its removal.

``containers`` names ``trim_padding`` in messages; padding of batches belongs to
``skrnn.training``.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_scalar

from skrnn.data.layouts import open_rows
from skrnn.data.steps import is_missing, to_array


def trim_padding(X: Any, value: float = np.nan) -> list[NDArray]:
    """Remove the padding at the ends of sequences.

    Estimators take sequences of unequal length as they are, without padding.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_features), frame \
            or list of arrays
        Sequences of numbers, of which the shorter ones end in steps that pad them.
    value : float, default=nan
        A step is padding if all its features are equal to ``value``; masked and missing
        features are NaN. 0 also removes steps at the end that really are 0.

    Returns
    -------
    sequences : list of n_sequences arrays
        Arrays ``(n_steps_i,)`` or ``(n_steps_i, n_features)`` of the dtype of X. Padding
        before the last step that is not padding stays.

    Raises
    ------
    TypeError
        If X is not a container of sequences, or holds no numbers.
    ValueError
        If a sequence has no other steps than padding.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn.preprocessing import trim_padding
    >>> X = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, np.nan]])
    >>> trim_padding(X)
    [array([1., 2., 3.]), array([4.])]
    >>> trim_padding([np.array([5, 0, 6, 0])], value=0)
    [array([5, 0, 6])]
    """
    check_scalar(value, "value", Real)
    sequences = [_sequence(row, i) for i, row in enumerate(open_rows(X, "X"))]
    lengths = [_length(sequence, value) for sequence in sequences]
    empty = [i for i, length in enumerate(lengths) if not length]
    if empty:
        places = ", ".join(f"X[{i}]" for i in empty[:5])
        more = ", ..." if len(empty) > 5 else ""
        raise ValueError(
            f"{places}{more} {'has' if len(empty) == 1 else 'have'} no other steps than "
            f"padding ({len(empty)} of {len(sequences)} sequences); leave them out"
        )
    return [
        sequence[:length] for sequence, length in zip(sequences, lengths, strict=True)
    ]


def _sequence(row: Any, i: int) -> NDArray:
    """Return a sequence of numbers as an array, with NaN where one is missing."""
    array = to_array(row)
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
    is_padding = np.isnan(sequence) if is_missing(value) else sequence == value
    steps = np.flatnonzero(~is_padding.reshape(len(sequence), -1).all(axis=1))
    return int(steps[-1]) + 1 if len(steps) else 0
