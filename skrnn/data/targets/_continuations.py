"""Sequences as their own targets: what follows each of their steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skrnn.data.containers import CheckedSequences
from skrnn.data.inputs import Inputs
from skrnn.data.probabilities import softmax
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import shown
from skrnn.data.targets._base import CheckedData, CheckedTargets, Targets
from skrnn.data.targets._tokens import TargetTokenCodec
from skrnn.data.vocabulary import N_RESERVED, UNKNOWN


class Continuations(Targets):
    """Abstract base: X is its own y, one step later.

    Parameters
    ----------
    inputs : Inputs
        The estimator's inputs.
    """

    reads_late = True
    generates_tokens: bool

    def __init__(self, inputs: Inputs):
        self.inputs = inputs

    def encode(self, data: CheckedData) -> RaggedArray:
        """Return the steps that the network learns to predict."""
        return self.encode_steps(data.X.steps)

    def inputs_of(self, targets: RaggedArray) -> RaggedArray:
        """Return the network's inputs for these targets: one step late, 0 first."""
        late = np.roll(targets.values, 1, axis=0)
        late[targets.offsets[:-1][targets.lengths > 0]] = 0
        return targets.with_values(late)

    @abstractmethod
    def encode_steps(self, steps: RaggedArray) -> RaggedArray:
        """Return targets of plain steps."""

    @abstractmethod
    def prompts(self, steps: RaggedArray) -> RaggedArray:
        """Return the network's inputs for prompts: 0 first, the last step last."""

    @abstractmethod
    def decode_step(self, step: NDArray) -> Any:
        """Return one generated step as a user reads it."""

    @abstractmethod
    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of what follows, from logits ``(n, n_outputs)``."""

    @abstractmethod
    def ends(self, stop: Hashable | None, choices: dict[str, Any]) -> tuple[int, ...]:
        """Return the ids that end a sequence, validating ``stop`` and other choices."""

    def unknown_penalty(self, targets: RaggedArray) -> NDArray[np.float64]:
        """Return the nats by which a score is too high, ``(n_sequences,)``."""
        return np.zeros(len(targets))


class TokenContinuations(Continuations):
    """The next token, and last the end."""

    generates_tokens = True

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        #: Tokens of training that the vocabulary leaves out; they are counted and not kept,
        #: since a model must not give away what was seen once.
        self.n_left_out = 0

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return self.codec.end + 1

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return the steps of X."""
        return CheckedTargets(X.steps, X.texts)

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Take the vocabulary of the inputs, and learn how texts are spaced."""
        vocabulary = self.inputs.vocabulary
        assert vocabulary is not None
        if not vocabulary.ids:
            raise ValueError(
                f"no token of X {self.inputs.why_unknown}: there is nothing to generate"
            )
        self.codec = TargetTokenCodec(vocabulary)
        self.names = list(vocabulary.ids)
        self.are_texts = train.X.texts is not None
        self.tokenizer = self.inputs.string_tokenizer
        self.spacing = (
            self.tokenizer.learn_spacing(train.X.texts) if train.X.texts else None
        )

    def observe(self, train: CheckedData) -> None:
        """Count the tokens of training that the vocabulary leaves out.

        Of several parts the one that has the most counts: which of them have the same ones
        is not known.
        """
        left_out = set(train.X.steps.values) - self.codec.vocabulary.ids.keys()
        self.n_left_out = max(self.n_left_out, len(left_out))

    def encode_steps(self, steps: RaggedArray) -> RaggedArray:
        """Return ids with an end."""
        return self.codec.encode(steps)

    def prompts(self, steps: RaggedArray) -> RaggedArray:
        """Return ids, the beginning first."""
        return self.inputs_of(self.codec.encode(steps))

    def decode(self, outputs: RaggedArray, X: CheckedSequences) -> NDArray[np.object_]:
        """Return token lists, or texts where X was texts."""
        sequences = self.codec.decode(outputs)
        if self.are_texts:
            return object_array([self.tokenizer.join(t, self.spacing) for t in sequences])
        return object_array(sequences)

    def decode_step(self, step: NDArray[np.int64]) -> Hashable:
        """Return the token of an id."""
        return self.names[int(step) - N_RESERVED]

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return those of the tokens and last of the end, given that it is one of them."""
        return softmax(logits[:, N_RESERVED:])

    def ends(self, stop: Hashable | None, choices: dict[str, Any]) -> tuple[int, ...]:
        """Return the end, and the id of ``stop``."""
        if stop is None:
            return (self.codec.end,)
        ids = self.codec.vocabulary.ids
        if self.are_texts and isinstance(stop, str) and stop not in ids:
            pieces = self.tokenizer.split(stop)
            stop = pieces[0] if len(pieces) == 1 else stop
        try:
            known = stop in ids
        except TypeError:  # a list, or a tuple of lists
            known = False
        if not known:
            raise ValueError(f"stop={shown(stop)} is not a token in vocabulary_")
        return (self.codec.end, ids[stop])

    def counts(self, data: CheckedData) -> NDArray[np.int64]:
        """Return each sequence's tokens, the end counted."""
        return data.lengths + 1

    def unknown_penalty(self, targets: RaggedArray) -> NDArray[np.float64]:
        """Return the nats by which unknown tokens, sharing one probability, score too high.

        Each token that training left out has an equal part of it. Otherwise the model
        with the smallest vocabulary would score best.
        """
        unknown = np.append(0, np.cumsum(targets.values == UNKNOWN))
        return np.diff(unknown[targets.offsets]) * np.log(max(1, self.n_left_out))


