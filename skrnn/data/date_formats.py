"""Dates that users give as strings or as integers: which are read, and which refused.

ISO strings are read wherever times are expected in a column or a cell. Others, whose day
and month pandas would guess, numbers in strings, and integers such as 202001, whose
distances are not those of time, are refused with the way to convert them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.steps import shown

#: ISO 8601: a month, a day, or a time of one, with its zone.
ISO = re.compile(
    r"\d{4}-\d{2}(-\d{2}([T ]\d{2}(:?\d{2}(:?\d{2}([.,]\d+)?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?)?"
)
MONTH = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|"
    r"sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)\b\.?"
)
#: How strings that are dates begin: numbers, quarters and weeks, and names of months.
DATE = re.compile(
    r"\d{4}-\d{1,2}\b|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}/\d{4}$|\d{8}$"
    r"|\d{4}[-/ ]?[qw]\d{1,2}\b|q[1-4][-/ ]*\d{2,4}$"
    rf"|{MONTH}[-/, ]*'?\d{{1,4}}\b|(\d{{4}}|\d{{1,2}}(st|nd|rd|th)?)[-/. ]*{MONTH}",
    re.IGNORECASE,
)
#: Formats of integers that are dates, and the smallest and largest of them.
INTEGERS = {"%Y%m": (180001, 219912), "%Y%m%d": (18000101, 21991231)}
#: Times from which integers are compared with these formats.
MIN_INTEGERS = 3
REMEDY = (
    "make dates of them by pd.to_datetime(..., format=...), or numbers by pd.to_numeric"
)


def is_date(text: str) -> bool:
    """Return whether a string looks like a date, in whatever format."""
    return DATE.match(text.strip()) is not None


def format_of_integers(values: NDArray) -> str | None:
    """Return the format in which all of some numbers are dates, None if there is none.

    Of numbers that count steps at most twelve in a row are valid months.
    """
    if len(values) < MIN_INTEGERS or values.dtype.kind not in "iuf":
        return None
    for written, (first, last) in INTEGERS.items():
        if not (first <= values[0] and values[-1] <= last):
            continue
        if not (values == np.rint(values)).all():
            return None
        texts = pd.Index(values.astype(np.int64)).astype(str)
        if pd.to_datetime(texts, format=written, errors="coerce").notna().all():
            return written
    return None


def dates_of_strings(values: Any, place: str, *, utc: bool = False) -> pd.DatetimeIndex:
    """Return dates of ISO strings, among which values may be missing.

    Parameters
    ----------
    values : sequence of str
    place : str
        Where they are, in messages.
    utc : bool
        Whether times of several zones are brought to one.

    Raises
    ------
    ValueError
        If a string is in another format, or is not a date.
    """
    # of strings of NumPy some releases of pandas read no dates
    index = pd.Index([str(v) if isinstance(v, str) else v for v in values])
    _check_iso((v for v in index.unique() if isinstance(v, str)), place)
    try:
        with warnings.catch_warnings():
            # pandas 2.2 warns where 3 raises
            warnings.filterwarnings(
                "error", "In a future version of pandas, parsing datetimes with mixed"
            )
            return pd.DatetimeIndex(pd.to_datetime(index, format="ISO8601", utc=utc))
    except (FutureWarning, ValueError, TypeError) as error:
        if isinstance(error, FutureWarning) or "Mixed timezones" in str(error):
            raise ValueError(
                f"{place} holds dates with several offsets from UTC; bring them to their time "
                'zone, as by pd.to_datetime(times, utc=True).tz_convert("Europe/Berlin"), of '
                "a Series by .dt.tz_convert"
            ) from None
        raise ValueError(f"{place} holds no dates: {str(error)[:200]}") from error


def rank_times(values: pd.Series, place: str) -> NDArray[np.int64]:
    """Return the rank of each time; equal times have equal ranks.

    Strings are in order of their dates where all are ISO dates, and alphabetic where none
    is a date or a number.

    Raises
    ------
    ValueError
        If strings are numbers, or dates in another format, whose alphabetic order is not
        that of time.
    """
    codes, unique = pd.factorize(values, sort=True)
    of_categories = isinstance(unique, pd.CategoricalIndex)
    if of_categories and unique.ordered:
        return codes
    strings = [v for v in unique if isinstance(v, str)]
    if not any(_is_number(v) or is_date(v) for v in strings):
        return codes
    _check_iso(strings, place)
    dates = dates_of_strings(np.array(unique, object), place, utc=True)
    return pd.factorize(dates, sort=True)[0][codes]


def _check_iso(strings: Iterable[str], place: str) -> None:
    for text in strings:
        if not ISO.fullmatch(text.strip()):
            raise ValueError(
                f"{place} holds times that are strings, such as {shown(text)}, but not in "
                f"the ISO format, as '2020-01-31' or '2020-01-31 08:00'; {REMEDY}"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
