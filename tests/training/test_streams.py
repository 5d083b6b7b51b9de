"""Streams: that they hold all steps and fill whole batches."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.dataset import EncodedDataset
from skrnn.training.order import count_batches
from skrnn.training.streams import in_streams, plan_streams


@pytest.mark.parametrize(
    "sizes",
    [
        [20_000],
        [10_001, 9_990],
        [8_000, 7_000, 5_000],
        [5_000] * 4,
        [500] * 20,
        [3_000, *[20] * 60],
        [*[1_001] * 31, 20_000],
        [*range(100, 40_000, 50)],
    ],
)
def test_streams_fill_whole_batches(sizes):
    rows, bptt = 32, 16
    lengths = np.array(sizes)
    streams = plan_streams(lengths, rows, bptt).lengths
    assert streams.sum() >= lengths.sum()
    n_updates = plan_streams(lengths, rows, bptt).n_updates
    assert n_updates == count_batches(streams, rows, bptt)
    assert n_updates <= 1.5 * lengths.sum() / (rows * bptt) + 3


@pytest.mark.parametrize("bptt", [16, 128])
@pytest.mark.parametrize("sizes", [[500] * 33, [*range(200, 601, 10)], [300] * 40])
def test_most_chunks_of_an_ordinary_collection_go_on(sizes, bptt):
    lengths = np.array(sizes)
    streams = plan_streams(lengths, 32, bptt).lengths
    assert len(streams) <= len(lengths) + lengths.sum() / (4 * bptt)
    if lengths.max() <= 4 * bptt:
        assert_array_equal(streams, lengths)


@pytest.mark.parametrize(
    "sizes", [[513] * 40, [530] * 33, [1_026] * 20, [700], [900], [10_000, *[515] * 99]]
)
def test_a_stream_has_four_chunks_or_is_a_whole_sequence(sizes):
    lengths = np.array(sizes)
    streams = plan_streams(lengths, 32, 128).lengths
    assert streams.min() >= min(512, lengths.min())


def test_a_cut_must_save_more_than_the_state_is_worth():
    assert len(plan_streams(np.full(33, 500), 32, 16).lengths) <= 3 * 33
    # one batch of streams, not two
    assert plan_streams(np.array([20_000]), 32, 16).lengths.max() >= 625


def test_a_small_book_has_few_long_streams():
    lengths = np.array([3_000])
    streams = plan_streams(lengths, 32, 128).lengths
    assert streams.min() >= 500


@pytest.mark.parametrize(
    ("sizes", "rows", "bptt"),
    [
        ([19_589], 256, 32),
        ([199], 64, 2),
        ([4_069, *[21] * 50], 512, 8),
        ([2_772, *[31] * 40], 256, 8),
        ([264_142], 1024, 64),
        ([3, 2_001, 1, 700], 32, 16),
    ],
)
def test_streams_hold_every_step_once_with_its_target_and_weight(sizes, rows, bptt):
    lengths = np.array(sizes)
    values = np.arange(lengths.sum())
    steps = RaggedArray.from_lengths(values, lengths)
    targets, weights = steps.with_values(values + 100), steps.with_values(-values)
    plan = plan_streams(lengths, rows, bptt)
    whole = EncodedDataset(EncodedSequences(steps), targets, weights)
    streams = in_streams(whole, plan.lengths)
    assert_array_equal(streams.lengths, plan.lengths)
    assert streams.lengths.sum() == lengths.sum()
    assert len(streams) > len(lengths)
    assert set(steps.offsets) <= set(streams.sequences.steps.offsets)  # none is in two
    of = np.searchsorted(steps.offsets, streams.sequences.steps.offsets[:-1], "right") - 1
    assert (streams.lengths >= np.minimum(4 * bptt, lengths[of])).all()
    assert_array_equal(streams.origin, of)
    assert_array_equal(streams.sequences.steps.values, values)
    assert_array_equal(streams.targets.values, values + 100)
    assert_array_equal(streams.targets.offsets, streams.sequences.steps.offsets)
    assert_array_equal(streams.weights.values, -values)


def test_streams_of_any_lengths_are_cuts_of_their_sequences(rng):
    for _ in range(300):
        lengths = rng.integers(1, 10 ** rng.integers(2, 6), rng.integers(1, 30))
        rows, bptt = 2 ** int(rng.integers(2, 11)), 2 ** int(rng.integers(1, 8))
        streams = plan_streams(lengths, rows, bptt).lengths
        assert streams.min() >= min(4 * bptt, lengths.min())
        assert set(lengths.cumsum()) <= set(streams.cumsum())
        assert streams.sum() == lengths.sum()


def test_short_sequences_are_not_cut():
    steps = RaggedArray.from_lengths(np.arange(6), np.array([2, 4]))
    streams = in_streams(EncodedDataset(EncodedSequences(steps), steps), np.array([2, 4]))
    assert streams.lengths.tolist() == [2, 4]
    assert streams.weights is None


def test_streams_of_held_out_sequences_know_their_place_in_the_users_data():
    steps = RaggedArray.from_lengths(np.arange(8), np.array([2, 6]))
    dataset = EncodedDataset(EncodedSequences(steps), steps, origin=np.array([5, 9]))
    streams = in_streams(dataset, np.array([2, 3, 3]))
    assert streams.origin.tolist() == [5, 9, 9]


@pytest.mark.parametrize("rows", [32, 128])
def test_a_plan_for_much_data_takes_well_under_a_second(rng, rows):
    lengths = np.append(rng.integers(5, 60, 400_000), 4_000_000)
    start = time.process_time()
    plan = plan_streams(lengths, rows, 64)
    assert time.process_time() - start < 1.0
    assert plan.lengths.sum() == lengths.sum()
