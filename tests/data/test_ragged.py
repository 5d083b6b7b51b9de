"""RaggedArray against plain Python loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skrnn.data.ragged import (
    RaggedArray,
    cut_runs,
    in_groups,
    object_array,
    offsets_of,
)

QUICK = settings(derandomize=True, max_examples=50, deadline=None, database=None)
SEQUENCES = st.sampled_from([(), (3,), (2, 2)]).flatmap(
    lambda trailing: st.lists(
        st.integers(0, 5).flatmap(lambda n: arrays(np.int64, (n, *trailing))),
        min_size=1,
        max_size=8,
    )
)


@QUICK
@given(sequences=SEQUENCES)
def test_sequences_come_back_as_they_went_in(sequences):
    ragged = RaggedArray.from_sequences(sequences)
    assert len(ragged) == len(sequences)
    assert ragged.lengths.tolist() == [len(s) for s in sequences]
    assert ragged.offsets.dtype == ragged.lengths.dtype == np.int64
    for got, expected in zip(ragged, sequences, strict=True):
        np.testing.assert_array_equal(got, expected)
    again = RaggedArray.from_lengths(ragged.values, ragged.lengths)
    np.testing.assert_array_equal(again.offsets, ragged.offsets)


@QUICK
@given(sequences=SEQUENCES, data=st.data())
def test_take_picks_as_a_loop_over_a_list_does(sequences, data):
    ragged = RaggedArray.from_sequences(sequences)
    n = len(sequences)
    indices = data.draw(st.lists(st.integers(-n, n - 1), max_size=10))
    taken = ragged.take(np.array(indices, dtype=np.int64))
    for got, i in zip(taken, indices, strict=True):
        np.testing.assert_array_equal(got, sequences[i])
    assert len(taken.values) == sum(len(sequences[i]) for i in indices)
    mask = np.isin(np.arange(n), indices)
    for got, i in zip(ragged.take(mask), np.flatnonzero(mask), strict=True):
        np.testing.assert_array_equal(got, sequences[i])


@QUICK
@given(sequences=SEQUENCES)
def test_other_values_keep_the_partition_and_every_row_its_place(sequences):
    ragged = RaggedArray.from_sequences(sequences)
    rows = ragged.with_values(np.arange(len(ragged.values)))
    np.testing.assert_array_equal(rows.offsets, ragged.offsets)
    places = [(i, step) for i, s in enumerate(sequences) for step in range(len(s))]
    assert [ragged.step_of(row) for row in rows.values] == places


def test_take_accepts_masks_lists_and_no_indices():
    ragged = RaggedArray.from_lengths(np.arange(6), [1, 2, 3])
    assert [s.tolist() for s in ragged.take(np.array([True, False, True]))] == [
        [0],
        [3, 4, 5],
    ]
    assert [s.tolist() for s in ragged.take([2, 2])] == [[3, 4, 5], [3, 4, 5]]
    nothing = ragged.take(np.array([], dtype=np.int64))
    assert len(nothing) == 0
    assert nothing.values.shape == (0,)


def test_taken_values_are_a_copy():
    ragged = RaggedArray.from_lengths(np.arange(4), [2, 2])
    ragged.take([0, 1]).values[:] = 9
    assert ragged.values.tolist() == [0, 1, 2, 3]


def test_a_sequence_is_a_view_and_counts_from_both_ends():
    ragged = RaggedArray.from_lengths(np.arange(6), [1, 2, 3])
    assert ragged[-1].tolist() == ragged[2].tolist() == [3, 4, 5]
    assert ragged[np.int64(0)].tolist() == [0]
    assert np.shares_memory(ragged[1], ragged.values)


@pytest.mark.parametrize("index", [3, -4])
def test_a_sequence_out_of_range_is_an_index_error(index):
    ragged = RaggedArray.from_lengths(np.arange(6), [1, 2, 3])
    with pytest.raises(IndexError, match=f"sequence {index} of 3"):
        ragged[index]


def test_offsets_begin_at_zero_and_end_at_the_total():
    assert offsets_of(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    assert offsets_of(np.array([], dtype=np.int64)).tolist() == [0]


def test_an_object_array_stays_one_dimensional():
    array = object_array([[1, 2], [3, 4], np.arange(2)])
    assert array.shape == (3,)
    assert array[0] == [1, 2]
    assert object_array([]).shape == (0,)


def test_groups_are_lists_even_of_one_element():
    elements = object_array(["a", [1, 2], "c", "d"])
    pairs, single = in_groups(elements, 2), in_groups(elements, 1)
    assert pairs.shape == (2,)
    assert pairs.tolist() == [["a", [1, 2]], ["c", "d"]]
    assert single.tolist() == [["a"], [[1, 2]], ["c"], ["d"]]


def test_rows_are_those_of_a_padded_batch(rng):
    array = RaggedArray.from_lengths(rng.normal(size=10), [3, 0, 5, 2])
    rows, real = array.rows_of(np.array([2, 0]), 6)
    assert rows.tolist() == [3, 4, 5, 6, 7, 0, 1, 2]
    assert real.sum(axis=1).tolist() == [5, 3]
    padded = np.zeros((2, 6))
    padded[real] = array.values[rows]
    assert padded[1, :3].tolist() == array[0].tolist()


@pytest.mark.parametrize(
    ("max_rows", "max_steps"), [(4, 50), (100, 30), (7, 10_000), (1, 1)]
)
def test_runs_hold_all_and_neither_too_many_rows_nor_steps(max_rows, max_steps, rng):
    lengths = rng.integers(1, 40, size=60)
    order = np.argsort(lengths, kind="stable")
    runs = list(cut_runs(order, lengths, max_rows, max_steps))
    assert np.concatenate(runs).tolist() == order.tolist()
    for run in runs:
        assert len(run) <= max_rows
        assert len(run) == 1 or len(run) * lengths[run].max() <= max_steps
    # two runs beside each other would not have fitted into one
    pairs = [np.concatenate(pair) for pair in itertools.pairwise(runs)]
    assert all(
        len(pair) > max_rows or len(pair) * lengths[pair].max() > max_steps
        for pair in pairs
    )
