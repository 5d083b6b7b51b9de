"""Codecs of tokens: words with their characters and vectors, and subwords.

They have ``fit`` and ``encode``.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.embeddings import PretrainedVectors, check_embeddings
from skrnn.data.encoded import NO_TOKEN, EncodedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.subwords import TrainedTokenizer
from skrnn.data.vocabulary import CHAR_FEATURES, UNKNOWN, Vocabulary, distinct_tokens


class TokenCodec:
    """Maps tokens to ids, and words to character features.

    Parameters
    ----------
    lowercase : bool
        Whether ``"The"`` and ``"the"`` share an id; character features keep the case.
    min_count, max_size :
        As in ``Vocabulary.learn``.
    char_encoder : {None, "cnn", "lstm", "ngrams"}
        Which character features words have, if any.
    unknown : str, optional
        A token that stands for unknown ones.
    """

    unknown: str | None = None  # of files that lack it

    def __init__(
        self,
        *,
        lowercase: bool = True,
        min_count: int = 1,
        max_size: int | None = None,
        char_encoder: str | None = None,
        unknown: str | None = None,
    ):
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_size = max_size
        self.char_encoder = char_encoder
        self.unknown = unknown
        self.vector_size: int | None = None
        self.has_vectors = False
        #: of another field than the one that ``embeddings`` is about, such as tags
        self.lacks_vectors = False
        self.cased: dict[Hashable, Hashable] = {}

    @property
    def reads_nothing(self) -> bool:
        """Whether every token is the unknown one, without characters or a vector."""
        return not (self.vocabulary.ids or self.char_encoder or self.has_vectors)

    def layer_config(
        self, *, embedding_dim: int, frozen: bool, char_dim: int, word_dropout: float
    ) -> dict[str, Any]:
        """Return the arguments of the network's input layer."""
        config: dict[str, Any] = {
            "n_ids": len(self.vocabulary),
            "embedding_dim": self.vector_size or embedding_dim,
            "frozen": frozen and not self.lacks_vectors,
            "word_dropout": word_dropout,
        }
        if self.char_encoder is not None:
            config |= {
                "char_encoder": self.char_encoder,
                "n_char_ids": self.characters.n_ids,
                "char_dim": char_dim,
            }
        return config

    def layer_state(self, embeddings: Any = None) -> dict[str, NDArray]:
        """Return tokens' counts and, where given, vectors for the input layer."""
        state: dict[str, NDArray] = {"counts": self.vocabulary.counts}
        pretrained = check_embeddings(embeddings) if self.has_vectors else None
        if pretrained is not None:
            state["vectors"] = self.vectors(pretrained)
        return state

    def fit(
        self,
        steps: RaggedArray,
        embeddings: Any = None,
        seconds: Any = None,
        weight: Any = None,
    ) -> TokenCodec:
        """Learn the vocabulary, the alphabet, and the size of the vectors, if any.

        ``has_vectors`` says whether ``embeddings`` has a vector for one of the tokens.

        Raises
        ------
        ValueError
            If ``embeddings`` has vectors of unequal sizes.
        TypeError
            If ``embeddings`` is not a mapping.
        """
        codes, words = distinct_tokens(steps.values)
        forms, form_of_word = self._forms(words)
        word_counts = np.bincount(codes, minlength=len(words))
        counts = np.bincount(form_of_word, word_counts, len(forms)).astype(np.int64)
        self.vocabulary = Vocabulary.learn(
            forms,
            counts,
            min_count=self.min_count,
            max_size=self.max_size,
            unknown=self.unknown,
        )
        if self.char_encoder is not None:
            self.characters = CHAR_FEATURES[self.char_encoder](words)
        pretrained = check_embeddings(embeddings)
        if pretrained is not None:
            self.cased = _commonest_words(words, word_counts, forms, form_of_word)
            self.has_vectors = any(
                self._look_up(form, pretrained)[1] is not None for form in forms
            )
            self.lacks_vectors = not self.has_vectors
            self.vector_size = pretrained.dim if self.has_vectors else None
        return self

    def encode(
        self, steps: RaggedArray, embeddings: Any = None, seconds: Any = None
    ) -> EncodedSequences:
        """Return ids, and the character features of this X's distinct words.

        ``embeddings`` gives vectors to tokens that the vocabulary lacks, if ``fit`` knew
        vectors, too.
        """
        codes, words = distinct_tokens(steps.values)
        forms, form_of_word = self._forms(words)
        ids = self.vocabulary.encode(forms)
        vectors = None
        pretrained = None if self.vector_size is None else check_embeddings(embeddings)
        if pretrained is not None:
            vectors = self._look_outside(forms, ids, pretrained)
        encoded = steps.with_values(ids[form_of_word][codes])
        if self.char_encoder is None:
            return EncodedSequences(encoded, vectors=vectors)
        return EncodedSequences(encoded, codes, self.characters.encode(words), vectors)

    def encode_baseline(self, steps: RaggedArray) -> EncodedSequences:
        """Return the unknown id, without characters, at every step."""
        n_steps = len(steps.values)
        unknown = steps.with_values(np.full(n_steps, UNKNOWN, np.int64))
        if self.char_encoder is None:
            return EncodedSequences(unknown)
        characters = self.characters.encode([NO_TOKEN])
        return EncodedSequences(unknown, np.zeros(n_steps, np.int64), characters)

    def vectors(self, pretrained: PretrainedVectors) -> NDArray[np.float32]:
        """Return the vocabulary's vectors ``(n_ids, dim)``, NaN where there is none.

        Raises
        ------
        ValueError
            If a vector is not finite, or not of the others' size.
        """
        table = np.full((len(self.vocabulary), pretrained.dim), np.nan, np.float32)
        for token, i in self.vocabulary.ids.items():
            _, row = self._look_up(token, pretrained)
            if row is not None:
                table[i] = row
        return table

    def _look_outside(
        self,
        forms: list[Hashable],
        ids: NDArray[np.int64],
        pretrained: PretrainedVectors,
    ) -> NDArray[np.float32] | None:
        """Give ids to tokens that only ``pretrained`` knows; return their vectors.

        In the order of the tokens' texts, so that the order of the samples does not
        count. A vector of another size, or not finite, leaves its token unknown: a word
        that training has not seen is no error.
        """
        rows = {}
        for i in np.flatnonzero(ids == UNKNOWN).tolist():
            try:
                _, row = pretrained.lookup(forms[i], self.lowercase)
            except ValueError:
                continue
            if row is not None and len(row) == self.vector_size:
                rows[i] = row
        if not rows:
            return None
        outside = sorted(rows, key=lambda i: str(forms[i]))
        ids[outside] = len(self.vocabulary) + np.arange(len(outside))
        return np.stack([rows[i] for i in outside])

    def _look_up(
        self, form: Hashable, pretrained: PretrainedVectors
    ) -> tuple[Hashable, NDArray[np.float32] | None]:
        """Return the key and the vector of a form, as training cases it most often."""
        return pretrained.lookup(self.cased.get(form, form), self.lowercase)

    def _forms(self, words: list[Hashable]) -> tuple[list[Hashable], NDArray[np.int64]]:
        """Return the distinct looked-up forms, and the form of each word."""
        if not self.lowercase:
            return words, np.arange(len(words))
        index: dict[Hashable, int] = {}
        form_of_word = [
            index.setdefault(w.lower() if isinstance(w, str) else w, len(index))
            for w in words
        ]
        return list(index), np.array(form_of_word, dtype=np.int64)


