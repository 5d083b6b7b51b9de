"""Frames of fields: one row a sequence, whose columns are step fields or static.

A step field has one value a step: numbers, tokens (a text is split into them), or time
stamps. A static column has one value a sequence: a number or a category. ``containers``
decides which X is such a frame; this file reads its columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.columns import kinds_in
from skrnn.data.field_roles import (
    STATIC,
    FieldOptions,
    Role,
    check_kinds,
    in_order,
    is_frame,
    roles_of,
)
from skrnn.data.field_values import (
    StaticColumns,
    check_seconds,
    read_features,
    read_stamps,
    read_static,
    read_tokens,
)
from skrnn.data.ragged import RaggedArray
from skrnn.data.steps import Advice, Split, StepShape, check_finite, shown


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
                column, *read_tokens(frame[column], split, place, advice, any_value)
            )
            tokens.append(field)
            lengths[column] = field.steps.lengths
            continue
        if role == "time":
            steps = read_stamps(frame[column], place)
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
    details = kinds_of_categories(frame, roles)
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
        check_details(details, options.details, name)
    return Fields(
        tokens,
        _side_by_side([steps for _, steps in features]),
        None if stamps is None else check_seconds(*stamps, name),
        read_static(frame, roles, options, name),
        roles,
        n_steps,
        tuple(shapes),
        details,
        frame,
    )


def kinds_of_categories(
    frame: pd.DataFrame, roles: Mapping[Hashable, Role]
) -> dict[Hashable, Any]:
    """Return the kind of the categories of each column that has those of one kind."""
    return {
        column: kinds.pop()
        for column, role in roles.items()
        if role == "category"
        and frame[column].notna().any()
        and len(kinds := kinds_in(frame[column])) == 1
    }


def check_details(
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
