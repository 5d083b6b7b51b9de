"""Moving digits: small videos of handwritten digits that drift and bounce."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from skrnn.data.ragged import RaggedArray
from skrnn.datasets._generators import draw_offsets

#: The images of ``load_digits`` that each subset takes.
SUBSETS = {
    "train": slice(0, 1000),
    "validation": slice(1000, 1300),
    "test": slice(1300, None),
}
TARGETS = ("digit", "direction", "step_direction", "position")
#: Names of directions by row and column; row 0 of a frame is its top.
DIRECTIONS = np.array([["NW", "N", "NE"], ["W", "", "E"], ["SW", "S", "SE"]])
#: Height and width of an image, in pixels.
IMAGE = 8


def make_moving_digits(
    n_samples: int = 500,
    *,
    target: str = "digit",
    subset: str = "train",
    size: int = 16,
    noise: float = 0.1,
    binary: bool = False,
    min_steps: int = 10,
    max_steps: int = 20,
    random_state: Any = None,
) -> tuple[list[NDArray[np.float32]], Any]:
    """Generate videos of a handwritten digit that moves over a larger canvas.

    An image of scikit-learn's ``load_digits``, 8 × 8 pixels, starts anywhere on the canvas
    and moves by one pixel a frame in one of eight directions. At an edge of the canvas it
    bounces.

    Parameters
    ----------
    n_samples : int, default=500
        Number of videos, at least 1.
    target : {"digit", "direction", "step_direction", "position"}, default="digit"
        y: the digit; the direction from the first frame to the second; the direction from
        each frame to the next; or the place of the digit in each frame.
    subset : {"train", "validation", "test"}, default="train"
        Which images are drawn: the first 1,000, the next 300, or the last 497. No image is
        in two subsets.
    size : int, default=16
        Height and width of the canvas in pixels, at least 9. A larger one has more places
        and fewer bounces.
    noise : float, default=0.1
        Standard deviation of the noise on each pixel, whose range is 0 to 1.
    binary : bool, default=False
        Whether pixels are 0 or 1, as ``SequenceGenerator`` reads and generates them: 1
        from 0.5 on.
    min_steps, max_steps : int, default=10 and 20
        Range of the numbers of frames, both ends included.
    random_state : int, RandomState or None, default=None
        Seed of the videos; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples of float32 ndarray of shape (n_steps_i, size, size)
        Frames. Without noise a pixel is 0 on the canvas and up to 1 on the digit.
    y : ndarray of shape (n_samples,), or list of ndarray
        With "digit" int64, 0 to 9. With "direction" str: "N", "NE", "E", "SE", "S", "SW",
        "W" or "NW". With "step_direction" such a str array of shape (n_steps_i,) for each
        video; with "position" a float32 array of shape (n_steps_i, 2), the row and the
        column of the digit's upper left pixel.

    Notes
    -----
    The chance level of the digit is 0.1, that of a direction 1/8, since a single frame has
    no direction. Solved means an accuracy of 0.9 for the digit, of images that training
    has not seen, and of 0.95 for the direction.

    References
    ----------
    Srivastava, Mansimov, Salakhutdinov (2015). Unsupervised learning of video
    representations using LSTMs. ICML, section 4.1, with two larger digits.

    Examples
    --------
    >>> from skrnn.datasets import make_moving_digits
    >>> X, y = make_moving_digits(3, random_state=0)
    >>> [frames.shape for frames in X]
    [(15, 16, 16), (10, 16, 16), (13, 16, 16)]
    >>> y.tolist()
    [5, 7, 3]
    """
    for name, value, allowed in (
        ("target", target, TARGETS),
        ("subset", subset, SUBSETS),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}")
    check_scalar(size, "size", Integral, min_val=IMAGE + 1)
    check_scalar(noise, "noise", Real, min_val=0)
    random = check_random_state(random_state)
    offsets = draw_offsets(random, n_samples, min_steps, max_steps)
    images, digits = _load_images(subset)
    chosen = random.randint(len(images), size=n_samples)
    position, direction = _draw_paths(random, offsets, size - IMAGE)
    frames = np.zeros((offsets[-1], size, size), dtype=np.float32)
    row = position[:, 0, None, None] + np.arange(IMAGE)[:, None]
    column = position[:, 1, None, None] + np.arange(IMAGE)
    image = np.repeat(chosen, np.diff(offsets))
    frames[np.arange(len(frames))[:, None, None], row, column] = images[image]
    if noise:
        frames += noise * random.standard_normal(frames.shape).astype(np.float32)
    if binary:
        frames = (frames >= 0.5).astype(np.float32)
    X = list(RaggedArray(frames, offsets))
    if target == "digit":
        return X, digits[chosen]
    if target == "position":
        return X, list(RaggedArray(position.astype(np.float32), offsets))
    names = DIRECTIONS[direction[:, 0] + 1, direction[:, 1] + 1]
    if target == "direction":
        return X, names[offsets[:-1]]
    return X, list(RaggedArray(names, offsets))


def _load_images(subset: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the images ``(n_images, 8, 8)`` of a subset, from 0 to 1, and their digits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images[SUBSETS[subset]] / 16
    return images.astype(np.float32), digits.target[SUBSETS[subset]].astype(np.int64)


def _draw_paths(
    random: np.random.RandomState, offsets: NDArray[np.int64], room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of the image and its directions, ``(total_steps, 2)`` each.

    A coordinate runs from 0 to ``room`` and back, ``2 * room`` steps a cycle.
    """
    lengths = np.diff(offsets)
    moves = np.array([(i, j) for i in (0, 1) for j in (0, 1) if i or j])
    # straight moves have one sign, diagonal ones two: each direction is as likely
    moves = moves[random.choice(len(moves), size=len(lengths), p=[0.25, 0.25, 0.5])]
    start = random.randint(2 * room, size=(len(lengths), 2))
    step = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    moves = np.repeat(moves, lengths, axis=0)
    phase = (np.repeat(start, lengths, axis=0) + moves * step[:, None]) % (2 * room)
    position = np.minimum(phase, 2 * room - phase)
    return position, np.where(phase < room, 1, -1) * moves
