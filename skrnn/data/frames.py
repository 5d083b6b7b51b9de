"""Long frames as sequences.

This file makes an X of frames whose rows are steps. ``containers`` decides which X is
valid.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.date_formats import rank_times
from skrnn.data.layouts import parse_frame
from skrnn.data.ragged import RaggedArray, object_array, offsets_of
from skrnn.data.steps import is_missing, shown, to_array

#: What to do about a target that has a value a step.
OF_STEPS = (
    ". For a target a step name it among features (labels among tokens), and take its column "
    "out of the result: y = X.pop({name!r})"
)


def sequences_from_frame(
    frame: Any,
    *,
    by: Hashable | list[Hashable],
    time: Hashable | None = None,
    tokens: Hashable | list[Hashable] | None = None,
    features: Hashable | list[Hashable] | None = None,
    static: Hashable | list[Hashable] | None = None,
    target: Hashable | list[Hashable] | None = None,
) -> Any:
    """Group the rows of a long frame, one row a step, into sequences.

    The result has one row a sequence, indexed by its id, in order of first appearance.
    Every estimator, splitter and search takes it as X; ids stay with their sequences, and
    names with their fields.

    Parameters
    ----------
    frame : DataFrame of shape (total_steps, n_columns)
        One row for each step of each sequence, in any order. Of pandas, polars or arrow.
    by : column name or list of column names
        Columns that identify a sequence.
    time : column name, default=None
        Column that orders the steps of a sequence: numbers, dates, also as ISO strings, or
        other values that can be sorted. None keeps the order of the rows. The times are
        dropped then; for an estimator's ``time``, as of a forecaster with dates, keep them
        as a field: name the column in ``features``, too, as ``features=["date", "sales"]``.
    tokens : column name or list of column names, default=None
        Columns that make token lists, such as words; values other than strings become
        strings.
    features : column name or list of column names, default=None
        Columns of numbers, each a feature. None takes all other columns, or none where
        ``tokens`` is given.
    static : column name or list of column names, default=None
        Columns with one value a sequence, repeated in all its rows. Those that are not
        numeric become categories.
    target : column name or list of column names, default=None
        Columns with one value a sequence, repeated in all its rows, that are not part of
        X.

    Returns
    -------
    X : DataFrame of shape (n_sequences, n_fields) or Series of shape (n_sequences,)
        The sequences, indexed by id; by a MultiIndex where ``by`` is a list. The columns
        are those of tokens, features and static. A cell is a token list, a 1-D array of
        the column's dtype ``(n_steps_i,)``, float64 where a nullable column has gaps, or
        a static value. A Series where one name in place of a list makes the only column.
    y : Series of shape (n_sequences,) or DataFrame of shape (n_sequences, n_targets)
        The targets, with the index of X. Only where ``target`` is given.

    Raises
    ------
    TypeError
        If ``frame`` is not a DataFrame, or a feature is not numeric.
    ValueError
        If a column is missing or has two roles, if ``by``, ``time`` or ``target`` has
        missing values, if a time comes twice in a sequence, if times are strings that hold
        numbers, or dates in another format than ISO, or if a target or static
        value changes within one.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn.preprocessing import sequences_from_frame
    >>> frame = pd.DataFrame(
    ...     {
    ...         "patient": ["b", "b", "a", "b"],
    ...         "day": [2, 1, 1, 3],
    ...         "pulse": [71.0, 70.0, 88.0, 72.0],
    ...         "heat": [37.1, 37.0, 39.5, 37.2],
    ...         "ill": ["no", "no", "yes", "no"],
    ...     }
    ... )
    >>> X, y = sequences_from_frame(frame, by="patient", time="day", target="ill")
    >>> X
                         pulse                heat
    patient
    b        [70.0, 71.0, 72.0]  [37.0, 37.1, 37.2]
    a                    [88.0]              [39.5]
    >>> y.to_dict()
    {'b': 'no', 'a': 'yes'}
    """
    frame = parse_frame(frame, "frame")
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"frame must be a DataFrame, got {type(frame).__name__}")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"frame has more than one column {twice!r}")
    if len(frame) == 0:
        raise ValueError("frame has no rows")
    by, tokens, features, static, target = map(
        _as_names, (by, tokens, features, static, target)
    )
    ids = _columns(frame, by, "by")
    times = _columns(frame, time, "time")
    words = _columns(frame, tokens, "tokens")
    statics = _columns(frame, static, "static")
    targets = _columns(frame, target, "target")
    if features is None:
        used = {*ids, *times, *words, *statics, *targets}
        features = [] if words else [c for c in frame.columns if c not in used]
    numbers = _columns(frame, features, "features")
    if not (words or numbers):
        raise ValueError("features names no column of the frame, and tokens is not given")
    _check_one_role(
        {"tokens": words, "features": numbers, "static": statics, "target": targets}
    )
    for parameter, complete in (("by", ids), ("time", times), ("target", targets)):
        _check_complete(frame, complete, parameter)
    _check_numeric(frame[[c for c in numbers if c != time]])

    keys = frame[ids].reset_index(drop=True)  # an index level may have the same name
    groups = keys.groupby(ids, sort=False, observed=True).ngroup().to_numpy()
    lengths = np.bincount(groups)
    order, index = _order_of_steps(frame, groups, lengths, ids, time)
    if not isinstance(by, list):
        index = index.get_level_values(0)
    cells = {name: _token_lists(frame[name], order, lengths) for name in words}
    cells |= {name: _sequences(frame[name], order, lengths) for name in numbers}
    X = pd.DataFrame(cells, index=index)
    for name, values in _one_for_each(frame[statics], order, lengths, index, "static"):
        is_number = pd.api.types.is_numeric_dtype(values.dtype)
        X[name] = values if is_number else values.astype("category")
    only = tokens if words else features
    if X.shape[1] == 1 and not isinstance(only, list):
        X = X.iloc[:, 0]
    if target is None:
        return X
    y = pd.DataFrame(dict(_one_for_each(frame[targets], order, lengths, index, "target")))
    return X, (y if isinstance(target, list) else y[target])


def _as_names(names: Any) -> Any:
    """Return an Index or an array of names as a list."""
    return list(names) if isinstance(names, pd.Index | np.ndarray) else names


def _columns(frame: pd.DataFrame, names: Any, parameter: str) -> list[Hashable]:
    """Return ``names`` as a list of columns that exist."""
    if names is None:
        return []
    listed = names if isinstance(names, list) else [names]
    if not listed and parameter in ("by", "target"):
        raise ValueError(f"{parameter} names no column of the frame")
    for name in listed:
        if name not in frame.columns:
            hint = "; reset_index() makes it one" if name in frame.index.names else ""
            raise ValueError(
                f"{parameter}={name!r} is not a column of the frame, which has "
                f"{shown(frame.columns.tolist())}{hint}"
            )
    return listed


def _check_one_role(roles: dict[str, list[Hashable]]) -> None:
    """Raise a ValueError for a column that two parameters name."""
    named: dict[Hashable, str] = {}
    for parameter, columns in roles.items():
        for column in columns:
            if column in named:
                raise ValueError(
                    f"{named[column]} and {parameter} both name column {shown(column)}"
                )
            named[column] = parameter


def _check_complete(
    frame: pd.DataFrame, names: Sequence[Hashable], parameter: str
) -> None:
    for name in names:
        missing = np.flatnonzero(frame[name].isna())
        if len(missing):
            raise ValueError(
                f"{parameter}={name!r} has {len(missing)} missing values, the first in "
                f"row {_shown(frame.index[missing[0]])}"
            )


def _order_of_steps(
    frame: pd.DataFrame,
    groups: NDArray[np.int64],
    lengths: NDArray[np.int64],
    ids: list[Hashable],
    time: Hashable | None,
) -> tuple[NDArray[np.int64], pd.Index]:
    """Return the rows in order of sequence and time, and the sequences' ids."""
    order = np.argsort(groups, kind="stable")
    first = order[offsets_of(lengths)[:-1]]
    index = pd.MultiIndex.from_frame(frame[ids].iloc[first])
    if time is None:
        return order, index
    ranks = rank_times(frame[time], f"time={time!r}")
    order = np.lexsort((ranks, groups))
    again = (np.diff(groups[order]) == 0) & (np.diff(ranks[order]) == 0)
    if again.any():
        row = order[1:][again][0]
        raise ValueError(
            f"time={time!r} is {_shown(frame[time].iloc[row])} twice in the sequence "
            f"{_shown(index[groups[row]])}"
        )
    return order, index


