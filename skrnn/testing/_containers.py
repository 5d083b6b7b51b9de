"""The containers in which the same X or y may come."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skrnn.data.ragged import RaggedArray, object_array


class Container(NamedTuple):
    """One way to hold the same data.

    Attributes
    ----------
    hold : callable
        List of sequences, or frame → container.
    needs : str
        The package that the container comes from.
    optional : bool
        Whether an estimator may refuse it: only lists, tuples, arrays and Series are common
        to all users of scikit-learn.
    """

    hold: Callable[[Any], Any]
    needs: str = "numpy"
    optional: bool = True


def _plain(X: list[Any]) -> list[Any]:
    """Return sequences as lists of Python's own objects."""
    return [row.tolist() if isinstance(row, np.ndarray) else row for row in X]


def _polars_series(X: list[Any]) -> Any:
    return import_module("polars").Series("sequence", _plain(X))


def _arrow_array(X: list[Any]) -> Any:
    return import_module("pyarrow").array(_plain(X))


def _polars_frame(X: pd.DataFrame) -> Any:
    polars = import_module("polars")
    columns = {name: X[name].tolist() for name in X}
    return polars.DataFrame(columns).with_columns(
        polars.col("city").cast(polars.Categorical)
    )


def _arrow_table(X: pd.DataFrame) -> Any:
    arrow = import_module("pyarrow")
    columns = {name: arrow.array(X[name].tolist()) for name in X}
    columns["city"] = columns["city"].dictionary_encode()
    return arrow.table(columns)


def _ragged(X: list[Any]) -> RaggedArray:
    rows = [row[:, None] if row.ndim == 1 else row for row in X]
    return RaggedArray.from_sequences(rows)


_OF_ANY_KIND = {
    "tuple": Container(tuple, optional=False),
    "object array": Container(object_array, optional=False),
    "Series": Container(
        lambda X: pd.Series(X, index=range(50, 50 + len(X))), optional=False
    ),
    "one-column frame": Container(lambda X: pd.DataFrame({"sequence": X})),
    "polars Series": Container(_polars_series, "polars"),
    "Arrow array": Container(_arrow_array, "pyarrow"),
}
_OF_NUMBERS = {
    **_OF_ANY_KIND,
    "nested lists": Container(_plain),
    "RaggedArray": Container(_ragged),
}
_OF_TOKENS = {
    **_OF_ANY_KIND,
    "tuples": Container(lambda X: [tuple(row) for row in X]),
    "arrays": Container(lambda X: [np.array(row) for row in X]),
}
_OF_TEXTS = {**_OF_ANY_KIND, "array": Container(np.array, optional=False)}
_OF_FIELDS = {
    "frame with another index": Container(
        lambda X: X.set_index(pd.Index(range(50, 50 + len(X)))), optional=False
    ),
    "polars frame": Container(_polars_frame, "polars"),
    "Arrow table": Container(_arrow_table, "pyarrow"),
}
#: Kind of X → container by name.
X_CONTAINERS: dict[str, dict[str, Container]] = {
    "numbers": _OF_NUMBERS,
    "zeros_and_ones": _OF_NUMBERS,
    "series": _OF_NUMBERS,
    "tokens": _OF_TOKENS,
    "texts": _OF_TEXTS,
    "fields": _OF_FIELDS,
}


def _array(y: Any) -> Any:
    return y if isinstance(y, np.ndarray) else object_array(y)


#: Container of y by name.
Y_CONTAINERS: dict[str, Container] = {
    "list": Container(list, optional=False),
    "tuple": Container(tuple, optional=False),
    "array": Container(_array, optional=False),
    "Series": Container(
        lambda y: pd.Series(list(y), index=range(50, 50 + len(y))), optional=False
    ),
}
