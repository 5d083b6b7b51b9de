"""Readers of common file formats of sequences: text, columns, CoNLL-U and ABC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from numbers import Integral
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_scalar

#: Columns of CoNLL-U, which has ten.
FORM, LABELS, N_COLUMNS = 1, {"upos": 3, "xpos": 4, "deprel": 7}, 10


def read_conll(
    path: Any,
    *,
    token_column: int = 0,
    tag_column: int = -1,
    delimiter: str | None = None,
    comment: str | None = None,
) -> tuple[list[list[str]], list[list[str]]]:
    r"""Read sentences from columns: one token with its tags a line.

    Blank lines separate sentences.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file in which all lines have the same number of columns.
    token_column, tag_column : int, default=0 and -1
        Columns that are read; negative numbers count from the last.
    delimiter : str, default=None
        Separator of columns; None is any run of spaces and tabs.
    comment : str, default=None
        Lines that begin with this are ignored, including lines whose token does.

    Returns
    -------
    X : list of length n_sentences of list of str
        Tokens.
    y : list of length n_sentences of list of str
        Tags.

    Raises
    ------
    ValueError
        If a line does not have the first line's number of columns, if there are too few
        columns for ``token_column`` and ``tag_column``, or if the file is not UTF-8.

    See Also
    --------
    read_conllu : Read CoNLL-U, the format of Universal Dependencies.

    Notes
    -----
    Lines that mark a new document ("-DOCSTART-") are ignored.

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
    first: tuple[int, int] | None = None  # the first line's number and number of columns
    for sentence in _numbered_sentences(path):
        rows = []
        for number, line in sentence:
            if line.startswith("-DOCSTART-") or (comment and line.startswith(comment)):
                continue
            columns = _columns(line, delimiter)
            place = f"{path}, line {number} has {len(columns)} columns"
            if first is None:
                first = number, len(columns)
                if not _are_two_of(len(columns), token_column, tag_column):
                    raise ValueError(
                        f"{place}, too few for token_column={token_column} and "
                        f"tag_column={tag_column}: {line!r}"
                    )
            elif len(columns) != first[1]:
                raise ValueError(
                    f"{place}, expected {first[1]} (as line {first[0]} has): {line!r}"
                )
            rows.append((columns[token_column], columns[tag_column]))
        if rows:
            X.append([token for token, _ in rows])
            y.append([tag for _, tag in rows])
    return X, y


def read_conllu(
    path: Any, *, column: str = "upos"
) -> tuple[list[list[str]], list[list[str]]]:
    r"""Read CoNLL-U, the format of Universal Dependencies: words and a label for each.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file.
    column : {"upos", "xpos", "deprel"}, default="upos"
        Column of the labels: universal parts of speech, parts of speech of the treebank's
        own tag set, or relations to the head.

    Returns
    -------
    X : list of length n_sentences of list of str
        Words as in the text, column FORM.
    y : list of length n_sentences of list of str
        Labels; "_" where the file has none.

    Raises
    ------
    ValueError
        If a line does not have ten columns or does not begin with the number of a word,
        or if the file is not UTF-8.

    Notes
    -----
    Only words are read. Comments, ranges ("1-2 don't", of the words "do" and "n't") and
    the empty nodes of enhanced dependencies ("2.1") are ignored.

    References
    ----------
    Nivre, de Marneffe, Ginter, Hajič, Manning, Pyysalo, Schuster, Tyers, Zeman (2020).
    Universal Dependencies v2: an evergrowing multilingual treebank collection. LREC.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_conllu
    >>> lines = [
    ...     "# text = It's",
    ...     "1-2\tIt's" + 8 * "\t_",
    ...     "1\tIt\tit\tPRON\tPRP\t_\t0\troot\t_\t_",
    ...     "2\t's\tbe\tAUX\tVBZ\t_\t1\tcop\t_\t_",
    ... ]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "small.conllu")
    ...     _ = file.write_text("\n".join(lines), encoding="utf-8")
    ...     read_conllu(file)
    ([['It', "'s"]], [['PRON', 'AUX']])
    """
    if column not in LABELS:
        raise ValueError(f"column must be one of {list(LABELS)}, got {column!r}")
    X: list[list[str]] = []
    y: list[list[str]] = []
    for sentence in _numbered_sentences(path):
        rows: list[list[str]] = []
        for number, line in sentence:
            if line.startswith("#") and not (rows and "\t" in line):
                continue
            columns = line.split("\t")
            if len(columns) != N_COLUMNS:
                raise ValueError(
                    f"{path}, line {number} has {len(columns)} columns, expected "
                    f"{N_COLUMNS} with tabs between: {line!r}"
                )
            if re.fullmatch(r"\d+[-.]\d+", columns[0]):
                continue
            if not re.fullmatch(r"\d+", columns[0]):
                raise ValueError(
                    f"{path}, line {number} begins with {columns[0]!r}, expected the "
                    "number of a word"
                )
            rows.append(columns)
        if rows:
            X.append([row[FORM] for row in rows])
            y.append([row[LABELS[column]] for row in rows])
    return X, y


def _numbered_sentences(path: Any) -> Iterator[list[tuple[int, str]]]:
    """Yield the lines of each sentence, with their numbers in the file."""
    lines = enumerate(read_text(path).split("\n"), start=1)
    for filled, group in groupby(lines, key=lambda numbered: bool(numbered[1].strip())):
        if filled:
            yield list(group)


def _columns(line: str, delimiter: str | None) -> list[str]:
    """Return a line's columns; only spaces and tabs separate them by default."""
    if delimiter is None:
        return re.split(r"[ \t]+", line.strip(" \t"))
    return line.split(delimiter)


def _are_two_of(n_columns: int, token_column: int, tag_column: int) -> bool:
    """Return whether both columns exist and differ; one number twice is intended."""
    token, tag = (c + n_columns if c < 0 else c for c in (token_column, tag_column))
    exist = 0 <= token < n_columns and 0 <= tag < n_columns
    return exist and (token != tag or token_column == tag_column)


def read_text(path: Any) -> str:
    r"""Read a text file, for example a book, as one string.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file. A byte order mark at its beginning is removed.

    Returns
    -------
    text : str
        The text, with "\n" at the end of lines, whatever the file has.

    Raises
    ------
    ValueError
        If the file is not UTF-8; the byte is named.

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
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        ) from error
    text = text.removeprefix("\ufeff")  # "utf-8-sig" would miscount the bytes in errors
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: Any) -> list[str]:
    r"""Read a text file as one sequence a line, without blank lines.

    Parameters
    ----------
    path : str or path-like
        A UTF-8 file.

    Returns
    -------
    lines : list of str
        The lines, without line ends.

    Raises
    ------
    ValueError
        If the file is not UTF-8; the byte is named.

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
        A UTF-8 file of tunes. A tune begins with a line "X:" and ends at a blank line.

    Returns
    -------
    tunes : list of str
        Header and notes of each tune, lines joined by newlines.

    Raises
    ------
    ValueError
        If the file is not UTF-8, or has no tune.

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
