"""Augmentation: other training sequences in each pass, by a function of the user."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from skrnn.data.containers import CheckedSequences
from skrnn.data.field_roles import STATIC
from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData

#: Name of the sequences in messages.
NAME = "augment(X)"


def augmented(
    augment: Callable[[list[Any], np.random.RandomState], Any],
    data: CheckedData,
    random_state: np.random.RandomState,
    estimator: Any,
) -> CheckedData:
    """Return the data with the sequences that ``augment`` makes of them.

    Parameters
    ----------
    augment : callable
        ``augment(X, random_state)`` takes the sequences as a list and returns as many.
    data : CheckedData
        The training data.
    random_state : RandomState
    estimator : estimator
        Fitted, but for its network: its inputs and targets are.

    Raises
    ------
    TypeError
        If it returns no container of sequences, or sequences of several kinds.
    ValueError
        If it returns another number of them, sequences of another kind than X, an empty
        one, or, where each step has a target, one of another length.
    """
    made = augment(as_list(data.X), random_state)
    n_made = len(made) if hasattr(made, "__len__") else None
    if n_made != len(data):
        what = f"{n_made} sequences" if n_made is not None else shown(made)
        raise ValueError(f"augment returned {what} for {len(data)} sequences")
    inputs = copy(estimator._inputs)
    inputs.fields = replace(
        inputs.fields, static=None, time=None, roles=None, details=None
    )
    checked = inputs.check(made, estimator=estimator, name=NAME)
    _check_kind(checked, data.X)
    _check_lengths(checked, data, by_step=estimator._targets.by_step)
    X = replace(data.X, steps=checked.steps, texts=checked.texts, name=NAME)
    if not estimator._targets.reads_late:
        return replace(data, X=X)
    return replace(data, X=X, y=estimator._targets.check(None, X, NAME))


def copied(augment: Callable[..., Any]) -> Callable[..., Any]:
    """Return a copy, so that a fit leaves the user's object as it is, or itself if need be."""
    try:
        return deepcopy(augment)
    except Exception:  # raised by the user's class
        return augment


def check_augmentable(augment: Callable[..., Any], X: CheckedSequences) -> None:
    """Check a function and what it is to read.

    Raises
    ------
    TypeError
        If the function does not take two arguments.
    ValueError
        If X has more than one column of steps or their times.
    """
    try:
        signature = inspect.signature(augment)
    except ValueError:  # some of C
        signature = None
    if signature is not None:
        try:
            signature.bind(X, None)
        except TypeError as error:
            raise TypeError(
                f"augment={shown(augment)} is called as augment(X, random_state): {error}"
            ) from None
    columns = [column for column, role in (X.roles or {}).items() if role not in STATIC]
    if len(columns) > 1:
        raise ValueError(
            "augment needs an X whose steps are one column, but X has "
            f"{', '.join(map(shown, columns))}"
        )


def as_list(X: CheckedSequences) -> list[Any]:
    """Return copies of the sequences: strings, token lists or arrays, as X held them."""
    if X.texts is not None:
        return list(X.texts)
    values, offsets = X.steps.values.copy(), X.steps.offsets[1:-1]
    if values.dtype == object:
        return [part.tolist() for part in np.split(values, offsets)]
    return np.split(values.reshape(len(values), *_shape_of_steps(X)), offsets)


def _shape_of_steps(X: CheckedSequences) -> tuple[int, ...]:
    return X.shapes[0].shape if X.shapes else X.steps.values.shape[1:]


def _check_kind(made: CheckedSequences, X: CheckedSequences) -> None:
    """Raise a ValueError unless new sequences can stand in place of those of X."""
    if made.beside or made.static is not None:
        raise ValueError(
            "augment returned a frame of fields, expected a list of sequences"
        )
    is_numeric = X.steps.values.dtype != object
    if (made.steps.values.dtype != object) != is_numeric:
        kinds = "numbers", "tokens"
        raise ValueError(
            f"augment returned {kinds[is_numeric]}, but X holds {kinds[not is_numeric]}"
        )
    if (made.texts is None) != (X.texts is None):
        kinds = "strings", "token lists"
        raise ValueError(
            f"augment returned {kinds[made.texts is None]}, but X holds "
            f"{kinds[X.texts is None]}"
        )
    shape, expected = _shape_of_steps(made), _shape_of_steps(X)
    if shape != expected:
        raise ValueError(
            f"augment returned steps of shape {shape}, but those of X have {expected}"
        )


def _check_lengths(made: CheckedSequences, data: CheckedData, *, by_step: bool) -> None:
    """Raise a ValueError for an empty sequence, or one that does not fit its targets."""
    found, before = made.steps.lengths, data.lengths
    wrong = np.flatnonzero((found == 0) & (before > 0))
    if len(wrong):
        raise ValueError(f"augment returned no steps for {_place(data, wrong[0])}")
    wrong = np.flatnonzero(found != before) if by_step else wrong
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"augment returned {found[i]} steps for {_place(data, i)}, which has "
            f"{before[i]}: each of them has a target, so their number must stay"
        )


def _place(data: CheckedData, i: Any) -> str:
    """Return the name of a sequence of the user's X."""
    return f"X[{int(i) if data.origin is None else int(data.origin[i])}]"
