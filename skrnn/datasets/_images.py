"""Videos from folders of image files."""

from __future__ import annotations

import re
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_scalar

from skrnn._optional import import_optional
from skrnn.datasets._folders import is_system_name


def read_image_folder(
    path: Any, *, size: tuple[int, int] | None = None, color: bool = False
) -> tuple[list[NDArray[np.float32]], NDArray[np.str_]]:
    """Read videos from image files: a folder a class, in it a folder a video.

    ``path/wave/first/0001.png`` is a frame of the video "first" of the class "wave".

    Parameters
    ----------
    path : str or path-like
        The folder of the classes. Names that begin with a dot are ignored, and those that
        systems add: "Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX", "@eaDir".
    size : tuple of (height, width), default=None
        Size in pixels to which frames are resized; None takes them as they are.
    color : bool, default=False
        Whether frames keep red, green and blue; False reads their brightness.

    Returns
    -------
    X : list of length n_sequences of float32 ndarray
        Frames ``(n_steps_i, height, width)``, or ``(n_steps_i, height, width, 3)`` with
        ``color=True``, from 0 to 1. The order of the frames is that of their names, in
        which numbers count as numbers: "frame2" is before "frame10".
    y : ndarray of str of shape (n_sequences,)
        The names of the classes. Classes, and the videos of each, are in the order of
        their names, too.

    Raises
    ------
    ImportError
        If Pillow is absent; ``pip install "skrnn[image]"`` brings it.
    FileNotFoundError
        If there is no such folder.
    ValueError
        If a file is not an image, is not where a frame belongs, or differs from the first
        frame in size; if a folder is empty. The message names it.

    Notes
    -----
    Pillow reads the images: PNG, JPEG, TIFF and others. Pixels of 8 and of 16 bits are
    scaled to their range; a JPEG is turned as its camera was held.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from PIL import Image
    >>> from skrnn.datasets import read_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("fall/a/1.png", "fall/a/2.png", "rise/b/1.png"):
    ...         file = pathlib.Path(folder, name)
    ...         file.parent.mkdir(parents=True, exist_ok=True)
    ...         Image.new("L", (6, 4)).save(file)
    ...     X, y = read_image_folder(folder)
    >>> [frames.shape for frames in X], y.tolist()
    ([(2, 4, 6), (1, 4, 6)], ['fall', 'rise'])
    """
    images = import_optional("PIL.Image", "read_image_folder", "image")
    if size is not None:
        size = _check_size(size)
    X: list[NDArray[np.float32]] = []
    y: list[str] = []
    first: tuple[Path, tuple[int, ...]] | None = None
    for of_class in _folders(Path(path), "one folder a class"):
        for video in _folders(of_class, "one folder a video"):
            frames = []
            for file in _entries(video):
                if file.is_dir():
                    raise ValueError(f"{file} is a folder, expected an image")
                frame = _read_image(images, file, size, color)
                first = first or (file, frame.shape)
                if frame.shape != first[1]:
                    raise ValueError(
                        f"{file} has {_pixels(frame.shape)}, but {first[0]} has "
                        f"{_pixels(first[1])}; set size=(height, width) to resize frames"
                    )
                frames.append(frame)
            X.append(np.stack(frames))
            y.append(of_class.name)
    return X, np.array(y)


def _check_size(size: Any) -> tuple[int, int]:
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"size must be (height, width) or None, got {size!r}")
    height, width = (check_scalar(side, "size", Integral, min_val=1) for side in size)
    return height, width


def _entries(folder: Path) -> list[Path]:
    """Return the paths in a folder, sorted by name; numbers are compared as such."""
    entries = [entry for entry in folder.iterdir() if not is_system_name(entry.name)]
    if not entries:
        raise ValueError(f"{folder} is empty")
    return sorted(entries, key=lambda entry: (_natural(entry.name), entry.name))


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]


def _folders(folder: Path, expected: str) -> list[Path]:
    """Return the folders in a folder, which must hold no files."""
    entries = _entries(folder)
    for entry in entries:
        if not entry.is_dir():
            raise ValueError(f"{entry} is a file, but {folder} must hold {expected}")
    return entries


def _read_image(
    image_module: Any, file: Path, size: tuple[int, int] | None, color: bool
) -> NDArray[np.float32]:
    """Return an image ``(height, width)`` or ``(height, width, 3)``, from 0 to 1."""
    from PIL import ImageOps

    try:
        with image_module.open(file) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise ValueError(
                    f"{file} holds {image.n_frames} images; save each as a file of its own"
                )
            image.load()
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):  # 16 bits; conversion would clip, not scale
                pixels = np.asarray(image, np.float32) / 257
                image = image_module.fromarray(pixels.round().astype(np.uint8))
            image = image.convert("RGB" if color else "L")
    except (OSError, SyntaxError, image_module.DecompressionBombError) as error:
        raise ValueError(
            f"{file} is not an image that Pillow can read: {error}"
        ) from error
    if size is not None:
        image = image.resize(size[::-1])
    return np.asarray(image, np.float32) / np.float32(255)


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} × {shape[1]} pixels"
