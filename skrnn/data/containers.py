"""Input validation: the only place that reads the containers of users.

``read_container`` brings a container into one of four layouts and knows how to rebuild it;
``check_sequences`` makes flat steps of X, ``open_rows`` gives the rows of y, and
``open_series`` the values of one series. Values are converted and checked in ``steps``,
the columns of frames in ``columns``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from skrnn._sklearn import get_feature_names
from skrnn.data.columns import (
    as_frame,
    check_number_columns,
    check_single_texts,
    column_kind,
    has_flat_numbers,
    is_foreign_frame,
)
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import (
    OF_X,
    PLAIN,
    Advice,
    Split,
    check_finite,
    is_missing,
    is_sequence,
    join_numbers,
    join_tokens,
    shown,
    split_texts,
    to_array,
    to_float32,
)

__all__ = [
    "OF_X",
    "Advice",
    "CheckedSequences",
    "Container",
    "Form",
    "Split",
    "check_same_form",
    "check_sequences",
    "field_arrays",
    "is_missing",
    "is_sequence",
    "open_rows",
    "open_series",
    "read_container",
    "rows_hold_tokens",
]

Kind = Literal["numeric", "tokens"]
Layout = Literal["list", "columns", "array", "fields"]
FormOfContainer = Literal["columns", "nested", "array", "list", "fields"]
Empty = Literal["raise", "tokens", "keep"]
KINDS = {"numeric": "numeric sequences", "tokens": "token sequences"}


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
        What messages call X.

    Raises
    ------
    TypeError
        If X is no container of sequences; the message names the remedy.
    """
    _check_is_container(X, name)
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
    if array.ndim == 1 and array.dtype.kind in "OUTS":
        return _list_container(array.tolist(), object_array)
    raise _one_dimensional(array, name)


def _check_is_container(X: Any, name: str) -> None:
    """Raise a TypeError that names the remedy if X is no container."""
    if isinstance(X, str | bytes):
        raise TypeError(
            f"{name} is one string; pass a list of strings, one for each sequence"
        )
    if hasattr(X, "tocsr"):  # sparse: let scikit-learn say so in its own words
        check_array(X, accept_sparse=False, input_name=name)
    if (remedy := _remedy_for(X, name)) is not None:
        raise TypeError(
            f"{name} must be a list of sequences, an array, a Series or a DataFrame, "
            f"got {type(X).__name__}{remedy}"
        )


def _remedy_for(X: Any, name: str) -> str | None:
    """Return how to make a container of what is none; None if X is one."""
    kind, module = type(X).__name__, type(X).__module__
    if kind == "PackedSequence" and module.startswith("torch"):
        return f"; pass torch.nn.utils.rnn.unpack_sequence({name})"
    if getattr(X, "is_nested", False) is True:
        return f"; pass the nested tensor's sequences as list({name}.unbind())"
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
        return f"; pass its sequences as list({name}.values())"
    if isinstance(X, Set):
        return f"; a set has no order, pass list({name})"
    if is_foreign_frame(X) or hasattr(X, "__array__") or hasattr(X, "iloc"):
        return None
    return f"; pass list({name})" if isinstance(X, Iterable) else ""


def _is_awkward(X: Any) -> bool:
    return type(X).__module__.partition(".")[0] == "awkward"


def _is_array(X: Any) -> bool:
    """Return whether numpy can read X without a loss."""
    is_frame = isinstance(X, pd.DataFrame) or is_foreign_frame(X)
    return hasattr(X, "__array__") and not is_frame and not _is_awkward(X)


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
    """Return steps as a frame, one column a feature; without names, as a Series."""
    values = steps.values
    if names is None or values.ndim != 2 or values.shape[1] != len(names):
        return pd.Series(object_array(list(steps)), index=frame.index)
    columns = {
        name: object_array(list(steps.with_values(values[:, j])))
        for j, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=frame.index)


# --- rows and series -----------------------------------------------------------------


def open_rows(container: Any, name: str) -> list[Any]:
    """Return the rows of any container, for y and for metrics.

    Parameters
    ----------
    container : list, tuple, ndarray, tensor, Series, DataFrame or RaggedArray
        One row a sequence. A 2-D container of one column that holds texts or sequences is
        that column.
    name : str
        What messages call the container.

    Returns
    -------
    rows : list of length n_sequences
        Scalars, strings, lists or arrays, as the user gave them. A masked cell is NaN
        among numbers and None elsewhere.

    Raises
    ------
    TypeError
        If it is no container of rows; the message names the remedy.
    """
    if isinstance(container, pd.Series):
        return container.tolist()
    _check_is_container(container, name)
    if _is_array(container) and (array := to_array(container)).ndim == 1:
        return array.tolist()  # rows may be scalars here
    read = read_container(container, name)
    if read.layout == "fields":
        return _only_column(read.content, name)
    if read.layout == "columns":
        return list(to_array(read.content))
    return list(read.content)


