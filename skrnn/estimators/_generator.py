"""One to many: language models that score sequences and write them on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._sklearn import validate_parameter_constraints
from skrnn.data.containers import CheckedSequences
from skrnn.data.codecs import EncodedSequences, NumericCodec
from skrnn.data.ragged import RaggedArray
from skrnn.data.target_codecs import TargetCodec
from skrnn.estimators._base import CheckedData, auto_batch_size
from skrnn.estimators._feedforward import layer_sizes
from skrnn.estimators._parameters import (
    BUILDING,
    POSITIVE_INT,
    CommonParameters,
    GeneratorParameters,
    LanguageRecurrentParameters,
    LanguageTokenParameters,
    LanguageWindowParameters,
    LoopParameters,
    config_of,
    documented,
    parameters,
)
from skrnn.estimators._writing import SequenceWriter
from skrnn.modules.language import UNKNOWN, LanguageModel
from skrnn.training.batching import EncodedDataset, count_chunks
from skrnn.training.losses import StepBernoulli, StepCrossEntropy
from skrnn.training.streams import in_streams, longest_stream, stream_lengths


class BaseSequenceGenerator(SequenceWriter):
    """Abstract base: sequences as their own targets, and their scores."""

    _auto_updates: ClassVar[int] = 4000
    _allow_empty = True
    _building = BUILDING
    tokenizer: Any
    max_length: int
    bptt: int
    min_count: int
    max_vocabulary: int | None
    _left_out: frozenset[Hashable]  # tokens of training that are not in the vocabulary

    # --- fitting ---------------------------------------------------------------------

    def fit(  # type: ignore[override]
        self, X: Any, y: Any = None, sample_weight: Any = None, *, X_val: Any = None
    ) -> BaseSequenceGenerator:
        """Learn how sequences go on.

        Parameters
        ----------
        X : list, ndarray or Series of n_sequences sequences
            Strings, token lists, or arrays ``(n_steps_i, n_features)`` of zeros and ones.
            Each sequence begins and ends; a very long one (a book: one string) is read in
            chunks of ``bptt`` steps.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val : like X, default=None
            Held-out sequences for early stopping.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is empty, or numeric and not of zeros and ones, if a parameter is out of
            its range, or if training diverges.
        TypeError
            If X is no container of sequences, or mixes kinds of them.
        """
        y = [] if X is None else X  # the error is then that of X
        super().fit(X, y, sample_weight, X_val=X_val, y_val=X_val)
        return self

    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> BaseSequenceGenerator:
        """Train one pass over X at the constant rate ``lr``.

        The vocabulary is that of the first call.

        Parameters
        ----------
        X :
            As for ``fit``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.

        Returns
        -------
        self : object
            The estimator.
        """
        self._partial_fit(X, X, sample_weight)
        return self

    # --- scores ----------------------------------------------------------------------

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the log-likelihood of each sequence.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        log_likelihood : float64 ndarray of shape (n_sequences,)
            In nats, summed over the steps; of tokens the end counts too, of features all
            those of a step. A token that is not in ``vocabulary_`` has the probability of
            the unknown one, shared evenly among the training data's tokens that are not.
        """
        return self._score_steps(X)[0]

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-likelihood of a step.

        Parameters
        ----------
        X :
            As for ``fit``.
        y : None
            Ignored.

        Returns
        -------
        score : float
            In nats; of tokens the ends are counted as steps.
        """
        log_likelihood, n_steps = self._score_steps(X)
        if not n_steps.sum():
            raise ValueError("X has no steps to score")
        return float(log_likelihood.sum() / n_steps.sum())

    def perplexity(self, X: Any) -> float:
        """Return the exponential of the mean negative log-likelihood of a step.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        perplexity : float
            At least 1; among how many equally probable tokens the network hesitates.
        """
        return float(np.exp(-self.score(X)))

    def _score_steps(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return each sequence's log-likelihood, and its number of scored steps."""
        steps = self._open(X)
        examples = self._examples_of(steps)
        result = np.zeros(len(examples))
        filled = np.flatnonzero(examples.lengths)
        if len(filled) == len(examples):
            result = -self.net_.score_targets(examples)
        elif len(filled):  # without tokens there is no end to score
            result[filled] = -self.net_.score_targets(
                self._examples_of(steps.take(filled))
            )
        return result - self._shared(examples), examples.lengths

    def _shared(self, examples: EncodedDataset) -> NDArray[np.float64] | float:
        """Return what sequences lose in nats as unknown tokens share one probability.

        Each of the training data's left-out tokens has an equal part of it. Otherwise the
        model that tells the fewest tokens apart would seem the best one.
        """
        if not self._writes_tokens:
            return 0.0
        n_sharing = max(1, len(self._left_out))
        assert isinstance(examples.targets, RaggedArray)
        unknown = np.append(0, np.cumsum(examples.targets.values == UNKNOWN))
        return np.diff(unknown[examples.targets.offsets]) * np.log(n_sharing)

    # --- hooks -----------------------------------------------------------------------

    def _check_X(
        self, X: Any, name: str = "X", *, fitted: bool = False
    ) -> CheckedSequences:
        checked = super()._check_X(X, name, fitted=fitted)
        if checked.form.kind == "numeric":
            _check_binary(checked.steps, name)
        return checked

    def _check_y(self, y: Any, X: CheckedSequences, name: str = "y") -> RaggedArray:
        return X.steps  # a sequence is its own target

    def _check_parameters(self) -> None:
        super()._check_parameters()
        names = {"max_length", "window"} & self.get_params(deep=False).keys()
        validate_parameter_constraints(
            {name: [POSITIVE_INT] for name in names},
            {name: getattr(self, name) for name in names},
            caller_name=type(self).__name__,
        )

    def _make_input_codec(self, X: CheckedSequences) -> Any:
        self._strings = X.strings
        if X.form.kind == "numeric":
            return NumericCodec()
        return TargetCodec(min_count=self.min_count, max_size=self.max_vocabulary)

    def _fit_targets(self, data: CheckedData, classes: Any = None) -> None:
        self._left_out = frozenset()
        if self._writes_tokens:
            self.vocabulary_ = self._input_codec.vocabulary.ids
            if not self.vocabulary_:
                raise ValueError(
                    f"no token of X is seen min_count={self.min_count} times: there is "
                    "nothing to write"
                )

    def _encode_targets(self, data: CheckedData, name: str = "y") -> RaggedArray:
        if self._writes_tokens:
            return self._input_codec.encode(data.y)
        return data.y

    def _n_outputs(self) -> int:
        if self._writes_tokens:
            return int(self._input_codec.n_outputs)
        return int(self._form.n_features or 1)

    def _input_layer(self) -> tuple[None, None]:
        return None, None  # a language model's first layer is its last one's, too

    def _prepare_network(self, network: torch.nn.Module, vectors: Any) -> None:
        """Leave the drawn vectors as they are: language models take no ``embeddings``."""

    def _prepare_criterion(self, criterion: torch.nn.Module, train: CheckedData) -> None:
        super()._prepare_criterion(criterion, train)
        if not self._writes_tokens:
            return
        network = self.net_.module_
        assert isinstance(network, LanguageModel)
        self._left_out |= frozenset(train.X.steps.values) - self.vocabulary_.keys()
        if self._left_out:
            network.enable_unknown()
        else:
            network.zero_unknown()

    def _criterion(self) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        if not self._writes_tokens:
            return StepBernoulli, {}
        return StepCrossEntropy, {}

    def _steps_of_a_chunk(self) -> int | None:
        return int(self.bptt)

    def _inputs_of(self, steps: RaggedArray) -> RaggedArray:
        """Return whole sequences one step late: 0 first, the last step last."""
        if self._writes_tokens:
            return _one_step_late(self._input_codec.encode(steps))  # has an end
        nothing = np.zeros(steps.values.shape[1], steps.values.dtype)
        values = np.insert(steps.values, steps.offsets[1:], nothing, axis=0)
        return _one_step_late(RaggedArray.from_lengths(values, steps.lengths + 1))

    def _examples_of(
        self, steps: RaggedArray, weight: NDArray[np.float32] | None = None
    ) -> EncodedDataset:
        """Return sequences with themselves, one step later, as targets."""
        targets = self._input_codec.encode(steps) if self._writes_tokens else steps
        weights = None
        if weight is not None:
            weights = targets.with_values(np.repeat(weight, targets.lengths))
        return EncodedDataset(EncodedSequences(_one_step_late(targets)), targets, weights)

    def _make_examples(
        self, data: CheckedData, weight: Any, name: str = "y"
    ) -> EncodedDataset:
        examples = self._examples_of(data.X.steps, weight)
        if name != "y":
            return examples
        return in_streams(examples, self._stream_steps(examples.lengths), int(self.bptt))

    def _n_targets(self, data: CheckedData) -> NDArray[np.int64]:
        lengths = data.X.steps.lengths
        return lengths + 1 if self._writes_tokens else lengths  # the end

    def _stream_steps(self, lengths: NDArray[np.int64]) -> int:
        """Return the longest stretch of a sequence that is one row of a batch."""
        return longest_stream(lengths, self._batch_size(lengths), int(self.bptt))

    def _batch_size(self, lengths: NDArray[np.int64]) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        return auto_batch_size(max(len(lengths), int(lengths.sum()) // int(self.bptt)))

    def _n_batches(self, lengths: NDArray[np.int64]) -> int:
        streams = stream_lengths(lengths, self._stream_steps(lengths), int(self.bptt))
        return count_chunks(streams, self._batch_size(lengths), int(self.bptt))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.two_d_array = False
        return tags


def _check_binary(steps: RaggedArray, name: str) -> None:
    """Raise a ValueError that names the first step which is not of zeros and ones."""
    values = steps.values
    wrong = np.flatnonzero(((values != 0) & (values != 1)).any(axis=1))
    if len(wrong):
        sequence, step = steps.step_of(int(wrong[0]))
        raise ValueError(
            f"{name}[{sequence}], step {step} holds other numbers than 0 and 1; a "
            'generator writes tokens (integers with input_type="tokens") or 0/1 features'
        )


def _one_step_late(steps: RaggedArray) -> RaggedArray:
    """Return each sequence with 0 before its first step and without its last."""
    late = np.roll(steps.values, 1, axis=0)
    late[steps.offsets[:-1][steps.lengths > 0]] = 0
    return steps.with_values(late)


@documented
@parameters
class SequenceGenerator(
    BaseSequenceGenerator,
    CommonParameters,
    GeneratorParameters,
    LoopParameters,
    LanguageTokenParameters,
    LanguageRecurrentParameters,
):
    """Recurrent language model that writes sequences on: one to many.

    One word in, a text out; one note in, a tune out. Steps are tokens, or vectors of
    zeros and ones (the notes that sound together). Like scikit-learn's density models it
    has ``sample`` and ``score_samples``.

    Parameters
    ----------
    {language_recurrent}
    {language_tokens}
    {loop}
    {generator}
    {stopping}
    {rest}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    FeedForwardGenerator : The baseline without recurrence, on the same input.

    References
    ----------
    Mikolov, Karafiát, Burget, Černocký, Khudanpur (2010). Recurrent neural network based
    language model. Interspeech.
    Boulanger-Lewandowski, Bengio, Vincent (2012). Modeling temporal dependencies in
    high-dimensional sequences. ICML. For vectors of notes.

    Examples
    --------
    >>> from skrnn import SequenceGenerator
    >>> X = ["abcabcabc", "bcabca", "cabcab"] * 10
    >>> model = SequenceGenerator(hidden_size=32, lr=0.01, max_epochs=20, random_state=0)
    >>> model.fit(X).generate(["a", "bc"], max_length=4, temperature=0).tolist()
    ['bcab', 'abca']
    """

    _network_kind = "language"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        return {
            **config_of(self, LanguageRecurrentParameters),
            "embedding_dim": self.embedding_dim if self._writes_tokens else None,
        }


@documented
@parameters
class FeedForwardGenerator(
    BaseSequenceGenerator,
    CommonParameters,
    GeneratorParameters,
    LoopParameters,
    LanguageTokenParameters,
    LanguageWindowParameters,
):
    """Feed-forward language model that sees the last ``window`` steps: an n-gram network.

    The baseline for ``SequenceGenerator``, on the same X: what lies further back cannot
    help it.

    Parameters
    ----------
    {language_window}
    {language_tokens}
    {loop}
    {generator}
    {stopping}
    {rest}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    SequenceGenerator : The recurrent network.

    References
    ----------
    Bengio, Ducharme, Vincent, Jauvin (2003). A neural probabilistic language model. JMLR
    3.

    Examples
    --------
    >>> from skrnn import FeedForwardGenerator
    >>> X = ["abcabcabc", "bcabca", "cabcab"] * 10
    >>> model = FeedForwardGenerator(window=2, max_epochs=20, random_state=0).fit(X)
    >>> model.generate(["a", "bc"], max_length=4, temperature=0).tolist()
    ['bcab', 'abca']
    """

    _network_kind = "window_language"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        config = config_of(self, LanguageWindowParameters)
        config["hidden_layer_sizes"] = layer_sizes(self.hidden_layer_sizes)
        config["embedding_dim"] = self.embedding_dim if self._writes_tokens else None
        return config
