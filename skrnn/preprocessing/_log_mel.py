"""LogMelFrames: waveforms as frames of levels in mel bands, by numpy and scipy.

This file owns the filter bank, the levels and their deltas. Files are read by
``skrnn.datasets.read_audio_folder``.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import scipy.fft
import scipy.signal
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skrnn._callbacks import as_one_task
from skrnn._sklearn import Interval, StrOptions, validate_parameter_constraints
from skrnn.data.layouts import read_container
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import is_sequence, shown, to_array
from skrnn.preprocessing._same_container import SameContainerMixin

#: Types of integer samples; 0 is silence, of uint8 128.
INTEGERS = ("uint8", "int16", "int32")
#: Frames on each side from which a delta is computed.
DELTA_WIDTH = 2
#: Samples that are transformed at once, which bounds the memory of long recordings.
BLOCK_SAMPLES = 2**20


class LogMelFrames(SameContainerMixin, BaseEstimator):
    r"""Turn waveforms into frames of levels in mel bands, the usual input for audio.

    A recording is cut into short overlapping frames. A frame becomes one step: its level
    in each of ``n_mels`` frequency bands, in decibels. The bands are evenly spaced on the
    mel scale, as hearing is: narrow at low frequencies, wide at high ones.

    Parameters
    ----------
    sample_rate : float
        Samples a second of all recordings, above 0.
    n_mels : int, default=40
        Number of bands, at least 1. More resolve pitch and timbre more finely, and give
        the network more features.
    frame_seconds : float, default=0.025
        Length of a frame in seconds, above 0. Longer frames resolve frequencies more
        finely, and blur what changes fast.
    hop_seconds : float, default=0.01
        Time from the start of a frame to the next in seconds, above 0. A larger one gives
        fewer steps, so that training is faster.
    min_frequency, max_frequency : float, default=0.0 and None
        Where the lowest band begins and the highest one ends, in Hz. None is half of
        ``sample_rate``, the highest frequency that the samples hold.
    n_fft : int or "auto", default="auto"
        Samples of a Fourier transform, at least those of a frame, which is padded with
        zeros. "auto" is the smallest power of 2 that resolves the narrowest band.
    reference : {"peak", "full_scale"}, default="peak"
        The power of 0 dB. "peak" is the loudest band of each recording, so that its
        volume has no influence. "full_scale" is a mean square of 1: a sine of the largest
        amplitude has -3 dB.
    dynamic_range : float, default=80.0
        Levels lower than this many decibels below the loudest band of the recording are
        raised to that, above 0. Smaller ones remove more of the noise in pauses.
    deltas : {0, 1, 2}, default=0
        Derivatives over time that are added as features: none, the first, or the first
        and second.

    Attributes
    ----------
    filters_ : float64 ndarray of shape (n_fft // 2 + 1, n_mels)
        The weight of each frequency of the Fourier transform in each band.
    frequencies_ : float64 ndarray of shape (n_mels,)
        The bands' centres in Hz.
    window_ : float64 ndarray of shape (n_frame_samples,)
        The window that each frame is multiplied by.
    hop_samples_ : int
        Samples from the start of a frame to the next.
    n_fft_ : int
        Samples of a Fourier transform.

    See Also
    --------
    StepwiseTransformer : Apply a transformer to every frame, for example a DCT.
    skrnn.datasets.read_audio_folder : Read a folder of WAV files.

    Notes
    -----
    Frequencies of :math:`f` Hz lie at :math:`m = 2595 \log_{10}(1 + f / 700)` mel
    [1]_. The ``n_mels + 2`` edges of the bands are evenly spaced between the lowest and
    highest frequency in mel. Band ``i`` is a triangle that rises from 0 at edge ``i`` to
    1 at edge ``i + 1`` and falls to 0 at edge ``i + 2`` [2]_, so that the weights of a
    frequency between the first and the last centre have the sum 1. These are the scale and
    the shape of HTK's filters [3]_, in librosa ``filters.mel(htk=True, norm=None)``. The
    default there is the scale of Slaney's Auditory Toolbox, linear below 1000 Hz, and each
    filter is divided by its width; that shifts the levels of a band by a constant, which
    standardising removes.

    A frame :math:`x` of ``n`` samples is multiplied by a periodic Hann window :math:`w`
    and transformed to :math:`X_k`. Its power at frequency ``k`` is :math:`2 |X_k|^2 /
    (n_\mathrm{fft} \sum_j w_j^2)`, which has the sum over ``k`` of the windowed mean
    square (Parseval). The level of a band is :math:`10 \log_{10}` of the weighted sum.

    Frames start at sample 0 and are not padded: a recording of ``s`` samples has
    ``1 + (s - n) // hop_samples_`` of them, and one if it is shorter than a frame. A
    delta is the slope of a regression line over two frames on each side; the first and
    last frame are repeated at the ends [4]_.

    Integers are divided by their full scale: ``int16`` by 32768, ``int32`` by
    2147483648, ``uint8`` by 128 after 128 is subtracted. Floats are taken as they are.

    References
    ----------
    .. [1] O'Shaughnessy (1987). Speech communication: human and machine. Addison-Wesley,
       p. 150.
    .. [2] Davis, Mermelstein (1980). Comparison of parametric representations for
       monosyllabic word recognition in continuously spoken sentences. IEEE Transactions
       on Acoustics, Speech, and Signal Processing 28(4), 357-366, section II.
    .. [3] Young et al. (2006). The HTK book (for HTK version 3.4). Cambridge University
       Engineering Department, section 5.4.
    .. [4] Furui (1986). Speaker-independent isolated word recognition using dynamic
       features of speech spectrum. IEEE Transactions on Acoustics, Speech, and Signal
       Processing 34(1), 52-59, section II.

    Examples
    --------
    A tone of 1000 Hz, 0.1 s long, and one of 2000 Hz, half as long:

    >>> import numpy as np
    >>> from skrnn.preprocessing import LogMelFrames
    >>> time = np.arange(800) / 8000
    >>> X = [np.sin(2 * np.pi * 1000 * time), np.sin(2 * np.pi * 2000 * time[:400])]
    >>> frames = LogMelFrames(sample_rate=8000, n_mels=10)
    >>> [sequence.shape for sequence in frames.fit_transform(X)]
    [(8, 10), (3, 10)]
    >>> loudest = [sequence.mean(axis=0).argmax() for sequence in frames.transform(X)]
    >>> frames.get_feature_names_out()[loudest].tolist()
    ['963 Hz', '2096 Hz']
    """

    _parameter_constraints = {
        "sample_rate": [Interval(Real, 0, None, closed="neither")],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "frame_seconds": [Interval(Real, 0, None, closed="neither")],
        "hop_seconds": [Interval(Real, 0, None, closed="neither")],
        "min_frequency": [Interval(Real, 0, None, closed="left")],
        "max_frequency": [Interval(Real, 0, None, closed="neither"), None],
        "n_fft": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "reference": [StrOptions({"full_scale", "peak"})],
        "dynamic_range": [Interval(Real, 0, None, closed="neither")],
        "deltas": [Interval(Integral, 0, 2, closed="both")],
    }

    def __init__(
        self,
        *,
        sample_rate: float,
        n_mels: int = 40,
        frame_seconds: float = 0.025,
        hop_seconds: float = 0.01,
        min_frequency: float = 0.0,
        max_frequency: float | None = None,
        n_fft: int | str = "auto",
        reference: str = "peak",
        dynamic_range: float = 80.0,
        deltas: int = 0,
    ):
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.frame_seconds = frame_seconds
        self.hop_seconds = hop_seconds
        self.min_frequency = min_frequency
        self.max_frequency = max_frequency
        self.n_fft = n_fft
        self.reference = reference
        self.dynamic_range = dynamic_range
        self.deltas = deltas

    @as_one_task
    def fit(self, X: Any, y: Any = None) -> LogMelFrames:
        """Compute the window and the filters. Nothing is learned from the waveforms.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences waveforms
            1-D arrays ``(n_samples_i,)`` of floats, int16, int32 or uint8, a 2-D array
            with one row a waveform, a 3-D array ``(n_sequences, n_samples, 1)``, or a
            frame with one column of arrays.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        TypeError
            If X is not a container of waveforms.
        ValueError
            If a parameter is out of range, a band lies between two frequencies of the
            Fourier transform, or a waveform is empty, has several channels, integers of
            another type, NaN or infinity.
        """
        self._check_parameters()
        _read_waveforms(X)
        self._prepare()
        return self

    def transform(self, X: Any) -> Any:
        """Compute the frames of each waveform.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences waveforms
            As in ``fit``; the lengths may differ.

        Returns
        -------
        X_new : container of X
            float32 arrays ``(n_frames_i, n_features)``, for each frame ``n_mels`` levels
            in decibels, then their deltas. A 2-D array becomes a 3-D one.
        """
        check_is_fitted(self)
        waveforms, rebuild = _read_waveforms(X)
        return rebuild([self._frames_of(waveform) for waveform in waveforms])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of a frame's features.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        feature_names_out : object ndarray of shape (n_features,)
            The bands' centres, such as "1000 Hz", and "delta 1000 Hz", "delta2 1000 Hz".
        """
        check_is_fitted(self)
        centres = self.frequencies_
        smallest = np.diff(centres).min() if len(centres) > 1 else 1.0
        digits = max(0, math.ceil(-math.log10(smallest)))
        return np.array(
            [
                f"{prefix}{hertz:.{digits}f} Hz"
                for prefix in ("", "delta ", "delta2 ")[: self.deltas + 1]
                for hertz in centres
            ],
            dtype=object,
        )

    def _check_parameters(self) -> None:
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(), type(self).__name__
        )
        half = self.sample_rate / 2
        highest = half if self.max_frequency is None else self.max_frequency
        if not self.min_frequency < highest <= half:
            raise ValueError(
                f"min_frequency={self.min_frequency} must be lower than max_frequency="
                f"{self.max_frequency}, and that at most half of sample_rate, {half:g} Hz"
            )
        for name in ("frame_seconds", "hop_seconds"):
            if round(getattr(self, name) * self.sample_rate) < 1:
                raise ValueError(
                    f"{name}={getattr(self, name)} is less than one sample at "
                    f"sample_rate={self.sample_rate}"
                )

    def _prepare(self) -> None:
        size = round(self.frame_seconds * self.sample_rate)
        highest = self.sample_rate / 2
        if self.max_frequency is not None:
            highest = self.max_frequency
        edges = mel_edges(self.min_frequency, highest, self.n_mels)
        if isinstance(self.n_fft, str):  # "auto"
            narrowest = np.diff(edges).min()
            n_fft = 2 ** math.ceil(math.log2(max(size, self.sample_rate / narrowest)))
        else:
            n_fft = self.n_fft
        if n_fft < size:
            raise ValueError(
                f"n_fft={n_fft} must be at least the {size} samples of a frame"
            )
        filters = mel_filters(edges, n_fft, self.sample_rate)
        empty = np.flatnonzero(~filters.any(axis=0))
        if len(empty):
            low, high = edges[empty[0]], edges[empty[0] + 2]
            raise ValueError(
                f"the band from {low:.1f} to {high:.1f} Hz lies between two frequencies "
                f"of the Fourier transform, which are {self.sample_rate / n_fft:.1f} Hz "
                f"apart; raise n_fft={self.n_fft}, or lower n_mels={self.n_mels}"
            )
        self.n_fft_ = n_fft
        self.hop_samples_ = round(self.hop_seconds * self.sample_rate)
        self.window_ = scipy.signal.windows.hann(size, sym=False)
        self.frequencies_ = edges[1:-1]
        self.filters_ = filters

    def _frames_of(self, waveform: NDArray) -> NDArray[np.float32]:
        """Return the levels, and their deltas, of one waveform."""
        power = self._band_power(waveform)  # (n_frames, n_mels)
        peak = power.max()
        if peak > 0:
            power = np.maximum(power / peak, 10 ** (-self.dynamic_range / 10))
            levels = 10 * np.log10(power)
            if self.reference == "full_scale":
                levels += 10 * np.log10(peak)
        else:  # digital silence
            levels = np.full(power.shape, -float(self.dynamic_range))
        parts = [levels]
        for _ in range(self.deltas):
            parts.append(regression_deltas(parts[-1]))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _band_power(self, waveform: NDArray) -> NDArray[np.float64]:
        size = len(self.window_)
        if len(waveform) < size:
            waveform = np.pad(waveform, (0, size - len(waveform)))
        frames = np.lib.stride_tricks.sliding_window_view(waveform, size)
        frames = frames[:: self.hop_samples_]  # (n_frames, size), a view
        window = self.window_ * math.sqrt(2 / (self.n_fft_ * np.sum(self.window_**2)))
        n_rows = max(1, BLOCK_SAMPLES // self.n_fft_)
        blocks = []
        for start in range(0, len(frames), n_rows):
            spectrum = scipy.fft.rfft(
                frames[start : start + n_rows] * window, self.n_fft_
            )
            blocks.append((spectrum.real**2 + spectrum.imag**2) @ self.filters_)
        return np.concatenate(blocks)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "filters_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = []
        return tags


# --- mel bands and deltas ------------------------------------------------------------


def mel_edges(lowest: float, highest: float, n_mels: int) -> NDArray[np.float64]:
    """Return the edges of bands in Hz, ``(n_mels + 2,)``, evenly spaced in mel."""
    first, last = 2595 * np.log10(1 + np.array([lowest, highest]) / 700)
    edges = 700 * (10 ** (np.linspace(first, last, n_mels + 2) / 2595) - 1)
    edges[[0, -1]] = lowest, highest  # exactly, without the rounding of the powers
    return edges


def mel_filters(
    edges: NDArray[np.float64], n_fft: int, sample_rate: float
) -> NDArray[np.float64]:
    """Return triangular filters ``(n_fft // 2 + 1, n_mels)`` between the edges."""
    frequencies = np.arange(n_fft // 2 + 1)[:, None] * sample_rate / n_fft
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


def regression_deltas(levels: NDArray) -> NDArray:
    """Return the slope at each frame, ``(n_frames, n_mels)``, a frame being 1."""
    offsets = np.arange(-DELTA_WIDTH, DELTA_WIDTH + 1)
    padded = np.pad(levels, ((DELTA_WIDTH, DELTA_WIDTH), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(offsets), axis=0)
    return windows @ (offsets / np.sum(offsets**2))  # (n_frames, n_mels)


# --- waveforms -----------------------------------------------------------------------


def _read_waveforms(X: Any) -> tuple[list[NDArray[np.float64]], Any]:
    """Return each waveform as floats, and a function that rebuilds the container."""
    layout, content, rebuild = read_container(X)
    frame = content
    if layout == "fields":
        if frame.shape[1] > 1:
            raise ValueError(
                f"X has {frame.shape[1]} columns, expected one column of waveforms"
            )
        content = frame.iloc[:, 0].tolist()
    elif layout == "columns":
        content = to_array(content)
    if not len(content):
        raise ValueError("X has 0 waveforms, at least 1 is required")
    waveforms = [as_waveform(waveform, f"X[{i}]") for i, waveform in enumerate(content)]

    def rebuilt(frames: list[NDArray[np.float32]]) -> Any:
        if layout == "fields":
            return pd.DataFrame({frame.columns[0]: object_array(frames)}, frame.index)
        if layout == "columns":
            return np.stack(frames)
        return rebuild(RaggedArray.from_sequences(frames), None)

    return waveforms, rebuilt


def as_waveform(samples: Any, name: str) -> NDArray[np.float64]:
    """Return one waveform ``(n_samples,)``, integers divided by their full scale.

    Raises
    ------
    TypeError
        If it is not a sequence.
    ValueError
        If it is empty, has several channels, or holds what is not a sample; ``name``
        is named.
    """
    if isinstance(samples, str | bytes) or not is_sequence(samples):
        raise TypeError(
            f"{name} is {type(samples).__name__}, expected an array of samples"
        )
    array = to_array(samples)
    if not array.size:
        raise ValueError(f"{name} has no samples")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} has shape {array.shape}, expected (n_samples,): average its "
            f"channels, for example as x.mean(axis=1), or choose one"
        )
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if not finite.all():
            place = int(np.argmin(finite))
            raise ValueError(f"{name} is {array[place]} at sample {place}")
        return array.astype(np.float64, copy=False)
    if array.dtype.name not in INTEGERS:
        raise ValueError(
            f"{name} holds {array.dtype.name}, {shown(array[:3].tolist())}; expected floats "
            f"or {', '.join(INTEGERS)}, whose full scale is known: pass it as floats"
        )
    full_scale = 2.0 ** (8 * array.dtype.itemsize - 1)
    silence = full_scale if array.dtype.kind == "u" else 0.0
    return (array - silence) / full_scale
