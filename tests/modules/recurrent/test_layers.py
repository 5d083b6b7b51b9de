"""Layers that carry a state, against torch's own."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from skrnn.modules.recurrent import RecurrentLayers

N_FEATURES, HIDDEN = 3, 4
TORCH = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn_tanh": partial(nn.RNN, nonlinearity="tanh"),
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
}


def make_layers(cell, num_layers):
    """Return layers that carry a state, and torch's own with the same weights."""
    layers = RecurrentLayers(
        N_FEATURES, HIDDEN, cell=cell, num_layers=num_layers, dropout=0.0
    )
    twin = TORCH[cell](N_FEATURES, HIDDEN, num_layers=num_layers, batch_first=True)
    with torch.no_grad():
        for i, layer in enumerate(layers.layers):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(layer.rnn, f"{name}_l0").copy_(getattr(twin, f"{name}_l{i}"))
    return layers, twin


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_layers_equal_torchs_from_any_state(cell, num_layers, generator):
    layers, twin = make_layers(cell, num_layers)
    x = torch.randn(5, 6, N_FEATURES, generator=generator)
    hidden = tuple(
        torch.randn(num_layers, len(x), HIDDEN, generator=generator)
        for _ in range(layers.state_shape[0])
    )
    outputs, after = layers(x, hidden)
    expected, state = twin(x, hidden if cell == "lstm" else hidden[0])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(after, state if cell == "lstm" else (state,))


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_a_sequence_in_two_parts_equals_the_whole(cell, num_layers, generator):
    layers, _ = make_layers(cell, num_layers)
    x = torch.randn(5, 6, N_FEATURES, generator=generator)
    start = layers.zeros(len(x), x)
    whole, end = layers(x, start)
    first, between = layers(x[:, :2], start)
    second, after = layers(x[:, 2:], between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(after, end)


def test_outputs_are_dropped_with_the_context_before_each_further_layer(generator):
    layers = RecurrentLayers(
        N_FEATURES, HIDDEN, cell="gru", num_layers=3, dropout=0.5, context_size=2
    )
    read, found = [], []
    for layer in layers.layers:
        layer.register_forward_pre_hook(lambda cell, given: read.append(given[0]))

    def context_of(outputs):
        found.append(outputs)
        return torch.ones(*outputs.shape[:2], 2)

    x = torch.randn(5, 40, N_FEATURES, generator=generator)
    for training in (True, False):
        read.clear()
        outputs, _ = layers.train(training)(x, layers.zeros(len(x), x), context_of)
        assert [given.shape[-1] for given in read] == [N_FEATURES, HIDDEN + 2, HIDDEN + 2]
        assert outputs.shape == (5, 40, HIDDEN + 2)
        assert outputs[..., :2].eq(1).all()  # dropped where it is read alone
        for given in read[1:]:
            dropped = (given[..., :2] == 0).double().mean().item()
            assert dropped == (pytest.approx(0.5, abs=0.1) if training else 0)
        assert (read[1] == 0).equal(read[2] == 0) == (not training)
    assert [outputs.shape for outputs in found] == [(5, 40, HIDDEN)] * 2
