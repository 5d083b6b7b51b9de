"""Frames of fields: one row a sequence, whose columns are step fields or static.

A step field has one value a step: numbers, tokens (a text is split into them), or time
stamps. A static column has one value a sequence: a number or a category. ``containers``
decides which X is such a frame; this file reads its columns.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.columns import (
    as_frame,
    check_number_columns,
    column_kind,
    is_category,
    is_foreign_frame,
    kind_of_cell,
)
from skrnn.data.date_formats import dates_of_strings
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import (
    DATES,
    Advice,
    Split,
    StepShape,
    check_finite,
    is_missing,
    is_sequence,
    join_tokens,
    shown,
    split_texts,
    step_shape,
    to_array,
    to_floats,
)

#: What a column is: steps of numbers, of tokens, or of time stamps, or one static number
#: or category a sequence.
Role = Literal["features", "tokens", "time", "number", "category"]
STATIC: tuple[Role, ...] = ("number", "category")
HOLDS: dict[Role, str] = {
    "features": "sequences of numbers",
    "tokens": "texts or token lists",
    "time": "time stamps of steps",
    "number": "one number a sequence",
    "category": "one category a sequence",
}


#: The kinds of columns that may have each role.
KINDS: dict[Role, tuple[str, ...]] = {
    "features": ("sequences",),
    "tokens": ("texts", "sequences"),
    "time": ("sequences",),
    "number": ("numbers",),
    "category": ("texts", "numbers"),
}


class Field(NamedTuple):
    """One step field: ``steps`` and, where it held strings, the user's ``texts``."""

    name: Hashable
    steps: RaggedArray
    texts: list[str] | None = None

    def take(self, indices: NDArray[np.int64]) -> Field:
        """Return some of the sequences."""
        texts = self.texts
        if texts is not None:
            texts = [texts[i] for i in indices.tolist()]
        return Field(self.name, self.steps.take(indices), texts)


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


class Fields(NamedTuple):
    """A frame of fields, read.

    Attributes
    ----------
    tokens : list of Field
        Fields of tokens, each an object array ``(total_steps,)``.
    features : RaggedArray or None
        The features of all numeric fields side by side, ``(total_steps, n_features)``.
    seconds : float64 ndarray of shape (total_steps,) or None
        Seconds from each sequence's first step, where a field holds time stamps.
    static : StaticColumns or None
    roles : dict of column to Role
    lengths : int64 ndarray of shape (n_sequences,)
    shapes : tuple of StepShape
        Of each numeric field, in the order of ``features``.
    details : dict of column to int, tuple or str
        As in ``FieldOptions``.
    frame : DataFrame
        The user's own, its columns in the order of ``roles``.
    """

    tokens: list[Field]
    features: RaggedArray | None
    seconds: NDArray[np.float64] | None
    static: StaticColumns | None
    roles: dict[Hashable, Role]
    lengths: NDArray[np.int64]
    shapes: tuple[StepShape, ...]
    details: dict[Hashable, Any]
    frame: pd.DataFrame


@dataclass(frozen=True)
class FieldOptions:
    """The estimator's settings about the fields of X.

    Attributes
    ----------
    static : sequence of column names, optional
        Columns that are static whatever they hold.
    time : column name, optional
        The field of time stamps.
    missing : {"raise", "indicator"} or None
        Whether missing numbers and categories are accepted; None of an estimator without
        that parameter.
    gaps_in_steps : bool
        Whether ``missing`` is about numeric steps, too, and not only static columns.
    needs_steps : bool
        Whether at least one column must be a step field.
    input_type : {"auto", "numeric", "tokens"}
        "tokens" takes the integers of sequences for tokens.
    roles : dict, optional
        Those of ``fit``; the columns must be the same.
    details : dict, optional
        Of ``fit``: the features of a step of each numeric field, or their names where the
        cells were frames, and the kind of each category.
    """

    static: Sequence[Hashable] | None = None
    time: Hashable | None = None
    missing: str | None = "raise"
    gaps_in_steps: bool = True
    needs_steps: bool = True
    input_type: str = "auto"
    roles: Mapping[Hashable, Role] | None = None
    details: Mapping[Hashable, Any] | None = None

    @property
    def names_columns(self) -> bool:
        """Whether parameters name columns, so that X must have some."""
        named = self.static is not None and len(self.static) > 0
        return named or self.time is not None

    @property
    def allow_missing(self) -> bool:
        """Whether a static value may be missing."""
        return self.missing == "indicator"

    @property
    def allow_missing_steps(self) -> bool:
        """Whether NaN is accepted in numeric steps."""
        return self.allow_missing and self.gaps_in_steps


