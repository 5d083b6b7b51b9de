"""Character encoders: a vector for each distinct word of a batch, from its characters.

A new character encoder is one class with ``forward(characters)`` and one row in
``CHAR_ENCODERS``. It sees distinct words only; the token embedding spreads the result
over the steps.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.initialization import embedding_scale, small_normal_

UNKNOWN = 1  # the id of a character that training has not seen; 0 pads


class CharacterCNN(nn.Module):
    """A convolution over a word's characters, each filter's maximum over the word.

    References
    ----------
    Ma, Hovy (2016). End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF. ACL,
    section 2.1.
    """

    WIDTH = 3

    def __init__(self, n_ids: int, output_size: int, character_dim: int = 24):
        super().__init__()
        self.embedding = nn.Embedding(n_ids, character_dim, padding_idx=0)
        self.filters = nn.Linear(self.WIDTH * character_dim, output_size)

    def initialize(self, generator: Generator) -> None:
        """Draw the characters' vectors; the filters are drawn like any other Linear."""
        small_normal_(self.embedding.weight, generator, scale=0.3)

    @torch.no_grad()
    def zero_untrained(self) -> None:
        """Zero the unknown character, which no training word has."""
        self.embedding.weight[UNKNOWN] = 0.0

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_characters)``."""
        # a matrix product over windows: torch would compile and keep a convolution for
        # each new shape, and shapes differ from batch to batch
        x = self.embedding(characters)  # (W, C, D)
        x = F.pad(x, (0, 0, self.WIDTH // 2, self.WIDTH // 2))  # (W, C + 2, D)
        n_places = characters.shape[1]
        windows = torch.cat([x[:, i : i + n_places] for i in range(self.WIDTH)], dim=-1)
        y = self.filters(windows)  # (W, C, F)
        y = y.masked_fill((characters == 0)[..., None], -torch.inf)
        return torch.relu(y.max(1).values)  # (W, F)


class NgramBag(nn.Module):
    """The mean of the vectors of a word's character n-grams (as fastText's)."""

    def __init__(self, n_ids: int, output_size: int):
        super().__init__()
        self.embedding = nn.EmbeddingBag(n_ids, output_size, mode="mean", padding_idx=0)

    def initialize(self, generator: Generator) -> None:
        """Draw the n-grams' vectors."""
        weight = self.embedding.weight
        small_normal_(weight, generator, scale=embedding_scale(weight.shape[1]))

    @torch.no_grad()
    def zero_untrained(self) -> None:
        """Leave all: n-grams share ids by hashing, so none is known to be untrained."""

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_ngrams)``."""
        return self.embedding(characters)  # (W, F)


CHAR_ENCODERS = {"cnn": CharacterCNN, "ngrams": NgramBag}