class SubwordCodec(TokenCodec):
    """Maps words to the ids of their subwords.

    Parameters
    ----------
    tokenizer : TrainedTokenizer
        Splits each word, alone.
    lowercase : bool
        Whether words are split in lower case.
    **options : dict
        Of ``TokenCodec``; its tokens are subwords.
    """

    def __init__(
        self, tokenizer: TrainedTokenizer, *, lowercase: bool = False, **options: Any
    ):
        super().__init__(lowercase=False, **options)
        self.tokenizer = tokenizer
        self.lowercase_words = lowercase

    def fit(
        self,
        steps: RaggedArray,
        embeddings: Any = None,
        seconds: Any = None,
        weight: Any = None,
    ) -> SubwordCodec:
        """Learn the vocabulary of the subwords of all steps."""
        codes, of_words = self._split(steps)
        super().fit(of_words.take(codes), embeddings)
        return self

    def encode(
        self, steps: RaggedArray, embeddings: Any = None, seconds: Any = None
    ) -> EncodedSequences:
        """Return the ids of each step's subwords, and for each step the first of them."""
        codes, of_words = self._split(steps)
        encoded = super().encode(of_words, embeddings)
        subwords = encoded.steps.take(codes)
        words = encoded.words
        if words is not None:
            words = of_words.with_values(words).take(codes).values
        first = subwords.values[subwords.offsets[:-1]]
        return replace(
            encoded, steps=steps.with_values(first), words=words, subwords=subwords
        )

    def encode_baseline(self, steps: RaggedArray) -> EncodedSequences:
        """Return the unknown id, without characters, for every subword."""
        codes, of_words = self._split(steps)
        subwords = of_words.take(codes)
        encoded = super().encode_baseline(subwords)
        unknown = super().encode_baseline(steps).steps
        return replace(encoded, steps=unknown, subwords=encoded.steps)

    def _split(self, steps: RaggedArray) -> tuple[NDArray[np.int64], RaggedArray]:
        """Return each step's index into the distinct words, and these words' subwords.

        A word without any has one that is unknown.
        """
        codes, words = distinct_tokens(steps.values)
        texts = [
            word.lower() if self.lowercase_words else word for word in map(str, words)
        ]
        pieces = [found or [NO_TOKEN] for found in self.tokenizer.split_all(texts)]
        flat = object_array([piece for found in pieces for piece in found])
        return codes, RaggedArray.from_lengths(flat, list(map(len, pieces)))


def _commonest_words(
    words: list[Hashable],
    counts: NDArray[np.int64],
    forms: list[Hashable],
    form_of_word: NDArray[np.int64],
) -> dict[Hashable, Hashable]:
    """Return the most frequent word of each form that differs from it.

    Of equally frequent ones the first by text.
    """
    best: dict[int, tuple[int, str, Hashable]] = {}
    for word, count, form in zip(
        words, counts.tolist(), form_of_word.tolist(), strict=True
    ):
        rank = (-count, str(word), word)
        if form not in best or rank[:2] < best[form][:2]:
            best[form] = rank
    return {forms[i]: rank[2] for i, rank in best.items() if rank[2] != forms[i]}
