"""The baseline without recurrence: a window of the last steps through dense layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from skrnn.modules.dense import hidden_layers
from skrnn.modules.embedding import Inputs
from skrnn.modules.masking import last_steps
from skrnn.modules.networks.network import InputNetwork
from skrnn.modules.products import Linear


class FeedForwardNetwork(InputNetwork):
    """Flattens a window of the last steps, and classifies or regresses.

    Parameters
    ----------
    input_layer, n_outputs, static :
        As in ``SequenceNetwork``; static columns are joined to the window.
    window : int
        Steps of the window; zeros come before the steps of a shorter sequence.
    hidden_layer_sizes : tuple of int
        Units of each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu"}
        Function applied after each hidden layer.
    dropout : float
        Rate on embeddings and after each hidden layer.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        n_outputs: int,
        window: int,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        dropout: float,
        static: Mapping[str, Any] | None = None,
    ):
        super().__init__(input_layer, dropout, static)
        self.window = window
        size = window * self.input_layer.output_size + self.static_size
        self.hidden, size = hidden_layers(
            size, hidden_layer_sizes, activation, dropout, self.static_size
        )
        self.head = Linear(size, n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return logits ``(B, n_outputs)`` of each sequence."""
        x, lengths = self.embed(inputs), inputs["lengths"]  # (B, T, F), (B,)
        last = last_steps(x, lengths, self.window)  # (B, window, F)
        x = self.with_static(last.flatten(1), inputs)
        return self.head(self.hidden(x))  # (B, n_outputs)
