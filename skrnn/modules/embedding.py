"""The first layer: features as they are, or tokens as vectors with their spelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from skrnn.modules.char_encoder import CHAR_ENCODERS, CharacterCNN, NgramBag
from skrnn.modules.dropout import Dropout
from skrnn.modules.initialization import embedding_scale, small_normal_

UNKNOWN = 1  # the id of unseen tokens; 0 pads


class FeatureInput(nn.Module):
    """Numeric sequences: the features themselves."""

    def __init__(self, n_features: int):
        super().__init__()
        self.output_size = n_features

    def forward(
        self,
        inputs: Tensor,
        words: Tensor | None = None,
        spelling: Tensor | None = None,
        vectors: Tensor | None = None,
    ) -> Tensor:
        """Return ``inputs`` ``(B, T, F)``."""
        return inputs


class TokenEmbedding(nn.Module):
    """A vector for each token, beside one made from its spelling.

    In training, a token seen only once in the training data becomes the unknown id half
    of the time, so that the unknown id learns what rare tokens mean.

    Parameters
    ----------
    n_ids : int
        Size of the vocabulary, the padding and unknown ids included.
    embedding_dim : int
        Size of a token's vector.
    char_encoder : {None, "cnn", "ngrams"}
        How spellings are read.
    n_char_ids : int
        Number of character or n-gram ids.
    char_dim : int
        Size of a spelling's vector.
    dropout : float
        Rate at which values of the vectors are dropped in training.
    frozen : bool
        Whether the tokens' own vectors are left as they are by training.
    """

    UNKNOWN_RATE = 0.5
    singletons: Tensor

    def __init__(
        self,
        n_ids: int,
        embedding_dim: int,
        *,
        char_encoder: str | None = None,
        n_char_ids: int = 0,
        char_dim: int = 0,
        dropout: float = 0.0,
        frozen: bool = False,
    ):
        super().__init__()
        self.embedding = nn.Embedding(n_ids, embedding_dim, padding_idx=0)
        self.embedding.weight.requires_grad_(not frozen)
        self.register_buffer("singletons", torch.zeros(n_ids, dtype=torch.bool))
        self.char_encoder: CharacterCNN | NgramBag | None = (
            CHAR_ENCODERS[char_encoder](n_char_ids, char_dim) if char_encoder else None
        )
        self.output_size = embedding_dim + (char_dim if char_encoder else 0)
        self.dropout = Dropout(dropout)
        self.generator: Generator | None = None

    def initialize(self, generator: Generator) -> None:
        """Draw the tokens' vectors."""
        weight = self.embedding.weight
        small_normal_(weight, generator, scale=embedding_scale(weight.shape[1]))
        self.singletons.zero_()

    @torch.no_grad()
    def load_vectors(self, vectors: Tensor) -> None:
        """Take pre-trained vectors ``(n_ids, dim)``.

        Rows of NaN stay as drawn; they are zeros where they are not trained either.
        """
        known = ~vectors.isnan().any(1).to(self.singletons.device)
        weight = self.embedding.weight
        if not weight.requires_grad:
            weight.zero_()
        weight[known] = vectors[known]
        self.singletons &= ~known  # a vector says more than that its token is rare

    @torch.no_grad()
    def zero_untrained(self) -> None:
        """Zero what no training example will reach, lest it be noise in predictions."""
        if not self.singletons.any():
            self.embedding.weight[UNKNOWN] = 0.0
        if self.char_encoder is not None:
            self.char_encoder.zero_untrained()

    def forward(
        self,
        inputs: Tensor,
        words: Tensor | None = None,
        spelling: Tensor | None = None,
        vectors: Tensor | None = None,
    ) -> Tensor:
        """Return ``(B, T, output_size)`` from token ids ``(B, T)``.

        Parameters
        ----------
        inputs : int64 tensor of shape (B, T)
            Token ids, 0 in the padding; from ``n_ids`` on, rows of ``vectors``.
        words : int64 tensor of shape (B, T), optional
            Each step's row in ``spelling``.
        spelling : tensor of shape (n_words, n_characters) or (n_words, C), optional
            The batch's distinct words: int64 ids of their characters, or what ``spell``
            made of them.
        vectors : float tensor of shape (n_outside, embedding_dim), optional
            Pre-trained vectors of tokens that are not in the vocabulary.
        """
        ids = inputs
        if vectors is not None:
            outside = inputs >= self.embedding.num_embeddings  # (B, T)
            ids = inputs.masked_fill(outside, UNKNOWN)
        if self.training:
            ids = self._forget_singletons(ids)
        x = self.embedding(ids)  # (B, T, E)
        if vectors is not None:
            x[outside] = vectors[inputs[outside] - self.embedding.num_embeddings]
        if self.char_encoder is not None:
            assert words is not None  # spelled tokens come with their words
            assert spelling is not None
            read = (
                spelling if spelling.is_floating_point() else self.char_encoder(spelling)
            )
            spelled = read.index_select(0, words.reshape(-1))
            x = torch.cat([x, spelled.view(*words.shape, -1)], dim=-1)  # (B, T, E + C)
        return self.dropout(x)

    @torch.no_grad()
    def spell(self, spelling: Tensor, n_words: int = 4096) -> Tensor:
        """Return the vectors ``(n_words, C)`` of distinct words, some at a time.

        Words are taken in the order of their spelling, so that a word's vector does not
        depend on the order in which a user's texts come.
        """
        assert self.char_encoder is not None
        order = torch.arange(len(spelling), device=spelling.device)
        for column in range(spelling.shape[1] - 1, -1, -1):
            order = order[spelling[order, column].argsort(stable=True)]
        vectors = [self.char_encoder(spelling[part]) for part in order.split(n_words)]
        joined = torch.cat(vectors)  # (W, C)
        return torch.empty_like(joined).index_copy_(0, order, joined)

    def _forget_singletons(self, inputs: Tensor) -> Tensor:
        draw = torch.rand(
            inputs.shape,
            dtype=torch.float32,
            device=inputs.device,
            generator=self.generator,
        )
        forgotten = self.singletons[inputs] & (draw < self.UNKNOWN_RATE)
        return inputs.masked_fill(forgotten, UNKNOWN)


def build_input_layer(
    input_layer: Mapping[str, Any], dropout: float
) -> FeatureInput | TokenEmbedding:
    """Return the first layer for numeric features or for tokens."""
    if "n_features" in input_layer:
        return FeatureInput(**input_layer)
    return TokenEmbedding(**input_layer, dropout=dropout)
