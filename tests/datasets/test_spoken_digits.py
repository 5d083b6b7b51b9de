"""The packed spectrograms are complete, split officially, and attributed."""

import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from skrnn.datasets import load_spoken_digits

SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


def test_every_speaker_says_every_digit_as_often():
    for subset, recordings in (("train", range(5, 15)), ("test", range(5))):
        digits = load_spoken_digits(subset=subset)
        assert np.unique(digits.speaker).tolist() == SPEAKERS
        rows = zip(digits.speaker, digits.target, digits.recording, strict=True)
        expected = {(s, d, r) for s in SPEAKERS for d in range(10) for r in recordings}
        assert {(str(s), int(d), int(r)) for s, d, r in rows} == expected
        assert len(digits.data) == len(expected)


def test_sequences_are_levels_in_decibels():
    X = load_spoken_digits().data
    lengths = [len(sequence) for sequence in X]
    assert (len(X), min(lengths), max(lengths), sum(lengths)) == (900, 7, 81, 23079)
    assert {(x.dtype.name, x.shape[1]) for x in X} == {("float32", 24)}
    values = np.concatenate(X)
    assert -60 <= values.min() < -59
    assert 29 < values.max() < 31
    assert not (values / 0.375 % 1).any()


def test_all_is_the_training_part_and_then_the_test_part():
    X, y = load_spoken_digits(return_X_y=True)
    X_train, y_train = load_spoken_digits(subset="train", return_X_y=True)
    X_test, y_test = load_spoken_digits(subset="test", return_X_y=True)
    assert all(np.array_equal(a, b) for a, b in zip(X, X_train + X_test, strict=True))
    assert y.tolist() == [*y_train, *y_test]


def test_the_bunch_names_features_and_classes_and_gives_source_and_licence():
    digits = load_spoken_digits(subset="test")
    assert digits.feature_names[0] == "55 Hz"
    assert digits.feature_names[-1] == "3655 Hz"
    assert len(digits.feature_names) == digits.data[0].shape[1]
    assert digits.target_names[7] == "seven"
    assert digits.target.dtype == np.int64
    for words in ("Jackson", "creativecommons.org/licenses/by-sa/4.0/", "Changes:"):
        assert words in digits.DESCR


def test_an_unknown_subset_is_refused():
    with pytest.raises(ValueError, match=r"subset must be one of .*got 'valid'"):
        load_spoken_digits(subset="valid")


def test_sequences_of_one_load_do_not_change_those_of_the_next():
    load_spoken_digits().data[0][:] = 0
    assert load_spoken_digits().data[0].any()


def test_the_file_holds_no_pickles_and_is_small():
    file = resources.files("skrnn.datasets") / "data" / "spoken_digits.npz"
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "iuU" for name in arrays)
    assert len(file.read_bytes()) < 600_000


def spectrogram(samples):
    """Compute levels (n_frames, 24) by the recipe of the description, frame by frame."""
    mel = np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 26)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    bins = np.fft.rfftfreq(256, 1 / 8000)
    bands = [
        np.interp(bins, hertz[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(24)
    ]
    rows = []
    for start in range(0, len(samples) - 255, 128):
        frame = samples[start : start + 256] / 32768 * np.hanning(257)[:256]
        power = np.abs(np.fft.rfft(frame)) ** 2
        rows.append([10 * np.log10(power @ band + 1e-6) for band in bands])
    return np.array(rows)


@pytest.mark.parametrize("subset", ["train", "test"])
def test_levels_are_those_of_the_recordings(subset):
    project = Path(__file__).resolve().parents[2]
    root = Path(os.environ.get("SKRNN_DATA", project.parent / "shared" / "data"))
    path = root / "fsdd" / "fsdd_subset.npz"
    if not path.exists():
        pytest.skip(f"wants the recordings, {path}")
    with np.load(path) as arrays:
        ends = np.cumsum(arrays[f"len_{subset}"])[:-1]
        recordings = np.split(arrays[f"X_{subset}"], ends)
        digits, speakers = arrays[f"y_{subset}"], arrays[f"speaker_{subset}"]
    packed = load_spoken_digits(subset=subset)
    assert packed.target.tolist() == digits.tolist()
    assert packed.speaker.tolist() == speakers.tolist()
    for i in range(0, len(recordings), 7):
        # half a step of 0.375 dB, and what float32 rounds
        np.testing.assert_allclose(
            packed.data[i], spectrogram(recordings[i]), atol=0.1876, rtol=0
        )
