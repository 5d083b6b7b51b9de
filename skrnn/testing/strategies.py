"""Hypothesis strategies for sequences, targets and parameters, right and wrong ones.

Nothing else of skrnn imports this module, as it needs hypothesis. ``right_X`` and
``right_y`` draw data that an estimator must accept, ``wrong_X``, ``wrong_y`` and
``wrong_weights`` such data with one mistake in a known place, and ``anything`` objects that
were never meant as data.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy import sparse

from skrnn.data.ragged import object_array
from skrnn.testing._containers import X_CONTAINERS
from skrnn.testing._mistakes import Mistake

__all__ = [
    "anything",
    "containers",
    "right_X",
    "right_weights",
    "right_y",
    "wrong_X",
    "wrong_weights",
    "wrong_y",
]

#: Shorter than the shortest series that a small forecaster learns from, and longer ones.
MIN_SERIES, MAX_SERIES = 14, 24
DTYPES = ("float64", "float32", "float16", "int64", "int8", "uint8", "bool")


# --- X that is right -----------------------------------------------------------------


def _floats() -> st.SearchStrategy[float]:
    return st.one_of(
        st.floats(-1e4, 1e4, width=32),
        st.sampled_from([0.0, -0.0, 1.0, 1e-40, -1e-7, 1e9, 123456.789]),
    )


@st.composite
def _arrays(draw: Any, width: int, binary: bool, lengths: list[int]) -> list[Any]:
    """Draw arrays of one dtype, of one dimension where they have one feature."""
    dtype = draw(st.sampled_from(DTYPES))
    flat = width == 1 and draw(st.booleans())
    rows = []
    for n in lengths:
        shape = (n,) if flat else (n, width)
        if binary or dtype == "bool":
            elements: Any = st.integers(0, 1)
        elif dtype.startswith("float"):
            elements = st.integers(-9, 9) if dtype == "float16" else _floats()
        else:
            elements = st.integers(0, 100)
        values = draw(
            npst.arrays(np.float64, shape, elements=elements, fill=st.nothing())
        )
        rows.append(values.astype(dtype))
    return rows


WORDS = st.one_of(
    st.sampled_from(["oak", "elm", "Oak", "ash", "fir"]),
    st.text(
        st.characters(
            exclude_categories=["Cs", "Z", "Cc"], exclude_characters=["\ufeff"]
        ),
        min_size=1,
        max_size=5,
    ),
)
#: Arrays of strings of NumPy lose a NUL at the end, so none is a right one.
ODD_WORDS = st.sampled_from(
    ["", " ", "\n", "\x01", "a b", "x" * 300, "é", "e\u0301", "🌲"]
)
ODD_TEXTS = st.sampled_from(
    ["", " ", "\t\n", "oak.", "\x01", "oak " * 200, "日本語", "🌲🌲"]
)


@st.composite
def right_X(draw: Any, kind: str, n_sequences: int | None = None, width: int = 2) -> Any:
    """Draw sequences of a kind that ``skrnn.testing`` knows.

    Parameters
    ----------
    kind : str
        As for `skrnn.testing.check_sequence_estimator`.
    n_sequences : int, optional
        How many; by default 2 to 6.
    width : int, default=2
        Features of a numeric step.
    """
    n = draw(st.integers(2, 6)) if n_sequences is None else n_sequences
    if kind == "series":
        lengths = draw(
            st.lists(st.integers(MIN_SERIES, MAX_SERIES), min_size=n, max_size=n)
        )
        start = draw(st.floats(-100, 100, width=32))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        return [start + rng.normal(size=length).cumsum() for length in lengths]
    lengths = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    if kind in ("numbers", "zeros_and_ones"):
        return draw(_arrays(width, kind == "zeros_and_ones", lengths))
    if kind == "texts":
        word_lists = [draw(st.lists(WORDS, min_size=m, max_size=m)) for m in lengths]
        texts = [" ".join(words) for words in word_lists]
        odd = draw(st.one_of(st.none(), ODD_TEXTS))
        if odd is not None:
            texts[-1] = odd
        return texts
    rows = [draw(st.lists(WORDS, min_size=m, max_size=m)) for m in lengths]
    if kind == "tokens":
        if draw(st.integers(0, 3)) == 0:
            rows[-1][-1] = draw(ODD_WORDS)
        return rows
    ages = draw(st.lists(_floats(), min_size=n, max_size=n))
    cities = st.sampled_from(["Oslo", "Rome", "Bern", "", "日"])
    return pd.DataFrame(
        {
            "words": pd.Series(object_array(rows)),
            "age": np.array(ages),
            "city": pd.Categorical(draw(st.lists(cities, min_size=n, max_size=n))),
        }
    )


def containers(kind: str) -> st.SearchStrategy[Callable[[Any], Any]]:
    """Draw a function that puts sequences of a kind into a container."""
    known = X_CONTAINERS[kind]
    return st.sampled_from([list_or_frame, *(known[name].hold for name in sorted(known))])


def list_or_frame(X: Any) -> Any:
    """Return X as it is."""
    return X


# --- y and weights that are right ----------------------------------------------------


@st.composite
def right_y(draw: Any, kind: str, lengths: list[int]) -> Any:
    """Draw targets of a kind for sequences of some lengths; labels are at least two."""
    n = len(lengths)
    if kind == "none":
        return None
    if kind == "numbers":
        return draw(st.lists(_floats(), min_size=n, max_size=n))
    if kind == "step_numbers":
        return [
            draw(npst.arrays(np.float64, length, elements=_floats(), fill=st.nothing()))
            for length in lengths
        ]
    labels: list[Any] = draw(
        st.sampled_from([["u", "v", "w"], ["", "é", "日"], [0, 1, 2], [-3, 7, 10**12]])
        if kind == "labels"
        else st.sampled_from([["u", "v", "w"], ["B-a", "I-a", "O"], ["é", "日", "🌲"]])
    )
    one = st.sampled_from(labels)
    if kind == "labels":
        y = draw(st.lists(one, min_size=n, max_size=n))
        y[:2] = labels[:2]
        return np.array(y) if draw(st.booleans()) else y
    if kind == "token_sequences":
        lengths = draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    return [draw(st.lists(one, min_size=m, max_size=m)) for m in lengths]


def right_weights(n: int) -> st.SearchStrategy[Any]:
    """Draw weights of n sequences, or none."""
    weight = st.floats(0.125, 10, width=32)
    return st.one_of(st.none(), st.lists(weight, min_size=n, max_size=n))


# --- one mistake ---------------------------------------------------------------------

NO_SEQUENCE = st.sampled_from(
    [None, object(), 3, 2.5, np.datetime64("2020"), len, {"a": 1}, {1, 2}]
)


@st.composite
def wrong_X(draw: Any, kind: str, X: Any) -> Mistake:
    """Draw X with one mistake made in sequences that are right."""
    i = draw(st.integers(0, len(X) - 1))
    place = rf"\b(X\w*\[{i}\]|row {i}|sequence {i})"
    if kind == "fields":
        return _wrong_frame(draw, X, i)
    rows = list(X)
    if draw(st.integers(0, 3)) == 0:
        rows[i] = draw(NO_SEQUENCE)
        return Mistake(f"{rows[i]!r:.30} as sequence {i}", rows, r"\bX\b")
    if kind == "texts":
        rows[i] = draw(st.sampled_from([3, 1.5, True, b"oak", None, ("oak",), np.nan]))
        return Mistake(f"{rows[i]!r} among texts", rows, r"\bX\b")
    j = draw(st.integers(0, len(rows[i]) - 1))
    if kind == "tokens":
        bad = draw(st.sampled_from([3, 1.5, None, b"oak", ("oak", "N"), np.nan, {}]))
        rows[i] = [*rows[i][:j], bad, *rows[i][j + 1 :]]
        return Mistake(f"{bad!r} as token {j} of sequence {i}", rows, r"\bX\b")
    mistake = draw(
        st.sampled_from(
            ["NaN", "infinity", "text", "width", "complex", "dates", "nested"]
        )
    )
    sequence = np.asarray(rows[i], dtype=np.float64).copy()
    if mistake in ("NaN", "infinity"):
        sequence[j] = (
            np.nan if mistake == "NaN" else draw(st.sampled_from([np.inf, -np.inf]))
        )
        rows[i] = sequence
        return Mistake(f"{mistake} in step {j} of sequence {i}", rows, place)
    rows[i] = {
        "text": lambda: ["oak"] * len(sequence),
        "width": lambda: np.zeros((len(sequence), 7)),
        "complex": lambda: sequence + 1j,
        "dates": lambda: np.full(len(sequence), "2020-01-01", "M8[D]"),
        "nested": lambda: [[1.0], [1.0, 2.0]],
    }[mistake]()
    return Mistake(f"{mistake} in sequence {i}", rows, r"\bX\b")


def _wrong_frame(draw: Any, X: pd.DataFrame, i: int) -> Mistake:
    words = X["words"].tolist()
    age = np.array(X["age"], dtype=object)
    mistake = draw(st.sampled_from(["token", "words", "number", "text", "empty"]))
    if mistake == "token":
        words[i] = [*words[i], draw(st.sampled_from([None, 3.5, b"x", ("a", "b")]))]
        return Mistake("no token", X.assign(words=object_array(words)), "words")
    if mistake == "words":
        words[i] = draw(NO_SEQUENCE)
        return Mistake("no tokens", X.assign(words=object_array(words)), "words")
    if mistake == "empty":
        return Mistake("no rows", X[:0], "X")
    bad: Any = [np.nan, np.inf, None] if mistake == "number" else ["old", [2.0], {}]
    age[i] = draw(st.sampled_from(bad))
    if mistake == "number":
        age = age.astype(float)
    return Mistake(f"{age[i]!r} as age", X.assign(age=age), "age")


@st.composite
def wrong_y(draw: Any, kind: str, y: Any) -> Mistake:
    """Draw targets with one mistake made in right ones."""
    rows, i = list(y), draw(st.integers(0, len(y) - 1))
    mistake = draw(
        st.sampled_from(["short", "long", "missing", "entry", "none", "scalar"])
    )
    if mistake == "short":
        return Mistake("one target too few", rows[:-1], rf"{len(y)}|{len(y) - 1}")
    if mistake == "long":
        return Mistake("one target too many", [*rows, rows[0]], rf"{len(y)}|{len(y) + 1}")
    if mistake == "none":
        return Mistake("no y", None, r"\by\b")
    if mistake == "scalar":
        return Mistake("no targets", draw(st.sampled_from([3, "y", 1.5])), r"\by\b")
    if mistake == "missing" or kind in ("labels", "token_sequences"):
        rows[i] = None
        return Mistake(f"target {i} is missing", object_array(rows), rf"y\[{i}\]")
    if kind == "numbers":
        rows[i] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
        return Mistake(f"target {i} is {rows[i]}", rows, r"\by\b")
    if not len(rows[i]):  # of a sequence without steps
        i = next(j for j, row in enumerate(rows) if len(row))
    rows[i] = [*rows[i], rows[i][0]]
    return Mistake(f"one target too many for sequence {i}", rows, rf"y\[{i}\]")


@st.composite
def wrong_weights(draw: Any, n: int) -> Mistake:
    """Draw weights of n sequences with one mistake."""
    weights: list[Any] = [1.0] * n
    mistake = draw(st.sampled_from(["short", "long", "value", "scalar", "table"]))
    if mistake == "value":
        i = draw(st.integers(0, n - 1))
        weights[i] = draw(st.sampled_from([np.nan, np.inf, -1.0, "heavy", None, [2.0]]))
    wrong: Any = {
        "short": weights[:-1],
        "long": [*weights, 1.0],
        "value": weights,
        "scalar": draw(st.sampled_from(["heavy", b"1", {}])),
        "table": np.ones((n, 2)),
    }[mistake]
    return Mistake(f"weights: {mistake}", wrong, "sample_weight")


# --- anything ------------------------------------------------------------------------

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.text(max_size=4),
    st.binary(max_size=3),
    st.complex_numbers(max_magnitude=3),
    st.sampled_from(
        [
            datetime.date(2020, 1, 1),
            datetime.timedelta(days=1),
            decimal.Decimal("1.5"),
            fractions.Fraction(1, 3),
            pd.Timestamp("2020"),
            pd.NA,
            np.float32(1.5),
            np.int8(1),
            np.str_("oak"),
            np.datetime64("2020"),
            object(),
            len,
            int,
            ...,
            slice(2),
            range(3),
        ]
    ),
)


def _as_array(values: list[Any]) -> Any:
    try:
        return np.array(values)
    except (ValueError, TypeError, OverflowError):
        return object_array(values)


def _wrapped(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(children, max_size=4)
    return st.one_of(
        several,
        several.map(tuple),
        several.map(object_array),
        several.map(_as_array),
        several.map(lambda values: pd.Series(object_array(values))),
        several.map(lambda values: pd.DataFrame({"a": object_array(values)})),
        several.map(lambda values: object_array(values)[:, None]),
        several.map(iter),
        st.dictionaries(st.text(max_size=2), children, max_size=3),
    )


WHOLE = st.one_of(
    npst.arrays(
        npst.array_dtypes(max_size=2),
        npst.array_shapes(min_dims=0, max_dims=4, max_side=3),
    ),
    st.sampled_from(
        [
            sparse.eye_array(3, format="csr"),
            np.zeros((0, 3)),
            np.zeros((3, 0)),
            np.zeros(3, dtype=[("a", float), ("b", int)]),
            pd.DataFrame(),
            pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
            pd.Series([], dtype=float),
            pd.Series(pd.date_range("2020", periods=3)),
            pd.Series(["a", "b", None], dtype="category"),
            pd.Series([1, None, 3], dtype="Int64"),
            np.ma.masked_array(np.ones((3, 2)), np.eye(3, 2) > 0),
            memoryview(b"abc"),
            "oak",
            {1, 2, 3},
        ]
    ),
)


def anything() -> st.SearchStrategy[Any]:
    """Draw an object of any kind: numbers, texts, dates, and containers of such."""
    return st.one_of(ATOMS, WHOLE, st.recursive(ATOMS, _wrapped, max_leaves=8))
