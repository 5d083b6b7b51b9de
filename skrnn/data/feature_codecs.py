"""Codecs of numbers: step features, and static columns.

They have ``fit`` and ``encode``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.encoded import EncodedSequences, EncodedStatic
from skrnn.data.field_values import StaticColumns
from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.data.scaling import BLOCK, Standardization
from skrnn.data.steps import StepShape


class FeatureCodec:
    """Standardizes features, and adds what gaps and time stamps say.

    Parameters
    ----------
    scale : {"standard", None}
        "standard" gives each feature mean 0 and standard deviation 1 over the training
        sequences' steps; None leaves values as they are.
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
        """Return the features as float32, times after them, and indicators last."""
        n_columns = len(self.standard.mean) + len(self.gaps)
        values = np.empty((len(steps.values), n_columns), np.float32)
        for rows, block in blocks_of(steps):
            places = slice(steps.offsets[rows.start], steps.offsets[rows.stop])
            of_block = None if seconds is None else seconds[places]
            values[places] = self._encode_block(block, of_block)
        return EncodedSequences(steps.with_values(values))

    def _encode_block(
        self, steps: RaggedArray, seconds: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        """Return the features, times and indicators of a few sequences."""
        last = None
        if len(self.gaps) or seconds is not None:
            last = self._last_real(steps)
        values = self.standard.apply(self._columns(steps, seconds, last))
        normalised = self.level_and_scale(steps)
        if normalised is not None:
            level, scale = (np.repeat(part[:, 0], steps.lengths) for part in normalised)
            target = (steps.values[:, self.target_feature] - level) / scale
            values[:, self.target_feature] = np.nan_to_num(target, nan=0.0)
        if not len(self.gaps):
            return values
        values[:, self.gaps] = self._fill(values[:, self.gaps], last)
        size = min(1.0, np.sqrt(self.INDICATORS / len(self.gaps)))
        missing = np.isnan(steps.values[:, self.gaps])
        return np.hstack([values, missing * np.float32(size)])

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
