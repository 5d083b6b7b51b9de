"""Vocabulary: tokens with an id of their own, and character features of words.

Ids 0 and 1 are reserved: 0 pads a batch, 1 stands for every token not seen often
enough in training.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

PADDING, UNKNOWN = 0, 1
N_RESERVED = 2


class Vocabulary:
    """Maps tokens to ids, the most frequent token first.

    Attributes
    ----------
    ids : dict
        Token → id, from ``N_RESERVED`` on.
    counts : int64 ndarray of shape (n_ids,)
        How often each id was seen in training (0 for the reserved ones).
    """

    def __init__(self, tokens: Sequence[Hashable], counts: Sequence[int]):
        self.ids = {token: i for i, token in enumerate(tokens, start=N_RESERVED)}
        self.counts = np.concatenate(
            [np.zeros(N_RESERVED, dtype=np.int64), np.asarray(counts, dtype=np.int64)]
        )

    @classmethod
    def learn(
        cls,
        tokens: Sequence[Hashable],
        counts: NDArray[np.int64],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        unknown: Hashable = None,
    ) -> Vocabulary:
        """Keep distinct ``tokens`` seen ``min_count`` times, at most ``max_size``.

        Ties are broken by the token's text, so that the order of the samples does not
        count. ``unknown`` is a token that stands for unknown ones, which is not kept.
        """
        kept = [
            (-int(count), str(token), i)
            for i, (token, count) in enumerate(zip(tokens, counts, strict=True))
            if count >= min_count and token != unknown
        ]
        kept.sort()
        kept = kept[:max_size]
        return cls([tokens[i] for *_, i in kept], [-count for count, *_ in kept])

    def __len__(self) -> int:
        return len(self.ids) + N_RESERVED

    def encode(self, tokens: Sequence[Hashable]) -> NDArray[np.int64]:
        """Return the id of each token, ``UNKNOWN`` for those that have none."""
        get = self.ids.get
        return np.fromiter(
            (get(token, UNKNOWN) for token in tokens), np.int64, len(tokens)
        )


def distinct_tokens(
    tokens: NDArray[np.object_],
) -> tuple[NDArray[np.int64], list[Hashable]]:
    """Return each step's index into the distinct tokens, and those tokens."""
    index: defaultdict[Hashable, int] = defaultdict()
    index.default_factory = index.__len__  # a new token has the next index
    codes = np.fromiter(map(index.__getitem__, tokens), np.int64, len(tokens))
    return codes, list(index)


class CharacterFeatures:
    """Encodes a word as the ids of its characters, between a begin and an end mark.

    Words beyond ``max_characters`` lose their middle.
    """

    BEGIN, END, FIRST = 2, 3, 4

    def __init__(self, words: Sequence[Hashable], max_characters: int = 18):
        seen = sorted(set("".join(map(str, words))))
        self.characters = {c: i for i, c in enumerate(seen, start=self.FIRST)}
        self.max_characters = max_characters

    @property
    def n_ids(self) -> int:
        """One more than the largest id."""
        return len(self.characters) + self.FIRST

    def encode(self, words: Sequence[Hashable]) -> NDArray[np.int64]:
        """Return ``(n_words, n_characters)`` ids, zeros after the end of a word."""
        most, half = self.max_characters, self.max_characters // 2
        texts = [t if len(t) <= most else t[:half] + t[-half:] for t in map(str, words)]
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        width = int(lengths.max(initial=-1)) + 2
        table = np.zeros((len(texts), width), np.int64)
        table[:, 0] = self.BEGIN
        real = np.arange(width - 1) < lengths[:, None]
        table[:, 1:][real] = self._ids(code_points("".join(texts)))
        table[np.arange(len(texts)), lengths + 1] = self.END
        return table

    def _ids(self, characters: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return the id of each code point."""
        known = code_points("".join(self.characters))  # ascending, as their ids are
        if not len(known):
            return np.full(len(characters), UNKNOWN)
        place = known.searchsorted(characters)
        found = known.take(place, mode="clip") == characters
        return np.where(found, place + self.FIRST, UNKNOWN)


class NgramFeatures:
    """Encodes a word as hashed ids of its character n-grams.

    The hashing trick of fastText: no n-gram is unknown, some share an id.

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov (2017). Enriching word vectors with subword
    information. TACL 5, section 3.2.
    """

    def __init__(
        self,
        words: Sequence[Hashable] = (),
        *,
        n_buckets: int = 8192,
        sizes: tuple[int, ...] = (2, 3, 4, 5),
        max_characters: int = 24,
    ):
        self.n_buckets, self.sizes = n_buckets, sizes
        self.max_characters = max_characters

    @property
    def n_ids(self) -> int:
        """One more than the largest id."""
        return self.n_buckets + 1

    def encode(self, words: Sequence[Hashable]) -> NDArray[np.int64]:
        """Return ``(n_words, n_ngrams)`` ids, zeros after the last n-gram."""
        rows = []
        for word in words:
            text = f"<{str(word)[: self.max_characters]}>"
            grams = {
                text[i : i + size]
                for size in self.sizes
                for i in range(len(text) - size + 1)
            }
            rows.append(
                sorted(1 + zlib.crc32(as_bytes(g)) % self.n_buckets for g in grams)
            )
        return pad_rows(rows)


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code point of each character, single surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def as_bytes(text: str) -> bytes:
    """Return a text in UTF-8, single surrogates included, which have no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def pad_rows(rows: list[list[int]]) -> NDArray[np.int64]:
    """Return the rows as one matrix, zeros after the shorter ones."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    table = np.zeros((len(rows), int(lengths.max(initial=1))), dtype=np.int64)
    mask = np.arange(table.shape[1]) < lengths[:, None]
    table[mask] = np.fromiter((i for row in rows for i in row), np.int64, lengths.sum())
    return table


CHAR_FEATURES = {
    "cnn": CharacterFeatures,
    "ngrams": NgramFeatures,
    "lstm": CharacterFeatures,
}
