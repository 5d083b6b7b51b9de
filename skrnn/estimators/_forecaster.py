"""The future of series: the task of forecasters, SequenceForecaster and its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skrnn._warnings import warn
from skrnn.data.forecasting import MAX_WINDOWS, CheckedWindows, SeriesInputs, Span
from skrnn.data.targets import CheckedData, SeriesTargets, Targets
from skrnn.estimators._backtest import Backtest, errors_of_persistence, make_backtest
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._feedforward import layer_sizes
from skrnn.estimators._parameters import (
    CellParameters,
    DenseParameters,
    DropoutParameters,
    ForecastParameters,
    HorizonDecoderParameters,
    HorizonParameters,
    RegressionLossParameters,
    SeriesParameters,
)
from skrnn.estimators._rows import check_parameters, config_of, estimator
from skrnn.modules.networks import build_network
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs
from skrnn.training.losses import HorizonRegression, loss_arguments, make_loss

#: Forecasts of a step ahead from which its quantiles are taken; of fewer, all steps share
#: theirs, in units of each step's own error.
MIN_ERRORS = 100
#: Windows that a short series must have before its end is held out.
MIN_TRAINING = 8
#: Size of the decoder's vector of a step ahead.
STEP_DIM = 16


class Calibration(NamedTuple):
    """Measured on windows that training did not see.

    Attributes
    ----------
    trust : float
        From 0 to 1: how much of the network's correction of the autoregression is kept.
    offsets : float64 ndarray of shape (horizon, n_levels)
        Quantiles of the errors, in units of the scale of a window.
    """

    trust: float
    offsets: NDArray[np.float64]


class ForecastingTask(BaseSequenceEstimator):
    """Abstract base: windows of series, calibrated forecasts, backtests."""

    _auto_updates = 2000
    _auto_max_epochs = 300
    _inputs_class = SeriesInputs

    horizon: int
    loss: str
    quantiles: Sequence[float]
    calibration_fraction: float | None
    validation_fraction: float

    #: None where errors have not been measured.
    _calibration: Calibration | None = None

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None) -> ForecastingTask:
        """Train on one series or many.

        Parameters
        ----------
        X : Series, DataFrame, ndarray or list
            A Series, or a list of numbers, is one series. A frame of numbers, or a 2-D
            array, has one series a column; with ``target`` it is one series whose other
            columns are covariates. A list of Series, arrays or frames has one series an
            element. A frame whose cells are arrays has one series a row. Dates are in the
            index, or in the column ``time``.
        y : None
            Ignored: the future of a series is in X.
        X_val : like X, default=None
            Series to validate on, scored after each epoch and watched by early stopping.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is empty, if series are too short, if times are unsorted, come twice or
            are not regular, if values are missing and ``missing`` is "raise", if columns
            are missing, if a parameter is out of its range, or if training diverges.
        TypeError
            If X holds no series of numbers.
        """
        self._warn_of_y(y)
        check_parameters(self)
        warm = self.__sklearn_is_fitted__() and self.warm_start
        inputs = self._inputs if warm else self._make_inputs()
        span = inputs.training_span(inputs.read(X))
        calibration = self._calibrate(span)
        validation = Validation(X_val)
        if self.early_stopping is True and X_val is None:
            span, held_out = _split(span, self.validation_fraction, self.horizon)
            if held_out is None:
                warn(
                    "early_stopping is ignored: the series are too short to hold some out"
                )
            else:
                validation = Validation(_complete(held_out, self.horizon))
        self._fit(span, None, None, validation)
        self._calibration = calibration
        return self

    def partial_fit(self, X: Any, y: Any = None) -> ForecastingTask:
        """Train one pass over the windows of X at the constant rate ``lr``.

        Columns, frequency, window and scales are those of the first call. Calibration
        stays that of the last ``fit``, if there was one.

        Parameters
        ----------
        X :
            As for ``fit``.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The estimator.
        """
        self._warn_of_y(y)
        self._partial_fit(X, None, None)
        return self

    def predict(self, X: Any) -> Any:
        """Return the ``horizon`` steps that follow each series.

        Parameters
        ----------
        X :
            As for ``fit``; the series may be others, of any length of at least 1 step.
            Columns that are known ahead have ``horizon`` more steps.

        Returns
        -------
        forecast : Series, DataFrame, ndarray or list
            In the form of X: a Series with dates of a Series, or of a frame with
            ``target``; a DataFrame of a frame; an array ``(n_series, horizon)`` of a list
            of arrays, a list of other lists; of a frame with one row a series a Series
            indexed by its id and time. With ``loss="quantile"`` the median.
        """
        windows = self._check_ends(X)
        return windows.panel.as_user(self._point(windows, self._relative(windows)))

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Return quantiles of the steps that follow each series.

        Errors that were measured at the end of the training series widen each forecast, in
        proportion to how much the series moves in its window. With ``loss="quantile"``
        the network predicts the quantiles, and the errors correct them.

        Parameters
        ----------
        X :
            As for ``predict``.

        Returns
        -------
        quantiles : float64 ndarray of shape (n_series, horizon, n_quantiles)
            In the order of the ``quantiles`` parameter, never crossing.

        Raises
        ------
        ValueError
            If errors were not measured, by ``calibration_fraction=None``, by
            ``partial_fit`` alone or because the series were too short, and ``loss`` is not
            "quantile".

        References
        ----------
        Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018). Distribution-free predictive
        inference for regression. JASA 113, section 2.2.
        Romano, Patterson, Candès (2019). Conformalized quantile regression. NeurIPS.
        """
        check_is_fitted(self)
        self._check_has_quantiles()
        windows = self._check_ends(X)
        return self._quantiles(windows, self._relative(windows))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the negative error of each series' last steps, withheld.

        Parameters
        ----------
        X :
            As for ``fit``; each series has more than ``horizon`` steps.
        y : None
            Ignored.

        Returns
        -------
        score : float
            The negative mean absolute scaled error (MASE): 0 is perfect, and -1 as good as
            seasonal persistence on the steps before, one season ahead.

        References
        ----------
        Hyndman, Koehler (2006). Another look at measures of forecast accuracy. IJF 22(4).
        """
        check_is_fitted(self)
        windows = self._windows_before(X, n_windows=1, step=1)
        scale = errors_of_persistence(windows, self._season)
        point = self._point(windows, self._relative(windows))
        error = np.abs(point - windows.ahead) / scale[:, None]
        return -float(np.nanmean(error))

    def backtest(
        self, X: Any, n_windows: int | None = None, step: int | None = None
    ) -> Backtest:
        """Forecast the end of each series again and again, and compare with what came.

        The network is not trained again: X must go beyond the series of ``fit`` for an
        honest result.

        Parameters
        ----------
        X :
            As for ``fit``.
        n_windows : int, default=None
            Forecasts of each series. None makes as many as fit into the last fifth of the
            longest.
        step : int, default=None
            Steps from one forecast to the next. None is ``horizon``: they do not overlap.

        Returns
        -------
        backtest : Backtest
            ``forecasts``, a tidy DataFrame; ``table``, errors beside those of persistence;
            ``plot``.

        Raises
        ------
        ValueError
            If no series has more than ``horizon`` steps.
        """
        check_is_fitted(self)
        step = self._inputs.options.horizon if step is None else int(step)
        if step < 1 or (n_windows is not None and n_windows < 1):
            raise ValueError(f"n_windows={n_windows} and step={step} must be at least 1")
        windows = self._windows_before(X, n_windows, step)
        relative = self._relative(windows)
        levels = tuple(map(float, self._fitted_parameters["quantiles"]))
        known = self._calibration is not None or bool(self.net_.criterion_.levels)
        return make_backtest(
            windows,
            self._point(windows, relative),
            self._quantiles(windows, relative) if known else None,
            levels if known else (),
            self._season,
            type(self).__name__,
        )

    # --- forecasts -------------------------------------------------------------------

    @property
    def _season(self) -> int:
        layout = self._inputs.options.layout
        return layout.season

    def _check_ends(self, X: Any) -> CheckedWindows:
        """Return the window at the end of each series."""
        windows: Any = self._check_X(X)
        return windows

    def _windows_before(self, X: Any, n_windows: int | None, step: int) -> CheckedWindows:
        """Return windows whose future is known, the last ones of each series."""
        panel, horizon = self._inputs.read(X), self._inputs.options.horizon
        last = panel.ends - horizon
        if last.max() < 1:
            raise ValueError(
                f"no series has more than horizon={horizon} steps; the longest has "
                f"{panel.ends.max()}"
            )
        if n_windows is None:
            n_windows = max(1, int(panel.ends.max() // 5 - horizon) // step + 1)
        n_steps = np.minimum(n_windows - 1, np.maximum(last - 1, 0) // step) * step
        first = np.where(last < 1, last + 1, last - n_steps)  # none of a short series
        windows = self._inputs.cut(
            Span(panel, first, last, self._inputs.n_steps), step=step
        )
        self._inputs.check_known(windows)
        return windows

    def _outputs(self, X: CheckedWindows) -> NDArray[np.float32]:
        return predict_outputs(self.net_, EncodedDataset(self._inputs.encode(X)))

    def _network_forecasts(self, X: CheckedWindows) -> NDArray[np.float64]:
        """Return forecasts in units of outputs: the point, then the learned levels.

        float64 ``(n_windows, horizon, 1 + n_levels)``; an output of 0 is the
        autoregression's forecast.
        """
        loss, outputs = self.net_.criterion_, self._outputs(X)
        point = loss.predict(outputs)[..., None].astype(np.float64)
        if not loss.levels:
            return point
        return np.concatenate([point, loss.predict_quantiles(outputs)], axis=-1)

    def _relative(self, X: CheckedWindows) -> NDArray[np.float64]:
        """Return the same, the network's correction reduced by calibration."""
        relative = self._network_forecasts(X)
        trust = 1.0 if self._calibration is None else self._calibration.trust
        return relative - (1 - trust) * relative[..., :1]

    def _point(self, X: CheckedWindows, relative: NDArray) -> NDArray[np.float64]:
        """Return forecasts ``(n_windows, horizon)`` in the units of the series."""
        return self._targets.decode(relative[..., 0], X)

    def _quantiles(self, X: CheckedWindows, relative: NDArray) -> NDArray[np.float64]:
        """Return quantiles ``(n_windows, horizon, n_levels)``."""
        levels = _levels_of(relative, len(self._fitted_parameters["quantiles"]))
        if self._calibration is not None:
            levels = levels + self._calibration.offsets / self._targets.scale[0]
        order = np.argsort(self._fitted_parameters["quantiles"], kind="stable")
        levels[..., order] = np.sort(levels, axis=-1)
        return self._targets.decode(levels, X)

    def _check_has_quantiles(self) -> None:
        if self._calibration is None and not self.net_.criterion_.levels:
            raise ValueError(
                "predict_quantiles needs errors that were measured in fit, on the share "
                "calibration_fraction of series that are long enough for it, or "
                'loss="quantile"'
            )

    # --- calibration -----------------------------------------------------------------

    def _calibrate(self, span: Span) -> Calibration | None:
        """Train on the series without their ends, and measure the errors there."""
        if self.calibration_fraction is None:
            return None
        train, held_out = _split(span, self.calibration_fraction, self.horizon)
        if held_out is None:
            return None
        first = clone(self).set_params(
            calibration_fraction=None,
            early_stopping=False,
            warm_start=False,
            callbacks=None,
            verbose=0,
            window=span.window,
        )
        first._fit(train, None, None, Validation())
        windows = first._inputs.cut(held_out, most=MAX_WINDOWS, complete=True)
        if not len(windows.steps):
            return None
        true = first._targets.outputs_of(windows)  # (n, horizon)
        relative = first._network_forecasts(windows)  # (n, horizon, 1 + n_levels)
        trust = _trust(relative[..., 0], true)
        relative = relative - (1 - trust) * relative[..., :1]
        levels = _levels_of(relative, len(self.quantiles))
        # outputs of the network that is kept have another unit
        errors = (true[..., None] - levels) * first._targets.scale[0]
        return Calibration(trust, error_quantiles(errors, self.quantiles))

    def _warn_of_y(self, y: Any) -> None:
        if y is not None:
            warn(f"y is ignored: {type(self).__name__} learns what follows in X itself")

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: Any, y: Any) -> Targets:
        return SeriesTargets(self._inputs)

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        arguments = loss_arguments(self.loss, self.get_params(deep=False))
        return HorizonRegression, {"loss": self.loss, **arguments}

    def _horizon_config(self) -> dict[str, Any]:
        """Return the arguments of every network that forecasts."""
        loss = make_loss(self.loss, self.get_params(deep=False))
        return {
            "n_outputs": loss.n_outputs(self.horizon),
            "horizon": int(self.horizon),
            **self._inputs.network_config(),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.string = False
        return tags


# --- calibration -------------------------------------------------------------------------


def _split(span: Span, fraction: float, horizon: int) -> tuple[Span, Span | None]:
    """Return the windows of series without their ends, and those that forecast the ends.

    No step that the second ones forecast is seen by the first. A series that is too short
    stays whole in the first; None if all are.
    """
    panel, window = span.panel, span.window
    n_held_out = np.maximum(np.round(fraction * panel.ends), horizon).astype(np.int64)
    cut = panel.ends - n_held_out
    enough = cut >= np.maximum(span.first, np.minimum(window, span.last)) + horizon
    # of short series some windows that are not full
    enough |= (cut >= span.first + horizon + MIN_TRAINING) & (cut >= 2 * horizon)
    if not enough.any():
        return span, None
    ends = np.where(enough, cut, panel.ends)
    train = Span(panel.until(ends), span.first, ends - horizon, window)
    chosen = np.flatnonzero(enough)
    held_out = Span(panel.take(chosen), cut[chosen], panel.ends[chosen] - 1, window)
    return train, held_out


def _complete(span: Span, horizon: int) -> Span:
    """Return the windows whose whole horizon is known."""
    return replace(span, last=span.panel.ends - horizon)


def _trust(point: NDArray, true: NDArray) -> float:
    """Return the share of the network's correction that leaves the least squared error."""
    real = ~np.isnan(true)
    squares = float(np.square(point[real]).sum())
    if not squares > 0:
        return 1.0
    return float(np.clip((point[real] * true[real]).sum() / squares, 0.0, 1.0))


def _levels_of(relative: NDArray, n_levels: int) -> NDArray[np.float64]:
    """Return the forecast that each quantile starts from, ``(n, horizon, n_levels)``."""
    if relative.shape[-1] > 1:
        return relative[..., 1:]
    return np.repeat(relative, n_levels, axis=-1)


def error_quantiles(
    errors: NDArray[np.float64], levels: Sequence[float]
) -> NDArray[np.float64]:
    """Return the quantile of each level's errors, for each step ahead.

    Parameters
    ----------
    errors : float64 ndarray of shape (n_windows, horizon, n_levels)
        NaN where the truth is missing.
    levels : sequence of float

    Returns
    -------
    offsets : float64 ndarray of shape (horizon, n_levels)
        Of n errors the one of rank ``(n + 1) * level``, rounded away from the median.
    """
    horizon = errors.shape[1]
    size = np.sqrt(np.nanmean(np.square(errors), axis=(0, 2)))  # (horizon,)
    size = np.where(size > 0, size, 1.0)
    counts = (~np.isnan(errors[..., 0])).sum(axis=0)
    if (
        counts.min() < MIN_ERRORS
    ):  # of few errors the scale is known better than the tails
        size = np.sqrt(_increasing(np.square(size), counts))
    pooled = errors / size[:, None]
    result = np.empty((horizon, len(levels)))
    for j, level in enumerate(levels):
        for h in range(horizon):
            own = counts[h] >= MIN_ERRORS
            values = pooled[:, h, j] if own else pooled[..., j]
            result[h, j] = _rank(values[~np.isnan(values)], level) * size[h]
    return result


def _rank(values: NDArray[np.float64], level: float) -> float:
    n = len(values)
    place = (n + 1) * level - 1
    if level > 0.5:
        place = np.ceil(place)
    elif level < 0.5:
        place = np.floor(place)
    return float(np.interp(place, np.arange(n), np.sort(values)))


def _increasing(values: NDArray[np.float64], counts: NDArray) -> NDArray[np.float64]:
    """Return the closest values that never fall, weighted by counts (isotonic)."""
    from sklearn.isotonic import isotonic_regression

    return isotonic_regression(values, sample_weight=np.maximum(counts, 1e-3))


# --- estimators --------------------------------------------------------------------------


@estimator
class SequenceForecaster(
    ForecastingTask,
    ForecastParameters,
    RegressionLossParameters,
    SeriesParameters,
    DropoutParameters,
    CellParameters,
    HorizonDecoderParameters,
    HorizonParameters,
):
    """Recurrent network that forecasts series, with dates, covariates and intervals.

    One network is trained on windows of all series. The level of each window is removed,
    so that levels which training has not seen are no obstacle. A linear autoregression is
    fitted first, exactly, and the network learns what it leaves over.

    Parameters
    ----------
    Network: horizon, window, decoder, cell, hidden_size, num_layers, dropout.
    Inputs: target, time, freq, known_future, calendar, static_features, scale, missing.
    Training: loss, quantiles, max_epochs, batch_size, lr, optimizer, weight_decay,
        lr_schedule, max_grad_norm.
    Stopping: early_stopping, validation_fraction, n_iter_no_change,
        calibration_fraction.
    Other: callbacks, warm_start, verbose, device, random_state.

    Attributes
    ----------
    Common: net_, n_features_in_, feature_names_in_, n_parameters_, n_iter_, history_.

    See Also
    --------
    FeedForwardForecaster : The baseline without recurrence, on the same series.
    SequenceRegressor : Numbers that follow windows which the user has cut.

    References
    ----------
    Salinas, Flunkert, Gasthaus, Januschowski (2020). DeepAR: probabilistic forecasting
    with autoregressive recurrent networks. IJF 36(3).
    Kim, Kim, Tae, Park, Choi, Choo (2022). Reversible instance normalization for
    accurate time-series forecasting against distribution shift. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skrnn import SequenceForecaster
    >>> months = pd.date_range("2015-01", periods=96, freq="MS")
    >>> season = np.sin(2 * np.pi * np.arange(96) / 12)
    >>> sales = pd.Series(100 + np.arange(96) + 20 * season, months)
    >>> model = SequenceForecaster(horizon=3, max_epochs=20, random_state=0).fit(sales)
    >>> model.predict(sales).index.strftime("%Y-%m").tolist()
    ['2023-01', '2023-02', '2023-03']
    >>> model.predict_quantiles(sales).shape
    (1, 3, 3)
    """

    hidden_size: int = 64
    dropout: float = 0.1
    lr: float = 0.001
    weight_decay: float | str = "auto"
    quantiles: Sequence[float] = (0.05, 0.5, 0.95)

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            **config_of(self, CellParameters),
            "dropout": self.dropout,
            "bidirectional": False,
            **self._horizon_config(),
        }
        if self.decoder == "direct":
            return build_network("direct", config, generator)
        config |= {"target_dim": STEP_DIM, "attention": None}
        return build_network("horizon", config, generator)


