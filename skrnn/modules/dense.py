"""Dense layers over windows of steps, for the networks without recurrence."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.dropout import Dropout
from skrnn.modules.initialization import xavier_
from skrnn.modules.products import Linear

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


class JoinLinear(Linear):
    """A layer over a vector and the static columns after it.

    The weights of fewer columns begin larger: together they have the norm of the others. With
    weights of one size, three columns beside hundreds of units would hardly be heard, and what
    depends on both together not be learned.

    Parameters
    ----------
    size : int
        Size of the vector, columns included.
    n_static : int
        How many of it are static columns.
    n_outputs : int
        Size of the result.
    """

    def __init__(self, size: int, n_static: int, n_outputs: int):
        super().__init__(size, n_outputs)
        self.n_static = n_static

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw weights as Glorot & Bengio (2010) do, and enlarge those of few columns."""
        xavier_(self.weight, generator)
        nn.init.zeros_(self.bias)
        n_others = self.in_features - self.n_static
        if n_others > self.n_static > 0:
            self.weight[:, n_others:] *= math.sqrt(n_others / self.n_static)


def hidden_layers(
    size: int,
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    dropout: float,
    n_static: int = 0,
) -> tuple[nn.Sequential, int]:
    """Return dense layers over ``size`` features, and the size of their output.

    The last ``n_static`` features are static columns.
    """
    layers: list[nn.Module] = []
    for units in hidden_layer_sizes:
        layer = JoinLinear(size, n_static, units) if n_static else Linear(size, units)
        n_static = 0
        layers += [layer, ACTIVATIONS[activation](), Dropout(dropout)]
        size = units
    return nn.Sequential(*layers), size


def concatenate_windows(x: Tensor, width: int) -> Tensor:
    """Return every window of ``width`` steps of x ``(B, T, F)`` as one vector.

    The result is ``(B, T - width + 1, width * F)``, the earliest step of a window first.
    """
    n_windows = x.shape[1] - width + 1
    return torch.cat([x[:, i : i + n_windows] for i in range(width)], dim=-1)
