"""Padding at the ends of sequences is removed, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import torch
from numpy.testing import assert_array_equal

from skrnn import SequenceRegressor
from skrnn.preprocessing import trim_padding

NAN = np.nan
LENGTHS = [3, 1, 2]


def pad(sequences, value, n_steps=4):
    """Return sequences as one array, padded to the same length."""
    padded = np.full((len(sequences), n_steps, *sequences[0].shape[1:]), value)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded


@pytest.mark.parametrize("value", [NAN, 0.0, -999.0])
@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize(
    "make", [np.asarray, list, torch.tensor, lambda X: X.tolist()],
    ids=["array", "list of arrays", "tensor", "nested lists"],
)  # fmt: skip
def test_padding_and_trimming_give_the_sequences_back(make, shape, value, rng):
    sequences = [rng.normal(size=(n, *shape)) for n in LENGTHS]
    trimmed = trim_padding(make(pad(sequences, value)), value=value)
    for got, expected in zip(trimmed, sequences, strict=True):
        assert_array_equal(got, expected)


def test_missing_and_masked_cells_are_padding():
    expected = [[1.0, 2.0], [3.0]]
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    for given in (
        np.ma.masked_array(X, [[0, 0], [0, 1]]),
        pd.DataFrame([[1, 2], [3, None]], dtype="Int64"),
        pd.DataFrame([[1, 2], [3, None]]),
        [[1, 2], [3, None]],
    ):
        assert [row.tolist() for row in trim_padding(given)] == expected


def test_nested_lists_of_arrow_are_trimmed():
    X = pyarrow.array([[[1.0, 2.0], [3.0, NAN]], [[5.0, 6.0], [NAN, NAN]]])
    first, second = trim_padding(X)
    assert_array_equal(first, [[1, 2], [3, NAN]])
    assert_array_equal(second, [[5, 6]])


def test_what_is_not_padding_at_the_end_stays():
    X = np.array([[[NAN, NAN], [1, NAN], [NAN, NAN]], [[NAN, NAN], [NAN, 2], [3, 4]]])
    first, second = trim_padding(X)
    assert_array_equal(first, X[0, :2])
    assert_array_equal(second, X[1])
    ints = trim_padding(np.array([[0, 5, 0], [1, 0, 0]]), value=0)
    assert [row.tolist() for row in ints] == [[0, 5], [1]]
    assert ints[0].dtype.kind == "i"


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[NAN, NAN], [1.0]], ValueError, r"^X\[0\] has no other steps .*1 of 2"),
        (np.full((7, 2), NAN), ValueError, r"X\[3\], X\[4\], \.\.\. have no .*7 of 7"),
        ([np.array([1.0, NAN]), []], ValueError, r"^X\[1\] has no other steps .*1 of 2"),
        ([["a", "b"]], TypeError, r"X\[0\] must hold numbers"),
        ([1.0, 2.0], TypeError, r"X\[0\] is float, expected a sequence of numbers"),
        ({"a": [1.0]}, TypeError, r"X must be a list .* list\(X.values\(\)\)"),
    ],
)
def test_sequences_without_steps_and_without_numbers_are_named(X, error, message):
    with pytest.raises(error, match=message):
        trim_padding(X)


def test_rows_of_a_frame_without_steps_stay_where_tokens_may_lack():
    frame = pd.DataFrame({"pulse": [[70.0, NAN], []], "drug": [["x", None], []]})
    trimmed = trim_padding(frame)
    assert trimmed.map(list).to_numpy().tolist() == [[[70.0], ["x"]], [[], []]]


@pytest.mark.parametrize("shape", [(), (2,)])
def test_the_message_about_padding_names_the_remedy_that_works(shape, rng):
    X, y = pad([rng.normal(size=(n, *shape)) for n in LENGTHS], NAN), [1.0, 2.0, 3.0]
    model = SequenceRegressor(hidden_size=2, max_epochs=1)
    with pytest.raises(ValueError, match=r"X\[0\], step 3\..*trim_padding\(X\)"):
        model.fit(X, y)
    assert model.fit(trim_padding(X), y).predict(X[:, :1]).shape == (3,)


@pytest.fixture
def padded():
    """Return a frame of sequences of 3, 1 and 2 steps, all padded to 4."""
    days = pd.date_range("2024", periods=4)
    tokens = [["x", "y", "z"], ["y"], ["x", "x"]]
    frame = pd.DataFrame(index=["u", "v", "w"])
    frame["pulse"] = list(pad([np.arange(1.0, n + 1) for n in LENGTHS], NAN))
    frame["both"] = [list(row) for row in pad([np.ones((n, 2)) for n in LENGTHS], NAN)]
    frame["drug"] = [row + [None] * (4 - len(row)) for row in tokens]
    frame["day"] = [days.where(np.arange(4) < n) for n in LENGTHS]
    frame["level"] = [torch.tensor(row) for row in frame["pulse"]]
    frame["age"] = [34, 71, 50]
    frame["ward"] = pd.Categorical(["A", "B", "A"])
    return frame


def test_a_frame_of_fields_is_trimmed_row_by_row(padded):
    trimmed = trim_padding(padded)
    assert trimmed.index.tolist() == ["u", "v", "w"]
    assert trimmed.columns.tolist() == padded.columns.tolist()
    for column in ("pulse", "both", "drug", "day", "level"):
        assert list(map(len, trimmed[column])) == LENGTHS
        assert type(trimmed[column].iloc[1]) is type(padded[column].iloc[1])
    assert trimmed["drug"].tolist() == [["x", "y", "z"], ["y"], ["x", "x"]]
    assert_array_equal(trimmed["pulse"]["u"], [1.0, 2.0, 3.0])
    pd.testing.assert_frame_equal(trimmed[["age", "ward"]], padded[["age", "ward"]])
    assert len(padded["pulse"]["v"]) == 4  # the user's own is as it was


def test_a_frame_of_polars_is_trimmed_too(padded):
    columns = padded[["pulse", "drug", "age"]].to_dict("list")
    trimmed = trim_padding(polars.DataFrame(columns, strict=False))
    assert [list(cell) for cell in trimmed["drug"]] == [
        ["x", "y", "z"],
        ["y"],
        ["x", "x"],
    ]
    assert list(map(len, trimmed["pulse"])) == LENGTHS


def test_the_sequences_of_a_row_end_together(padded):
    padded.at["u", "pulse"] = np.array([1.0, NAN, NAN, NAN])  # a gap: there are tokens
    trimmed = trim_padding(padded)
    assert_array_equal(trimmed["pulse"]["u"], [1.0, NAN, NAN])
    shorter = padded.assign(drug=[["x", "y", "z"], ["y"], ["x", "x"]])
    assert list(map(len, trim_padding(shorter)["drug"])) == LENGTHS
    zeros = padded[["pulse", "age"]].assign(
        pulse=[np.nan_to_num(row) for row in padded["pulse"]]
    )
    assert list(map(len, trim_padding(zeros, value=0)["pulse"])) == [1, 1, 2]


def test_a_row_of_padding_alone_is_named_unless_there_are_tokens(padded):
    padded.at["v", "pulse"] = np.full(4, NAN)
    with pytest.raises(ValueError, match=r"^X\[1\] has no other steps .*1 of 3"):
        trim_padding(padded[["pulse", "age"]])
    padded.at["v", "drug"] = [None] * 4
    blank = trim_padding(padded[["pulse", "drug"]])
    assert list(map(len, blank["drug"])) == [3, 0, 2]
    texts = padded[["pulse"]].assign(text=["a b c", "", "a b"])
    assert list(map(len, trim_padding(texts)["pulse"])) == [3, 0, 2]
    model = SequenceRegressor(hidden_size=2, max_epochs=1, missing="indicator")
    assert model.fit(blank, [1.0, 2.0, 3.0]).predict(blank).shape == (3,)


def test_the_message_about_a_padded_column_names_the_remedy_that_works(padded):
    frame, y = padded.drop(columns=["drug", "day"]), [1.0, 2.0, 3.0]
    model = SequenceRegressor(hidden_size=2, max_epochs=1)
    with pytest.raises(ValueError, match=r"row 0, step 3\..*trim_padding\(X\)"):
        model.fit(frame, y)
    assert model.fit(trim_padding(frame), y).predict(trim_padding(frame)).shape == (3,)


def test_other_messages_do_not_name_trim_padding():
    model = SequenceRegressor(hidden_size=2, max_epochs=1)
    with pytest.raises(
        ValueError, match=r"X\[0\], step 0\. Set missing=.*Imputer"
    ) as got:
        model.fit([[NAN, 1.0], [1.0, NAN]], [1.0, 2.0])
    assert "trim_padding" not in str(got.value)
    with pytest.raises(ValueError, match=r"infinity .*step 1\. Replace .*scale") as got:
        model.fit([[1.0, np.inf], [1.0, 2.0]], [1.0, 2.0])
    assert "Imputer" not in str(got.value)