def is_of_fields(frame: pd.DataFrame, options: FieldOptions) -> bool:
    """Return whether a frame's columns are fields, and not one step each."""
    if options.names_columns:
        return True
    if all(isinstance(d, np.dtype) and d.kind in "biufc" for d in frame.dtypes):
        return False
    kinds = {column_kind(frame.iloc[:, j]) for j in range(frame.shape[1])}
    has_category = any(map(is_category, frame.dtypes))
    if "sequences" in kinds or has_category:
        return True
    return "texts" in kinds and options.input_type != "tokens"  # a token a cell


def read_fields(
    frame: pd.DataFrame,
    options: FieldOptions,
    split: Split | None,
    name: str,
    advice: Advice,
) -> Fields:
    """Read a frame of fields.

    Raises
    ------
    TypeError
        If a column holds values of several kinds, or of another kind than in ``fit``.
    ValueError
        If columns are missing or unknown, if the step fields of a row differ in length,
        or if a value is missing and may not be.
    """
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"{name} has more than one column {shown(twice)}")
    if options.roles is not None:
        frame = in_order(frame, list(options.roles), name)
        roles = dict(options.roles)
        check_kinds(frame, roles, name)
    else:
        roles = roles_of(frame, options, name)
    if options.needs_steps and set(roles.values()) <= set(STATIC):
        raise ValueError(
            f"every column of {name} is static, one value a row; this estimator needs "
            "a column of texts, arrays or lists; FeedForwardClassifier and "
            "FeedForwardRegressor do without. If each row is one step, make sequences of "
            "the rows by skrnn.preprocessing.sequences_from_frame(frame, by=...)"
        )
    return _read_columns(frame, roles, options, split, name, advice)


# --- the role of each column ---------------------------------------------------------


def roles_of(
    frame: pd.DataFrame, options: FieldOptions, name: str
) -> dict[Hashable, Role]:
    """Return the role of each column of a frame of fields."""
    static = [] if options.static is None else list(options.static)
    for parameter, columns in (
        ("static_features", static),
        ("time", [] if options.time is None else [options.time]),
    ):
        for column in columns:
            if column not in frame.columns:
                hint = keep_times(column) if parameter == "time" else ""
                raise ValueError(
                    f"{parameter} names {shown(column)}, but {name} has the columns "
                    f"{shown(frame.columns.tolist())}{hint}"
                )
    return {
        column: "time"
        if column == options.time
        else _role_of(
            frame[column],
            column in static,
            f"{name}[{shown(column)}]",
            options.input_type,
        )
        for column in frame.columns
    }


def keep_times(column: Hashable) -> str:
    """Return how to make a frame of fields that keeps its times, for a message."""
    return (
        "; skrnn.preprocessing.sequences_from_frame(frame, by=..., "
        f"time={shown(column)}, features=[{shown(column)}, ...]) keeps the times"
    )


def _role_of(column: pd.Series, static: bool, place: str, input_type: str) -> Role:
    kind = column_kind(column)
    categorical = is_category(column.dtype)
    if kind == "sequences" and not static:
        first = _first_step(column)
        if isinstance(first, DATES):
            raise TypeError(
                f"{place} holds dates or times, such as {shown(first)}; set "
                f"time={shown(column.name)} to learn from the time between steps, or "
                "leave that column out"
            )
        is_float = isinstance(first, float | np.floating)
        if isinstance(first, str | bytes) or (input_type == "tokens" and not is_float):
            return _as_tokens(place, input_type)
        return "features"
    if kind == "numbers" and not categorical:
        return "number"
    if kind == "texts" and not (static or categorical):
        return _as_tokens(place, input_type)
    if kind in ("texts", "numbers"):
        return "category"
    if kind == "dates":
        raise TypeError(
            f"{place} holds one date or time a sequence; make a number of it, such as "
            "days since the first, or leave that column out"
        )
    row = next((i for i, cell in enumerate(column) if _is_list(cell)), None)
    if row is not None:
        raise TypeError(
            f"{place} is static, one value a sequence, but row {row} holds "
            f"{shown(column.iloc[row])}"
        )
    raise TypeError(
        f"{place} holds values other than numbers, texts and sequences, such as "
        f"{shown(column.iloc[0])}"
    )


