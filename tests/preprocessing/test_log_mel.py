"""LogMelFrames: levels that are powers, bands where the tones are, and containers."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.signal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrnn import SequenceClassifier
from skrnn.preprocessing import LogMelFrames, _log_mel

RATE = 8000


def tone(hertz, seconds=0.1, amplitude=1.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return amplitude * np.sin(2 * np.pi * hertz * time)


def noise(*lengths, seed=0):
    random = np.random.RandomState(seed)
    return [random.uniform(-0.5, 0.5, length) for length in lengths]


def frames_of(X, **parameters):
    return LogMelFrames(sample_rate=RATE, **parameters).fit_transform(X)


def levels_of(X, **parameters):
    return frames_of(X, reference="full_scale", **parameters)


# --- levels --------------------------------------------------------------------------


def test_the_loudest_band_of_a_tone_is_the_one_whose_centre_it_has():
    transformer = LogMelFrames(sample_rate=RATE, n_mels=20).fit([tone(440)])
    X = [tone(hertz) for hertz in transformer.frequencies_]
    loudest = [levels.mean(axis=0).argmax() for levels in transformer.transform(X)]
    assert loudest == list(range(20))


def test_levels_are_those_of_scipys_stft_in_bands_made_by_hand():
    (samples,) = noise(1500)
    size, hop, n_fft = 200, 80, 512
    _, _, spectrum = scipy.signal.stft(
        samples,
        RATE,
        window="hann",
        nperseg=size,
        noverlap=size - hop,
        nfft=n_fft,
        boundary=None,
        padded=False,
        scaling="psd",
    )
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 12)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    bins = np.fft.rfftfreq(n_fft, 1 / RATE)
    filters = [
        np.interp(bins, hertz[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(10)
    ]
    power = 2 * RATE / n_fft * np.abs(spectrum.T) ** 2 @ np.transpose(filters)
    (levels,) = levels_of([samples], n_mels=10, n_fft=n_fft)
    np.testing.assert_allclose(levels, 10 * np.log10(power), atol=1e-4)


def test_the_bands_of_a_frame_add_up_to_its_windowed_mean_square():
    samples = tone(500, amplitude=0.4) + tone(1300, amplitude=0.2) + tone(2000)
    (levels,) = levels_of([samples], dynamic_range=200)
    window = scipy.signal.windows.hann(200, sym=False)
    for i, frame in enumerate(levels):
        part = samples[80 * i : 80 * i + 200]
        mean_square = np.sum((window * part) ** 2) / np.sum(window**2)
        assert np.sum(10 ** (frame / 10)) == pytest.approx(mean_square, rel=1e-4)


def test_a_sine_of_full_scale_has_minus_three_decibels():
    (levels,) = levels_of([tone(1000)], n_mels=10)
    np.testing.assert_allclose(
        10 * np.log10(np.sum(10 ** (levels / 10), axis=1)), -3.01, atol=0.01
    )


def test_twice_the_amplitude_is_six_decibels_more_and_no_change_to_the_peak():
    (samples,) = noise(900)
    quiet, loud = levels_of([samples, 2 * samples])
    np.testing.assert_allclose(loud - quiet, 20 * np.log10(2), atol=1e-4)
    quiet, loud = frames_of([samples, 2 * samples])
    np.testing.assert_allclose(loud, quiet, atol=1e-4)
    assert loud.max() == 0


def test_samples_in_small_units_lose_nothing():
    (samples,) = noise(900)
    plain, small = levels_of([samples, samples * 1e-12])
    np.testing.assert_allclose(small, plain - 240, atol=1e-3)


@pytest.mark.parametrize("reference", ["full_scale", "peak"])
def test_no_level_is_lower_than_the_dynamic_range_below_the_loudest(reference):
    samples = np.concatenate([tone(1000), np.zeros(800)])
    (levels,) = frames_of([samples], dynamic_range=30, reference=reference)
    assert levels.min() == pytest.approx(levels.max() - 30, abs=1e-4)


@pytest.mark.parametrize("reference", ["full_scale", "peak"])
def test_digital_silence_has_finite_levels(reference):
    (levels,) = frames_of([np.zeros(400)], reference=reference)
    assert (levels == -80).all()


@pytest.mark.parametrize(
    ("dtype", "zero", "full_scale"),
    [("int16", 0, 2**15), ("int32", 0, 2**31), ("uint8", 128, 128)],
)
def test_integers_are_fractions_of_their_full_scale(dtype, zero, full_scale):
    integers = np.array(
        [zero + full_scale * x for x in noise(500)[0]], dtype=np.float64
    ).astype(dtype)
    floats = (integers.astype(np.float64) - zero) / full_scale
    given, expected = levels_of([integers]), levels_of([floats])
    assert np.array_equal(given, expected)


def test_long_recordings_are_transformed_in_blocks_of_the_same_levels(monkeypatch):
    X = noise(4000)
    whole = frames_of(X)
    monkeypatch.setattr(_log_mel, "BLOCK_SAMPLES", 1100)
    np.testing.assert_allclose(frames_of(X), whole, atol=1e-4)


# --- bands ---------------------------------------------------------------------------


def test_weights_of_a_frequency_between_the_outer_centres_add_up_to_one():
    transformer = LogMelFrames(sample_rate=RATE, n_mels=12).fit(noise(300))
    hertz = np.arange(transformer.n_fft_ // 2 + 1) * RATE / transformer.n_fft_
    first, last = transformer.frequencies_[[0, -1]]
    inside = (first <= hertz) & (hertz <= last)
    np.testing.assert_allclose(transformer.filters_[inside].sum(axis=1), 1)
    assert (transformer.filters_[~inside].sum(axis=1) < 1).all()


@pytest.mark.parametrize("n_mels", [1, 40, 128])
def test_the_transform_resolves_every_band(n_mels):
    transformer = LogMelFrames(sample_rate=RATE, n_mels=n_mels).fit(noise(300))
    assert transformer.filters_.any(axis=0).all()


def test_bands_lie_between_the_frequencies_given():
    transformer = LogMelFrames(
        sample_rate=RATE, n_mels=5, min_frequency=300, max_frequency=2000
    ).fit(noise(300))
    hertz = np.arange(transformer.n_fft_ // 2 + 1) * RATE / transformer.n_fft_
    used = hertz[transformer.filters_.any(axis=1)]
    assert 300 < used.min() < used.max() < 2000
    spacing = np.diff(2595 * np.log10(1 + transformer.frequencies_ / 700))
    np.testing.assert_allclose(spacing, spacing[0])


def test_bands_are_those_of_published_tables():
    # the example of the MFCC tutorial of J. Lyons: ten bands from 300 to 8000 Hz
    transformer = LogMelFrames(sample_rate=16000, n_mels=10, min_frequency=300)
    transformer.fit(noise(500))
    hertz = [517.33, 781.90, 1103.97, 1496.04, 1973.32, 2554.33, 3261.62, 4122.63]
    hertz += [5170.76, 6446.70]
    np.testing.assert_allclose(transformer.frequencies_, hertz, atol=0.06)
    edges = _log_mel.mel_edges(0, 8000, 10)
    mels = 2595 * np.log10(1 + edges / 700)  # 8000 Hz are 2840.02 mel in HTK and librosa
    np.testing.assert_allclose(mels, np.linspace(0, 2840.023, 12), atol=1e-3)


def test_features_are_named_after_the_centres():
    transformer = LogMelFrames(sample_rate=RATE, n_mels=3, deltas=2).fit(noise(300))
    names = transformer.get_feature_names_out()
    assert names[:3].tolist() == ["427 Hz", "1114 Hz", "2220 Hz"]
    assert names[[3, 8]].tolist() == ["delta 427 Hz", "delta2 2220 Hz"]
    assert names.dtype == object


def test_names_of_close_bands_differ():
    slow = LogMelFrames(sample_rate=20, n_mels=30, frame_seconds=5, hop_seconds=1)
    names = slow.fit(noise(300)).get_feature_names_out()
    assert names[[0, 1, -1]].tolist() == ["0.3 Hz", "0.6 Hz", "9.7 Hz"]


# --- frames --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_samples", "n_frames"), [(1, 1), (199, 1), (200, 1), (279, 1), (280, 2), (800, 8)]
)
def test_frames_are_the_whole_ones_and_at_least_one(n_samples, n_frames):
    (levels,) = frames_of([np.ones(n_samples)])
    assert levels.shape == (n_frames, 40)
    assert levels.dtype == np.float32
    assert np.isfinite(levels).all()


def test_a_waveform_has_the_same_frames_alone_and_among_others():
    X = noise(300, 900, 500)
    together = frames_of(X)
    assert all(
        np.array_equal(frames_of([x])[0], levels)
        for x, levels in zip(X, together, strict=True)
    )


def test_deltas_are_the_slopes_of_regression_lines():
    (levels,) = frames_of(noise(2000), n_mels=6, deltas=2)
    assert levels.shape[1] == 18
    plain, first, second = np.split(levels, 3, axis=1)
    for values, slopes in ((plain, first), (first, second)):
        expected = scipy.signal.savgol_filter(values, 5, polyorder=1, deriv=1, axis=0)
        np.testing.assert_allclose(slopes[2:-2], expected[2:-2], atol=1e-4)


def test_deltas_of_a_constant_are_zero_up_to_the_ends():
    tone_at_hops = tone(1000, seconds=0.2)  # a hop of 80 samples is 10 periods
    (levels,) = frames_of([tone_at_hops], n_mels=6, deltas=1)
    np.testing.assert_allclose(levels[:, 6:], 0, atol=1e-4)


# --- containers and scikit-learn -----------------------------------------------------


def test_the_container_is_that_of_X():
    X = noise(300, 500)
    expected = frames_of(X)
    series = pd.Series(X, index=["a", "b"], name="sound")
    of_series = frames_of(series)
    assert of_series.index.tolist() == ["a", "b"]
    assert of_series.name == "sound"
    of_frame = frames_of(series.to_frame())
    assert of_frame.columns.tolist() == ["sound"]
    of_objects = frames_of(series.to_numpy())
    assert of_objects.shape == (2,)
    assert isinstance(frames_of(tuple(X)), tuple)
    for given in (of_series, of_frame["sound"], of_objects, frames_of(tuple(X))):
        assert all(map(np.array_equal, given, expected))


def test_arrays_become_arrays_of_frames():
    X = np.stack(noise(400, 400))
    expected = np.stack(frames_of(list(X)))
    assert expected.shape == (2, 3, 40)
    for given in (X, pd.DataFrame(X), X[:, :, None]):
        result = frames_of(given)
        assert isinstance(result, np.ndarray)
        assert np.array_equal(result, expected)


def test_output_settings_change_nothing():
    X = noise(300, 500)
    with config_context(transform_output="pandas"):
        result = frames_of(X)
    assert isinstance(result, list)
    transformer = LogMelFrames(sample_rate=RATE)
    assert transformer.set_output(transform="pandas") is transformer


def test_a_pipeline_classifies_tones_and_searches_over_its_frames():
    random = np.random.RandomState(0)
    y = np.arange(20) % 2
    X = [tone(500 + 1000 * label, random.uniform(0.03, 0.08)) for label in y]
    pipeline = make_pipeline(
        LogMelFrames(sample_rate=RATE, hop_seconds=0.02),
        SequenceClassifier(hidden_size=4, max_epochs=5, lr=0.05, random_state=0),
    )
    search = GridSearchCV(pipeline, {"logmelframes__n_mels": [8]}, cv=2).fit(X, y)
    assert search.best_score_ == 1
    assert search.predict([tone(480, 0.2), tone(1550, 0.2)]).tolist() == [0, 1]


def test_clones_and_pickles_keep_their_frames():
    X = noise(300)
    fitted = LogMelFrames(sample_rate=RATE, deltas=1).fit(X)
    expected = fitted.transform(X)
    for copy in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X)):
        assert all(map(np.array_equal, copy.transform(X), expected))


# --- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sample_rate": 0}, "'sample_rate' parameter .* must be a float in the range"),
        ({"n_mels": 0}, "'n_mels' parameter"),
        ({"reference": "loud"}, "'reference' parameter"),
        ({"deltas": 3}, "'deltas' parameter"),
        ({"max_frequency": 5000}, r"max_frequency=5000.* at most half .* 4000 Hz"),
        ({"min_frequency": 900, "max_frequency": 800}, "min_frequency=900 must be lower"),
        ({"hop_seconds": 1e-5}, r"hop_seconds=1e-05 is less than one sample"),
        ({"n_fft": 128}, "n_fft=128 must be at least the 200 samples of a frame"),
        (
            {"n_fft": 200, "n_mels": 90},
            r"lies between two frequencies .* raise n_fft=200",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_parameter_out_of_range_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        LogMelFrames(**{"sample_rate": RATE, **parameters}).fit(noise(300))


@pytest.mark.parametrize(
    ("waveform", "error", "message"),
    [
        (np.zeros(0), ValueError, r"X\[1\] has no samples"),
        (np.zeros((50, 2)), ValueError, r"X\[1\] has shape \(50, 2\).*x\.mean\(axis=1\)"),
        (np.array([0.0, np.nan]), ValueError, r"X\[1\] is nan at sample 1"),
        (np.array([np.inf, 1.0]), ValueError, r"X\[1\] is inf at sample 0"),
        ([1, 2, 3], ValueError, r"X\[1\] holds int64, \[1, 2, 3\]; expected floats or"),
        (np.array([1j]), ValueError, r"X\[1\] holds complex128"),
        ("a.wav", TypeError, r"X\[1\] is str, expected an array of samples"),
        (3.0, TypeError, r"X\[1\] is float, expected an array of samples"),
    ],
    ids=["empty", "stereo", "nan", "inf", "int64", "complex", "path", "number"],
)
def test_what_is_no_waveform_is_named(waveform, error, message):
    transformer = LogMelFrames(sample_rate=RATE).fit(noise(300))
    X = [np.ones(300), waveform]
    for method in (transformer.fit, transformer.transform):
        with pytest.raises(error, match=message):
            method(X)


def test_several_columns_and_no_waveforms_are_refused():
    X = pd.DataFrame({"left": noise(300, 500), "right": noise(300, 500)})
    with pytest.raises(ValueError, match="X has 2 columns, expected one column"):
        frames_of(X)
    with pytest.raises(ValueError, match="X has 0 waveforms"):
        frames_of([])


def test_one_waveform_alone_is_refused():
    with pytest.raises(ValueError, match=r"X is 1-D.* pass one sequence x as \[x\]"):
        frames_of(noise(300)[0])


def test_transform_wants_fit():
    with pytest.raises(NotFittedError, match="LogMelFrames instance is not fitted"):
        LogMelFrames(sample_rate=RATE).transform(noise(300))
