"""Which sequences a random validation split holds out."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split


def draw_held_out(
    groups: list[NDArray[np.int64]],
    strata: NDArray | None,
    n_sequences: int,
    n_held_out: int,
    random: np.random.RandomState,
) -> NDArray[np.int64]:
    """Return the sequences to hold out, such that training keeps one of each group.

    Where they can, they keep the shares of the ``strata``; the only sequence of a stratum
    stays in training.
    """
    single = [group[0] for group in groups if len(group) == 1]
    free = np.setdiff1d(np.arange(n_sequences), single)
    if strata is not None:
        if single:
            warnings.warn(
                f"{len(single)} classes have one sequence each, which stays in the "
                "training part: held-out data do not have these classes",
                stacklevel=6,
            )
        counts = np.unique(strata[free], return_counts=True)[1]
        if len(counts) <= min(n_held_out, len(free) - n_held_out):
            held_out = _split(free, n_held_out, random, strata[free])
            # a share of less than one sequence may be rounded to none in training
            if np.isin(strata[held_out], np.delete(strata, held_out)).all():
                return np.sort(held_out)
    if not groups:
        return np.sort(_split(free, n_held_out, random, None))
    kept = [group[random.randint(len(group))] for group in groups]
    free = np.setdiff1d(free, kept)
    return np.sort(random.permutation(free)[:n_held_out])


def _split(
    indices: NDArray[np.int64],
    n_held_out: int,
    random: np.random.RandomState,
    strata: NDArray | None,
) -> NDArray[np.int64]:
    return train_test_split(
        indices, test_size=n_held_out, stratify=strata, random_state=random
    )[1]
