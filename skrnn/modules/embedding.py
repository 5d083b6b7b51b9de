"""The input layer: features unchanged or images by an encoder, token vectors with character
features, or several fields of these side by side; and the layer of static columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from skrnn.modules.char_encoder import CHAR_ENCODERS, CharEncoder
from skrnn.modules.dropout import Dropout
from skrnn.modules.initialization import embedding_scale, indicators_, small_normal_
from skrnn.modules.step_encoder import STEP_ENCODERS
from skrnn.modules.transfer import real_rows

#: A padded batch by name, as the collator makes it. ``"tokens"`` int64 ``(B, T)`` or
#: ``"features"`` float32 ``(B, T, F)``, ``"lengths"`` int64 ``(B,)``; optional are
#: ``"words"`` int64 ``(B, T)`` (rows of ``"characters"``), ``"characters"``, ``"vectors"``,
#: ``"previous"`` and ``"target_lengths"`` (teacher forcing), ``"state"``, and of static
#: columns ``"static_numbers"`` float32 ``(B, S)`` and ``"static_categories"`` int64 (B, C),
#: and ``"future"`` float32 ``(B, horizon, K)`` of what is known ahead. Where steps are read
#: as subwords, which the above have then, ``"first_subwords"`` int64 ``(B, T)`` is the place
#: of each step's first one, and ``"n_steps"`` ``(B,)`` counts the steps. ``"embedded"``
#: float32 ``(B, T, F)`` stands in place of all step fields: their vectors themselves.
#: Where steps have several fields, ``field_key`` names those of the second and so on.
Inputs = Mapping[str, Any]

#: Ids that are no token's: of padding, and of tokens outside the vocabulary.
PADDING, UNKNOWN = 0, 1


#: The parts of a batch that belong to a field.
PARTS = ("tokens", "features", "words", "characters", "vectors")
#: Pixels of images that are encoded at a time; on the CPU their maps fit into its cache.
N_PIXELS = {"cpu": 1 << 16, "cuda": 1 << 22}
#: The largest vector of a static category.
MAX_CATEGORY_DIM = 32


def field_key(name: str, field: int) -> str:
    """Return the name of a field's part of a batch; the first field's is ``name``."""
    return f"{name}.{field}" if field else name


class InputLayer(nn.Module):
    """Abstract base: vectors of the steps of a batch.

    Attributes
    ----------
    output_size : int
        Features of a step's vector.
    """

    output_size: int

    def encode_characters(self, characters: Tensor, field: int = 0) -> Tensor:
        """Return the vectors of distinct words; only tokens have characters."""
        raise NotImplementedError

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, T, output_size)``."""
        raise NotImplementedError


class FeatureInput(InputLayer):
    """Returns numeric features unchanged."""

    def __init__(self, n_features: int):
        super().__init__()
        self.output_size = n_features

    def prepare(self) -> None:
        """Keep the layer as it is: features bring no counts or vectors."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Return the features ``(B, T, F)``."""
        return inputs["features"]


