"""The order of sequences, the number of batches, and fingerprints."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.token_codecs import TokenCodec
from skrnn.training.order import (
    MIN_ROWS,
    SLACK,
    count_batches,
    cut_batch,
    fingerprints,
    training_order,
)
from skrnn.training.seeding import make_generator


def numeric(lengths, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(sum(lengths), n_features)).astype(np.float32)
    return EncodedSequences(RaggedArray.from_lengths(values, lengths))


def encode_tokens(X, char_encoder=None):
    flat = object_array([token for sequence in X for token in sequence])
    steps = RaggedArray.from_lengths(flat, [len(s) for s in X])
    return TokenCodec(char_encoder=char_encoder, min_count=2).fit(steps).encode(steps)


def log_normal_lengths(n, seed=0):
    """Return lengths of mean 20, at most 116, as those of sentences are."""
    lengths = np.random.default_rng(seed).lognormal(2.75, 0.7, size=n)
    return np.clip(lengths.astype(np.int64), 1, 116)


def shuffled(X, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    return order, [X[i] for i in order]


@pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (7, 4), (8, 4), (500, 3), (9, 50)])
def test_every_sequence_comes_exactly_once_an_epoch(n, batch_size):
    lengths = log_normal_lengths(n)
    generator = make_generator(0)
    for _ in range(2):
        order = training_order(lengths, batch_size, generator)
        assert sorted(np.concatenate(order).tolist()) == list(range(n))
        assert len(order) == -(-n // batch_size)
        sizes = sorted(map(len, order), reverse=True)
        assert set(sizes[:-1]) <= {batch_size}


def test_the_order_differs_from_epoch_to_epoch_and_is_reproducible():
    lengths = log_normal_lengths(100)
    generator = make_generator(0)
    first, second = (np.concatenate(training_order(lengths, 8, generator)) for _ in "12")
    assert first.tolist() != second.tolist()
    again = np.concatenate(training_order(lengths, 8, make_generator(0)))
    assert again.tolist() == first.tolist()
    other = np.concatenate(training_order(lengths, 8, make_generator(1)))
    assert other.tolist() != first.tolist()


def test_a_sequence_meets_other_neighbours_at_each_epoch():
    lengths = np.full(64, 5)
    generator = make_generator(0)
    companies = set()
    for _ in range(5):
        for batch in training_order(lengths, 8, generator):
            if 0 in batch:
                companies.add(tuple(sorted(batch.tolist())))
    assert len(companies) == 5


def test_batches_are_not_sorted_by_length():
    lengths = log_normal_lengths(640)
    order = training_order(lengths, 32, make_generator(0))
    longest = [lengths[batch].max() for batch in order]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_a_fingerprint_depends_on_the_content_alone(n_features, chunk):
    lengths = log_normal_lengths(200)
    sequences = numeric(lengths, n_features)
    numbers = fingerprints(sequences)
    assert len(set(numbers.tolist())) == 200
    order, _ = shuffled(lengths, 0)
    other = fingerprints(sequences.take(order), chunk=chunk)
    np.testing.assert_array_equal(other, numbers[order])


def test_fingerprints_of_long_sequences_take_little_memory():
    sequences = numeric([400_000, 400_000], 8)
    tracemalloc.start()
    try:
        one, other = fingerprints(sequences)
        assert tracemalloc.get_traced_memory()[1] < sequences.steps.values.nbytes
    finally:
        tracemalloc.stop()
    assert one != other


def test_fingerprints_tell_order_and_small_changes():
    X = [
        [1.0, 2.0],
        [2.0, 1.0],
        [1.0, 2.0000002],
        [1.0],
        [1.0, 2.0, 0.0],
        [0.0, 0.0],
        [0.0],
    ]
    steps = RaggedArray.from_sequences([np.float32(x) for x in X])
    assert len(set(fingerprints(EncodedSequences(steps)).tolist())) == len(X)


def test_equal_sequences_have_equal_fingerprints():
    X = [["a", "b"], ["b"], ["a", "b"]]
    numbers = fingerprints(encode_tokens(X, "cnn"))
    assert numbers[0] == numbers[2] != numbers[1]


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_fingerprints_distinguish_words_of_one_id_by_their_characters(char_encoder):
    X = [["be", "a"], ["Be", "a"], ["a", "be"], ["rare", "a"], ["odd", "a"], ["be", "a"]]
    sequences = encode_tokens(X, char_encoder)
    ids = [tuple(s.tolist()) for s in sequences.steps]
    assert ids[0] == ids[1]
    assert ids[3] == ids[4]
    assert len(set(fingerprints(sequences).tolist())) == 5


def test_the_fingerprint_of_a_word_does_not_depend_on_longer_ones():
    X = [["be", "be"], ["extraordinary", "be"]]
    sequences = encode_tokens(X, "cnn")
    narrow = EncodedSequences(
        sequences.steps.take([0]),
        sequences.words[:2],
        sequences.characters[:, : int((sequences.characters[0] != 0).sum())],
    )
    assert fingerprints(narrow)[0] == fingerprints(sequences)[0]


def test_sequences_without_steps_have_fingerprints_too():
    numbers = fingerprints(numeric([0, 2, 0, 1]))
    assert numbers.shape == (4,)
    assert numbers[0] == numbers[2] == 0
    assert fingerprints(numeric([0])).tolist() == [0]


def test_the_batch_left_over_is_not_always_that_of_the_longest_sequences(generator):
    lengths = np.arange(1, 34)
    short = [
        next(batch for batch in training_order(lengths, 8, generator) if len(batch) < 8)
        for _ in range(20)
    ]
    assert len({int(lengths[batch].max()) for batch in short}) > 1


def test_sources_of_one_length_are_sorted_by_their_targets():
    rng = np.random.default_rng(0)
    lengths, target_lengths = rng.integers(1, 9, size=(2, 640))
    batches = training_order(lengths, 16, make_generator(0), target_lengths)
    assert sorted(np.concatenate(batches).tolist()) == list(range(640))
    # within a pool: in the order of the batches' shortest pairs all pairs are sorted
    pairs = [sorted(zip(lengths[b], target_lengths[b], strict=True)) for b in batches]
    joined = [pair for batch in sorted(pairs) for pair in batch]
    assert joined == sorted(joined)


# --- the number of batches -----------------------------------------------------------


def chunks_of_epochs(lengths, batch_size, bptt, n_epochs=20):
    """Return the mean number of chunks of some epochs, counted one by one."""
    generator = make_generator(5)
    total = 0
    for _ in range(n_epochs):
        for batch in training_order(lengths, batch_size, generator):
            longest = int(lengths[batch].max())
            if longest > bptt:
                longest -= 1 + int(
                    torch.randint(bptt // 2, bptt, (), generator=generator)
                )
                total += 1
            total += max(1, -(-longest // bptt))
    return total / n_epochs


@pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (8, 4), (9, 4), (4097, 64)])
def test_whole_batches_are_counted(n, batch_size):
    assert count_batches(np.ones(n, dtype=int), batch_size) == -(-n // batch_size)


@pytest.mark.parametrize("bptt", [32, 128])
@pytest.mark.parametrize(
    ("n_sequences", "error"), [(60, 0.08), (700, 0.03), (20_000, 0.02)]
)
def test_chunks_are_counted_as_they_come(rng, n_sequences, error, bptt):
    lengths = rng.lognormal(4.6, 0.6, n_sequences).astype(int) + 1
    n_epochs = 3 if n_sequences > 10_000 else 20
    come = chunks_of_epochs(lengths, 32, bptt, n_epochs)
    assert count_batches(lengths, 32, bptt) == pytest.approx(come, rel=error, abs=1)


@pytest.mark.parametrize("n_long", [1, 7, 20, 60])
def test_rare_long_sequences_are_counted_with_the_pools_that_they_share(rng, n_long):
    lengths = np.append(rng.integers(5, 60, 20_000), np.full(n_long, 5_000))
    come = chunks_of_epochs(lengths, 16, 16, 10)
    assert count_batches(lengths, 16, 16) == pytest.approx(come, rel=0.15)


def test_the_count_does_not_depend_on_the_order_of_the_sequences(rng):
    lengths = rng.lognormal(4.6, 0.6, 5_000).astype(int) + 1
    expected = count_batches(lengths, 32, 16)
    assert count_batches(rng.permutation(lengths), 32, 16) == expected


# --- parts of a batch -----------------------------------------------------------------


def test_sequences_of_similar_lengths_share_the_parts_of_a_batch():
    lengths = np.random.default_rng(0).integers(20, 100, size=300)
    most = 4_000
    parts = list(cut_batch(np.arange(300), lengths, most))
    assert sorted(np.concatenate(parts).tolist()) == list(range(300))
    assert min(map(len, parts)) >= MIN_ROWS
    assert len(parts) <= 2 * lengths.sum() / most
    assert max(len(part) * lengths[part].max() for part in parts) <= most


def test_one_long_sequence_does_not_pad_the_others():
    lengths = np.full(40, 10)
    lengths[7] = 10 * SLACK + 1
    long, *others = cut_batch(np.arange(40), lengths, 200)
    assert long.tolist() == [7]
    assert sorted(np.concatenate(others).tolist()) == sorted({*range(40)} - {7})
    assert min(map(len, others)) > 1
