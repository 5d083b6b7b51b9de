"""The unrolled network of a fitted estimator, for one sequence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._sklearn import safe_indexing
from skrnn.inspection._checks import check_index, check_recurrent, fitted_step
from skrnn.inspection._frames import as_pixels
from skrnn.inspection._matplotlib import import_pyplot
from skrnn.inspection._steps import (
    END,
    START,
    frames_of,
    static_label,
    step_label,
    step_labels,
)
from skrnn.inspection._unrolled_drawing import (
    DASHES,
    GREY,
    HEIGHT,
    INCHES,
    LEFT,
    ROW,
    STATIC,
    WIDTH,
    Arrow,
    Drawing,
    Note,
    VectorRow,
    add_steps,
)


def shared_weights(estimator: Any) -> pd.DataFrame:
    """Return the weight matrices of a recurrent network, each of them once.

    All steps share the matrices of the embedding, of the encoders of words and images, and
    of the recurrent layers.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted recurrent estimator of skrnn; of an ensemble, its first member is shown.

    Returns
    -------
    weights : DataFrame
        One row a matrix, in the order of the data flow, with the columns part, layer,
        direction, symbol, shape and n_parameters. Parts are "encoder", "decoder" and
        "layers" (a generator's), which are recurrent, "output", and those that the network
        has of "embedding" (one a step field), "character encoder", "image encoder",
        "static columns" (categories), "target embedding", "steps ahead" (a forecaster's
        decoder inputs), "first state", "attention", "readout", "pooling", "join" (the
        hidden layer after static columns join) and "transitions" (of labels). Symbols: E
        of vectors that are looked up, C of the character encoder, K of the image encoder,
        W from the input to the state, U from the last state, A of attention, J of the join,
        V from the state to the output, others the first letter. Rows of W and U are counted
        gate by gate: four times ``hidden_size`` in an LSTM, three times in a GRU.
        n_parameters counts trained numbers, biases and other vectors apart: 0 where
        embeddings are frozen, or where the output layer is the embedding. Patches have no
        weights: W has columns for the steps of a patch side by side.

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
    model, _ = fitted_step(estimator, None, "shared_weights")
    network = check_recurrent(model).net_.module_.first_member
    cells = {
        id(weight): (name, place)
        for place, cell in network.cells().items()
        for name, weight in cell.named_parameters()
    }
    output = network.output_weight()
    rows = []
    for path, weight in network.named_parameters():
        if weight.ndim < 2:
            continue
        size = weight.numel() if weight.requires_grad else 0
        if id(weight) in cells:
            name, (part, layer, direction) = cells[id(weight)]
            of_state = name.rpartition(".")[2].startswith("weight_hh")
            row = (part, layer, direction, "U" if of_state else "W")
        else:
            part, symbol = _part_of(path, network)
            row = (part, 0, "", symbol)
        rows.append((*row, tuple(weight.shape), size))
        if weight is output and part != "output":  # tied
            rows.append(("output", 0, "", "V", tuple(weight.shape), 0))
    rows.sort(key=lambda row: RANKS[row[0]])
    columns = ["part", "layer", "direction", "symbol", "shape", "n_parameters"]
    return pd.DataFrame(rows, columns=columns)


#: Part and symbol of the matrices beside those of cells, by their path in the network; the
#: first match counts.
PARTS = {
    r"input_layer\.(fields\.\d+\.)?char_encoder": ("character encoder", "C"),
    r"input_layer\.(fields\.\d+\.)?encoder": ("image encoder", "K"),
    r"input_layer": ("embedding", "E"),
    r"static": ("static columns", "E"),
    r"embedding": ("target embedding", "E"),
    r"ahead": ("steps ahead", "E"),
    r"decoder\.bridge": ("first state", "F"),
    r"decoder\.attention": ("attention", "A"),
    r"decoder\.readout": ("readout", "R"),
    r"pooling": ("pooling", "A"),
    r"join": ("join", "J"),
    r"crf": ("transitions", "T"),
    r"project": ("projection", "P"),
    r"head": ("output", "V"),
}
#: Parts in the order of the data flow.
RANKS = {
    part: rank
    for rank, part in enumerate(
        [
            *("embedding", "character encoder", "image encoder", "static columns"),
            *("encoder", "first state", "target embedding", "steps ahead"),
            *("layers", "decoder", "attention", "readout", "pooling", "join"),
            *("projection", "output", "transitions"),
        ]
    )
}


def _part_of(path: str, network: Any) -> tuple[str, str]:
    """Return the part and the symbol of a matrix that belongs to no cell."""
    part, symbol = next(
        found for pattern, found in PARTS.items() if re.match(pattern, path)
    )
    if part == "target embedding" and network.shape == "one to many":
        part = "embedding"  # a generator reads what it generates
    return part, symbol


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
    patch_size : int, default=1
        Steps of the user that the network reads at a time.
    static : str, default=""
        Label of the static columns, if there are any.
    static_in_steps : bool, default=True
        Whether static columns join the vector of each step.
    known_ahead : bool, default=False
        Whether the network reads features of the steps ahead.
    frames : ndarray of shape (n_steps, height, width[, n_channels]), default=None
        The images that an image encoder reads.

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
        patch_size: int = 1,
        static: str = "",
        static_in_steps: bool = True,
        known_ahead: bool = False,
        frames: NDArray | None = None,
    ):
        self.inputs = inputs
        self.outputs = outputs
        self.shape = shape
        self.weights = weights
        self.title = title
        self.pooling = pooling
        self.feeds_back = feeds_back
        self.attention = attention
        self.patch_size = patch_size
        self.static = static
        self.static_in_steps = static_in_steps
        self.known_ahead = known_ahead
        self.frames = frames

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        index: int = 0,
        max_steps: int = 6,
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
        model, X = fitted_step(estimator, X, cls.__name__)
        weights = shared_weights(model)
        network = model.net_.module_.first_member
        checked, dataset = model._readable(X)
        index = check_index(index, len(dataset))
        inputs = step_labels(model, checked, index, int(dataset.lengths[index]))
        if not inputs:
            raise ValueError(f"X[{index}] has no steps")
        outputs = PREDICTIONS[network.shape](model, X, index, len(inputs))
        display = cls(
            inputs,
            outputs,
            network.shape,
            weights,
            title=f"{type(model).__name__}, {network.config['cell']}: {network.shape}",
            pooling=network.config.get("pooling", "last"),
            feeds_back=model._needs_y or model._targets.reads_late,
            attention=network.config.get("attention"),
            patch_size=model._inputs.patch_size,
            static=static_label(model, checked, index),
            static_in_steps=getattr(network, "static_in_steps", True),
            known_ahead=bool(network.config.get("n_known")),
            frames=frames_of(checked, index),
        )
        return display.plot(max_steps=max_steps, ax=ax)

    @property
    def decoder_inputs(self) -> list[str]:
        """Labels of the steps that a decoder reads."""
        if self.feeds_back:
            return [START, *self.outputs[:-1]]
        return [f"+{t + 1}" for t in range(len(self.outputs))]

    def plot(self, ax: Any = None, *, max_steps: int = 6) -> UnrolledNetworkDisplay:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure of fitting size.
        max_steps : int, default=6
            Steps drawn of a sequence, at least 3; of more the middle is left out.

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
        frames = self.frames
        has_images = (self.weights["part"] == "image encoder").any()
        drawing = Drawing(
            self.weights, as_pixels(frames) if has_images and frames is not None else None
        )
        drawing.vectors |= vector_rows(drawing, self)
        LAYOUTS[self.shape](drawing, self, max_steps)
        left, right, bottom, top = drawing.bounds()
        if ax is None:
            size = (INCHES * (right - left), INCHES * (top - bottom) + 0.4)
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


