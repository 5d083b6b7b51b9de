"""The spoken digits data set. Its values and attribution lie in ``data/``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skrnn.datasets._packed import load_packed, read_description

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
#: Levels are stored as whole numbers of steps above the lowest.
DECIBELS_A_STEP, LOWEST = np.float32(0.375), np.float32(-60.0)
N_BANDS, HIGHEST_HERTZ = 24, 4000.0


def load_spoken_digits(*, subset: str = "all", return_X_y: bool = False) -> Any:
    """Load the spoken digits: which digit does a recording say?

    900 recordings of six speakers, as sequences of 7 to 81 steps. A step is a frame of 32
    ms, one each 16 ms, described by its level in 24 bands of frequency (a mel
    spectrogram).

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="all"
        The training part (600 sequences), the official test part (300), or both, the
        training part first. The six speakers are the same in both parts; split by
        ``speaker`` to measure the accuracy on new voices.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    data : Bunch
        With the attributes

        data : list of float32 ndarray of shape (n_steps_i, 24)
            The sequences, levels in decibels.
        target : int64 ndarray of shape (n_sequences,)
            The digits, 0 to 9.
        speaker : ndarray of str of shape (n_sequences,)
            The speakers' names: groups for ``GroupKFold`` and its like.
        recording : int64 ndarray of shape (n_sequences,)
            The number of the recording, of its digit and speaker.
        feature_names : list of str
            The bands' centres, "55 Hz" to "3655 Hz".
        target_names : list of str
            "zero" to "nine".
        DESCR : str
            Description, source and licence.
    (data, target) : tuple
        Only with ``return_X_y=True``.

    Raises
    ------
    ValueError
        If ``subset`` is none of the three.

    Notes
    -----
    The data file is licensed under CC BY-SA 4.0, not under skrnn's licence; ``DESCR``
    has the attribution.

    References
    ----------
    Jackson (2016). Free Spoken Digit Dataset.
    https://github.com/Jakobovski/free-spoken-digit-dataset

    Davis, Mermelstein (1980). Comparison of parametric representations for monosyllabic
    word recognition in continuously spoken sentences. IEEE Transactions on Acoustics,
    Speech, and Signal Processing 28(4), 357-366.

    Examples
    --------
    >>> from skrnn.datasets import load_spoken_digits
    >>> digits = load_spoken_digits(subset="train")
    >>> len(digits.data), digits.data[0].shape, int(digits.target[0])
    (600, (39, 24), 0)
    """
    steps, columns = load_packed("spoken_digits", subset, ("y", "speaker", "recording"))
    data = [frames * DECIBELS_A_STEP + LOWEST for frames in steps]
    target, speaker, recording = columns
    target = target.astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        speaker=speaker,
        recording=recording.astype(np.int64),
        feature_names=[f"{hertz:.0f} Hz" for hertz in _band_edges()[1:-1]],
        target_names=NAMES,
        DESCR=read_description("spoken_digits"),
    )


def _band_edges() -> NDArray[np.float64]:
    """Return where the bands begin, have their centre and end, evenly spaced in mel."""
    highest = 2595 * np.log10(1 + HIGHEST_HERTZ / 700)
    return 700 * (10 ** (np.linspace(0, highest, N_BANDS + 2) / 2595) - 1)
