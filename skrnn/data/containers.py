"""Input validation: any X as flat steps, checked once, with errors that name the place.

A new container is read in ``layouts``; the columns of frames are examined in ``columns``,
the values of sequences in ``steps``. y and weights are checked in ``targets``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from skrnn._sklearn import get_feature_names
from skrnn._warnings import warn
from skrnn.data.arrow import ragged_of
from skrnn.data.columns import (
    as_frame,
    check_number_columns,
    check_single_texts,
    column_kind,
    holds_numbers_only,
    is_foreign_frame,
    warn_of_long_frame,
)
from skrnn.data.field_roles import FieldOptions, Role, is_of_fields
from skrnn.data.field_values import StaticColumns
from skrnn.data.fields import Field, Fields, read_fields
from skrnn.data.layouts import (
    is_packed,
    only_column,
    parse_frame,
    parse_rows,
    read_container,
    remedy_for,
)
from skrnn.data.ragged import RaggedArray
from skrnn.data.steps import (
    FLOATS,
    OF_X,
    PLAIN,
    Advice,
    Split,
    StepShape,
    check_finite,
    is_missing,
    is_sequence,
    join_numbers,
    join_tokens,
    shown,
    split_texts,
    step_shape,
    to_array,
    to_floats,
    unreadable_tensor,
)

__all__ = [
    "OF_X",
    "Advice",
    "CheckedSequences",
    "FieldOptions",
    "Form",
    "Split",
    "check_same_form",
    "check_sequences",
    "is_missing",
    "is_sequence",
    "parse_rows",
    "rows_hold_tokens",
]

Kind = Literal["numeric", "tokens", "fields"]
FormOfContainer = Literal["columns", "nested", "array", "list", "fields"]
Empty = Literal["raise", "tokens", "keep"]
KINDS = {
    "numeric": "numeric sequences",
    "tokens": "token sequences",
    "fields": "a frame of fields",
}
#: Rows below which repeated texts are not taken for a category.
MIN_ROWS_OF_CATEGORY = 10


class Form(NamedTuple):
    """The kind, container and width of X, the same at fit and later.

    "columns" is a 2-D array or frame, "nested" equally long lists of numbers, which
    scikit-learn takes for one, "fields" a frame with one column a field; the kind is
    "fields", too, unless each of them is one feature. ``width`` is the number of columns,
    the features of a step otherwise, None for tokens.
    """

    kind: Kind
    container: FormOfContainer
    width: int | None

    @property
    def n_features(self) -> int | None:
        """Features of one step, where X has nothing else."""
        if self.kind == "fields":
            return None
        return 1 if self.container in ("columns", "nested") else self.width


@dataclass(frozen=True)
class CheckedSequences:
    """Validated X.

    Attributes
    ----------
    steps : RaggedArray
        The first or only step field: floats ``(total_steps, n_features)``, NaN where one
        is missing, or the tokens themselves in an object array ``(total_steps,)``.
    form : Form
        Kind, container and width of X.
    named : DataFrame, optional
        The frame whose columns name the features: X itself or its first sequence.
    texts : list of str, optional
        The user's strings, where X held strings.
    name : str
        What messages call X.
    field : column name, optional
        The column of the first step field, if it is one.
    beside : tuple of Field
        Further step fields, with the same offsets; features come last.
    seconds : float64 ndarray of shape (total_steps,), optional
        Seconds from the first step of each sequence.
    static : StaticColumns, optional
    shapes : tuple of StepShape
        The shapes of the steps of each numeric field; empty where X is 2-D.
    roles, details : dict, optional
        What each column of a frame of fields is, as in ``FieldOptions``.
    """

    steps: RaggedArray
    form: Form
    named: Any = None
    texts: list[str] | None = None
    name: str = "X"
    field: Hashable = None
    beside: tuple[Field, ...] = ()
    seconds: NDArray[np.float64] | None = None
    static: StaticColumns | None = None
    shapes: tuple[StepShape, ...] = ()
    roles: dict[Hashable, Role] | None = None
    details: dict[Hashable, Any] | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """All step fields."""
        return (Field(self.field, self.steps, self.texts), *self.beside)

    def take(self, indices: NDArray[np.int64]) -> CheckedSequences:
        """Return some of the sequences."""
        first, *beside = (field.take(indices) for field in self.fields)
        seconds, static = self.seconds, self.static
        if seconds is not None:
            seconds = self.steps.with_values(seconds).take(indices).values
        return replace(
            self,
            steps=first.steps,
            texts=first.texts,
            beside=tuple(beside),
            seconds=seconds,
            static=None if static is None else static.take(indices),
        )

    def filled(self) -> tuple[NDArray[np.int64], CheckedSequences]:
        """Return the indices of the sequences that have steps, and these sequences."""
        filled = np.flatnonzero(self.steps.lengths)
        return filled, self if len(filled) == len(self.steps) else self.take(filled)

    def with_steps(self, steps: RaggedArray) -> CheckedSequences:
        """Return the same sequences over other steps."""
        return replace(self, steps=steps)


def check_sequences(
    X: Any,
    *,
    input_type: str = "auto",
    split: Split | None = None,
    empty: Empty = "raise",
    fields: FieldOptions | None = None,
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
        Whether sequences without steps are accepted: none, those with a field of tokens, or
        all. With "tokens", lists that are all empty count as tokens.
    fields : FieldOptions, optional
        Settings about the fields of a frame, and about missing values.
    estimator : object, optional
        Named in the messages of scikit-learn's checks.
    name : str
        Name of X in messages.
    advice : Advice
        The remedies that they name.

    Raises
    ------
    TypeError
        If X is not a container of sequences, or mixes kinds.
    ValueError
        If X is empty, not finite, of unequal feature counts, or has empty sequences.
    """
    fields = fields or FieldOptions()
    if fields.input_type != input_type:
        fields = replace(fields, input_type=input_type)
    if not fields.names_columns and input_type != "tokens":
        flat = X if isinstance(X, RaggedArray) else None
        if flat is None and not fields.needs_frame:
            flat = ragged_of(X)
        if flat is not None and flat.values.dtype.kind in "biuf":
            return _check_ragged(flat, empty, name, advice, fields.allow_missing_steps)
    layout, content, _ = read_container(X, name)
    frame = _frame_of_fields(X, content, fields)
    if frame is not None:
        return _check_fields(frame, fields, split, empty, name, advice)
    if fields.names_columns:
        parameter = "static_features" if fields.time is None else "time"
        names: Any = fields.static if fields.time is None else fields.time
        raise ValueError(
            f"{parameter}={shown(names)} names columns, but {name} is not a frame of fields"
        )
    missing = fields.allow_missing_steps
    if layout == "array":
        return _check_stacked(content, input_type, name, advice, missing)
    if layout == "fields":
        sequences = only_column(content, name)
    elif layout == "columns":
        if not rows_hold_tokens(content, input_type, name):
            return _check_columns(content, X, estimator, name, advice, missing)
        sequences = list(to_array(content))
    else:
        sequences = content
    return _check_list(
        sequences, input_type, split, empty, name=name, advice=advice, missing=missing
    )


