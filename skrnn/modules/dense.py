"""Dense layers over windows of steps, for the networks without recurrence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skrnn.modules.dropout import Dropout
from skrnn.modules.products import Linear

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def hidden_layers(
    size: int, hidden_layer_sizes: tuple[int, ...], activation: str, dropout: float
) -> tuple[nn.Sequential, int]:
    """Return dense layers over ``size`` features, and the size of their output."""
    layers: list[nn.Module] = []
    for units in hidden_layer_sizes:
        layers += [Linear(size, units), ACTIVATIONS[activation](), Dropout(dropout)]
        size = units
    return nn.Sequential(*layers), size


def concatenate_windows(x: Tensor, width: int) -> Tensor:
    """Return every window of ``width`` steps of x ``(B, T, F)`` as one vector.

    The result is ``(B, T - width + 1, width * F)``, the earliest step of a window first.
    """
    n_windows = x.shape[1] - width + 1
    return torch.cat([x[:, i : i + n_windows] for i in range(width)], dim=-1)
