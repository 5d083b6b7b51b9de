"""The base of all networks: what the training loop and inference ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from skrnn.modules.embedding import build_input_layer
from skrnn.modules.recurrent import Cell


class Network(nn.Module):
    """Abstract base: a network over padded batches.

    A subclass implements ``forward(inputs)``.

    Attributes
    ----------
    kind : str
        Its key in ``NETWORKS``.
    config : dict
        The arguments that built it.
    cell : type of Cell, or None
        The recurrent cell; None without recurrence.
    """

    kind: str
    config: dict[str, Any]
    cell: type[Cell] | None = None

    def encode_characters(self, characters: Tensor) -> Tensor:
        """Return the vectors of distinct words, of which a batch then takes its rows.

        Only called where sequences have characters, which an input layer reads.
        """
        raise NotImplementedError


class InputNetwork(Network):
    """Abstract base: a network that starts with an input layer.

    Parameters
    ----------
    input_layer : dict
        Arguments of ``FeatureInput`` (``n_features``) or of ``TokenEmbedding``.
    dropout : float
        Rate on embeddings.
    """

    def __init__(self, input_layer: Mapping[str, Any], dropout: float):
        super().__init__()
        self.input_layer = build_input_layer(input_layer, dropout)

    def encode_characters(self, characters: Tensor) -> Tensor:
        """Return the vectors ``(W, C)`` of distinct words ``(W, n_characters)``."""
        return self.input_layer.encode_characters(characters)
