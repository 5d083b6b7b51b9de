"""Codecs of X: from checked user data to ids and features.

Only codecs know tokens and labels. Those of X have ``fit`` and ``encode``, which gives an
``EncodedSequences``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray
from skrnn.data.vocabulary import CHAR_FEATURES, UNKNOWN, Vocabulary, distinct_tokens


@dataclass(frozen=True)
class EncodedSequences:
    """What the batches are cut from.

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
        are counted on from the vocabulary's.
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
        """Return what the input layer is given beside its drawn weights: nothing."""
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
        if embeddings is not None:
            state["vectors"] = self.vectors(embeddings)
        return state

    def level_and_scale(self, steps: RaggedArray) -> None:
        """Return None: tokens have no level."""

    def fit(
        self, steps: RaggedArray, embeddings: Mapping[Hashable, Any] | None = None
    ) -> TokenCodec:
        """Learn the vocabulary, the alphabet, and the size of the vectors, if any.

        Raises
        ------
        ValueError
            If ``embeddings`` has a vector for no token of X, or no 1-D vectors.
        TypeError
            If ``embeddings`` is no mapping.
        """
        codes, words = distinct_tokens(steps.values)
        forms, form_of_word = self._forms(words)
        counts = np.bincount(form_of_word[codes], minlength=len(forms))
        self.vocabulary = Vocabulary.learn(
            forms, counts, min_count=self.min_count, max_size=self.max_size
        )
        if self.char_encoder is not None:
            self.characters = CHAR_FEATURES[self.char_encoder](words)
        if embeddings is not None:
            self.vector_size = self._size_of_vectors(forms, embeddings)
        return self

    def encode(
        self, steps: RaggedArray, embeddings: Mapping[Hashable, Any] | None = None
    ) -> EncodedSequences:
        """Return ids, and the character features of this X's distinct words.

        ``embeddings`` gives vectors to tokens that the vocabulary lacks, if ``fit`` knew
        vectors, too.
        """
        codes, words = distinct_tokens(steps.values)
        forms, form_of_word = self._forms(words)
        ids = self.vocabulary.encode(forms)
        vectors = None
        if embeddings is not None and self.vector_size is not None:
            vectors = self._look_outside(forms, ids, embeddings)
        encoded = steps.with_values(ids[form_of_word][codes])
        if self.char_encoder is None:
            return EncodedSequences(encoded, vectors=vectors)
        return EncodedSequences(encoded, codes, self.characters.encode(words), vectors)

    def vectors(self, embeddings: Mapping[Hashable, Any]) -> NDArray[np.float32]:
        """Return the vocabulary's vectors ``(n_ids, dim)``, NaN where there is none.

        Raises
        ------
        ValueError
            If a vector is not finite, or not of the others' size.
        """
        shape = (len(self.vocabulary), self.vector_size or 0)
        table = np.full(shape, np.nan, np.float32)
        for token, i in self.vocabulary.ids.items():
            key, row = self._look_up(token, embeddings)
            if row is None:
                continue
            if row.shape != shape[1:]:
                raise ValueError(
                    f"embeddings[{key!r}] has shape {row.shape}, expected {shape[1:]}, "
                    "as others have"
                )
            if not np.isfinite(row).all():
                raise ValueError(f"embeddings[{key!r}] is not finite")
            table[i] = row
        return table

    def _size_of_vectors(
        self, forms: list[Hashable], embeddings: Mapping[Hashable, Any]
    ) -> int:
        if isinstance(embeddings, str) or not (
            hasattr(embeddings, "__contains__") and hasattr(embeddings, "__getitem__")
        ):
            raise TypeError(
                f"embeddings must map tokens to vectors, got {type(embeddings).__name__}"
            )
        for token in [*self.vocabulary.ids, *sorted(forms, key=str)]:
            key, row = self._look_up(token, embeddings)
            if row is None:
                continue
            if row.ndim != 1:
                raise ValueError(
                    f"embeddings[{key!r}] has shape {row.shape}, expected a vector (dim,)"
                )
            return len(row)
        raise ValueError("embeddings has a vector for no token of X")

    def _look_outside(
        self,
        forms: list[Hashable],
        ids: NDArray[np.int64],
        embeddings: Mapping[Hashable, Any],
    ) -> NDArray[np.float32] | None:
        """Give ids to tokens that only ``embeddings`` knows; return their vectors.

        In the order of the tokens' texts, so that the order of the samples does not
        count. A vector that is of no use leaves its token unknown, which is no error.
        """
        rows = {}
        for i in np.flatnonzero(ids == UNKNOWN).tolist():
            _, row = self._look_up(forms[i], embeddings)
            if row is None or row.shape != (self.vector_size,):
                continue
            if np.isfinite(row).all():
                rows[i] = row
        if not rows:
            return None
        outside = sorted(rows, key=lambda i: str(forms[i]))
        ids[outside] = len(self.vocabulary) + np.arange(len(outside))
        return np.stack([rows[i] for i in outside])

    def _look_up(
        self, token: Hashable, embeddings: Mapping[Hashable, Any]
    ) -> tuple[Hashable, NDArray[np.float32] | None]:
        """Return how ``embeddings`` writes a token, and its vector or None.

        As it is, "Capitalised" or in "CAPITALS".
        """
        keys = [token]
        if isinstance(token, str) and self.lowercase:
            keys += [token.capitalize(), token.upper()]
        for key in keys:
            if key in embeddings:
                return key, np.asarray(embeddings[key], dtype=np.float32)
        return token, None

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
