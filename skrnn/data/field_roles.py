"""The role of each column of a frame of fields: steps of a kind, or static."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from skrnn.data.columns import (
    column_kind,
    holds_numbers_only,
    is_category,
    is_foreign_frame,
    kind_of_cell,
)
from skrnn.data.steps import DATES, is_missing, is_sequence, shown

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
    def needs_frame(self) -> bool:
        """Whether X must be a frame: parameters name columns, or ``fit`` read others than features."""
        others = self.roles is not None and set(self.roles.values()) != {"features"}
        return self.names_columns or others

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
    if holds_numbers_only(frame):
        return False
    kinds = {column_kind(frame.iloc[:, j]) for j in range(frame.shape[1])}
    has_category = any(map(is_category, frame.dtypes))
    if "sequences" in kinds or has_category:
        return True
    return "texts" in kinds and options.input_type != "tokens"  # a token a cell


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
    row = next((i for i, cell in enumerate(column) if is_list(cell)), None)
    if row is not None:
        raise TypeError(
            f"{place} is static, one value a sequence, but row {row} holds "
            f"{shown(column.iloc[row])}"
        )
    remedy = f'; pass {place}.astype(str).astype("category")' if categorical else ""
    raise TypeError(
        f"{place} holds values other than numbers, texts and sequences, such as "
        f"{shown(column.iloc[0])}{remedy}"
    )


def _as_tokens(place: str, input_type: str) -> Role:
    if input_type == "numeric":
        raise ValueError(f'{place} holds strings, but input_type is "numeric"')
    return "tokens"


def is_frame(cell: object) -> bool:
    """Return whether a cell is a frame, one row a step, of pandas or another library."""
    return isinstance(cell, pd.DataFrame) or is_foreign_frame(cell)


def is_list(cell: object) -> bool:
    """Return whether a cell is a sequence, and not a text."""
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
