"""The inputs of a kernel, and torch's layers that it must equal."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skrnn.modules.recurrent.packing import Packing

N_FEATURES = 5
LAYERS = {
    "gru": nn.GRU,
    "relu": partial(nn.RNN, nonlinearity="relu"),
    "tanh": nn.RNN,
}


class Case:
    """One layer of torch's in both directions over ragged sequences, with its gradients."""

    def __init__(self, kernel, lengths, n_units, direction, dtype=torch.float32):
        generator = torch.Generator().manual_seed(0)

        def normal(*shape):
            return torch.randn(shape, generator=generator, dtype=dtype)

        layer = LAYERS[kernel](N_FEATURES, n_units, batch_first=True, bidirectional=True)
        layer = layer.to(dtype)
        with torch.no_grad():
            for weight in layer.parameters():
                weight.copy_(normal(*weight.shape) / n_units**0.5)
        suffix = {"forward": "", "backward": "_reverse"}[direction]
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        self.weights = [layer.get_parameter(name + suffix) for name in names]
        self.n_steps = int(lengths.max())
        self.packing = Packing(lengths.numpy(), self.n_steps)
        self.steps = getattr(self.packing, direction)
        self.x = normal(len(lengths), self.n_steps, N_FEATURES).requires_grad_()
        states = normal(2, len(lengths), n_units).requires_grad_()
        place = int(direction == "backward")
        packed = pack_padded_sequence(
            self.x, lengths, batch_first=True, enforce_sorted=False
        )
        outputs, last = layer(packed, states)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
        self.outputs = outputs[..., place * n_units : (place + 1) * n_units]
        self.last = last[place]
        self.weighing = [normal(*self.outputs.shape), normal(*self.last.shape)]
        self.sources = [self.x, states, *self.weights]
        self.gradients = self.differentiate(self.outputs, self.last)
        order = lengths.argsort(descending=True, stable=True)
        self.state = states[place][order]

    def differentiate(self, outputs, last):
        """Return the gradients of a loss that weighs every number differently."""
        loss = sum(
            (part * weight).sum()
            for part, weight in zip((outputs, last), self.weighing, strict=True)
        )
        return torch.autograd.grad(loss, self.sources)


@pytest.fixture
def make_case():
    return Case
