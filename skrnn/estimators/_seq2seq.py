"""Many to many, unaligned: Seq2SeqTransformer, an encoder and a decoder."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skrnn._optional import import_optional
from skrnn.data.containers import CheckedSequences
from skrnn.data.encoded import NO_TOKEN, EncodedSequences
from skrnn.data.ragged import RaggedArray, in_groups, object_array
from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData, Targets, TokenTargets
from skrnn.data.vocabulary import UNKNOWN
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._loop import Budget
from skrnn.estimators._parameters import (
    AttentionParameters,
    AugmentParameters,
    BeamParameters,
    CellParameters,
    DirectionParameters,
    FieldParameters,
    LabelSmoothingParameters,
    LoopParameters,
    NumberParameters,
    OtherParameters,
    PatchParameters,
    RecurrentDropoutParameters,
    StepEncoderParameters,
    StoppingParameters,
    TargetParameters,
    TokenParameters,
    TyingParameters,
    WordParameters,
)
from skrnn.estimators._rows import check_parameters, config_of, estimator
from skrnn.estimators._sampling import check_sampling, make_sampling, seed_for
from skrnn.generation.beam import beam_search
from skrnn.generation.greedy import greedy_search
from skrnn.generation.hypotheses import Hypotheses, joined
from skrnn.metrics import bleu_scorer, chrf_scorer, token_error_rate
from skrnn.modules.networks import TranslationNetwork
from skrnn.training.dataset import EncodedDataset
from skrnn.training.generation import GenerationConfig, sample_targets
from skrnn.training.inference import attention_weights, score_targets
from skrnn.training.inference import search as search_sources
from skrnn.training.losses import StepCrossEntropy

#: Log-probabilities of one step of a search; more sources at once are split into parts.
MAX_SCORES = 1 << 23
#: Parameters that are read when targets are decoded.
SEARCH = (
    *("beam_size", "max_length", "length_penalty"),
    *("no_repeat_ngram_size", "replace_unknown"),
)


def _bleu_scorer() -> Any:
    import_optional("sacrebleu.metrics", 'scoring="bleu"', "metrics")
    return bleu_scorer


def _chrf_scorer() -> Any:
    import_optional("sacrebleu.metrics", 'scoring="chrf"', "metrics")
    return chrf_scorer


class TranslationTask(TransformerMixin, BaseSequenceEstimator):
    """Abstract base: token targets, beam search, attention."""

    _budget = Budget(updates=6000)
    _scorers = {"bleu": _bleu_scorer, "chrf": _chrf_scorer}
    _scores_few = True
    label_smoothing: float
    beam_size: int
    max_length: int | str
    length_penalty: float
    no_repeat_ngram_size: int
    replace_unknown: bool

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> TranslationTask:
        """Train on pairs of a source and a target.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Strings, token lists, arrays ``(n_steps_i, n_features)`` or 1-D arrays, a 3-D
            array, a 2-D array or frame whose rows are univariate series, or a frame of
            step fields and static columns. A source without tokens is read as one unknown
            token.
        y : list, ndarray, Series or DataFrame of n_sequences targets
            Strings, which ``target_tokenizer`` splits, or token lists of any lengths,
            also empty ones. Whole numbers are tokens.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val, y_val : like X and y, default=None
            Held-out data, scored after each epoch, and watched by early stopping.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weight of each held-out sequence.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty or not finite, if they have not the same number of
            sequences, if ``y_val`` holds no token that y holds, if a parameter is out of
            its range, or if training diverges.
        TypeError
            If X or y is no container of sequences, mixes kinds of them, or if y holds
            real numbers.
        """
        self._fit(X, y, sample_weight, Validation(X_val, y_val, sample_weight_val))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> TranslationTask:
        """Train one pass over X at the constant rate ``lr``.

        The vocabularies are those of the first call; the longest target that
        ``max_length="auto"`` allows grows with longer targets.

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
        self._partial_fit(X, y, sample_weight)
        return self

    def transform(self, X: Any) -> NDArray:
        """Return the target that the beam finds most probable, for each source.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        y_pred : ndarray of object of shape (n_sequences,)
            Strings, or token lists where y was such.
        """
        checked = self._check_X(X)
        return object_array(self._targets.in_form(self._predict_tokens(checked)))

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
            If n is larger than the beam.
        TypeError
            If n is not an integer.
        """
        checked = self._check_X(X)
        self._check_search()
        if not isinstance(n, Integral) or isinstance(n, bool):
            raise TypeError(f"n must be an integer, got {shown(n)}")
        if not 1 <= n <= self.beam_size:
            raise ValueError(f"n={n} must lie between 1 and beam_size={self.beam_size}")
        encoded = self._encode(checked)
        found = self._search(checked, EncodedDataset(encoded), int(n))
        targets = self._targets.in_form(self._tokens(found, checked, encoded))
        real = np.isfinite(found.log_probabilities)
        rows = [
            [targets[i * n + k] for k in range(n) if real[i, k]] for i in range(len(real))
        ]
        return object_array(rows), found.log_probabilities

    def sample(
        self,
        X: Any,
        n_samples: int = 1,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: Any = None,
    ) -> NDArray[np.object_]:
        """Return targets drawn at random for each source, by their probability.

        Each token is drawn by its probability after the tokens before it. Padding and the
        unknown token are never drawn, nor is the end of a target without tokens where
        training had none; the other tokens share their probability.

        Parameters
        ----------
        X :
            As for ``fit``.
        n_samples : int, default=1
            Targets for each source; equal ones may be among them.
        temperature : float, default=1.0
            Less than 1 prefers probable tokens, more makes tokens more equally probable, 0
            always takes the most probable, as ``predict`` does with ``beam_size=1``.
        top_k : int, default=None
            Choose among this many tokens, the most probable ones.
        top_p : float in (0, 1], default=None
            Choose among the most probable tokens that have this probability together.
        random_state : int, RandomState or None, default=None
            Fixes what is drawn, for each source by its index alone: the others may be
            changed, and ``n_samples`` raised. None draws anew each time.

        Returns
        -------
        targets : ndarray of object of shape (n_sequences,)
            Lists of ``n_samples`` strings or token lists, as y was in ``fit``. A target of
            the length that ``max_length`` allows ends there.

        Raises
        ------
        ValueError
            If an argument is out of its range.
        """
        checked = self._check_X(X)
        check_parameters(self, ("max_length", "no_repeat_ngram_size"))
        check_sampling(
            f"{type(self).__name__}.sample",
            n_samples=n_samples,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        sampling = make_sampling(temperature, top_k, top_p)
        limits = self._max_lengths(checked)
        config = GenerationConfig(
            sampling,
            max_length=int(limits.max()),
            seed=seed_for(sampling, random_state),
            ends=(self._targets.end,),
            n_samples=int(n_samples),
            may_be_empty=self._targets.may_be_empty,
            no_repeat_ngram_size=int(self.no_repeat_ngram_size),
        )
        sources = EncodedDataset(self._encode(checked))
        found = sample_targets(
            self.net_, sources, config, limits, self._targets.n_outputs
        )
        return in_groups(self._targets.decode(found, checked), config.n_samples)

    def predict_attention(self, X: Any) -> NDArray[np.object_]:
        """Return the attention of each generated token over the source's steps.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        attention : ndarray of object of shape (n_sequences,)
            float32 arrays (n_tokens_i, n_steps_i) for the targets of ``transform``; the
            sum of each row is 1. They are the weights of the decoder's first layer, whose
            context all others read.

        Raises
        ------
        ValueError
            If the fit was with ``attention=None``.
        """
        check_is_fitted(self)
        if self._fitted_parameters["attention"] is None:
            raise ValueError("predict_attention needs a fit with an attention")
        checked = self._check_X(X)
        self._check_search()
        encoded = self._encode(checked)
        found = self._search(checked, EncodedDataset(encoded), 1)
        return object_array(self._attention(encoded, _ragged(found)))

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
        """
        checked = self._check_X(X)
        targets = self._targets.check(y, checked).values
        dataset = EncodedDataset(
            self._encode(checked), self._targets.encode_steps(targets), forced=True
        )
        return -score_targets(self.net_, dataset)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return 1 − token error rate.

        Tokens are those of ``target_tokenizer``; where these are subwords, the words of
        the texts, as of ``WordTokenizer``.

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
        checked = self._check_X(X)
        targets = self._targets.check(y, checked)
        pairs = self._targets.compared(targets, self._predict_tokens(checked))
        return 1.0 - token_error_rate(*pairs, sample_weight=sample_weight)

    @property
    def target_tokenizer_(self) -> Any:
        """The tokenizer that splits strings of y, trained where it is one of subwords."""
        check_is_fitted(self)
        tokenizer = self._targets.tokenizer
        if isinstance(tokenizer, str):
            raise AttributeError("target_tokenizer_ needs a fit on strings of y")
        return tokenizer

    def set_output(self, *, transform: str | None = None) -> TranslationTask:
        """Do nothing: targets cannot be stored in a frame.

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

    # --- decoding --------------------------------------------------------------------

    def _predict_tokens(self, X: CheckedSequences) -> list[list[Any]]:
        """Return the tokens generated for each source, whatever y was."""
        self._check_search()
        encoded = self._encode(X)
        return self._tokens(self._search(X, EncodedDataset(encoded), 1), X, encoded)

    def _tokens(
        self, found: Hypotheses, X: CheckedSequences, encoded: EncodedSequences
    ) -> list[list[Any]]:
        """Return the tokens of all hypotheses, source by source, unknown ones replaced."""
        ids = _ragged(found)
        sequences: list[list[Any]] = self._targets.decode_tokens(ids)
        unknown = ids.with_values(ids.values == UNKNOWN)
        places = np.flatnonzero(unknown.values)
        if not len(places):
            return sequences
        some = np.unique(np.searchsorted(ids.offsets, places, side="right") - 1)
        origins = some // found.lengths.shape[1]
        attention = self._attention(encoded.take(origins), ids.take(some))
        source = self._inputs.tokens_of(X).take(origins)
        for i, weights, words in zip(some.tolist(), attention, source, strict=True):
            real = np.flatnonzero(words != NO_TOKEN)
            copied = words[real[weights[:, real].argmax(1)]]  # (n_tokens,)
            pairs = zip(sequences[i], copied, unknown[i], strict=True)
            sequences[i] = [
                word if replaced else token for token, word, replaced in pairs
            ]
        return sequences

    def _attention(
        self, encoded: EncodedSequences, targets: RaggedArray
    ) -> list[NDArray[np.float32]]:
        """Return the attention ``(n_tokens_i, n_steps_i)`` of ids without an end."""
        ends = np.full(len(targets), self._targets.end)
        ids = np.insert(targets.values, targets.offsets[1:], ends)
        dataset = EncodedDataset(
            encoded, RaggedArray.from_lengths(ids, targets.lengths + 1), forced=True
        )
        return [rows[:-1] for rows in attention_weights(self.net_, dataset)]

    def _check_replaceable(self, attention: str | None) -> None:
        """Raise a ValueError if unknown tokens are to be replaced and cannot be."""
        if not self.replace_unknown:
            return
        if attention is None:
            raise ValueError(
                "replace_unknown=True needs an attention, not attention=None"
            )
        if self._inputs.n_token_fields != 1:
            raise ValueError(
                "replace_unknown=True copies tokens of X, which must have one field of "
                f"tokens, not {self._inputs.n_token_fields}"
            )
        if self._inputs.reads_subwords and not self._targets.are_subwords:
            raise ValueError(
                "replace_unknown=True copies words of X, which tokenizer="
                f'{shown(self.tokenizer)} splits further; pass tokenizer="word", or '
                'target_tokenizer="bpe", with which no word is unknown'
            )
        if (
            self._inputs.reads_characters
            and self._targets.are_texts
            and not (self._targets.are_characters or self._targets.are_subwords)
        ):
            raise ValueError(
                "replace_unknown=True copies tokens of X, which are single characters by "
                f"tokenizer={shown(self.tokenizer)}, and those of y are longer by "
                f"target_tokenizer={shown(self.target_tokenizer)}; pass both the same"
            )

    def _may_copy(self, X: CheckedSequences) -> NDArray[np.bool_]:
        """Return which sources have a token that can replace an unknown one."""
        if not self.replace_unknown or self._targets.are_subwords:
            return np.zeros(len(X.steps), dtype=bool)
        source = self._inputs.tokens_of(X)
        return np.logical_or.reduceat(source.values != NO_TOKEN, source.offsets[:-1])

    def _check_search(self) -> None:
        """Raise an InvalidParameterError for parameters of the search, which may be new."""
        check_parameters(self, SEARCH)

    def _search(
        self, X: CheckedSequences, dataset: EncodedDataset, n_best: int
    ) -> Hypotheses:
        self._check_replaceable(self._fitted_parameters["attention"])
        width, end = self.beam_size, self._targets.end
        may_be_empty = self._targets.may_be_empty
        limits = self._max_lengths(X)
        size = max(1, MAX_SCORES // (width * (end + 1)))
        may_copy = self._may_copy(X)

        def decode(step: Any, state: Any, longest: torch.Tensor) -> Hypotheses:
            options = {
                "no_repeat_ngram_size": self.no_repeat_ngram_size,
                "may_be_empty": may_be_empty,
            }
            if width == 1:
                return greedy_search(step, state, longest, end, **options)
            return beam_search(
                step,
                state,
                longest,
                end,
                beam_size=width,
                n_best=n_best,
                length_penalty=self.length_penalty,
                **options,
            )

        def search(
            network: TranslationNetwork, inputs: dict[str, Any], indices: NDArray
        ) -> Hypotheses:
            state = network.encode(inputs)
            device = inputs["lengths"].device
            longest = torch.from_numpy(limits[indices]).to(device)
            order, found = [], []
            for unknown in (False, True):
                rows = np.flatnonzero(may_copy[indices] == unknown)
                step = partial(network.step, unknown=unknown)
                for start in range(0, len(rows), size):
                    part = torch.from_numpy(rows[start : start + size]).to(device)
                    order.append(rows[start : start + size])
                    found.append(
                        decode(step, state.take(part, part[:, None]), longest[part])
                    )
            return joined(found).take(np.argsort(np.concatenate(order)))

        return search_sources(self.net_, dataset, search)

    def _max_lengths(self, X: CheckedSequences) -> NDArray[np.int64]:
        """Return the most tokens that each source's target may have."""
        lengths = X.steps.lengths
        if self.max_length == "auto":
            return self._targets.max_lengths(lengths)
        return np.full(len(lengths), int(self.max_length), dtype=np.int64)

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        return TokenTargets(**config_of(self, TargetParameters))

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
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


