"""Series as overlapping windows, with the steps that follow each of them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.utils.validation import check_scalar

from skrnn.data.layouts import open_series
from skrnn.data.steps import shown


def sliding_windows(
    series: Any,
    *,
    window: int,
    horizon: int = 1,
    stride: int = 1,
    target: Any = None,
) -> tuple[NDArray, NDArray]:
    """Cut a series into windows and the steps that follow each of them, for forecasting.

    Window ``i`` starts at step ``i * stride``, its target at step ``i * stride + window``.

    Parameters
    ----------
    series : array-like, Series or DataFrame of shape (n_steps,) or (n_steps, n_features)
        Numbers in order of time.
    window : int
        Steps of a window, at least 1. A longer one covers more of the past and leaves
        fewer windows.
    horizon : int, default=1
        Steps to forecast, at least 1.
    stride : int, default=1
        Steps from the start of a window to the next, at least 1. A larger one gives
        fewer windows, which overlap less.
    target : column name (DataFrame) or index (array), default=None
        The feature to forecast. None takes the only one.

    Returns
    -------
    X : ndarray of shape (n_windows, window) or (n_windows, window, n_features)
        The windows in order of time, with the features where ``series`` is 2-D. Both are
        sequences to skrnn; scikit-learn's regressors read the 2-D form as lags.
    y : ndarray of shape (n_windows,) or (n_windows, horizon)
        The targets; 2-D where ``horizon`` is above 1.

    Raises
    ------
    TypeError
        If the series, or one of its columns, is not numeric.
    ValueError
        If a parameter is out of its range, the series is too short, or ``target`` is
        missing or not a feature.

    Notes
    -----
    X and y are read-only views; where the series is an array, nothing is copied. Masked
    and missing values become NaN.

    The windows overlap, so they must be split by time: a random split shows a network
    in training what it is tested on. ``TimeSeriesSplit(gap=(horizon - 1) // stride)``
    is enough for the targets of training to lie before the targets of the test, as in
    real forecasting, where the past is known. With
    ``gap=(window + horizon - 1) // stride`` training and test share no value at all.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn.preprocessing import sliding_windows
    >>> X, y = sliding_windows(np.arange(7), window=3, horizon=2)
    >>> X
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    >>> y
    array([[3, 4],
           [4, 5],
           [5, 6]])
    """
    for name, value in (("window", window), ("horizon", horizon), ("stride", stride)):
        check_scalar(value, name, Integral, min_val=1)
    values, column = _series_values(series, target)
    if len(values) < window + horizon:
        raise ValueError(
            f"series has {len(values)} steps, but window={window} and horizon={horizon} "
            f"need at least {window + horizon}"
        )
    X = sliding_window_view(values[:-horizon], window, axis=0)[::stride]
    y = sliding_window_view(column[window:], horizon)[::stride]
    if X.ndim == 3:  # (n_windows, n_features, window)
        X = X.transpose(0, 2, 1)  # (n_windows, window, n_features)
    return X, y[:, 0] if horizon == 1 else y


def _series_values(series: Any, target: Any) -> tuple[NDArray, NDArray]:
    """Return the numbers ``(n_steps[, n_features])`` and the column to forecast."""
    values, names = open_series(series, "series")
    if values.ndim not in (1, 2):
        raise ValueError(
            f"series has {values.ndim} dimensions, expected (n_steps,) or "
            "(n_steps, n_features)"
        )
    if values.ndim == 1:
        if target is not None:
            raise ValueError(
                f"target={shown(target)} must be None: the series has one feature"
            )
        return values, values
    if values.shape[1] == 0:
        raise ValueError("series has no features")
    return values, values[:, _target_column(names, target, values.shape[1])]


def _target_column(names: list | None, target: Any, n_features: int) -> int:
    if target is None:
        if n_features > 1:
            raise ValueError(
                f"target must say which of the {n_features} features to forecast"
            )
        return 0
    if names is not None:
        if target not in names:
            raise ValueError(
                f"target={shown(target)} is not a column of the series, which has "
                f"{shown(names)}"
            )
        return names.index(target)
    check_scalar(target, "target", Integral, min_val=0, max_val=n_features - 1)
    return int(target)
