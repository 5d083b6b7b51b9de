"""Lengths of sequences, and bins of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skrnn.model_selection._lengths import cut_lengths, lengths_of


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (["one", "two words", ""], [1, 2, 0]),
        (pd.Series(["one", "two words"]), [1, 2]),
        ([["a"], ["a", "b", "c"]], [1, 3]),
        ([np.zeros((4, 2)), np.full((1, 2), np.nan)], [4, 1]),
        (np.zeros((2, 5, 3)), [5, 5]),
        (np.zeros((3, 7)), [7, 7, 7]),
        (pd.DataFrame({"text": ["a b", "c"], "age": [1.0, np.nan]}), [2, 1]),
        ([{"no": "sequence"}], None),
        (pd.Series([1.0, 2.0]), None),
    ],
)
def test_the_length_is_the_number_of_steps(X, expected):
    lengths = lengths_of(X)
    assert (None if lengths is None else lengths.tolist()) == expected


def test_a_tokenizer_says_what_a_step_of_a_string_is():
    assert lengths_of(["one", "two words"], tokenizer="char").tolist() == [3, 9]
    assert lengths_of(["one"], tokenizer=lambda text: [*text, "."]).tolist() == [4]


def test_a_table_that_may_be_one_series_has_no_lengths():
    table = np.zeros((9, 2))
    assert lengths_of(table).tolist() == [2] * 9
    assert lengths_of(table, rows_are_sequences=False) is None
    assert lengths_of([[1.0], [2.0, 3.0]], rows_are_sequences=False).tolist() == [1, 2]


def test_lengths_can_be_given_for_any_X():
    assert lengths_of([{}, {}], [3, 4]).tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"lengths must be whole numbers .* got float64"):
        lengths_of(["a", "b"], [1.5, 2.0])
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 1\]"):
        lengths_of(["a", "b"], [1])


def test_bins_hold_about_equally_many_sequences_and_all_of_them():
    lengths = np.random.default_rng(0).permutation(np.arange(1, 101))
    bins = cut_lengths(lengths, 4)
    assert np.ptp(np.bincount(bins.bin_of)) <= 1
    assert bins.shortest.tolist()[0] == 1
    assert bins.longest.tolist()[-1] == 100
    for i in range(4):
        of_bin = lengths[bins.bin_of == i]
        assert of_bin.min() == bins.shortest[i]
        assert of_bin.max() == bins.longest[i]


def test_equal_lengths_share_a_bin():
    lengths = np.array([3] * 8 + [5, 9])
    bins = cut_lengths(lengths, 4)
    assert bins.bin_of[:8].tolist() == [0] * 8
    assert bins.shortest.tolist() == sorted(bins.shortest.tolist())
    assert (bins.bin_of >= 0).all()


def test_edges_make_bins_that_include_their_upper_ends():
    bins = cut_lengths(np.array([1, 2, 5, 6, 10, 11]), [1, 5, 10])
    assert bins.bin_of.tolist() == [0, 0, 0, 1, 1, -1]
    assert bins.longest.tolist() == [5, 10]


def test_a_bin_without_sequences_is_left_out():
    bins = cut_lengths(np.array([1, 9]), [0, 2, 4, 10])
    assert bins.bin_of.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("by_length", "message"),
    [
        (1, "by_length must be at least 2 bins, got 1"),
        (True, "by_length must be a number of bins or at least two edges, got True"),
        ("many", "by_length must be a number of bins or at least two edges, got 'many'"),
        ([3], "at least two edges"),
        ([5, 3], r"the edges in by_length must increase, got \[5, 3\]"),
        ([50, 60], r"leaves all sequences out; they have 1 to 2 steps"),
    ],
)
def test_bins_that_cannot_be_are_refused(by_length, message):
    with pytest.raises(ValueError, match=message):
        cut_lengths(np.array([1, 2]), by_length)


def test_bins_need_lengths_that_differ():
    with pytest.raises(ValueError, match="different lengths; all have 3 steps"):
        cut_lengths(np.array([3, 3]), 2)
    with pytest.raises(ValueError, match="which X does not show; pass lengths"):
        cut_lengths(None, 2)
