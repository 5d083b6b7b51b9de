"""Before the network: scikit-learn's transformers on every step, frames and windows.

This file owns ``StepwiseTransformer``. Unlike an estimator's X, what it takes may be
float64, hold NaN, or have dicts for steps: the inner transformer decides about that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from skrnn._sklearn import (
    check_feature_names,
    check_feature_names_in,
    check_sample_weight,
)
from skrnn.data.containers import CheckedSequences, Form, check_same_form
from skrnn.data.frames import sequences_from_frame, sliding_windows
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import check_length

__all__ = ["StepwiseTransformer", "sequences_from_frame", "sliding_windows"]


def _inner_has(method: str) -> Callable[[StepwiseTransformer], bool]:
    def check(self: StepwiseTransformer) -> bool:
        return hasattr(getattr(self, "transformer_", self.transformer), method)

    return check


class StepwiseTransformer(  # type: ignore[call-arg]
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Apply a scikit-learn transformer to every step of sequences.

    The transformer is fitted on the steps of all sequences together. The sequences come
    back in the container that they came in: a list of arrays, an object array, a Series
    with the same index, a 3-D array, a 2-D array or frame.

    Parameters
    ----------
    transformer : transformer
        What is fitted to the steps, for example ``StandardScaler()``, ``PCA()``,
        ``SimpleImputer()``, ``DictVectorizer()`` or a Pipeline of them. It is cloned.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Columns of a 2-D X, else features of a step; absent where steps are no arrays.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a 2-D frame, or its sequences were frames, with string
        names.

    See Also
    --------
    sequences_from_frame : Group the rows of a long frame into sequences.

    Notes
    -----
    The rows of a 2-D array or frame are series of one feature, as for the recurrent
    estimators: all columns share one mean in a StandardScaler. If the transformer makes
    more than one feature of it, the result is 3-D. Sequences that are 1-D stay 1-D as
    long as a step has one feature.

    Where steps are dicts, or the transformer takes no 2-D arrays (``CountVectorizer``,
    ``MultiLabelBinarizer``), it gets the list of all steps.

    A setting of ``set_output`` would make frames of 2-D results. Sequences fit in no
    frame, so it is ignored here and kept from the inner transformer. Sparse results are
    made dense.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skrnn.preprocessing import StepwiseTransformer
    >>> X = [np.array([[0.0, 10.0], [2.0, 30.0]]), np.array([[4.0, 50.0]])]
    >>> scaled = StepwiseTransformer(StandardScaler()).fit_transform(X)
    >>> [sequence.round(2).tolist() for sequence in scaled]
    [[[-1.22, -1.22], [0.0, 0.0]], [[1.22, 1.22]]]

    Steps may be dicts:

    >>> from sklearn.feature_extraction import DictVectorizer
    >>> X = [
    ...     [{"note": "c", "beats": 1}, {"note": "e", "beats": 2}],
    ...     [{"note": "c", "beats": 4}],
    ... ]
    >>> stepwise = StepwiseTransformer(DictVectorizer()).fit(X)
    >>> stepwise.transform(X)[1].tolist()
    [[4.0, 1.0, 0.0]]
    >>> stepwise.get_feature_names_out().tolist()
    ['beats', 'note=c', 'note=e']
    """

    _form: Form

    def __init__(self, transformer: Any):
        self.transformer = transformer

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> StepwiseTransformer:
        """Fit the transformer on all steps.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Arrays ``(n_steps_i, n_features)`` or 1-D arrays, lists of dicts, frames, a
            3-D array, or a 2-D array or frame whose rows are univariate series.
        y : array-like of shape (n_sequences,), default=None
            Labels or numbers. Each step gets its sequence's, for transformers that look
            at y (``SelectKBest``, ``LinearDiscriminantAnalysis``). A y of another form
            is not handed on.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence, which each of its steps gets.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        TypeError
            If X is no container of sequences.
        ValueError
            If X is empty, has an empty sequence of numbers, or unequal feature counts.
        """
        opened = self._open(X, reset=True)
        self._fit_inner("fit", opened, y, sample_weight)
        return self

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the transformer on all steps and return the sequences transformed.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            As in ``fit``.
        y : array-like of shape (n_sequences,), default=None
            As in ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            As in ``fit``.

        Returns
        -------
        X_new : container of X
            Sequences of arrays ``(n_steps_i, n_features_out)``.
        """
        opened = self._open(X, reset=True)
        if not hasattr(_clone_inner(self.transformer), "fit_transform"):
            self._fit_inner("fit", opened, y, sample_weight)
            return self._apply("transform", opened)
        return opened.close(self._fit_inner("fit_transform", opened, y, sample_weight))

    def transform(self, X: Any) -> Any:
        """Transform every step.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            As in ``fit``.

        Returns
        -------
        X_new : container of X
            Sequences of arrays ``(n_steps_i, n_features_out)``.
        """
        check_is_fitted(self)
        return self._apply("transform", self._open(X, reset=False))

    @available_if(_inner_has("inverse_transform"))
    def inverse_transform(self, X: Any) -> Any:
        """Bring transformed steps back.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            What ``transform`` gave.

        Returns
        -------
        X_original : container of X
            The sequences as they were, as far as the transformer can tell.
        """
        check_is_fitted(self)
        opened = _open(X, flat=False, may_be_empty=True, estimator=self)
        return self._apply("inverse_transform", opened)

    @available_if(_inner_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the features of a transformed step.

        After a fit on 2-D X whose transformed steps have one feature, X keeps its columns:
        then these are their names.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features before. None takes ``feature_names_in_``, or ``x0``,
            ``x1``, ...

        Returns
        -------
        feature_names_out : object ndarray of shape (n_features_out,)
            The names.
        """
        check_is_fitted(self)
        if self._form.container == "columns":
            columns = check_feature_names_in(self, input_features)
            names = self.transformer_.get_feature_names_out()
            return columns if len(names) == 1 else names
        return self.transformer_.get_feature_names_out(input_features)

    def set_output(self, *, transform: str | None = None) -> StepwiseTransformer:
        """Do nothing: sequences come back in the container that they came in.

        It exists so that a Pipeline with this step can be told to give out frames.

        Parameters
        ----------
        transform : str, default=None
            Ignored.

        Returns
        -------
        self : object
            This transformer.
        """
        return self

    def _open(self, X: Any, *, reset: bool) -> _Opened:
        fitting = _clone_inner(self.transformer) if reset else self.transformer_
        flat = not _takes_arrays(fitting)
        opened = _open(X, flat=flat, may_be_empty=flat, estimator=self)
        if reset and not len(opened.values):
            raise ValueError("X has no steps: all its sequences are empty")
        if not reset:
            check_same_form(opened.checked, self._form, estimator=self)
        if reset or opened.named is not None:
            check_feature_names(self, opened.named, reset=reset)
        if reset:
            self._form = opened.checked.form
            self.__dict__.pop("n_features_in_", None)
            if self._form.width is not None:
                self.n_features_in_ = self._form.width
        return opened

    def _fit_inner(self, method: str, opened: _Opened, y: Any, sample_weight: Any) -> Any:
        lengths = opened.checked.steps.lengths
        arguments = {}
        if y is not None:
            check_length(y, len(lengths))
            if (labels := _one_dimensional(y)) is not None:
                arguments["y"] = np.repeat(labels, lengths, axis=0)
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, np.empty((len(lengths), 1)))
            arguments["sample_weight"] = np.repeat(weight, lengths)
        self.transformer_ = _clone_inner(self.transformer)
        with config_context(transform_output="default"):
            return getattr(self.transformer_, method)(opened.values, **arguments)

    def _apply(self, method: str, opened: _Opened) -> Any:
        with config_context(transform_output="default"):
            return opened.close(getattr(self.transformer_, method)(opened.values))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "transformer_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(_clone_inner(self.transformer))
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.positive_only = inner.input_tags.positive_only
        tags.target_tags.required = inner.target_tags.required
        tags.non_deterministic = inner.non_deterministic
        if inner.transformer_tags is not None and tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = inner.transformer_tags.preserves_dtype
        return tags


