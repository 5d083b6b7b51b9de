"""HTML of steps and their numbers: coloured words, frames, and a strip under a signal."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from skrnn.inspection._frames import frame_sources
from skrnn.inspection._matplotlib import LOWERS, RAISES
from skrnn.inspection._step_drawing import MAX_LINES
from skrnn.inspection._steps import ShownSteps, in_parts, strongest

#: Words of a sequence that are shown; the rest is counted.
MAX_WORDS = 400
#: Points of a line and cells of a strip; longer signals are averaged.
MAX_CELLS = 300
#: Width, height of the lines and height of the strip, in pixels.
WIDTH, LINES, STRIP = 600, 70, 14
#: Height of a video's frame, in pixels.
FRAME = 56
#: Opacity of the largest number of a sequence: black text stays readable on it.
OPACITY = 0.7


def page(rows: list[str], note: str) -> str:
    """Return blocks of HTML below each other, a note under them."""
    return (
        '<div style="background:#fff;color:#111;padding:6px;line-height:1.9">'
        + "".join(rows)
        + f'<div style="font-size:small;line-height:1.4;color:#444">{note}</div></div>'
    )


def legend(raises: str, lowers: str) -> str:
    """Return the legend of the two colours."""
    style = "color:#111;padding:1px 4px"
    return (
        f'<span style="background:{_color(1.0)};{style}">{escape(raises)}</span> '
        f'<span style="background:{_color(-1.0)};{style}">{escape(lowers)}</span>'
    )


def sequence(title: str, shown: ShownSteps, values: NDArray) -> str:
    """Return a sequence below its title; each step is coloured by its number."""
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    if shown.tokens is not None:
        body = _words(shown.tokens, shown.text, values, largest)
    elif shown.images is not None:
        body = _frames(shown.images, values, largest)
    else:
        assert shown.signal is not None
        body = _signal(shown.signal, values, largest)
    return f'<div style="margin-bottom:8px"><b>{escape(title)}</b><br>{body}</div>'


def _color(share: float) -> str:
    """Return the colour of a number that is this share of the largest, from -1 to 1."""
    red, green, blue = bytes.fromhex((RAISES if share >= 0 else LOWERS)[1:])
    return f"rgba({red},{green},{blue},{OPACITY * abs(share):.3f})"


def _words(tokens: list[str], text: str | None, values: NDArray, largest: float) -> str:
    parts = []
    for token, gap, value in zip(
        tokens[:MAX_WORDS], gaps_between(tokens, text), values.tolist(), strict=False
    ):
        parts.append(escape(gap))
        parts.append(
            f'<span style="background:{_color(value / largest)};border-radius:3px;'
            f'padding:1px 2px" title="{value:+.3g}">{escape(token)}</span>'
        )
    if len(tokens) > MAX_WORDS:
        parts.append(f" … {len(tokens) - MAX_WORDS:,} more")
    return f'<span style="white-space:pre-wrap">{"".join(parts)}</span>'


def gaps_between(tokens: list[str], text: str | None) -> list[str]:
    """Return the gap before each token: that of the text, or a space."""
    spaces = ["" if i == 0 else " " for i in range(len(tokens))]
    if text is None:
        return spaces
    gaps, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:  # the tokenizer changes what it splits
            return spaces
        gaps.append(text[end:start])
        end = start + len(token)
    return gaps


def _frames(images: NDArray, values: NDArray, largest: float) -> str:
    """Return a row of frames, each over a bar in the colour of its number."""
    parts = []
    for step, source in frame_sources(images, values):
        value = float(values[step])
        parts.append(
            '<span style="display:inline-block;margin:0 3px 3px 0;text-align:center;'
            f'font-size:x-small;line-height:1.4" title="{value:+.3g}">'
            f'<img src="{source}" alt="step {step + 1}" style="display:block;'
            f'height:{FRAME}px;image-rendering:pixelated">'
            f'<span style="display:block;height:{STRIP}px;'
            f'background:{_color(value / largest)}"></span>{step + 1}</span>'
        )
    return "".join(parts)


def _signal(signal: NDArray, values: NDArray, largest: float) -> str:
    """Return an SVG: up to ``MAX_LINES`` features as lines, the strip under them."""
    n_steps = len(signal)
    cells = values[strongest(values, MAX_CELLS)]
    width = WIDTH / max(1, len(cells))
    shapes = [
        f'<rect x="{i * width:.2f}" y="{LINES + 4}" width="{width + 0.05:.2f}" '
        f'height="{STRIP}" fill="{_color(value / largest)}"></rect>'
        for i, value in enumerate(cells.tolist())
    ]
    lines = _averaged(np.asarray(signal[:, :MAX_LINES], np.float64))
    known = lines[np.isfinite(lines)]
    low, high = known.min(initial=np.inf), known.max(initial=-np.inf)
    span = high - low if high > low else 1.0
    x = (np.arange(len(lines)) + 0.5) * WIDTH / max(1, len(lines))
    for j in range(lines.shape[1]):
        real = np.isfinite(lines[:, j])
        y = 2 + (LINES - 4) * (1 - (lines[real, j] - low) / span)
        points = " ".join(
            f"{a:.1f},{b:.1f}" for a, b in zip(x[real].tolist(), y.tolist(), strict=True)
        )
        shade = "#111" if j == 0 else "#888"
        shapes.append(
            f'<polyline points="{points}" fill="none" stroke="{shade}" stroke-width="1">'
            "</polyline>"
        )
    height = LINES + STRIP + 4
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'style="max-width:100%" role="img" aria-label="{n_steps} steps">'
        + "".join(shapes)
        + "</svg>"
    )


def _averaged(columns: NDArray) -> NDArray[np.float64]:
    """Return the mean of each cell of ``(n_steps, n_columns)``."""
    return np.array(
        [columns[cell].mean(axis=0) for cell in in_parts(len(columns), MAX_CELLS)]
    )
