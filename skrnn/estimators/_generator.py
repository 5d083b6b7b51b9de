"""One to many: language models that score sequences and continue them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._warnings import warn
from skrnn.data.containers import CheckedSequences
from skrnn.data.encoded import EncodedSequences, EncodedStatic
from skrnn.data.ragged import RaggedArray, in_groups
from skrnn.data.targets import (
    CheckedData,
    FeatureContinuations,
    Targets,
    TokenContinuations,
)
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._feedforward import layer_sizes
from skrnn.estimators._loop import Budget
from skrnn.estimators._parameters import (
    AUTO_DROPOUTS,
    AugmentParameters,
    CellParameters,
    DenseParameters,
    DropoutParameters,
    FieldParameters,
    GenerationParameters,
    HistoryParameters,
    LanguageDropoutParameters,
    LoopParameters,
    OtherParameters,
    StaticGapParameters,
    StoppingParameters,
    TokenParameters,
    TruncationParameters,
    TyingParameters,
)
from skrnn.estimators._rows import config_of, estimator
from skrnn.estimators._sampling import check_sampling, make_sampling, seed_for
from skrnn.modules.networks import build_network
from skrnn.training.dataset import EncodedDataset
from skrnn.training.generation import GenerationConfig, generate, generate_steps
from skrnn.training.inference import predict_next, score_targets
from skrnn.training.losses import StepBernoulli, StepCrossEntropy
from skrnn.training.streams import in_streams, plan_streams


class GenerationTask(BaseSequenceEstimator):
    """Abstract base: sequences as their own targets, their scores, continuations."""

    _budget = Budget(updates=4000)
    _input_options = {
        "lowercase": False,
        "char_encoder": None,
        "empty": "keep",
        "fixed_text_form": True,
        "gaps_in_steps": False,
        "scales_static": True,
    }
    max_length: int
    bptt: int
    batch_size: int | str
    embedding_dim: int
    word_dropout: float
    vocabulary_: dict[Hashable, int]

    # --- fitting ---------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        sample_weight_val: Any = None,
    ) -> GenerationTask:
        """Learn what follows each step of sequences.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Strings, token lists, or arrays ``(n_steps_i, n_features)`` of zeros and ones;
            or a frame with one column of these and static columns that condition them.
            Each sequence begins and ends; a very long one (a book: one string) is read in
            chunks of ``bptt`` steps.
        y : None
            Ignored; a y that is passed is warned of.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val : like X, default=None
            Held-out sequences, scored after each epoch, and watched by early stopping.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weight of each held-out sequence.

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
        self._warn_of(y)
        self._fit(X, None, sample_weight, Validation(X_val, None, sample_weight_val))
        return self

    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> GenerationTask:
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
        self._warn_of(y)
        self._partial_fit(X, None, sample_weight)
        return self

    def _warn_of(self, y: Any) -> None:
        if y is not None:
            warn(f"y is ignored: {type(self).__name__} learns from X alone")

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
        if y is not X:  # as callbacks of scikit-learn pass it
            self._warn_of(y)
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
            At least 1; the number of equally probable tokens with the same likelihood.
        """
        return float(np.exp(-self.score(X)))

    def _score_steps(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return each sequence's log-likelihood, and its number of scored steps."""
        checked = self._check_steps(X)
        targets = self._targets.encode_steps(checked.steps)
        static = self._inputs.encode_static(checked)
        result = np.zeros(len(targets))
        filled = np.flatnonzero(
            targets.lengths
        )  # without tokens there is no end to score
        if len(filled):
            if len(filled) < len(targets) and static is not None:
                static = static.take(filled)
            real = targets if len(filled) == len(targets) else targets.take(filled)
            dataset = replace(self._dataset(real, static), origin=filled)
            result[filled] = -score_targets(self.net_, dataset)
        return result - self._targets.unknown_penalty(targets), targets.lengths

    # --- generation ------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[np.object_]:
        """Return the most probable next token again and again, ``max_length`` times.

        Parameters
        ----------
        X :
            As for ``fit``; a sequence may be empty.

        Returns
        -------
        continuations : ndarray of object of shape (n_sequences,)
            As from ``generate``.
        """
        config = self._generation_config("predict", None, temperature=0.0)
        return self._continue(X, config, name="X")

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of what follows each sequence.

        Parameters
        ----------
        X :
            As for ``fit``; a sequence may be empty.

        Returns
        -------
        probabilities : float32 ndarray of shape (n_sequences, n_tokens + 1)
            Of the tokens in the order of ``vocabulary_``, and last of the end, given that
            it is one of these. For features
            ``(n_sequences, n_features)``, each one's own.
        """
        prompts = self._prompts(X, name="X")
        logits = predict_next(self.net_, prompts)
        return self._targets.probabilities(logits)

    def generate(
        self,
        prompts: Any,
        max_length: int | None = None,
        *,
        n_samples: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Hashable | None = None,
        random_state: Any = None,
    ) -> NDArray[np.object_]:
        """Continue sequences.

        Parameters
        ----------
        prompts :
            Beginnings, as X for ``fit``; one may be empty. With static columns a frame
            that has them beside the beginnings: names for a country, tunes for a metre.
        max_length : int, default=None
            Most steps to generate; None takes the parameter ``max_length``.
        n_samples : int, default=None
            Continuations of each prompt, in a list; None returns one, without a list.
        temperature : float, default=1.0
            Less than 1 prefers probable tokens, more makes tokens more equally probable, 0
            always takes the most probable.
        top_k : int, default=None
            Choose among this many tokens, the most probable ones. Not for features.
        top_p : float in (0, 1], default=None
            Choose among the most probable tokens that have this probability together. Not
            for features.
        stop : token, default=None
            Generation also ends before this token. Not for features.
        random_state : int, RandomState or None, default=None
            Fixes what is generated, of each prompt by its index alone: the others may be
            changed, and ``max_length`` and ``n_samples`` raised. None draws anew each time.

        Returns
        -------
        continuations : ndarray of object of shape (n_sequences,)
            The generated steps, without the prompts: strings, token lists, or float32 arrays
            ``(max_length, n_features)``, as X was in ``fit``. The end is not part of it.
            With ``n_samples`` each element is a list of so many of them.

        Raises
        ------
        ValueError
            If an argument is out of its range, or the prompts are of another kind than X
            was.
        """
        config = self._generation_config(
            "generate",
            random_state,
            n_samples=1 if n_samples is None else n_samples,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
        )
        found = self._continue(prompts, config, name="prompts")
        return found if n_samples is None else in_groups(found, config.n_samples)

    def stream(
        self,
        prompt: Any,
        max_length: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Hashable | None = None,
        random_state: Any = None,
    ) -> Iterator[Any]:
        """Yield the steps that follow one prompt, as they are generated.

        The state is kept and nothing else: memory does not grow. Generation stops at
        the end or at ``stop``, or after ``max_length`` steps.

        Parameters
        ----------
        prompt :
            One sequence, as an element of X in ``fit``; may be empty. With static columns
            a frame of one row.
        max_length, temperature, top_k, top_p, stop, random_state :
            As for ``generate``.

        Yields
        ------
        step : token or float32 ndarray of shape (n_features,)
            A token of ``vocabulary_``, or a step's features.
        """
        config = self._generation_config(
            "stream",
            random_state,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
        )
        has_static = self._inputs.static is not None
        prompts = self._prompts(prompt if has_static else [prompt], name="[prompt]")
        if len(prompts) != 1:
            raise ValueError(f"prompt has {len(prompts)} rows, expected one")
        steps = generate_steps(self.net_, prompts, np.arange(1), config)
        return (self._targets.decode_step(step[0].cpu().numpy()) for _, step in steps)

    def sample(
        self,
        n_samples: int = 1,
        max_length: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Hashable | None = None,
        random_state: Any = None,
    ) -> NDArray[np.object_]:
        """Generate sequences without a prompt, and without static columns.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        max_length, temperature, top_k, top_p, stop, random_state :
            As for ``generate``.

        Returns
        -------
        samples : ndarray of object of shape (n_samples,)
            As from ``generate``.
        """
        check_is_fitted(self)
        check_sampling(f"{type(self).__name__}.sample", n_samples=n_samples)
        config = self._generation_config(
            "sample",
            random_state,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
        )
        if self._inputs.static is not None:
            raise ValueError(
                "sample has no static columns to generate for: pass a frame with them, and "
                "empty prompts, to generate"
            )
        nothing = "" if self._inputs.holds_texts else []
        return self._continue([nothing] * n_samples, config, name="prompts")

    def _generation_config(
        self,
        method: str,
        random_state: Any,
        *,
        n_samples: int = 1,
        max_length: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Hashable | None = None,
    ) -> GenerationConfig:
        """Validate a method's arguments."""
        check_is_fitted(self)
        max_length = self.max_length if max_length is None else max_length
        check_sampling(
            f"{type(self).__name__}.{method}",
            n_samples=n_samples,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        ends = self._targets.ends(stop, {"top_k": top_k, "top_p": top_p})
        sampling = make_sampling(temperature, top_k, top_p)
        seed = seed_for(sampling, random_state)
        return GenerationConfig(sampling, int(max_length), seed, ends, int(n_samples))

    def _continue(
        self, prompts: Any, config: GenerationConfig, name: str
    ) -> NDArray[np.object_]:
        """Return the continuations of each prompt in turn, in the form of X."""
        checked = self._check_steps(prompts, name)
        read = self._encode_prompts(checked)
        steps = generate(self.net_, read, config, self._targets.n_outputs)
        return self._targets.decode(steps, checked)

    def _prompts(self, prompts: Any, name: str) -> EncodedSequences:
        """Return the network's inputs for each prompt."""
        return self._encode_prompts(self._check_steps(prompts, name))

    def _encode_prompts(self, checked: CheckedSequences) -> EncodedSequences:
        steps = self._targets.prompts(checked.steps)
        return EncodedSequences(steps, static=self._inputs.encode_static(checked))

    def _check_steps(self, X: Any, name: str = "X") -> CheckedSequences:
        checked = self._check_X(X, name)
        self._targets.check(None, checked, name)
        return checked

    def _dataset(
        self, targets: RaggedArray, static: EncodedStatic | None, weights: Any = None
    ) -> EncodedDataset:
        """Return sequences with themselves, one step later, as targets."""
        inputs = EncodedSequences(self._targets.inputs_of(targets), static=static)
        return EncodedDataset(inputs, targets, weights, bptt=int(self.bptt))

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        if X.beside:
            names = [field.name for field in X.fields]
            raise ValueError(
                f"X has the step fields {names}, but a generator has one, which it generates"
            )
        if X.steps.values.dtype == object:
            return TokenContinuations(self._inputs)
        return FeatureContinuations(self._inputs)

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        loss = StepCrossEntropy if self._targets.generates_tokens else StepBernoulli
        return loss, {}

    def _make_dataset(
        self, data: CheckedData, weight: Any, *, training: bool
    ) -> EncodedDataset:
        targets = self._targets.encode(data)
        if weight is not None:
            weight = targets.with_values(np.repeat(weight, targets.lengths))
        static = self._inputs.encode_static(data.X, data.origin)
        dataset = self._dataset(targets, static, weight)
        if not training:
            return dataset
        dataset = replace(dataset, origin=data.origin)
        rows = self._budget.batch_size(self.batch_size, dataset.n_rows)
        plan = plan_streams(dataset.lengths, rows, int(self.bptt))
        return in_streams(dataset, plan.lengths)

    def _language_config(self) -> dict[str, Any]:
        """Return the arguments that both networks have."""
        is_tokens = self._targets.generates_tokens
        return {
            "n_outputs": self._targets.n_outputs,
            "embedding_dim": self.embedding_dim if is_tokens else None,
            "tie_weights": self.tie_weights,
            "word_dropout": self.word_dropout,
            **self._inputs.static_config(),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.two_d_array = False
        return tags


def choose_dropout(n_steps: int, hidden_size: int, num_layers: int) -> float:
    """Return the rate of ``dropout="auto"`` for so many training steps."""
    ratio = n_steps / (num_layers * hidden_size**2)
    return next(rate for least, rate in AUTO_DROPOUTS.items() if ratio >= least)


@estimator
class SequenceGenerator(
    GenerationTask,
    OtherParameters,
    GenerationParameters,
    StoppingParameters,
    AugmentParameters,
    LoopParameters,
    TruncationParameters,
    StaticGapParameters,
    FieldParameters,
    TokenParameters,
    LanguageDropoutParameters,
    TyingParameters,
    CellParameters,
):
    """Recurrent language model that continues sequences: one to many.

    One word in, a text out; one note in, a tune out. Steps are tokens, or vectors of
    zeros and ones (the notes that sound together). Like scikit-learn's density models it
    has ``sample`` and ``score_samples``.

    Parameters
    ----------
    Network: cell, hidden_size, num_layers, tie_weights, dropout, dropout_mask,
        weight_dropout.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        static_features, missing.
    Training: bptt, max_epochs, batch_size, lr, optimizer, weight_decay, lr_schedule,
        max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: max_length, n_estimators, n_jobs, callbacks, warm_start, checkpoint,
        on_interrupt, keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

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

    hidden_size: int = 256
    tokenizer: Any = "char"

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            **config_of(self, CellParameters),
            **self._language_config(),
            **config_of(self, LanguageDropoutParameters),
        }
        if config["dropout"] == "auto":
            n_steps = int(lengths.sum())
            rate = choose_dropout(n_steps, int(self.hidden_size), int(self.num_layers))
            config["dropout"] = rate
        return build_network("language", config, generator)


@estimator
class FeedForwardGenerator(
    GenerationTask,
    OtherParameters,
    GenerationParameters,
    StoppingParameters,
    AugmentParameters,
    LoopParameters,
    TruncationParameters,
    StaticGapParameters,
    FieldParameters,
    TokenParameters,
    DropoutParameters,
    TyingParameters,
    HistoryParameters,
    DenseParameters,
):
    """Feed-forward language model over the last ``window`` steps: an n-gram network.

    The baseline for ``SequenceGenerator``, on the same X: what lies further back cannot
    help it.

    Parameters
    ----------
    Network: hidden_layer_sizes, activation, window, tie_weights, dropout.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        static_features, missing.
    Training: bptt, max_epochs, batch_size, lr, optimizer, weight_decay, lr_schedule,
        max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: max_length, n_estimators, n_jobs, callbacks, warm_start, checkpoint,
        on_interrupt, keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

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

    hidden_layer_sizes: Any = (256,)
    tokenizer: Any = "char"

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            "window": self.window,
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            **self._language_config(),
            **config_of(self, DropoutParameters),
        }
        return build_network("window_language", config, generator)
