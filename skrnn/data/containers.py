"""The door for X: what users may pass, checked once and named in errors.

Behind this file there are only RaggedArrays. A container that users ask for is one
branch of ``check_sequences``. The door for y and for weights is ``targets``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from skrnn._sklearn import get_feature_names
from skrnn.data.ragged import RaggedArray, object_array

Kind = Literal["numeric", "tokens"]
Container = Literal["columns", "nested", "array", "list"]
Split = Callable[[str], list[str]]
KINDS = {"numeric": "numeric sequences", "tokens": "token sequences"}
#: Types of sequences that need no closer look, one by one.
PLAIN = {list, tuple}


class Form(NamedTuple):
    """What X was at fit and has to be again: its kind, container and width.

    "columns" is a 2-D array or frame, "nested" equally long lists of numbers, which
    scikit-learn takes for one. ``width`` is their number of columns, the features of a
    step otherwise, None for tokens.
    """

    kind: Kind
    container: Container
    width: int | None

    @property
    def n_features(self) -> int | None:
        """Features of one step."""
        return 1 if self.container in ("columns", "nested") else self.width


class Advice(NamedTuple):
    """What messages about X or about y say that differs.

    ``type_parameter`` is what says of which kind the sequences are; the others say what
    to do about missing numbers and about steps that are dicts.
    """

    type_parameter: str
    missing: str
    dicts: str


OF_X = Advice(
    "input_type",
    "Impute it before, for example with StepwiseTransformer(SimpleImputer())",
    "put StepwiseTransformer(DictVectorizer()) before the estimator",
)


@dataclass(frozen=True)
class CheckedSequences:
    """X behind the door.

    ``steps`` holds float32 ``(total_steps, n_features)`` values, or the tokens
    themselves in an object array ``(total_steps,)``. ``named`` is the frame whose columns
    have the features' names, X itself or its first sequence, where there is one.
    """

    steps: RaggedArray
    form: Form
    named: Any = None
    strings: bool = False


def open_rows(container: Any, name: str) -> list[Any]:
    """Return the rows of any container, for y and for metrics.

    Parameters
    ----------
    container : list, tuple, ndarray, Series, DataFrame or RaggedArray
        One row a sequence. A 2-D container of one column that holds texts or sequences is
        that column.
    name : str
        What messages call the container.

    Returns
    -------
    rows : list of length n_sequences
        Scalars, strings, lists or arrays, as the user gave them.

    Raises
    ------
    TypeError
        If it is no container of rows.
    ValueError
        If it is a masked array with a masked cell.
    """
    if isinstance(container, str | bytes):
        raise TypeError(
            f"{name} is one string; pass a list of strings, one for each sequence"
        )
    if isinstance(container, list | tuple | RaggedArray):
        return list(container)
    if isinstance(container, Mapping) or not _is_container(container):
        raise TypeError(
            f"{name} must be a list, an array, a Series or a DataFrame with one row a "
            f"sequence, got {type(container).__name__}"
        )
    container = unwrap_column(container)
    if isinstance(container, list):
        return container
    masked = np.argwhere(np.ma.getmaskarray(container)) if np.ma.isMA(container) else []
    if len(masked):
        raise ValueError(f"{name}{masked[0].tolist()} is masked: a missing value")
    array = np.asarray(container)
    if array.ndim == 0:
        raise TypeError(f"{name} is a single value, expected one row a sequence")
    return list(array)


def check_sequences(
    X: Any,
    *,
    input_type: str = "auto",
    split: Split | None = None,
    allow_empty: bool = False,
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
    allow_empty : bool
        Whether sequences without steps are accepted.
    estimator : object, optional
        Named in the messages of scikit-learn's checks.
    name : str
        What the messages call X.
    advice : Advice
        What else they say of it.

    Raises
    ------
    TypeError
        If X is no container of sequences, or mixes kinds.
    ValueError
        If X is empty, not finite, of unequal feature counts, or has empty sequences.
    """
    if isinstance(X, str | bytes):
        raise TypeError(
            f"{name} is one string; pass a list of strings, one for each sequence"
        )
    if hasattr(X, "tocsr"):  # sparse: let scikit-learn say so in its own words
        check_array(X, accept_sparse=False, input_name=name)
    if isinstance(X, Mapping) or not _is_container(X):
        raise TypeError(
            f"{name} must be a list of sequences, an array, a Series or a DataFrame, "
            f"got {type(X).__name__}"
        )
    X = unwrap_column(X)
    if isinstance(X, list | tuple | RaggedArray):
        sequences = list(X)
    else:
        _check_one_kind_of_frame(X, input_type, name)
        array = np.asarray(X)
        if array.dtype.kind in "mM":
            raise TypeError(f"{name} holds dates or times, expected numbers or tokens")
        if array.ndim == 2 and not _holds_tokens(array, input_type):
            return _check_columns(X, estimator, name, advice)
        if array.ndim >= 3:
            return _check_stacked(array, input_type, name, advice)
        if array.ndim == 0 or (array.ndim == 1 and array.dtype.kind not in "OUT"):
            check_array(X, estimator=estimator, input_name=name)  # raises below 2-D
        sequences = list(array)
    if not sequences:
        raise ValueError(
            f"{name} has 0 sequences (Found array with 0 sample(s)) while a minimum of "
            "1 is required."
        )
    named = None
    if any(isinstance(sequence, pd.DataFrame) for sequence in sequences):
        named = sequences[0]
        sequences = _frames_as_arrays(sequences, name)
    kind = _kind_of(sequences, input_type, name, advice)
    if kind == "numeric":
        steps = _join_numeric(sequences, name, advice)
        form = _list_form(sequences, steps)
    else:
        steps = _join_tokens(sequences, split if kind == "strings" else None, name)
        if input_type == "auto":
            _check_all_strings(steps, name, advice)
        form = Form("tokens", "list", None)
    if not allow_empty:
        _check_no_empty(steps, name)
    return CheckedSequences(steps, form, named, strings=kind == "strings")


