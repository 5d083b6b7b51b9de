"""One fit of one estimator: its scores, its time and its size."""

from __future__ import annotations

import os
import pickle
import time
import warnings
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skrnn._sklearn import (
    InvalidParameterError,
    check_method_params,
    check_scoring,
    safe_indexing,
    scorer_name,
)
from skrnn.data.steps import shown

#: Attributes of searches and wrappers that hold the estimator inside, the fitted one first.
WRAPPED = ("best_estimator_", "regressor_", "estimator_", "estimator")
#: Learned arrays of scikit-learn's linear models and multilayer perceptrons.
WEIGHTS = ("coef_", "intercept_", "coefs_", "intercepts_")


class Fit(NamedTuple):
    """Result of one fit on one fold.

    Attributes
    ----------
    scores : dict of str to float
        Of the test sequences, by metric.
    by_bin : dict of int to dict
        The scores of the test sequences in each bin of lengths.
    fit_time, predict_time : float
        In seconds; NaN without ``predict``.
    process : int
        Id of the process that it ran in.
    started : float
        Seconds on the process's clock.
    n_parameters, n_iter, size : float
        Learned numbers, passes over the training data and bytes of a pickle; NaN where
        unknown.
    """

    scores: dict[str, float]
    by_bin: dict[int, dict[str, float]]
    fit_time: float
    predict_time: float
    process: int
    started: float
    n_parameters: float
    n_iter: float
    size: float


class Scoring:
    """Any ``scoring`` of scikit-learn as a scorer that gives a dict by metric.

    Parameters
    ----------
    estimator : object
        Whose ``score`` is used where ``scoring`` is None.
    scoring : str, callable, list, tuple, set, dict or None
        As for ``cross_validate``.
    """

    def __init__(self, estimator: Any, scoring: Any):
        self.given = scoring
        self.scorer = check_scoring(estimator, scoring)
        self.name = _metric_name(scoring)

    def __call__(
        self, estimator: Any, X: Any, y: Any = None, **params: Any
    ) -> dict[str, float]:
        """Return the score of each metric."""
        arguments = (X,) if y is None else (X, y)
        try:
            scores = self.scorer(estimator, *arguments, **params)
        except Exception as error:
            raise _renamed(
                error, f"scoring={self.given!r} does not fit: {error}"
            ) from error
        if not isinstance(scores, Mapping):
            scores = {self.name: scores}
        return {str(name): _as_number(value, name) for name, value in scores.items()}

    def get_metadata_routing(self) -> Any:
        """Return which metadata the scorer takes, for scikit-learn's routing."""
        return self.scorer.get_metadata_routing()


def _metric_name(scoring: Any) -> str:
    if scoring is None:
        return "score"
    return scoring if isinstance(scoring, str) else scorer_name(scoring)


def _as_number(value: Any, name: object) -> float:
    number = value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value
    if isinstance(number, Real):
        return float(number)
    raise TypeError(f"scoring must give a number, but {name!r} is {shown(value)}")


def measure(
    name: str,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    fold: int,
    scoring: Any,
    params: Mapping[str, Any] | None,
    bin_of: NDArray[np.int64] | None,
) -> Fit:
    """Fit an estimator on one fold and measure it.

    Parameters
    ----------
    name, estimator, X, y
        Of ``compare_estimators``.
    train, test : int64 ndarray of shape (n_train,) or (n_test,)
        Indices of sequences.
    fold : int
        Named in messages.
    scoring, params
        Of ``compare_estimators``.
    bin_of : int64 ndarray of shape (n_test,), optional
        The bin of lengths of each test sequence, −1 for none.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        If fitting or scoring fails; names the estimator and the fold.
    """
    started = time.perf_counter()
    try:
        scorer = Scoring(estimator, scoring)
        result = cross_validate(
            estimator,
            X,
            y,
            cv=[(train, test)],
            scoring=scorer,
            params=params,
            return_estimator=True,
            error_score="raise",
        )
        fitted = result["estimator"][0]
        size = pickled_size(fitted)
        X_test = safe_indexing(X, test)
        predict_time = seconds_of(getattr(fitted, "predict", None), X_test)
    except Exception as error:
        cause = error.__cause__ if isinstance(error, InvalidParameterError) else None
        # cross_validate takes a parameter of the estimator for one of its own
        text = f"estimators[{name!r}] failed in fold {fold}: {cause or error}"
        raise _renamed(error, text) from error
    prefix = "test_"
    scores = {
        key.removeprefix(prefix): float(values[0])
        for key, values in result.items()
        if key.startswith(prefix)
    }
    by_bin = {}
    if bin_of is not None:
        y_test = None if y is None else safe_indexing(y, test)
        of_test = check_method_params(X, _routed(scorer, params), test)
        by_bin = _scores_by_bin(
            scorer, fitted, X_test, y_test, bin_of, list(scores), of_test
        )
    return Fit(
        scores,
        by_bin,
        float(result["fit_time"][0]),
        predict_time,
        os.getpid(),
        started,
        count_parameters(fitted),
        count_iterations(fitted),
        size,
    )


