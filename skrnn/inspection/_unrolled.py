"""The unrolled network of a fitted estimator, for one sequence."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skrnn._sklearn import safe_indexing
from skrnn.data.tokenizers import check_tokenizer
from skrnn.inspection._plotting import import_pyplot
from skrnn.inspection._recurrent import (
    START,
    check_index,
    check_recurrent,
    last_step,
    step_label,
    step_labels,
)

#: Fill and edge of boxes (inputs, states, outputs), all of one lightness.
INPUT, STATE, BACKWARD, OUTPUT = (
    ("#DCEBF7", "#0072B2"),
    ("#E2F2EA", "#009E73"),
    ("#F3E6EF", "#A8518A"),
    ("#FBE8DA", "#D55E00"),
)
#: Size of a box, and distance of two columns and rows.
WIDTH, HEIGHT, COLUMN, ROW = 1.0, 0.62, 1.7, 1.4
#: Distance of two columns with two directions, whose states stand beside the middle.
WIDE_COLUMN, ASIDE = 2.2, 0.54
ELISION, GREY = "…", "#555555"
DASHES = (0, (3, 2))
#: Distance of captions from the first or last column's centre.
LEFT = 1.2


def shared_weights(estimator: Any) -> pd.DataFrame:
    """Return the weight matrices of a recurrent network, which all steps share.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted recurrent estimator of skrnn.

    Returns
    -------
    weights : DataFrame
        One row a matrix, with the columns part ("encoder", "decoder", "layers" or
        "output"), layer, direction, symbol, shape (rows, columns) and n_parameters
        (biases apart). Symbols: W from the input to the state, U from the last state, V
        from the state to the output. Rows are counted gate by gate: four times
        ``hidden_size`` in an LSTM, three times in a GRU.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If its network is feed-forward.
    TypeError
        If it is not one of skrnn.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import shared_weights
    >>> X, y = [[[0.1, 0.2], [0.3, 0.4]]] * 10, [0, 1] * 5
    >>> model = SequenceClassifier(hidden_size=4, bidirectional=False, max_epochs=1)
    >>> shared_weights(model.fit(X, y))[["symbol", "shape"]].values.tolist()
    [['W', (16, 2)], ['U', (16, 4)], ['V', (2, 4)]]
    """
    model, _ = last_step(estimator, None)
    check_is_fitted(model)
    network = check_recurrent(model).net_.module_
    rows = []
    for (part, layer, direction), cell in network.cells().items():
        for name, weight in cell.named_parameters():
            if weight.ndim > 1:
                of_state = name.rpartition(".")[2].startswith("weight_hh")
                symbol = "U" if of_state else "W"
                rows.append((part, layer, direction, symbol, tuple(weight.shape)))
    output = tuple(network.output_weight().shape)
    rows.append(("output", 0, "", "V", output))
    columns = ["part", "layer", "direction", "symbol", "shape"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["n_parameters"] = [int(np.prod(shape)) for shape in frame["shape"]]
    return frame


class UnrolledNetworkDisplay:
    """Drawing of the unrolled network: a box a step, and the weights that steps share.

    Parameters
    ----------
    inputs : list of str
        Labels of the steps that the network reads.
    outputs : list of str
        Labels of what it answers: one, one a step, or the steps of a target.
    shape : str
        "many to one", "many to many, aligned", "many to many, unaligned" or "one to many".
    weights : DataFrame
        As from ``shared_weights``.
    title : str, default=""
        Written over the drawing.
    pooling : str, default="last"
        How states become one vector, where there is one output.
    feeds_back : bool, default=True
        Whether a decoder reads its own outputs, one step late.
    attention : str, default=None
        The attention by which a decoder reads all states of the encoder, if it has one.

    Attributes
    ----------
    ax_ : matplotlib Axes
        After ``plot``.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    shared_weights : The matrices and their shapes alone.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import UnrolledNetworkDisplay, shared_weights
    >>> X, y = [["not", "bad"], ["bad"]] * 10, ["+", "-"] * 10
    >>> model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(X, y)
    >>> display = UnrolledNetworkDisplay(
    ...     ["not", "bad"], ["+"], "many to one", shared_weights(model)
    ... )
    >>> display.inputs
    ['not', 'bad']
    """

    def __init__(
        self,
        inputs: list[str],
        outputs: list[str],
        shape: str,
        weights: pd.DataFrame,
        *,
        title: str = "",
        pooling: str = "last",
        feeds_back: bool = True,
        attention: str | None = None,
    ):
        self.inputs = inputs
        self.outputs = outputs
        self.shape = shape
        self.weights = weights
        self.title = title
        self.pooling = pooling
        self.feeds_back = feeds_back
        self.attention = attention

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        index: int = 0,
        max_steps: int = 8,
        ax: Any = None,
    ) -> UnrolledNetworkDisplay:
        """Predict one sequence and draw the network that did.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted recurrent estimator of skrnn. A generator continues the sequence, by
            its most probable steps.
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            As for ``predict``.
        index : int, default=0
            Which sequence of X; negative ones count from the end.
        max_steps, ax :
            As for ``plot``.

        Returns
        -------
        display : UnrolledNetworkDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        IndexError
            If X has no such sequence.
        ValueError
            If the network is feed-forward, or the sequence has no steps.
        """
        model, X = last_step(estimator, X)
        weights = shared_weights(model)
        network = model.net_.module_
        checked, dataset = model._readable(X)
        index = check_index(index, len(dataset))
        inputs = step_labels(model, checked, index, int(dataset.lengths[index]))
        if not inputs:
            raise ValueError(f"X[{index}] has no steps")
        outputs = PREDICTIONS[network.shape](model, X, index)
        display = cls(
            inputs,
            outputs,
            network.shape,
            weights,
            title=f"{type(model).__name__}, {network.config['cell']}: {network.shape}",
            pooling=network.config.get("pooling", "last"),
            feeds_back=model._needs_y or model._targets.reads_late,
            attention=network.config.get("attention"),
        )
        return display.plot(max_steps=max_steps, ax=ax)

    @property
    def decoder_inputs(self) -> list[str]:
        """Labels of the steps that a decoder reads."""
        if self.feeds_back:
            return [START, *self.outputs[:-1]]
        return [f"+{t + 1}" for t in range(len(self.outputs))]

    def plot(self, *, max_steps: int = 8, ax: Any = None) -> UnrolledNetworkDisplay:
        """Draw the network.

        Parameters
        ----------
        max_steps : int, default=8
            Steps drawn of a sequence, at least 3; of more the middle is left out.
        ax : matplotlib Axes, default=None
            None makes a new figure of fitting size.

        Returns
        -------
        display : UnrolledNetworkDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        ValueError
            If ``max_steps`` is less than 3.
        """
        if max_steps < 3:
            raise ValueError(f"max_steps must be at least 3, got {max_steps!r}")
        plt = import_pyplot("UnrolledNetworkDisplay.plot")
        drawing = Drawing(self.weights)
        LAYOUTS[self.shape](drawing, self, max_steps)
        left, right, bottom, top = drawing.bounds()
        if ax is None:
            size = (0.62 * (right - left), 0.62 * (top - bottom) + 0.4)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        drawing.draw(ax)
        ax.set_xlim(left, right)
        ax.set_ylim(bottom, top)
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_title(self.title, fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self


# --- labels of outputs -------------------------------------------------------------------


def _one_output(model: Any, X: Any, index: int) -> list[str]:
    """Return the predicted label, or numbers."""
    if not model._needs_y:  # a forecaster: numbers, one a step ahead
        return _forecast(model, X, index)
    predicted = np.ravel(model.predict(safe_indexing(X, [index]))[0])
    return [", ".join(step_label(value, 0) for value in predicted.tolist())]


def _aligned_outputs(model: Any, X: Any, index: int) -> list[str]:
    """Return the predicted label, or number, of each step."""
    predicted = model.predict(safe_indexing(X, [index]))[0]
    if isinstance(predicted, str):
        predicted = predicted.split() if " " in predicted else [*predicted]
    return [step_label(value, t) for t, value in enumerate(predicted)]


def _unaligned_outputs(model: Any, X: Any, index: int) -> list[str]:
    """Return the predicted tokens, or the forecast of each step ahead."""
    if not model._needs_y:
        return _forecast(model, X, index)
    predicted = model.predict(safe_indexing(X, [index]))[0]
    if isinstance(predicted, str):
        predicted = check_tokenizer(model.target_tokenizer).split(predicted)
    return [*(step_label(token, t) for t, token in enumerate(predicted)), "<end>"]


def _continuation(model: Any, X: Any, index: int) -> list[str]:
    """Return the most probable steps that follow."""
    prompt = safe_indexing(X, [index])
    found = model.generate(prompt, max_length=4, temperature=0)[0]
    if isinstance(found, str):
        found = check_tokenizer(model.tokenizer).split(found)
    return [step_label(value, t) for t, value in enumerate(found)] or ["<end>"]


def _forecast(model: Any, X: Any, index: int) -> list[str]:
    """Return the forecast of each step ahead of one series."""
    windows = model._check_ends(X).take(np.array([index]))
    numbers = model._point(windows, model._relative(windows))[0]
    return [step_label(number, 0) for number in numbers]


PREDICTIONS: dict[str, Callable[[Any, Any, int], list[str]]] = {
    "many to one": _one_output,
    "many to many, aligned": _aligned_outputs,
    "many to many, unaligned": _unaligned_outputs,
    "one to many": _continuation,
}


# --- the drawing -------------------------------------------------------------------------


class Box(NamedTuple):
    """A box around a text, at its centre."""

    x: float
    y: float
    text: str
    colours: tuple[str, str]
    width: float = WIDTH


class Arrow(NamedTuple):
    """An arrow between two points, with a text beside it."""

    start: tuple[float, float]
    end: tuple[float, float]
    text: str = ""
    style: Any = "-"


class Note(NamedTuple):
    """A text without a box."""

    x: float
    y: float
    text: str
    align: str = "center"
    colour: str = "black"


class Drawing:
    """Boxes, arrows and texts, in units of a box's width."""

    def __init__(self, weights: pd.DataFrame):
        self.weights = weights
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.notes: list[Note] = []
        #: x and y of dashed lines without a head
        self.lines: list[tuple[list[float], list[float]]] = []
        self.reads_ends = False

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
        found = self.weights.loc[self.weights["part"] == part, ["layer", "direction"]]
        return list(found.drop_duplicates().itertuples(index=False, name=None))

    def is_bidirectional(self, part: str) -> bool:
        """Return whether cells of a part read backward, too."""
        return len({direction for _, direction in self.rows(part)}) > 1

    def offset(self, part: str, direction: str) -> float:
        """Return how far a state stands from the middle of its column."""
        if not self.is_bidirectional(part):
            return 0.0
        return ASIDE if direction == "backward" else -ASIDE

    def column(self, x: float, part: str, label: str, step: int) -> None:
        """Add a step: its input, and the state of each layer and direction."""
        rows = self.rows(part)
        self.boxes.append(Box(x, 0, label, INPUT))
        for i, (layer, direction) in enumerate(rows):
            y, place = (i + 1) * ROW, x + self.offset(part, direction)
            colours = BACKWARD if direction == "backward" else STATE
            self.boxes.append(Box(place, y, f"$h_{{{step + 1}}}$", colours))
            below = [(0.0, place if self.is_bidirectional(part) else x)]
            if layer > 1:
                below = [
                    ((j + 1) * ROW, x + self.offset(part, of))
                    for j, (n, of) in enumerate(rows)
                    if n == layer - 1
                ]
            for k, (height, origin) in enumerate(below):
                start = min(max(origin, x - 0.42), x + 0.42) if layer == 1 else origin
                text = "W" if k == 0 and abs(start - place) < 0.2 else ""
                self.arrows.append(_up(start, height, place, y, text=text))

    def chain(self, xs: list[float], gap: float | None, part: str) -> None:
        """Add the arrows from state to state; at ``gap`` steps are left out."""
        rows = self.rows(part)
        if gap is not None:
            self.notes.append(Note(gap, 0, ELISION))
            self.notes += [
                Note(gap + self.offset(part, direction), (i + 1) * ROW, ELISION)
                for i, (_, direction) in enumerate(rows)
            ]
        for i, (_, direction) in enumerate(rows):
            y, aside = (i + 1) * ROW, self.offset(part, direction)
            for a, b in pairwise(xs):
                ends = [(a + aside + WIDTH / 2, b + aside - WIDTH / 2)]
                if gap is not None and a < gap < b:
                    middle = gap + aside
                    ends = [(ends[0][0], middle - 0.3), (middle + 0.3, ends[0][1])]
                for start, end in ends:
                    points = (start, y), (end, y)
                    if direction == "backward":
                        points = points[::-1]
                    self.arrows.append(Arrow(*points, "U" if len(ends) == 1 else ""))

    def feed_back(self, x: float, to_x: float, part: str) -> None:
        """Add the way of an output back to the next step's input."""
        middle = (x + to_x) / 2
        y = self.top(part)
        self.lines.append(([x + WIDTH / 2, middle, middle], [y, y, 0.0]))
        end = (to_x - WIDTH / 2, 0.0)
        self.arrows.append(Arrow((middle, 0.0), end, style=DASHES))

    def output_caption(
        self, x: float, part: str, what: str, align: str = "right"
    ) -> None:
        """Name the row of outputs, with the shape of its weights."""
        text = f"{what}\n{self.shape_of('output', 0, '', 'V')}"
        self.notes.append(Note(x, self.top(part), text, align, OUTPUT[1]))

    def captions(self, x: float, part: str, what: str, align: str = "right") -> None:
        """Name the rows of a part, with the shapes of their weights, beside them."""
        self.notes.append(Note(x, 0, what, align, INPUT[1]))
        rows = self.rows(part)
        two = self.is_bidirectional(part)
        for i, (layer, direction) in enumerate(rows):
            name = f"{part if part != 'layers' else 'recurrent'} layer {layer}"
            lines = [f"{name}, {direction}" if two else name]
            lines += [self.shape_of(part, layer, direction, symbol) for symbol in "WU"]
            colour = (BACKWARD if direction == "backward" else STATE)[1]
            self.notes.append(
                Note(x, (i + 1) * ROW, "\n".join(filter(None, lines)), align, colour)
            )

    def top(self, part: str) -> float:
        """Return the height of the row of outputs."""
        return (len(self.rows(part)) + 1) * ROW

    def last_rows(self, part: str) -> list[tuple[float, str]]:
        """Return height and direction of the last layer's rows."""
        rows = self.rows(part)
        n_layers = max(layer for layer, _ in rows)
        return [((i + 1) * ROW, d) for i, (n, d) in enumerate(rows) if n == n_layers]

    def output(
        self, x: float, part: str, text: str, *, origins: list[float] | None = None
    ) -> None:
        """Add an output, that reads the states of the last layer over these places.

        By default those of its own step.
        """
        y = self.top(part)
        width = max(WIDTH, 0.14 * len(text))
        self.boxes.append(Box(x, y, text, OUTPUT, width))
        for row, direction in self.last_rows(part):
            places = [x] if origins is None else origins
            if origins is not None and self.reads_ends:
                places = origins[:1] if direction == "backward" else origins[-1:]
            for place in places:
                start = place + self.offset(part, direction)
                inside = width / 2 - 0.1
                end = min(max(start, x - inside), x + inside)
                text = "V" if abs(start - end) < 0.2 else ""
                self.arrows.append(_up(start, row, end, y, text=text))

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
                (x, y), (to_x, to_y) = arrow.start, arrow.end
                along = min(0.5, 0.4 / max(to_y - y, 0.4))
                x, y = x + along * (to_x - x), y + along * (to_y - y)
                is_level = y == to_y
                ax.text(
                    x + 0.08 * (not is_level),
                    y + 0.06 * is_level,
                    arrow.text,
                    fontsize=8,
                    style="italic",
                    color=GREY,
                    ha="center" if is_level else "left",
                    va="bottom" if is_level else "center",
                )
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
            size = 9 if len(box.text) < 8 else 7 if len(box.text) < 11 else 6
            ax.text(box.x, box.y, box.text, ha="center", va="center", fontsize=size)
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