def _as_tokens(place: str, input_type: str) -> Role:
    if input_type == "numeric":
        raise ValueError(f'{place} holds strings, but input_type is "numeric"')
    return "tokens"


def is_frame(cell: object) -> bool:
    """Return whether a cell is a frame, one row a step, of pandas or another library."""
    return isinstance(cell, pd.DataFrame) or is_foreign_frame(cell)


def _is_list(cell: object) -> bool:
    return is_sequence(cell) and not isinstance(cell, str | bytes)


def _first_step(column: pd.Series) -> Any:
    """Return the first step that is not missing, of the first sequence that has one.

    A sequence that is a frame has steps of numbers; other columns are refused later.
    """
    for cell in column:
        if is_frame(cell):
            return 0.0
        if is_missing(cell) or isinstance(cell, str | bytes):
            if isinstance(cell, str):
                return cell
            continue
        if isinstance(cell, np.ndarray) and cell.dtype.kind in "biufc":
            if cell.size:
                return cell.flat[0]
            continue
        for step in cell:
            if not is_missing(step):
                return step
    return 0.0


def check_kinds(frame: pd.DataFrame, roles: Mapping[Hashable, Role], name: str) -> None:
    """Raise a TypeError for a column that holds something else than in ``fit``."""
    for column, role in roles.items():
        if frame[column].isna().all():
            continue  # the reader of its values says whether they may be missing
        kind = column_kind(frame[column])
        if kind in KINDS[role] and not (
            role == "features" and isinstance(_first_step(frame[column]), str)
        ):
            continue
        strange = (
            i
            for i, cell in enumerate(frame[column])
            if not is_missing(cell) and kind_of_cell(cell) not in KINDS[role]
        )
        row = next(strange, 0)
        raise TypeError(
            f"{name}[{shown(column)}] must hold {HOLDS[role]}, as in fit, got "
            f"{shown(frame[column].iloc[row])} in row {row}"
        )


def in_order(
    frame: pd.DataFrame, feature_names: Sequence[Hashable], name: str
) -> pd.DataFrame:
    """Return the columns in the order of ``fit``; a ValueError if they are others."""
    expected, got = list(feature_names), frame.columns.tolist()
    if expected == got:
        return frame
    missing = [column for column in expected if column not in got]
    unknown = [column for column in got if column not in expected]
    if missing or unknown:
        parts = [f"lacks the columns {shown(missing)}"] if missing else []
        parts += [f"has the unknown columns {shown(unknown)}"] if unknown else []
        raise ValueError(
            f"The feature names should match those that were passed during fit: {name} "
            + " and ".join(parts)
        )
    return frame[expected]


# --- the values of each column -------------------------------------------------------


def _read_columns(
    frame: pd.DataFrame,
    roles: dict[Hashable, Role],
    options: FieldOptions,
    split: Split | None,
    name: str,
    advice: Advice,
) -> Fields:
    tokens: list[Field] = []
    features: list[tuple[Hashable, RaggedArray]] = []
    shapes: list[StepShape] = []
    n_features = 0
    stamps: tuple[Hashable, RaggedArray] | None = None
    lengths: dict[Hashable, NDArray[np.int64]] = {}
    for column, role in roles.items():
        if role in STATIC:
            continue
        place = f"{name}[{shown(column)}]"
        if role == "tokens":
            any_value = options.input_type == "tokens"
            field = Field(
                column, *_tokens(frame[column], split, place, advice, any_value)
            )
            tokens.append(field)
            lengths[column] = field.steps.lengths
            continue
        if role == "time":
            steps = _stamps(frame[column], place)
            stamps = (column, steps)
        else:
            width = None if options.details is None else _width(options.details[column])
            steps, shape = read_features(frame[column], place, width)
            features.append((column, steps))
            shapes.append(StepShape(column, n_features, shape))
            n_features += steps.values.shape[1]
        lengths[column] = steps.lengths
    check_equal_lengths(lengths, name, [f.name for f in tokens if f.texts is not None])
    n_steps = next(iter(lengths.values()), np.ones(len(frame), np.int64))
    details: dict[Hashable, Any] = {
        column: column_kind(frame[column])
        for column, role in roles.items()
        if role == "category" and frame[column].notna().any()
    }
    for column, steps in features:
        names = _columns_of_cells(frame[column])
        details[column] = steps.values.shape[1] if names is None else tuple(names)
        check_finite(
            steps,
            f"{name}[{shown(column)}]",
            advice,
            allow_missing=options.allow_missing_steps,
            of_column=True,
        )
    if options.details is not None:
        _check_details(details, options.details, name)
    return Fields(
        tokens,
        _side_by_side([steps for _, steps in features]),
        None if stamps is None else _seconds(*stamps, name),
        read_static(frame, roles, options, name),
        roles,
        n_steps,
        tuple(shapes),
        details,
        frame,
    )


