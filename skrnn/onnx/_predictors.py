"""Fitted estimators that predict by a graph, one class a kind of targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skrnn.data.codecs import EncodedSequences
from skrnn.data.containers import CheckedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import (
    ClassTargets,
    MultilabelTargets,
    NumberTargets,
    StepNumberTargets,
    StepTargets,
)
from skrnn.onnx._batches import flat_steps, make_batches
from skrnn.onnx._paths import (
    Transitions,
    best_path,
    best_path_log_likelihood,
    marginals,
)


class Predictor(BaseEstimator):
    """Abstract base: a fitted estimator that a model file holds.

    Parameters
    ----------
    path : str
        The file.
    n_threads : int or None
        Threads of onnxruntime.
    """

    def __init__(self, path: str, n_threads: int | None = None):
        self.path = path
        self.n_threads = n_threads

    def _start(self, document: dict[str, Any], session: Any) -> None:
        """Take over what the file holds."""
        self._session = session
        self._names = [value.name for value in session.get_inputs()]
        self._inputs, self._targets = document["inputs"], document["targets"]
        self._options = document["options"]
        learned = {
            **document["attributes"],
            "vocabulary_": self._inputs.token_ids,
            "target_vocabulary_": self._targets.vocabulary,
            "classes_": self._targets.classes,
        }
        for name, value in learned.items():
            if value is not None:
                setattr(self, name, value)

    def _check_X(self, X: Any) -> CheckedSequences:
        """Validate X against the fit."""
        return self._inputs.check_new(X, estimator=self)

    def _by_sequence(
        self,
        encoded: EncodedSequences,
        decode: Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray] | None = None,
    ) -> NDArray:
        """Return ``decode(outputs, lengths)`` of each batch, ``(n_sequences, ...)``."""
        result: NDArray | None = None
        for batch in make_batches(encoded, self._names):
            (outputs,) = self._session.run(None, batch.inputs)
            decoded = outputs if decode is None else decode(outputs, batch.lengths)
            if result is None:
                result = np.empty((len(encoded), *decoded.shape[1:]), decoded.dtype)
            result[batch.indices] = decoded
        assert result is not None  # input validation refuses empty X
        return result

    def _by_step(
        self,
        encoded: EncodedSequences,
        decode: Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray] | None = None,
    ) -> RaggedArray:
        """Return ``decode(outputs (B, T, n_outputs), lengths)`` at each real step."""
        steps = encoded.steps
        values: NDArray | None = None
        for batch in make_batches(encoded, self._names):
            (outputs,) = self._session.run(None, batch.inputs)
            decoded = outputs if decode is None else decode(outputs, batch.lengths)
            if values is None:
                shape = (len(steps.values), *decoded.shape[2:])
                values = np.empty(shape, decoded.dtype)
            rows, real = flat_steps(steps, batch.indices, batch.lengths, decoded.shape[1])
            values[rows] = decoded[real]
        assert values is not None  # input validation refuses empty X
        return steps.with_values(values)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Predictor:
        return self  # there is nothing to fit again

    def __reduce__(self) -> Any:
        return _load_again, (self.path, self.n_threads)


class OnnxClassifier(ClassifierMixin, Predictor):
    """Predicts a class, or several labels, a sequence."""

    classes_: NDArray

    def predict(self, X: Any) -> NDArray:
        """Return the most probable label of each sequence.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_labels)
            Labels, or 0/1 indicators.
        """
        checked = self._check_X(X)
        return self._targets.decode(self._logits(checked), checked)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        probabilities : float32 ndarray of shape (n_sequences, n_classes)
            In the order of ``classes_``.
        """
        logits = self._logits(self._check_X(X))
        if self._targets.independent:
            with np.errstate(over="ignore"):  # exp becomes inf, and the result 0
                return np.reciprocal(1 + np.exp(-logits))
        return softmax(logits)

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the logarithm of ``predict_proba``, exact where it is tiny.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        log_probabilities : float32 ndarray of shape (n_sequences, n_classes)
            In nats.
        """
        logits = self._logits(self._check_X(X))
        if self._targets.independent:
            return -np.logaddexp(np.float32(0), -logits)
        return log_softmax(logits)

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return the logits; for two classes the second's minus the first's.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        scores : float32 ndarray of shape (n_sequences,) or (n_sequences, n_classes)
            Positive means the second class, or the label.
        """
        logits = self._logits(self._check_X(X))
        if not self._targets.independent and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def _logits(self, X: CheckedSequences) -> NDArray[np.float32]:
        return self._by_sequence(self._inputs.encode(X))