def _clone_inner(transformer: Any) -> Any:
    """Return an unfitted copy, of "passthrough" a transformer that does nothing."""
    if isinstance(transformer, str) and transformer == "passthrough":
        return FunctionTransformer(feature_names_out="one-to-one")
    if isinstance(transformer, type) or not hasattr(transformer, "fit"):
        raise TypeError(
            f'transformer must be a scikit-learn transformer or "passthrough", got '
            f"{transformer!r}"
        )
    return clone(transformer)


def _takes_arrays(transformer: Any) -> bool:
    """Tell whether a transformer takes 2-D arrays, and not a list of strings or sets."""
    while isinstance(transformer, Pipeline):
        transformer = transformer.steps[0][1]
    return transformer == "passthrough" or get_tags(transformer).input_tags.two_d_array


def _one_dimensional(y: Any) -> NDArray | None:
    """Return y as a 1-D array if it has one label or number for each sequence."""
    if isinstance(y, list | tuple) and any(
        hasattr(label, "__len__") and not isinstance(label, str) for label in y
    ):
        return None
    labels = np.asarray(y)
    return labels if labels.ndim == 1 else None


# --- containers: opened to flat steps, closed again ----------------------------------


class _Opened(NamedTuple):
    """The steps of X, and the way back.

    ``values`` is what the inner transformer gets: an array or a frame ``(total_steps,
    n_features)``, or a list of steps. ``named`` is what may have feature names.
    """

    checked: CheckedSequences
    values: Any
    rebuild: Callable[[RaggedArray], Any]
    named: Any = None

    def close(self, result: Any) -> Any:
        """Return the transformed steps in the container that X came in."""
        if issparse(result):
            result = result.toarray()
        values = object_array(result) if isinstance(result, list) else np.asarray(result)
        if len(values) != len(self.checked.steps.values):
            raise ValueError(
                f"the transformer gave {len(values)} rows for "
                f"{len(self.checked.steps.values)} steps; it must keep every step"
            )
        return self.rebuild(self.checked.steps.with_values(values))