def open_series(series: Any, name: str) -> tuple[NDArray, list | None]:
    """Return the numbers of one series, and the names of its columns.

    Parameters
    ----------
    series : array-like, Series or DataFrame
        One row a step.
    name : str
        What messages call it.

    Returns
    -------
    values : ndarray of shape (n_steps,) or (n_steps, n_features)
        A view where the series is an array. Masked and NA values are NaN.
    columns : list, or None where it is no frame

    Raises
    ------
    TypeError
        If the series holds no real numbers.
    """
    if is_foreign_frame(series):
        series = as_frame(series)
    columns = None
    if isinstance(series, pd.DataFrame):
        columns = series.columns.tolist()
        check_number_columns(series, name, rows_are_steps=True)
    try:
        values = to_array(series)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} is no array (n_steps,) or (n_steps, n_features): {str(error)[:200]}"
        ) from error
    if values.dtype.kind in "mM":
        raise TypeError(f"{name} holds dates or times, expected real numbers")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {values.dtype}")
    return values, columns


# --- X -------------------------------------------------------------------------------


class Form(NamedTuple):
    """The kind, container and width of X, the same at fit and later.

    "columns" is a 2-D array or frame, "nested" equally long lists of numbers, which
    scikit-learn takes for one, "fields" a frame with one column a feature. ``width`` is
    the number of columns, the features of a step otherwise, None for tokens.
    """

    kind: Kind
    container: FormOfContainer
    width: int | None

    @property
    def n_features(self) -> int | None:
        """Features of one step."""
        return 1 if self.container in ("columns", "nested") else self.width


@dataclass(frozen=True)
class CheckedSequences:
    """Validated X.

    Attributes
    ----------
    steps : RaggedArray
        float32 values ``(total_steps, n_features)``, or the tokens themselves in an object
        array ``(total_steps,)``.
    form : Form
        Kind, container and width of X.
    named : DataFrame, optional
        The frame whose columns name the features: X itself or its first sequence.
    texts : list of str, optional
        The user's strings, where X held strings.
    """

    steps: RaggedArray
    form: Form
    named: Any = None
    texts: list[str] | None = None

    def take(self, indices: NDArray[np.int64]) -> CheckedSequences:
        """Return some of the sequences."""
        texts = None if self.texts is None else [self.texts[i] for i in indices.tolist()]
        return replace(self, steps=self.steps.take(indices), texts=texts)

    def with_steps(self, steps: RaggedArray) -> CheckedSequences:
        """Return the same sequences over other steps."""
        return replace(self, steps=steps)


def check_sequences(
    X: Any,
    *,
    input_type: str = "auto",
    split: Split | None = None,
    empty: Empty = "raise",
    feature_names: Sequence[str] | None = None,
    estimator: object = None,
    name: str = "X",
    advice: Advice = OF_X,
) -> CheckedSequences:
    """Return any accepted X as flat steps.

    Parameters
    ----------
    X : list, ndarray, Series or DataFrame
        Sequences of numbers, of tokens, or strings.
    input_type : {"auto", "numeric", "tokens"}
        "tokens" looks integers up like words.
    split : callable, optional
        Splits a string into tokens; without it strings are refused.
    empty : {"raise", "tokens", "keep"}
        Whether sequences without steps are accepted: none, those of tokens, or all. With
        "tokens", lists that are all empty count as tokens.
    feature_names : sequence of str, optional
        The columns of a frame of fields, in the order that the steps are to have.
    estimator : object, optional
        Named in the messages of scikit-learn's checks.
    name : str
        What the messages call X.
    advice : Advice
        The remedies that they name.

    Raises
    ------
    TypeError
        If X is no container of sequences, or mixes kinds.
    ValueError
        If X is empty, not finite, of unequal feature counts, or has empty sequences.
    """
    layout, content, _ = read_container(X, name)
    if layout == "array":
        return _check_stacked(content, input_type, name, advice)
    if layout == "fields":
        if input_type != "tokens":
            return _check_fields(content, feature_names, empty, name, advice)
        sequences = _only_column(content, name)
    elif layout == "columns":
        if not rows_hold_tokens(content, input_type, name):
            return _check_columns(content, X, estimator, name, advice)
        sequences = list(to_array(content))
    else:
        sequences = content
    return _check_list(sequences, input_type, split, empty, name=name, advice=advice)


