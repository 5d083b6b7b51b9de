"""The Japanese vowels data set. Its values and attribution lie in ``data/``."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skrnn.datasets._packed import load_packed, read_description

N_FEATURES = 12


def load_japanese_vowels(*, subset: str = "all", return_X_y: bool = False) -> Any:
    """Load the Japanese vowels: which of nine speakers says /ae/?

    640 sequences of 7 to 29 steps, each with 12 cepstrum coefficients.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="all"
        The official training part (270 sequences), the official test part (370), or
        both, the training part first.
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
        If ``subset`` is none of the three.

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
    data, (target,) = load_packed("japanese_vowels", subset)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=[f"cepstrum_{i + 1}" for i in range(N_FEATURES)],
        target_names=np.unique(target),
        DESCR=read_description("japanese_vowels"),
    )
