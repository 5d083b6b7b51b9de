"""Windows of a series in, the steps that follow out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.dense import hidden_layers
from skrnn.modules.embedding import Inputs
from skrnn.modules.initialization import xavier_
from skrnn.modules.masking import last_steps
from skrnn.modules.networks.encoder_decoder import EncoderDecoder
from skrnn.modules.networks.encoding import EncodingNetwork
from skrnn.modules.networks.network import InputNetwork, join_static
from skrnn.modules.products import Linear


class HorizonNetwork(EncoderDecoder):
    """Decodes ``horizon`` steps of numbers, one after the other.

    The decoder's input is a learned vector for each step ahead instead of its own last
    output, so an early error is not repeated and one call decodes the whole horizon.

    Parameters
    ----------
    n_outputs : int
        Numbers in all, ``horizon`` times those of a step.
    horizon : int
        Steps ahead.
    target_dim : int
        Size of a step's vector.
    n_known : int
        Features of a step ahead that are known, which the decoder reads.
    **config : dict
        Arguments of ``EncoderDecoder`` other than the decoder's sizes.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        horizon: int,
        target_dim: int,
        n_known: int = 0,
        **config: Any,
    ):
        size = config["hidden_size"]
        super().__init__(input_size=target_dim + n_known, output_size=size, **config)
        self.n_known = n_known
        self.ahead = nn.Parameter(torch.empty(horizon, target_dim))
        self.head = Linear(size, n_outputs // horizon)

    def initialize(self, generator: Generator) -> None:
        """Draw the vectors of the steps ahead."""
        xavier_(self.ahead, generator)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, n_outputs)``: all numbers of the first step ahead, then the next."""
        start = self.encode(inputs)
        n_sequences = len(inputs["lengths"])
        steps = self.ahead.expand(n_sequences, *self.ahead.shape)  # (B, horizon, E)
        if self.n_known:
            steps = torch.cat([steps, inputs["future"]], dim=-1)  # (B, horizon, E + K)
        if start.memory.static is not None:
            steps = join_static(steps, start.memory.static)
        decoded = self.decoder(steps, start)  # (B, horizon, H)
        return self.head(self.dropout(decoded)).flatten(1)


class DirectNetwork(EncodingNetwork):
    """Gives all steps ahead at once, from the encoder's last state.

    What is known ahead and static columns join the state before a hidden layer.

    Parameters
    ----------
    n_outputs, horizon, n_known :
        As in ``HorizonNetwork``.
    **encoding : dict
        Arguments of ``EncodingNetwork``.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        horizon: int,
        n_known: int = 0,
        **encoding: Any,
    ):
        super().__init__(**encoding)
        self.n_known = n_known
        size = self.encoder.output_size
        joined = size + horizon * n_known + self.static_size
        self.join = nn.Sequential(Linear(joined, size), nn.ReLU())
        self.head = Linear(size, n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, n_outputs)``: all numbers of the first step ahead, then the next."""
        _, state = self.encode_steps(inputs, needs_outputs=False)  # (B, H)
        x = self.dropout(state)
        if self.n_known:
            x = torch.cat([x, inputs["future"].flatten(1)], dim=-1)
        hidden = self.join(self.with_static(x, inputs))  # (B, H)
        return self.head(hidden)


class WindowHorizonNetwork(InputNetwork):
    """The baseline without recurrence: a window of the last steps through dense layers.

    Parameters
    ----------
    input_layer, static :
        As in ``InputNetwork``.
    n_outputs, horizon, n_known :
        As in ``HorizonNetwork``.
    window : int
        Steps of the window; zeros come before the steps of a shorter sequence.
    hidden_layer_sizes, activation, dropout :
        As in ``FeedForwardNetwork``.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        n_outputs: int,
        horizon: int,
        window: int,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        dropout: float,
        n_known: int = 0,
        static: Mapping[str, Any] | None = None,
    ):
        super().__init__(input_layer, dropout, static)
        self.window, self.n_known = window, n_known
        size = window * self.input_layer.output_size + horizon * n_known
        self.hidden, size = hidden_layers(
            size + self.static_size, hidden_layer_sizes, activation, dropout
        )
        self.head = Linear(size, n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, n_outputs)``: all numbers of the first step ahead, then the next."""
        x = self.embed(inputs)  # (B, T, F)
        x = last_steps(x, inputs["lengths"], self.window).flatten(1)
        if self.n_known:
            x = torch.cat([x, inputs["future"].flatten(1)], dim=-1)
        hidden = self.hidden(self.with_static(x, inputs))
        return self.head(hidden)
