"""Access to the estimators that displays look into, and labels of their steps."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skrnn.data.containers import CheckedSequences
from skrnn.estimators._base import BaseSequenceEstimator

#: Labels of the begin that a generator reads first, and of a sequence without tokens.
START, UNKNOWN = "<start>", "<unknown>"
#: Characters that would be invisible.
VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥", "": UNKNOWN}
#: Characters of a label.
MAX_CHARACTERS = 14


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
        raise ValueError("estimator is an empty dict: there is nothing to draw")
    return {str(name): one for name, one in estimator.items()}, True


def last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return skrnn's estimator, and the X that reaches it; both may be in a Pipeline.

    Raises
    ------
    TypeError
        If it is no estimator of skrnn.
    """
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1 and X is not None:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    if not isinstance(estimator, BaseSequenceEstimator):
        raise TypeError(
            f"estimator must be a recurrent estimator of skrnn, got {estimator!r}"
        )
    return estimator, X


def check_recurrent(estimator: Any) -> Any:
    """Return a fitted estimator; a ValueError if its network has no recurrent layer."""
    if estimator.net_.module_.cell is None:
        raise ValueError(
            f"{type(estimator).__name__} has no recurrent layer: its network is "
            "feed-forward, without states"
        )
    return estimator


def check_index(index: Any, n_sequences: int) -> int:
    """Return the index of a sequence, counted from the end where it is negative.

    Raises
    ------
    IndexError
        If there is no such sequence.
    TypeError
        If it is no integer.
    """
    if not isinstance(index, Integral) or isinstance(index, bool):
        raise TypeError(f"index must be an integer, got {index!r}")
    if not -n_sequences <= int(index) < n_sequences:
        raise IndexError(f"index={index} is out of range: X has {n_sequences} sequences")
    return int(index) % n_sequences


def step_labels(
    estimator: Any, X: CheckedSequences, index: int, n_steps: int
) -> list[str]:
    """Return a label for each step that the network reads of a sequence.

    Tokens are their own labels, steps of one feature its value, others their numbers.
    """
    values = _field_with_tokens(X)[index]
    labels = [step_label(value, t) for t, value in enumerate(values)]
    if estimator._targets.reads_late:
        labels = [START, *labels]
    if len(labels) < n_steps:  # a sequence without tokens is read as one unknown token
        labels += [UNKNOWN] * (n_steps - len(labels))
    if len(labels) > n_steps and not estimator._targets.reads_late:
        return [str(t + 1) for t in range(n_steps)]  # patches
    return labels[:n_steps]


def _field_with_tokens(X: Any) -> Any:
    """Return the first step field that holds tokens, or the first one."""
    fields = getattr(X, "fields", ())
    tokens = [field.steps for field in fields if field.steps.values.dtype == object]
    return tokens[0] if tokens else X.steps


def step_label(value: Any, step: int) -> str:
    """Return the label of one input or output: its token or number, else its place."""
    if isinstance(value, np.ndarray):
        if value.size != 1:
            return str(step + 1)
        value = value.reshape(-1)[0]
    if isinstance(value, (float, np.floating)):
        return f"{value:.3g}"
    text = str(value)
    text = VISIBLE.get(text, text)
    if len(text) > MAX_CHARACTERS:
        return text[: MAX_CHARACTERS - 1] + "…"
    return text
