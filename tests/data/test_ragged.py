"""RaggedArray against plain Python loops."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.ragged import RaggedArray, object_array, offsets_of


def random_sequences(rng, trailing=()):
    lengths = rng.integers(0, 6, size=rng.integers(1, 12))
    return [rng.normal(size=(n, *trailing)) for n in lengths]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("trailing", [(), (3,), (2, 2)])
def test_sequences_come_back_as_they_went_in(seed, trailing):
    sequences = random_sequences(np.random.default_rng(seed), trailing)
    ragged = RaggedArray.from_sequences(sequences)
    assert len(ragged) == len(sequences)
    assert ragged.lengths.tolist() == [len(s) for s in sequences]
    assert ragged.offsets.dtype == ragged.lengths.dtype == np.int64
    for got, expected in zip(ragged, sequences, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("seed", range(20))
def test_take_picks_as_a_loop_over_a_list_does(seed):
    rng = np.random.default_rng(seed)
    sequences = random_sequences(rng, (2,))
    ragged = RaggedArray.from_sequences(sequences)
    indices = rng.integers(-len(sequences), len(sequences), size=15)
    taken = ragged.take(indices)
    for got, i in zip(taken, indices, strict=True):
        np.testing.assert_array_equal(got, sequences[i])
    assert len(taken.values) == sum(len(sequences[i]) for i in indices)


def test_take_understands_masks_lists_and_nothing_at_all():
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


@pytest.mark.parametrize("seed", range(20))
def test_step_of_finds_every_row_past_empty_sequences(seed):
    lengths = np.random.default_rng(seed).integers(0, 4, size=10)
    ragged = RaggedArray.from_lengths(np.arange(lengths.sum()), lengths)
    expected = [(i, step) for i, n in enumerate(lengths) for step in range(n)]
    assert [ragged.step_of(row) for row in range(lengths.sum())] == expected


def test_other_values_keep_the_partition():
    ragged = RaggedArray.from_lengths(np.arange(4), [1, 3])
    other = ragged.with_values(np.array(list("abcd")))
    assert [s.tolist() for s in other] == [["a"], ["b", "c", "d"]]


def test_offsets_begin_at_zero_and_end_at_the_total():
    assert offsets_of(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    assert offsets_of(np.array([], dtype=np.int64)).tolist() == [0]


def test_an_object_array_stays_one_dimensional():
    array = object_array([[1, 2], [3, 4], np.arange(2)])
    assert array.shape == (3,)
    assert array[0] == [1, 2]
    assert object_array([]).shape == (0,)
