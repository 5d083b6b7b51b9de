"""Drawings of unrolled networks: boxes, arrows and texts in columns of steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

ELISION, GREY = "…", "#555555"
#: Fill and edge of boxes (inputs, their vectors, static columns, states, outputs, what joins
#: states), all of one lightness.
INPUT, VECTOR, STATIC, STATE, BACKWARD, OUTPUT, JOINED = (
    ("#DCEBF7", "#0072B2"),
    ("#E3F3FC", "#2C7FA5"),
    ("#FBF3D3", "#8C6D00"),
    ("#E2F2EA", "#009E73"),
    ("#F3E6EF", "#A8518A"),
    ("#FBE8DA", "#D55E00"),
    ("#EFEFEF", GREY),
)
#: Size of a box, and distance of two columns and rows.
WIDTH, HEIGHT, COLUMN, ROW = 1.0, 0.62, 1.7, 1.4
#: Distance of two columns with two directions, whose states stand beside the middle.
WIDE_COLUMN, ASIDE = 2.2, 0.54
DASHES = (0, (3, 2))
#: Distance of captions from the first or last column's centre.
LEFT = 1.2
#: Where the letter of an arrow between states stands: beside an output's way back to the next
#: input, and with two directions between the arrows that rise through the row.
BESIDE, BETWEEN = 0.36, 0.74
#: Distance of the way of static columns from the centre of a step that they join.
RISER = 0.68
#: Distances of the way of a context vector from the centre of the state that reads it: beside
#: it, and where it enters.
CONTEXT_ASIDE, CONTEXT_IN = 0.65, 0.3
#: Width of a character, in points, at the font size 9.
CHARACTER = 5.4
#: Inches of a unit in a new figure.
INCHES = 0.62


class Box(NamedTuple):
    """A box around a text, at its centre."""

    x: float
    y: float
    text: str
    colours: tuple[str, str]
    width: float = WIDTH
    image: Any = None


class Arrow(NamedTuple):
    """An arrow between two points, with a text beside it.

    A level arrow has the text over it, at the share ``along`` of its way; another one on its
    right, or with ``on_left`` on its left.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    text: str = ""
    style: Any = "-"
    along: float = 0.5
    on_left: bool = False


class Note(NamedTuple):
    """A text without a box."""

    x: float
    y: float
    text: str
    align: str = "center"
    colour: str = "black"


class VectorRow(NamedTuple):
    """The layer that makes vectors of the steps that a part reads.

    Attributes
    ----------
    symbol : str
        Of the arrow from the step to its vector.
    lines : list of str
        The caption of the row.
    joins_static : bool
        Whether static columns are part of each vector.
    """

    symbol: str
    lines: list[str]
    joins_static: bool


