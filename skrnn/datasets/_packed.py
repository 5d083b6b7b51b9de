"""Reads the data sets that come with skrnn: one array of steps a part, and its columns."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray

PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
FOLDER = resources.files("skrnn.datasets") / "data"


def load_packed(
    name: str, subset: str, columns: tuple[str, ...] = ("y",)
) -> tuple[list[NDArray], list[NDArray]]:
    """Return the sequences of a part, and one array for each column.

    Parameters
    ----------
    name : str
        The file's name in ``data/``, without ".npz".
    subset : {"train", "test", "all"}
        Which part; "all" is the training part, then the test part.
    columns : tuple of str, default=("y",)
        Names of the arrays that hold one value a sequence.

    Raises
    ------
    ValueError
        If ``subset`` is none of the three.
    """
    if subset not in PARTS:
        raise ValueError(f"subset must be one of {sorted(PARTS)}, got {subset!r}")
    sequences: list[NDArray] = []
    with (FOLDER / f"{name}.npz").open("rb") as file:
        arrays = np.load(file)
        for part in PARTS[subset]:
            steps = RaggedArray.from_lengths(arrays[f"X_{part}"], arrays[f"len_{part}"])
            sequences.extend(steps)
        values = [
            np.concatenate([arrays[f"{column}_{part}"] for part in PARTS[subset]])
            for column in columns
        ]
    return sequences, values


def read_description(name: str) -> str:
    """Return the description of a data set, with its source and licence."""
    return (FOLDER / f"{name}.rst").read_text(encoding="utf-8")
