"""The first value of y, or weight, that is not a number or no label is named by its place."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from skrnn.data.layouts import parse_column
from skrnn.data.values import check_label_column, read_numbers

NO_NUMBERS = {
    "numpy's dates": np.array(["2020-01-01", "2020-01-02"], "M8[D]"),
    "numpy's durations": np.array([1, 2], "m8[s]"),
    "a Series of dates": pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])),
    "a Series of periods": pd.Series(pd.period_range("2020", periods=2, freq="M")),
    "Python's dates": [dt.date(2020, 1, 1), dt.date(2020, 1, 2)],
    "Python's times": [dt.time(1), dt.time(2)],
    "Python's durations": [dt.timedelta(1), dt.timedelta(2)],
    "time stamps": [pd.Timestamp(2020, 1, 1), pd.Timestamp(2020, 1, 2)],
    "numeric strings": ["1", "2"],
    "an array of numeric strings": np.array(["1", "2"]),
    "a Series of numeric strings": pd.Series(["1", "2"]),
    "a categorical": pd.Series(["1", "2"], dtype="category"),
    "bytes": [b"1", b"2"],
    "dicts": [{"a": 1}, {"a": 2}],
    "sets": [{1}, {2}],
    "complex numbers": [1j, 2j],
    "structured": np.zeros(2, [("a", int)]),
    "too large": [10**400, 1],
    "far too large": [10**5000, 1],
    "infinite": [np.inf, 1.0],
}


@pytest.mark.parametrize("values", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_number_is_named_by_its_place(values):
    with pytest.raises((TypeError, ValueError), match=r"y\[0\] is .") as error:
        read_numbers(parse_column(values, "y"), "y")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, "x", 2, 3], r"y\[1\] is 'x', a string and not a number"),
        (np.array([[1, 2], [3, "x"]], dtype=object), r"y\[1, 1\] is 'x', a string"),
        ([[1.0], [dt.date(2020, 1, 1)]], r"y\[1\] is datetime.date.* not numbers: make"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), r"y\[0, 1\] is 'x'"),
        (["1", 2.0], r"y\[0\] is '1'"),
    ],
)
def test_the_place_of_a_value_among_numbers_is_named(values, message):
    with pytest.raises(TypeError, match=message):
        read_numbers(parse_column(values, "y"), "y")


@pytest.mark.parametrize(
    "missing",
    [np.datetime64("NaT"), np.timedelta64("NaT"), pd.NaT, pd.NA, None, np.nan],
    ids=str,
)
@pytest.mark.parametrize("make", [list, pd.Series, lambda y: np.array(y, dtype=object)])
def test_a_missing_value_is_named(missing, make):
    with pytest.raises(ValueError, match=r"missing value: y\[1\]"):
        parse_column(make([1, missing]), "y")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [1, 2]], r"y\[1\] has 2 values, but y\[0\] has 1"),
        ([[1, 2], 3], r"y\[1\] is 3, but y\[0\] has 2 values"),
        ([1, 2, [3]], r"y\[2\] has 1 values, but y\[0\] is 1"),
    ],
)
def test_rows_of_unequal_length_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        parse_column(values, "y")


def test_numbers_of_any_kind_are_read():
    for values in (
        [Decimal("1.5"), Fraction(1, 2)],
        np.array([1.5, 0.5], np.float32),
        [torch.tensor(1.5, requires_grad=True), torch.tensor(0.5)],
        torch.tensor([1.5, 0.5], requires_grad=True),
        memoryview(np.array([1.5, 0.5])),
        pd.Series([1.5, 0.5], dtype="Float64"),
        pd.array([1.5, 0.5], dtype="Float64"),
    ):
        numbers = read_numbers(parse_column(values, "y"), "y")
        assert numbers.dtype == np.float64
        assert numbers.tolist() == [1.5, 0.5]
    assert read_numbers(parse_column([True, False], "y"), "y").tolist() == [1, 0]


NO_LABELS = {
    **{name: NO_NUMBERS[name] for name in NO_NUMBERS if "string" not in name},
    "fractions of one": [0.5, 1.0],
    "too large floats": [1e300, 1.0],
    "decimals": [Decimal(1), Decimal(2)],
    "NUL at the end": ["a\0", "b"],
    "NUL alone": ["\0", "b"],
    "objects with NUL": np.array(["a\0", "b"], dtype=object),
    "a Series with NUL": pd.Series(["a\0", "b"]),
}
del NO_LABELS["a categorical"]


@pytest.mark.parametrize("values", NO_LABELS.values(), ids=NO_LABELS)
def test_what_is_no_label_is_named_by_its_place(values):
    with pytest.raises((TypeError, ValueError), match=r"y\[0\] is .") as error:
        check_label_column(parse_column(values, "y"), "y")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [1.0, "x", 2, 3],
            r"y\[1\] is 'x'; the labels of y .* one kind, and y\[0\] is 1.0",
        ),
        (
            ["a", 1],
            r"y\[1\] is 1; the labels of y must be of one kind, and y\[0\] is 'a'",
        ),
        ([1, dt.date(2020, 1, 1)], r"y\[1\] is datetime.date.*no dates or times"),
    ],
)
def test_the_place_of_a_label_of_another_kind_is_named(values, message):
    with pytest.raises(TypeError, match=message):
        check_label_column(parse_column(values, "y"), "y")


def test_labels_of_one_kind_are_accepted():
    for values in (["a", "\0b"], [1, 2], [True, False], [1.0, 2.0], np.array(["1", "2"])):
        check_label_column(parse_column(values, "y"), "y")
