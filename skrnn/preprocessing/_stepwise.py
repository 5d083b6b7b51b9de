"""StepwiseTransformer: scikit-learn's transformers, applied to every step.

Unlike the X of an estimator, its X may be float64, hold NaN, or have dicts as steps: the
inner transformer decides about that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from skrnn._callbacks import as_one_task
from skrnn._sklearn import (
    check_feature_names,
    check_feature_names_in,
    get_feature_names,
    restored_on_failure,
)
from skrnn.data.columns import as_frame, is_foreign_frame
from skrnn.data.containers import (
    CheckedSequences,
    Form,
    check_same_form,
    rows_hold_tokens,
)
from skrnn.data.field_roles import FieldOptions, in_order, is_of_fields
from skrnn.data.field_values import read_arrays
from skrnn.data.fields import check_equal_lengths
from skrnn.data.layouts import parse_column, parse_rows, read_container
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import is_sequence, shown, stack_nested, to_array, to_numbers
from skrnn.data.targets import check_weights, parse_targets
from skrnn.preprocessing._same_container import SameContainerMixin


def _inner_has(method: str) -> Callable[[StepwiseTransformer], bool]:
    def check(self: StepwiseTransformer) -> bool:
        return hasattr(getattr(self, "transformer_", self.transformer), method)

    return check


class StepwiseTransformer(SameContainerMixin, BaseEstimator):
    """Apply a scikit-learn transformer to every step of sequences.

    The transformer is fitted on the steps of all sequences together. The result is in the
    container of X: a list of arrays, an object array, a Series with the same index, a 3-D
    array, a 2-D array or frame, or a frame with one column a feature.

    Parameters
    ----------
    transformer : transformer
        Transformer of the steps, for example ``StandardScaler()``, ``PCA()``,
        ``SimpleImputer()``, ``DictVectorizer()`` or a Pipeline of them. It is cloned.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Columns of a 2-D X, else features of a step; absent if steps are not arrays.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, if X was a frame, or its sequences were frames, with string names.

    See Also
    --------
    sequences_from_frame : Group the rows of a long frame into sequences.

    Notes
    -----
    The rows of a 2-D array or frame are series of one feature, as for the recurrent
    estimators: all columns share one mean in a StandardScaler. If the transformer makes
    more than one feature of it, the result is 3-D. Sequences that are 1-D stay 1-D as
    long as a step has one feature.

    Of a frame that holds texts or static columns, too, a ``ColumnTransformer`` with
    ``set_output(transform="pandas")`` reaches the columns to transform.

    A frame whose cells are 1-D sequences, as ``sequences_from_frame`` returns it, has one
    column a feature: the transformer gets a frame of steps with these columns, and the
    result has the columns of its ``get_feature_names_out``. If nobody knows their names,
    the result is a Series of arrays. Frames of other libraries come back as frames of
    pandas.

    If steps are dicts, or the transformer does not take 2-D arrays (``CountVectorizer``,
    ``MultiLabelBinarizer``), it gets the list of all steps.

    ``set_output`` is ignored, and so is scikit-learn's setting ``transform_output``: a
    frame cannot hold sequences of several features. Sparse results are made dense.

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

    @as_one_task
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> StepwiseTransformer:
        """Fit the transformer on all steps.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Arrays ``(n_steps_i, n_features)`` or 1-D arrays, lists of dicts, frames, a
            3-D array, a 2-D array or frame whose rows are univariate series, or a frame
            of 1-D sequences with one column a feature.
        y : array-like of shape (n_sequences,), default=None
            Labels or numbers. Each step gets its sequence's, for transformers that look
            at y (``SelectKBest``, ``LinearDiscriminantAnalysis``). A y of another form
            is ignored.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence, which each of its steps gets.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        TypeError
            If X is not a container of sequences.
        ValueError
            If X is empty, has an empty sequence of numbers, unless it is a frame, or
            unequal feature counts.
        """
        with restored_on_failure(self):
            self._fit_inner("fit", self._read(X, reset=True), y, sample_weight)
        return self

    @as_one_task
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
        with restored_on_failure(self):
            read = self._read(X, reset=True)
            if not hasattr(_clone_inner(self.transformer), "fit_transform"):
                self._fit_inner("fit", read, y, sample_weight)
                return self._apply("transform", read)
            result = self._fit_inner("fit_transform", read, y, sample_weight)
            return self._restore("transform", read, result)

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
        return self._apply("transform", self._read(X, reset=False))

    @available_if(_inner_has("inverse_transform"))
    def inverse_transform(self, X: Any) -> Any:
        """Undo the transformation of every step.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            The result of ``transform``.

        Returns
        -------
        X_original : container of X
            The sequences before ``transform``, as far as it can be undone.
        """
        check_is_fitted(self)
        names = None
        if self._form.container == "fields":
            names = self._names_after("transform")
        read = _read_steps(
            X, as_list=False, may_be_empty=True, names=names, estimator=self
        )
        return self._apply("inverse_transform", read)

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

    def _read(self, X: Any, *, reset: bool) -> _Steps:
        fitting = _clone_inner(self.transformer) if reset else self.transformer_
        as_list = not _takes_arrays(fitting)
        names = None if reset else vars(self).get("feature_names_in_")
        read = _read_steps(
            X, as_list=as_list, may_be_empty=as_list, names=names, estimator=self
        )
        if reset and not len(read.values):
            raise ValueError("X has no steps: all its sequences are empty")
        if not reset:
            check_same_form(read.checked, self._form, estimator=self)
            read = self._as_in_fit(read)
        if reset or read.named is not None:
            check_feature_names(self, read.named, reset=reset)
        if reset:
            self._form = read.checked.form
            self.__dict__.pop("n_features_in_", None)
            if self._form.width is not None:
                self.n_features_in_ = self._form.width
        return read

    def _as_in_fit(self, read: _Steps) -> _Steps:
        """Return features with the names of ``fit``, or without where it knew none."""
        fitted, given = (f.container == "fields" for f in (self._form, read.checked.form))
        if given and not fitted:
            return read._replace(values=read.values.to_numpy(), named=None)
        if fitted and isinstance(read.values, np.ndarray):
            names = vars(self).get("feature_names_in_")
            return read._replace(values=pd.DataFrame(read.values, columns=names))
        return read

    def _fit_inner(self, method: str, read: _Steps, y: Any, sample_weight: Any) -> Any:
        lengths = read.checked.steps.lengths
        self.transformer_ = _clone_inner(self.transformer)
        arguments: dict[str, Any] = {}
        labels = None
        if y is not None:
            labels = _one_dimensional(parse_targets(y, read.checked, "y", parse_rows))
        if labels is not None:
            arguments["y"] = np.repeat(labels, lengths, axis=0)
        elif get_tags(self.transformer_).target_tags.required:
            raise ValueError(
                f"{type(self.transformer_).__name__} requires y to be passed: one label "
                "or number a sequence"
            )
        elif _needs_argument(getattr(self.transformer_, method), "y"):
            arguments["y"] = None
        weight = check_weights(sample_weight, len(lengths))
        if weight is not None:
            arguments["sample_weight"] = np.repeat(weight, lengths)
        with config_context(transform_output="default"):
            return getattr(self.transformer_, method)(read.values, **arguments)

    def _apply(self, method: str, read: _Steps) -> Any:
        if not len(read.values):
            result = self._no_steps(method)
        else:
            with config_context(transform_output="default"):
                result = getattr(self.transformer_, method)(read.values)
        return self._restore(method, read, result)

    def _no_steps(self, method: str) -> Any:
        """Return the result for no steps, which few transformers accept."""
        if method == "inverse_transform":
            as_list = self._form.width is None
            return [] if as_list else np.zeros((0, self._form.n_features or 1))
        if hasattr(self.transformer_, "get_feature_names_out"):
            return np.zeros((0, len(self.transformer_.get_feature_names_out())))
        return self.transformer_.transform([])

    def _restore(self, method: str, read: _Steps, result: Any) -> Any:
        """Return the transformed steps in the container of X."""
        names = getattr(result, "columns", None)
        if names is None and read.checked.form.container == "fields":
            names = self._names_after(method)
        return read.restore(result, names)

    def _names_after(self, method: str) -> Any:
        """Return the names of transformed features, or None where nobody knows them."""
        if method == "inverse_transform":
            return vars(self).get("feature_names_in_")
        try:
            return self.transformer_.get_feature_names_out()
        except (AttributeError, ValueError):  # one step of a Pipeline may not know them
            return None

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
    """Return whether a transformer takes 2-D arrays; others take a list of steps."""
    while (first := _first_inner(transformer)) is not None:
        transformer = first
    return transformer == "passthrough" or get_tags(transformer).input_tags.two_d_array


