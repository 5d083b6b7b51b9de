"""Readers of the file formats in which sequences come."""

from __future__ import annotations

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
    """Return a UTF-8 file's text, every line end a newline.

    Raises
    ------
    ValueError
        If the file is no UTF-8; the byte is named.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
