"""Windows whose future is known, and the scale of their errors."""

import numpy as np
import pytest

from skrnn.data.backtests import errors_of_persistence, windows_before
from skrnn.data.forecasting import SeriesInputs, Span

# --- windows -----------------------------------------------------------------------------


def fitted(horizon, window):
    """Return inputs that have seen a series of 60 steps."""
    inputs = SeriesInputs(horizon=horizon, window=window)
    inputs.check([np.arange(60.0)], estimator=None)
    return inputs


def test_the_first_window_is_the_first_one_of_training():
    inputs = fitted(horizon=2, window=10)
    windows = windows_before(inputs, np.arange(60.0), n_windows=54, step=1)
    assert windows.origins.tolist() == list(range(5, 59))  # five steps are half a window
    windows = windows_before(inputs, np.arange(6.0), n_windows=3, step=1)
    assert windows.origins.tolist() == [2, 3, 4]


def test_by_default_windows_fill_the_last_fifth_of_the_longest_series():
    inputs = fitted(horizon=3, window=10)
    panel = [np.arange(50.0), np.arange(20.0)]
    windows = windows_before(inputs, panel, n_windows=None, step=3)
    assert windows.origins[windows.series == 0].tolist() == [41, 44, 47]
    assert windows.origins[windows.series == 1].tolist() == [11, 14, 17]
    windows = windows_before(inputs, np.arange(12.0), n_windows=None, step=3)
    assert windows.origins.tolist() == [9]  # a fifth is less than the horizon


def test_fewer_windows_than_wanted_are_said_so():
    inputs, series = fitted(horizon=3, window=10), np.arange(60.0)
    windows_before(inputs, series, n_windows=18, step=3)  # the first after 6 steps
    message = (
        "X has 18 of n_windows=50 forecasts at step=3: .* at least 5 of its 60 steps"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        windows = windows_before(inputs, series, n_windows=50, step=3)
    assert (len(windows.origins), len(caught)) == (18, 1)
    panel = [series, series[:12], series[:12]]
    match = r"X\[1\] has 2 of n_windows=9 .*; 1 other series"
    with pytest.warns(UserWarning, match=match):
        windows_before(inputs, panel, n_windows=9, step=3)


# --- errors ------------------------------------------------------------------------------


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
