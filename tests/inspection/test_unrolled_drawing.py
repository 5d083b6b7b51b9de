"""The drawing of an unrolled network is readable: arrows end at boxes and cross none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from skrnn.inspection import UnrolledNetworkDisplay
from skrnn.inspection._unrolled import LAYOUTS, POOLINGS, vector_rows
from skrnn.inspection._unrolled_drawing import HEIGHT, Drawing, place_steps, width_of

INPUTS = list("abcde")
JOINED = {"static": "a=1, b=2", "static_in_steps": False}


def weights(part, num_layers, bidirectional):
    directions = ["forward", "backward"] if bidirectional else ["forward"]
    rows = [
        (part, layer + 1, direction, symbol, (4, 3))
        for layer in range(num_layers)
        for direction in directions
        for symbol in "WU"
    ]
    return rows


def draw(display, max_steps):
    drawing = Drawing(display.weights)
    drawing.vectors |= vector_rows(drawing, display)
    LAYOUTS[display.shape](drawing, display, max_steps)
    return drawing


def make(shape, num_layers, bidirectional, embeds=False, joins=False, **options):
    rows = weights("encoder", num_layers, bidirectional)
    if shape == "one to many":
        rows = weights("layers", num_layers, False)
    if shape == "many to many, unaligned":
        rows += weights("decoder", num_layers, False)
    if embeds:
        rows.append(("embedding", 0, "", "E", (9, 3)))
        rows.append(("target embedding", 0, "", "E", (9, 3)))
    if joins:
        rows.append(("join", 0, "", "J", (4, 9)))
    rows.append(("output", 0, "", "V", (2, 4)))
    frame = pd.DataFrame(rows, columns=["part", "layer", "direction", "symbol", "shape"])
    outputs = INPUTS if shape != "many to one" else ["positive"]
    return UnrolledNetworkDisplay(INPUTS, outputs, shape, frame, **options)


def segments(drawing):
    """Yield the two ends of each arrow and of each part of a line."""
    for arrow in drawing.arrows:
        yield arrow.start, arrow.end
    for xs, ys in drawing.lines:
        points = list(zip(xs, ys, strict=True))
        yield from pairwise(points)


def assert_no_arrow_crosses_a_box(drawing):
    centres = np.array([[box.x, box.y] for box in drawing.boxes])
    halves = np.array([[box.width / 2, HEIGHT / 2] for box in drawing.boxes]) - 0.01
    for start, end in segments(drawing):
        way = np.linspace(start, end, 400)
        inside = (np.abs(way[:, None] - centres) < halves).all(-1).any(0)
        assert not inside.any(), (start, end, drawing.boxes[inside.argmax()])


@pytest.mark.parametrize("max_steps", [4, 6])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ("many to one", {"pooling": "last"}),
        ("many to one", {"pooling": "mean"}),
        ("many to one", {"pooling": "max"}),
        ("many to one", {"pooling": "attention"}),
        ("many to many, aligned", {}),
        ("many to many, unaligned", {}),
        ("many to many, unaligned", {"attention": "additive"}),
        ("many to many, unaligned", {"feeds_back": False}),
        ("one to many", {}),
        ("one to many", {"embeds": True, "static": "a=1, b=2"}),
        ("many to one", {"embeds": True, "joins": True, "pooling": "last", **JOINED}),
        ("many to one", {"joins": True, "known_ahead": True, "pooling": "max", **JOINED}),
        ("many to many, aligned", {"embeds": True, "static": "a=1"}),
        ("many to many, aligned", {"static": "a=1"}),
        ("many to many, unaligned", {"embeds": True, "static": "a=1"}),
        ("many to many, unaligned", {"static": "a=1", "attention": "general"}),
    ],
)
def test_no_arrow_crosses_a_box(shape, options, num_layers, bidirectional, max_steps):
    drawing = draw(make(shape, num_layers, bidirectional, **options), max_steps)
    assert_no_arrow_crosses_a_box(drawing)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("embeds", [False, True])
def test_no_two_boxes_overlap(embeds, bidirectional):
    for shape, options in (
        ("many to one", {"joins": True, "known_ahead": True, **JOINED}),
        ("many to one", {"joins": True, "pooling": "max", **JOINED}),
        ("many to many, aligned", {"static": "a=1"}),
        ("many to many, unaligned", {"static": "a=1", "attention": "general"}),
        ("one to many", {"static": "a=1"}),
    ):
        drawing = draw(make(shape, 2, bidirectional, embeds=embeds, **options), 6)
        for i, a in enumerate(drawing.boxes):
            for b in drawing.boxes[:i]:
                apart = (a.width + b.width) / 2 - 1e-9
                assert abs(a.x - b.x) >= apart or abs(a.y - b.y) >= HEIGHT, (a, b)


def test_static_columns_reach_the_vector_of_each_step_that_is_drawn():
    drawing = draw(make("many to many, aligned", 1, False, static="a=1"), 4)
    (bar,) = [box for box in drawing.boxes if box.text == "a=1"]
    vectors = [box for box in drawing.boxes if box.text.startswith("$x_")]
    assert len(vectors) == 4
    ends = {arrow.end for arrow in drawing.arrows}
    for box in vectors:
        assert (box.x + box.width / 2, box.y) in ends
    for xs, ys in drawing.lines:
        assert ys[0] == pytest.approx(bar.y + HEIGHT / 2)
        assert abs(xs[0] - bar.x) < bar.width / 2


@pytest.mark.parametrize("pooling", ["mean", "max", "attention", "concat"])
def test_pooling_joins_every_state_that_is_drawn_of_the_last_layer(pooling):
    drawing = draw(make("many to one", 2, True, pooling=pooling), 8)
    (joined,) = [box for box in drawing.boxes if POOLINGS[pooling] in box.text]
    ends = [arrow.end for arrow in drawing.arrows]
    reached = [end for end in ends if end[1] == pytest.approx(joined.y - HEIGHT / 2)]
    assert len(reached) == 10
    output = drawing.boxes[-1]
    assert output.text == "positive"
    assert (output.x, joined.y < output.y) == (joined.x, True)


def test_last_joins_the_end_that_each_direction_reads():
    drawing = draw(make("many to one", 1, True, pooling="last"), 8)
    (joined,) = [box for box in drawing.boxes if "last state" in box.text]
    states = {
        (box.text, box.x) for box in drawing.boxes if box.text in ("$h_{1}$", "$h_{5}$")
    }
    reached = {
        arrow.start[0]
        for arrow in drawing.arrows
        if arrow.end[1] == pytest.approx(joined.y - HEIGHT / 2)
    }
    forward = max(x for text, x in states if text == "$h_{5}$") - 1.08
    backward = min(x for text, x in states if text == "$h_{1}$") + 1.08
    assert sorted(reached) == pytest.approx([backward, forward])


def test_texts_and_boxes_are_within_the_bounds():
    display = make("many to one", 1, False, pooling="mean")
    display.outputs = ["a very long answer, which is wider than a state"]
    drawing = draw(display, 3)
    left, right, bottom, top = drawing.bounds()
    for box in drawing.boxes:
        assert left < box.x - box.width / 2 < box.x + box.width / 2 < right
        assert bottom < box.y < top
    assert drawing.boxes[-1].width == width_of(display.outputs[0])


def test_the_first_and_last_steps_of_many_are_placed_from_left_to_right():
    places, gap = place_steps(100, 5)
    assert list(places) == [0, 1, 2, 98, 99]
    xs = list(places.values())
    assert xs == sorted(xs)
    assert xs[2] < gap < xs[3]
    assert place_steps(5, 5) == ({t: pytest.approx(1.7 * t) for t in range(5)}, None)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_outputs_and_all_layers_above_the_first_read_the_context(num_layers):
    display = make("many to many, unaligned", num_layers, True, attention="general")
    drawing = draw(display, 6)
    top = max(arrow.start[1] for arrow in drawing.arrows)
    rows = [drawing.height("decoder", i) for i in range(num_layers + 1)]
    reads = {row + HEIGHT / 2 for row in rows[1:]}  # the last one is that of outputs
    dashed = [arrow for arrow in drawing.arrows if arrow.style != "-" and arrow.end[1]]
    assert {arrow.end[1] for arrow in dashed} == reads
    steps = {box.x for box in drawing.boxes if box.y == rows[0] and box.x > 0}
    decoder = [
        x
        for x in steps
        if any(arrow.end[0] == x and arrow.start == (x, top) for arrow in dashed)
    ]
    assert len(dashed) == num_layers * len(decoder) > 0
    text = "attention to all states, for each output"
    text += " of decoder layer 1" if num_layers > 1 else ""
    assert text in [box.text for box in drawing.boxes]
