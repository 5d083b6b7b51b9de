"""Labels of steps, predicted by a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.containers import CheckedSequences
from skrnn.data.probabilities import log_softmax, softmax
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.onnx._paths import (
    Transitions,
    best_path,
    best_path_log_likelihood,
    marginals,
)
from skrnn.onnx._predictor import Predictor


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
        ids = self._best_ids(checked)
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
        filled, real = checked.filled()
        if len(filled):
            result[filled] = self._by_sequence(
                self._inputs.encode(real, origin=filled),
                lambda logits, lengths: (
                    _highest_log_likelihood(logits, lengths)
                    if transitions is None
                    else best_path_log_likelihood(logits, lengths, transitions)
                ),
                filled,
            )
        return result

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of steps that get their label.

        Parameters
        ----------
        X, y :
            As for the estimator's ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence's steps.

        Returns
        -------
        accuracy : float
            Between 0 and 1.
        """
        from skrnn.metrics import step_accuracy_score

        checked = self._check_X(X)
        true = self._targets.check_true(y, checked)
        pred = self._targets.decode_lists(self._best_ids(checked))
        return step_accuracy_score(list(true), pred, sample_weight=sample_weight)

    def _best_ids(self, X: CheckedSequences) -> RaggedArray:
        """Return the predicted class of each step."""
        transitions = self._transitions
        return self._steps(
            X,
            lambda logits, lengths: (
                logits.argmax(2)
                if transitions is None
                else best_path(logits, lengths, transitions)
            ),
            np.empty(0, np.int64),
        )

    @property
    def _transitions(self) -> Transitions | None:
        scores = self._options["transitions"]
        return None if scores is None else Transitions(*scores)

    def _steps(
        self, X: CheckedSequences, decode: Callable[..., NDArray], nothing: NDArray
    ) -> RaggedArray:
        """Return ``decode``'s result for each step; ``nothing`` if X has no steps."""
        filled, real = X.filled()
        if not len(filled):
            return X.steps.with_values(nothing)
        steps = self._by_step(self._inputs.encode(real, origin=filled), decode, filled)
        return X.steps.with_values(steps.values)


def _highest_log_likelihood(
    logits: NDArray[np.float32], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return ``(B,)`` the summed log-probabilities of each step's highest label."""
    highest = log_softmax(logits.astype(np.float64)).max(2)  # (B, T)
    return np.where(np.arange(highest.shape[1]) < lengths[:, None], highest, 0.0).sum(1)
