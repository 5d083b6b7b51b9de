"""Frames of a video with their numbers, as a strip of images in matplotlib and in HTML."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.inspection._matplotlib import color_map, get_axes
from skrnn.inspection._steps import strongest

#: Frames that are shown of a video; of a longer one the strongest of each part.
MAX_FRAMES = 40
#: Most frames of a row.
N_COLUMNS = 10
#: Space between frames, and height of the coloured bar and the number under a frame, as shares
#: of a frame's width.
GAP, BAR, NUMBER = 0.1, 0.14, 0.26
#: Channels of images in grey, in colours, and with transparency, and what PNG calls them.
PNG_KINDS = {1: 0, 3: 2, 4: 6}
#: Rows and columns of a frame in HTML; larger ones are thinned out.
MAX_PIXELS = 64


def as_pixels(images: NDArray) -> NDArray[np.uint8]:
    """Return frames ``(n_steps, height, width[, n_channels])`` with 1, 3 or 4 channels.

    Grey ones use the whole range from black to white; colours keep theirs if they are from 0
    to 1 or from 0 to 255. Other numbers of channels are averaged. Missing pixels are black.
    """
    x = np.asarray(images, np.float64)
    x = x[..., None] if x.ndim == 3 else x  # (T, H, W, C)
    if x.shape[-1] not in PNG_KINDS:
        x = x.mean(axis=-1, keepdims=True)
    known = x[np.isfinite(x)]
    low, high = known.min(initial=np.inf), known.max(initial=-np.inf)
    if x.shape[-1] > 1 and low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    span = high - low if high > low else 1.0
    return np.nan_to_num(255 * (x - low) / span, nan=0.0).round().astype(np.uint8)


def draw_frames(images: NDArray, values: NDArray, scale: Any, ax: Any) -> Any:
    """Draw the frames of one video, each over a bar in the colour of its number."""
    n_steps, height, width = images.shape[:3]
    chosen = strongest(values, MAX_FRAMES)
    n_rows = -(-len(chosen) // N_COLUMNS)
    n_columns = -(-len(chosen) // n_rows)
    tall = height / width
    row = tall + BAR + NUMBER + GAP
    inch = min(1.1, 7.2 / (n_columns * (1 + GAP)), 8.0 / (n_rows * row))
    size = (1.6 + inch * n_columns * (1 + GAP), 0.8 + inch * n_rows * row)
    ax = get_axes(ax, scale.caller, (max(3.6, size[0]), max(2.2, size[1])))
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    colors = ScalarMappable(
        Normalize(-largest if scale.signed else 0.0, largest), color_map(scale.signed)
    )
    pixels = as_pixels(images)
    for place, step in enumerate(chosen.tolist()):
        x, y = (place % n_columns) * (1 + GAP), -(place // n_columns) * row
        image = pixels[step]
        ax.imshow(
            image[..., 0] if image.shape[-1] == 1 else image,
            cmap="gray",
            vmin=0,
            vmax=255,
            extent=(x, x + 1, y - tall, y),
            interpolation="nearest",
        )
        color = colors.to_rgba(values[step])
        bar = (x, y - tall - BAR)
        ax.add_patch(Rectangle(bar, 1, BAR, facecolor=color, edgecolor="0.6", lw=0.5))
        below = y - tall - BAR - 0.05
        ax.text(x + 0.5, below, step + 1, ha="center", va="top", fontsize="small")
    ax.set(
        xlim=(-GAP, n_columns * (1 + GAP)),
        ylim=(-n_rows * row, GAP),
        aspect="equal",
        xticks=[],
        yticks=[],
        xlabel="step",
    )
    if len(chosen) < n_steps:
        ax.set_xlabel(f"step (of {n_steps:,}, the strongest of each part)")
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(colors, ax=ax).set_label(scale.label)
    return ax


def frame_sources(images: NDArray, values: NDArray) -> list[tuple[int, str]]:
    """Return each step that is shown, and its frame as the source of an HTML image."""
    pixels = as_pixels(images)
    every = -(-max(pixels.shape[1:3]) // MAX_PIXELS)
    small = pixels[:, ::every, ::every]
    return [
        (step, f"data:image/png;base64,{base64.b64encode(png(small[step])).decode()}")
        for step in strongest(values, MAX_FRAMES).tolist()
    ]


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image ``(height, width, n_channels)`` as a PNG file."""
    height, width, n_channels = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, PNG_KINDS[n_channels], 0, 0, 0)
    rows = np.pad(image.reshape(height, -1), ((0, 0), (1, 0)))  # each begins: no filter
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