def check_same_form(
    checked: CheckedSequences, fitted: Form, *, estimator: object, name: str = "X"
) -> None:
    """Raise a ValueError if X cannot be of the form that the estimator was fitted on.

    After a 2-D fit another width is refused, as scikit-learn demands; lists and 3-D
    arrays of one feature are accepted, and after those any 2-D width.
    """
    form = checked.form
    if form.kind != fitted.kind:
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


def _frames_as_arrays(sequences: Sequence, name: str) -> list[NDArray]:
    """Return sequences that are frames, one row a step, as arrays."""
    columns = getattr(sequences[0], "columns", None)
    for i, sequence in enumerate(sequences):
        if not isinstance(sequence, pd.DataFrame) or not sequence.columns.equals(columns):
            raise ValueError(
                f"{name}[{i}] has not the columns of {name}[0]: "
                f"{None if columns is None else columns.tolist()}"
            )
    return [sequence.to_numpy() for sequence in sequences]


def _is_container(X: object) -> bool:
    return isinstance(X, list | tuple | RaggedArray) or any(
        hasattr(X, attribute) for attribute in ("__array__", "__dataframe__", "iloc")
    )


def unwrap_column(X: Any) -> Any:
    """Return the one column of a frame of sequences, and Series as arrays."""
    if isinstance(X, pd.DataFrame) and X.shape[1] == 1:
        present = X.iloc[:, 0].dropna()
        if len(present) and hasattr(present.iloc[0], "__len__"):
            X = X.iloc[:, 0]
    if isinstance(X, pd.Series) and not pd.api.types.is_numeric_dtype(X.dtype):
        return X.tolist()
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1:
        cells = X[:, 0].tolist() if X.dtype.kind in "OUT" else []
        present = (cell for cell in cells if not is_missing(cell))
        if hasattr(next(present, None), "__len__"):
            return cells
    return X


def _check_one_kind_of_frame(X: Any, input_type: str, name: str) -> None:
    """Refuse a frame of several columns of texts or of sequences.

    A frame may be a table of numbers or of tokens, one column a step.
    """
    if not isinstance(X, pd.DataFrame) or X.shape[1] < 2 or input_type == "tokens":
        return
    for column, dtype in X.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype) and any(map(_is_whole, X[column])):
            raise TypeError(
                f"{name} has {X.shape[1]} columns, and {column!r} holds whole sequences; "
                f"pass the one column that is meant, as {name}[{column!r}]"
            )


def _is_whole(cell: object) -> bool:
    """Tell a text of several words, or a sequence, from a token or number."""
    if isinstance(cell, str):
        return " " in cell.strip()
    return is_sequence(cell)


