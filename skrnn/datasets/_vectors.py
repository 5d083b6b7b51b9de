"""Reads text files of pre-trained vectors: GloVe, word2vec and fastText (.vec)."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def read_vectors(
    path: Any, *, tokens: Iterable[str] | None = None, dtype: Any = np.float32
) -> pd.DataFrame:
    r"""Read pre-trained vectors from a text file, ready to be passed as ``embeddings``.

    A line holds a token and the numbers of its vector, separated by single spaces. A
    first line of two numbers, the count and size of the vectors in files of word2vec
    and fastText, is recognised as a header.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file; one that ends in ".gz" is decompressed while it is read.
    tokens : iterable of str, default=None
        Only vectors of these tokens are kept, in whatever case the file has them. The
        file is read line by line, so that memory grows with the vectors kept. None keeps
        all.
    dtype : dtype, default=np.float32
        The floating-point type of the vectors.

    Returns
    -------
    vectors : DataFrame of shape (n_tokens, dim)
        Its index holds the tokens in the order of the file, named "token". Of a token
        that the file has more than once, the first vector is kept.

    Raises
    ------
    ValueError
        If a line does not have as many numbers as the others, if one is not finite, if a
        line is not UTF-8 (the line is named), if the file has fewer or more vectors than
        its header says, or if it has none.
    TypeError
        If ``tokens`` is a string or ``dtype`` is not a floating-point type.

    Notes
    -----
    A token may contain spaces, as some in the GloVe vectors of 840 billion words do: the
    last ``dim`` columns are the vector. Without a header, the first line decides on
    ``dim`` and its token must have no space.

    References
    ----------
    Pennington, Socher, Manning (2014). GloVe: Global vectors for word representation.
    EMNLP, 1532-1543.

    Mikolov, Chen, Corrado, Dean (2013). Efficient estimation of word representations in
    vector space. arXiv:1301.3781.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_vectors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "small.txt")
    ...     _ = file.write_text("the 0.5 0.25\nRome 1 -1\nof 0 2\n", encoding="utf-8")
    ...     read_vectors(file, tokens=["the", "rome"])
             0     1
    token
    the    0.5  0.25
    Rome   1.0 -1.00
    """
    dtype = np.dtype(dtype)
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"dtype must be a floating-point type, got {dtype}")
    if isinstance(tokens, str):
        raise TypeError(
            f"tokens must be an iterable of tokens, got the string {tokens!r}"
        )
    wanted = None if tokens is None else {str(token).casefold() for token in tokens}
    kept: dict[str, int] = {}
    values = (
        bytearray()
    )  # grows in place, unlike a list of rows that is stacked at the end
    header: tuple[int, int] | None = None
    dim = n_lines = 0
    for number, line in _numbered_lines(path):
        if number == 1:
            header = _read_header(line)
            if header is not None:
                dim = header[1]
                continue
        n_lines += 1
        dim = dim or line.count(b" ")
        columns = line.rsplit(b" ", dim)
        place = f"{path}, line {number}"
        if dim == 0 or len(columns) != dim + 1:
            raise ValueError(
                f"{place} has {len(columns)} columns, expected a token and "
                f"{dim or 'its'} numbers: {_shorten(line)}{_advise(path)}"
            )
        token = _decode(columns[0], path, number)
        if token in kept or (wanted is not None and token.casefold() not in wanted):
            continue
        values += _read_numbers(columns[1:], dtype, f"{place} ({token!r})").tobytes()
        kept[token] = len(kept)
    if header is not None and header[0] != n_lines:
        raise ValueError(
            f"{path} has {n_lines} vectors, but its header says {header[0]}; is the file "
            "incomplete?"
        )
    if not n_lines:
        raise ValueError(f"{path} has no vectors")
    matrix = np.frombuffer(values, dtype).reshape(len(kept), dim)
    return pd.DataFrame(matrix, index=pd.Index(list(kept), dtype=object, name="token"))


def _numbered_lines(path: Any) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, without their ends, and their numbers."""
    path = Path(path)
    # Bytes: text mode would take other characters, parts of tokens, for ends of lines.
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            line = line.rstrip(b"\r\n ")  # word2vec ends its lines in a space
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line:
                yield number, line


def _read_header(line: bytes) -> tuple[int, int] | None:
    """Return count and size if the first line holds nothing but two whole numbers."""
    columns = line.split(b" ")
    if len(columns) == 2 and all(column.isdigit() for column in columns):
        return int(columns[0]), int(columns[1])
    return None


def _decode(token: bytes, path: Any, number: int) -> str:
    try:
        return token.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}, line {number} is not UTF-8: {_shorten(token)}{_advise(path)}"
        ) from error


def _read_numbers(columns: list[bytes], dtype: np.dtype, place: str) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            vector = np.array([float(column) for column in columns]).astype(dtype)
    except ValueError as error:
        raise ValueError(f"{place} has a value that is not a number: {error}") from error
    if not np.isfinite(vector).all():
        raise ValueError(f"{place} has a value that is not finite in {dtype}")
    return vector


def _shorten(line: bytes) -> str:
    text = line[:40].decode("utf-8", errors="backslashreplace")
    return repr(text + ("..." if len(line) > 40 else ""))


def _advise(path: Any) -> str:
    """Return a remedy for files that are not text."""
    suffix = Path(path).suffix
    if suffix == ".zip":
        return " (unpack the archive first)"
    if suffix == ".bin":
        return (
            " (a binary file; gensim's KeyedVectors.load_word2vec_format(path, "
            "binary=True) reads it)"
        )
    return ""