class FeatureContinuations(Continuations):
    """The next step's independent features, zeros and ones."""

    generates_tokens = False

    @property
    def n_outputs(self) -> int:
        """Features of a step."""
        return int(self.inputs.codecs[0].n_features)

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return the steps of X; the first that holds another number is an error."""
        values = X.steps.values
        wrong = np.flatnonzero(((values != 0) & (values != 1)).any(axis=1))
        if len(wrong):
            sequence, step = X.steps.step_of(int(wrong[0]))
            raise ValueError(
                f"{X.name}[{sequence}], step {step} holds other numbers "
                "than 0 and 1; a generator learns tokens (integers with "
                'input_type="tokens") or 0/1 features'
            )
        return CheckedTargets(X.steps)

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn nothing: features are their own targets."""

    def encode_steps(self, steps: RaggedArray) -> RaggedArray:
        """Return the steps as float32."""
        return steps.with_values(steps.values.astype(np.float32, copy=False))

    def prompts(self, steps: RaggedArray) -> RaggedArray:
        """Return the steps, a step of zeros first."""
        steps = self.encode_steps(steps)
        nothing = np.zeros(steps.values.shape[1], steps.values.dtype)
        values = np.insert(steps.values, steps.offsets[1:], nothing, axis=0)
        return self.inputs_of(RaggedArray.from_lengths(values, steps.lengths + 1))

    def decode(self, outputs: RaggedArray, X: CheckedSequences) -> NDArray[np.object_]:
        """Return float32 arrays ``(n_steps, n_features)``."""
        return object_array(np.split(outputs.values, outputs.offsets[1:-1]))

    def decode_step(self, step: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features as they are, in an array of their own."""
        return step.copy()  # the network reads the other next

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return each feature's own."""
        return expit(logits)

    def ends(self, stop: Hashable | None, choices: dict[str, Any]) -> tuple[int, ...]:
        """Return nothing: features never end; a choice among tokens is an error."""
        for name, value in {**choices, "stop": stop}.items():
            if value is not None:
                raise ValueError(
                    f"{name}={shown(value)} has no effect: steps are features, not tokens"
                )
        return ()

    def counts(self, data: CheckedData) -> NDArray[np.int64]:
        """Return each sequence's steps."""
        return data.lengths
