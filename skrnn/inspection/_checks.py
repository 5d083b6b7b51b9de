"""Checks of what is inspected: fitted estimators, in a Pipeline or not, and an index."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skrnn.data.steps import shown
from skrnn.estimators._base import BaseSequenceEstimator


def named_estimators(estimator: Any) -> tuple[dict[str, Any], bool]:
    """Return estimators by name, and whether they were given as a dict.

    Raises
    ------
    ValueError
        If the dict is empty.
    """
    if not isinstance(estimator, Mapping):
        return {"": estimator}, False
    if not estimator:
        raise ValueError("estimator is an empty dict: there is nothing to inspect")
    return {str(name): one for name, one in estimator.items()}, True


def last_step(
    estimator: Any,
    caller: str,
    kind: type | tuple[type, ...] = BaseSequenceEstimator,
    of: str = "estimators of skrnn",
) -> Any:
    """Return an estimator of skrnn, the last step where it is in a Pipeline.

    Parameters
    ----------
    estimator : object
    caller : str
        Name of the function, for messages.
    kind : type or tuple of types
        Allowed classes.
    of : str
        Their name, for messages.

    Raises
    ------
    TypeError
        If it is of another class; the message names the remedy.
    """
    while isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    if isinstance(estimator, kind):
        return estimator
    got, remedy = type(estimator).__name__, ""
    if isinstance(estimator, type):
        got, remedy = estimator.__name__, " itself, not an instance"
    elif hasattr(estimator, "best_estimator_"):
        remedy = "; pass its best_estimator_"
    raise TypeError(f"{caller} is for {of}, got {got}{remedy}")


def fitted_step(
    estimator: Any,
    X: Any,
    caller: str,
    kind: type | tuple[type, ...] = BaseSequenceEstimator,
    of: str = "estimators of skrnn",
) -> tuple[Any, Any]:
    """Return a fitted estimator of skrnn, as ``last_step``, and the X that reaches it.

    Without a Pipeline X stays as it is, and None stays None.

    Raises
    ------
    TypeError
        If it is of another class.
    NotFittedError
        If it is not fitted.
    """
    model = last_step(estimator, caller, kind, of)
    check_is_fitted(model)
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1 and X is not None:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    return model, X


def check_recurrent(estimator: Any) -> Any:
    """Return a fitted estimator; a ValueError if its network has no recurrent layer."""
    if estimator.net_.module_.cell is None:
        raise ValueError(
            f"{type(estimator).__name__} has no recurrent layer: its network is "
            "feed-forward, without states"
        )
    return estimator


def check_index(index: Any, n_sequences: int) -> int:
    """Return the index of a sequence, counted from the first.

    Raises
    ------
    IndexError
        If there is no such sequence.
    TypeError
        If it is not an integer.
    """
    if not isinstance(index, Integral) or isinstance(index, bool):
        raise TypeError(f"index must be an integer, got {index!r}")
    if not -n_sequences <= int(index) < n_sequences:
        raise IndexError(f"index={index} is out of range: X has {n_sequences} sequences")
    return int(index) % n_sequences


def check_indices(index: Any, n_sequences: int) -> NDArray[np.int64]:
    """Return the sequences that ``index`` chooses, counted from the first.

    An integer gives an array of no dimension. A slice, a list of integers or a mask one of
    one dimension.

    Raises
    ------
    IndexError
        If there is no such sequence, or a mask has another length.
    TypeError
        If it is of another kind.
    """
    if isinstance(index, slice):
        return np.arange(n_sequences)[index]
    if isinstance(index, str | bytes | tuple) or not np.ndim(index):
        one = index.item() if isinstance(index, np.ndarray) else index
        return np.array(check_index(one, n_sequences))
    chosen = np.asarray(index)
    if chosen.ndim != 1 or (len(chosen) and chosen.dtype.kind not in "iub"):
        raise TypeError(
            "index must be an integer, a slice, a list of integers or a mask, got "
            f"{shown(index)}"
        )
    if len(chosen) and chosen.dtype == bool:
        if len(chosen) != n_sequences:
            raise IndexError(
                f"a mask of {len(chosen)} values does not fit the {n_sequences} sequences"
            )
        return np.flatnonzero(chosen)
    return np.array([check_index(one, n_sequences) for one in chosen], np.int64)