def _check_ragged(
    given: RaggedArray, empty: Empty, name: str, advice: Advice, missing: bool
) -> CheckedSequences:
    """Numbers that are flat already are taken as they are, and not copied."""
    _check_any(len(given), name)
    shape = step_shape(given.values)
    width = int(np.prod(shape))
    if width == 0:
        raise ValueError(f"{name} has 0 features a step, expected at least 1")
    values = given.values.reshape(len(given.values), width)
    if values.dtype not in FLOATS:
        values = to_floats(values, name)
    steps = given.with_values(values)
    check_finite(steps, name, advice, allow_missing=missing)
    if empty != "keep":
        _check_no_empty(steps, name)
    shapes = (StepShape(None, 0, shape),)
    return CheckedSequences(steps, Form("numeric", "list", width), shapes=shapes)


def _frame_of_fields(X: Any, content: Any, options: FieldOptions) -> pd.DataFrame | None:
    """Return X as a frame if its columns are fields, or were in ``fit``."""
    if isinstance(content, pd.DataFrame):
        if options.needs_frame:
            return content
        is_column = content.shape[1] == 1 and options.input_type == "tokens"
        return content if is_of_fields(content, options) and not is_column else None
    if not options.needs_frame:
        return None  # a frame of one column of sequences is that column
    frame = parse_frame(X, "X")
    return frame if isinstance(frame, pd.DataFrame) else None


