"""Numbers of sequences or steps, predicted by a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from skrnn.data.containers import CheckedSequences
from skrnn.data.quantiles import uncrossed
from skrnn.data.targets import check_weights
from skrnn.onnx._predictor import Predictor


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
        return self._predict(self._check_X(X))

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
        quantiles = uncrossed(self._outputs(checked), len(learned))[:, columns]
        return self._targets.decode(quantiles, checked)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, R².

        Parameters
        ----------
        X, y :
            As for the estimator's ``fit``. With numbers for each step it is that of all
            steps together.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence, or of each of its steps.

        Returns
        -------
        r2 : float
            1 for perfect predictions, 0 for the mean of y; the mean over the outputs.
        """
        from sklearn.metrics import r2_score

        checked = self._check_X(X)
        true = self._targets.check(y, checked).values
        weight, pred = check_weights(sample_weight, len(true)), self._predict(checked)
        if self._targets.by_step:
            weight = None if weight is None else np.repeat(weight, true.lengths)
            true, pred = true.values, np.concatenate(list(pred))
        return float(r2_score(true, pred, sample_weight=weight))

    def _predict(self, X: CheckedSequences) -> NDArray:
        """Return the predictions for validated sequences."""
        outputs = self._outputs(X)
        if self._options["levels"]:
            learned = self._options["sorted_levels"]
            outputs = uncrossed(outputs, len(learned))[:, learned.index(0.5)]
        return self._targets.decode(outputs, X)

    def _outputs(self, X: CheckedSequences) -> NDArray[np.float32]:
        """Return the outputs ``(n, n_outputs)`` of all sequences, or of all steps."""
        if not self._targets.by_step:
            return self._by_sequence(self._inputs.encode(X))
        filled, real = X.filled()
        if not len(real.steps):
            return np.empty((0, self._options["n_outputs"]), np.float32)
        return self._by_step(
            self._inputs.encode(real, origin=filled), places=filled
        ).values