class Drawing:
    """Boxes, arrows and texts, in units of a box's width."""

    def __init__(self, weights: pd.DataFrame, frames: Any = None):
        self.weights = weights
        places = weights[["part", "layer", "direction"]].drop_duplicates()
        #: layers and directions of each part
        self._rows: dict[str, list[tuple[int, str]]] = {}
        for part, layer, direction in places.itertuples(index=False, name=None):
            self._rows.setdefault(part, []).append((layer, direction))
        #: pixels of the images that the encoder reads, one a step
        self.frames = frames
        #: for each part whose steps become vectors first, what makes them
        self.vectors: dict[str, VectorRow] = {}
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.notes: list[Note] = []
        #: x and y of dashed lines without a head
        self.lines: list[tuple[list[float], list[float]]] = []

    def shape_of(self, part: str, layer: int, direction: str, symbol: str) -> str:
        """Return a matrix's symbol and shape."""
        w = self.weights
        is_wanted = (
            (w["part"] == part)
            & (w["layer"] == layer)
            & (w["direction"] == direction)
            & (w["symbol"] == symbol)
        )
        shapes = w.loc[is_wanted, "shape"]
        sizes = [" × ".join(map(str, shape)) for shape in shapes]
        return f"{symbol}: {' and '.join(sizes)}" if sizes else ""

    def rows(self, part: str) -> list[tuple[int, str]]:
        """Return the layers and directions of a part, the lowest first."""
        return self._rows.get(part, [])

    def is_bidirectional(self, part: str) -> bool:
        """Return whether cells of a part read backward, too."""
        return len({direction for _, direction in self.rows(part)}) > 1

    def offset(self, part: str, direction: str) -> float:
        """Return how far a state stands from the middle of its column."""
        if not self.is_bidirectional(part):
            return 0.0
        return ASIDE if direction == "backward" else -ASIDE

    def sizes_of(self, part: str) -> str:
        """Return the symbol of a part other than recurrent layers, and all its shapes."""
        rows = self.weights[self.weights["part"] == part]
        shapes = [" × ".join(map(str, shape)) for shape in rows["shape"]]
        lines = [", ".join(shapes[i : i + 2]) for i in range(0, len(shapes), 2)]
        return f"{rows['symbol'].iloc[0]}: " + ",\n".join(lines) if shapes else ""

    def base(self, part: str) -> float:
        """Return the height of what the first layer reads."""
        return ROW if part in self.vectors else 0.0

    def height(self, part: str, row: int) -> float:
        """Return the height of a row of states, counted from 0."""
        return self.base(part) + (row + 1) * ROW

    def column(self, x: float, part: str, label: str, step: int) -> None:
        """Add a step: its input, its vector, and the state of each layer and direction."""
        rows = self.rows(part)
        frame = None if self.frames is None or part != "encoder" else self.frames[step]
        self.boxes.append(Box(x, 0, label, INPUT, image=frame))
        base = self.base(part)
        if part in self.vectors:
            vector = self.vectors[part]
            self.boxes.append(Box(x, base, f"$x_{{{step + 1}}}$", VECTOR))
            self.arrows.append(up(x, 0.0, x, base, text=vector.symbol))
            if vector.joins_static:
                way = x + RISER
                self.lines.append(([way, way], [HEIGHT / 2 - ROW, base]))
                end = (x + WIDTH / 2, base)
                self.arrows.append(Arrow((way, base), end, style=DASHES))
        for i, (layer, direction) in enumerate(rows):
            y, place = self.height(part, i), x + self.offset(part, direction)
            colours = BACKWARD if direction == "backward" else STATE
            self.boxes.append(Box(place, y, f"$h_{{{step + 1}}}$", colours))
            below = [(base, place if self.is_bidirectional(part) else x)]
            if layer > 1:
                below = [
                    (self.height(part, j), x + self.offset(part, of))
                    for j, (n, of) in enumerate(rows)
                    if n == layer - 1
                ]
            for k, (height, origin) in enumerate(below):
                start = min(max(origin, x - 0.42), x + 0.42) if layer == 1 else origin
                text = "W" if k == 0 and abs(start - place) < 0.2 else ""
                arrow = up(start, height, place, y, text=text)
                on_left = layer > 1 and self.is_bidirectional(part)
                self.arrows.append(arrow._replace(on_left=on_left))

    def chain(self, xs: list[float], gap: float | None, part: str) -> None:
        """Add the arrows from state to state; at ``gap`` steps are left out."""
        rows = self.rows(part)
        along = BETWEEN if self.is_bidirectional(part) else BESIDE
        if gap is not None:
            self.notes.append(Note(gap, 0, ELISION))
            if part in self.vectors:
                self.notes.append(Note(gap, self.base(part), ELISION))
            self.notes += [
                Note(gap + self.offset(part, direction), self.height(part, i), ELISION)
                for i, (_, direction) in enumerate(rows)
            ]
        for i, (_, direction) in enumerate(rows):
            y, aside = self.height(part, i), self.offset(part, direction)
            for a, b in pairwise(xs):
                ends = [(a + aside + WIDTH / 2, b + aside - WIDTH / 2)]
                if gap is not None and a < gap < b:
                    middle = gap + aside
                    ends = [(ends[0][0], middle - 0.3), (middle + 0.3, ends[0][1])]
                for start, end in ends:
                    points = (start, y), (end, y)
                    if direction == "backward":
                        points = points[::-1]
                    text = "U" if len(ends) == 1 else ""
                    self.arrows.append(Arrow(*points, text, along=along))

    def feed_back(self, x: float, to_x: float, part: str) -> None:
        """Add the way of an output back to the next step's input."""
        middle = (x + to_x) / 2 + 0.06
        y = self.top(part)
        self.lines.append(([x + WIDTH / 2, middle, middle], [y, y, 0.0]))
        end = (to_x - WIDTH / 2, 0.0)
        self.arrows.append(Arrow((middle, 0.0), end, style=DASHES))

    def lead_down(self, x: float, y: float, rows: list[float]) -> None:
        """Add arrows from a height to the states of some rows below it, at this place."""
        beside = x - CONTEXT_ASIDE
        for row in sorted(rows, reverse=True):
            bend = row + ROW / 2
            self.lines.append(([beside, beside], [y, bend]))
            end = (x - CONTEXT_IN, row + HEIGHT / 2)
            self.arrows.append(Arrow((beside, bend), end, style=DASHES))
            y = bend

    def output_caption(self, x: float, y: float, what: str, align: str = "right") -> None:
        """Name the row of outputs, with the shape of its weights."""
        text = f"{what}\n{self.shape_of('output', 0, '', 'V')}"
        self.notes.append(Note(x, y, text, align, OUTPUT[1]))

    def captions(self, x: float, part: str, what: str, align: str = "right") -> None:
        """Name the rows of a part, with the shapes of their weights, beside them."""
        self.notes.append(Note(x, 0, what, align, INPUT[1]))
        if part in self.vectors:
            text = "\n".join(self.vectors[part].lines)
            self.notes.append(Note(x, self.base(part), text, align, VECTOR[1]))
        rows = self.rows(part)
        two = self.is_bidirectional(part)
        for i, (layer, direction) in enumerate(rows):
            name = f"{part if part != 'layers' else 'recurrent'} layer {layer}"
            lines = [f"{name}, {direction}" if two else name]
            lines += [self.shape_of(part, layer, direction, symbol) for symbol in "WU"]
            colour = (BACKWARD if direction == "backward" else STATE)[1]
            self.notes.append(
                Note(
                    x, self.height(part, i), "\n".join(filter(None, lines)), align, colour
                )
            )

    def top(self, part: str) -> float:
        """Return the height of the row of outputs."""
        return self.height(part, len(self.rows(part)))

    def last_rows(self, part: str) -> list[tuple[float, str]]:
        """Return height and direction of the last layer's rows."""
        rows = self.rows(part)
        n_layers = max(layer for layer, _ in rows)
        return [
            (self.height(part, i), d) for i, (n, d) in enumerate(rows) if n == n_layers
        ]

    def output(self, x: float, part: str, text: str) -> None:
        """Add an output that reads the states of its step in the last layer."""
        y = self.top(part)
        width = self._output_box(x, y, text)
        for row, direction in self.last_rows(part):
            start = x + self.offset(part, direction)
            inside = width / 2 - 0.1
            end = min(max(start, x - inside), x + inside)
            letter = "V" if abs(start - end) < 0.2 else ""
            self.arrows.append(up(start, row, end, y, text=letter))

    def joined(
        self, xs: list[float], part: str, y: float, text: str, *, ends: bool = False
    ) -> Box:
        """Add the box that joins the last layer's states over these places, and return it.

        With ``ends`` it reads the last state of each direction alone.
        """
        offsets = [self.offset(part, direction) for _, direction in self.last_rows(part)]
        left = xs[0] + min(offsets) - WIDTH / 2
        right = xs[-1] + max(offsets) + WIDTH / 2
        width = max(right - left, width_of(text))
        box = Box((left + right) / 2, y, text, JOINED, width)
        self.boxes.append(box)
        for row, direction in self.last_rows(part):
            places = xs
            if ends:
                places = xs[:1] if direction == "backward" else xs[-1:]
            for place in places:
                start = place + self.offset(part, direction)
                self.arrows.append(up(start, row, start, y))
        return box

    def static(self, xs: list[float], text: str) -> None:
        """Add the static columns that join the vectors of the steps at these places."""
        left, right = min(xs) - WIDTH / 2, max(xs) + RISER + 0.2
        width = max(right - left, width_of(text))
        self.boxes.append(Box(left + width / 2, -ROW, text, STATIC, width))

    def join(
        self, start: float, right: float, y: float, texts: list[str], name: str
    ) -> Box:
        """Add the hidden layer over a vector, and over what joins it there.

        The vector is at ``start``, its box ends at ``right``. Returns the layer's box.
        """
        for text in texts:
            width = max(WIDTH, width_of(text) + 0.2)
            box = Box(right + 0.4 + width / 2, y, text, STATIC, width)
            self.boxes.append(box)
            self.arrows.append(up(box.x, y, box.x, y + ROW))
            right = box.x + width / 2
        self.arrows.append(up(start, y, start, y + ROW, text="J"))
        left, right = start - WIDTH / 2, max(right, start + WIDTH / 2)
        width = max(right - left, width_of(name))
        hidden = Box(left + width / 2, y + ROW, name, JOINED, width)
        self.boxes.append(hidden)
        return hidden

    def output_of(self, box: Box, text: str) -> None:
        """Add an output that reads a box below it."""
        self._output_box(box.x, box.y + ROW, text)
        self.arrows.append(up(box.x, box.y, box.x, box.y + ROW, text="V"))

    def _output_box(self, x: float, y: float, text: str) -> float:
        """Add the box of an output, and return its width."""
        width = max(WIDTH, width_of(text))
        self.boxes.append(Box(x, y, text, OUTPUT, width))
        return width

    def bounds(self) -> tuple[float, float, float, float]:
        """Return left, right, bottom and top."""
        width = 0.135
        left = min(box.x - box.width / 2 for box in self.boxes)
        right = max(box.x + box.width / 2 for box in self.boxes)
        for note in self.notes:
            size = width * max(map(len, note.text.split("\n")))
            left = min(left, note.x - size * (note.align == "right"))
            right = max(right, note.x + size * (note.align == "left"))
        bottom = min(box.y for box in self.boxes) - 0.8
        return left - 0.3, right + 0.3, bottom, max(box.y for box in self.boxes) + 0.8

    def draw(self, ax: Any) -> None:
        """Draw everything on matplotlib's axes."""
        from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

        for xs, ys in self.lines:
            ax.plot(xs, ys, color=GREY, linewidth=1.1, linestyle=DASHES)
        for arrow in self.arrows:
            patch = FancyArrowPatch(
                arrow.start,
                arrow.end,
                arrowstyle="-|>",
                mutation_scale=9,
                linewidth=1.1,
                linestyle=arrow.style,
                color=GREY,
                shrinkA=0,
                shrinkB=0,
            )
            ax.add_patch(patch)
            if arrow.text:
                _draw_letter(ax, arrow)
        for box in self.boxes:
            fill, edge = box.colours
            ax.add_patch(
                FancyBboxPatch(
                    (box.x - box.width / 2, box.y - HEIGHT / 2),
                    box.width,
                    HEIGHT,
                    boxstyle="round,pad=0,rounding_size=0.12",
                    facecolor=fill,
                    edgecolor=edge,
                    linewidth=1.3,
                )
            )
            _draw_content(ax, box)
        for note in self.notes:
            ax.text(
                note.x,
                note.y,
                note.text,
                ha=note.align,
                va="center",
                fontsize=8,
                color=note.colour,
            )


