"""Character encoders: a vector for each distinct word of a batch, from its characters.

A new character encoder is one subclass of ``CharEncoder`` and one row in
``CHAR_ENCODERS``. It reads each distinct word once; the token embedding copies the vectors
to the steps. The ids that it reads are made by the class of the same name in
``skrnn.data.vocabulary.CHAR_FEATURES``.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.dense import concatenate_windows
from skrnn.modules.initialization import embedding_scale, small_normal_
from skrnn.modules.products import Linear
from skrnn.modules.recurrent.encoder import RecurrentEncoder

UNKNOWN = 1  # the id of a character outside the training data; 0 pads


class CharEncoder(nn.Module):
    """Abstract base: encodes the characters of words.

    Parameters
    ----------
    n_ids : int
        Number of ids, those of padding and of unknown characters included.
    output_size : int
        Size of a word's vector.
    """

    def __init__(self, n_ids: int, output_size: int):
        super().__init__()

    def zero_untrained(self) -> None:
        """Zero the vectors of ids that no training word has; by default, none."""

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_characters)``.

        The ids of a word are followed by zeros, which must not change its vector.
        """
        raise NotImplementedError


class CharacterEncoder(CharEncoder):
    """Abstract base: a vector for each character, which a network of its own reads.

    Parameters
    ----------
    n_ids, output_size :
        As in ``CharEncoder``.
    character_dim : int
        Size of a character's vector.
    """

    def __init__(self, n_ids: int, output_size: int, character_dim: int):
        super().__init__(n_ids, output_size)
        self.embedding = nn.Embedding(n_ids, character_dim, padding_idx=0)

    def initialize(self, generator: Generator) -> None:
        """Draw the characters' vectors; other layers draw their own weights."""
        small_normal_(self.embedding.weight, generator, scale=0.3)

    @torch.no_grad()
    def zero_untrained(self) -> None:
        """Zero the vector of the unknown character, which no training word has."""
        self.embedding.weight[UNKNOWN] = 0.0


class CharacterCNN(CharacterEncoder):
    """A convolution over a word's characters, each filter's maximum over the word.

    References
    ----------
    Ma, Hovy (2016). End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF. ACL,
    section 2.1.
    """

    WIDTH = 3

    def __init__(self, n_ids: int, output_size: int, character_dim: int = 24):
        super().__init__(n_ids, output_size, character_dim)
        self.filters = Linear(self.WIDTH * character_dim, output_size)

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_characters)``."""
        # A matrix product over windows: oneDNN compiles and caches a convolution for each
        # new shape, and shapes differ from batch to batch.
        x = self.embedding(characters)  # (W, C, D)
        x = F.pad(x, (0, 0, self.WIDTH // 2, self.WIDTH // 2))  # (W, C + 2, D)
        windows = concatenate_windows(x, self.WIDTH)  # (W, C, 3 D)
        y = self.filters(windows)  # (W, C, F)
        y = y.masked_fill((characters == 0)[..., None], -torch.inf)
        # without a gradient, which of several maxima is taken does not count
        largest = y.max(1).values if torch.is_grad_enabled() else y.amax(1)
        return torch.relu(largest)  # (W, F)


class NgramBag(CharEncoder):
    """The mean of the vectors of a word's character n-grams, as in fastText.

    N-grams share ids by hashing, so no id is known to be untrained.

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov (2017). Enriching word vectors with subword
    information. TACL 5, section 3.2.
    """

    def __init__(self, n_ids: int, output_size: int):
        super().__init__(n_ids, output_size)
        self.embedding = nn.EmbeddingBag(n_ids, output_size, mode="mean", padding_idx=0)

    def initialize(self, generator: Generator) -> None:
        """Draw the n-grams' vectors."""
        weight = self.embedding.weight
        small_normal_(weight, generator, scale=embedding_scale(weight.shape[1]))

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_ngrams)``."""
        return self.embedding(characters)  # (W, F)


class CharacterLSTM(CharacterEncoder):
    """The last states of two LSTMs that read a word's characters, one from its end.

    Half of the vector comes from each direction.

    Raises
    ------
    ValueError
        If ``output_size`` is odd.

    References
    ----------
    Lample, Ballesteros, Subramanian, Kawakami, Dyer (2016). Neural architectures for named
    entity recognition. NAACL, section 4.1.
    """

    def __init__(self, n_ids: int, output_size: int, character_dim: int = 24):
        super().__init__(n_ids, output_size, character_dim)
        if output_size % 2:
            raise ValueError(
                "two directions share the vector of a word, so its size must be even; got "
                f"{output_size}"
            )
        self.encoder = RecurrentEncoder(
            character_dim, output_size // 2, bidirectional=True
        )

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_characters)``."""
        lengths = (characters != 0).sum(1)
        return self.encoder(self.embedding(characters), lengths)[1]  # (W, F)


CHAR_ENCODERS: dict[str, type[CharEncoder]] = {
    "cnn": CharacterCNN,
    "ngrams": NgramBag,
    "lstm": CharacterLSTM,
}
