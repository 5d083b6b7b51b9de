"""The future of series: the task of forecasters, SequenceForecaster and its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, check_scalar

from skrnn._warnings import warn
from skrnn.data.autoregression import window_weights
from skrnn.data.backtests import scaled_error, windows_before
from skrnn.data.forecasting import (
    MAX_WINDOWS,
    CheckedWindows,
    SeriesInputs,
    Span,
    warn_of_few_errors,
)
from skrnn.data.quantiles import quantile_forecasts, reduced
from skrnn.data.targets import CheckedData, SeriesTargets, Targets
from skrnn.estimators._backtest import Backtest, make_backtest
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._calibration import (
    Calibration,
    all_levels,
    calibrate,
    complete,
    split_ends,
)
from skrnn.estimators._feedforward import layer_sizes
from skrnn.estimators._loop import Budget
from skrnn.estimators._parameters import (
    CellParameters,
    DenseParameters,
    DropoutParameters,
    ForecastParameters,
    HorizonDecoderParameters,
    HorizonParameters,
    RecurrentDropoutParameters,
    RegressionLossParameters,
    SeriesParameters,
)
from skrnn.estimators._rows import check_parameters, config_of, estimator
from skrnn.modules.networks import build_network
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs
from skrnn.training.losses import LOSSES, HorizonRegression, loss_arguments, make_loss

#: Size of the decoder's vector of a step ahead.
STEP_DIM = 16


class ForecastingTask(BaseSequenceEstimator):
    """Abstract base: windows of series, calibrated forecasts, backtests."""

    _budget = Budget(updates=2000, max_epochs=300, lr=0.001)
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
            columns are covariates. A list of Series, arrays, lists or frames has one series
            an element. A frame whose cells are arrays has one series a row. Dates are in the
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
        if warm:
            self._check_unchanged()  # what is read below depends on the parameters
        inputs = self._inputs if warm else self._make_inputs()
        span = inputs.training_span(inputs.read(X))
        stops = self._stops_early(X_val is not None)
        calibration = self._calibrate(span, inputs, stops)
        validation = Validation(X_val, may_be_drawn=False)
        if self._always_stops_early and X_val is None:
            span, validation = self._hold_out_ends(span, inputs)
            if validation.X is None:
                warn(
                    "early_stopping is ignored: the series are too short, or have too few "
                    "values, to hold some out"
                )
        self._fit(span, None, None, validation, user_X=X)
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
            of arrays, a list of Series of other lists. Of a frame with one row a series a
            Series with the index of X, whose cells are Series with dates: ``np.stack``
            makes an array ``(n_series, horizon)`` of it, and
            ``pd.concat(forecast.tolist(), keys=forecast.index)`` one Series. With
            ``loss="quantile"`` the median, as
            ``predict_quantiles`` has it; otherwise the network's forecast, of which the
            quantile 0.5 is the median.
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

        Warns
        -----
        UserWarning
            If fewer errors were measured than the outermost quantile needs.

        References
        ----------
        Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018). Distribution-free predictive
        inference for regression. JASA 113, section 2.2.
        Romano, Patterson, Candès (2019). Conformalized quantile regression. NeurIPS.
        """
        check_is_fitted(self)
        self._check_has_quantiles()
        if self._calibration is not None:
            warn_of_few_errors(
                self._calibration.n_errors, self._fitted_parameters["quantiles"]
            )
        windows = self._check_ends(X)
        return self._quantiles(windows, self._relative(windows))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the negative error of each series' last steps, withheld.

        Parameters
        ----------
        X :
            As for ``fit``; shorter series than ``horizon + 1`` steps are left out, with a
            warning. The forecast starts from the steps of X before them, not from those of
            ``fit``.
        y : None
            Ignored.

        Returns
        -------
        score : float
            The negative mean absolute scaled error (MASE): 0 is perfect, and -1 as good as
            seasonal persistence on the steps before, one season ahead; as persistence, one
            step ahead, where the series is too short for that.

        References
        ----------
        Hyndman, Koehler (2006). Another look at measures of forecast accuracy. IJF 22(4).
        """
        check_is_fitted(self)
        if y is not X:  # as callbacks of scikit-learn pass it
            self._warn_of_y(y)
        windows = windows_before(self._inputs, X, n_windows=1, step=1)
        point = self._point(windows, self._relative(windows))
        return -scaled_error(windows, point, self._inputs.season)

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
            Forecasts of each series; fewer, with a warning, where a window before them
            would be less than half as long as the others. None makes as many as fit into the last fifth of
            the longest.
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
            If no series has more than ``horizon`` steps, or none has a value among the
            steps to forecast.
        """
        check_is_fitted(self)
        step = self._inputs.options.horizon if step is None else step
        check_scalar(step, "step", Integral, min_val=1)
        if n_windows is not None:
            check_scalar(n_windows, "n_windows", Integral, min_val=1)
        windows = windows_before(self._inputs, X, n_windows, step)
        relative = self._relative(windows)
        levels = tuple(map(float, self._fitted_parameters["quantiles"]))
        known = self._calibration is not None or bool(self.net_.criterion_.levels)
        return make_backtest(
            windows,
            self._point(windows, relative),
            self._quantiles(windows, relative) if known else None,
            levels if known else (),
            self._inputs.season,
            type(self).__name__,
        )

    # --- forecasts -------------------------------------------------------------------

    def _check_ends(self, X: Any) -> CheckedWindows:
        """Return the window at the end of each series."""
        windows: Any = self._check_X(X)
        return windows

    def _outputs(self, X: CheckedWindows) -> NDArray[np.float32]:
        outputs = []
        for _, part in X.blocks():
            dataset = EncodedDataset(self._inputs.encode(part), origin=part.series)
            outputs.append(predict_outputs(self.net_, dataset))
        return np.concatenate(outputs)

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
        trust = 1.0 if self._calibration is None else self._calibration.trust
        return reduced(self._network_forecasts(X), trust)

    @property
    def _fitted_levels(self) -> list[float]:
        """The levels of all quantiles, the order that ``quantiles`` has."""
        learns = bool(self.net_.criterion_.levels)
        return all_levels(self._fitted_parameters["quantiles"], learns)

    def _point(self, X: CheckedWindows, relative: NDArray) -> NDArray[np.float64]:
        """Return forecasts ``(n_windows, horizon)`` in the units of the series."""
        if not self.net_.criterion_.levels:
            return self._targets.decode(relative[..., 0], X)
        return self._every_quantile(X, relative)[..., self._fitted_levels.index(0.5)]

    def _quantiles(self, X: CheckedWindows, relative: NDArray) -> NDArray[np.float64]:
        """Return quantiles ``(n_windows, horizon, n_levels)``."""
        n_levels = len(self._fitted_parameters["quantiles"])
        return self._every_quantile(X, relative)[..., :n_levels]

    def _every_quantile(
        self, X: CheckedWindows, relative: NDArray
    ) -> NDArray[np.float64]:
        offsets = None if self._calibration is None else self._calibration.offsets
        forecasts = quantile_forecasts(
            relative, self._fitted_levels, offsets, self._targets.scale[0]
        )
        return self._targets.decode(forecasts, X)

    def _check_has_quantiles(self) -> None:
        if self._calibration is None and not self.net_.criterion_.levels:
            raise ValueError(
                "predict_quantiles needs errors that were measured in fit, on the share "
                "calibration_fraction of series that are long enough and have values at "
                "their ends, or "
                'loss="quantile"'
            )

    # --- calibration -----------------------------------------------------------------

    def _hold_out_ends(self, span: Span, inputs: Any) -> tuple[Span, Validation]:
        """Return the windows of training, and those that early stopping watches."""
        train, held_out = split_ends(span, self.validation_fraction, self.horizon)
        ends = None if held_out is None else complete(held_out, self.horizon)
        if ends is not None and not all(map(inputs.has_windows, (train, ends))):
            train, ends = span, None
        return train, Validation(ends, may_be_drawn=False)

    def _calibrate(self, span: Span, inputs: Any, stops: bool) -> Calibration | None:
        """Train on the series without their ends, and measure the errors there.

        Where training ``stops`` early, it does so here, by the end of what remains.
        """
        if self.calibration_fraction is None:
            return None
        train, held_out = split_ends(span, self.calibration_fraction, self.horizon)
        if held_out is None:
            return None
        ends = complete(held_out, self.horizon)
        if not all(map(inputs.has_windows, (train, ends))):
            return None
        bare = copy(self)
        # callbacks see the training on everything; some cannot be copied
        bare.callbacks = None
        bare.set_callbacks()
        first = clone(bare).set_params(
            calibration_fraction=None,
            early_stopping=stops,
            warm_start=False,
            on_interrupt="raise",  # the estimator has not been trained at all
            verbose=0,
            window=span.window,
        )
        validation = Validation(may_be_drawn=False)
        if stops:
            train, validation = self._hold_out_ends(train, inputs)
        first._diagnoses = False
        first._fit(train, None, None, validation, stage="calibration")
        windows = first._inputs.cut(held_out, most=MAX_WINDOWS, complete=True)
        scale = first._inputs.level_and_scale(windows)[1]
        return calibrate(
            first._targets.outputs_of(windows),
            first._network_forecasts(windows),
            window_weights(scale[:, 0], windows.series),
            first._targets.scale[0],
            all_levels(self.quantiles, bool(first.net_.criterion_.levels)),
        )

    def _warn_of_y(self, y: Any) -> None:
        if y is not None:
            warn(f"y is ignored: {type(self).__name__} learns from X alone")

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: Any, y: Any) -> Targets:
        return SeriesTargets(self._inputs, LOSSES[self.loss].unit)

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


# --- estimators --------------------------------------------------------------------------


@estimator
class SequenceForecaster(
    ForecastingTask,
    ForecastParameters,
    RegressionLossParameters,
    SeriesParameters,
    RecurrentDropoutParameters,
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
    Network: horizon, window, decoder, cell, hidden_size, num_layers, dropout, dropout_mask,
        weight_dropout.
    Inputs: target, time, freq, known_future, calendar, static_features, scale, missing.
    Training: loss, quantiles, max_epochs, batch_size, lr, optimizer, weight_decay,
        lr_schedule, max_grad_norm, weight_averaging.
    Stopping: early_stopping, validation_fraction, n_iter_no_change,
        calibration_fraction.
    Other: n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    Common: net_, estimators_, n_features_in_, feature_names_in_, field_roles_, n_parameters_, n_iter_,
        history_.

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

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            **config_of(self, CellParameters),
            **config_of(self, RecurrentDropoutParameters),
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
        lr_schedule, max_grad_norm, weight_averaging.
    Stopping: early_stopping, validation_fraction, n_iter_no_change,
        calibration_fraction.
    Other: n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    Common: net_, estimators_, n_features_in_, feature_names_in_, field_roles_, n_parameters_, n_iter_,
        history_.

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
