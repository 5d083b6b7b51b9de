"""Cells that run step by step: equal to the fused engine, and every state a node."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skrnn.modules.initialization import materialize
from skrnn.modules.recurrent import CELLS, RecurrentEncoder, RecurrentLayers

LENGTHS = torch.tensor([5, 1, 3])


def make_pair(cell, generator, **layout):
    """Return an encoder, and a copy of it whose cells are unrolled."""
    with torch.device("meta"):
        encoder = RecurrentEncoder(2, 3, cell=cell, **layout)
    materialize(encoder, generator)
    unrolled = copy.deepcopy(encoder)
    unrolled.unroll()
    return encoder.double(), unrolled.double()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", list(CELLS))
def test_an_unrolled_encoder_has_the_outputs_and_gradients_of_the_engine(
    cell, num_layers, bidirectional, generator
):
    layout = {"num_layers": num_layers, "bidirectional": bidirectional}
    encoder, unrolled = make_pair(cell, generator, **layout)
    x = torch.randn(3, 5, 2, generator=generator).double()
    found = []
    for module in (encoder, unrolled):
        steps = x.clone().requires_grad_()
        outputs, state = module(steps, LENGTHS)
        real = [outputs[i, :n] for i, n in enumerate(LENGTHS)]
        sum([part.square().sum() for part in real], state.sum()).backward()
        found.append([*(part.detach() for part in real), state.detach(), steps.grad])
    for ours, theirs in zip(*found, strict=True):
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("cell", list(CELLS))
def test_unrolled_layers_continue_from_a_state(cell, generator):
    with torch.device("meta"):
        layers = RecurrentLayers(2, 3, cell=cell, num_layers=2, dropout=0.0)
    materialize(layers, generator)
    unrolled = copy.deepcopy(layers)
    unrolled.unroll()
    x = torch.randn(2, 4, 2, generator=generator)
    outputs, state = layers(x, layers.zeros(2, like=x))
    first, between = unrolled(x[:, :1], unrolled.zeros(2, like=x))
    rest, after = unrolled(x[:, 1:], between)
    assert_allclose(torch.cat([first, rest], 1).detach(), outputs.detach(), atol=1e-6)
    for ours, theirs in zip(after, state, strict=True):
        assert_allclose(ours.detach(), theirs.detach(), atol=1e-6)


@pytest.mark.parametrize("cell", list(CELLS))
def test_each_gate_has_a_name_and_lies_between_0_and_1(cell, generator):
    _, unrolled = make_pair(cell, generator)
    unrolled(torch.randn(3, 5, 2, generator=generator).double(), LENGTHS)
    (trace,) = unrolled.cells()[1, "forward"].traces
    names = CELLS[cell].gate_names
    assert [len(gates) for gates in trace.gates] == [len(names)] * 5
    assert all(gate.min() > 0 and gate.max() < 1 for gate in sum(trace.gates, ()))


def test_the_first_gates_are_those_of_the_definition(generator):
    _, unrolled = make_pair("lstm", generator)
    x = torch.randn(1, 1, 2, generator=generator).double()
    unrolled(x, torch.tensor([1]))
    cell = unrolled.cells()[1, "forward"]
    rnn = cell.cell.rnn
    sums = (x[0, 0] @ rnn.weight_ih_l0.T + rnn.bias_ih_l0).detach().numpy()
    expected = 1 / (1 + np.exp(-sums.reshape(4, 3)))
    found = [gate.detach().numpy()[0] for gate in cell.traces[0].gates[0]]
    assert_allclose(found, expected[[0, 1, 3]])


def test_padding_leaves_an_unbounded_state_as_it_is(generator):
    _, unrolled = make_pair("rnn_relu", generator)
    x = torch.full((2, 400, 2), 1e3, dtype=torch.float64)
    cell = unrolled.cells()[1, "forward"]
    cell.cell.rnn.weight_hh_l0.data *= 10.0
    unrolled(x, torch.tensor([400, 2]))
    states = [after[0] for after in cell.traces[0].states]
    assert torch.equal(states[-1][1], states[1][1])