def _draw_content(ax: Any, box: Box) -> None:
    """Draw the text of a box, or the image with the number of its step beside it."""
    if box.image is None:
        size = min(9.0, max(6.0, 9.0 * box.width / width_of(box.text)))
        ax.text(box.x, box.y, box.text, ha="center", va="center", fontsize=size)
        return
    pixels = box.image
    height = HEIGHT - 0.08
    width = min(height * pixels.shape[1] / pixels.shape[0], box.width - 0.3)
    height = width * pixels.shape[0] / pixels.shape[1]
    x = box.x + 0.1
    ax.imshow(
        pixels[..., 0] if pixels.shape[-1] == 1 else pixels,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(x - width / 2, x + width / 2, box.y - height / 2, box.y + height / 2),
        interpolation="nearest",
        zorder=3,
    )
    left = box.x - box.width / 2 + 0.06
    ax.text(left, box.y, box.text, ha="left", va="center", fontsize=7, zorder=4)


def _draw_letter(ax: Any, arrow: Arrow) -> None:
    """Draw the text of an arrow."""
    (x, y), (to_x, to_y) = arrow.start, arrow.end
    style = {"fontsize": 8, "style": "italic", "color": GREY}
    if y == to_y:
        x += arrow.along * (to_x - x)
        ax.text(x, y + 0.06, arrow.text, ha="center", va="bottom", **style)
        return
    along = min(arrow.along, 0.4 / max(to_y - y, 0.4))
    x, y = x + along * (to_x - x), y + along * (to_y - y)
    x, ha = (x - 0.08, "right") if arrow.on_left else (x + 0.08, "left")
    ax.text(x, y, arrow.text, ha=ha, va="center", **style)


