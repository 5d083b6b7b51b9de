"""Small data of each kind of X and of y, which the checks fit estimators to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.ragged import object_array

N_SEQUENCES = 18
#: Lengths from 1 to 6, each of them several times.
LENGTHS = [1, 6, *np.random.default_rng(0).integers(1, 7, size=N_SEQUENCES - 2).tolist()]
LEXICON = ["oak", "elm", "ash", "Yew", "fir", "may"]


# --- X -------------------------------------------------------------------------------


def _numbers() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 2)) for n in LENGTHS]


def _zeros_and_ones() -> list[Any]:
    return [(sequence > 0).astype(float) for sequence in _numbers()]


def _series() -> list[Any]:
    rng = np.random.default_rng(0)
    return [10 + rng.normal(size=20 + n).cumsum() for n in LENGTHS]


def _tokens() -> list[Any]:
    rng = np.random.default_rng(0)
    return [[LEXICON[i] for i in rng.integers(len(LEXICON), size=n)] for n in LENGTHS]


def _texts() -> list[Any]:
    return [" ".join(words) for words in _tokens()]


def _fields() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "words": pd.Series(object_array(_tokens())),
            "age": rng.integers(20, 80, size=N_SEQUENCES).astype(float),
            "city": pd.Categorical(rng.choice(["Oslo", "Rome", "Bern"], N_SEQUENCES)),
        }
    )


#: Kind of X → a function that makes it: a list of sequences, or a frame of fields.
INPUTS: dict[str, Callable[[], Any]] = {
    "numbers": _numbers,
    "zeros_and_ones": _zeros_and_ones,
    "series": _series,
    "tokens": _tokens,
    "texts": _texts,
    "fields": _fields,
}
#: Kinds of numeric sequences; the later ones are for estimators that refuse the first.
NUMERIC = ("numbers", "zeros_and_ones", "series")


def take(data: Any, indices: Sequence[int] | NDArray[np.int64]) -> Any:
    """Return some of the sequences, or of their targets, in the container of the data."""
    if data is None:
        return None
    if isinstance(data, pd.DataFrame):
        return data.iloc[list(indices)]
    return data[indices] if isinstance(data, np.ndarray) else [data[i] for i in indices]


def as_rows(data: Any) -> list[Any]:
    """Return X, or predictions, as a list with one entry a sequence."""
    if isinstance(data, pd.DataFrame):
        return [data.iloc[i : i + 1] for i in range(len(data))]
    return list(data)


# --- y -------------------------------------------------------------------------------


def _labels(lengths: Sequence[int]) -> Any:
    return np.array(["u", "v", "w"])[np.arange(len(lengths)) % 3]


def _amounts(lengths: Sequence[int]) -> Any:
    return np.random.default_rng(1).normal(loc=3.0, scale=2.0, size=len(lengths))


def _step_labels(lengths: Sequence[int]) -> Any:
    rng = np.random.default_rng(0)
    return [["uvw"[i] for i in rng.integers(3, size=n)] for n in lengths]


def _step_amounts(lengths: Sequence[int]) -> Any:
    rng = np.random.default_rng(2)
    return [rng.normal(loc=3.0, scale=2.0, size=n) for n in lengths]


def _token_sequences(lengths: Sequence[int]) -> Any:
    rng = np.random.default_rng(0)
    return _step_labels([1 + int(n) for n in rng.integers(4, size=len(lengths))])


#: Kind of y → a function that makes it for sequences of some lengths.
TARGETS: dict[str, Callable[[Sequence[int]], Any]] = {
    "none": lambda lengths: None,
    "labels": _labels,
    "numbers": _amounts,
    "token_sequences": _token_sequences,
    "step_labels": _step_labels,
    "step_numbers": _step_amounts,
}
#: Kinds of y that have one entry for each step.
BY_STEP = ("step_labels", "step_numbers")


def n_steps(sequence: Any) -> int:
    """Return how many steps a sequence of any kind has."""
    if isinstance(sequence, pd.DataFrame):
        return len(sequence["words"].iloc[0])
    return len(sequence.split()) if isinstance(sequence, str) else len(sequence)


def targets_for(kind: str, X: Any) -> Any:
    """Return y of a kind for X."""
    return TARGETS[kind]([n_steps(sequence) for sequence in as_rows(X)])
