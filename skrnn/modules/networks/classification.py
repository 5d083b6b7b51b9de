"""Many to one: one result for each sequence."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from skrnn.modules.embedding import Inputs
from skrnn.modules.networks.encoding import EncodingNetwork
from skrnn.modules.pooling import POOLINGS


class SequenceNetwork(EncodingNetwork):
    """Encodes every step, pools the steps, and classifies or regresses.

    Parameters
    ----------
    n_outputs : int
        Columns of the result.
    pooling : str
        How steps become one vector, a key of ``POOLINGS``.
    **encoding : dict
        Arguments of ``EncodingNetwork``.
    """

    def __init__(self, *, n_outputs: int, pooling: str, **encoding: Any):
        super().__init__(**encoding)
        self.pooling = POOLINGS[pooling](self.encoder.output_size)
        self.head = nn.Linear(self.encoder.output_size, n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return logits ``(B, n_outputs)`` of each sequence."""
        outputs, state = self.encode_steps(inputs)  # (B, T, H), (B, H)
        pooled = self.pooling(outputs, state, inputs["lengths"])  # (B, H)
        return self.head(self.dropout(pooled))  # (B, n_outputs)