def _check_list(
    sequences: Sequence,
    input_type: str,
    split: Split | None,
    empty: Empty,
    *,
    name: str,
    advice: Advice,
) -> CheckedSequences:
    if not sequences:
        raise ValueError(
            f"{name} has 0 sequences (Found array with 0 sample(s)) while a minimum of "
            "1 is required."
        )
    named = None
    if isinstance(sequences[0], pd.DataFrame) or is_foreign_frame(sequences[0]):
        named = sequences[0]
        sequences = _frames_as_arrays(sequences, name)
    kind = _kind_of(sequences, input_type, empty, name, advice)
    texts: list[str] | None = None
    if kind == "numeric":
        steps = join_numbers(sequences, name, advice)
        form = _list_form(sequences, steps)
    else:
        if kind == "strings":
            if split is None:
                raise TypeError(f"{name} holds strings, expected token lists")
            texts = cast("list[str]", sequences)
            sequences = split_texts(texts, split, name)
        any_value = kind == "strings" or input_type == "tokens"
        steps = join_tokens(sequences, name, advice, any_value=any_value)
        form = Form("tokens", "list", None)
    if empty == "raise" or (empty == "tokens" and kind == "numeric"):
        _check_no_empty(steps, name)
    return CheckedSequences(steps, form, named, texts)


def check_same_form(
    checked: CheckedSequences, fitted: Form, *, estimator: object, name: str = "X"
) -> None:
    """Raise a ValueError if X cannot be of the form that the estimator was fitted on.

    After a 2-D fit another width is refused, as scikit-learn demands; lists and 3-D
    arrays of one feature are accepted, and after those any 2-D width.
    """
    form = checked.form
    if form.kind != fitted.kind:
        if checked.texts is None and not len(checked.steps.values):
            _check_no_empty(checked.steps, name)  # empty lists are of neither kind
        raise ValueError(
            f"{name} holds {KINDS[form.kind]}, but {type(estimator).__name__} was "
            f"fitted on {KINDS[fitted.kind]}"
        )
    both_2d = form.container == "columns" and fitted.container in ("columns", "nested")
    got = form.width if both_2d else form.n_features
    expected = fitted.width if both_2d else fitted.n_features
    if got != expected:
        raise ValueError(
            f"{name} has {got} features, but {type(estimator).__name__} is expecting "
            f"{expected} features as input"
        )


def _kind_of(
    sequences: Sequence, input_type: str, empty: Empty, name: str, advice: Advice
) -> Literal["numeric", "tokens", "strings"]:
    """Return the kind of X, which its first step decides that is not missing."""
    if not set(map(type, sequences)) <= PLAIN | {str, np.ndarray}:
        _check_no_missing_sequence(sequences, name)
    first = sequences[0]
    if isinstance(first, str):
        if input_type == "numeric":
            raise ValueError(
                f'{name}[0] is a string, but {advice.type_parameter} is "numeric"'
            )
        return "strings"
    if not is_sequence(first):
        raise ValueError(_no_sequence(first, name))
    if input_type != "auto":
        return "tokens" if input_type == "tokens" else "numeric"
    for i, sequence in enumerate(sequences):
        if (
            isinstance(sequence, np.ndarray)
            and sequence.dtype.kind in "biuf"
            and len(sequence)
        ):
            return "numeric"
        for step in sequence if is_sequence(sequence) else ():
            if isinstance(step, Mapping):
                raise TypeError(f"{name}[{i}] has steps of type dict; {advice.dicts}")
            if not is_missing(step):
                return "tokens" if isinstance(step, str) else "numeric"
    no_steps = empty == "tokens" and not any(map(len, sequences))
    return "tokens" if no_steps else "numeric"


def _check_no_missing_sequence(sequences: Sequence, name: str) -> None:
    for i, sequence in enumerate(sequences):
        if is_missing(sequence):
            texts = any(isinstance(other, str) for other in sequences)
            remedy = 'fill it, for example by fillna("")' if texts else "leave it out"
            raise ValueError(f"{name}[{i}] is missing ({sequence!r}); {remedy}")


def _no_sequence(first: object, name: str) -> str:
    message = f"{name}[0] is {type(first).__name__}, expected a sequence"
    if isinstance(first, int | float | np.number | np.bool_ | np.ndarray):
        return (
            f"{message}. Expected 2D array or a list of sequences, got 1D: Reshape your "
            "data, a single sequence x is passed as [x]"
        )
    if isinstance(first, Mapping):
        return (
            f"{message}; pass frames or arrays, or lists of dicts to StepwiseTransformer"
        )
    if isinstance(first, Set):
        return f"{message}; a set has no order, pass lists"
    return f"{message}; pass lists" if isinstance(first, Iterable) else message


