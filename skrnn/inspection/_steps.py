"""The steps of a sequence as they are shown: labels, and tokens or features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.containers import CheckedSequences

#: Labels of the begin that a generator reads first, of the end of what is generated, and of
#: a sequence without tokens.
START, END, UNKNOWN = "<start>", "<end>", "<unknown>"
#: Characters that would be invisible.
VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥", "": UNKNOWN}
#: Static columns of a label.
MAX_STATIC = 3
#: Characters of a label.
MAX_CHARACTERS = 14


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
    images : ndarray of shape (n_steps, height, width[, n_channels]), or None
        Frames of a video, where features are such.
    """

    tokens: list[str] | None
    text: str | None
    signal: NDArray | None
    names: list[str]
    images: NDArray | None = None


def shown_steps(X: CheckedSequences, index: int) -> ShownSteps:
    """Return the steps of one of the sequences."""
    first = X.fields[0]
    steps = first.steps[index]
    if steps.dtype != object:
        names = feature_names(X, steps.shape[1])
        return ShownSteps(None, None, steps, names, frames_of(X, index))
    text = None if first.texts is None else first.texts[index]
    return ShownSteps(list(map(str, steps)), text, None, [])


def frames_of(X: Any, index: int) -> NDArray | None:
    """Return the first frames among the features of a sequence, if there are any."""
    for _, first, shape in X.shapes:
        if len(shape) in (2, 3) and min(shape[:2]) > 1:
            steps = X.fields[-1].steps[index]  # features come last
            pixels = steps[:, first : first + math.prod(shape)]
            return pixels.reshape(len(steps), *shape)
    return None


def in_parts(n_steps: int, most: int) -> list[NDArray[np.int64]]:
    """Return the steps of each of at most ``most`` parts, as equal as can be."""
    n_parts = min(n_steps, most)
    edges = np.arange(1, n_parts) * n_steps // max(1, n_parts)
    return np.split(np.arange(n_steps), edges) if n_parts else []


def strongest(values: NDArray, most: int) -> NDArray[np.int64]:
    """Return all steps, or of more than ``most`` that farthest from 0 in each part."""
    parts = in_parts(len(values), most)
    return np.array([part[np.abs(values[part]).argmax()] for part in parts], np.int64)


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
    size = estimator._inputs.patch_size
    if size > 1:
        return [_range_label(t, size, len(labels)) for t in range(n_steps)]
    return labels[:n_steps]


def _range_label(patch: int, size: int, n_steps: int) -> str:
    """Return the first and last of the user's steps in a patch, counted from 1."""
    first, last = patch * size + 1, min((patch + 1) * size, n_steps)
    return f"{first}–{last}" if last > first else str(first)


def static_label(estimator: Any, X: Any, index: int) -> str:
    """Return the static columns of a sequence with their values, "" without any."""
    if X.static is None:
        return ""
    values = {
        "number": iter(X.static.numbers[index].tolist()),
        "category": iter(X.static.categories[index]),
    }
    labels = [
        f"{step_label(str(column), 0)}={step_label(next(values[role]), 0)}"
        for column, role in (estimator._inputs.roles or {}).items()
        if role in values
    ]
    more = len(labels) - MAX_STATIC
    return ", ".join(labels[:MAX_STATIC]) + (f" and {more} more" if more > 0 else "")


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
