"""Language models: networks that say what follows, step by step, and carry a state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.dense import hidden_layers
from skrnn.modules.dropout import Dropout
from skrnn.modules.embedding import Inputs
from skrnn.modules.initialization import embedding_scale, small_normal_
from skrnn.modules.recurrent import RecurrentLayers

#: Padding, which as an input begins a sequence and never follows; and unseen tokens.
PADDING, UNKNOWN = 0, 1

#: What a language model keeps between steps: tensors ``(B, ...)``.
State = tuple[Tensor, ...]


class LanguageScores(NamedTuple):
    """What a language model says of a batch.

    Attributes
    ----------
    logits : (B, T, C)
        A score for each token, or each feature, that may follow each step.
    lengths : (B,)
        Real steps of each sequence.
    state : tuple of (B, ...)
        Behind the last step of the batch, real only where no padding is.
    """

    logits: Tensor
    lengths: Tensor
    state: State


class LanguageModel(nn.Module):
    """Abstract base: inputs as vectors, and the output layer.

    Parameters
    ----------
    n_outputs : int
        Ids (padding, unknown, tokens, and last the end), or features of a step.
    embedding_dim : int or None
        Size of a token's vector; None takes steps of ``n_outputs`` features as they are.
    output_size : int
        Features that the output layer sees.
    tie_weights : bool
        Whether tokens' vectors are the output layer's rows too.
    dropout : float
        Rate on inputs.

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
    ):
        super().__init__()
        self.silent: Tensor
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
                else nn.Linear(output_size, self.input_size)
            )
            self.bias = nn.Parameter(torch.empty(n_outputs))
            self.register_buffer("silent", torch.zeros((), dtype=torch.bool))
        else:
            self.head = nn.Linear(output_size, n_outputs)

    def initialize(self, generator: Generator) -> None:
        """Draw the tokens' vectors."""
        if self.embedding is not None:
            weight = self.embedding.weight
            small_normal_(weight, generator, scale=embedding_scale(weight.shape[1]))
        if self.tied:
            nn.init.zeros_(self.bias)
            self.silent.fill_(False)

    @torch.no_grad()
    def zero_unknown(self) -> None:
        """Let the unknown token be read as zeros, where training has none.

        A tied vector is trained all the same: no output is to be like it.
        """
        if self.tied:
            self.silent.fill_(True)
        elif self.embedding is not None:
            self.embedding.weight[UNKNOWN] = 0.0

    @torch.no_grad()
    def enable_unknown(self) -> None:
        """Let the unknown token be read by its vector, where training has some."""
        if self.tied:
            self.silent.fill_(False)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return vectors ``(B, T, input_size)`` of ids ``(B, T)`` or features (B, T, C)."""
        x = inputs if self.embedding is None else self.embedding(inputs)
        if self.tied:
            x = x.masked_fill((self.silent & (inputs == UNKNOWN))[..., None], 0.0)
        return self.dropout(x)

    def score(self, outputs: Tensor) -> Tensor:
        """Return logits ``(B, T, n_outputs)`` of ``(B, T, output_size)``."""
        if self.embedding is None:
            return self.head(outputs)
        if self.tied:
            weight = self.embedding.weight
            logits = F.linear(self.project(outputs), weight, self.bias)
        else:
            logits = self.head(outputs)
        logits[..., PADDING].fill_(-torch.inf)
        return logits

    def run(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return ``(B, T, output_size)`` for the output layer, and the state behind."""
        raise NotImplementedError

    def forward(self, inputs: Inputs) -> LanguageScores:
        """Return scores of the step after each step, and the state after the last one.

        ``inputs["state"]``, where given, is the state to start from.
        """
        steps = inputs["features" if self.embedding is None else "tokens"]
        outputs, after = self.run(steps, inputs.get("state"))
        return LanguageScores(self.score(outputs), inputs["lengths"], after)

    def read(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return logits ``(B, C)`` of what follows the last step, and the state there."""
        outputs, after = self.run(inputs, state)
        return self.score(outputs[:, -1:])[:, 0], after


class RecurrentLanguageModel(LanguageModel):
    """Recurrent layers between the tokens' vectors and the output layer.

    Parameters
    ----------
    n_outputs, embedding_dim, tie_weights :
        As in ``LanguageModel``.
    dropout : float
        Rate on inputs, between layers and before the output layer.
    hidden_size, cell, num_layers :
        As in ``RecurrentLayers``.

    References
    ----------
    Mikolov, Karafiát, Burget, Černocký, Khudanpur (2010). Recurrent neural network based
    language model. Interspeech.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        embedding_dim: int | None,
        hidden_size: int,
        cell: str,
        num_layers: int,
        tie_weights: bool,
        dropout: float,
    ):
        super().__init__(
            n_outputs=n_outputs,
            embedding_dim=embedding_dim,
            output_size=hidden_size,
            tie_weights=tie_weights,
            dropout=dropout,
        )
        self.layers = RecurrentLayers(
            self.input_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            dropout=dropout,
        )

    def run(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return ``(B, T, hidden_size)`` for the output layer, and the state behind."""
        x = self.embed(inputs)  # (B, T, E)
        if state is None:
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
    n_outputs, embedding_dim, tie_weights :
        As in ``LanguageModel``.
    dropout : float
        Rate on inputs and behind each hidden layer.
    window : int
        Steps of the window; zeros stand before a sequence's begin.
    hidden_layer_sizes : tuple of int
        Units of each hidden layer, at least one.
    activation : {"identity", "logistic", "tanh", "relu"}
        What follows each hidden layer.

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
    ):
        width = window * (embedding_dim or n_outputs)
        super().__init__(
            n_outputs=n_outputs,
            embedding_dim=embedding_dim,
            output_size=hidden_layer_sizes[-1] if hidden_layer_sizes else width,
            tie_weights=tie_weights,
            dropout=dropout,
        )
        self.window = window
        self.hidden, _ = hidden_layers(width, hidden_layer_sizes, activation, dropout)

    def run(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return ``(B, T, output_size)`` for the output layer, and the state behind."""
        n_sequences, n_steps, *rest = inputs.shape
        before = self.window - 1
        if state is None:
            state = (inputs.new_zeros((n_sequences, before, *rest)),)
        seen = torch.cat([state[0], inputs], dim=1)  # (B, W - 1 + T[, C])
        x = self.embed(seen)  # (B, W - 1 + T, E)
        near = torch.cat([x[:, i : i + n_steps] for i in range(self.window)], dim=-1)
        after = (seen[:, seen.shape[1] - before :],)
        return self.hidden(near), after
