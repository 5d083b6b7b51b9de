"""Dense layers: what the networks without recurrence are made of."""

from __future__ import annotations

from torch import nn

from skrnn.modules.dropout import Dropout

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def hidden_layers(
    size: int, hidden_layer_sizes: tuple[int, ...], activation: str, dropout: float
) -> tuple[nn.Sequential, int]:
    """Return dense layers over ``size`` numbers, and how many the last one gives."""
    layers: list[nn.Module] = []
    for units in hidden_layer_sizes:
        layers += [nn.Linear(size, units), ACTIVATIONS[activation](), Dropout(dropout)]
        size = units
    return nn.Sequential(*layers), size
