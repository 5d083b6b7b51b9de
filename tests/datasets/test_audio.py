"""Folders of WAV files: waveforms, labels, rates, and files that are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import wavfile

from skrnn.datasets import read_audio_folder

RATE = 8000


@pytest.fixture
def save(tmp_path):
    """Return a function that writes samples, or bytes, to a file in the folder."""

    def save(name, samples, rate=RATE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(samples, bytes):
            path.write_bytes(samples)
        else:
            wavfile.write(path, rate, np.asarray(samples))
        return path

    return save


def sine(hertz, n_samples, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(n_samples) / rate)


def test_subfolders_are_labels_and_files_come_in_order(save, tmp_path):
    save("yes/b.wav", np.full(3, 0.5, np.float32))
    save("yes/a.WAV", np.full(2, 0.25, np.float32))
    save("no/deeper/c.wav", np.full(1, -1, np.float32))
    recordings = read_audio_folder(tmp_path)
    X, y = recordings
    assert [x.tolist() for x in X] == [[-1.0], [0.25, 0.25], [0.5, 0.5, 0.5]]
    assert y.tolist() == ["no", "yes", "yes"]
    assert recordings.X is X
    assert recordings.y is y
    assert recordings.sample_rate == RATE
    assert [path.name for path in recordings.paths] == ["c.wav", "a.WAV", "b.wav"]
    assert {x.dtype.name for x in X} == {"float32"}


def test_labels_may_be_parts_of_the_names(save, tmp_path):
    for name in ("7_lucas_0.wav", "3_theo_1.wav"):
        save(name, np.zeros(4, np.int16))
    recordings = read_audio_folder(str(tmp_path), label=lambda path: int(path.name[0]))
    assert recordings.y.tolist() == [3, 7]
    assert [path.stem.split("_")[1] for path in recordings.paths] == ["theo", "lucas"]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([0, 16384, -32768], np.int16), [0, 0.5, -1]),
        (np.array([0, 2**30, -(2**31)], np.int32), [0, 0.5, -1]),
        (np.array([128, 192, 0], np.uint8), [0, 0.5, -1]),
        (np.array([0, 2**62, -(2**63)], np.int64), [0, 0.5, -1]),
        (np.array([0, 0.5, -1], np.float32), [0, 0.5, -1]),
        (
            np.array([[0, 0], [16384, 0], [-32768, 32767]], np.int16),
            [0, 0.25, -1 / 2**16],
        ),
    ],
    ids=["int16", "int32", "uint8", "int64", "float32", "stereo"],
)
def test_full_scale_is_one_and_channels_are_averaged(samples, expected, save, tmp_path):
    save("a/1.wav", samples)
    (waveform,), _ = read_audio_folder(tmp_path)
    assert waveform.tolist() == expected


def test_other_rates_are_resampled_on_request(save, tmp_path):
    save("a/1.wav", sine(440, 1600), RATE)
    save("a/2.wav", sine(440, 8820, 44100), 44100)
    recordings = read_audio_folder(tmp_path, sample_rate=RATE)
    same, other = recordings.X
    assert recordings.sample_rate == RATE
    assert len(same) == len(other) == 1600
    np.testing.assert_allclose(same, sine(440, 1600), atol=1e-6)
    np.testing.assert_allclose(other[100:-100], same[100:-100], atol=2e-3)


def test_different_rates_are_an_error_that_names_the_file(save, tmp_path):
    first = save("a/1.wav", sine(440, 160))
    second = save("b/2.wav", sine(440, 160), 16000)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_audio_folder(tmp_path)
    assert str(caught.value) == (
        f"{second} has 16000 samples a second, expected 8000 (as {first} has); pass "
        "sample_rate=8000 to resample it"
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"These are notes about the recordings.", b"ID3\x03" + bytes(100), b"RIFF\x10"],
    ids=["empty", "text", "mp3", "header"],
)
def test_a_file_that_is_no_audio_is_named(content, save, tmp_path):
    save("a/1.wav", sine(440, 160))
    save("a/notes.txt", content)
    with pytest.raises(
        ValueError, match=r"notes\.txt is not a WAV file that can be read"
    ):
        read_audio_folder(tmp_path)
    assert len(read_audio_folder(tmp_path, pattern="*.wav").X) == 1


@pytest.mark.parametrize("n_bytes", [30, 44, 100, 101])
def test_a_file_that_is_cut_off_is_named(n_bytes, save, tmp_path):
    whole = save("a/1.wav", np.arange(200, dtype=np.int16)).read_bytes()
    save("a/2.wav", whole[:n_bytes])
    with pytest.raises(ValueError, match=r"2\.wav is not a WAV file that can be read"):
        read_audio_folder(tmp_path)


def test_chunks_that_are_no_sound_are_ignored(save, tmp_path):
    whole = save("a/1.wav", np.arange(5, dtype=np.int16)).read_bytes()
    title = b"titl" + (4).to_bytes(4, "little") + b"tune"
    size = (len(whole) + len(title) - 8).to_bytes(4, "little")
    save("a/1.wav", whole[:4] + size + whole[8:] + title)
    (waveform,), _ = read_audio_folder(tmp_path)
    assert (waveform * 2**15).tolist() == [0, 1, 2, 3, 4]


def test_a_file_without_samples_is_named(save, tmp_path):
    save("a/1.wav", np.zeros(0, np.int16))
    with pytest.raises(ValueError, match=r"1\.wav has no samples"):
        read_audio_folder(tmp_path)


def test_hidden_files_and_notes_beside_the_subfolders_are_ignored(save, tmp_path):
    save("a/1.wav", sine(440, 160))
    save("a/.DS_Store", b"x")
    save(".cache/2.wav", b"x")
    save("README.txt", b"x")
    for name in ("a/Thumbs.db", "a/desktop.ini", "__MACOSX/a/1.wav"):
        save(name, b"x")
    assert len(read_audio_folder(tmp_path).X) == 1


def test_a_sound_in_no_subfolder_is_an_error(save, tmp_path):
    save("a/1.wav", sine(440, 160))
    save("2.WAV", sine(440, 160))
    with pytest.raises(ValueError, match=r"2\.WAV lies in no subfolder.* pass label="):
        read_audio_folder(tmp_path)


def test_a_folder_without_files_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"no file '\*' in a subfolder of"):
        read_audio_folder(tmp_path)
    with pytest.raises(ValueError, match=r"no file '\*\.wav' in /"):
        read_audio_folder(tmp_path, label=str, pattern="*.wav")
    with pytest.raises(NotADirectoryError, match="absent is not a folder"):
        read_audio_folder(tmp_path / "absent")


def test_a_rate_below_one_is_refused(tmp_path):
    with pytest.raises(ValueError, match="sample_rate == 0, must be >= 1"):
        read_audio_folder(tmp_path, sample_rate=0)
