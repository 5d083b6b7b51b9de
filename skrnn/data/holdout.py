"""Held-out sequences of a validation split; every class stays in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from skrnn._warnings import warn


def draw_held_out(
    groups: list[NDArray[np.int64]],
    strata: NDArray | None,
    n_sequences: int,
    n_held_out: int,
    random: np.random.RandomState,
) -> NDArray[np.int64]:
    """Return the sequences to hold out, such that training keeps one of each group.

    Where they can, they keep the shares of the ``strata``; the only sequence of a stratum
    stays in training, and a warning says so. Where training needs every sequence, another
    warning says that none are held out.
    """
    single = [group[0] for group in groups if len(group) == 1]
    free = np.setdiff1d(np.arange(n_sequences), single)
    if not len(free):
        _warn_of_none()
        return free
    if strata is not None:
        if single:
            _warn_of_single(len(single))
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
    if not len(free):
        _warn_of_none()
    return np.sort(random.permutation(free)[:n_held_out])


def keep_groups(
    held_out: NDArray[np.int64], groups: list[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return ``held_out`` without sequences that are the only one of a group.

    A warning says how many stay in training, or that none are held out.
    """
    single = np.array([group[0] for group in groups if len(group) == 1], np.int64)
    stays = np.isin(held_out, single)
    if len(held_out) and stays.all():
        _warn_of_none()
    elif stays.any():
        _warn_of_single(int(np.isin(single, held_out).sum()))
    return held_out[~stays]


def _warn_of_single(n_classes: int) -> None:
    which = "1 class has one sequence"
    if n_classes > 1:
        which = f"{n_classes} classes have one sequence each"
    warn(
        f"{which}, which stays in the training part: held-out data do not have "
        f"{'this class' if n_classes == 1 else 'these classes'}",
    )


def _warn_of_none() -> None:
    warn(
        "early_stopping is ignored: each sequence that could be held out is the only one "
        "of its class, and stays in the training part",
    )


def _split(
    indices: NDArray[np.int64],
    n_held_out: int,
    random: np.random.RandomState,
    strata: NDArray | None,
) -> NDArray[np.int64]:
    return train_test_split(
        indices, test_size=n_held_out, stratify=strata, random_state=random
    )[1]
