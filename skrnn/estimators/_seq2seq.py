"""Many to many, unaligned: Seq2SeqTransformer, an encoder and a decoder."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from skrnn._sklearn import validate_parameter_constraints
from skrnn.data.containers import CheckedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.target_codecs import NumberCodec, TargetCodec
from skrnn.data.targets import check_target_sequences
from skrnn.data.tokenizers import check_tokenizer
from skrnn.data.vocabulary import UNKNOWN
from skrnn.estimators._base import CheckedData, scale_to_mean_1
from skrnn.estimators._parameters import (
    CONSTRAINTS,
    CommonParameters,
    EncoderDecoderParameters,
    LevelParameters,
    LoopParameters,
    TargetParameters,
    TokenParameters,
    config_of,
    documented,
    parameters,
)
from skrnn.estimators._regressor import InstanceNormEstimator
from skrnn.generation.beam import beam_search
from skrnn.generation.greedy import greedy_search
from skrnn.generation.hypotheses import Hypotheses, joined
from skrnn.metrics import token_error_rate
from skrnn.modules.translation import TranslationNetwork
from skrnn.training.batching import EncodedDataset
from skrnn.training.losses import SquaredError, StepCrossEntropy

#: Log-probabilities of one step of a search; more sources at once are cut into parts.
MAX_SCORES = 1 << 23
#: Parameters that are read when targets are written.
SEARCH = ("beam_size", "max_length", "length_penalty")


@parameters
class LabelSmoothing:
    """What a writer of tokens minimizes."""

    label_smoothing: float = 0.1


@documented
@parameters
class Seq2SeqTransformer(
    TransformerMixin,
    InstanceNormEstimator,
    CommonParameters,
    LabelSmoothing,
    LevelParameters,
    LoopParameters,
    TargetParameters,
    TokenParameters,
    EncoderDecoderParameters,
):
    """Recurrent encoder and decoder that transform one sequence into another.

    A transformer in scikit-learn's sense, ``fit`` and ``transform``; not the attention
    network of that name.

    Translation, pronunciation, normalisation of dates: source and target may have any
    lengths. From one-step sources it is one to many. Numeric targets of one common
    length are forecasts of several steps.

    Parameters
    ----------
    {encoder_decoder}
    {tokens}
    {target}
    {loop}
    {level}
    {label_smoothing}
    {stopping}
    {rest}

    Attributes
    ----------
    target_vocabulary_ : dict
        Target token → id; absent for numeric targets.
    {attributes}

    See Also
    --------
    SequenceTagger : For targets with one label a step.
    SequenceRegressor : For numbers, without a decoder.

    References
    ----------
    Sutskever, Vinyals, Le (2014). Sequence to sequence learning with neural networks.
    NIPS.
    Luong, Pham, Manning (2015). Effective approaches to attention-based neural machine
    translation. EMNLP.

    Examples
    --------
    >>> from skrnn import Seq2SeqTransformer
    >>> X = ["ab", "ba", "aab", "bba", "abb", "b", "a", "bab"] * 10
    >>> y = [text[::-1] for text in X]
    >>> model = Seq2SeqTransformer(
    ...     hidden_size=32,
    ...     tokenizer="char",
    ...     target_tokenizer="char",
    ...     lr=0.01,
    ...     max_epochs=40,
    ...     random_state=0,
    ... )
    >>> model.fit(X, y).transform(["aab", "bba"]).tolist()
    ['baa', 'abb']
    """

    _auto_updates: ClassVar[int] = 6000

    # --- fitting and writing ---------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Seq2SeqTransformer:
        """Train on pairs of a source and a target.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Strings, token lists, arrays ``(n_steps_i, n_features)`` or 1-D arrays, a 3-D
            array, or a 2-D array or frame whose rows are univariate series. None may be
            empty.
        y : list, ndarray, Series or DataFrame of n_sequences targets
            Strings, which ``target_tokenizer`` splits; token lists of any lengths; or
            numbers of one common length, ``(n_sequences, horizon)`` or ``(n_sequences,
            horizon, n_outputs)``. Integers are numbers unless ``target_type="tokens"``. A
            target of tokens may be empty.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val, y_val : like X and y, default=None
            Held-out data for early stopping.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty or not finite, if they have not the same number of
            sequences, if a source is empty, if numeric targets are not of one length, if
            ``y_val`` holds no token that y holds, if a parameter is out of its range, or
            if training diverges.
        TypeError
            If X or y is no container of sequences, or mixes kinds of them.
        """
        super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val)
        return self

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> Seq2SeqTransformer:
        """Train one pass over X at the constant rate ``lr``.

        The vocabularies are those of the first call; what ``max_length="auto"`` allows
        grows with longer targets.

        Parameters
        ----------
        X, y :
            As for ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._partial_fit(X, y, sample_weight)

    def transform(self, X: Any) -> NDArray:
        """Return the target that the beam finds most probable, for each source.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,)
            Strings, or token lists where y was such, in an object array. For numeric
            targets float64 ``(n_sequences, horizon)`` or ``(n_sequences, horizon,
            n_outputs)``, as y was.
        """
        check_is_fitted(self, "net_")
        if self._is_numeric:
            outputs, checked = self._outputs(X)
            values = self._target_codec.decode(outputs, self._levels(checked))
            return values.reshape(len(values), *self._target_shape)
        return object_array(self._joined(self._write(X, 1)))

    def predict(self, X: Any) -> NDArray:
        """Return the same as ``transform``.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        y_pred : ndarray
            As from ``transform``.
        """
        return self.transform(X)

    def predict_n_best(
        self, X: Any, n: int
    ) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
        """Return the best targets that the beam finds, and how probable they are.

        Parameters
        ----------
        X :
            As for ``fit``.
        n : int
            Targets for each source, at most ``beam_size``.

        Returns
        -------
        targets : ndarray of object of shape (n_sequences,)
            Lists of up to n strings or token lists, the best first.
        log_probabilities : float64 ndarray of shape (n_sequences, n)
            In nats, the end counted; -inf where fewer were found. With a
            ``length_penalty`` the order may be another than theirs.

        Raises
        ------
        ValueError
            If n is larger than the beam, or targets are numbers.
        TypeError
            If n is no integer.
        """
        self._check_writes_tokens("predict_n_best")
        self._check_search()
        if not isinstance(n, Integral) or isinstance(n, bool):
            raise TypeError(f"n must be an integer, got {n!r}")
        if not 1 <= n <= self.beam_size:
            raise ValueError(f"n={n} must lie between 1 and beam_size={self.beam_size}")
        found = self._write(X, int(n))
        targets = self._joined(found)
        real = np.isfinite(found.log_probabilities)
        rows = [
            [targets[i * n + k] for k in range(n) if real[i, k]] for i in range(len(real))
        ]
        return object_array(rows), found.log_probabilities

    def predict_attention(self, X: Any) -> NDArray[np.object_]:
        """Return how much each written token looks at each source step.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        attention : ndarray of object of shape (n_sequences,)
            float32 arrays (n_tokens_i, n_steps_i) for the targets of ``transform``; the
            sum of each row is 1.

        Raises
        ------
        ValueError
            If the fit was with ``attention=None``, or targets are numbers.
        """
        self._check_writes_tokens("predict_attention")
        if self._built_with["attention"] is None:
            raise ValueError("predict_attention needs a fit with an attention")
        found = self._write(X, 1)
        written = _ragged(found)
        lengths = written.lengths
        ends = np.full(len(written), self._target_codec.end)
        ids = np.insert(written.values, written.offsets[1:], ends)
        checked = self._check_X(X, fitted=True)
        examples = EncodedDataset(
            self._encode_inputs(checked.steps),
            RaggedArray.from_lengths(ids, lengths + 1),
            forced=True,
        )
        return object_array([weights[:-1] for weights in self.net_.attention(examples)])

    def log_likelihood(self, X: Any, y: Any) -> NDArray[np.float64]:
        """Return the log-probability of each target given its source.

        Parameters
        ----------
        X, y :
            As for ``fit``.

        Returns
        -------
        log_likelihood : float64 ndarray of shape (n_sequences,)
            In nats, the end counted; a token that training has not seen counts as the
            unknown token.

        Raises
        ------
        ValueError
            If targets are numbers.
        """
        self._check_writes_tokens("log_likelihood")
        checked = self._check_X(X, fitted=True)
        self._check_like_fit(X, checked)
        targets = self._check_y(y, checked, fitted=True)
        self._check_like_targets(targets)
        examples = EncodedDataset(
            self._encode_inputs(checked.steps),
            self._target_codec.encode(targets),
            forced=True,
        )
        return -self.net_.score_targets(examples)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return 1 − token error rate, or R² for numeric targets.

        Parameters
        ----------
        X, y :
            As for ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence.

        Returns
        -------
        score : float
            At most 1; below 0 where more tokens are wrong than there are.
        """
        check_is_fitted(self, "net_")
        targets = self._check_y(y, self._check_X(X, fitted=True), fitted=True)
        self._check_like_targets(targets)
        if not self._is_numeric:
            pred = self._target_codec.decode(_ragged(self._write(X, 1)))
            return 1.0 - token_error_rate(
                list(targets), pred, sample_weight=sample_weight
            )
        assert isinstance(targets, np.ndarray)
        by_column = (part.reshape(len(part), -1) for part in (targets, self.transform(X)))
        return float(r2_score(*by_column, sample_weight=sample_weight))

    def set_output(self, *, transform: str | None = None) -> Seq2SeqTransformer:
        """Do nothing: targets fit in no frame.

        It exists so that a Pipeline with this step can be told to give out frames.

        Parameters
        ----------
        transform : str, default=None
            Ignored.

        Returns
        -------
        self : object
            The estimator.
        """
        return self

    # --- writing ---------------------------------------------------------------------

    def _fitted_is_numeric(self) -> bool:
        check_is_fitted(self, "net_")
        return self._is_numeric

    def _check_writes_tokens(self, method: str) -> None:
        if self._fitted_is_numeric():
            raise ValueError(f"{method} needs targets of tokens, not of numbers")

    def _check_search(self) -> None:
        """Raise an InvalidParameterError for what may be changed after ``fit``."""
        given = {name: getattr(self, name) for name in SEARCH}
        validate_parameter_constraints(
            {name: CONSTRAINTS[name] for name in SEARCH}, given, type(self).__name__
        )

    def _write(self, X: Any, n_best: int) -> Hypotheses:
        """Return the ``n_best`` hypotheses for each source."""
        self._check_search()
        checked = self._check_X(X, fitted=True)
        self._check_like_fit(X, checked)
        width = self.beam_size
        limits = self._max_lengths(checked.steps.lengths)
        end = self._target_codec.end
        rows = max(1, MAX_SCORES // (width * (end + 1)))

        def search(
            network: TranslationNetwork, inputs: dict[str, Any], indices: NDArray
        ) -> Hypotheses:
            state = network.encode(inputs)
            device = inputs["lengths"].device
            longest = torch.from_numpy(limits[indices]).to(device)
            found = []
            for part in torch.arange(len(indices), device=device).split(rows):
                start = state.take(part, part[:, None])
                if width == 1:
                    hypotheses = greedy_search(
                        network.step,
                        start,
                        longest[part],
                        end,
                        may_be_empty=self._may_be_empty,
                    )
                else:
                    hypotheses = beam_search(
                        network.step,
                        start,
                        longest[part],
                        end,
                        beam_size=width,
                        n_best=n_best,
                        length_penalty=self.length_penalty,
                        may_be_empty=self._may_be_empty,
                    )
                found.append(hypotheses)
            return joined(found)

        examples = EncodedDataset(self._encode_inputs(checked.steps))
        return self.net_.search(examples, search)

    def _max_lengths(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many tokens may be written for sources of these lengths."""
        if self.max_length != "auto":
            return np.full(len(lengths), int(self.max_length), dtype=np.int64)
        beyond = np.maximum(1.0, lengths / self._longest_source)
        return np.ceil(beyond * self._longest_target).astype(np.int64)

    def _joined(self, found: Hypotheses) -> list[Any]:
        """Return all hypotheses, source by source, in the form in which y was."""
        targets = self._target_codec.decode(_ragged(found))
        if not self._y_strings:
            return targets
        tokenizer = check_tokenizer(self._built_with["target_tokenizer"])
        return [tokenizer.join(tokens) for tokens in targets]

    # --- hooks -----------------------------------------------------------------------

    @property
    def _is_numeric(self) -> bool:
        return isinstance(self._target_codec, NumberCodec)

    @property
    def _network_kind(self) -> str:  # type: ignore[override]
        return "forecast" if self._is_numeric else "translation"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        config = config_of(self, EncoderDecoderParameters)
        tie_weights = config.pop("tie_weights")
        config["target_dim"] = self.embedding_dim
        if self._is_numeric:
            return {**config, "horizon": self._target_shape[0]}
        return {**config, "tie_weights": tie_weights}

    def _check_y(
        self, y: Any, X: CheckedSequences, name: str = "y", *, fitted: bool = False
    ) -> NDArray | RaggedArray:
        """Open y as the parameters say, once fitted as they said in ``fit``."""
        settings = self._built_with if fitted else self.get_params(deep=False)
        tokenizer = check_tokenizer(settings["target_tokenizer"], "target_tokenizer")
        return check_target_sequences(
            y,
            len(X.steps),
            split=tokenizer.split,
            target_type=settings["target_type"],
            name=name,
        )

    def _n_targets(self, data: CheckedData) -> NDArray[np.int64] | None:
        return data.y.lengths + 1 if isinstance(data.y, RaggedArray) else None  # the end

    def _fit_codecs(
        self, train: CheckedData, every_y: CheckedData, classes: Any = None
    ) -> None:
        # targets, unlike classes, are not known beforehand: held-out ones are unseen
        seen = replace(train, raw=every_y.raw)  # the user's own y tells its form
        super()._fit_codecs(train, every_y=seen, classes=classes)

    def _train(
        self,
        train: CheckedData,
        validation: CheckedData | None,
        warm: bool,
        epochs: int,
        in_parts: bool = False,
    ) -> None:
        self._check_like_targets(train.y)
        self._fit_limits(train, warm)
        super()._train(train, validation, warm, epochs, in_parts)

    def _fit_limits(self, train: CheckedData, warm: bool) -> None:
        """Learn how long targets may be, and widen it where training goes on."""
        if not isinstance(train.y, RaggedArray):
            return
        sources, targets = train.X.steps.lengths, train.y.lengths
        longest_source, longest_target = int(sources.max()), max(1, int(targets.max()))
        may_be_empty = bool(targets.min() == 0)
        if warm:
            longest_source = max(longest_source, self._longest_source)
            longest_target = max(longest_target, self._longest_target)
            may_be_empty |= self._may_be_empty
        self._longest_source: int = longest_source
        self._longest_target: int = longest_target
        self._may_be_empty: bool = may_be_empty

    def _fit_targets(self, data: CheckedData, classes: Any = None) -> None:
        self.__dict__.pop("target_vocabulary_", None)
        if not isinstance(data.y, RaggedArray):
            if data.weight is not None:
                scale_to_mean_1(data.weight)  # an error where the training part has none
            self._target_shape = data.y.shape[1:]
            flat = data.y.reshape(len(data), -1)
            self._target_codec = NumberCodec().fit(
                flat, self._levels(data.X), data.weight
            )
            return
        if self.instance_norm is not None:
            raise ValueError(
                f"instance_norm={self.instance_norm!r} needs numeric targets; y holds tokens"
            )
        self._y_strings = _holds_strings(data.raw[1])
        codec = TargetCodec(
            min_count=self.target_min_count, max_size=self.target_max_vocabulary
        )
        self._target_codec = codec.fit(data.y)
        self.target_vocabulary_ = codec.vocabulary.ids
        if not self.target_vocabulary_:
            raise ValueError(
                f"no token of y is seen target_min_count={self.target_min_count} times: "
                "there is nothing to write"
            )

    def _encode_targets(
        self, data: CheckedData, name: str = "y"
    ) -> NDArray | RaggedArray:
        self._check_like_targets(data.y, name)
        if isinstance(data.y, RaggedArray):
            ids = self._target_codec.encode(data.y)
            if name == "y" or data.raw[1] is not None:  # not split off by chance
                self._check_some_known(ids, name)
            return ids
        flat = data.y.reshape(len(data), -1)
        return self._target_codec.encode(flat, self._levels(data.X), name)

    def _check_like_targets(self, y: NDArray | RaggedArray, name: str = "y") -> None:
        """Raise a ValueError unless checked targets are such as those of ``fit``."""
        if isinstance(y, RaggedArray) == self._is_numeric:
            raise ValueError(f"{name} must be of the same kind as y was in fit")
        if not isinstance(y, RaggedArray) and y.shape[1:] != self._target_shape:
            raise ValueError(
                f"{name} has targets of shape {y.shape[1:]}, expected "
                f"{self._target_shape}, as y had in fit"
            )

    def _check_some_known(self, ids: RaggedArray, name: str) -> None:
        """Raise a ValueError if targets hold tokens, and none that is ever written."""
        tokens = ids.values[ids.values != self._target_codec.end]
        if len(tokens) and (tokens == UNKNOWN).all():
            raise ValueError(
                f"{name} holds nothing but tokens that are unknown: none of them is in "
                "target_vocabulary_"
            )

    def _teacher_forcing(self) -> bool:
        return not self._is_numeric

    def _criterion(self) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        if self._is_numeric:
            return SquaredError, {}
        return StepCrossEntropy, {"label_smoothing": float(self.label_smoothing)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _ragged(found: Hypotheses) -> RaggedArray:
    """Return the ids of all hypotheses, source by source."""
    lengths = found.lengths.reshape(-1)
    tokens = found.tokens.reshape(len(lengths), found.tokens.shape[2])
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    return RaggedArray.from_lengths(tokens[real], lengths)


def _holds_strings(y: Any) -> bool:
    """Tell strings from lists of tokens, once y has been checked."""
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        y = y.iloc[:, 0]
    first = next(iter(y.to_numpy() if hasattr(y, "to_numpy") else y))
    return isinstance(first, str)