def _one_output(model: Any, X: Any, index: int, n_steps: int) -> list[str]:
    """Return the predicted label, or numbers."""
    if not model._needs_y:  # a forecaster: numbers, one a step ahead
        return _forecast(model, X, index)
    predicted = np.ravel(model.predict(safe_indexing(X, [index]))[0])
    return [", ".join(step_label(value, 0) for value in predicted.tolist())]


def _aligned_outputs(model: Any, X: Any, index: int, n_steps: int) -> list[str]:
    """Return the predicted label, or number, of each step."""
    predicted = model.predict(safe_indexing(X, [index]))[0]
    if isinstance(predicted, str):
        labels = predicted.split()  # unless each character is a label
        predicted = labels if len(labels) == n_steps else [*predicted]
    return [step_label(value, t) for t, value in enumerate(predicted)]


def _unaligned_outputs(model: Any, X: Any, index: int, n_steps: int) -> list[str]:
    """Return the predicted tokens, or the forecast of each step ahead."""
    if not model._needs_y:
        return _forecast(model, X, index)
    predicted = model.predict(safe_indexing(X, [index]))[0]
    if isinstance(predicted, str):
        predicted = model.target_tokenizer_.split(predicted)
    return [*(step_label(token, t) for t, token in enumerate(predicted)), END]


