"""Readers of the file formats in which sequences come."""

from __future__ import annotations

import json
from numbers import Integral
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_scalar


def read_conll(
    path: Any,
    *,
    token_column: int = 0,
    tag_column: int = -1,
    delimiter: str | None = None,
    comment: str | None = None,
) -> tuple[list[list[str]], list[list[str]]]:
    r"""Read sentences in columns: a token and its tags a line, a blank line between.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file.
    token_column, tag_column : int, default=0 and -1
        Which columns are read; negative ones count from the last.
    delimiter : str, default=None
        What stands between columns; None is any run of spaces and tabs.
    comment : str, default=None
        Lines that begin with this are left out ("#" in CoNLL-U files).

    Returns
    -------
    X : list of n_sentences lists of str
        Tokens.
    y : list of n_sentences lists of str
        Tags.

    Raises
    ------
    ValueError
        If a line has too few columns, or the file is no UTF-8.

    Notes
    -----
    Lines that mark a new document ("-DOCSTART-") are left out.

    References
    ----------
    Tjong Kim Sang, De Meulder (2003). Introduction to the CoNLL-2003 shared task:
    language-independent named entity recognition. CoNLL, section 2.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_conll
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "small.conll")
    ...     _ = file.write_text("Ada\tB-PER\nsmiles\tO\n\nHi\tO\n", encoding="utf-8")
    ...     read_conll(file)
    ([['Ada', 'smiles'], ['Hi']], [['B-PER', 'O'], ['O']])
    """
    check_scalar(token_column, "token_column", Integral)
    check_scalar(tag_column, "tag_column", Integral)
    X: list[list[str]] = []
    y: list[list[str]] = []
    inside = False
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            inside = False
            continue
        if comment is not None and line.startswith(comment):
            continue
        if line.startswith("-DOCSTART-"):
            continue
        columns = line.split(delimiter)
        try:
            token, tag = columns[token_column], columns[tag_column]
        except IndexError:
            raise ValueError(
                f"{path}, line {number} has {len(columns)} columns, too few for "
                f"token_column={token_column} and tag_column={tag_column}: {line!r}"
            ) from None
        if not inside:
            X.append([])
            y.append([])
            inside = True
        X[-1].append(token)
        y[-1].append(tag)
    return X, y


def read_text(path: Any) -> str:
    r"""Read a text, for example a book, as one string.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file. A byte order mark at its beginning is left out.

    Returns
    -------
    text : str
        The text, every line end a newline, whatever the file has.

    Raises
    ------
    ValueError
        If the file is no UTF-8; the byte is named.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "book.txt")
    ...     _ = file.write_bytes(b"One.\r\nTwo.\n")
    ...     read_text(file)
    'One.\nTwo.\n'
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: Any) -> list[str]:
    r"""Read a text as one sequence for each line; empty lines are left out.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file.

    Returns
    -------
    lines : list of str
        The lines without their ends.

    Raises
    ------
    ValueError
        If the file is no UTF-8; the byte is named.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_lines
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "names.txt")
    ...     _ = file.write_text("Ada\n\nBob\n", encoding="utf-8")
    ...     read_lines(file)
    ['Ada', 'Bob']
    """
    return [line for line in read_text(path).split("\n") if line.strip()]


def read_abc(path: Any) -> list[str]:
    r"""Read tunes in ABC notation, each as one string.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file of tunes; a tune begins with a line "X:" and ends at a blank line.

    Returns
    -------
    tunes : list of str
        Header and notes of each tune, lines joined by newlines.

    Raises
    ------
    ValueError
        If the file is no UTF-8, or has no tune.

    References
    ----------
    The ABC music standard 2.1 (2011), section 2.2.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_abc
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "tunes.abc")
    ...     _ = file.write_text("X:1\nK:C\nCDE|\n\nX:2\nK:G\nGAB|\n", encoding="utf-8")
    ...     read_abc(file)
    ['X:1\nK:C\nCDE|', 'X:2\nK:G\nGAB|']
    """
    tunes: list[list[str]] = []
    inside = False
    for line in read_text(path).split("\n"):
        if line.startswith("X:"):
            tunes.append([])
            inside = True
        elif not line.strip():
            inside = False
        if inside:
            tunes[-1].append(line.rstrip())
    if not tunes:
        raise ValueError(f'{path} has no tune: no line begins with "X:"')
    return ["\n".join(tune) for tune in tunes]


def read_pitches(path: Any) -> list[list[list[int]]]:
    r"""Read pieces of music as lists of the pitches that sound at each step.

    Parameters
    ----------
    path : str or path-like
        A file of JSON lines: each line is a piece, a list of steps, each a list of MIDI
        pitches from 0 to 127 (60 is middle C). A step may be silent.

    Returns
    -------
    pieces : list of n_pieces lists of steps
        As in the file.

    Raises
    ------
    ValueError
        If a line is no JSON, or no list of lists of pitches; the line is named.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_pitches
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "chords.jsonl")
    ...     _ = file.write_text("[[60, 64], []]\n[[62]]\n", encoding="utf-8")
    ...     read_pitches(file)
    [[[60, 64], []], [[62]]]
    """
    pieces = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            piece = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number} is no JSON: {error}") from error
        if not isinstance(piece, list) or not all(map(_is_chord, piece)):
            raise ValueError(
                f"{path}, line {number} is no list of lists of pitches from 0 to 127"
            )
        pieces.append(piece)
    return pieces


def _is_chord(step: object) -> bool:
    return isinstance(step, list) and all(
        type(pitch) is int and 0 <= pitch <= 127 for pitch in step
    )