def _open(X: Any, *, flat: bool, may_be_empty: bool, estimator: object) -> _Opened:
    """Return any accepted X as flat steps.

    ``flat`` wants a list of them; ``may_be_empty`` allows sequences without steps.
    """
    if issparse(X):
        check_array(X, estimator=estimator, input_name="X")  # raises for sparse X
    if isinstance(X, str | bytes | Mapping):
        raise TypeError(
            f"X must be a list of sequences, an array, a Series or a DataFrame, got "
            f"{type(X).__name__}"
        )
    if isinstance(X, pd.DataFrame) and X.shape == (len(X), 1) and len(X):
        first = X.iloc[0, 0]
        if isinstance(first, list | tuple | pd.DataFrame) or np.ndim(first) > 0:
            opened = _open(
                X.iloc[:, 0], flat=flat, may_be_empty=may_be_empty, estimator=estimator
            )
            return opened._replace(rebuild=lambda r: opened.rebuild(r).to_frame())
    if isinstance(X, pd.Series) and not pd.api.types.is_numeric_dtype(X.dtype):
        index, name = X.index, X.name
        return _open_sequences(
            X.tolist(),
            lambda sequences: pd.Series(object_array(sequences), index=index, name=name),
            flat=flat,
            may_be_empty=may_be_empty,
        )
    if isinstance(X, list | tuple):
        return _open_sequences(list(X), type(X), flat=flat, may_be_empty=may_be_empty)
    if not hasattr(X, "__array__"):
        raise TypeError(
            f"X must be a list of sequences, an array, a Series or a DataFrame, got "
            f"{type(X).__name__}"
        )
    array = np.asarray(X)
    if array.ndim == 1 and array.dtype == object:
        return _open_sequences(
            list(array), object_array, flat=flat, may_be_empty=may_be_empty
        )
    if array.ndim < 3:
        return _open_columns(X, array, estimator)
    return _open_stacked(array)


def _open_columns(X: Any, array: NDArray, estimator: object) -> _Opened:
    """Rows are univariate series, one column a step."""
    values = check_array(
        X,
        dtype=None if array.dtype.kind in "UT" else "numeric",
        ensure_all_finite=False,
        estimator=estimator,
        input_name="X",
    )
    n_sequences, n_steps = values.shape
    index, columns = getattr(X, "index", None), getattr(X, "columns", None)

    def rebuild(steps: RaggedArray) -> Any:
        values = steps.values.reshape(n_sequences, n_steps, -1)
        if values.shape[2] > 1:
            return values
        if isinstance(X, pd.DataFrame):
            return pd.DataFrame(values[:, :, 0], index=index, columns=columns)
        return values[:, :, 0]

    steps = RaggedArray.from_lengths(values.reshape(-1, 1), np.full(n_sequences, n_steps))
    form = Form("numeric", "columns", n_steps)
    return _Opened(CheckedSequences(steps, form), steps.values, rebuild, X)