def _first_inner(transformer: Any) -> Any:
    """Return the transformer that gets the steps inside a meta-estimator, or None."""
    if isinstance(transformer, FrozenEstimator):
        return transformer.estimator
    if isinstance(transformer, Pipeline):
        return transformer.steps[0][1]
    if isinstance(transformer, FeatureUnion):
        return transformer.transformer_list[0][1]
    return None


def _needs_argument(method: Callable, name: str) -> bool:
    """Return whether a method has such a parameter after X, without a default."""
    _, *others = inspect.signature(method).parameters.values()
    return any(p.name == name and p.default is p.empty for p in others)


def _one_dimensional(rows: list[Any]) -> NDArray | None:
    """Return y as a 1-D array if it has one label or number for each sequence."""
    if any(hasattr(label, "__len__") and not isinstance(label, str) for label in rows):
        return None
    return parse_column(rows, "y")


# --- steps as the inner transformer takes them ---------------------------------------


class _Steps(NamedTuple):
    """The steps of X.

    ``values`` is passed to the inner transformer: an array or a frame ``(total_steps,
    n_features)``, or a list of steps. ``named`` is what may have feature names.
    ``one_dimensional`` says that all sequences are 1-D.
    """

    checked: CheckedSequences
    values: Any
    rebuild: Callable[[RaggedArray, Any], Any]
    named: Any = None
    one_dimensional: bool = False

    def restore(self, result: Any, names: Any) -> Any:
        """Return the transformed steps in the container of X."""
        if issparse(result):
            result = result.toarray()
        values = object_array(result) if isinstance(result, list) else np.asarray(result)
        if len(values) != len(self.checked.steps.values):
            raise ValueError(
                f"the transformer gave {len(values)} rows for "
                f"{len(self.checked.steps.values)} steps; it must keep every step"
            )
        if self.one_dimensional and values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        return self.rebuild(self.checked.steps.with_values(values), names)


