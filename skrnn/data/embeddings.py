"""Pre-trained vectors: the ``embeddings`` that users pass, checked and looked up.

This file knows the containers of vectors. Which tokens are looked up, and what an id of a
token without a vector means, belongs to the codec of X.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Container, Hashable, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.steps import shown, to_array
from skrnn.data.values import REAL, read_numbers

EXPECTED = (
    "must map tokens to vectors (a dict, gensim's KeyedVectors or a DataFrame indexed by "
    "token)"
)


#: Larger numbers overflow in the network that reads them.
MAX_VALUE = 1e18


class _Table(Protocol):
    """The two operations that every container of vectors has."""

    def __contains__(self, key: Any, /) -> bool: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def check_embeddings(
    embeddings: Any, name: str = "embeddings"
) -> PretrainedVectors | None:
    """Return the vectors that a user passed, ready to be looked up.

    Parameters
    ----------
    embeddings : mapping, KeyedVectors, DataFrame, Series or None
        A mapping or a Series from token to vector; gensim's ``KeyedVectors``, those of
        FastText included; a DataFrame whose index holds the tokens and whose columns are
        the dimensions. The vectors are neither copied nor all checked, so that the check
        is quick however many there are.
    name : str, default="embeddings"
        The parameter's name, for messages.

    Returns
    -------
    vectors : PretrainedVectors or None
        None if ``embeddings`` is None.

    Raises
    ------
    TypeError
        If ``embeddings`` is of another type; the message says what to pass instead.
    ValueError
        If it is empty, if a DataFrame has a column that is not numeric, or if
        its index or a Series' index has a token twice.
    """
    if embeddings is None:
        return None
    if isinstance(embeddings, pd.DataFrame):
        frame_rows = _FrameRows(embeddings, name)
        return PretrainedVectors(frame_rows, frame_rows, len(embeddings), name)
    if isinstance(embeddings, pd.Series):
        series_rows = _SeriesRows(embeddings, name)
        return PretrainedVectors(series_rows, series_rows, len(embeddings), name)
    keys = getattr(embeddings, "key_to_index", None)
    if isinstance(keys, Mapping) and hasattr(embeddings, "__getitem__"):
        return PretrainedVectors(keys, embeddings, len(keys), name)
    if isinstance(embeddings, Mapping):
        return PretrainedVectors(embeddings, embeddings, len(embeddings), name)
    raise TypeError(f"{name} {EXPECTED}, got {_describe(embeddings)}")


class PretrainedVectors:
    """Vectors of one size, looked up by token.

    Parameters
    ----------
    keys : mapping
        The tokens that have a vector of their own.
    table : object with ``__contains__`` and ``__getitem__``
        Gives the vectors. Where it is not ``keys`` itself, it may know more tokens:
        FastText composes the vector of any word of its character n-grams.
    n_vectors : int
        The number of keys.
    name : str, default="embeddings"
        The parameter's name, for messages.

    Attributes
    ----------
    dim : int
        The size of a vector: that of the first one.
    """

    def __init__(
        self,
        keys: Container[Hashable],
        table: _Table,
        n_vectors: int,
        name: str = "embeddings",
    ):
        if not n_vectors:
            raise ValueError(f"{name} has no vectors")
        self._keys = keys
        self._table = table
        self._n_vectors = n_vectors
        self._name = name
        self.dim = self._find_dim()

    def __len__(self) -> int:
        return self._n_vectors

    def lookup(
        self, token: Hashable, lowercase: bool
    ) -> tuple[Hashable, NDArray[np.float32] | None]:
        """Return the key under which a token is found, and its vector.

        Exact keys are tried first: the token as it is, then, with ``lowercase``, in
        lower case, Capitalised, in Title Case and in UPPER CASE, each as it is, then in
        Unicode's forms NFC and NFD. Only if none of them is a key, a table that composes
        vectors is asked for the token. Tokens that are not
        strings are found by an exact key or not at all: gensim would read an integer as
        a position.

        Parameters
        ----------
        token : hashable
            The token as X has it; a cased form finds its own vector before that of
            the lower-cased one.
        lowercase : bool
            Whether tokens that differ in case only count as one.

        Returns
        -------
        key : hashable
            The key of the vector; the token itself if there is none.
        vector : float32 ndarray of shape (dim,) or None
            None if the token has no vector.

        Raises
        ------
        ValueError
            If the vector has another size than ``dim``, or is not finite.
        """
        for key in _forms(token, lowercase):
            if key in self._keys:
                return key, self._read(key)
        composes = self._table is not self._keys and isinstance(token, str)
        if composes and token in self._table:
            return token, self._read(token)
        return token, None

    def _find_dim(self) -> int:
        size = getattr(self._table, "vector_size", None)
        if size is None:
            first = next(iter(self._keys))  # type: ignore[call-overload]
            size = len(self._convert(first))
        return int(size)

    def _read(self, key: Hashable) -> NDArray[np.float32]:
        vector = self._convert(key)
        place = f"{self._name}[{shown(key)}]"
        if len(vector) != self.dim:
            raise ValueError(
                f"{place} has {len(vector)} values, expected {self.dim}, as the first "
                "vector has"
            )
        if not (np.abs(vector) <= MAX_VALUE).all():
            raise ValueError(
                f"{place} is not finite in float32, or holds a number beyond {MAX_VALUE:.0e}"
            )
        return vector

    def _convert(self, key: Hashable) -> NDArray[np.float32]:
        """Return the float32 vector of a key that exists."""
        place = f"{self._name}[{shown(key)}]"
        value = self._table[key]
        try:
            vector = to_array(value)
            if vector.dtype.kind not in REAL:
                vector = read_numbers(vector, place)
            with np.errstate(over="ignore"):
                vector = vector.astype(np.float32, copy=False)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{place} has type {type(value).__name__}, expected a vector of numbers: "
                f"{str(error)[:200]}"
            ) from error
        if vector.ndim != 1 or not len(vector):
            raise ValueError(
                f"{place} has shape {vector.shape}, expected a vector (dim,)"
            )
        return vector


class _FrameRows:
    """The rows of a DataFrame, by the tokens of its index."""

    def __init__(self, frame: pd.DataFrame, name: str):
        for column, dtype in frame.dtypes.items():
            if not pd.api.types.is_numeric_dtype(dtype):
                raise ValueError(
                    f"{name} has column {shown(column)} of {dtype}, expected numbers only; if "
                    f"it holds the tokens, pass {name}.set_index({shown(column)})"
                )
        _check_unique(frame.index, name)
        self._index = frame.index
        values = frame.to_numpy()  # no copy if all columns have one dtype
        if values.dtype == object:  # pandas' nullable numbers
            values = frame.to_numpy(dtype=np.float32, na_value=np.nan)
        self._values = values

    def __contains__(self, key: Any) -> bool:
        return key in self._index

    def __iter__(self) -> Any:
        return iter(self._index)

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._index.get_loc(key)]


class _SeriesRows:
    """The elements of a Series, each a vector, by the tokens of its index."""

    def __init__(self, series: pd.Series, name: str):
        _check_unique(series.index, name)
        self._index = series.index
        self._values = series.to_numpy()

    def __contains__(self, key: Any) -> bool:
        return key in self._index

    def __iter__(self) -> Any:
        return iter(self._index)

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._index.get_loc(key)]


def _check_unique(index: pd.Index, name: str) -> None:
    if not index.is_unique:
        token = index[index.duplicated()][0]
        raise ValueError(f"the index of {name} has {shown(token)} more than once")


def _forms(token: Hashable, lowercase: bool) -> list[Hashable]:
    """Return the keys under which a token is looked up, in order."""
    if not isinstance(token, str):
        return [token]
    forms = [token]
    if lowercase:
        forms += [token.lower(), token.capitalize(), token.title(), token.upper()]
    if not token.isascii():
        forms = [
            key
            for form in forms
            for key in (form, *(unicodedata.normalize(f, form) for f in ("NFC", "NFD")))
        ]
    return list(dict.fromkeys(forms))


def _describe(embeddings: Any) -> str:
    """Return the type of what is not a mapping, and the remedy."""
    kind = type(embeddings).__name__
    if isinstance(embeddings, str | os.PathLike):
        return (
            f"{shown(embeddings)}; skrnn.datasets.read_vectors reads a text file of GloVe or "
            "word2vec"
        )
    if hasattr(embeddings, "wv"):
        return f"a model of type {kind}; its vectors are its attribute wv"
    if getattr(embeddings, "ndim", None) == 2:
        return f"a matrix ({kind}), which has no tokens; pass dict(zip(tokens, matrix))"
    if isinstance(embeddings, list | tuple | zip):
        return f"{kind}; pairs of token and vector become a mapping by dict(pairs)"
    return kind
