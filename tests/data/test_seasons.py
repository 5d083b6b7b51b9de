"""Seasons and calendar features."""

import numpy as np
import pandas as pd
import pytest

from skrnn.data.frequency import check_time_index
from skrnn.data.seasons import calendar_cycles, calendar_features, season_of


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        *[("MS", 12), ("ME", 12), ("BME", 12), ("2MS", 6), ("5MS", 1), ("QS", 4)],
        *[("YE", 1), ("W-MON", 52), ("2W-MON", 26), ("7D", 52), ("D", 7), ("2D", 1)],
        *[("B", 5), ("h", 24), ("2h", 12), ("30min", 48), ("10min", 144), ("min", 60)],
        *[("s", 60), ("15s", 4), ("7h", 1)],
    ],
)
def test_the_season_is_that_of_the_calendar(freq, season):
    assert season_of(pd.tseries.frequencies.to_offset(freq)) == season


def test_periods_have_seasons_and_counted_steps_have_none():
    index = pd.period_range("2020-01", periods=3, freq="M")
    assert season_of(check_time_index(index).offset) == 12
    assert season_of(check_time_index(pd.RangeIndex(3)).offset) == 1


@pytest.mark.parametrize(
    ("freq", "cycles"),
    [
        ("h", ["day", "week", "year"]),
        ("D", ["week", "year"]),
        ("W", ["year"]),
        ("MS", ["year"]),
        ("YS", []),
    ],
)
def test_the_calendar_has_the_cycles_of_a_frequency(freq, cycles):
    index = pd.date_range("2024-01-01", periods=30, freq=freq)
    assert calendar_cycles(index.freq) == cycles
    if cycles:
        features = calendar_features(index, cycles)
        assert features.shape == (30, 2 * len(cycles))
        np.testing.assert_allclose(np.square(features).sum(1), len(cycles))