def _continuation(model: Any, X: Any, index: int, n_steps: int) -> list[str]:
    """Return the most probable steps that follow."""
    prompt = safe_indexing(X, [index])
    found = model.generate(prompt, max_length=4, temperature=0)[0]
    if isinstance(found, str):
        found = model.tokenizer_.split(found)
    return [step_label(value, t) for t, value in enumerate(found)] or [END]


def _forecast(model: Any, X: Any, index: int) -> list[str]:
    """Return the forecast of each step ahead of one series."""
    windows = model._check_ends(X).take(np.array([index]))
    numbers = model._point(windows, model._relative(windows))[0]
    return [step_label(number, 0) for number in numbers]


PREDICTIONS: dict[str, Callable[[Any, Any, int, int], list[str]]] = {
    "many to one": _one_output,
    "many to many, aligned": _aligned_outputs,
    "many to many, unaligned": _unaligned_outputs,
    "one to many": _continuation,
}


# --- layouts -----------------------------------------------------------------------------

#: What each pooling makes of the states.
POOLINGS = {
    "last": "last state of each direction",
    "mean": "mean over the steps",
    "max": "maximum over the steps",
    "attention": "attention: weighted mean over the steps",
    "concat": "last state, maximum and mean side by side",
}


#: The parts whose matrices make vectors of what a recurrent part reads.
LOOKED_UP = {
    "encoder": ("embedding", "character encoder", "image encoder"),
    "layers": ("embedding",),
    "decoder": ("target embedding", "steps ahead"),
}
STATIC_PART = "static columns"


def vector_rows(drawing: Drawing, shown: UnrolledNetworkDisplay) -> dict[str, VectorRow]:
    """Return the layers that embed the steps of each recurrent part."""
    found, has = {}, set(drawing.weights["part"])
    joins = bool(shown.static) and shown.static_in_steps
    for part, makers in LOOKED_UP.items():
        made_by = [maker for maker in makers if maker in has]
        if part not in has or not (made_by or joins):
            continue
        lines = [f"{maker}\n{drawing.sizes_of(maker)}" for maker in made_by]
        symbol = drawing.sizes_of(made_by[0])[0] if made_by else ""
        if part == "decoder" and shown.known_ahead:
            lines.append("and what is known ahead")
        if joins:
            lines.append("and static columns" if lines else "inputs and static columns")
        found[part] = VectorRow(symbol, lines, joins)
    return found


def _add_static(
    drawing: Drawing, shown: UnrolledNetworkDisplay, xs: list[float], left: float
) -> None:
    """Add the static columns below the steps that they join."""
    if not (shown.static and shown.static_in_steps):
        return
    drawing.static(xs, shown.static)
    text = f"{STATIC_PART}\n{drawing.sizes_of(STATIC_PART)}".strip()
    drawing.notes.append(Note(left, -ROW, text, "right", STATIC[1]))


def _inputs_caption(shown: UnrolledNetworkDisplay) -> str:
    if shown.patch_size == 1:
        return "inputs"
    return f"inputs, in patches\nof {shown.patch_size} steps"