def _shown(value: Any) -> str:
    """Return a short representation of a value or an id."""
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return shown(value.item() if isinstance(value, np.generic) else value)


def _check_numeric(columns: pd.DataFrame) -> None:
    for name, dtype in columns.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype):
            remedy = f"tokens={name!r} to make token lists of it"
            if pd.api.types.is_datetime64_any_dtype(dtype):
                remedy = f"time={name!r} to put steps in its order"
            raise TypeError(
                f"features: column {name!r} has dtype {dtype}, expected numbers. Pass "
                f"{remedy}, or encode or leave it out"
            )


def _token_lists(
    column: pd.Series, order: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return one list of strings a sequence; a missing token stays as it is."""
    values = [
        token if isinstance(token, str) or is_missing(token) else str(token)
        for token in column.tolist()
    ]
    steps = RaggedArray.from_lengths(object_array(values)[order], lengths)
    return object_array([sequence.tolist() for sequence in steps])


def _sequences(
    column: pd.Series, order: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return one 1-D array of numbers or time stamps a sequence."""
    steps = RaggedArray.from_lengths(to_array(column)[order], lengths)
    return object_array(list(steps))


def _one_for_each(
    columns: pd.DataFrame,
    order: NDArray[np.int64],
    lengths: NDArray[np.int64],
    index: pd.Index,
    parameter: str,
) -> Iterator[tuple[Hashable, pd.Series]]:
    """Yield each column's value of every sequence.

    Raises
    ------
    ValueError
        If one changes within a sequence.
    """
    first = order[offsets_of(lengths)[:-1]]
    for name in columns:
        codes = pd.factorize(columns[name])[0]
        changes = np.flatnonzero(codes[order] != np.repeat(codes[first], lengths))
        if len(changes):
            group = np.searchsorted(np.cumsum(lengths), changes[0], side="right")
            values = columns[name].iloc[[first[group], order[changes[0]]]].tolist()
            raise ValueError(
                f"{parameter}={name!r} changes within the sequence "
                f"{_shown(index[group])}: {shown(values[0])} and {shown(values[1])}"
                + (OF_STEPS.format(name=name) if parameter == "target" else "")
            )
        yield name, columns[name].iloc[first].set_axis(index, axis=0)
