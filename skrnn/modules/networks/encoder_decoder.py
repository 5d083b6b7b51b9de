"""Many to many, unaligned: a sequence in, tokens out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.decoder import Decoder, DecoderState
from skrnn.modules.embedding import UNKNOWN, Inputs
from skrnn.modules.initialization import embedding_scale, small_normal_
from skrnn.modules.networks.encoding import EncodingNetwork
from skrnn.modules.networks.network import join_static
from skrnn.modules.outputs import StepScores
from skrnn.modules.products import Linear, affine


class EncoderDecoder(EncodingNetwork):
    """Abstract base: encodes a source sequence and starts a decoder from it.

    Parameters
    ----------
    input_size, output_size :
        Of the decoder.
    attention : str or None
        As in ``Decoder``.
    **encoding : dict
        Arguments of ``EncodingNetwork``; the decoder has the same cell, hidden size and
        number of layers, in one direction.
    """

    shape = "many to many, unaligned"
    recurrent_parts = ("encoder", "decoder.layers")

    def __init__(
        self, *, input_size: int, output_size: int, attention: str | None, **encoding: Any
    ):
        super().__init__(**encoding)
        self.decoder = Decoder(
            input_size + self.static_size,
            encoding["hidden_size"],
            self.encoder.output_size,
            output_size,
            cell=encoding["cell"],
            num_layers=encoding["num_layers"],
            attention=attention,
            dropout=encoding["dropout"],
            weight_dropout=encoding.get("weight_dropout", 0.0),
        )

    def encode(self, inputs: Inputs) -> DecoderState:
        """Return the state from which a decoder starts."""
        outputs, state = self.encode_steps(inputs)  # (B, T, M), (B, M)
        start = self.decoder.start(self.dropout(outputs), state, inputs["lengths"])
        if self.static is None:
            return start
        memory = start.memory._replace(static=self.static(inputs))
        return start._replace(memory=memory)


class TranslationNetwork(EncoderDecoder):
    """Generates target tokens.

    Parameters
    ----------
    n_outputs : int
        Target ids: padding (as a decoder input it begins a target), unknown, tokens, and
        last the end.
    target_dim : int
        Size of a target token's vector.
    tie_weights : bool
        Whether the target tokens' vectors are also the rows of the output layer.
    **config : dict
        Arguments of ``EncoderDecoder`` other than the decoder's sizes.

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
        self.head = None if tie_weights else Linear(size, n_outputs)
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
        outputs = self.decoder(self._embed(inputs["previous"], state), state)  # (B, U, E)
        return StepScores(
            self.dropout(outputs), inputs["target_lengths"], *self._output_layer()
        )

    def step(
        self, tokens: Tensor, state: DecoderState, *, unknown: bool = False
    ) -> tuple[Tensor, DecoderState]:
        """Return log-probabilities ``(S, K, n_outputs)`` of the token after ``(S, K)``.

        Padding is never generated, and the unknown token only if ``unknown``. Their
        probability is not given to other tokens, so that a target's is the same here as in
        ``forward``.
        """
        outputs, state = self.decoder.step(self._embed(tokens, state), state)
        log_probabilities = affine(outputs, *self._output_layer()).log_softmax(-1)
        log_probabilities[..., : UNKNOWN + (not unknown)] = -torch.inf
        return log_probabilities, state

    def attention(self, inputs: Inputs) -> Tensor:
        """Return ``(B, U, T)``: the weight of each source step at each target step."""
        state = self.encode(inputs)
        return self.decoder.weights(self._embed(inputs["previous"], state), state)

    def output_weight(self) -> Tensor:
        """Return the weight of the output layer; tied, the target tokens' vectors."""
        return self.embedding.weight if self.head is None else self.head.weight

    def _output_layer(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the output layer."""
        bias: Any = self.bias if self.head is None else self.head.bias
        return self.output_weight(), bias

    def _embed(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """Return decoder inputs of target tokens ``(B, U)``."""
        x = self.dropout(self.embedding(tokens))  # (B, U, E)
        static = state.memory.static
        return x if static is None else join_static(x, static)
