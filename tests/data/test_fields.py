"""Frames of fields: time stamps of steps in every form that a cell may have."""

import datetime

import numpy as np
import pandas as pd
import pytest

from skrnn.data.containers import FieldOptions, check_sequences

DAYS = pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-09"])


def check(X, **options):
    return check_sequences(X, split=str.split, fields=FieldOptions(**options))


@pytest.mark.parametrize(
    "stamps",
    [
        DAYS,
        DAYS.to_numpy(),
        list(DAYS),
        list(DAYS.tz_localize("Europe/Berlin")),
        DAYS.tz_localize("Europe/Berlin"),
        [day.to_pydatetime() for day in DAYS],
        [day.date() for day in DAYS],
        [str(day.date()) for day in DAYS],
        list(DAYS.to_period("D")),
        [86_400, 2 * 86_400, 9 * 86_400.0],
    ],
    ids=range(10),
)
def test_time_stamps_of_every_form_become_seconds_from_the_first(stamps):
    frame = pd.DataFrame({"t": [stamps, stamps[1:]], "x": [[1.0, 2.0, 3.0], [4.0, 5.0]]})
    checked = check(frame, time="t")
    day = 24 * 3600
    assert (checked.seconds / day).tolist() == [0, 1, 8, 0, 7]
    assert checked.roles == {"t": "time", "x": "features"}


@pytest.mark.parametrize(
    ("stamps", "error", "message"),
    [
        ([0, 0], ValueError, r"row 1 of X\['t'\]: the time of step 1 is that of step 0"),
        ([1, 0], ValueError, r"row 1 of X\['t'\]: .* step 1 is before that of step 0"),
        ([DAYS[0], None], ValueError, r"row 1 of X\['t'\] lacks the time .* of step 1"),
        ([datetime.time(1)] * 2, TypeError, r"row 1 of X\['t'\] must hold dates, times"),
        ("noon", TypeError, r"row 1 of X\['t'\] must hold time stamps, one a step"),
    ],
    ids=range(5),
)
def test_times_that_give_no_order_are_named(stamps, error, message):
    frame = pd.DataFrame({"t": [[0, 1], stamps], "x": [[1.0, 2.0], [3.0, 4.0]]})
    with pytest.raises(error, match=message):
        check(frame, time="t")


def test_dates_that_no_parameter_names_are_refused():
    frame = pd.DataFrame({"t": [DAYS, DAYS], "x": [np.ones(3), np.ones(3)]})
    with pytest.raises(TypeError, match=r"X\['t'\] holds dates .* set time='t'"):
        check(frame)
