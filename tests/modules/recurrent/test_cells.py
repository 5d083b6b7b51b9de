"""Each cell against its definition, its initial weights, and a cell added at run time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from skrnn.modules.initialization import materialize
from skrnn.modules.recurrent import CELLS

N_FEATURES, HIDDEN = 3, 4
N_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


# --- the definitions ------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(x, w, u, b):
    """Run Hochreiter & Schmidhuber's cell with forget gate, gates in order i, f, g, o."""
    h = c = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        i, f, g, o = np.split(w @ step + u @ h + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def gru_by_hand(x, w, u, b_w, b_u):
    """Run Cho et al.'s cell as cuDNN has it, gates in order r, z, n."""
    h = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        r_x, z_x, n_x = np.split(w @ step + b_w, 3)
        r_h, z_h, n_h = np.split(u @ h + b_u, 3)
        r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        h = (1 - z) * np.tanh(n_x + r * n_h) + z * h
        outputs.append(h)
    return np.array(outputs)


def simple_by_hand(x, w, u, b, activation):
    h = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        h = activation(w @ step + u @ h + b)
        outputs.append(h)
    return np.array(outputs)


BY_HAND = {
    "lstm": lambda x, w, u, b, c: lstm_by_hand(x, w, u, b + c),
    "gru": gru_by_hand,
    "rnn_tanh": lambda x, w, u, b, c: simple_by_hand(x, w, u, b + c, np.tanh),
    "rnn_relu": lambda x, w, u, b, c: simple_by_hand(
        x, w, u, b + c, lambda a: np.maximum(a, 0)
    ),
}


@pytest.mark.parametrize("cell", CELLS)
def test_the_cell_is_the_one_of_the_textbook(cell, rng):
    layer = CELLS[cell](N_FEATURES, HIDDEN)
    for weight in layer.parameters():
        nn.init.normal_(weight, std=0.5, generator=torch.Generator().manual_seed(0))
    x = rng.normal(size=(5, N_FEATURES))
    weights = [
        getattr(layer.rnn, f"{name}_l0").detach().double().numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    with torch.no_grad():
        outputs, _ = layer(torch.from_numpy(x).float()[None])
    np.testing.assert_allclose(outputs[0], BY_HAND[cell](x, *weights), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_the_state_is_what_the_next_call_starts_from(cell, generator):
    layer = CELLS[cell](N_FEATURES, HIDDEN)
    x = torch.randn(2, 5, N_FEATURES, generator=generator)
    whole, end = layer(x)
    first, between = layer(x[:, :2])
    second, after = layer(x[:, 2:], between)
    assert len(after) == layer.n_states
    assert {part.shape for part in after} == {(2, HIDDEN)}
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(after, end)


# --- initial weights ------------------------------------------------------------------


def layer(cell):
    module = CELLS[cell](N_FEATURES, HIDDEN)
    return materialize(module, torch.Generator().manual_seed(0)).rnn


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
def test_recurrent_weights_are_orthogonal_gate_by_gate(cell):
    gates = layer(cell).weight_hh_l0.chunk(N_GATES[cell])
    for gate in gates:
        torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
    assert len({round(float(gate.detach()[0, 0]), 6) for gate in gates}) == len(gates)


def test_a_relu_cell_starts_from_the_identity():
    assert torch.equal(layer("rnn_relu").weight_hh_l0, torch.eye(HIDDEN))


@pytest.mark.parametrize("cell", N_GATES)
def test_input_weights_are_xaviers_gate_by_gate(cell):
    bound = math.sqrt(6 / (N_FEATURES + HIDDEN))
    weight = layer(cell).weight_ih_l0
    assert weight.abs().max() <= bound
    for gate in weight.chunk(N_GATES[cell]):
        assert gate.abs().max() > 0.8 * bound


@pytest.mark.parametrize("cell", N_GATES)
def test_biases_are_zero_but_for_the_forget_gate(cell):
    rnn = layer(cell)
    bias = rnn.bias_ih_l0 + rnn.bias_hh_l0
    expected = torch.zeros(N_GATES[cell] * HIDDEN)
    if cell == "lstm":
        expected[HIDDEN : 2 * HIDDEN] = 1.0
    assert torch.equal(bias, expected)