def _check_list(
    sequences: Sequence,
    input_type: str,
    split: Split | None,
    empty: Empty,
    *,
    name: str,
    advice: Advice,
    missing: bool,
) -> CheckedSequences:
    _check_any(len(sequences), name)
    named = None
    if isinstance(sequences[0], pd.DataFrame) or is_foreign_frame(sequences[0]):
        named = sequences[0]
        sequences = _frames_as_arrays(sequences, name)
    if memoryview in set(map(type, sequences)):
        sequences = [np.asarray(s) if type(s) is memoryview else s for s in sequences]
    kind = _kind_of(sequences, input_type, empty, name, advice)
    texts: list[str] | None = None
    shapes: tuple[StepShape, ...] = ()
    if kind == "numeric":
        steps, shape = join_numbers(sequences, name, advice, allow_missing=missing)
        shapes = (StepShape(None, 0, shape),)
        form = _list_form(sequences, steps)
    else:
        if kind == "strings":
            if split is None:
                raise TypeError(f"{name} holds strings, expected token lists")
            texts = cast("list[str]", sequences)
            sequences = split_texts(texts, split, name)
        any_value = kind == "strings" or input_type == "tokens"
        steps = join_tokens(sequences, name, advice, any_value=any_value)
        may_be_texts = texts is None and (input_type == "auto" or advice is not OF_X)
        if split is not None and may_be_texts:
            _warn_of_texts_in_lists(steps, name)
        form = Form("tokens", "list", None)
    if empty == "raise" or (empty == "tokens" and kind == "numeric"):
        _check_no_empty(steps, name)
    return CheckedSequences(steps, form, named, texts, shapes=shapes)


def _check_any(n_sequences: int, name: str) -> None:
    if not n_sequences:
        raise ValueError(
            f"{name} has 0 sequences (Found array with 0 sample(s)) while a minimum of "
            "1 is required."
        )


def _warn_of_texts_in_lists(steps: RaggedArray, name: str) -> None:
    """Warn that whole texts, each in a list of its own, are one token each."""
    if len(steps) < 2 or not (steps.lengths == 1).all():
        return
    n_texts = sum(isinstance(t, str) and len(t.split()) > 1 for t in steps.values)
    if 2 * n_texts > len(steps):
        warn(
            f"each list of {name} has one token, and most of these contain white space, "
            f"such as {shown(steps.values[0])}. If they are texts, pass the strings "
            f"themselves, as [text for text, in {name}]",
        )


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
            f"{expected} features as input" + _one_sequence(checked, expected, name)
        )


def _one_sequence(checked: CheckedSequences, n_features: int | None, name: str) -> str:
    """Return a remedy where X may be one sequence in place of a list of them."""
    is_table = checked.form.container in ("columns", "nested")
    if not is_table or checked.form.width != n_features:
        return ""
    return f". If {name} is one sequence of {n_features} features, pass [{name}]"


def _kind_of(
    sequences: Sequence, input_type: str, empty: Empty, name: str, advice: Advice
) -> Literal["numeric", "tokens", "strings"]:
    """Return the kind of X, which its first step decides that is not missing."""
    if not set(map(type, sequences)) <= PLAIN | {str, np.ndarray}:
        _check_each_sequence(sequences, name)
    first = sequences[0]
    if isinstance(first, str):
        if input_type == "numeric":
            raise ValueError(
                f'{name}[0] is a string, but {advice.type_parameter} is "numeric"'
            )
        return "strings"
    if not is_sequence(first):
        raise ValueError(_not_a_sequence(first, name))
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
    could_be_tokens = all(
        is_sequence(s) and not len(s) and getattr(s, "ndim", 1) == 1 for s in sequences
    )
    return "tokens" if empty == "tokens" and could_be_tokens else "numeric"


