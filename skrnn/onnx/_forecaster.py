"""The future of series, predicted by a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.backtests import scaled_error, windows_before
from skrnn.data.forecasting import CheckedWindows, warn_of_few_errors
from skrnn.data.quantiles import quantile_forecasts, reduced
from skrnn.onnx._predictor import Predictor


class OnnxForecaster(Predictor):
    """Predicts the steps that follow series."""

    def predict(self, X: Any) -> Any:
        """Return the steps that follow each series.

        Parameters
        ----------
        X :
            As for the estimator's ``predict``.

        Returns
        -------
        forecast : Series, DataFrame, ndarray or list
            In the form of X, as from the estimator.
        """
        windows: Any = self._check_X(X)
        return windows.panel.as_user(self._point(windows))

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Return quantiles of the steps that follow each series.

        Parameters
        ----------
        X :
            As for the estimator's ``predict``.

        Returns
        -------
        quantiles : float64 ndarray of shape (n_series, horizon, n_quantiles)
            In the order of the estimator's ``quantiles``, never crossing.

        Raises
        ------
        ValueError
            If the estimator has no quantiles.

        Warns
        -----
        UserWarning
            If ``fit`` measured fewer errors than the outermost quantile needs.
        """
        if self._options["offsets"] is None and not self._options["levels"]:
            raise ValueError(
                "predict_quantiles needs an estimator that has quantiles: errors that were "
                'measured in fit, or loss="quantile"'
            )
        levels = self._options["every_level"][: self._options["n_levels"]]
        warn_of_few_errors(self._options.get("n_errors"), levels)
        windows: Any = self._check_X(X)
        every = self._every_quantile(windows, self._relative(windows))
        return every[..., : self._options["n_levels"]]

    def score(self, X: Any, y: Any = None) -> float:
        """Return the negative error of each series' last steps, withheld.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``; series of at most ``horizon`` steps are left
            out, with a warning.
        y : None
            Ignored.

        Returns
        -------
        score : float
            The negative mean absolute scaled error (MASE), as of the estimator: 0 is
            perfect, and -1 as good as seasonal persistence.

        Raises
        ------
        ValueError
            If no series has more than ``horizon`` steps, or none has a value among the
            steps to forecast.
        """
        windows = windows_before(self._inputs, X, n_windows=1, step=1)
        return -scaled_error(windows, self._point(windows), self._inputs.season)

    def _point(self, X: CheckedWindows) -> NDArray[np.float64]:
        """Return forecasts ``(n_windows, horizon)`` in the units of the series."""
        relative = self._relative(X)
        if not self._options["levels"]:
            return self._targets.decode(relative[..., 0], X)
        median = self._options["every_level"].index(0.5)
        return self._every_quantile(X, relative)[..., median]

    def _relative(self, X: CheckedWindows) -> NDArray[np.float64]:
        """Return forecasts in units of outputs: the point, then the learned levels.

        float64 ``(n_windows, horizon, 1 + n_learned)``, the network's correction of the
        autoregression reduced by calibration.
        """
        outputs = np.concatenate(
            [
                self._by_sequence(self._inputs.encode(part), places=part.series)
                for _, part in X.blocks()
            ]
        )
        levels, learned = self._options["levels"], self._options["sorted_levels"]
        relative = outputs[..., None].astype(np.float64)
        if levels:
            quantiles = np.sort(outputs.reshape(len(outputs), -1, len(learned)), axis=2)
            columns = [learned.index(level) for level in (0.5, *levels)]
            relative = quantiles[..., columns].astype(np.float64)
        return reduced(relative, self._options["trust"])

    def _every_quantile(
        self, X: CheckedWindows, relative: NDArray
    ) -> NDArray[np.float64]:
        every, offsets = self._options["every_level"], self._options["offsets"]
        scale = self._targets.scale[0]
        return self._targets.decode(
            quantile_forecasts(relative, every, offsets, scale), X
        )
