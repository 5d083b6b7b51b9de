"""The scale of forecasts' errors, and simple forecasts beside them."""

import numpy as np
import pytest

from skrnn.data.forecasting import SeriesInputs, Span
from skrnn.estimators._backtest import errors_of_persistence


def windows_after(series, origin, horizon=2):
    inputs = SeriesInputs(horizon=horizon)
    panel = inputs.read([series])
    return inputs.cut(Span(panel, np.array([origin]), np.array([origin]), 4))


RISING = np.cumsum(np.arange(40.0))  # changes by 1, 2, 3, ...


@pytest.mark.parametrize(
    ("origin", "n_steps", "lag", "used"),
    [
        (30, 40, 12, 30),  # 18 changes of a season
        (20, 40, 12, 20),
        (19, 40, 1, 19),  # 7 changes are too few
        (9, 40, 1, 9),
        (8, 40, 12, 40),  # of the whole series
        (8, 12, 1, 12),
        (3, 5, 1, 3),
        (1, 3, 1, 3),
    ],
)
def test_the_scale_comes_from_enough_changes(origin, n_steps, lag, used):
    series = RISING[:n_steps]
    scale = errors_of_persistence(windows_after(series, origin), 12)
    expected = np.abs(series[:used][lag:] - series[:used][:-lag]).mean()
    assert scale == pytest.approx(expected)