class ImageInput(InputLayer):
    """A vector of each step's image, before the features that are beside it.

    Parameters
    ----------
    n_features : int
        Features of a step, its pixels included.
    step_encoder : str
        Layer that encodes an image, a key of ``STEP_ENCODERS``.
    first : int
        The feature that is the image's first pixel.
    shape : tuple of (height, width, n_channels)
        Of the image.
    embedding_dim : int
        Size of an image's vector.
    dropout : float
        Rate at which values of the vectors are dropped in training.
    """

    def __init__(
        self,
        n_features: int,
        *,
        step_encoder: str,
        first: int,
        shape: tuple[int, int, int],
        embedding_dim: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.shape = tuple(shape)
        n_pixels = math.prod(shape)
        self.first, self.stop = first, first + n_pixels
        self.encoder = STEP_ENCODERS[step_encoder](shape, embedding_dim)
        self.output_size = embedding_dim + n_features - n_pixels
        self.dropout = Dropout(dropout)

    def prepare(self) -> None:
        """Keep the layer as it is: features bring no counts or vectors."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, T, output_size)``; the padding has zeros for its images."""
        x = inputs["features"]  # (B, T, F)
        rows = real_rows(inputs["lengths"], x.shape[1])  # (N,)
        flat = x.flatten(0, 1)  # (B * T, F)
        steps = flat if len(rows) == len(flat) else flat.index_select(0, rows)
        images = steps[:, self.first : self.stop].reshape(-1, *self.shape)
        at_once = N_PIXELS.get(x.device.type, N_PIXELS["cuda"])
        parts = images.split(max(1, at_once // (self.stop - self.first)))
        encoded = torch.cat([self.encoder(part) for part in parts])
        vectors = self.dropout(torch.relu(encoded), rows // x.shape[1], len(x))
        if len(rows) < len(flat):
            vectors = vectors.new_zeros(len(flat), vectors.shape[1]).index_copy(
                0, rows, vectors
            )
        vectors = vectors.view(*x.shape[:2], -1)  # (B, T, E)
        return torch.cat([vectors, x[..., : self.first], x[..., self.stop :]], dim=-1)


class TokenEmbedding(InputLayer):
    """A vector for each token, beside one made from its characters.

    In training, a token seen only once in the training data becomes the unknown id half
    of the time, so that the unknown id learns what rare tokens mean.

    Parameters
    ----------
    n_ids : int
        Size of the vocabulary, the padding and unknown ids included.
    embedding_dim : int
        Size of a token's vector.
    char_encoder : str or None
        Layer that encodes the characters of a word, a key of ``CHAR_ENCODERS``.
    n_char_ids : int
        Number of character or n-gram ids.
    char_dim : int
        Size of the vector made from a word's characters.
    dropout : float
        Rate at which values of the vectors are dropped in training.
    frozen : bool
        Whether training leaves the tokens' own vectors unchanged.
    word_dropout : float
        Rate at which tokens are read as the unknown one in training, their characters
        excepted.

    References
    ----------
    Iyyer, Manjunatha, Boyd-Graber, Daumé (2015). Deep unordered composition rivals
    syntactic methods for text classification. ACL, section 3.2. For word dropout.
    Bowman, Vilnis, Vinyals, Dai, Jozefowicz, Bengio (2016). Generating sentences from a
    continuous space. CoNLL, section 3.1. For the unknown token in its place.
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
        word_dropout: float = 0.0,
    ):
        super().__init__()
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(n_ids, embedding_dim, padding_idx=0)
        self.embedding.weight.requires_grad_(not frozen)
        self.register_buffer("singletons", torch.zeros(n_ids, dtype=torch.bool))
        self.char_encoder: CharEncoder | None = (
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
    def prepare(self, counts: Tensor, vectors: Tensor | None = None) -> None:
        """Set counts and pre-trained vectors before training.

        Parameters
        ----------
        counts : int64 tensor of shape (n_ids,)
            How often training has each token.
        vectors : float tensor of shape (n_ids, embedding_dim), optional
            Pre-trained vectors, rows of NaN where there is none.
        """
        self.singletons.copy_(counts == 1)
        if vectors is not None:
            self.load_vectors(vectors)
        self.zero_untrained()

    @torch.no_grad()
    def load_vectors(self, vectors: Tensor) -> None:
        """Copy pre-trained vectors ``(n_ids, dim)`` into the embedding.

        Rows of NaN keep their initial values, or become zeros where ``frozen``.
        """
        known = ~vectors.isnan().any(1).to(self.singletons.device)
        weight = self.embedding.weight
        if not weight.requires_grad:
            weight.zero_()
        weight[known] = vectors[known]
        self.singletons &= ~known  # a rare token with a pre-trained vector keeps it

    @torch.no_grad()
    def zero_untrained(self) -> None:
        """Zero vectors that training never reaches: they would be noise in predictions."""
        if not self.word_dropout and not self.singletons.any():
            self.embedding.weight[UNKNOWN] = 0.0
        if self.char_encoder is not None:
            self.char_encoder.zero_untrained()

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, T, output_size)``.

        Parameters
        ----------
        inputs : mapping
            ``"tokens"`` : int64 tensor of shape (B, T)
                Token ids, 0 in the padding; from ``n_ids`` on, rows of ``"vectors"``.
            ``"words"`` : int64 tensor of shape (B, T), with a char encoder
                Each step's row in ``"characters"``.
            ``"characters"`` : tensor of shape (n_words, n_characters) or (n_words, C)
                The batch's distinct words: int64 ids of their characters, or the vectors
                that ``encode_characters`` made from these.
            ``"vectors"`` : float tensor of shape (n_outside, embedding_dim), optional
                Pre-trained vectors of tokens outside the vocabulary.
        """
        tokens, vectors = inputs["tokens"], inputs.get("vectors")
        if self.training and self.word_dropout:
            tokens = drop_tokens(tokens, self.word_dropout, self.generator)
        ids = tokens
        if vectors is not None:
            outside = tokens >= self.embedding.num_embeddings  # (B, T)
            ids = tokens.masked_fill(outside, UNKNOWN)
        if self.training:
            ids = self._forget_singletons(ids)
        x = self.embedding(ids)  # (B, T, E)
        if vectors is not None:
            rows = (tokens - self.embedding.num_embeddings).clamp(min=0)
            x = torch.where(outside[..., None], vectors[rows], x)
        if self.char_encoder is not None:
            words, characters = inputs["words"], inputs["characters"]
            if not characters.is_floating_point():
                characters = self.char_encoder(characters)  # (W, C)
            by_step = characters.index_select(0, words.reshape(-1))  # (B * T, C)
            x = torch.cat([x, by_step.view(*words.shape, -1)], dim=-1)  # (B, T, E + C)
        return self.dropout(x)

    @torch.no_grad()
    def encode_characters(
        self, characters: Tensor, field: int = 0, n_words: int = 4096
    ) -> Tensor:
        """Return the vectors ``(W, C)`` of all distinct words, ``n_words`` at a time.

        Words are sorted by their characters first, so that a word's vector does not
        depend on the order of the user's texts.
        """
        assert self.char_encoder is not None
        columns = characters.cpu().numpy().T[::-1]  # the last key counts most
        order = torch.from_numpy(np.lexsort(columns)).to(characters.device)
        vectors = [self.char_encoder(characters[part]) for part in order.split(n_words)]
        joined = torch.cat(vectors)  # (W, C)
        return torch.empty_like(joined).index_copy_(0, order, joined)

    def _forget_singletons(self, ids: Tensor) -> Tensor:
        draw = torch.rand(
            ids.shape,
            dtype=torch.float32,
            device=ids.device,
            generator=self.generator,
        )
        forgotten = self.singletons[ids] & (draw < self.UNKNOWN_RATE)
        return ids.masked_fill(forgotten, UNKNOWN)


def drop_tokens(ids: Tensor, rate: float, generator: Generator | None) -> Tensor:
    """Return ids with the unknown one in place of some, never of padding."""
    draw = torch.rand(
        ids.shape, dtype=torch.float32, device=ids.device, generator=generator
    )
    return ids.masked_fill((draw < rate) & (ids != PADDING), UNKNOWN)


class JoinedInput(InputLayer):
    """The vectors of several fields side by side.

    Parameters
    ----------
    fields : sequence of mapping
        Arguments of ``FeatureInput``, ``ImageInput`` or ``TokenEmbedding``, one a field.
    dropout : float
        As in ``TokenEmbedding``.
    """

    def __init__(self, fields: Sequence[Mapping[str, Any]], dropout: float = 0.0):
        super().__init__()
        layers = [build_input_layer(field, dropout) for field in fields]
        self.fields: Any = nn.ModuleList(layers)
        self.output_size = sum(layer.output_size for layer in layers)

    def prepare(self, fields: Sequence[Mapping[str, Tensor]]) -> None:
        """Set each field's counts and vectors before training."""
        for layer, state in zip(self.fields, fields, strict=True):
            layer.prepare(**state)

    def encode_characters(self, characters: Tensor, field: int = 0) -> Tensor:
        """Return the vectors of one field's distinct words."""
        return self.fields[field].encode_characters(characters)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, T, output_size)``."""
        parts = []
        for j, layer in enumerate(self.fields):
            own = {
                name: inputs[field_key(name, j)]
                for name in PARTS
                if field_key(name, j) in inputs
            }
            parts.append(layer({"lengths": inputs["lengths"], **own}))
        return torch.cat(parts, dim=-1)


class StaticInput(nn.Module):
    """One vector a sequence: static numbers unchanged, and a vector for each category.

    Parameters
    ----------
    n_numbers : int
        Static numbers of a sequence.
    n_categories : sequence of int
        Number of categories of each column; id 0, an unseen one, is a vector of zeros.

    Attributes
    ----------
    output_size : int
        Size of the vector.
    """

    def __init__(self, n_numbers: int, n_categories: Sequence[int]):
        super().__init__()
        sizes = [(n + 1, min(n, MAX_CATEGORY_DIM)) for n in n_categories]
        self.embeddings: Any = nn.ModuleList(
            nn.Embedding(n_ids, dim, padding_idx=0) for n_ids, dim in sizes
        )
        self.output_size = n_numbers + sum(dim for _, dim in sizes)

    def initialize(self, generator: Generator) -> None:
        """Set the vectors of few categories to centred indicators, and draw others."""
        for embedding in self.embeddings:
            weight = embedding.weight
            n_ids, dim = weight.shape
            if dim == n_ids - 1:
                indicators_(weight)
            else:
                small_normal_(weight, generator, scale=embedding_scale(dim))

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``(B, output_size)``."""
        categories = inputs["static_categories"]  # (B, C)
        vectors = [embed(categories[:, j]) for j, embed in enumerate(self.embeddings)]
        return torch.cat([inputs["static_numbers"], *vectors], dim=-1)


def build_input_layer(input_layer: Mapping[str, Any], dropout: float) -> InputLayer:
    """Return the input layer for features, images, tokens, or several fields."""
    if "fields" in input_layer:
        return JoinedInput(**input_layer, dropout=dropout)
    if "step_encoder" in input_layer:
        return ImageInput(**input_layer, dropout=dropout)
    if "n_features" in input_layer:
        return FeatureInput(**input_layer)
    return TokenEmbedding(**input_layer, dropout=dropout)
