"""The first half of every recurrent network: an input layer and an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from skrnn.modules.dropout import Dropout
from skrnn.modules.embedding import Inputs
from skrnn.modules.networks.network import InputNetwork
from skrnn.modules.recurrent import CELLS, RecurrentEncoder


class EncodingNetwork(InputNetwork):
    """Abstract base: embeds every step and runs the recurrent encoder.

    Parameters
    ----------
    input_layer : dict
        As in ``InputNetwork``.
    hidden_size, cell, num_layers, bidirectional :
        As in ``RecurrentEncoder``.
    dropout : float
        Rate on embeddings, between layers and, through ``self.dropout``, before the
        output layer.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        hidden_size: int,
        cell: str,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ):
        super().__init__(input_layer, dropout)
        self.cell = CELLS[cell]
        self.encoder = RecurrentEncoder(
            self.input_layer.output_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        self.dropout = Dropout(dropout)

    def encode_steps(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return the encoder's outputs ``(B, T, H)`` and final state ``(B, H)``."""
        return self.encoder(self.input_layer(inputs), inputs["lengths"])
