"""The first half of every recurrent network: an input layer and an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from skrnn.modules.dropout import Dropout
from skrnn.modules.embedding import Inputs
from skrnn.modules.networks.network import InputNetwork
from skrnn.modules.recurrent import CELLS, RecurrentEncoder


class EncodingNetwork(InputNetwork):
    """Abstract base: embeds every step and runs the recurrent encoder.

    Parameters
    ----------
    input_layer, static :
        As in ``InputNetwork``.
    hidden_size, cell, num_layers, bidirectional, weight_dropout :
        As in ``RecurrentEncoder``.
    dropout : float
        Rate on embeddings, between layers and, through ``self.dropout``, before the
        output layer.

    Attributes
    ----------
    static_in_steps : bool
        Whether the encoder reads the static columns with every step.
    """

    static_in_steps: ClassVar[bool] = True
    recurrent_parts: ClassVar[tuple[str, ...]] = ("encoder",)

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        hidden_size: int,
        cell: str,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        weight_dropout: float = 0.0,
        static: Mapping[str, Any] | None = None,
    ):
        super().__init__(input_layer, dropout, static)
        self.cell = CELLS[cell]
        self.encoder = RecurrentEncoder(
            self.input_layer.output_size + self.static_in_steps * self.static_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            weight_dropout=weight_dropout,
        )
        self.dropout = Dropout(dropout)

    def read_steps(self, inputs: Inputs) -> None:
        """Run the encoder, whose unrolled cells keep traces."""
        self.encode_steps(inputs)

    def encode_steps(
        self, inputs: Inputs, *, needs_outputs: bool = True
    ) -> tuple[Any, Tensor]:
        """Return the encoder's outputs ``(B, T, H)``, if needed, and final state ``(B, H)``."""
        x = self.embed(inputs)  # (B, T, F)
        if self.static_in_steps:
            x = self.with_static(x, inputs)
        return self.encoder(x, inputs["lengths"], needs_outputs=needs_outputs)
