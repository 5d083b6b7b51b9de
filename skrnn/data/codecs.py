"""Codecs of X: from checked user data to ids and features.

They have ``fit`` and ``encode``: of a step field, which gives an ``EncodedSequences``, or
of static columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.embeddings import PretrainedVectors, check_embeddings
from skrnn.data.fields import StaticColumns
from skrnn.data.ragged import RaggedArray, object_array, offsets_of
from skrnn.data.scaling import BLOCK, Standardization
from skrnn.data.steps import StepShape
from skrnn.data.subwords import TrainedTokenizer
from skrnn.data.vocabulary import CHAR_FEATURES, UNKNOWN, Vocabulary, distinct_tokens

#: Stands for a sequence without tokens: an unknown token without characters.
NO_TOKEN = ""


class EncodedStatic(NamedTuple):
    """Encoded static columns.

    Attributes
    ----------
    numbers : float32 ndarray of shape (n_sequences, n_numbers)
    categories : int64 ndarray of shape (n_sequences, n_categories)
        Ids, 0 for categories that training has not seen.
    """

    numbers: NDArray[np.float32]
    categories: NDArray[np.int64]

    def take(self, indices: NDArray) -> EncodedStatic:
        """Return the values of some sequences."""
        return EncodedStatic(self.numbers[indices], self.categories[indices])


@dataclass(frozen=True)
class EncodedSequences:
    """Encoded X: a step field as flat ids or features, with tables, and what is beside it.

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
    beside : tuple of EncodedSequences
        Further step fields, with the same offsets.
    static : EncodedStatic, optional
        One row a sequence.
    future : float32 ndarray of shape (n_sequences, horizon, n_known), optional
        What is known ahead of each sequence's end.
    subwords : RaggedArray, optional
        int64 ids of the subwords of each step, which are read in its place; ``words`` has
        one row a subword then.
    """

    steps: RaggedArray
    words: NDArray[np.int64] | None = None
    characters: NDArray[np.int64] | None = None
    vectors: NDArray[np.float32] | None = None
    beside: tuple[EncodedSequences, ...] = ()
    static: EncodedStatic | None = None
    future: NDArray[np.float32] | None = None
    subwords: RaggedArray | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def fields(self) -> tuple[EncodedSequences, ...]:
        """All step fields."""
        return (self, *self.beside)

    @property
    def read(self) -> RaggedArray:
        """Input of the network for each sequence: its steps, or all their subwords."""
        if self.subwords is None:
            return self.steps
        offsets = self.subwords.offsets[self.steps.offsets]
        return RaggedArray(self.subwords.values, offsets)

    def take(self, indices: NDArray) -> EncodedSequences:
        """Return some of the sequences; the tables are shared."""
        words, subwords = self.words, self.subwords
        if subwords is not None:
            places = self.steps.with_values(np.arange(len(subwords))).take(indices).values
            if words is not None:
                words = subwords.with_values(words).take(places).values
            subwords = subwords.take(places)
        elif words is not None:
            words = self.steps.with_values(words).take(indices).values
        return replace(
            self,
            steps=self.steps.take(indices),
            words=words,
            subwords=subwords,
            beside=tuple(field.take(indices) for field in self.beside),
            static=None if self.static is None else self.static.take(indices),
            future=None if self.future is None else self.future[indices],
        )


class FeatureCodec:
    """Standardizes features, and adds what gaps and time stamps say.

    Parameters
    ----------
    scale : {"standard", None}
        "standard" gives each feature mean 0 and deviation 1 over the training sequences'
        steps; None leaves values as they are.
    missing : {"raise", "indicator"}
        With "indicator" a missing value becomes the training mean. Each feature with gaps
        in training is filled by its last value instead, which decays to the mean, and has
        a feature beside it that marks the gaps, and with time stamps the time since its
        last value.
    instance_norm : {None, "last", "standard"}
        None normalises no sequence by itself. "last" subtracts each sequence's last value
        of the target feature, "standard" its mean; both divide by the sequence's root mean
        square distance from that, instead of the scale of training.
    target_feature : int
        The feature of ``instance_norm``, whose level is added back to the prediction.
        What is constant within a sequence (a category, a holiday) would vanish.
    patch_size : int
        Steps that are read as one, by ``join_patches``.
    step_encoder : str or None
        How the network reads the images of ``image``.
    image : StepShape, optional
        The features of a step that are the pixels of an image, ``(height, width)`` or
        ``(height, width, n_channels)``. All pixels of a channel have one mean and one
        deviation.

    Notes
    -----
    A nearly constant sequence is divided by ``FLOOR`` times the training data's overall
    distance, so that noise does not grow, and one of fewer than ``FEW`` values, whose
    deviation is not reliable, by all of that distance.

    A gap is filled with the mean plus the last value's distance from it times ``DECAY`` to
    the number of steps since. Where gaps come at random, indicators are noise, and many of
    them as loud as the features: together they have the weight of ``INDICATORS`` features
    at most.

    References
    ----------
    Che, Purushotham, Cho, Sontag, Liu (2018). Recurrent neural networks for multivariate
    time series with missing values. Scientific Reports 8, 6085. The decay is learned there.

    Kim, Kim, Tae, Park, Choi, Choo (2022). Reversible instance normalization for
    accurate time-series forecasting against distribution shift. ICLR, section 2.
    """

    FLOOR, FEW = 0.01, 3
    DECAY, INDICATORS = 0.8, 4
    vocabulary = None

    def __init__(
        self,
        scale: str | None = None,
        missing: str = "raise",
        instance_norm: str | None = None,
        target_feature: int = 0,
        patch_size: int = 1,
        step_encoder: str | None = None,
        image: StepShape | None = None,
    ):
        self.scale = scale
        self.missing = missing
        self.instance_norm = instance_norm
        self.target_feature = target_feature
        self.patch_size = patch_size
        self.step_encoder = step_encoder
        self.image = image

    def fit(
        self,
        steps: RaggedArray,
        embeddings: Any = None,
        seconds: NDArray[np.float64] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> FeatureCodec:
        """Learn means, deviations, which features have gaps, and the overall distance.

        ``seconds`` are those from the first step of each sequence, ``weight`` says how
        often each sequence counts.
        """
        self.n_features = steps.values.shape[1]
        self.marks_padding = bool((steps.lengths % self.patch_size).any())
        self.gaps = np.empty(0, np.int64)
        if self.missing == "indicator":
            self.gaps = np.flatnonzero(np.isnan(steps.values).any(axis=0))
        self.standard = Standardization(self.scale is not None)
        by_step = None if weight is None else np.repeat(weight, steps.lengths)
        last = None if seconds is None else self._last_real(steps)
        columns = self._columns(steps, seconds, last)
        self.standard.fit(columns, by_step, self._groups(columns.shape[1]))
        if self.instance_norm is None:
            return self
        if self.target_feature >= self.n_features:
            raise ValueError(
                f"target_feature={self.target_feature}, but X has {self.n_features} "
                "features"
            )
        _, squares, counts = self._level(steps)
        weights = counts if counts.any() else None
        overall = float(np.sqrt(np.average(squares, weights=weights)))
        self.overall = overall if overall > 0 else 1.0
        return self

    def encode(
        self,
        steps: RaggedArray,
        embeddings: Any = None,
        seconds: NDArray[np.float64] | None = None,
    ) -> EncodedSequences:
        """Return the features as float32, indicators and times after them."""
        last = None
        if len(self.gaps) or seconds is not None:
            last = self._last_real(steps)
        columns = self._columns(steps, seconds, last)
        values = self.standard.apply(columns)
        normalised = self.level_and_scale(steps)
        if normalised is not None:
            for rows, block in blocks_of(steps):
                level, scale = (
                    np.repeat(part[rows, 0], block.lengths) for part in normalised
                )
                target = (block.values[:, self.target_feature] - level) / scale
                places = slice(steps.offsets[rows.start], steps.offsets[rows.stop])
                values[places, self.target_feature] = np.nan_to_num(target, nan=0.0)
        if len(self.gaps):
            values[:, self.gaps] = self._fill(values[:, self.gaps], last)
            size = min(1.0, np.sqrt(self.INDICATORS / len(self.gaps)))
            missing = np.isnan(steps.values[:, self.gaps])
            values = np.hstack([values, missing * np.float32(size)])
        return EncodedSequences(steps.with_values(values))

    def encode_baseline(self, steps: RaggedArray) -> EncodedSequences:
        """Return the training means at every step, without gaps.

        The target feature of ``instance_norm`` has each sequence's own level.
        """
        means = self.standard.apply(self.standard.mean[None])[0]
        if self.instance_norm is not None:
            means[self.target_feature] = 0.0
        row = np.append(means, np.zeros(len(self.gaps), np.float32))
        values = np.repeat(row[None], len(steps.values), axis=0)
        return EncodedSequences(steps.with_values(values))

    def layer_config(self, **token_options: Any) -> dict[str, Any]:
        """Return the arguments of the network's input layer."""
        n_features = len(self.standard.mean) + len(self.gaps)
        if self.image is None:
            return {"n_features": n_features * self.patch_size + self.marks_padding}
        return {
            "n_features": n_features,
            "step_encoder": self.step_encoder,
            "first": self.image.first,
            "shape": image_shape(self.image),
            "embedding_dim": token_options["embedding_dim"],
        }

    def join_patches(self, encoded: EncodedSequences) -> EncodedSequences:
        """Return ``patch_size`` steps side by side as one, zeros after the last one.

        Where training has such padding, a further feature has its share of each patch.
        """
        size = self.patch_size
        if size == 1:
            return encoded
        steps = encoded.steps
        lengths = steps.lengths
        n_patches = -(-lengths // size)
        offsets = offsets_of(n_patches)
        width = steps.values.shape[1]
        patches = np.zeros((offsets[-1], size * width + self.marks_padding), np.float32)
        by_step = np.lib.stride_tricks.as_strided(  # a view without the last feature
            patches, (len(patches), size, width), (patches.strides[0], 4 * width, 4)
        )
        for rows, block in blocks_of(steps):
            first = offsets[rows] * size - block.offsets[:-1]
            place = np.arange(len(block.values)) + np.repeat(first, block.lengths)
            by_step[place // size, place % size] = block.values
        if self.marks_padding:
            some = lengths > 0
            padding = (n_patches * size - lengths)[some] / size
            patches[offsets[1:][some] - 1, -1] = padding
        return EncodedSequences(RaggedArray(patches, offsets))

    def layer_state(self, embeddings: Any = None) -> dict[str, NDArray]:
        """Return the arguments of the input layer's ``prepare``: none."""
        return {}

    def level_and_scale(self, steps: RaggedArray) -> tuple[NDArray, NDArray] | None:
        """Return each sequence's float64 level and scale ``(n_sequences, 1)``, if any."""
        if self.instance_norm is None:
            return None
        level, squares, counts = self._level(steps)
        scale = np.maximum(np.sqrt(squares), self.FLOOR * self.overall)
        scale = np.where(counts < self.FEW, self.overall, scale)
        return level[:, None], scale[:, None]

    def _columns(
        self,
        steps: RaggedArray,
        seconds: NDArray[np.float64] | None,
        last: NDArray[np.int64] | None,
    ) -> NDArray:
        """Return the values that are standardized: features, and the times of steps.

        ``last`` is from ``_last_real``, for the times.
        """
        if seconds is None:
            return steps.values
        starts = np.repeat(steps.offsets[:-1], steps.lengths)
        since_step = seconds - seconds[np.maximum(np.arange(len(seconds)) - 1, starts)]
        since_real = seconds[:, None] - seconds[last]
        return np.column_stack([steps.values, since_step, since_real])

    def _groups(self, n_columns: int) -> NDArray[np.int64] | None:
        """Return a number for each column, the same for the pixels of a channel."""
        if self.image is None:
            return None
        height, width, n_channels = image_shape(self.image)
        groups = np.arange(n_columns)
        pixels = slice(self.image.first, self.image.first + height * width * n_channels)
        groups[pixels] = self.image.first + np.tile(np.arange(n_channels), height * width)
        return groups

    def _last_real(self, steps: RaggedArray) -> NDArray[np.int64]:
        """Return the row of each gappy feature's last value, ``(total_steps, n_gaps)``.

        Before a sequence's first value it is the row of its first step.
        """
        starts = np.repeat(steps.offsets[:-1], steps.lengths)[:, None]
        missing = np.isnan(steps.values[:, self.gaps])
        place = np.arange(len(missing))[:, None]
        return np.maximum.accumulate(np.where(missing, starts, place), axis=0)

    def _fill(self, values: NDArray, last: Any) -> NDArray:
        """Return gappy features with last values in gaps, where they have the mean."""
        distance = np.take_along_axis(values, last, axis=0) - values
        fade = self.DECAY ** (np.arange(len(last))[:, None] - last)
        return values + distance * fade.astype(np.float32)

    def _level(self, steps: RaggedArray) -> tuple[NDArray, NDArray, NDArray[np.int64]]:
        """Return each sequence's level, the mean square distance, and its real values.

        A sequence without any real value has the training data's mean as its level.
        """
        found = [self._level_of(block) for _, block in blocks_of(steps)]
        level, squares, counts = map(np.concatenate, zip(*found, strict=True))
        return level, squares, counts

    def _level_of(self, steps: RaggedArray) -> tuple[NDArray, NDArray, NDArray[np.int64]]:
        starts, lengths = steps.offsets[:-1], steps.lengths
        values = steps.values[:, self.target_feature].astype(np.float64)
        real = ~np.isnan(values)
        counts = np.add.reduceat(real, starts, dtype=np.int64)
        if self.instance_norm == "last":
            place = np.where(real, np.arange(len(values)), 0)
            last = np.maximum.accumulate(np.maximum(place, np.repeat(starts, lengths)))
            level = values[last[steps.offsets[1:] - 1]]
        else:
            filled = np.where(real, values, 0.0)
            level = np.add.reduceat(filled, starts) / np.maximum(counts, 1)
        level = np.where(counts > 0, level, self.standard.mean[self.target_feature])
        distance = np.where(real, values - np.repeat(level, lengths), 0.0)
        squares = np.add.reduceat(np.square(distance), starts) / np.maximum(counts, 1)
        return level, squares, counts


def blocks_of(steps: RaggedArray) -> Iterator[tuple[slice, RaggedArray]]:
    """Yield sequences in blocks, which bound the memory of what is computed from them.

    A block has ``BLOCK`` steps at most, or is one sequence. It comes with its place among
    the sequences, and is a view.
    """
    start, n_sequences = 0, len(steps)
    while start < n_sequences:
        first = steps.offsets[start]
        stop = int(np.searchsorted(steps.offsets, first + BLOCK, side="right")) - 1
        stop = min(max(stop, start + 1), n_sequences)
        offsets = steps.offsets[start : stop + 1]
        values = steps.values[offsets[0] : offsets[-1]]
        yield slice(start, stop), RaggedArray(values, offsets - offsets[0])
        start = stop


def image_shape(image: StepShape) -> tuple[int, int, int]:
    """Return ``(height, width, n_channels)``."""
    height, width, *channels = image.shape
    return height, width, channels[0] if channels else 1


class StaticCodec:
    """Standardizes static numbers and gives ids to static categories.

    Parameters
    ----------
    scale, missing :
        As in ``FeatureCodec``. With ``missing="indicator"`` a missing category is one of
        its own.
    """

    def __init__(self, scale: str | None = None, missing: str = "raise"):
        self.scale = scale
        self.missing = missing

    def fit(
        self, static: StaticColumns, weight: NDArray[np.float64] | None = None
    ) -> StaticCodec:
        """Learn means, deviations, which numbers have gaps, and the categories."""
        self.gaps = np.empty(0, np.int64)
        if self.missing == "indicator":
            self.gaps = np.flatnonzero(np.isnan(static.numbers).any(axis=0))
        self.standard = Standardization(self.scale is not None)
        self.standard.fit(static.numbers, weight)
        self.ids: list[dict[Hashable, int]] = [
            {value: i for i, value in enumerate(dict.fromkeys(column), 1)}
            for column in static.categories.T
        ]
        return self

    def encode(self, static: StaticColumns) -> EncodedStatic:
        """Return standardized numbers, indicators after them, and ids."""
        numbers = self.standard.apply(static.numbers)
        if len(self.gaps):
            missing = np.isnan(static.numbers[:, self.gaps])
            numbers = np.hstack([numbers, missing.astype(np.float32)])
        categories = np.empty(static.categories.shape, np.int64)
        for j, ids in enumerate(self.ids):
            categories[:, j] = [ids.get(value, 0) for value in static.categories[:, j]]
        return EncodedStatic(numbers, categories)

    def layer_config(self) -> dict[str, Any]:
        """Return the arguments of the network's static layer."""
        return {
            "n_numbers": len(self.standard.mean) + len(self.gaps),
            "n_categories": tuple(map(len, self.ids)),
        }


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
        self.has_vectors = False
        #: of another field than the one that ``embeddings`` is about, such as tags
        self.lacks_vectors = False
        self.cased: dict[Hashable, Hashable] = {}

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
            forms, counts, min_count=self.min_count, max_size=self.max_size
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
