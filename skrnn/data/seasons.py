"""Seasons of a frequency, and features of the calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import offsets

from skrnn.data.date_offsets import MONTHLY

#: Seconds of a day, an hour, a minute, a week and 52 weeks, and the most steps of a season.
SEASONS = ((86400, 144), (3600, 60), (60, 60), (604800, 7), (31449600, 52))
#: Cycles of the calendar: days of a cycle, and where in it a time is, from 0 to 1.
CYCLES: Mapping[str, float] = {"day": 1.0, "week": 7.0, "year": 365.25}


def season_of(offset: Any) -> int:
    """Return the steps of the usual season at a frequency, 1 where there is none.

    A year of months, quarters or weeks, a week of days or business days, a day of hours
    or of tens of minutes, an hour of minutes, a minute of seconds.
    """
    if not isinstance(offset, offsets.BaseOffset):
        return 1
    n = int(offset.n)
    if isinstance(offset, offsets.Week):
        return 52 // n if 52 % n == 0 else 1
    if isinstance(offset, offsets.BDay):
        return 5 if n == 1 else 1
    months = _months_of(offset)
    if months:
        return 12 // months if 12 % months == 0 else 1
    try:
        seconds = pd.Timedelta(offset) / pd.Timedelta(1, "s")
    except (ValueError, TypeError):
        return 1
    for cycle, longest in SEASONS:
        n_steps = cycle / seconds
        if 1 < n_steps <= longest and n_steps.is_integer():
            return int(n_steps)
    return 1


def _months_of(offset: Any) -> int:
    """Return the months of a step, 0 where it has no whole ones."""
    for n_months, anchored in zip(
        (1, 3, 12), zip(*MONTHLY.values(), strict=True), strict=True
    ):
        if isinstance(offset, anchored):
            return n_months * int(offset.n)
    return int(getattr(offset, "kwds", {}).get("months", 0)) * int(offset.n)


def calendar_cycles(offset: Any) -> list[str]:
    """Return the cycles that have several steps at a frequency."""
    if offset is None:
        return list(CYCLES)
    start = pd.Timestamp("2001-01-01")
    days = ((start + offset + offset) - (start + offset)) / pd.Timedelta(1, "D")
    return [name for name, length in CYCLES.items() if days < 0.6 * length]


def calendar_features(index: pd.Index, cycles: Sequence[str]) -> NDArray[np.float64]:
    """Return the sine and cosine of each cycle ``(n_steps, 2 * n_cycles)``."""
    stamps: Any = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    day = (stamps.hour + stamps.minute / 60 + stamps.second / 3600).to_numpy() / 24
    phases = {
        "day": day,
        "week": (stamps.day_of_week.to_numpy() + day) / 7,
        "year": (stamps.day_of_year.to_numpy() - 1 + day) / CYCLES["year"],
    }
    turns = [2 * np.pi * phases[name] for name in cycles]
    return np.column_stack([f(turn) for turn in turns for f in (np.sin, np.cos)])
