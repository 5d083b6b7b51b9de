"""Folders of image files become videos, and a file that is not a frame is named."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from skrnn.datasets import read_image_folder


def save(pixels, file, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, **options)


@pytest.fixture
def videos(rng):
    """Return frames ``(n_steps, 4, 6, 3)`` of three videos, by their folders."""
    names = {"walk/b": 3, "run/clip10": 2, "run/clip9": 12}
    return {
        name: rng.integers(256, size=(n, 4, 6, 3), dtype=np.uint8)
        for name, n in names.items()
    }


@pytest.fixture
def folder(tmp_path, videos):
    for name, frames in videos.items():
        for i, frame in enumerate(frames):
            save(frame, tmp_path / name / f"frame{i}.png")
    return tmp_path


def test_folders_are_classes_and_videos_in_the_order_of_names(folder, videos):
    X, y = read_image_folder(folder, color=True)
    assert y.tolist() == ["run", "run", "walk"]
    for frames, name in zip(X, ["run/clip9", "run/clip10", "walk/b"], strict=True):
        assert frames.dtype == np.float32
        assert_allclose(frames, videos[name] / 255, rtol=1e-6)


def test_brightness_is_pillows(folder, videos):
    X, _ = read_image_folder(str(folder))
    assert [x.shape for x in X] == [(12, 4, 6), (2, 4, 6), (3, 4, 6)]
    expected = Image.fromarray(videos["walk/b"][1]).convert("L")
    assert_allclose(X[2][1], np.asarray(expected) / 255, rtol=1e-6)


def test_frames_are_resized(folder):
    save(np.full((9, 9), 255, np.uint8), folder / "walk/b/large.png")
    X, _ = read_image_folder(folder, size=(3, 5))
    assert {x.shape[1:] for x in X} == {(3, 5)}
    assert (X[2][-1] == 1).all()


def test_frames_of_unequal_size_are_named(folder):
    save(np.zeros((6, 4), np.uint8), folder / "walk/b/frame2b.png")
    message = (
        r"walk.b.frame2b\.png has 6 × 4 pixels, but \S+run.clip9.frame0\.png has "
        r"4 × 6 pixels; set size="
    )
    with pytest.raises(ValueError, match=message):
        read_image_folder(folder)


def test_a_file_that_is_no_image_is_named(folder):
    (folder / "walk/b/notes.txt").write_text("no image")
    with pytest.raises(
        ValueError, match=r"walk.b.notes\.txt is not an image that Pillow"
    ):
        read_image_folder(folder)


def test_an_image_that_is_cut_off_is_named(folder):
    file = folder / "walk/b/frame1.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(
        ValueError, match=r"frame1\.png is not an image that Pillow can read"
    ):
        read_image_folder(folder)


def test_several_images_in_a_file_are_refused(folder):
    first, second = (Image.new("L", (6, 4), shade) for shade in (0, 255))
    first.save(folder / "walk/b/film.gif", save_all=True, append_images=[second])
    with pytest.raises(ValueError, match=r"film\.gif holds 2 images; save each"):
        read_image_folder(folder)


def test_files_and_folders_out_of_place_are_named(folder):
    misplaced = folder / "walk/frame.png"
    save(np.zeros((4, 6), np.uint8), misplaced)
    with pytest.raises(ValueError, match=r"frame\.png is a file, but \S+walk must hold"):
        read_image_folder(folder)
    misplaced.unlink()
    (folder / "labels.csv").touch()
    with pytest.raises(ValueError, match=r"labels\.csv is a file, but .* a class"):
        read_image_folder(folder)
    (folder / "labels.csv").unlink()
    (folder / "walk/b/more").mkdir()
    with pytest.raises(ValueError, match="more is a folder, expected an image"):
        read_image_folder(folder)


def test_hidden_files_are_ignored_and_empty_folders_named(folder):
    (folder / ".DS_Store").touch()
    (folder / "walk/b/.thumbnail").touch()
    assert len(read_image_folder(folder)[0]) == 3
    (folder / "walk/c").mkdir()
    with pytest.raises(ValueError, match=r"walk.c is empty"):
        read_image_folder(folder)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_image_folder(folder / "absent")


def test_files_of_the_system_are_ignored_in_every_folder(folder):
    for place in (folder, folder / "walk", folder / "walk/b"):
        for name in ("Thumbs.db", "ehthumbs.db", "Desktop.ini"):
            (place / name).write_bytes(b"no image")
        for name in ("__MACOSX", "@eaDir"):
            (place / name).mkdir()
    X, y = read_image_folder(folder)
    assert [len(frames) for frames in X] == [12, 2, 3]
    assert y.tolist() == ["run", "run", "walk"]
    (folder / "walk/b/thumbs.txt").touch()
    with pytest.raises(ValueError, match=r"thumbs\.txt is not an image"):
        read_image_folder(folder)


def test_16_bits_are_scaled_to_their_range(tmp_path):
    pixels = np.array([[0, 257, 25700, 65535]], np.uint16)
    save(pixels, tmp_path / "a/b/c.png")
    X, _ = read_image_folder(tmp_path)
    assert_allclose(X[0][0], pixels / 65535, rtol=1e-6)


def test_a_camera_held_upright_gives_upright_frames(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    save(np.zeros((8, 16), np.uint8), tmp_path / "a/b/c.jpg", exif=exif)
    assert read_image_folder(tmp_path)[0][0].shape == (1, 16, 8)


@pytest.mark.parametrize("size", [16, (16,), (0, 4), (4, -1)])
def test_a_size_is_two_positive_numbers(folder, size):
    with pytest.raises(ValueError, match="size"):
        read_image_folder(folder, size=size)


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'needs Pillow; pip install "skrnn\[image\]"'):
        read_image_folder(folder)