def _up(x: float, y: float, to_x: float, to_y: float, *, text: str = "") -> Arrow:
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


def _draw_steps(
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


def _many_to_one(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    places = _draw_steps(drawing, shown.inputs, "encoder", n)
    xs = list(places.values())
    drawing.captions(xs[0] - LEFT, "encoder", "inputs")
    centre = (xs[0] + xs[-1]) / 2
    text = ", ".join(shown.outputs)
    drawing.reads_ends = shown.pooling == "last"
    place = xs[-1] if drawing.reads_ends else centre
    drawing.output(place, "encoder", text, origins=xs)
    drawing.output_caption(xs[0] - LEFT, "encoder", f"output, pooling: {shown.pooling}")


def _aligned(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    places = _draw_steps(drawing, shown.inputs, "encoder", n)
    for t, x in places.items():
        drawing.output(x, "encoder", shown.outputs[t])
    left = min(places.values()) - LEFT
    drawing.captions(left, "encoder", "inputs")
    drawing.output_caption(left, "encoder", "outputs")


def _unaligned(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    n = max(3, n // 2 + 1)  # for each of the two
    encoder = _draw_steps(drawing, shown.inputs, "encoder", n)
    last = max(encoder.values())
    start = last + 3.0
    decoder = _draw_steps(drawing, shown.decoder_inputs, "decoder", n, start)
    left = min(encoder.values()) - LEFT
    drawing.captions(left, "encoder", "inputs")
    right = max(decoder.values()) + LEFT
    drawing.captions(right, "decoder", "decoder inputs", align="left")
    for t, x in decoder.items():
        drawing.output(x, "decoder", shown.outputs[t])
        if shown.feeds_back and t + 1 in decoder:
            drawing.feed_back(x, decoder[t + 1], "decoder")
    drawing.output_caption(right, "decoder", "outputs", align="left")
    row, direction = drawing.last_rows("encoder")[0]
    edge = last + drawing.offset("encoder", direction) + WIDTH / 2
    first = drawing.last_rows("decoder")[0][0]
    drawing.arrows.append(Arrow((edge, row), (start - WIDTH / 2, first), "final state"))
    if shown.attention is not None:
        top = drawing.top("decoder")
        row, direction = drawing.last_rows("encoder")[-1]
        edge = last + drawing.offset("encoder", direction) + WIDTH / 2
        target = (start - WIDTH / 2, top)
        drawing.arrows.append(Arrow((edge, row), target, "attention", DASHES))


def _one_to_many(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    labels = [*shown.inputs, *shown.outputs[:-1]]
    places = _draw_steps(drawing, labels, "layers", n)
    first = len(shown.inputs) - 1
    for t, x in places.items():
        if t >= first:
            drawing.output(x, "layers", shown.outputs[t - first])
            if t + 1 in places:
                drawing.feed_back(x, places[t + 1], "layers")
    left = min(places.values()) - LEFT
    drawing.captions(left, "layers", "inputs")
    drawing.output_caption(left, "layers", "outputs, each the next input")


LAYOUTS: dict[str, Callable[[Drawing, UnrolledNetworkDisplay, int], None]] = {
    "many to one": _many_to_one,
    "many to many, aligned": _aligned,
    "many to many, unaligned": _unaligned,
    "one to many": _one_to_many,
}