class OnnxRegressor(RegressorMixin, Predictor):
    """Predicts numbers for a sequence, or for each of its steps."""

    def predict(self, X: Any) -> NDArray:
        """Return the prediction for each sequence, or for each step, in y's units.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            With ``loss="quantile"`` the median. With numbers for each step an object
            array ``(n_sequences,)`` of float64 arrays ``(n_steps_i,)`` or (n_steps_i,
            n_outputs).
        """
        checked = self._check_X(X)
        outputs = self._outputs(checked)
        if self._options["levels"]:
            median = self._options["sorted_levels"].index(0.5)
            outputs = self._uncrossed(outputs)[:, median]
        return self._targets.decode(outputs, checked)

    def predict_quantiles(self, X: Any) -> NDArray:
        """Return the quantiles of a fit with ``loss="quantile"``, in y's units.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        quantiles : ndarray
            Of shape (n_sequences, n_quantiles), or (n_sequences, n_quantiles, n_outputs)
            for several outputs; with numbers for each step an object array of such arrays.

        Raises
        ------
        ValueError
            If the fit was with another loss.
        """
        learned = self._options["sorted_levels"]
        if not self._options["levels"]:
            raise ValueError('predict_quantiles needs a fit with loss="quantile"')
        checked = self._check_X(X)
        columns = [learned.index(level) for level in self._options["levels"]]
        quantiles = self._uncrossed(self._outputs(checked))[:, columns]
        return self._targets.decode(quantiles, checked)

    def _uncrossed(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return all quantiles ``(n, n_quantiles, K)``, none above a higher one."""
        n, width = outputs.shape  # n may be 0
        n_levels = len(self._options["sorted_levels"])
        return np.sort(outputs.reshape(n, n_levels, width // n_levels), axis=1)

    def _outputs(self, X: CheckedSequences) -> NDArray[np.float32]:
        """Return the outputs ``(n, n_outputs)`` of all sequences, or of all steps."""
        if not self._targets.by_step:
            return self._by_sequence(self._inputs.encode(X))
        real = with_steps(X)[1]
        if not len(real.steps):
            return np.empty((0, self._options["n_outputs"]), np.float32)
        return self._by_step(self._inputs.encode(real)).values


class OnnxTagger(Predictor):
    """Predicts a label for each step."""

    classes_: NDArray

    def predict(self, X: Any) -> NDArray:
        """Return a label for each step of each sequence.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``. A sequence without steps gets no labels.

        Returns
        -------
        y_pred : ndarray of object of shape (n_sequences,)
            Lists of labels, or strings where y was; for an array X
            ``(n_sequences, n_steps)`` labels.
        """
        checked = self._check_X(X)
        transitions = self._transitions
        ids = self._steps(
            checked,
            lambda logits, lengths: (
                logits.argmax(2)
                if transitions is None
                else best_path(logits, lengths, transitions)
            ),
            np.empty(0, np.int64),
        )
        of_tokens = isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] > 1
        if of_tokens or checked.form.container in ("columns", "array"):
            return self.classes_[ids.values].reshape(len(checked.steps), -1)
        return object_array(self._targets.decode(ids, checked))

    def predict_proba(self, X: Any) -> NDArray[np.object_]:
        """Return the probability of each class at each step; with a CRF, marginals.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        probabilities : ndarray of object of shape (n_sequences,)
            float32 arrays of shape (n_steps_i, n_classes), in the order of ``classes_``.
        """
        transitions = self._transitions
        steps = self._steps(
            self._check_X(X),
            lambda logits, lengths: (
                softmax(logits)
                if transitions is None
                else marginals(logits, lengths, transitions)
            ),
            np.empty((0, len(self.classes_)), np.float32),
        )
        return object_array(list(steps))

    def predict_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """Return the log-probability of the labels that ``predict`` chooses.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        log_likelihood : float64 ndarray of shape (n_sequences,)
            In nats, at most 0; of a sequence without steps 0.
        """
        checked = self._check_X(X)
        transitions = self._transitions
        result = np.zeros(len(checked.steps))
        filled, real = with_steps(checked)
        if len(filled):
            result[filled] = self._by_sequence(
                self._inputs.encode(real),
                lambda logits, lengths: (
                    _highest_log_likelihood(logits, lengths)
                    if transitions is None
                    else best_path_log_likelihood(logits, lengths, transitions)
                ),
            )
        return result

    @property
    def _transitions(self) -> Transitions | None:
        scores = self._options["transitions"]
        return None if scores is None else Transitions(*scores)

    def _steps(
        self, X: CheckedSequences, decode: Callable[..., NDArray], nothing: NDArray
    ) -> RaggedArray:
        """Return ``decode``'s result for each step; ``nothing`` if X has no steps."""
        filled, real = with_steps(X)
        if not len(filled):
            return X.steps.with_values(nothing)
        steps = self._by_step(self._inputs.encode(real), decode)
        return X.steps.with_values(steps.values)


def _highest_log_likelihood(
    logits: NDArray[np.float32], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return ``(B,)`` the summed log-probabilities of each step's highest label."""
    highest = log_softmax(logits.astype(np.float64)).max(2)  # (B, T)
    return np.where(np.arange(highest.shape[1]) < lengths[:, None], highest, 0.0).sum(1)


def _load_again(path: str, n_threads: int | None) -> Predictor:
    from skrnn.onnx._runtime import load

    return load(path, n_threads=n_threads)


def with_steps(X: CheckedSequences) -> tuple[NDArray[np.int64], CheckedSequences]:
    """Return the indices of the sequences that have steps, and these sequences."""
    filled = np.flatnonzero(X.steps.lengths)
    return filled, X if len(filled) == len(X.steps) else X.take(filled)


def softmax(logits: NDArray) -> NDArray:
    """Return probabilities over the last axis; SciPy's takes ten times as long for a row."""
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def log_softmax(logits: NDArray) -> NDArray:
    """Return log-probabilities over the last axis, in nats."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


#: By the kind of targets.
PREDICTORS: dict[type, type[Predictor]] = {
    ClassTargets: OnnxClassifier,
    MultilabelTargets: OnnxClassifier,
    NumberTargets: OnnxRegressor,
    StepNumberTargets: OnnxRegressor,
    StepTargets: OnnxTagger,
}
