"""Checks of what is inspected, and the steps of a sequence as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn.data.containers import CheckedSequences


def check_kind(
    estimator: Any, kind: type | tuple[type, ...], caller: str, of: str
) -> None:
    """Raise an error unless the estimator is fitted and of the right kind.

    Parameters
    ----------
    estimator : object
    kind : type or tuple of types
        Its allowed classes.
    caller, of : str
        Name of the function, and of what it is for, in messages.

    Raises
    ------
    TypeError
        If it is of another class; the message names the remedy.
    NotFittedError
        If it is not fitted.
    """
    if not isinstance(estimator, kind):
        got = (
            estimator.__name__
            if isinstance(estimator, type)
            else type(estimator).__name__
        )
        remedy = ""
        if isinstance(estimator, type):
            remedy = " itself, not an instance"
        elif hasattr(estimator, "steps"):
            remedy = "; pass its last step, model[-1], and model[:-1].transform(X)"
        elif hasattr(estimator, "best_estimator_"):
            remedy = "; pass its best_estimator_"
        raise TypeError(f"{caller} is for {of}, got {got}{remedy}")
    check_is_fitted(estimator)


def check_index(index: Any, n_sequences: int, name: str = "X") -> int:
    """Return the index of a sequence, counted from the first.

    Raises
    ------
    ValueError
        If there is no such sequence.
    TypeError
        If it is no integer.
    """
    if not isinstance(index, Integral) or isinstance(index, bool):
        raise TypeError(f"index must be an integer, got {index!r}")
    if not -n_sequences <= int(index) < n_sequences:
        raise ValueError(
            f"index={index} is out of range: {name} has {n_sequences} sequences"
        )
    return int(index) % n_sequences


class ShownSteps(NamedTuple):
    """The steps of one sequence.

    Attributes
    ----------
    tokens : list of str, or None
        Of the first field of tokens.
    text : str or None
        The user's text that they come from.
    signal : ndarray of shape (n_steps, n_features), or None
        Features in the user's units, where there are no tokens.
    names : list of str
        Of the features, empty where X has no names.
    """

    tokens: list[str] | None
    text: str | None
    signal: NDArray | None
    names: list[str]


def shown_steps(X: CheckedSequences, index: int) -> ShownSteps:
    """Return the steps of one of the sequences."""
    first = X.fields[0]
    steps = first.steps[index]
    if steps.dtype != object:
        return ShownSteps(None, None, steps, feature_names(X, steps.shape[1]))
    text = None if first.texts is None else first.texts[index]
    return ShownSteps(list(map(str, steps)), text, None, [])


def feature_names(X: CheckedSequences, n_features: int) -> list[str]:
    """Return the names of the features of a step, empty without any."""
    if X.named is None or X.form.container == "columns":
        return []
    columns: Sequence[Any] = list(X.named.columns)
    if X.roles is not None:
        columns = [name for name, role in X.roles.items() if role == "features"]
    return list(map(str, columns)) if len(columns) == n_features else []


def spread(
    values: NDArray, patch_size: int, n_steps: int, n_patches: int
) -> NDArray[np.float32]:
    """Return values ``(..., n_patches)`` as ``(..., n_steps)``, each patch's shared evenly."""
    if patch_size == 1:
        return values[..., :n_steps]
    sizes = np.minimum(patch_size, n_steps - patch_size * np.arange(n_patches))
    return np.repeat(values / sizes.astype(values.dtype), sizes, axis=-1)