def _check_details(
    got: Mapping[Hashable, Any], expected: Mapping[Hashable, Any], name: str
) -> None:
    """Raise an error for a column of another width, or of categories of another type."""
    for column, detail in got.items():
        if detail == expected.get(column, detail):
            continue
        place = f"{name}[{shown(column)}]"
        if isinstance(detail, int | tuple):
            had, widths = expected[column], (_width(detail), _width(expected[column]))
            if widths[0] != widths[1]:
                raise ValueError(
                    f"{place} has {widths[0]} features a step, expected {widths[1]} as in "
                    "fit"
                )
            if isinstance(detail, int) or isinstance(had, int):
                continue  # one of them has no names
            raise ValueError(
                f"{place} has frames with the columns {shown(list(detail))}, expected "
                f"{shown(list(had))} as in fit"
            )
        raise TypeError(
            f"{place} has categories that are {detail}, but in fit they were "
            f"{expected[column]}"
        )


def _width(detail: int | tuple) -> int:
    """Return the features of a step."""
    return detail if isinstance(detail, int) else len(detail)


def _columns_of_cells(column: pd.Series) -> list[Hashable] | None:
    """Return the columns of the first cell, None if it is not a frame."""
    first: Any = next(iter(column), None)
    if not is_frame(first):
        return None
    return list(getattr(first, "column_names", first.columns))


def _tokens(
    column: pd.Series, split: Split | None, place: str, advice: Advice, any_value: bool
) -> tuple[RaggedArray, list[str] | None]:
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


def _stamps(column: pd.Series, place: str) -> RaggedArray:
    """Return seconds ``(total_steps,)`` from the first step of each sequence."""
    arrays = []
    for i, cell in enumerate(column):
        if not _is_list(cell) or is_frame(cell):
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


def _seconds(column: Hashable, stamps: RaggedArray, name: str) -> NDArray[np.float64]:
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


def _side_by_side(fields: list[RaggedArray]) -> RaggedArray | None:
    if not fields:
        return None
    values = [steps.values for steps in fields]
    return fields[0].with_values(values[0] if len(values) == 1 else np.hstack(values))


def check_equal_lengths(
    lengths: Mapping[Hashable, NDArray[np.int64]],
    name: str,
    texts: Sequence[Hashable] = (),
) -> None:
    """Raise a ValueError that names a row and two columns whose lengths differ.

    ``texts`` are the columns of strings, which may be static if the user says so.
    """
    if not lengths:
        return
    first, expected = next(iter(lengths.items()))
    for column, got in lengths.items():
        unequal = np.flatnonzero(got != expected)
        if not len(unequal):
            continue
        row = int(unequal[0])
        remedy = "the step fields of a sequence must be equally long"
        if {first, column} & set(texts):
            remedy += (
                ". A text is a step field, split into words; name a column that is one "
                f"value a sequence in static_features, or make it a category by "
                f'{name}[{shown(texts[-1])}].astype("category"); join two texts to one'
            )
        raise ValueError(
            f"row {row} of {name}: column {shown(first)} has {expected[row]} steps, but "
            f"column {shown(column)} has {got[row]}; {remedy}"
        )


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