def _open_stacked(array: NDArray) -> _Opened:
    """A 3-D array, or more dimensions whose steps are flattened."""
    if 0 in array.shape:
        raise ValueError(f"X has shape {array.shape}, every dimension must be at least 1")
    n_sequences, n_steps = array.shape[:2]
    steps = RaggedArray.from_lengths(
        array.reshape(n_sequences * n_steps, -1), np.full(n_sequences, n_steps)
    )
    form = Form("numeric", "array", steps.values.shape[1])
    return _Opened(
        CheckedSequences(steps, form),
        steps.values,
        lambda steps: steps.values.reshape(n_sequences, n_steps, -1),
    )


def _open_sequences(
    sequences: list, rebuild: Callable[[list], Any], *, flat: bool, may_be_empty: bool
) -> _Opened:
    """Sequences of any length, one by one."""
    if not sequences:
        raise ValueError("X has 0 sequences, at least 1 is required")
    is_frame = any(isinstance(sequence, pd.DataFrame) for sequence in sequences)
    for i, sequence in enumerate(sequences):
        if isinstance(sequence, str | bytes | Mapping) or not hasattr(
            sequence, "__len__"
        ):
            raise TypeError(
                f"X[{i}] is {type(sequence).__name__}, expected a sequence of steps"
            )
        if len(sequence) == 0 and (is_frame or not may_be_empty):
            raise ValueError(f"X[{i}] has no steps, every sequence needs at least one")
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    if is_frame:
        return _open_frames(sequences, lengths, rebuild)
    if flat or isinstance(next(chain.from_iterable(sequences), None), Mapping):
        values = list(chain.from_iterable(sequences))
        steps = RaggedArray.from_lengths(object_array(values), lengths)
        checked = CheckedSequences(steps, Form("tokens", "list", None))
        return _Opened(checked, values, lambda steps: rebuild(list(steps)))
    arrays = [_as_array(sequence, i) for i, sequence in enumerate(sequences)]
    first = int(np.argmax(lengths > 0))
    width = int(np.prod(arrays[first].shape[1:]))
    for i, array in enumerate(arrays):
        if not len(array) and array.ndim == 1:
            arrays[i] = np.zeros((0, width), arrays[first].dtype)
        elif np.prod(array.shape[1:]) != width:
            raise ValueError(
                f"X[{i}] has {int(np.prod(array.shape[1:]))} features, expected {width} "
                f"(as X[{first}] has)"
            )
    steps = RaggedArray.from_sequences(
        [array.reshape(len(array), width) for array in arrays]
    )
    one_dimensional = all(array.ndim == 1 for array in arrays)

    def split(steps: RaggedArray) -> Any:
        if steps.values.ndim == 1 and steps.values.dtype == object:  # dicts brought back
            return rebuild([sequence.tolist() for sequence in steps])
        if one_dimensional and steps.values.ndim == 2 and steps.values.shape[1] == 1:
            steps = steps.with_values(steps.values[:, 0])
        return rebuild(list(steps))

    checked = CheckedSequences(steps, Form("numeric", "list", width))
    return _Opened(checked, steps.values, split)


def _open_frames(
    frames: list, lengths: NDArray[np.int64], rebuild: Callable[[list], Any]
) -> _Opened:
    """Sequences that are frames, one row a step: columns may be of different types."""
    for i, frame in enumerate(frames):
        columns = getattr(frame, "columns", None)
        if columns is None or not columns.equals(frames[0].columns):
            raise ValueError(
                f"X[{i}] has the columns {None if columns is None else columns.tolist()},"
                f" expected {frames[0].columns.tolist()} (as X[0] has)"
            )
    values = pd.concat(frames, ignore_index=True)
    rows = RaggedArray.from_lengths(np.arange(len(values)), lengths)
    checked = CheckedSequences(rows, Form("numeric", "list", values.shape[1]))
    return _Opened(checked, values, lambda steps: rebuild(list(steps)), values)


def _as_array(sequence: Any, i: int) -> NDArray:
    try:
        return np.asarray(sequence)
    except ValueError as error:
        raise ValueError(f"X[{i}] is no array (n_steps, n_features): {error}") from error