def _many_to_one(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    places = add_steps(drawing, shown.inputs, "encoder", n)
    xs, left = list(places.values()), min(places.values()) - LEFT
    drawing.captions(left, "encoder", _inputs_caption(shown))
    _add_static(drawing, shown, xs, left)
    text, y = ", ".join(shown.outputs), drawing.top("encoder")
    joins = [shown.static] if shown.static else []
    if shown.known_ahead:
        joins.insert(0, "known ahead")
    has_join = bool(drawing.sizes_of("join"))
    if shown.pooling == "last" and not drawing.is_bidirectional("encoder"):
        if not has_join:
            drawing.output(xs[-1], "encoder", text)
            drawing.output_caption(left, y, "output, of the last state")
            return
        start, right, below = xs[-1], xs[-1] + WIDTH / 2, y - ROW
    else:
        name = POOLINGS.get(shown.pooling, shown.pooling)
        box = drawing.joined(xs, "encoder", y, name, ends=shown.pooling == "last")
        beside = min(left, box.x - box.width / 2 - 0.2)
        caption = f"pooling: {shown.pooling}\n{drawing.sizes_of('pooling')}".strip()
        drawing.notes.append(Note(beside, y, caption, "right", GREY))
        start, right, below = box.x, box.x + box.width / 2, y
        if not has_join:
            drawing.output_of(box, text)
            drawing.output_caption(left, y + ROW, "output")
            return
    hidden = drawing.join(start, right, below, joins, "hidden layer")
    beside = min(left, hidden.x - hidden.width / 2 - 0.2)
    caption = f"join\n{drawing.sizes_of('join')}"
    drawing.notes.append(Note(beside, hidden.y, caption, "right", GREY))
    drawing.output_of(hidden, text)
    drawing.output_caption(left, hidden.y + ROW, "output")


def _aligned(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    places = add_steps(drawing, shown.inputs, "encoder", n)
    for t, x in places.items():
        drawing.output(x, "encoder", shown.outputs[t])
    left = min(places.values()) - LEFT
    drawing.captions(left, "encoder", _inputs_caption(shown))
    _add_static(drawing, shown, list(places.values()), left)
    drawing.output_caption(left, drawing.top("encoder"), "outputs")


def _unaligned(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    n = max(3, n // 2 + 1)  # for each of the two
    encoder = add_steps(drawing, shown.inputs, "encoder", n)
    last = max(encoder.values())
    start = last + (3.6 if drawing.is_bidirectional("encoder") else 3.0)
    decoder = add_steps(drawing, shown.decoder_inputs, "decoder", n, start)
    left = min(encoder.values()) - LEFT
    drawing.captions(left, "encoder", _inputs_caption(shown))
    _add_static(drawing, shown, [*encoder.values(), *decoder.values()], left)
    right = max(decoder.values()) + LEFT
    drawing.captions(right, "decoder", "decoder inputs", align="left")
    for t, x in decoder.items():
        drawing.output(x, "decoder", shown.outputs[t])
        if shown.feeds_back and t + 1 in decoder:
            drawing.feed_back(x, decoder[t + 1], "decoder")
    drawing.output_caption(right, drawing.top("decoder"), "outputs", align="left")
    row, direction = drawing.last_rows("encoder")[0]
    edge = last + drawing.offset("encoder", direction) + WIDTH / 2
    first = drawing.last_rows("decoder")[0][0]
    drawing.arrows.append(Arrow((edge, row), (start - WIDTH / 2, first), "final state"))
    if shown.attention is not None:
        _attend(drawing, list(encoder.values()), list(decoder.values()))


def _attend(drawing: Drawing, encoder: list[float], decoder: list[float]) -> None:
    """Add the attention that a decoder's first layer pays to all states of an encoder.

    The context vector joins what the outputs and the layers above the first read.
    """
    top = drawing.top("decoder")
    n_layers = len(drawing.rows("decoder"))
    above = [drawing.height("decoder", i) for i in range(1, n_layers)]
    y = max(drawing.top("encoder"), top + ROW)
    text = "attention to all states, for each output"
    if above:
        text += " of decoder layer 1"
    box = drawing.joined(encoder, "encoder", y, text)
    edge = box.x + box.width / 2
    drawing.lines.append(([edge, decoder[-1]], [y, y]))
    for x in decoder:
        drawing.arrows.append(Arrow((x, y), (x, top + HEIGHT / 2), style=DASHES))
        drawing.lead_down(x, y, above)


def _one_to_many(drawing: Drawing, shown: UnrolledNetworkDisplay, n: int) -> None:
    labels = [*shown.inputs, *shown.outputs[:-1]]
    places = add_steps(drawing, labels, "layers", n)
    first = len(shown.inputs) - 1
    for t, x in places.items():
        if t >= first:
            drawing.output(x, "layers", shown.outputs[t - first])
            if t + 1 in places:
                drawing.feed_back(x, places[t + 1], "layers")
    left = min(places.values()) - LEFT
    drawing.captions(left, "layers", "inputs")
    _add_static(drawing, shown, list(places.values()), left)
    drawing.output_caption(left, drawing.top("layers"), "outputs, each the next input")


LAYOUTS: dict[str, Callable[[Drawing, UnrolledNetworkDisplay, int], None]] = {
    "many to one": _many_to_one,
    "many to many, aligned": _aligned,
    "many to many, unaligned": _unaligned,
    "one to many": _one_to_many,
}