def width_of(text: str) -> float:
    """Return the width of a box that shows a text at the font size 9."""
    return (len(text) + 0.8) * CHARACTER / (72 * INCHES)


def up(x: float, y: float, to_x: float, to_y: float, *, text: str = "") -> Arrow:
    """Return the arrow from the top of one box to the bottom of another."""
    return Arrow((x, y + HEIGHT / 2), (to_x, to_y - HEIGHT / 2), text)


def place_steps(
    n_steps: int, max_steps: int, start: float = 0.0, column: float = COLUMN
) -> tuple[dict[int, float], float | None]:
    """Return where the steps that are drawn stand, and where some are left out, if any."""
    if n_steps <= max_steps:
        return {t: start + t * column for t in range(n_steps)}, None
    n_first = (max_steps + 1) // 2
    n_last = max_steps - n_first
    places = {t: start + t * column for t in range(n_first)}
    gap = start + (n_first - 0.15) * column
    for k in range(n_last):
        places[n_steps - n_last + k] = start + (n_first + 0.7 + k) * column
    return places, gap


def add_steps(
    drawing: Drawing,
    labels: list[str],
    part: str,
    max_steps: int,
    start: float = 0.0,
) -> dict[int, float]:
    """Add the steps that a part reads, and return where they stand."""
    column = WIDE_COLUMN if drawing.is_bidirectional(part) else COLUMN
    places, gap = place_steps(len(labels), max_steps, start, column)
    for t, x in places.items():
        drawing.column(x, part, labels[t], t)
    drawing.chain(list(places.values()), gap, part)
    return places
