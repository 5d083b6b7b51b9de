"""The whole encoder–decoder networks: tokens out, or numbers out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.crf import StepScores
from skrnn.modules.decoder import Decoder, DecoderState
from skrnn.modules.dropout import Dropout
from skrnn.modules.embedding import Inputs, build_input_layer
from skrnn.modules.initialization import embedding_scale, small_normal_, xavier_
from skrnn.modules.recurrent import RecurrentEncoder

UNKNOWN = 1  # never written; 0 pads, and as a decoder input begins a target


class EncoderDecoder(nn.Module):
    """Abstract base: reads a source, and starts a decoder from what it read."""

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        input_size: int,
        output_size: int,
        hidden_size: int,
        cell: str,
        num_layers: int,
        bidirectional: bool,
        attention: str | None,
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
        self.decoder = Decoder(
            input_size,
            hidden_size,
            self.encoder.output_size,
            output_size,
            cell=cell,
            num_layers=num_layers,
            attention=attention,
            dropout=dropout,
        )
        self.dropout = Dropout(dropout)

    def encode(self, inputs: Inputs) -> DecoderState:
        """Return the state from which a decoder starts."""
        x, lengths = self.input_layer(inputs), inputs["lengths"]  # (B, T, F), (B,)
        outputs, state = self.encoder(x, lengths)  # (B, T, M), (B, M)
        return self.decoder.start(self.dropout(outputs), state, lengths)


class TranslationNetwork(EncoderDecoder):
    """Many to many, unaligned: a sequence in, tokens out.

    Parameters
    ----------
    input_layer, hidden_size, cell, num_layers, bidirectional, dropout :
        As in ``SequenceNetwork``; the decoder reads in one direction.
    n_outputs : int
        Target ids: padding, unknown, tokens, and last the end.
    target_dim : int
        Size of a target token's vector.
    attention : {"general", "additive", None}
        As in ``Decoder``.
    tie_weights : bool
        Whether target tokens' vectors are the output layer's rows too.

    References
    ----------
    Press, Wolf (2017). Using the output embedding to improve language models. EACL.
    """

    def __init__(
        self, *, n_outputs: int, target_dim: int, tie_weights: bool, **config: Any
    ):
        size = target_dim if tie_weights else config["hidden_size"]
        super().__init__(input_size=target_dim, output_size=size, **config)
        self.embedding = nn.Embedding(n_outputs, target_dim, padding_idx=0)
        self.head = None if tie_weights else nn.Linear(size, n_outputs)
        self.bias = nn.Parameter(torch.empty(n_outputs)) if tie_weights else None

    def initialize(self, generator: Generator) -> None:
        """Draw the target tokens' vectors."""
        weight = self.embedding.weight
        small_normal_(weight, generator, scale=embedding_scale(weight.shape[1]))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, inputs: Inputs) -> StepScores:
        """Return scores ``(B, U, n_outputs)`` of each target step, the end included.

        ``inputs["previous"]`` ``(B, U)`` holds the targets shifted by one step, 0 first.
        """
        state = self.encode(inputs)
        outputs = self.decoder(self._embed(inputs["previous"]), state)  # (B, U, E)
        return StepScores(self._score(self.dropout(outputs)), inputs["target_lengths"])

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return log-probabilities ``(S, K, n_outputs)`` of what follows ``(S, K)``.

        Padding and the unknown token are never written; what probability they have is
        not given to others, so that a target's is the same here as in ``forward``.
        """
        outputs, state = self.decoder.step(self._embed(tokens), state)
        log_probabilities = self._score(outputs).log_softmax(-1)
        log_probabilities[..., : UNKNOWN + 1] = -torch.inf
        return log_probabilities, state

    def attention(self, inputs: Inputs) -> Tensor:
        """Return ``(B, U, T)``: the weight of each source step at each target step."""
        state = self.encode(inputs)
        return self.decoder.weights(self._embed(inputs["previous"]), state)

    def _score(self, outputs: Tensor) -> Tensor:
        """Return logits ``(..., n_outputs)`` of the decoder's outputs."""
        if self.head is not None:
            return self.head(outputs)
        return F.linear(outputs, self.embedding.weight, self.bias)

    def _embed(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.embedding(tokens))


class ForecastNetwork(EncoderDecoder):
    """A sequence in, ``horizon`` steps of numbers out, written by a decoder.

    The decoder is fed a learned vector for each step ahead instead of its own last
    answer, so an early mistake is not repeated and one call writes the whole horizon.

    Parameters
    ----------
    input_layer, hidden_size, cell, num_layers, bidirectional, attention, dropout :
        As in ``TranslationNetwork``.
    n_outputs : int
        Numbers in all, ``horizon`` times those of a step.
    horizon : int
        Steps ahead.
    target_dim : int
        Size of a step's vector.
    """

    def __init__(self, *, n_outputs: int, horizon: int, target_dim: int, **config: Any):
        size = config["hidden_size"]
        super().__init__(input_size=target_dim, output_size=size, **config)
        self.ahead = nn.Parameter(torch.empty(horizon, target_dim))
        self.head = nn.Linear(size, n_outputs // horizon)

    def initialize(self, generator: Generator) -> None:
        """Draw the vectors of the steps ahead."""
        xavier_(self.ahead, generator)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, n_outputs)``, the steps ahead one after the other."""
        state = self.encode(inputs)
        n_sequences = len(inputs["lengths"])
        steps = self.ahead.expand(n_sequences, *self.ahead.shape)  # (B, horizon, E)
        outputs = self.decoder(steps, state)  # (B, horizon, H)
        return self.head(self.dropout(outputs)).flatten(1)
