"""Layers as nodes, against loops over their steps."""

import numpy as np
import onnxruntime
import pytest

from skrnn.onnx._cells import CELLS, as_integers
from skrnn.onnx._graph import Graph, Weights


def run(graph, inputs):
    session = onnxruntime.InferenceSession(
        graph.model({}, "").SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def minimal_loop(x, lengths, weights, state, *, backwards):
    """Return the outputs and the last states of the minimal gated unit."""
    outputs = np.zeros((len(x), len(lengths), state.shape[1]), np.float32)
    for row, n in enumerate(lengths):
        h = state[row]
        for t in reversed(range(n)) if backwards else range(n):
            update, candidate = np.split(
                weights["linear.weight"] @ x[t, row] + weights["linear.bias"], 2
            )
            h = h + (candidate - h) / (1 + np.exp(-update))
            outputs[t, row] = h
        state[row] = h
    return outputs, state


@pytest.mark.parametrize("n_directions", [1, 2])
@pytest.mark.parametrize("starts_from_state", [False, True])
def test_the_minimal_unit_is_a_loop(rng, starts_from_state, n_directions):
    lengths = np.array([3, 7, 1, 5])
    x = rng.normal(size=(7, 4, 3)).astype(np.float32)
    arrays = {}
    for d in range(n_directions):
        arrays[f"{d}.linear.weight"] = rng.normal(size=(10, 3)).astype(np.float32)
        arrays[f"{d}.linear.bias"] = rng.normal(size=10).astype(np.float32)
    states = np.zeros((n_directions, 4, 5), np.float32)
    if starts_from_state:
        states = rng.normal(size=states.shape).astype(np.float32)

    graph, weights = Graph("cells"), Weights(arrays)
    inputs = {"x": x, "lengths": lengths}
    graph.input("x", np.float32, ["T", "B", 3])
    graph.input("lengths", np.int64, ["B"])
    given = []
    if starts_from_state:
        given = [graph.input("states", np.float32, [n_directions, "B", 5])]
        inputs["states"] = states
    of_directions = [weights.at(str(d)) for d in range(n_directions)]
    outputs, (last,) = CELLS["mingru"].add(
        graph, "x", of_directions, "lengths", given, bounded=True
    )
    graph.output("outputs", outputs, np.float32, ["T", "B", 5 * n_directions])
    graph.output("last", last, np.float32, [n_directions, "B", 5])
    got, after = run(graph, inputs)

    real = np.arange(7)[:, None] < lengths
    for d in range(n_directions):
        own = {name[2:]: array for name, array in arrays.items() if name[0] == str(d)}
        expected, state = minimal_loop(x, lengths, own, states[d], backwards=d == 1)
        part = got[..., 5 * d : 5 * d + 5]
        np.testing.assert_allclose(part[real], expected[real], atol=1e-5)
        np.testing.assert_allclose(after[d], state, atol=1e-5)
    assert not weights.unread


def test_integers_are_closest_to_the_weights(rng):
    weights = rng.normal(size=(2, 8, 5)).astype(np.float32)
    weights[0, 3] = 0.0
    integers, scale, zeros = as_integers(weights)
    assert integers.dtype == zeros.dtype == np.int8
    assert integers.shape == (2, 5, 8)
    back = integers.transpose(0, 2, 1) * scale[..., None]
    assert (np.abs(back - weights) <= scale[..., None] / 2 + 1e-7).all()
    assert np.abs(integers).max() == 64  # 2 * 64 * 255 has a place in 16 bits
    assert not zeros.any()
