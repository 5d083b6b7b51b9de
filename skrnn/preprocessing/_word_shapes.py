"""WordShapes: the shape of each word as a second token field, for taggers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from skrnn._callbacks import as_one_task
from skrnn._sklearn import Interval, validate_parameter_constraints
from skrnn.data.containers import check_sequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.preprocessing._same_container import SameContainerMixin

COLUMNS = ("word", "shape")
RUN = re.compile(r"(.)\1+", re.DOTALL)


class WordShapes(SameContainerMixin, BaseEstimator):
    """Put the shape of each word beside it, as a second token field.

    In a shape upper-case letters are "X", other letters "x" and digits "d"; other characters
    stay, and long runs are cut. A tagger reads words and shapes as two token fields. Shapes
    are few, so a name outside the training data usually has a shape inside it.

    Parameters
    ----------
    max_run : int or None, default=2
        The longest run of one sign, at least 1. Higher ones distinguish more lengths of
        words, so that there are more shapes, and each is rarer. None keeps all runs.

    See Also
    --------
    WordTokenizer : Split texts into words.
    skrnn.SequenceTagger : Label each step of a sequence.

    Notes
    -----
    Characters are those of Unicode: ``str.isupper``, ``str.isalpha`` and ``str.isdigit``
    decide. Letters without case, as those of Chinese or Arabic, are "x". The signs
    of [1]_ are others, and its runs are cut to one, as by ``max_run=1``.

    With ``lowercase="auto"``, the estimators' default, shapes that differ in case share a
    vector, as words do; the character encoder distinguishes them.

    Tokens other than strings have the shape of ``str(token)``, as the character encoder
    reads them; they stay what they are in "word". The estimators take them with
    ``input_type="tokens"``.

    Nothing is learned: ``transform`` needs no ``fit``. ``set_output`` is ignored, the result
    is always a DataFrame.

    References
    ----------
    .. [1] Collins (2002). Ranking algorithms for named-entity extraction: boosting and the
       voted perceptron. ACL, 489-496.

    Examples
    --------
    >>> from skrnn.preprocessing import WordShapes
    >>> X = [["Ada", "was", "born", "in", "1815"], ["the", "U.S.", "iPhone7"]]
    >>> fields = WordShapes().fit_transform(X)
    >>> fields["shape"].tolist()
    [['Xxx', 'xx', 'xx', 'xx', 'dd'], ['xx', 'X.X.', 'xXxxd']]
    >>> fields.columns.tolist()
    ['word', 'shape']
    """

    _parameter_constraints = {
        "max_run": [Interval(Integral, 1, None, closed="left"), None]
    }

    def __init__(self, *, max_run: int | None = 2):
        self.max_run = max_run

    @as_one_task
    def fit(self, X: Any, y: Any = None) -> WordShapes:
        """Check the parameter and X. Nothing is learned from the words.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences token lists
            Lists of words, a 2-D array with one word a cell, or a frame with one column
            of lists. Sequences may be empty.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            This transformer.

        Raises
        ------
        TypeError
            If X is not a container of token lists, holds texts, or a token is missing.
        ValueError
            If ``max_run`` is less than 1, or X is empty or a frame of several fields.
        """
        self._read(X)
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the words and their shapes.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences token lists
            As in ``fit``.

        Returns
        -------
        X_new : DataFrame of shape (n_sequences, 2)
            Lists of equal length in the columns "word" and "shape". The index is that of
            a Series or DataFrame X.
        """
        tokens = self._read(X)
        words = tokens.values.tolist()
        columns = (words, shapes_of(list(map(str, words)), self.max_run))
        places = list(pairwise(tokens.offsets.tolist()))
        cells = {
            name: object_array([values[start:end] for start, end in places])
            for name, values in zip(COLUMNS, columns, strict=True)
        }
        index = X.index if isinstance(X, pd.Series | pd.DataFrame) else None
        return pd.DataFrame(cells, index)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        feature_names_out : object ndarray of shape (2,)
            "word" and "shape".
        """
        return np.array(COLUMNS, dtype=object)

    def _read(self, X: Any) -> RaggedArray:
        """Return the tokens of X, after the parameter is checked."""
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(), type(self).__name__
        )
        checked = check_sequences(
            X, input_type="tokens", split=_refuse_text, empty="keep", estimator=self
        )
        if checked.form.kind != "tokens":
            raise ValueError(
                f"X has {checked.form.width} columns of fields, expected one column of token "
                "lists; ColumnTransformer reaches one column of several"
            )
        return checked.steps

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = []
        return tags


class _Signs(dict):
    """The sign of each code point, computed when first asked for."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isupper():
            sign = "X"
        elif character.isalpha():
            sign = "x"
        else:
            sign = "d" if character.isdigit() else character
        self[code] = sign
        return sign


def shapes_of(words: Sequence[str], max_run: int | None) -> list[str]:
    """Return the shape of each word; each distinct one is computed once."""
    signs = _Signs()
    shapes = {word: word.translate(signs) for word in set(words)}
    if max_run is not None:
        shapes = {
            word: RUN.sub(lambda run: run[0][:max_run], shape)
            for word, shape in shapes.items()
        }
    return list(map(shapes.__getitem__, words))


def _refuse_text(text: str) -> list[str]:
    raise TypeError(
        "X holds strings, expected token lists, since a tagger's y has one label for each "
        "token. Split them, for example [WordTokenizer().split(text) for text in X]"
    )
