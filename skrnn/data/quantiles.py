"""Quantiles of forecasts: in order, and from what a network and its errors say.

Estimators and the predictors of ONNX files share these functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def uncrossed(outputs: NDArray[np.float32], n_levels: int) -> NDArray[np.float32]:
    """Return quantiles ``(n, n_levels, K)`` of outputs, none above a higher one.

    ``outputs`` are ``(n, n_levels * K)``, the numbers of the lowest level first.
    """
    n, width = outputs.shape  # n may be 0
    return np.sort(outputs.reshape(n, n_levels, width // n_levels), axis=1)


def reduced(relative: NDArray, trust: float) -> NDArray[np.float64]:
    """Return outputs with the share ``trust`` of the point forecast's correction.

    ``relative`` is ``(n, horizon, 1 + n_learned)``: the point forecast, then the learned
    levels.
    """
    return relative - (1 - trust) * relative[..., :1]


def levels_of(relative: NDArray, n_levels: int) -> NDArray[np.float64]:
    """Return the forecast that each quantile starts from, ``(n, horizon, n_levels)``.

    Those that the network has not learned start from its point forecast, the first column.
    """
    learned = relative[..., 1:]
    others = np.repeat(relative[..., :1], n_levels - learned.shape[-1], axis=-1)
    return np.concatenate([learned, others], axis=-1)


def quantile_forecasts(
    relative: NDArray,
    levels: Sequence[float],
    offsets: NDArray[np.float64] | None,
    scale: float,
) -> NDArray[np.float64]:
    """Return the forecast of each level ``(n, horizon, n_levels)``, none above a higher one.

    Parameters
    ----------
    relative : ndarray of shape (n, horizon, 1 + n_learned)
        The point forecast, then the learned levels, which are the first of ``levels``.
    levels : sequence of float
    offsets : float64 ndarray of shape (horizon, n_levels), or None
        Quantiles of errors, ``scale`` times the unit of ``relative``.
    scale : float
    """
    forecasts = levels_of(relative, len(levels))
    if offsets is not None:
        forecasts = forecasts + offsets / scale
    order = np.argsort(levels, kind="stable")
    forecasts[..., order] = np.sort(forecasts, axis=-1)
    return forecasts