def _holds_tokens(array: NDArray, input_type: str) -> bool:
    """Tell whether the rows of a 2-D array are sequences of tokens."""
    if input_type != "auto":
        return input_type == "tokens"
    return array.dtype.kind in "UT" or (
        array.dtype.kind == "O" and array.size > 0 and isinstance(array.flat[0], str)
    )


def _check_columns(
    X: Any, estimator: object, name: str, advice: Advice
) -> CheckedSequences:
    """Rows are univariate series, one column a step."""
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
    _check_finite(steps, name, advice)
    named = X if get_feature_names(X) is not None else None
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
    values = _as_float32(
        array.reshape(n_sequences * n_steps, -1), f"{name}, a {array.ndim}-D array,"
    )
    lengths = np.full(n_sequences, n_steps, dtype=np.int64)
    steps = RaggedArray.from_lengths(values, lengths)
    _check_finite(steps, name, advice)
    return CheckedSequences(steps, Form("numeric", "array", values.shape[1]))


def _kind_of(
    sequences: Sequence, input_type: str, name: str, advice: Advice
) -> Literal["numeric", "tokens", "strings"]:
    """Tell the kind of X by its first sequence."""
    if not set(map(type, sequences)) <= PLAIN | {str, np.ndarray}:
        for i, sequence in enumerate(sequences):
            if is_missing(sequence):
                raise ValueError(f"{name}[{i}] is missing ({sequence!r})")
    first = sequences[0]
    if isinstance(first, str):
        if input_type == "numeric":
            raise ValueError(
                f'{name}[0] is a string, but {advice.type_parameter} is "numeric"'
            )
        return "strings"
    if not is_sequence(first):
        raise ValueError(
            f"{name}[0] is {type(first).__name__}, expected a sequence. Expected 2D "
            f"array or a list of sequences, got 1D: Reshape your data, a single "
            f"sequence x is passed as [x]"
        )
    if input_type != "auto":
        return "tokens" if input_type == "tokens" else "numeric"
    for sequence in sequences:
        for step in sequence:
            if isinstance(step, Mapping):
                raise TypeError(f"{name}[0] has steps of type dict; {advice.dicts}")
            return "tokens" if isinstance(step, str) else "numeric"
    return "numeric"


def is_sequence(value: object) -> bool:
    """Tell ordered, repeatable steps from sets, mappings, iterators and scalars."""
    return (
        isinstance(value, Iterable)
        and hasattr(value, "__len__")
        and not isinstance(value, Mapping | Set)
        and (isinstance(value, str) or getattr(value, "ndim", 1) > 0)
    )


def is_missing(value: object) -> bool:
    """Tell None, NaN, NaT and NA."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or value is pd.NA or value is pd.NaT


def _join_numeric(sequences: Sequence, name: str, advice: Advice) -> RaggedArray:
    arrays = []
    for i, sequence in enumerate(sequences):
        if isinstance(sequence, str) or not is_sequence(sequence):
            raise TypeError(
                f"{name}[{i}] is {type(sequence).__name__}, but {name}[0] is a "
                "numeric sequence; all sequences must be of one kind"
            )
        arrays.append(_as_float32(sequence, f"{name}[{i}]"))
    shapes = {_step_shape(array) for array in arrays if array.size or array.ndim > 1}
    if len(shapes) > 1:
        expected = _step_shape(arrays[0])
        i = next(i for i, array in enumerate(arrays) if _step_shape(array) != expected)
        got = _step_shape(arrays[i])
        if np.prod(got) == np.prod(expected):
            raise ValueError(
                f"{name}[{i}] has steps of shape {got}, expected {expected} (as "
                f"{name}[0] has)"
            )
        raise ValueError(
            f"{name}[{i}] has {np.prod(got)} features, expected {np.prod(expected)} (as "
            f"{name}[0] has)"
        )
    width = int(np.prod(shapes.pop())) if shapes else 1
    if width == 0:
        raise ValueError(f"{name} has 0 features a step, expected at least 1")
    steps = RaggedArray.from_sequences(
        [array.reshape(len(array), width) for array in arrays]
    )
    _check_finite(steps, name, advice)
    return steps


def _list_form(sequences: Sequence, steps: RaggedArray) -> Form:
    """Tell nested lists of numbers, a 2-D X to scikit-learn, from other sequences."""
    lengths = steps.lengths
    nested = lengths.min() == lengths.max() > 0 and all(
        isinstance(s, list | tuple) and np.ndim(s[0]) == 0 for s in sequences
    )
    if nested:
        return Form("numeric", "nested", int(lengths[0]))
    return Form("numeric", "list", steps.values.shape[1])


def _step_shape(array: NDArray) -> tuple[int, ...]:
    """Return a step's shape; a step of a 1-D array has one feature."""
    return array.shape[1:] or (1,)


