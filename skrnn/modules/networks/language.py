"""Language models: scores of the next step, and a state to continue from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.dense import concatenate_windows, hidden_layers
from skrnn.modules.dropout import Dropout
from skrnn.modules.embedding import (
    PADDING,
    UNKNOWN,
    Inputs,
    StaticInput,
    drop_tokens,
)
from skrnn.modules.initialization import embedding_scale, small_normal_
from skrnn.modules.networks.network import Network, join_static
from skrnn.modules.outputs import LanguageScores, State
from skrnn.modules.products import Linear, affine
from skrnn.modules.recurrent import CELLS, RecurrentLayers


class LanguageModel(Network):
    """Abstract base: the embedding of inputs, and the output layer.

    As an input, padding begins a sequence; no step is followed by it.

    Parameters
    ----------
    n_outputs : int
        Ids (padding, unknown, tokens, and last the end), or features of a step.
    embedding_dim : int or None
        Size of a token's vector; None takes steps of ``n_outputs`` features as they are.
    output_size : int
        Features of the output layer's input.
    tie_weights : bool
        Whether the tokens' vectors are also the rows of the output layer.
    dropout : float
        Rate on inputs.
    word_dropout : float
        Rate at which input tokens are read as the unknown one, in training; those to be
        predicted stay.
    static : dict, optional
        Arguments of ``StaticInput``, where sequences have static columns. Their vector is
        the first part of the state, which a step of generation starts from.

    References
    ----------
    Press, Wolf (2017). Using the output embedding to improve language models. EACL.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        embedding_dim: int | None,
        output_size: int,
        tie_weights: bool,
        dropout: float,
        word_dropout: float = 0.0,
        static: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.word_dropout = word_dropout
        self.generator: Generator | None = None
        self.static = None if static is None else StaticInput(**static)
        self.static_size = 0 if self.static is None else self.static.output_size
        self.unknown_enabled: Tensor
        self.embedding = (
            nn.Embedding(n_outputs, embedding_dim, padding_idx=0)
            if embedding_dim
            else None
        )
        self.input_size = embedding_dim or n_outputs
        self.dropout = Dropout(dropout)
        self.tied = tie_weights and self.embedding is not None
        if self.tied:
            self.project: nn.Module = (
                nn.Identity()
                if output_size == self.input_size
                else Linear(output_size, self.input_size)
            )
            self.bias = nn.Parameter(torch.empty(n_outputs))
            self.register_buffer("unknown_enabled", torch.ones((), dtype=torch.bool))
        else:
            self.head = Linear(output_size, n_outputs)

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the tokens' vectors; the unknown token's is read as zeros.

        A tied vector has values all the same: as a row of the output layer it is trained
        not to be the next token. It is read once training has met the unknown token.
        """
        if self.embedding is not None:
            weight = self.embedding.weight
            small_normal_(weight, generator, scale=embedding_scale(weight.shape[1]))
            if not self.tied:
                weight[UNKNOWN] = 0.0  # until training meets the unknown token
        if self.tied:
            nn.init.zeros_(self.bias)
            self.unknown_enabled.fill_(False)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return vectors ``(B, T, input_size)`` of ids ``(B, T)`` or features (B, T, C)."""
        if self.training and self.word_dropout and self.embedding is not None:
            inputs = drop_tokens(inputs, self.word_dropout, self.generator)
        x = inputs if self.embedding is None else self.embedding(inputs)
        if self.tied:
            is_unknown = inputs == UNKNOWN  # (B, T)
            if self.training:
                self.unknown_enabled |= is_unknown.any()
            is_zero = ~self.unknown_enabled & is_unknown
            x = x.masked_fill(is_zero[..., None], 0.0)
        return self.dropout(x)

    def output_layer(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the output layer; padding is never the next token."""
        bias: Any = self.bias if self.tied else self.head.bias
        if self.embedding is not None:
            bias = bias.clone()
            bias[PADDING] = -torch.inf
        return self.output_weight(), bias

    def to_score(self, outputs: Tensor) -> Tensor:
        """Return the inputs of the output layer, of ``(B, T, output_size)``."""
        return self.project(outputs) if self.tied else outputs

    def advance(
        self, inputs: Tensor, static: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """Return ``(B, T, output_size)`` for the output layer, and the state after it.

        ``inputs`` are ids ``(B, T)`` or features ``(B, T, C)``, ``static`` vectors
        ``(B, S)``; an empty state starts sequences.
        """
        raise NotImplementedError

    def output_weight(self) -> Tensor:
        """Return the weight of the output layer; tied, the tokens' vectors."""
        if self.tied and self.embedding is not None:
            return self.embedding.weight
        return self.head.weight

    def run(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the result of ``advance``; the state begins with the static vectors, if any."""
        if self.static is None:
            return self.advance(inputs, None, state)
        static, *rest = state
        outputs, after = self.advance(inputs, static, tuple(rest))
        return outputs, (static, *after)

    def start(self, inputs: Inputs) -> State:
        """Return the state before the first step of a batch."""
        return () if self.static is None else (self.static(inputs),)

    def forward(self, inputs: Inputs) -> LanguageScores:
        """Return scores of the step after each step, and the state after the last one.

        ``inputs["state"]``, where given, is the state to start from.
        """
        steps = inputs["features" if self.embedding is None else "tokens"]
        start, before = self.start(inputs), inputs.get("state", ())
        outputs, after = self.run(steps, (*start, *before[len(start) :]))
        features = self.to_score(outputs)  # (B, T, H)
        return LanguageScores(features, inputs["lengths"], *self.output_layer(), after)

    def read(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits ``(B, C)`` of the step after the last, and the state there."""
        outputs, after = self.run(inputs, state)
        features = self.to_score(outputs[:, -1])  # (B, H)
        return affine(features, *self.output_layer()), after


class RecurrentLanguageModel(LanguageModel):
    """Recurrent layers between the embedding and the output layer.

    Parameters
    ----------
    hidden_size, cell, num_layers, weight_dropout :
        As in ``RecurrentLayers``.
    dropout : float
        Rate on inputs, between layers and before the output layer.
    **outer : dict
        ``n_outputs``, ``embedding_dim``, ``tie_weights``, ``word_dropout`` and ``static``,
        as in ``LanguageModel``.

    References
    ----------
    Mikolov, Karafiát, Burget, Černocký, Khudanpur (2010). Recurrent neural network based
    language model. Interspeech.
    """

    shape = "one to many"
    recurrent_parts = ("layers",)

    def __init__(
        self,
        *,
        hidden_size: int,
        cell: str,
        num_layers: int,
        dropout: float,
        weight_dropout: float = 0.0,
        **outer: Any,
    ):
        super().__init__(output_size=hidden_size, dropout=dropout, **outer)
        self.cell = CELLS[cell]
        self.layers = RecurrentLayers(
            self.input_size + self.static_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            dropout=dropout,
            weight_dropout=weight_dropout,
        )

    def advance(
        self, inputs: Tensor, static: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """Return ``(B, T, hidden_size)`` for the output layer, and the state after it."""
        x = self.embed(inputs)  # (B, T, E)
        if static is not None:
            x = join_static(x, static)  # (B, T, E + S)
        if not state:
            hidden = self.layers.zeros(len(x), like=x)
        else:
            hidden = tuple(part.transpose(0, 1) for part in state)  # (L, B, H)
        outputs, hidden = self.layers(x, hidden)  # (B, T, H)
        after = tuple(part.transpose(0, 1) for part in hidden)  # (B, L, H)
        return self.dropout(outputs), after


class WindowLanguageModel(LanguageModel):
    """The baseline: the last ``window`` inputs through dense layers.

    Parameters
    ----------
    n_outputs, embedding_dim, tie_weights, word_dropout, static :
        As in ``LanguageModel``.
    window : int
        Steps of the window; padding comes before a sequence's begin.
    hidden_layer_sizes, activation :
        As in ``FeedForwardNetwork``.
    dropout : float
        Rate on inputs and after each hidden layer.

    References
    ----------
    Bengio, Ducharme, Vincent, Jauvin (2003). A neural probabilistic language model. JMLR
    3, section 2.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        embedding_dim: int | None,
        window: int,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        tie_weights: bool,
        dropout: float,
        word_dropout: float = 0.0,
        static: Mapping[str, Any] | None = None,
    ):
        width = window * (embedding_dim or n_outputs)
        if static is not None:
            width += StaticInput(**static).output_size
        super().__init__(
            n_outputs=n_outputs,
            embedding_dim=embedding_dim,
            output_size=hidden_layer_sizes[-1] if hidden_layer_sizes else width,
            tie_weights=tie_weights,
            dropout=dropout,
            word_dropout=word_dropout,
            static=static,
        )
        self.window = window
        self.hidden, _ = hidden_layers(width, hidden_layer_sizes, activation, dropout)

    def advance(
        self, inputs: Tensor, static: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """Return ``(B, T, output_size)`` for the output layer, and the state after it."""
        n_sequences, n_steps, *rest = inputs.shape
        if not state:
            state = (inputs.new_zeros((n_sequences, self.window - 1, *rest)),)
        steps = torch.cat([state[0], inputs], dim=1)  # (B, W - 1 + T[, C])
        windows = concatenate_windows(self.embed(steps), self.window)  # (B, T, W * E)
        if static is not None:
            windows = join_static(windows, static)
        return self.hidden(windows), (steps[:, n_steps:],)
