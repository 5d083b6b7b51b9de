"""Streams: that they hold all steps and fill whole batches."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.batching import EncodedDataset, TrainingBatches, count_chunks
from skrnn.training.seeding import make_generator
from skrnn.training.streams import in_streams, longest_stream, stream_lengths


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
    streams = stream_lengths(lengths, longest_stream(lengths, rows, bptt), bptt)
    assert streams.sum() >= lengths.sum()
    assert count_chunks(streams, rows, bptt) <= 1.5 * lengths.sum() / (rows * bptt) + 3


@pytest.mark.parametrize("bptt", [16, 128])
@pytest.mark.parametrize("sizes", [[500] * 33, [*range(200, 601, 10)], [300] * 40])
def test_most_chunks_of_an_ordinary_collection_go_on(sizes, bptt):
    lengths = np.array(sizes)
    streams = stream_lengths(lengths, longest_stream(lengths, 32, bptt), bptt)
    assert len(streams) <= len(lengths) + lengths.sum() / (4 * bptt)
    if lengths.max() <= 4 * bptt:
        assert_array_equal(streams, lengths)


@pytest.mark.parametrize(
    "sizes", [[513] * 40, [530] * 33, [1_026] * 20, [700], [900], [10_000, *[515] * 99]]
)
def test_a_lane_has_four_chunks_or_is_a_whole_sequence(sizes):
    lengths = np.array(sizes)
    streams = stream_lengths(lengths, longest_stream(lengths, 32, 128), 128)
    assert streams.min() >= min(512, lengths.min())


def test_a_cut_must_save_more_than_the_state_is_worth():
    assert longest_stream(np.full(33, 500), 32, 16) > 200
    assert (
        longest_stream(np.array([20_000]), 32, 16) >= 625
    )  # one batch of streams, not two


def test_a_small_book_has_few_long_lanes():
    lengths = np.array([3_000])
    streams = stream_lengths(lengths, longest_stream(lengths, 32, 128), 128)
    assert streams.min() >= 500


@pytest.mark.parametrize("bptt", [32, 128])
@pytest.mark.parametrize(("n_sequences", "error"), [(60, 0.08), (20_000, 0.02)])
def test_chunks_are_counted_as_they_come(rng, n_sequences, error, bptt):
    lengths = rng.lognormal(4.6, 0.6, n_sequences).astype(int) + 1
    steps = RaggedArray.from_lengths(np.zeros(lengths.sum(), np.int64), lengths)
    examples = EncodedDataset(EncodedSequences(steps), steps)
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
    longest = longest_stream(lengths, rows, bptt)
    whole = EncodedDataset(EncodedSequences(steps), targets, weights)
    streams = in_streams(whole, longest, bptt)
    assert_array_equal(streams.lengths, stream_lengths(lengths, longest, bptt))
    assert streams.lengths.sum() == lengths.sum()
    assert len(streams) > len(lengths)
    assert set(steps.offsets) <= set(streams.sequences.steps.offsets)  # none is in two
    of = np.searchsorted(steps.offsets, streams.sequences.steps.offsets[:-1], "right") - 1
    assert (streams.lengths >= np.minimum(4 * bptt, lengths[of])).all()
    assert_array_equal(streams.sequences.steps.values, values)
    assert_array_equal(streams.targets.values, values + 100)
    assert_array_equal(streams.targets.offsets, streams.sequences.steps.offsets)
    assert_array_equal(streams.weights.values, -values)


def test_lanes_of_any_lengths_are_cuts_of_their_sequences(rng):
    for _ in range(300):
        lengths = rng.integers(1, 10 ** rng.integers(2, 6), rng.integers(1, 30))
        rows, bptt = 2 ** int(rng.integers(2, 11)), 2 ** int(rng.integers(1, 8))
        streams = stream_lengths(lengths, longest_stream(lengths, rows, bptt), bptt)
        assert streams.min() >= min(4 * bptt, lengths.min())
        assert set(lengths.cumsum()) <= set(streams.cumsum())
        assert streams.sum() == lengths.sum()


def test_short_sequences_are_not_cut():
    steps = RaggedArray.from_lengths(np.arange(6), np.array([2, 4]))
    streams = in_streams(EncodedDataset(EncodedSequences(steps), steps), 4, 1)
    assert streams.lengths.tolist() == [2, 4]
    assert streams.weights is None
