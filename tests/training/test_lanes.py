"""Lanes: that they hold all steps and fill whole batches."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.batching import Examples, TrainingBatches, count_chunks
from skrnn.training.lanes import in_lanes, lane_lengths, longest_lane
from skrnn.training.seeding import make_generator


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
def test_lanes_fill_whole_batches(sizes):
    rows, bptt = 32, 16
    lengths = np.array(sizes)
    lanes = lane_lengths(lengths, longest_lane(lengths, rows, bptt), bptt)
    assert lanes.sum() >= lengths.sum()
    assert count_chunks(lanes, rows, bptt) <= 1.5 * lengths.sum() / (rows * bptt) + 3


@pytest.mark.parametrize("bptt", [16, 128])
@pytest.mark.parametrize("sizes", [[500] * 33, [*range(200, 601, 10)], [300] * 40])
def test_most_chunks_of_an_ordinary_collection_go_on(sizes, bptt):
    lengths = np.array(sizes)
    lanes = lane_lengths(lengths, longest_lane(lengths, 32, bptt), bptt)
    assert len(lanes) <= len(lengths) + lengths.sum() / (4 * bptt)
    if lengths.max() <= 4 * bptt:
        assert_array_equal(lanes, lengths)


@pytest.mark.parametrize(
    "sizes", [[513] * 40, [530] * 33, [1_026] * 20, [700], [900], [10_000, *[515] * 99]]
)
def test_a_lane_has_four_chunks_or_is_a_whole_sequence(sizes):
    lengths = np.array(sizes)
    lanes = lane_lengths(lengths, longest_lane(lengths, 32, 128), 128)
    assert lanes.min() >= min(512, lengths.min())


def test_a_small_book_has_few_long_lanes():
    lengths = np.array([3_000])
    lanes = lane_lengths(lengths, longest_lane(lengths, 32, 128), 128)
    assert lanes.min() >= 500


@pytest.mark.parametrize("bptt", [32, 128])
@pytest.mark.parametrize(("n_sequences", "error"), [(60, 0.08), (20_000, 0.02)])
def test_chunks_are_counted_as_they_come(rng, n_sequences, error, bptt):
    lengths = rng.lognormal(4.6, 0.6, n_sequences).astype(int) + 1
    steps = RaggedArray.from_lengths(np.zeros(lengths.sum(), np.int64), lengths)
    examples = Examples(EncodedSequences(steps), steps)
    batches = TrainingBatches(examples, 32, make_generator(5), bptt=bptt)
    come = np.mean([sum(1 for _ in batches) for _ in range(3)])
    assert len(batches) == pytest.approx(come, rel=error, abs=1)


def test_lanes_hold_every_step_once_with_its_target_and_weight():
    lengths = np.array([3, 11, 1, 7])
    steps = RaggedArray.from_lengths(np.arange(22), lengths)
    targets, weights = (
        steps.with_values(np.arange(22) + 100),
        steps.with_values(-steps.values),
    )
    lanes = in_lanes(Examples(EncodedSequences(steps), targets, weights), 4, 1)
    assert lanes.lengths.tolist() == [3, 6, 5, 1, 7]
    assert_array_equal(lanes.sequences.steps.values, np.arange(22))
    assert_array_equal(lanes.targets.values, np.arange(22) + 100)
    assert_array_equal(lanes.targets.offsets, lanes.sequences.steps.offsets)
    assert_array_equal(lanes.weights.values, -np.arange(22))


def test_short_sequences_are_not_cut():
    steps = RaggedArray.from_lengths(np.arange(6), np.array([2, 4]))
    lanes = in_lanes(Examples(EncodedSequences(steps), steps), 4, 1)
    assert lanes.lengths.tolist() == [2, 4]
    assert lanes.weights is None