def _renamed(error: Exception, text: str) -> Exception:
    """Return an error of the same kind as another, with a message of its own."""
    kinds = (ValueError, TypeError)
    kind = next((kind for kind in kinds if isinstance(error, kind)), RuntimeError)
    return kind(text)


def seconds_of(function: Callable | None, X: Any) -> float:
    """Return the seconds that a call takes, NaN for no function."""
    if function is None:
        return np.nan
    start = time.perf_counter()
    function(X)
    return time.perf_counter() - start


def _routed(scorer: Scoring, params: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the parameters that routing gives a scorer."""
    if not params or not get_config()["enable_metadata_routing"]:
        return {}
    to_scorer = MethodMapping().add(caller="fit", callee="score")
    router = MetadataRouter(owner="measure").add(scorer=scorer, method_mapping=to_scorer)
    return router.route_params(caller="fit", params=dict(params))["scorer"]["score"]


def _scores_by_bin(
    scorer: Scoring,
    fitted: Any,
    X: Any,
    y: Any,
    bin_of: NDArray[np.int64],
    metrics: list[str],
    params: Mapping[str, Any],
) -> dict[int, dict[str, float]]:
    """Return the scores of each bin; NaN where a metric is undefined for so few."""
    result = {}
    for i in np.unique(bin_of[bin_of >= 0]).tolist():
        rows = np.flatnonzero(bin_of == i)
        y_bin = None if y is None else safe_indexing(y, rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            try:
                chosen = check_method_params(X, params, rows)
                result[i] = scorer(fitted, safe_indexing(X, rows), y_bin, **chosen)
            except (TypeError, ValueError):  # of all test sequences it was defined
                result[i] = dict.fromkeys(metrics, np.nan)
    return result


# --- size ---------------------------------------------------------------------------------


def final_estimator(fitted: Any) -> Any:
    """Return the estimator that predicts in the end: the last step, the best of a search."""
    while True:
        if isinstance(fitted, Pipeline):
            inner = fitted.steps[-1][1]
        else:
            found = (getattr(fitted, name, None) for name in WRAPPED)
            inner = next((one for one in found if one is not None), None)
        if inner is None or isinstance(inner, str):  # "passthrough"
            return fitted
        fitted = inner


def count_parameters(fitted: Any) -> float:
    """Return the learned numbers of the final estimator, NaN where unknown.

    ``n_parameters_``, or the sizes of the weights of a linear model or of an MLP.
    """
    final = final_estimator(fitted)
    number = getattr(final, "n_parameters_", None)
    if number is not None:
        return float(number)
    weights = [getattr(final, name, None) for name in WEIGHTS]
    known = [array for array in weights if array is not None]
    return float(sum(map(_size, known))) if known else np.nan


def _size(weights: Any) -> int:
    """Return the numbers in an array, sparse matrix, scalar, or list of arrays."""
    if isinstance(weights, list):
        return sum(map(_size, weights))
    return int(np.prod(np.shape(weights)))


def count_iterations(fitted: Any) -> float:
    """Return the most passes, ``n_iter_``, of the final estimator; NaN where unknown."""
    number = getattr(final_estimator(fitted), "n_iter_", None)
    return np.nan if number is None else float(np.max(number))


class _ByteCounter:
    """A file that counts what is written to it."""

    n_bytes = 0

    def write(self, data: Any) -> int:
        """Count bytes."""
        n_bytes = memoryview(data).nbytes
        self.n_bytes += n_bytes
        return n_bytes


def pickled_size(estimator: Any) -> float:
    """Return the bytes of a pickle, NaN for what cannot be pickled."""
    file = _ByteCounter()
    try:
        pickle.Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(estimator)
    except Exception:  # foreign classes raise errors of any kind
        return np.nan
    return float(file.n_bytes)
