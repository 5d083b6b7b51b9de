"""Many to one: one result for each sequence."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from skrnn.modules.dense import JoinLinear
from skrnn.modules.embedding import Inputs
from skrnn.modules.networks.encoding import EncodingNetwork
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.products import Linear


class SequenceNetwork(EncodingNetwork):
    """Encodes every step, pools the steps, and classifies or regresses.

    Static columns join the pooled vector. The hidden layer after them lets a column change
    what a sequence means; a linear one would only add the two.

    Parameters
    ----------
    n_outputs : int
        Columns of the result.
    pooling : str
        How steps become one vector, a key of ``POOLINGS``.
    **encoding : dict
        Arguments of ``EncodingNetwork``.
    """

    static_in_steps = False

    def __init__(self, *, n_outputs: int, pooling: str, **encoding: Any):
        super().__init__(**encoding)
        self.pooling = POOLINGS[pooling](self.encoder.output_size)
        size = self.pooled_size
        self.join = None
        if self.static is not None:
            hidden_size = self.encoder.output_size
            joined = size + self.static_size
            layer = JoinLinear(joined, self.static_size, hidden_size)
            self.join, size = nn.Sequential(layer, nn.ReLU()), hidden_size
        self.head = Linear(size, n_outputs)

    @property
    def pooled_size(self) -> int:
        """Size of the pooled vector."""
        return self.pooling.output_size

    def pool(self, inputs: Inputs) -> Tensor:
        """Return the vector ``(B, P)`` of each sequence, static columns apart."""
        reads_outputs = self.pooling.reads_outputs
        outputs, state = self.encode_steps(inputs, needs_outputs=reads_outputs)
        return self.pooling(outputs, state, inputs["lengths"])

    def attention(self, inputs: Inputs) -> Tensor:
        """Return ``(B, T)``: the weight of each step in the pooled vector.

        Only attention pooling has weights.
        """
        outputs, _ = self.encode_steps(inputs)  # (B, T, H)
        pooling: Any = self.pooling
        return pooling.weights(outputs, inputs["lengths"])

    def forward(self, inputs: Inputs) -> Tensor:
        """Return logits ``(B, n_outputs)`` of each sequence."""
        pooled = self.dropout(self.pool(inputs))  # (B, P)
        if self.join is not None:
            pooled = self.join(self.with_static(pooled, inputs))
        return self.head(pooled)  # (B, n_outputs)
