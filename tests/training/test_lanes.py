"""Lanes: that they hold all steps and fill whole batches."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.batching import Examples, count_chunks
from skrnn.training.lanes import in_lanes, lane_lengths, longest_lane


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
    ],
)
def test_lanes_fill_whole_batches(sizes):
    rows, bptt = 32, 16
    lengths = np.array(sizes)
    lanes = lane_lengths(lengths, longest_lane(lengths, rows, bptt))
    assert lanes.sum() >= lengths.sum()
    assert count_chunks(lanes, rows, bptt) <= 1.5 * lengths.sum() / (rows * bptt) + 3


def test_lanes_hold_every_step_once_with_its_target_and_weight():
    lengths = np.array([3, 10, 1, 7])
    steps = RaggedArray.from_lengths(np.arange(21), lengths)
    targets, weights = (
        steps.with_values(np.arange(21) + 100),
        steps.with_values(-steps.values),
    )
    lanes = in_lanes(Examples(EncodedSequences(steps), targets, weights), 4)
    assert lanes.lengths.tolist() == [3, 4, 4, 2, 1, 4, 3]
    assert_array_equal(lanes.sequences.steps.values, np.arange(21))
    assert_array_equal(lanes.targets.values, np.arange(21) + 100)
    assert_array_equal(lanes.targets.offsets, lanes.sequences.steps.offsets)
    assert_array_equal(lanes.weights.values, -np.arange(21))


def test_short_sequences_are_not_cut():
    steps = RaggedArray.from_lengths(np.arange(6), np.array([2, 4]))
    lanes = in_lanes(Examples(EncodedSequences(steps), steps), 4)
    assert lanes.lengths.tolist() == [2, 4]
    assert lanes.weights is None