@estimator
class FeedForwardForecaster(
    ForecastingTask,
    ForecastParameters,
    RegressionLossParameters,
    SeriesParameters,
    DropoutParameters,
    DenseParameters,
    HorizonParameters,
):
    """Feed-forward network that forecasts series from a window of their last steps.

    The baseline for ``SequenceForecaster``, on the same series.

    Parameters
    ----------
    Network: horizon, window, hidden_layer_sizes, activation, dropout.
    Inputs: target, time, freq, known_future, calendar, static_features, scale, missing.
    Training: loss, quantiles, max_epochs, batch_size, lr, optimizer, weight_decay,
        lr_schedule, max_grad_norm.
    Stopping: early_stopping, validation_fraction, n_iter_no_change,
        calibration_fraction.
    Other: callbacks, warm_start, verbose, device, random_state.

    Attributes
    ----------
    Common: net_, n_features_in_, feature_names_in_, n_parameters_, n_iter_, history_.

    See Also
    --------
    SequenceForecaster : The recurrent network.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import FeedForwardForecaster
    >>> wave = np.sin(np.arange(100) / 3)
    >>> model = FeedForwardForecaster(horizon=2, max_epochs=20, random_state=0).fit(wave)
    >>> model.predict(wave).shape
    (2,)
    """

    dropout: float = 0.0
    lr: float = 0.001
    weight_decay: float | str = "auto"
    quantiles: Sequence[float] = (0.05, 0.5, 0.95)

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            "window": self._inputs.n_steps,
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "dropout": self.dropout,
            **self._horizon_config(),
        }
        return build_network("window_horizon", config, generator)
