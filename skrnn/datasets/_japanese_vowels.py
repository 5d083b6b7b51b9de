"""The Japanese vowels data set. Its values and attribution lie in ``data/``."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skrnn.data.ragged import RaggedArray

N_FEATURES = 12
PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}


def load_japanese_vowels(*, subset: str = "all", return_X_y: bool = False) -> Any:
    """Load the Japanese vowels: which of nine speakers says /ae/?

    640 sequences of 7 to 29 steps, each with 12 cepstrum coefficients.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="all"
        The official training part (270 sequences), the official test part (370), or the
        one after the other.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : Bunch
        With the attributes

        data : list of float32 ndarray of shape (n_steps_i, 12)
            The sequences.
        target : ndarray of str of shape (n_sequences,)
            The speakers, "1" to "9".
        feature_names : list of str
            "cepstrum_1" to "cepstrum_12".
        target_names : ndarray of str of shape (9,)
            The speakers in order.
        DESCR : str
            Description, source and licence.
    (data, target) : tuple
        Only with ``return_X_y=True``.

    Raises
    ------
    ValueError
        If ``subset`` is not one of the three.

    References
    ----------
    Kudo, Toyama, Shimbo (1999). Multidimensional curve classification using
    passing-through regions. Pattern Recognition Letters 20(11-13), 1103-1111.

    Examples
    --------
    >>> from skrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(subset="train", return_X_y=True)
    >>> len(X), X[0].shape, str(y[0])
    (270, (20, 12), '1')
    """
    if subset not in PARTS:
        raise ValueError(f"subset must be one of {sorted(PARTS)}, got {subset!r}")
    folder = resources.files("skrnn.datasets") / "data"
    data: list[NDArray] = []
    targets: list[NDArray] = []
    with (folder / "japanese_vowels.npz").open("rb") as file:
        arrays = np.load(file)
        for part in PARTS[subset]:
            steps = RaggedArray.from_lengths(arrays[f"X_{part}"], arrays[f"len_{part}"])
            data.extend(steps)
            targets.append(arrays[f"y_{part}"])
    target = np.concatenate(targets)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=[f"cepstrum_{i + 1}" for i in range(N_FEATURES)],
        target_names=np.unique(target),
        DESCR=(folder / "japanese_vowels.rst").read_text(encoding="utf-8"),
    )