def _read_steps(
    X: Any, *, as_list: bool, may_be_empty: bool, names: Any, estimator: object
) -> _Steps:
    """Return any accepted X as flat steps.

    ``as_list`` wants a list of them; ``may_be_empty`` allows sequences without steps;
    ``names`` is the order of the columns of a frame of fields.
    """
    layout, content, rebuild = read_container(X)
    if layout == "columns":
        if isinstance(content, pd.DataFrame) and is_of_fields(
            content, FieldOptions(input_type="tokens")
        ):
            raise TypeError(
                "X has columns of several kinds; choose those to transform, by "
                'ColumnTransformer([("steps", StepwiseTransformer(...), [...])], '
                'remainder="passthrough", verbose_feature_names_out=False)'
                '.set_output(transform="pandas")'
            )
        return _steps_of_columns(content, X, rebuild, estimator)
    if layout == "array":
        return _steps_of_array(content, rebuild)
    if layout == "fields":
        if not as_list:
            return _steps_of_fields(content, rebuild, names)
        content = parse_rows(content, "X")
    return _steps_of_list(content, rebuild, as_list=as_list, may_be_empty=may_be_empty)


def _steps_of_columns(X: Any, given: Any, rebuild: Callable, estimator: object) -> _Steps:
    """Rows are univariate series, one column a step."""
    values = check_array(
        X,
        dtype=None if rows_hold_tokens(X, "auto", "X") else "numeric",
        ensure_all_finite=False,
        estimator=estimator,
        input_name="X",
    )
    n_sequences, n_steps = values.shape
    steps = RaggedArray.from_lengths(values.reshape(-1, 1), np.full(n_sequences, n_steps))
    form = Form("numeric", "columns", n_steps)
    return _Steps(CheckedSequences(steps, form), steps.values, rebuild, given)


def _steps_of_array(array: NDArray, rebuild: Callable) -> _Steps:
    """A 3-D array, or more dimensions whose steps are flattened."""
    if 0 in array.shape:
        raise ValueError(f"X has shape {array.shape}, every dimension must be at least 1")
    n_sequences, n_steps = array.shape[:2]
    steps = RaggedArray.from_lengths(
        array.reshape(n_sequences * n_steps, -1), np.full(n_sequences, n_steps)
    )
    form = Form("numeric", "array", steps.values.shape[1])
    return _Steps(CheckedSequences(steps, form), steps.values, rebuild)


