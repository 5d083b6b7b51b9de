"""Padding at the ends of sequences is removed, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
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
        ([["a", "b"]], TypeError, r"X\[0\] must hold numbers"),
        ([1.0, 2.0], TypeError, r"X\[0\] is float, expected a sequence of numbers"),
        ({"a": [1.0]}, TypeError, r"X must be a list .* list\(X.values\(\)\)"),
    ],
)
def test_sequences_without_steps_and_without_numbers_are_named(X, error, message):
    with pytest.raises(error, match=message):
        trim_padding(X)


@pytest.mark.parametrize("shape", [(), (2,)])
def test_the_message_about_padding_names_the_remedy_that_works(shape, rng):
    X, y = pad([rng.normal(size=(n, *shape)) for n in LENGTHS], NAN), [1.0, 2.0, 3.0]
    model = SequenceRegressor(hidden_size=2, max_epochs=1)
    with pytest.raises(ValueError, match=r"X\[0\], step 3\..*trim_padding\(X\)"):
        model.fit(X, y)
    assert model.fit(trim_padding(X), y).predict(X[:, :1]).shape == (3,)


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