def _list_form(sequences: Sequence, steps: RaggedArray) -> Form:
    """Return "nested" for equally long lists of numbers, which scikit-learn reads as 2-D."""
    lengths = steps.lengths
    nested = lengths.min() == lengths.max() > 0 and all(
        isinstance(s, list | tuple) and np.ndim(s[0]) == 0 for s in sequences
    )
    if nested:
        return Form("numeric", "nested", int(lengths[0]))
    return Form("numeric", "list", steps.values.shape[1])


def _frames_as_arrays(sequences: Sequence, name: str) -> list[NDArray]:
    """Return sequences that are frames, one row a step, as arrays."""
    frames = [as_frame(s) if is_foreign_frame(s) else s for s in sequences]
    columns = frames[0].columns
    arrays = []
    for i, frame in enumerate(frames):
        if not isinstance(frame, pd.DataFrame) or not frame.columns.equals(columns):
            raise ValueError(
                f"{name}[{i}] has not the columns of {name}[0]: {shown(columns.tolist())}"
            )
        array = to_array(frame)
        if array.dtype.kind not in "biuf":
            check_number_columns(frame, f"{name}[{i}]", rows_are_steps=True)
        arrays.append(array)
    return arrays


def rows_hold_tokens(X: Any, input_type: str, name: str) -> bool:
    """Return whether the rows of a table are token lists; refuse mixed columns."""
    if input_type == "tokens":
        return True
    if isinstance(X, np.ndarray) and X.dtype.kind in "biufc":
        return False
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    if input_type == "auto" and frame.size:
        kinds = {column_kind(frame.iloc[:, j]) for j in range(frame.shape[1])}
        if kinds == {"texts"}:
            check_single_texts(frame, name, is_array=frame is not X)
            return True
    check_number_columns(frame, name, is_array=frame is not X)
    return False


def _check_columns(
    X: Any, given: Any, estimator: object, name: str, advice: Advice
) -> CheckedSequences:
    """Rows are univariate series, one column a step."""
    if isinstance(X, pd.DataFrame) and any(dtype.kind == "O" for dtype in X.dtypes):
        X = X.mask(X.isna(), np.nan)  # NA among objects
    with np.errstate(over="ignore"):  # becomes inf, refused with its place
        values = check_array(
            X,
            dtype=np.float32,
            ensure_all_finite=False,
            estimator=estimator,
            input_name=name,
        )
    n_sequences, n_steps = values.shape
    steps = RaggedArray.from_lengths(
        values.reshape(-1, 1), np.full(n_sequences, n_steps, dtype=np.int64)
    )
    check_finite(steps, name, advice)
    _warn_of_steps_in_rows(X, name)
    named = given if get_feature_names(given) is not None else None
    return CheckedSequences(steps, Form("numeric", "columns", n_steps), named)


def _check_stacked(
    array: NDArray, input_type: str, name: str, advice: Advice
) -> CheckedSequences:
    """A 3-D array, or more dimensions whose steps are flattened (image frames)."""
    if input_type == "tokens":
        raise ValueError(
            f'{name} has {array.ndim} dimensions, {advice.type_parameter}="tokens" '
            "expects at most 2"
        )
    n_sequences, n_steps = array.shape[:2]
    if 0 in array.shape:
        raise ValueError(
            f"{name} has shape {array.shape}, every dimension must be at least 1"
        )
    place = f"{name}, a {array.ndim}-D array,"
    with np.errstate(over="ignore"):  # becomes inf, refused with its place
        values = to_float32(array.reshape(n_sequences * n_steps, -1), place)
    lengths = np.full(n_sequences, n_steps, dtype=np.int64)
    steps = RaggedArray.from_lengths(values, lengths)
    check_finite(steps, name, advice)
    return CheckedSequences(steps, Form("numeric", "array", values.shape[1]))


def _check_no_empty(steps: RaggedArray, name: str) -> None:
    empty = np.flatnonzero(steps.lengths == 0)
    if len(empty):
        raise ValueError(
            f"{name}[{empty[0]}] has no steps, every sequence needs at least one "
            f"({len(empty)} of {len(steps)} are empty)"
        )


# --- frames of fields ----------------------------------------------------------------


