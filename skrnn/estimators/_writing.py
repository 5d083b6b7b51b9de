"""Writing: what a fitted language model does with prompts."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._sklearn import Interval, validate_parameter_constraints
from skrnn.data.containers import CheckedSequences
from skrnn.data.ragged import RaggedArray, object_array, offsets_of
from skrnn.data.target_codecs import TargetCodec
from skrnn.data.tokenizers import check_tokenizer
from skrnn.estimators._base import BaseNetworkEstimator
from skrnn.estimators._parameters import NON_NEGATIVE, POSITIVE_INT
from skrnn.generation.sampling import (
    MAX_TEMPERATURE,
    RandomStreams,
    Sampling,
    write_features,
    write_tokens,
)
from skrnn.modules.language import UNKNOWN
from skrnn.training.seeding import draw_seed

#: Prompts that are written on together, and logits that they may have together. A GPU is
#: as fast with many as with few.
MAX_ROWS = {"cpu": 1024, "cuda": 1 << 14}
MAX_LOGITS = {"cpu": 1 << 22, "cuda": 1 << 26}


class Writing(NamedTuple):
    """What is asked for: how steps are chosen, how many, before what to stop, by which seed."""

    how: Sampling
    max_length: int
    stop: Hashable | None
    seed: int


class SequenceWriter(BaseNetworkEstimator):
    """Abstract base: what writes on from prompts, one step after the other."""

    _strings: bool  # whether X was strings in fit
    max_length: int

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
        asked = self._check_writing("predict", None, temperature=0.0)
        return self._continue(X, asked, name="X")

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
        inputs = self._prompts(X, name="X")
        logits, _ = self.net_.read(inputs)
        if not self._writes_tokens:
            return logits.sigmoid().cpu().numpy()
        return logits[:, UNKNOWN + 1 :].softmax(1).cpu().numpy()

    def generate(
        self,
        prompts: Any,
        max_length: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Hashable | None = None,
        random_state: Any = None,
    ) -> NDArray[np.object_]:
        """Write sequences on.

        Parameters
        ----------
        prompts :
            Beginnings, as X for ``fit``; one may be empty.
        max_length : int, default=None
            Most steps to write; None takes the parameter ``max_length``.
        temperature : float, default=1.0
            Less than 1 prefers what is probable, more evens random_streams out, 0 always takes
            the most probable.
        top_k : int, default=None
            Choose among this many tokens, the most probable ones. Not for features.
        top_p : float in (0, 1], default=None
            Choose among the most probable tokens that have this probability together. Not
            for features.
        stop : token, default=None
            Writing also ends before this token. Not for features.
        random_state : int, RandomState or None, default=None
            Fixes what is written, of each prompt by its index alone: the others may be
            changed, and ``max_length`` raised. None writes something else each time.

        Returns
        -------
        continuations : ndarray of object of shape (n_sequences,)
            What was written, without the prompts: strings, token lists, or float32 arrays
            ``(max_length, n_features)``, as X was in ``fit``. The end is not part of it.

        Raises
        ------
        ValueError
            If an argument is out of its range, or the prompts are of another kind than X
            was.
        """
        asked = self._check_writing(
            "generate",
            random_state,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
        )
        return self._continue(prompts, asked, name="prompts")

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
        """Yield the steps that go on from one prompt, as they are written.

        The state is kept and nothing else: memory does not grow. Tokens go on until the
        end or ``stop`` comes, or after ``max_length``.

        Parameters
        ----------
        prompt :
            One sequence, as an element of X in ``fit``; may be empty.
        max_length, temperature, top_k, top_p, stop, random_state :
            As for ``generate``.

        Yields
        ------
        step : token or float32 ndarray of shape (n_features,)
            A token of ``vocabulary_``, or a step's features.
        """
        asked = self._check_writing(
            "stream",
            random_state,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
        )
        return self._stream(self._prompts([prompt], name="[prompt]"), asked)

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
        """Write sequences from nothing.

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
        check_is_fitted(self, "net_")
        validate_parameter_constraints(
            {"n_samples": [POSITIVE_INT]},
            {"n_samples": n_samples},
            caller_name=f"{type(self).__name__}.sample",
        )
        asked = self._check_writing(
            "sample",
            random_state,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
        )
        nothing = "" if self._strings else []
        return self._continue([nothing] * n_samples, asked, name="prompts")

    # --- what is asked for -----------------------------------------------------------

    def _check_writing(
        self,
        method: str,
        random_state: Any,
        *,
        max_length: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Hashable | None = None,
    ) -> Writing:
        """Return what a method is asked for, or raise a ValueError that names what not."""
        check_is_fitted(self, "net_")
        max_length = self.max_length if max_length is None else max_length
        asked = {
            "max_length": max_length,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
        }
        constraints = {
            "max_length": [POSITIVE_INT],
            "temperature": [NON_NEGATIVE],
            "top_k": [POSITIVE_INT, None],
            "top_p": [Interval(Real, 0, 1, closed="right"), None],
        }
        validate_parameter_constraints(
            constraints, asked, caller_name=f"{type(self).__name__}.{method}"
        )
        choices = {"top_k": top_k, "top_p": top_p, "stop": stop}
        for name, value in choices.items():
            if value is not None and not self._writes_tokens:
                raise ValueError(
                    f"{name}={value!r} is of no use: steps are features, not tokens"
                )
        self._check_stop(stop)
        temperature = float(min(temperature, MAX_TEMPERATURE))
        how = Sampling(temperature, None if top_k is None else int(top_k), top_p)
        seed = 0 if how.is_greedy else draw_seed(random_state)  # which moves numpy's own
        return Writing(how, int(max_length), stop, seed)

    def _check_stop(self, stop: Hashable | None) -> None:
        if stop is None:
            return
        try:
            known = stop in self.vocabulary_
        except TypeError:  # a list, or a tuple of lists
            known = False
        if not known:
            raise ValueError(f"stop={stop!r} is no token of vocabulary_")

    def _prompts(self, prompts: Any, name: str) -> RaggedArray:
        """Return what the network reads of each prompt."""
        return self._inputs_of(self._open(prompts, name))

    def _open(self, X: Any, name: str = "X") -> RaggedArray:
        """Return the steps of sequences as fit would have seen them."""
        check_is_fitted(self, "net_")
        checked = self._check_X(X, name=name, fitted=True)
        self._check_like_fit(X, checked, name=name)
        steps = checked.steps
        if not len(steps.values):  # no step tells the kind: take the fitted one
            width = () if self._writes_tokens else (self._n_outputs(),)
            steps = steps.with_values(np.zeros((0, *width), np.float32))
        return steps

    def _check_form(self, checked: CheckedSequences, name: str) -> None:
        super()._check_form(checked, name)
        if not self._writes_tokens or checked.strings == self._strings:
            return
        if checked.strings:
            raise ValueError(
                f"{name} holds strings, but {type(self).__name__} was fitted on token "
                "lists"
            )
        split = check_tokenizer(self._built_with["tokenizer"]).split
        tokens = checked.steps.values
        strange = {
            token
            for token in set(tokens) - self.vocabulary_.keys()
            if isinstance(token, str) and len(split(token)) > 1
        }
        for position, token in enumerate(tokens if strange else ()):
            if token in strange:
                sequence, step = checked.steps.step_of(position)
                raise ValueError(
                    f"{name}[{sequence}], step {step} is {token!r}, which the tokenizer "
                    "would split; a text is a string, or a list of its tokens"
                )

    # --- writing ---------------------------------------------------------------------

    def _continue(self, prompts: Any, asked: Writing, name: str) -> NDArray[np.object_]:
        """Return what follows each prompt, in the form in which X came."""
        inputs = self._prompts(prompts, name)
        rows, steps = [], []
        for block in self._blocks(inputs.lengths):
            for some, chosen in self._write(inputs.take(block), block, asked):
                rows.append(block[some.cpu().numpy()])
                steps.append(chosen.cpu().numpy())
        if not rows:  # only tokens can end at once
            rows = steps = [np.empty(0, np.int64)]
        return self._as_given(np.concatenate(rows), np.concatenate(steps), len(inputs))

    def _blocks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the indices of prompts that are written on together, similar lengths."""
        device = "cpu" if torch.device(self.net_.device).type == "cpu" else "cuda"
        n_rows = max(1, min(MAX_ROWS[device], MAX_LOGITS[device] // self._n_outputs()))
        order = np.argsort(lengths, kind="stable")
        return np.split(order, np.arange(n_rows, len(order), n_rows))

    def _write(
        self, inputs: RaggedArray, indices: NDArray[np.int64], asked: Writing
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield, step by step, the rows that are still written and their next steps."""
        logits, state = self.net_.read(inputs)
        how, device = asked.how, logits.device
        random_streams = None
        if not how.is_greedy:
            shape = () if self._writes_tokens else (logits.shape[1],)
            random_streams = RandomStreams(
                asked.seed, indices, shape, asked.max_length, device
            )
        if not self._writes_tokens:
            rows = torch.arange(len(logits))
            for features in write_features(
                self.net_.step,
                logits,
                state,
                asked.max_length,
                how=how,
                random_streams=random_streams,
            ):
                yield rows, features
            return
        ends = [self._input_codec.end]
        if asked.stop is not None:
            ends.append(self.vocabulary_[asked.stop])
        yield from write_tokens(
            self.net_.step,
            logits,
            state,
            asked.max_length,
            how=how,
            random_streams=random_streams,
            ends=torch.tensor(ends, device=device),
            never=torch.arange(UNKNOWN + 1, device=device),
        )

    def _stream(self, inputs: RaggedArray, asked: Writing) -> Iterator[Any]:
        names = list(self.vocabulary_) if self._writes_tokens else []
        for _, step in self._write(inputs, np.arange(1), asked):
            if self._writes_tokens:
                yield names[int(step) - UNKNOWN - 1]
            else:
                yield step[0].cpu().numpy().copy()  # the network reads it next

    def _as_given(
        self, rows: NDArray[np.int64], steps: NDArray, n_sequences: int
    ) -> NDArray[np.object_]:
        """Return steps, each with its sequence's index, in the form in which X came."""
        order = np.argsort(rows, kind="stable")
        lengths = np.bincount(rows, minlength=n_sequences)
        written = RaggedArray(steps[order], offsets_of(lengths))
        if not self._writes_tokens:
            return object_array(np.split(written.values, written.offsets[1:-1]))
        sequences = self._input_codec.decode(written)
        if self._strings:
            tokenizer = check_tokenizer(self._built_with["tokenizer"])
            return object_array([tokenizer.join(tokens) for tokens in sequences])
        return object_array(sequences)

    # --- hooks -----------------------------------------------------------------------

    @property
    def _writes_tokens(self) -> bool:
        return isinstance(self._input_codec, TargetCodec)

    def _inputs_of(self, steps: RaggedArray) -> RaggedArray:
        """Return what the network reads of sequences, whose next steps are wanted."""
        raise NotImplementedError