def _as_float32(values: Any, place: str) -> NDArray[np.float32]:
    """Convert one sequence, in an error that names its place."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "c":
            raise ValueError("Complex data not supported")
        if array.dtype.kind in "US":
            raise TypeError("its steps are strings")
        if array.dtype.kind in "mM":
            raise TypeError("its steps are dates or times")
        if array.ndim == 0:
            raise ValueError("it is a single number")
        with np.errstate(over="ignore"):  # becomes inf, refused with its place
            return array.astype(np.float32, copy=False)
    except (ValueError, TypeError) as error:
        raise type(error)(
            f"{place} is no numeric array (n_steps, n_features): {error}"
        ) from error


def _check_finite(steps: RaggedArray, name: str, advice: Advice) -> None:
    with np.errstate(invalid="ignore"):  # inf - inf
        total = steps.values.sum(dtype=np.float64)
    if np.isfinite(total):
        return  # one pass that allocates nothing; a sum of finite float32 is finite
    bad = ~np.isfinite(steps.values)
    row = int(np.flatnonzero(bad.any(axis=1))[0])
    value = steps.values[row][bad[row]][0]
    sequence, step = steps.step_of(row)
    what = "NaN" if np.isnan(value) else "infinity or a value too large for float32"
    raise ValueError(
        f"Input {name} contains {what}: {name}[{sequence}], step {step}. {advice.missing}"
    )


def _join_tokens(sequences: Sequence, split: Split | None, name: str) -> RaggedArray:
    strings = isinstance(sequences[0], str)
    types = set(map(type, sequences))
    for i, sequence in enumerate([] if types <= PLAIN or types == {str} else sequences):
        if isinstance(sequence, str) != strings or not is_sequence(sequence):
            raise TypeError(
                f"{name}[{i}] is {type(sequence).__name__}, but {name}[0] is "
                f"{type(sequences[0]).__name__}; all sequences must be of one kind"
            )
    if strings:
        if split is None:
            raise TypeError(f"{name} holds strings, expected token lists")
        sequences = [split(text) for text in sequences]
        for i, tokens in enumerate(sequences):
            if not is_sequence(tokens):
                raise TypeError(
                    f"the tokenizer gave {type(tokens).__name__} for {name}[{i}], "
                    "expected a list of tokens"
                )
    elif not types <= PLAIN:
        sequences = [s.tolist() if hasattr(s, "tolist") else list(s) for s in sequences]
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    tokens = object_array(list(chain.from_iterable(sequences)))
    types = set(map(type, tokens))
    if any(issubclass(kind, np.generic) for kind in types):  # they become Python's own
        tokens = object_array(
            [t.item() if isinstance(t, np.generic) else t for t in tokens]
        )
    steps = RaggedArray.from_lengths(tokens, lengths)
    if types <= {str, int}:
        return steps
    for position, token in enumerate(tokens):
        if not isinstance(token, Hashable) or is_missing(token):
            sequence, step = steps.step_of(position)
            raise TypeError(
                f"{name}[{sequence}], step {step} is {token!r}; tokens must be "
                "strings or other hashable values, and not missing"
            )
    return steps


def _check_all_strings(steps: RaggedArray, name: str, advice: Advice) -> None:
    if set(map(type, steps.values)) <= {str}:
        return
    for position, token in enumerate(steps.values):
        if not isinstance(token, str):
            sequence, step = steps.step_of(position)
            raise TypeError(
                f"{name}[{sequence}], step {step} is {token!r} among strings; all "
                f'tokens must be strings unless {advice.type_parameter}="tokens"'
            )


def _check_no_empty(steps: RaggedArray, name: str) -> None:
    empty = np.flatnonzero(steps.lengths == 0)
    if len(empty):
        raise ValueError(
            f"{name}[{empty[0]}] has no steps, every sequence needs at least one "
            f"({len(empty)} of {len(steps)} are empty)"
        )
