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


def test_a_cut_must_save_more_than_the_state_is_worth():
    assert longest_lane(np.full(33, 500), 32, 16) > 200
    assert longest_lane(np.array([20_000]), 32, 16) >= 625  # one batch of lanes, not two


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
def test_lanes_hold_every_step_once_with_its_target_and_weight(sizes, rows, bptt):
    lengths = np.array(sizes)
    values = np.arange(lengths.sum())
    steps = RaggedArray.from_lengths(values, lengths)
    targets, weights = steps.with_values(values + 100), steps.with_values(-values)
    longest = longest_lane(lengths, rows, bptt)
    whole = Examples(EncodedSequences(steps), targets, weights)
    lanes = in_lanes(whole, longest, bptt)
    assert_array_equal(lanes.lengths, lane_lengths(lengths, longest, bptt))
    assert lanes.lengths.sum() == lengths.sum()
    assert len(lanes) > len(lengths)
    assert set(steps.offsets) <= set(lanes.sequences.steps.offsets)  # none is in two
    of = np.searchsorted(steps.offsets, lanes.sequences.steps.offsets[:-1], "right") - 1
    assert (lanes.lengths >= np.minimum(4 * bptt, lengths[of])).all()
    assert_array_equal(lanes.sequences.steps.values, values)
    assert_array_equal(lanes.targets.values, values + 100)
    assert_array_equal(lanes.targets.offsets, lanes.sequences.steps.offsets)
    assert_array_equal(lanes.weights.values, -values)


def test_lanes_of_any_lengths_are_cuts_of_their_sequences(rng):
    for _ in range(300):
        lengths = rng.integers(1, 10 ** rng.integers(2, 6), rng.integers(1, 30))
        rows, bptt = 2 ** int(rng.integers(2, 11)), 2 ** int(rng.integers(1, 8))
        lanes = lane_lengths(lengths, longest_lane(lengths, rows, bptt), bptt)
        assert lanes.min() >= min(4 * bptt, lengths.min())
        assert set(lengths.cumsum()) <= set(lanes.cumsum())
        assert lanes.sum() == lengths.sum()


def test_short_sequences_are_not_cut():
    steps = RaggedArray.from_lengths(np.arange(6), np.array([2, 4]))
    lanes = in_lanes(Examples(EncodedSequences(steps), steps), 4, 1)
    assert lanes.lengths.tolist() == [2, 4]
    assert lanes.weights is None
