"""The whole networks: ``forward(inputs)`` takes a batch by name and returns logits.

Each network keeps the arguments that built it in ``config``, as plain Python, so that it
can be rebuilt beside its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.crf import ConditionalRandomField, PathScores, StepScores
from skrnn.modules.dense import hidden_layers
from skrnn.modules.dropout import Dropout
from skrnn.modules.embedding import Inputs, build_input_layer
from skrnn.modules.initialization import materialize
from skrnn.modules.language import RecurrentLanguageModel, WindowLanguageModel
from skrnn.modules.masking import gather_steps, length_mask
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import RecurrentEncoder
from skrnn.modules.translation import ForecastNetwork, TranslationNetwork


class SequenceNetwork(nn.Module):
    """Many to one: embed, recur, pool, classify or regress.

    Parameters
    ----------
    input_layer : dict
        Arguments of ``FeatureInput`` (``n_features``) or of ``TokenEmbedding``.
    n_outputs : int
        Columns of the result.
    hidden_size, cell, num_layers, bidirectional :
        As in ``RecurrentEncoder``.
    pooling : {"last", "mean", "max", "attention"}
        How steps become one vector.
    dropout : float
        Rate on embeddings, between layers and before the head.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        n_outputs: int,
        hidden_size: int,
        cell: str,
        num_layers: int,
        bidirectional: bool,
        pooling: str,
        dropout: float,
    ):
        super().__init__()
        self.input_layer = build_input_layer(input_layer, dropout)
        self.encoder = RecurrentEncoder(
            self.input_layer.output_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        self.pooling = POOLINGS[pooling](self.encoder.output_size)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(self.encoder.output_size, n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return logits ``(B, n_outputs)`` of each sequence."""
        x, lengths = self.input_layer(inputs), inputs["lengths"]  # (B, T, F), (B,)
        outputs, state = self.encoder(x, lengths)  # (B, T, H), (B, H)
        pooled = self.pooling(outputs, state, lengths)  # (B, H)
        return self.head(self.dropout(pooled))  # (B, n_outputs)


class FeedForwardNetwork(nn.Module):
    """The baseline: a window of the last steps, flattened, through dense layers.

    Parameters
    ----------
    input_layer, n_outputs, dropout :
        As in ``SequenceNetwork``.
    window : int
        Steps of the window; shorter sequences get zeros in front.
    hidden_layer_sizes : tuple of int
        Units of each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu"}
        What follows each hidden layer.
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
    ):
        super().__init__()
        self.window = window
        self.input_layer = build_input_layer(input_layer, dropout)
        size = window * self.input_layer.output_size
        self.hidden, size = hidden_layers(size, hidden_layer_sizes, activation, dropout)
        self.head = nn.Linear(size, n_outputs)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return logits ``(B, n_outputs)`` of each sequence."""
        x, lengths = self.input_layer(inputs), inputs["lengths"]  # (B, T, F), (B,)
        steps = torch.arange(self.window, device=lengths.device) - self.window
        steps = lengths[:, None] + steps  # (B, window), negative before the first step
        seen = gather_steps(x, steps.clamp(min=0))
        seen = seen.masked_fill((steps < 0)[..., None], 0.0)  # (B, window, F)
        return self.head(self.hidden(seen.flatten(1)))  # (B, n_outputs)


class TaggingNetwork(nn.Module):
    """Many to many, aligned: embed, recur, score the labels of each step.

    Parameters
    ----------
    input_layer, hidden_size, cell, num_layers, bidirectional, dropout :
        As in ``SequenceNetwork``.
    n_outputs : int
        Number of labels.
    crf : bool
        Whether a conditional random field scores neighbouring labels.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        n_outputs: int,
        crf: bool,
        hidden_size: int,
        cell: str,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ):
        super().__init__()
        self.input_layer = build_input_layer(input_layer, dropout)
        self.encoder = RecurrentEncoder(
            self.input_layer.output_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(self.encoder.output_size, n_outputs)
        self.crf = ConditionalRandomField(n_outputs) if crf else None

    def forward(self, inputs: Inputs) -> StepScores | PathScores:
        """Return scores ``(B, T, n_outputs)`` of each step."""
        x, lengths = self.input_layer(inputs), inputs["lengths"]  # (B, T, F), (B,)
        outputs, _ = self.encoder(x, lengths)  # (B, T, H)
        logits = self.head(self.dropout(outputs))  # (B, T, C)
        return self.crf(logits, lengths) if self.crf else StepScores(logits, lengths)


class WindowTaggingNetwork(nn.Module):
    """The tagging baseline: each step and its neighbours through dense layers.

    Parameters
    ----------
    input_layer, n_outputs, crf :
        As in ``TaggingNetwork``.
    context : int
        Neighbours on each side; beyond a sequence's ends they are zeros.
    hidden_layer_sizes, activation, dropout :
        As in ``FeedForwardNetwork``.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        n_outputs: int,
        crf: bool,
        context: int,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        dropout: float,
    ):
        super().__init__()
        self.context = context
        self.input_layer = build_input_layer(input_layer, dropout)
        size = (2 * context + 1) * self.input_layer.output_size
        self.hidden, size = hidden_layers(size, hidden_layer_sizes, activation, dropout)
        self.head = nn.Linear(size, n_outputs)
        self.crf = ConditionalRandomField(n_outputs) if crf else None

    def forward(self, inputs: Inputs) -> StepScores | PathScores:
        """Return scores ``(B, T, n_outputs)`` of each step."""
        x, lengths = self.input_layer(inputs), inputs["lengths"]  # (B, T, F), (B,)
        n_steps = x.shape[1]
        x = x.masked_fill(~length_mask(lengths, n_steps)[..., None], 0.0)
        x = F.pad(x, (0, 0, self.context, self.context))  # (B, T + 2 W, F)
        near = [x[:, i : i + n_steps] for i in range(2 * self.context + 1)]
        logits = self.head(self.hidden(torch.cat(near, dim=-1)))  # (B, T, C)
        return self.crf(logits, lengths) if self.crf else StepScores(logits, lengths)


NETWORKS = {
    "recurrent": SequenceNetwork,
    "feed_forward": FeedForwardNetwork,
    "tagging": TaggingNetwork,
    "window_tagging": WindowTaggingNetwork,
    "translation": TranslationNetwork,
    "forecast": ForecastNetwork,
    "language": RecurrentLanguageModel,
    "window_language": WindowLanguageModel,
}


def build_network(
    kind: str, config: Mapping[str, Any], generator: Generator
) -> nn.Module:
    """Return the network of this kind with initial weights drawn from ``generator``."""
    return materialize(empty_network(kind, config), generator)


def empty_network(kind: str, config: Mapping[str, Any]) -> nn.Module:
    """Return the network of this kind on the meta device, without memory."""
    config = {name: _plain(value) for name, value in config.items()}
    with torch.device("meta"):
        network = NETWORKS[kind](**config).float()  # whatever torch's default dtype is
    network.kind, network.config = kind, config
    return network


def _plain(value: Any) -> Any:
    """Return numpy's numbers, which torch refuses as sizes, as Python's."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    return value.item() if hasattr(value, "item") else value
