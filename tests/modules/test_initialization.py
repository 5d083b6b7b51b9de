"""Initial weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skrnn.modules.initialization import (
    embedding_scale,
    initialize_recurrent,
    materialize,
    orthogonal_,
    small_normal_,
    xavier_,
)
from skrnn.modules.recurrent import CELLS

HIDDEN, N_FEATURES = 6, 4
N_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def layer(cell):
    rnn = CELLS[cell](N_FEATURES, HIDDEN)
    initialize_recurrent(rnn, torch.Generator().manual_seed(0))
    return rnn


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
def test_recurrent_weights_are_orthogonal_gate_by_gate(cell):
    gates = layer(cell).weight_hh_l0.chunk(N_GATES[cell])
    for gate in gates:
        torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
    assert len({round(float(gate.detach()[0, 0]), 6) for gate in gates}) == len(gates)


def test_a_relu_layer_starts_from_the_identity():
    assert torch.equal(layer("rnn_relu").weight_hh_l0, torch.eye(HIDDEN))


@pytest.mark.parametrize("cell", CELLS)
def test_input_weights_are_xaviers_gate_by_gate(cell):
    bound = math.sqrt(6 / (N_FEATURES + HIDDEN))
    weight = layer(cell).weight_ih_l0
    assert weight.abs().max() <= bound
    for gate in weight.chunk(N_GATES[cell]):
        assert gate.abs().max() > 0.8 * bound


@pytest.mark.parametrize("cell", CELLS)
def test_biases_are_zero_but_for_the_forget_gate(cell):
    rnn = layer(cell)
    bias = rnn.bias_ih_l0 + rnn.bias_hh_l0
    expected = torch.zeros(N_GATES[cell] * HIDDEN)
    if cell == "lstm":
        expected[HIDDEN : 2 * HIDDEN] = 1.0
    assert torch.equal(bias, expected)


@pytest.mark.parametrize("fill", [xavier_, orthogonal_])
def test_weights_come_from_the_generator_alone(fill):
    weights = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        weight = torch.empty(6, 3)
        fill(weight, torch.Generator().manual_seed(0), 2)
        assert torch.equal(torch.get_rng_state(), before)
        weights.append(weight)
    assert torch.equal(*weights)
    other = torch.empty(6, 3)
    fill(other, torch.Generator().manual_seed(1), 2)
    assert not torch.equal(other, weights[0])


def test_embeddings_are_small_and_the_padding_is_zero(generator):
    weight = torch.empty(2000, 25)
    small_normal_(weight, generator, scale=embedding_scale(25))
    assert not weight[0].any()
    torch.testing.assert_close(
        weight[1:].square().sum(1).mean(), torch.tensor(1.0), rtol=0.05, atol=0
    )


def test_a_part_may_draw_its_own_weights_and_linear_layers_are_xaviers(generator):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.empty(3))
            self.linear = nn.Linear(3, 2)
            self.plain = nn.Linear(3, 2, bias=False)

        def initialize(self, generator):
            nn.init.constant_(self.weight, 7.0)

    with torch.device("meta"):
        module = Own()
    module = materialize(module, generator)
    assert module.weight.tolist() == [7, 7, 7]
    assert not module.linear.bias.any()
    assert 0 < module.linear.weight.abs().max() <= math.sqrt(6 / 5)
    assert 0 < module.plain.weight.abs().max() <= math.sqrt(6 / 5)
