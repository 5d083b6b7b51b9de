"""Classes of sequences, predicted by a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from skrnn.data.containers import CheckedSequences
from skrnn.data.probabilities import log_softmax, softmax
from skrnn.data.targets import check_weights
from skrnn.onnx._predictor import Predictor


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

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of sequences that get their label.

        Parameters
        ----------
        X, y :
            As for the estimator's ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence.

        Returns
        -------
        accuracy : float
            Between 0 and 1; of several labels a sequence, the share of those that have all
            of theirs.
        """
        from sklearn.metrics import accuracy_score

        checked = self._check_X(X)
        true = self._targets.check(y, checked).values
        weight = check_weights(sample_weight, len(true))
        pred = self._targets.decode(self._logits(checked), checked)
        return float(accuracy_score(true, pred, sample_weight=weight))

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
