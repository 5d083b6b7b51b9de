"""Reads folders of WAV files as waveforms with labels, by ``scipy.io.wavfile``."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import NDArray
from scipy.io import wavfile
from sklearn.utils.validation import check_scalar

from skrnn.datasets._folders import is_system_name


class Recordings(tuple[list[NDArray[np.float32]], NDArray]):
    """The pair ``(X, y)`` of waveforms and labels, with their rate and files.

    ``read_audio_folder`` documents the attributes.
    """

    sample_rate: int
    paths: list[Path]

    @property
    def X(self) -> list[NDArray[np.float32]]:
        """The waveforms."""
        return self[0]

    @property
    def y(self) -> NDArray:
        """The labels."""
        return self[1]


def read_audio_folder(
    path: Any,
    *,
    label: Callable[[Path], Any] | None = None,
    sample_rate: int | None = None,
    pattern: str = "*",
) -> Recordings:
    r"""Read a folder of WAV files as waveforms, one subfolder a class.

    Parameters
    ----------
    path : str or path-like
        The folder. Files and subfolders whose name begins with a dot are ignored, and those
        that systems add: "Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX", "@eaDir".
    label : callable, default=None
        Called with the path of each file, it returns the label: for recordings such as
        "7_jackson_32.wav", ``label=lambda path: path.name[0]``. None takes the name of
        the subfolder of ``path`` in which the file lies.
    sample_rate : int, default=None
        Samples a second of the result; files of other rates are resampled by a polyphase
        filter. None keeps the rate of the files, which must all have the same.
    pattern : str, default="*"
        Which files are read, as in ``Path.rglob``. By default a file that is not a WAV
        file is an error; "\*.wav" ignores those of other names.

    Returns
    -------
    recordings : Recordings
        A tuple ``(X, y)``, so that ``X, y = read_audio_folder(...)``, with attributes:

        X : list of float32 ndarray of shape (n_samples_i,)
            The waveforms in the order of the paths. The full scale of files of integers
            is 1. Channels are averaged.
        y : ndarray of shape (n_recordings,)
            The labels.
        sample_rate : int
            Samples a second.
        paths : list of Path
            The files: names of speakers, for groups of a cross-validation, may be parts
            of their names.

    Raises
    ------
    NotADirectoryError
        If ``path`` is not a folder.
    ValueError
        If there is no file, or a file is not a WAV file, is cut off, has no samples, has
        another rate than the others, or lies in no subfolder; the file is named.

    See Also
    --------
    skrnn.preprocessing.LogMelFrames : Turn waveforms into steps for an estimator.

    Notes
    -----
    WAV files of integers of 8 to 64 bits and of floats are read, uncompressed. Other
    formats (MP3, FLAC, Ogg) have to be converted before, for example by ffmpeg.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from scipy.io import wavfile
    >>> from skrnn.datasets import read_audio_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, n_samples in [("no/1.wav", 800), ("yes/1.wav", 400)]:
    ...         file = pathlib.Path(folder, name)
    ...         file.parent.mkdir()
    ...         wavfile.write(file, 8000, np.zeros(n_samples, np.int16))
    ...     recordings = read_audio_folder(folder)
    >>> X, y = recordings
    >>> [len(waveform) for waveform in X], y.tolist(), recordings.sample_rate
    ([800, 400], ['no', 'yes'], 8000)
    """
    if sample_rate is not None:
        check_scalar(sample_rate, "sample_rate", Integral, min_val=1)
    folder = Path(path)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    paths = _files_in(folder, pattern, in_subfolders=label is None)
    if label is None:
        labels = [file.relative_to(folder).parts[0] for file in paths]
    else:
        labels = [label(file) for file in paths]
    X = []
    rate = sample_rate
    for file in paths:
        own_rate, waveform = _read_wav(file)
        if sample_rate is not None:
            waveform = _resample(waveform, own_rate, sample_rate)
        elif rate not in (None, own_rate):
            raise ValueError(
                f"{file} has {own_rate} samples a second, expected {rate} (as {paths[0]} "
                f"has); pass sample_rate={rate} to resample it"
            )
        else:
            rate = own_rate
        X.append(waveform.astype(np.float32))
    recordings = Recordings((X, np.array(labels)))
    recordings.sample_rate, recordings.paths = int(rate or 0), paths
    return recordings


def _files_in(folder: Path, pattern: str, *, in_subfolders: bool) -> list[Path]:
    """Return the files to read, sorted."""
    files = [
        file
        for file in sorted(folder.rglob(pattern))
        if file.is_file() and not any(map(is_system_name, file.relative_to(folder).parts))
    ]
    if in_subfolders:
        outside = [file for file in files if file.parent == folder]
        sounds = [file for file in outside if file.suffix.lower() in (".wav", ".wave")]
        if sounds:
            raise ValueError(
                f"{sounds[0]} lies in no subfolder, whose name would be its label; pass "
                "label=, a function of the path"
            )
        files = [file for file in files if file.parent != folder]
    if not files:
        where = "subfolder of " if in_subfolders else ""
        raise ValueError(f"no file {pattern!r} in {'a ' * bool(where)}{where}{folder}")
    return files


def _read_wav(file: Path) -> tuple[int, NDArray]:
    """Return the sample rate and the waveform, floats ``(n_samples,)``."""
    try:
        with warnings.catch_warnings():
            # chunks of other data, such as titles, are warned of and ignored
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            warnings.filterwarnings("error", message="Reached EOF prematurely")
            rate, samples = wavfile.read(file)
    except (ValueError, EOFError, struct.error, wavfile.WavFileWarning) as error:
        raise ValueError(f"{file} is not a WAV file that can be read: {error}") from error
    if not samples.size:
        raise ValueError(f"{file} has no samples")
    if samples.dtype.kind in "iu":
        full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
        silence = full_scale if samples.dtype.kind == "u" else 0.0
        samples = (samples - silence) / full_scale
    return rate, samples if samples.ndim == 1 else samples.mean(axis=1)


def _resample(waveform: NDArray, rate: int, wanted: int) -> NDArray:
    if rate == wanted:
        return waveform
    divisor = math.gcd(rate, wanted)
    return scipy.signal.resample_poly(waveform, wanted // divisor, rate // divisor)
