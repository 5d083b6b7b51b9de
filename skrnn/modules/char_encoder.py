"""Character encoders: a vector for each distinct word of a batch, from its characters.

A new character encoder is one subclass of ``CharEncoder`` and one row in
``CHAR_ENCODERS``. It reads each distinct word once; the token embedding copies the vectors
to the steps. The ids that it reads are made by the class of the same name in
``skrnn.data.vocabulary.CHAR_FEATURES``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

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

    Each character is multiplied by the filters once, and windows add up the results; the layer
    ``filters`` holds weights and is not called.

    References
    ----------
    Ma, Hovy (2016). End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF. ACL,
    section 2.1.
    """

    WIDTH = 3
    #: Ids from which only those of a batch are multiplied by the filters.
    MANY_IDS = 256

    def __init__(self, n_ids: int, output_size: int, character_dim: int = 24):
        super().__init__(n_ids, output_size, character_dim)
        self.filters = Linear(self.WIDTH * character_dim, output_size)

    def forward(self, characters: Tensor) -> Tensor:
        """Return ``(n_words, output_size)`` from ids ``(n_words, n_characters)``."""
        beside = self.WIDTH // 2
        ids = F.pad(characters.t(), (0, 0, beside, beside))  # (C + 2, W)
        n_ids = self.embedding.num_embeddings
        few = 0 < ids.numel() < n_ids and n_ids > self.MANY_IDS
        if few and ids.device.type == "cpu":
            used, ids = ids.unique(return_inverse=True)  # padding stays 0
        else:
            used = torch.arange(n_ids, device=ids.device)
        filters = self.filters.weight.view(len(self.filters.weight), self.WIDTH, -1)
        shares = self.embedding(used) @ filters.permute(1, 2, 0)  # (3, n_ids, F)
        largest = _LargestSum.apply(shares, ids.contiguous())  # (W, F)
        return torch.relu(largest + self.filters.bias)


class _LargestSum(torch.autograd.Function):
    """The largest sum of the windows of each word ``(W, F)``.

    A window sums the shares of its characters; of equal sums the first has the gradient.

    Parameters
    ----------
    shares : float tensor of shape (K, n_ids, F)
        Of each character, by its place in a window.
    ids : int64 tensor of shape (C + K - 1, W)
        Characters of each word, zeros before and after them.
    """

    @staticmethod
    def forward(ctx: Any, shares: Tensor, ids: Tensor) -> Tensor:
        width, _, n_filters = shares.shape
        n_words, n_windows = ids.shape[1], len(ids) - width + 1
        shares = shares.clone()
        shares[width // 2, 0] = -torch.inf  # of windows around padding
        rows = [ids[place : place + n_windows].view(-1) for place in range(width)]
        sums = shares[0].index_select(0, rows[0])
        for by_id, at_place in zip(shares[1:], rows[1:], strict=True):
            sums += by_id.index_select(0, at_place)  # (C * W, F)
        sums = sums.view(n_windows, n_words * n_filters)
        largest = sums.amax(0)
        if ctx.needs_input_grad[0]:
            # windows left from the first maximum on; NaN equals none
            left = torch.arange(n_windows, 0, -1, dtype=sums.dtype, device=sums.device)
            n_left = sums.eq_(largest).mul_(left[:, None]).amax(0)
            first = (n_windows - n_left).long().clamp_(max=n_windows - 1)
            ctx.save_for_backward(ids, first.view(n_words, n_filters))
            ctx.shape = shares.shape
        return largest.view(n_words, n_filters)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        ids, first = ctx.saved_tensors  # first: (W, F)
        width = ctx.shape[0]
        rows = torch.stack([ids.t().gather(1, first + place) for place in range(width)])
        found = gradient.new_zeros(ctx.shape)
        return found.scatter_add_(1, rows, gradient.expand(rows.shape)), None


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
