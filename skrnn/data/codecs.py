"""Codecs of X: from checked user data to ids and features.

They have ``fit`` and ``encode``, which gives an ``EncodedSequences``.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.embeddings import PretrainedVectors, check_embeddings
from skrnn.data.ragged import RaggedArray
from skrnn.data.vocabulary import CHAR_FEATURES, UNKNOWN, Vocabulary, distinct_tokens


@dataclass(frozen=True)
class EncodedSequences:
    """Encoded X: flat ids or features, and tables beside them.

    Attributes
    ----------
    steps : RaggedArray
        float32 ``(total_steps, n_features)`` or int64 ids ``(total_steps,)``.
    words : int64 ndarray of shape (total_steps,), optional
        With a char encoder: each step's row in ``characters``.
    characters : int64 ndarray of shape (n_distinct_words, n_characters), optional
        The characters (or n-grams) of this X's distinct words, zeros after them.
    vectors : float32 ndarray of shape (n_outside, dim), optional
        Pre-trained vectors of this X's tokens that are not in the vocabulary; their ids
        follow the vocabulary's.
    """

    steps: RaggedArray
    words: NDArray[np.int64] | None = None
    characters: NDArray[np.int64] | None = None
    vectors: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, indices: NDArray) -> EncodedSequences:
        """Return some of the sequences; the tables are shared."""
        words = None
        if self.words is not None:
            words = self.steps.with_values(self.words).take(indices).values
        return replace(self, steps=self.steps.take(indices), words=words)


class FeatureCodec:
    """Passes features through; one of them normalised sequence by sequence where asked.

    Parameters
    ----------
    instance_norm : {None, "last", "standard"}
        None leaves values alone. "last" subtracts each sequence's last value of the
        target feature, "standard" its mean; both divide by the sequence's root mean
        square distance from that.
    target_feature : int
        The feature that is normalised, and whose level is added back to the prediction.
        The others stay as they are: what is constant within a sequence (a category, a
        holiday) would vanish.

    Notes
    -----
    A nearly constant sequence is divided by ``FLOOR`` times the training data's overall
    distance, so that noise does not grow, and one of fewer than ``FEW`` steps, whose
    deviation is not reliable, by all of that distance. Values are float32: a level that
    is a million times larger than the changes leaves little of them.

    References
    ----------
    Kim, Kim, Tae, Park, Choi, Choo (2022). Reversible instance normalization for
    accurate time-series forecasting against distribution shift. ICLR, section 2.
    """

    FLOOR, FEW = 0.01, 3
    vocabulary = None

    def __init__(self, instance_norm: str | None = None, target_feature: int = 0):
        self.instance_norm = instance_norm
        self.target_feature = target_feature

    def fit(self, steps: RaggedArray, embeddings: Any = None) -> FeatureCodec:
        """Learn the training data's overall distance from the sequences' levels."""
        self.n_features = steps.values.shape[1]
        if self.instance_norm is None:
            return self
        if self.target_feature >= self.n_features:
            raise ValueError(
                f"target_feature={self.target_feature}, but X has {self.n_features} "
                "features"
            )
        _, squares = self._level(steps)
        overall = float(np.sqrt(np.average(squares, weights=steps.lengths)))
        self.overall = overall if overall > 0 else 1.0
        return self

    def encode(self, steps: RaggedArray, embeddings: Any = None) -> EncodedSequences:
        """Return the features, the target feature normalised."""
        normalised = self.level_and_scale(steps)
        if normalised is None:
            return EncodedSequences(steps)
        level, scale = (
            np.repeat(part[:, 0].astype(np.float32), steps.lengths) for part in normalised
        )
        values = steps.values.copy()
        values[:, self.target_feature] -= level
        values[:, self.target_feature] /= scale
        return EncodedSequences(steps.with_values(values))

    def layer_config(self, **token_options: Any) -> dict[str, Any]:
        """Return the arguments of the network's input layer."""
        return {"n_features": self.n_features}

    def layer_state(self, embeddings: Any = None) -> dict[str, NDArray]:
        """Return the arguments of the input layer's ``prepare``: none."""
        return {}

    def level_and_scale(self, steps: RaggedArray) -> tuple[NDArray, NDArray] | None:
        """Return each sequence's float64 level and scale ``(n_sequences, 1)``, if any."""
        if self.instance_norm is None:
            return None
        level, squares = self._level(steps)
        scale = np.maximum(np.sqrt(squares), self.FLOOR * self.overall)
        scale = np.where(steps.lengths < self.FEW, self.overall, scale)
        return level.astype(np.float64)[:, None], scale[:, None]

    def _level(self, steps: RaggedArray) -> tuple[NDArray[np.float32], NDArray]:
        """Return each sequence's level, and the mean square distance from it."""
        starts, lengths = steps.offsets[:-1], steps.lengths
        values = steps.values[:, self.target_feature]
        if self.instance_norm == "last":
            level = values[steps.offsets[1:] - 1]
        else:
            level = (np.add.reduceat(values, starts, dtype=np.float64) / lengths).astype(
                np.float32
            )
        distance = values - np.repeat(level, lengths)
        squares = np.add.reduceat(np.square(distance, dtype=np.float64), starts)
        return level, squares / lengths