def _check_each_sequence(sequences: Sequence, name: str) -> None:
    """Raise an error that names the first sequence that is missing, or a container."""
    for i, sequence in enumerate(sequences):
        if is_missing(sequence):
            texts = any(isinstance(other, str) for other in sequences)
            remedy = 'fill it, for example by fillna("")' if texts else "leave it out"
            raise ValueError(f"{name}[{i}] is missing ({shown(sequence)}); {remedy}")
        if is_packed(sequence) or unreadable_tensor(sequence) is not None:
            raise TypeError(
                f"{name}[{i}] is {type(sequence).__name__}, expected a sequence"
                f"{remedy_for(sequence, f'{name}[{i}]')}"
            )


def _not_a_sequence(first: object, name: str) -> str:
    message = f"{name}[0] is {type(first).__name__}, expected a sequence"
    if isinstance(first, int | float | np.number | np.bool_ | np.ndarray):
        return (
            f"{message}. Expected 2D array or a list of sequences, got 1D: Reshape your "
            "data, a single sequence x is passed as [x]"
        )
    if isinstance(first, Mapping):
        return (
            f"{message}; if each row is a dict of columns, pass pandas.DataFrame({name})"
        )
    return message + (remedy_for(first, f"{name}[0]") or "")


def _list_form(sequences: Sequence, steps: RaggedArray) -> Form:
    """Return "nested" for equally long lists of numbers, which scikit-learn reads as 2-D."""
    lengths = steps.lengths
    nested = lengths.min() == lengths.max() > 0 and all(
        isinstance(s, list | tuple) and not is_sequence(s[0]) for s in sequences
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
                f"{name}[{i}] must have the columns of {name}[0]: "
                f"{shown(columns.tolist())}"
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
    if holds_numbers_only(frame):
        return False
    if input_type == "auto" and frame.size:
        kinds = {column_kind(frame.iloc[:, j]) for j in range(frame.shape[1])}
        if kinds == {"texts"}:
            check_single_texts(frame, name, is_array=frame is not X)
            return True
    check_number_columns(frame, name, is_array=frame is not X)
    return False


def _check_columns(
    X: Any, given: Any, estimator: object, name: str, advice: Advice, missing: bool
) -> CheckedSequences:
    """Rows are univariate series, one column a step."""
    if isinstance(X, pd.DataFrame) and any(dtype.kind == "O" for dtype in X.dtypes):
        X = X.mask(X.isna(), np.nan)  # NA among objects
    values = check_array(
        X,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        estimator=estimator,
        input_name=name,
    )
    n_sequences, n_steps = values.shape
    steps = RaggedArray.from_lengths(
        values.reshape(-1, 1), np.full(n_sequences, n_steps, dtype=np.int64)
    )
    check_finite(steps, name, advice, allow_missing=missing)
    _warn_of_steps_in_rows(X, name)
    named = given if get_feature_names(given) is not None else None
    return CheckedSequences(steps, Form("numeric", "columns", n_steps), named)


def _check_stacked(
    array: NDArray, input_type: str, name: str, advice: Advice, missing: bool
) -> CheckedSequences:
    """A 3-D array, or more dimensions whose steps are flattened (image frames)."""
    if input_type == "tokens":
        raise ValueError(
            f"{name} has {array.ndim} dimensions, sequences of tokens have at most 2"
        )
    n_sequences, n_steps = array.shape[:2]
    if 0 in array.shape:
        raise ValueError(
            f"{name} has shape {array.shape}, every dimension must be at least 1"
        )
    place = f"{name}, a {array.ndim}-D array,"
    values = to_floats(array.reshape(n_sequences * n_steps, -1), place)
    lengths = np.full(n_sequences, n_steps, dtype=np.int64)
    steps = RaggedArray.from_lengths(values, lengths)
    check_finite(steps, name, advice, allow_missing=missing)
    return CheckedSequences(
        steps,
        Form("numeric", "array", values.shape[1]),
        shapes=(StepShape(None, 0, array.shape[2:]),),
    )


def _check_no_empty(steps: RaggedArray, name: str) -> None:
    empty = np.flatnonzero(steps.lengths == 0)
    if len(empty):
        raise ValueError(
            f"{name}[{empty[0]}] has no steps, every sequence needs at least one "
            f"({len(empty)} of {len(steps)} are empty)"
        )


def _check_fields(
    frame: pd.DataFrame,
    options: FieldOptions,
    split: Split | None,
    empty: Empty,
    name: str,
    advice: Advice,
) -> CheckedSequences:
    _check_any(len(frame), name)
    read = read_fields(frame, options, split, name, advice)
    frame, roles, n_columns = read.frame, read.roles, len(read.roles)
    features = _features_of(read)
    fields = list(read.tokens)
    if features is not None:
        fields.append(Field(None, features))
    numeric = set(roles.values()) == {"features"}
    is_features = (
        numeric and features is not None and features.values.shape[1] == n_columns
    )
    if empty == "raise" or (empty == "tokens" and not read.tokens):
        _check_no_empty(fields[0].steps, name)
    if options.roles is None and "features" not in roles.values():
        _warn_of_steps_in_rows(frame, name)
        if (read.lengths == 1).all():
            _warn_of_categories(read.tokens, name)
    first, *beside = fields
    return CheckedSequences(
        first.steps,
        Form("numeric" if is_features else "fields", "fields", n_columns),
        frame if get_feature_names(frame) is not None else None,
        first.texts,
        field=first.name,
        beside=tuple(beside),
        seconds=read.seconds,
        static=read.static,
        shapes=read.shapes,
        roles=roles,
        details=read.details,
    )


def _features_of(read: Fields) -> RaggedArray | None:
    """Return the features; none a step where only the time, or static columns, are given."""
    if read.features is None and (read.seconds is not None or not read.tokens):
        values = np.zeros((int(read.lengths.sum()), 0), np.float32)
        return RaggedArray.from_lengths(values, read.lengths)
    return read.features


def _warn_of_categories(tokens: list[Field], name: str) -> None:
    """Warn of texts of one token each that repeat like the values of a category."""
    for field in tokens:
        n_rows = len(field.steps)
        if (
            field.texts is not None
            and n_rows >= MIN_ROWS_OF_CATEGORY
            and 2 * len(set(field.texts)) <= n_rows
        ):
            column = f"{name}[{shown(field.name)}]"
            warn(
                f"every text of {column} is one token, such as {shown(field.texts[0])}, and "
                "most of them repeat; they are read as texts of one step. If the column is "
                "one value a sequence, name it in static_features, or make it a category "
                f'by {column}.astype("category")',
            )


def _warn_of_steps_in_rows(X: Any, name: str) -> None:
    """Warn that each row of a frame that looks like a long one is read as a sequence."""
    if not isinstance(X, pd.DataFrame):
        return
    if not holds_numbers_only(X) and any(
        column_kind(X.iloc[:, j]) == "sequences" for j in range(X.shape[1])
    ):
        return
    rows_are_sequences = "each of its rows is read as one sequence"
    index = X.index
    if isinstance(index, pd.MultiIndex) and index.droplevel(-1).has_duplicates:
        warn(
            f"{name} has a MultiIndex, and {rows_are_sequences}. If its rows are steps, "
            "pass skrnn.preprocessing.sequences_from_frame(frame.reset_index(), by=...); "
            f"if not, pass {name}.reset_index(drop=True) to avoid this warning",
        )
    else:
        warn_of_long_frame(X, name, rows_are_sequences)