@estimator
class Seq2SeqTransformer(
    TranslationTask,
    OtherParameters,
    BeamParameters,
    StoppingParameters,
    AugmentParameters,
    LoopParameters,
    LabelSmoothingParameters,
    TargetParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    StepEncoderParameters,
    PatchParameters,
    RecurrentDropoutParameters,
    TyingParameters,
    AttentionParameters,
    DirectionParameters,
    CellParameters,
):
    """Recurrent encoder and decoder that transform one sequence into another.

    A transformer in scikit-learn's sense, ``fit`` and ``transform``; not the attention
    network of that name.

    Translation, pronunciation, normalisation of dates: source and target may have any
    lengths. From one-step sources it is one to many. Targets are tokens; for numbers see
    ``SequenceRegressor``.

    Parameters
    ----------
    Network: cell, hidden_size, num_layers, bidirectional, attention, tie_weights,
        dropout, dropout_mask, weight_dropout, patch_size, step_encoder.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        lowercase, embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time, target_tokenizer, target_min_count, target_max_vocabulary.
    Training: label_smoothing, max_epochs, batch_size, lr, optimizer, weight_decay,
        lr_schedule, max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: beam_size, max_length, length_penalty, no_repeat_ngram_size, replace_unknown,
        n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision, random_state.

    Attributes
    ----------
    target_vocabulary_ : dict
        Target token → id.
    target_tokenizer_ : object
        What splits strings of y, with ``split`` and ``join``.
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

    See Also
    --------
    SequenceTagger : For targets with one label a step.
    SequenceRegressor : For numbers, one or several a sequence.

    References
    ----------
    Sutskever, Vinyals, Le (2014). Sequence to sequence learning with neural networks.
    NIPS.
    Luong, Pham, Manning (2015). Effective approaches to attention-based neural machine
    translation. EMNLP.
    Wu, Schuster, Chen, et al. (2016). Google's neural machine translation system. arXiv.
    For the context vector in all layers of the decoder.

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

    hidden_size: int = 256

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        self._check_replaceable(self.attention)
        config = {
            **config_of(self, CellParameters),
            **config_of(self, RecurrentDropoutParameters),
            "bidirectional": self.bidirectional,
            "attention": self.attention,
            "tie_weights": self.tie_weights,
            "target_dim": self.embedding_dim,
        }
        return self._build_network("translation", config, generator)