def field_arrays(
    frame: pd.DataFrame, feature_names: Sequence[str] | None, name: str
) -> tuple[list[list[NDArray]], NDArray[np.int64], pd.DataFrame]:
    """Return the cells of each column of a frame of fields as 1-D arrays.

    Returns
    -------
    columns : list of n_features lists of n_sequences arrays
    lengths : int64 ndarray of shape (n_sequences,)
    frame : DataFrame
        With its columns in the order of ``feature_names``, if these are given.

    Raises
    ------
    ValueError
        If columns are missing or unknown, or if fields differ in length within a row.
    """
    if feature_names is not None and get_feature_names(frame) is not None:
        frame = _in_order(frame, feature_names, name)
    columns = [
        [_field(cell, name, i, column) for i, cell in enumerate(frame.iloc[:, j])]
        for j, column in enumerate(frame.columns)
    ]
    lengths = np.array([[len(cell) for cell in cells] for cells in columns], np.int64)
    unequal = np.argwhere(lengths != lengths[0])
    if len(unequal):
        j, i = min(map(tuple, unequal), key=lambda place: place[1])
        raise ValueError(
            f"row {i} of {name}: column {shown(frame.columns[0])} has {lengths[0, i]} "
            f"steps, but column {shown(frame.columns[j])} has {lengths[j, i]}; the fields "
            "of a sequence must be equally long"
        )
    return columns, lengths[0], frame


def _field(cell: Any, name: str, i: int, column: Any) -> NDArray:
    place = f"row {i} of {name}, column {shown(column)}"
    if is_missing(cell):
        raise ValueError(f"{place} is missing ({cell!r}); leave that row out")
    if isinstance(cell, str) or not is_sequence(cell):
        raise TypeError(f"{place} is {type(cell).__name__}, expected a sequence")
    array = to_array(cell)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{place} has shape {array.shape}; the sequences in the columns of a frame "
            "must be 1-D, one column a feature"
        )
    if array.size and array.dtype.kind not in "biufc" and isinstance(cell[0], str):
        raise TypeError(
            f"{place} holds tokens, and {name} has other columns; a frame of several "
            f"columns must hold numbers. Pass the one column of tokens, as "
            f"{name}[{shown(column)}]"
        )
    return array


def _in_order(
    frame: pd.DataFrame, feature_names: Sequence[str], name: str
) -> pd.DataFrame:
    expected, got = list(feature_names), frame.columns.tolist()
    if expected == got:
        return frame
    missing = [column for column in expected if column not in got]
    unknown = [column for column in got if column not in expected]
    if missing or unknown:
        parts = [f"lacks the columns {shown(missing)}"] if missing else []
        parts += [f"has the columns {shown(unknown)} besides"] if unknown else []
        raise ValueError(
            f"The feature names should match those that were passed during fit: {name} "
            + " and ".join(parts)
        )
    return frame[expected]


def _check_fields(
    frame: pd.DataFrame,
    feature_names: Sequence[str] | None,
    empty: Empty,
    name: str,
    advice: Advice,
) -> CheckedSequences:
    columns, lengths, frame = field_arrays(frame, feature_names, name)
    with np.errstate(over="ignore"):  # becomes inf, refused with its place
        values = np.stack(
            [
                np.concatenate(
                    [
                        to_float32(cell, f"{name}[{shown(column)}]", i, advice)
                        for i, cell in enumerate(cells)
                    ]
                )
                for column, cells in zip(frame.columns, columns, strict=True)
            ],
            axis=1,
        )  # (total_steps, n_features)
    steps = RaggedArray.from_lengths(values, lengths)
    check_finite(steps, name, advice)
    if empty != "keep":
        _check_no_empty(steps, name)
    named = frame if get_feature_names(frame) is not None else None
    return CheckedSequences(steps, Form("numeric", "fields", values.shape[1]), named)


def _only_column(frame: pd.DataFrame, name: str) -> list:
    if frame.shape[1] > 1:
        raise TypeError(
            f"{name} has {frame.shape[1]} columns of sequences, expected one; pass the "
            f"one that is meant, as {name}[{shown(frame.columns[0])}]"
        )
    return frame.iloc[:, 0].tolist()


def _warn_of_steps_in_rows(X: Any, name: str) -> None:
    """Warn that each row of a frame with a MultiIndex is read as one sequence."""
    index = getattr(X, "index", None)
    if isinstance(index, pd.MultiIndex) and index.droplevel(-1).has_duplicates:
        warnings.warn(
            f"{name} has a MultiIndex, and each of its rows is read as one sequence of "
            f"{X.shape[1]} steps. If its rows are steps, pass "
            "skrnn.preprocessing.sequences_from_frame(frame.reset_index(), by=...); if "
            f"not, {name}.reset_index(drop=True) silences this warning",
            UserWarning,
            stacklevel=4,
        )