class TokenCodec:
    """Maps tokens to ids, and words to character features.

    Parameters
    ----------
    lowercase : bool
        Whether ``"The"`` and ``"the"`` share an id; character features keep the case.
    min_count, max_size :
        As in ``Vocabulary.learn``.
    char_encoder : {None, "cnn", "ngrams"}
        Which character features words have, if any.
    """

    def __init__(
        self,
        *,
        lowercase: bool = True,
        min_count: int = 1,
        max_size: int | None = None,
        char_encoder: str | None = None,
    ):
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_size = max_size
        self.char_encoder = char_encoder
        self.vector_size: int | None = None
        self.cased: dict[Hashable, Hashable] = {}

    def layer_config(
        self, *, embedding_dim: int, frozen: bool, char_dim: int
    ) -> dict[str, Any]:
        """Return the arguments of the network's input layer."""
        config: dict[str, Any] = {
            "n_ids": len(self.vocabulary),
            "embedding_dim": self.vector_size or embedding_dim,
            "frozen": frozen,
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
        pretrained = check_embeddings(embeddings)
        if pretrained is not None:
            state["vectors"] = self.vectors(pretrained)
        return state

    def level_and_scale(self, steps: RaggedArray) -> None:
        """Return None: tokens have no level."""

    def fit(self, steps: RaggedArray, embeddings: Any = None) -> TokenCodec:
        """Learn the vocabulary, the alphabet, and the size of the vectors, if any.

        Raises
        ------
        ValueError
            If ``embeddings`` has a vector for no token of X, or vectors of other sizes.
        TypeError
            If ``embeddings`` is not a mapping.
        """
        codes, words = distinct_tokens(steps.values)
        forms, form_of_word = self._forms(words)
        word_counts = np.bincount(codes, minlength=len(words))
        counts = np.bincount(form_of_word, word_counts, len(forms)).astype(np.int64)
        self.vocabulary = Vocabulary.learn(
            forms, counts, min_count=self.min_count, max_size=self.max_size
        )
        if self.char_encoder is not None:
            self.characters = CHAR_FEATURES[self.char_encoder](words)
        pretrained = check_embeddings(embeddings)
        if pretrained is not None:
            self.vector_size = pretrained.dim
            self.cased = _commonest_words(words, word_counts, forms, form_of_word)
            if not any(self._look_up(form, pretrained)[1] is not None for form in forms):
                raise ValueError("embeddings has a vector for no token of X")
        return self

    def encode(self, steps: RaggedArray, embeddings: Any = None) -> EncodedSequences:
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