def _steps_of_fields(frame: pd.DataFrame, rebuild: Callable, names: Any) -> _Steps:
    """Columns of 1-D sequences: a step is a row of a frame with the same columns.

    A row may have no steps: the estimator knows whether it has an empty text beside it.
    """
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"X has more than one column {shown(twice)}")
    if names is not None and get_feature_names(frame) is not None:
        frame = in_order(frame, names, "X")
    fields = {
        column: _one_feature(frame[column], f"X[{shown(column)}]") for column in frame
    }
    check_equal_lengths({column: steps.lengths for column, steps in fields.items()}, "X")
    lengths = fields[frame.columns[0]].lengths
    values = pd.DataFrame({column: steps.values for column, steps in fields.items()})
    values = values.set_axis(frame.columns, axis=1)
    rows = RaggedArray.from_lengths(np.arange(len(values)), lengths)
    form = Form("numeric", "fields", values.shape[1])
    return _Steps(CheckedSequences(rows, form), values, rebuild, frame)


def _one_feature(column: pd.Series, place: str) -> RaggedArray:
    """Return the numbers ``(total_steps,)`` of a column, in their own dtype."""
    arrays = read_arrays(column, place, to_numbers)
    for i, array in enumerate(arrays):
        if array.ndim == 2 and array.shape[1] == 1:
            arrays[i] = array[:, 0]
        elif array.ndim != 1:
            raise ValueError(
                f"row {i} of {place} has shape {array.shape}; the sequences in the columns "
                "of a frame must be 1-D, one column a feature"
            )
    return RaggedArray.from_sequences(arrays)


def _steps_of_list(
    sequences: list, rebuild: Callable, *, as_list: bool, may_be_empty: bool
) -> _Steps:
    """Sequences of any length, one by one."""
    if not sequences:
        raise ValueError("X has 0 sequences, at least 1 is required")
    sequences = [as_frame(one) if is_foreign_frame(one) else one for one in sequences]
    for i, sequence in enumerate(sequences):
        if isinstance(sequence, str | bytes) or not is_sequence(sequence):
            raise TypeError(
                f"X[{i}] is {type(sequence).__name__}, expected a sequence of steps"
            )
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    is_frame = any(isinstance(sequence, pd.DataFrame) for sequence in sequences)
    if is_frame or not may_be_empty:
        _check_not_empty(lengths)
    if is_frame:
        return _steps_of_frames(sequences, lengths, rebuild)
    if as_list or isinstance(next(chain.from_iterable(sequences), None), Mapping):
        values = list(chain.from_iterable(sequences))
        steps = RaggedArray.from_lengths(object_array(values), lengths)
        checked = CheckedSequences(steps, Form("tokens", "list", None))
        return _Steps(checked, values, rebuild)
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

    def split(steps: RaggedArray, names: Any) -> Any:
        if steps.values.ndim == 1 and steps.values.dtype == object:  # dicts again
            return rebuild([sequence.tolist() for sequence in steps], names)
        return rebuild(steps, names)

    checked = CheckedSequences(steps, Form("numeric", "list", width))
    one_dimensional = all(array.ndim == 1 for array in arrays)
    return _Steps(checked, steps.values, split, one_dimensional=one_dimensional)


def _steps_of_frames(
    frames: list, lengths: NDArray[np.int64], rebuild: Callable
) -> _Steps:
    """Sequences that are frames, one row a step: columns may be of different types."""
    for i, frame in enumerate(frames):
        columns = getattr(frame, "columns", None)
        if columns is None or not columns.equals(frames[0].columns):
            raise ValueError(
                f"X[{i}] has the columns "
                f"{shown(None if columns is None else columns.tolist())}, expected "
                f"{shown(frames[0].columns.tolist())} (as X[0] has)"
            )
    values = pd.concat(frames, ignore_index=True)
    rows = RaggedArray.from_lengths(np.arange(len(values)), lengths)
    checked = CheckedSequences(rows, Form("numeric", "list", values.shape[1]))
    return _Steps(checked, values, rebuild, values)


def _check_not_empty(lengths: NDArray[np.int64]) -> None:
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        raise ValueError(f"X[{empty[0]}] has no steps, every sequence needs at least one")


def _as_array(sequence: Any, i: int) -> NDArray:
    try:
        return stack_nested(to_array(sequence))
    except ValueError as error:
        raise ValueError(
            f"X[{i}] is not an array (n_steps, n_features): {str(error)[:200]}"
        ) from error
