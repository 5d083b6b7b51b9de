"""Batches against a slow padding loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.token_codecs import TokenCodec
from skrnn.training.collate import (
    Batch,
    Collator,
    PredictionBatches,
    TrainingBatches,
    padding_share,
)
from skrnn.training.dataset import EncodedDataset
from skrnn.training.order import MAX_ROWS, MIN_ROWS, max_steps
from skrnn.training.seeding import make_generator

LENGTHS = [3, 1, 6, 2, 6]


def numeric(lengths, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(sum(lengths), n_features)).astype(np.float32)
    return EncodedSequences(RaggedArray.from_lengths(values, lengths))


def token_lists(lengths, seed=0):
    rng = np.random.default_rng(seed)
    words = ["a", "Be", "be", "sea", "Dee", "extraordinary", "f"]
    return [[words[i] for i in rng.integers(0, len(words), size=n)] for n in lengths]


def encode_tokens(X, char_encoder=None):
    flat = object_array([token for sequence in X for token in sequence])
    steps = RaggedArray.from_lengths(flat, [len(s) for s in X])
    return TokenCodec(char_encoder=char_encoder, min_count=2).fit(steps).encode(steps)


def log_normal_lengths(n, seed=0):
    """Return lengths of mean 20, at most 116, as those of sentences are."""
    lengths = np.random.default_rng(seed).lognormal(2.75, 0.7, size=n)
    return np.clip(lengths.astype(np.int64), 1, 116)


def only_part(batch):
    assert len(batch) == 1
    return batch[0]


# --- an epoch ------------------------------------------------------------------------


def test_torchs_global_generator_is_not_touched():
    before = torch.get_rng_state()
    list(TrainingBatches(EncodedDataset(numeric(LENGTHS)), 2, make_generator(0)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("n", [3000, 10_000])
def test_little_of_a_batch_is_padding(n):
    lengths = log_normal_lengths(n)
    assert 18 < lengths.mean() < 22
    batches = TrainingBatches(EncodedDataset(numeric(lengths)), 32, make_generator(0))
    assert padding_share(batches) < 0.10


def test_the_share_of_padding_is_counted_in_steps():
    batches = TrainingBatches(EncodedDataset(numeric([1, 3])), 2, make_generator(0))
    assert padding_share(batches) == pytest.approx(2 / 6)


# --- the content of a batch ----------------------------------------------------------


def steps_of(part):
    """Return the padded tokens or features of a micro-batch."""
    (name,) = {"tokens", "features"} & part.inputs.keys()
    return part.inputs[name]


def assert_padded(part, sequences):
    """Compare a micro-batch with sequences that a loop has padded."""
    n_steps = max(map(len, sequences))
    shape = (len(sequences), n_steps, *np.shape(sequences[0])[1:])
    expected = np.zeros(shape, dtype=np.asarray(sequences[0]).dtype)
    for row, sequence in zip(expected, sequences, strict=True):
        row[: len(sequence)] = sequence
    np.testing.assert_array_equal(steps_of(part), expected)
    assert steps_of(part).numpy().dtype == expected.dtype
    assert part.inputs["lengths"].tolist() == [len(s) for s in sequences]
    assert part.n_targets == len(sequences)


@pytest.mark.parametrize("n_features", [1, 3])
def test_numeric_batches_equal_a_padding_loop(n_features, rng):
    lengths = log_normal_lengths(50)
    sequences = numeric(lengths, n_features)
    targets, weights = np.arange(50), rng.uniform(size=50).astype(np.float32)
    examples = EncodedDataset(sequences, targets, weights)
    seen = []
    for batch in TrainingBatches(examples, 8, make_generator(0)):
        for part in batch:
            indices = part.targets.numpy()
            assert_padded(part, [sequences.steps[i] for i in indices])
            np.testing.assert_array_equal(part.weights, weights[indices])
            assert set(part.inputs) == {"features", "lengths"}
            seen.extend(indices.tolist())
    assert sorted(seen) == list(range(50))


def test_batches_of_tokens_equal_a_padding_loop():
    X = token_lists(log_normal_lengths(50))
    sequences = encode_tokens(X)
    for batch in TrainingBatches(
        EncodedDataset(sequences, np.arange(50)), 8, make_generator(0)
    ):
        for part in batch:
            assert_padded(part, [sequences.steps[i] for i in part.targets.tolist()])


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_a_batch_holds_the_characters_of_its_own_words(char_encoder):
    X = token_lists(log_normal_lengths(40))
    sequences = encode_tokens(X, char_encoder)
    table = sequences.characters[sequences.words]
    of_step = sequences.steps.with_values(table)
    for batch in TrainingBatches(
        EncodedDataset(sequences, np.arange(40)), 4, make_generator(0)
    ):
        part = only_part(batch)
        words, characters = part.inputs["words"], part.inputs["characters"]
        assert words.shape == steps_of(part).shape
        n_distinct = len({w for i in part.targets.tolist() for w in X[i]})
        assert len(characters) == n_distinct
        assert (characters != 0).any(0).all()  # no column of padding alone
        for row, i in enumerate(part.targets.tolist()):
            got = characters[words[row, : len(X[i])]].numpy()
            np.testing.assert_array_equal(got, of_step[i][:, : got.shape[1]])
            assert not of_step[i][:, got.shape[1] :].any()


def test_targets_may_have_columns():
    targets = np.arange(10.0).reshape(5, 2)
    examples = EncodedDataset(numeric(LENGTHS), targets)
    batch = next(iter(TrainingBatches(examples, 5, make_generator(0))))
    part = only_part(batch)
    lengths = [LENGTHS[int(row[0] // 2)] for row in part.targets]
    assert lengths == part.inputs["lengths"].tolist()
    assert part.weights is None


def test_padding_a_batch_leaves_the_data_alone():
    sequences = numeric(LENGTHS)
    before = sequences.steps.values.copy()
    for _ in range(2):
        list(TrainingBatches(EncodedDataset(sequences), 3, make_generator(0)))
    np.testing.assert_array_equal(sequences.steps.values, before)


# --- a target for every step ---------------------------------------------------------


def numbered(lengths):
    """Return targets that hold the place of each step in the flat array."""
    return RaggedArray.from_lengths(np.arange(sum(lengths)), lengths)


def by_step(lengths, seed=0):
    weights = np.random.default_rng(seed).uniform(size=sum(lengths)).astype(np.float32)
    targets = numbered(lengths)
    return EncodedDataset(numeric(lengths), targets, targets.with_values(weights))


def rows_of(part):
    """Yield each row's targets at its real steps."""
    lengths = part.inputs["lengths"].tolist()
    for row, n in zip(part.targets, lengths, strict=True):
        yield row[:n].numpy()


def test_ragged_targets_are_cut_as_their_sequences_are():
    lengths = log_normal_lengths(50)
    examples = by_step(lengths)
    seen = []
    for batch in TrainingBatches(examples, 8, make_generator(0)):
        for part in batch:
            shape = steps_of(part).shape[:2]
            assert part.targets.shape == part.weights.shape == shape
            assert part.targets.dtype == torch.int64
            assert part.weights.dtype == torch.float32
            for row, steps in enumerate(rows_of(part)):
                n = len(steps)
                np.testing.assert_array_equal(
                    steps_of(part)[row, :n],
                    examples.sequences.steps.values[steps],
                )
                np.testing.assert_array_equal(
                    part.weights[row, :n], examples.weights.values[steps]
                )
                seen += steps.tolist()
    assert sorted(seen) == list(range(sum(lengths)))


def test_a_micro_batch_of_ragged_targets_counts_real_steps():
    batches = TrainingBatches(by_step(LENGTHS), 2, make_generator(0))
    parts = [part for batch in batches for part in batch]
    assert [p.n_targets for p in parts] == [int(p.inputs["lengths"].sum()) for p in parts]
    assert Batch(parts).n_targets == sum(LENGTHS)
    assert any(p.targets.numel() > p.n_targets for p in parts)


def test_ragged_targets_may_have_a_weight_for_each_sequence():
    weights = np.arange(5, dtype=np.float32)
    examples = EncodedDataset(numeric(LENGTHS), numbered(LENGTHS), weights)
    first = np.cumsum([0, *LENGTHS[:-1]]).tolist()
    for batch in TrainingBatches(examples, 3, make_generator(0)):
        for part in batch:
            assert part.weights.shape == (len(part.targets),)
            places = [first.index(int(row[0])) for row in part.targets]
            assert part.weights.tolist() == places


def test_targets_in_the_padding_are_valid_targets():
    for batch in TrainingBatches(by_step(LENGTHS), 5, make_generator(0)):
        part = only_part(batch)
        for row, steps in zip(part.targets, rows_of(part), strict=True):
            assert set(row.tolist()) == set(steps.tolist())


def test_the_micro_batches_of_a_large_batch_hold_every_target_once(rng):
    lengths = rng.integers(1, 900, size=100)
    batches = TrainingBatches(by_step(lengths), 100, make_generator(0))
    (batch,) = batches
    assert len(batch) > 1
    assert batch.n_targets == sum(lengths)
    seen = [step for part in batch for steps in rows_of(part) for step in steps]
    assert sorted(seen) == list(range(sum(lengths)))


def test_predictions_are_batched_with_ragged_targets_too():
    lengths = log_normal_lengths(400)
    batches = PredictionBatches(by_step(lengths))
    offsets = numbered(lengths).offsets
    for indices, batch in zip(batches.order, batches, strict=True):
        first = [int(steps[0]) for steps in rows_of(only_part(batch))]
        assert first == offsets[indices].tolist()


# --- micro-batches --------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [8, 33, 128, 500])
@pytest.mark.parametrize("longest", [5, 100, 900])
def test_a_large_batch_is_cut_into_micro_batches_of_bounded_size(
    batch_size, longest, rng
):
    lengths = rng.integers(1, longest + 1, size=500)
    batches = TrainingBatches(
        EncodedDataset(numeric(lengths, 1)), batch_size, make_generator(0)
    )
    seen = 0
    for batch in batches:
        assert batch.n_targets <= batch_size
        seen += batch.n_targets
        for part in batch:
            rows, n_steps = steps_of(part).shape[:2]
            assert rows <= MIN_ROWS or rows * n_steps <= max_steps("cpu")
    assert seen == 500
    assert len(batches) == -(-500 // batch_size)


def test_one_very_long_sequence_does_not_pad_the_others_to_its_length():
    batches = TrainingBatches(
        EncodedDataset(numeric([10] * 31 + [60_000])), 32, make_generator(0)
    )
    shapes = [steps_of(part).shape[:2] for batch in batches for part in batch]
    assert sorted(shapes) == [(1, 60_000), (31, 10)]


def test_a_batch_that_fits_is_one_micro_batch():
    batches = TrainingBatches(EncodedDataset(numeric([5] * 64)), 32, make_generator(0))
    assert [len(batch) for batch in batches] == [1, 1]


def test_a_batch_counts_the_targets_of_all_its_micro_batches():
    examples = EncodedDataset(numeric(LENGTHS))
    parts = [p for b in TrainingBatches(examples, 2, make_generator(0)) for p in b]
    assert Batch(parts).n_targets == 5


# --- prediction ----------------------------------------------------------------------


def shuffled(X, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    return order, [X[i] for i in order]


def content(batches):
    """Return every batch as the list of its rows."""
    result = []
    for batch in batches:
        part = only_part(batch)
        x, n = steps_of(part).numpy(), part.inputs["lengths"].tolist()
        rows = [x[i, : n[i]].tobytes() for i in range(len(n))]
        if "words" in part.inputs:
            words, characters = part.inputs["words"], part.inputs["characters"]
            rows = [
                row + characters[words[i, : n[i]]].numpy().tobytes()
                for i, row in enumerate(rows)
            ]
        result.append(rows)
    return result


@pytest.mark.parametrize("lengths", [log_normal_lengths(900), np.full(900, 7)])
def test_prediction_batches_do_not_depend_on_the_users_order(lengths):
    X = list(numeric(lengths).steps)
    expected = content(prediction(X))
    assert len(expected) > 1
    for seed in range(3):
        _, other = shuffled(X, seed)
        assert content(prediction(other)) == expected


def prediction(X):
    return PredictionBatches(
        EncodedDataset(EncodedSequences(RaggedArray.from_sequences(X)))
    )


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams", "lstm"])
def test_prediction_batches_of_words_do_not_depend_on_the_users_order(char_encoder):
    X = token_lists(np.random.default_rng(0).integers(1, 4, size=900))
    expected = content(PredictionBatches(EncodedDataset(encode_tokens(X, char_encoder))))
    assert len(expected) > 1
    for seed in range(3):
        _, other = shuffled(X, seed)
        got = content(
            PredictionBatches(EncodedDataset(encode_tokens(other, char_encoder)))
        )
        if char_encoder == "cnn":
            assert [len(rows) for rows in got] == [len(rows) for rows in expected]
        assert got == expected


@pytest.mark.parametrize(
    "lengths",
    [
        [1],
        [20_000],
        [20_000, *[3] * 40],
        [7] * 600,
        [100] * 600,
        [1] * 3000,
        list(range(1, 300)),
        log_normal_lengths(3000).tolist(),
    ],
    ids=["one", "long", "mixed", "equal", "larger", "short", "range", "sentences"],
)
def test_prediction_batches_keep_within_rows_and_steps(lengths):
    sequences = numeric(lengths, 1)
    batches = PredictionBatches(EncodedDataset(sequences))
    assert sorted(np.concatenate(batches.order).tolist()) == list(range(len(lengths)))
    n_batches = 0
    for indices, batch in zip(batches.order, batches, strict=True):
        part = only_part(batch)
        assert_padded(part, [sequences.steps[i] for i in indices])
        rows, n_steps = steps_of(part).shape[:2]
        assert rows <= MAX_ROWS
        assert rows == 1 or rows * n_steps <= max_steps("cpu")
        n_batches += 1
    assert len(batches) == n_batches
    if lengths == [1] * 3000:
        assert n_batches == -(-3000 // MAX_ROWS)


def test_prediction_batches_have_little_padding():
    total = real = 0
    lengths = log_normal_lengths(2000)
    for batch in PredictionBatches(EncodedDataset(numeric(lengths, 1))):
        total += steps_of(only_part(batch)).numel()
        real += int(only_part(batch).inputs["lengths"].sum())
    assert real == lengths.sum()
    assert 1 - real / total < 0.10


# --- forced targets ------------------------------------------------------------------


TARGET_LENGTHS = [2, 5, 1, 4, 3]


def forced(lengths=LENGTHS, target_lengths=TARGET_LENGTHS, *, weighted=False, seed=0):
    """Return examples whose targets have lengths of their own."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(2, 9, size=sum(target_lengths))
    weights = rng.random(len(lengths)).astype(np.float32) if weighted else None
    targets = RaggedArray.from_lengths(ids, target_lengths)
    return EncodedDataset(numeric(lengths), targets, weights, forced=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_forced_batches_equal_a_padding_loop(weighted):
    examples = forced(weighted=weighted)
    part = Collator(examples, "cpu")(np.array([4, 0, 2]))
    targets = [examples.targets[i] for i in (4, 0, 2)]
    assert part.inputs["target_lengths"].tolist() == [3, 2, 1]
    assert part.targets.shape == part.inputs["previous"].shape == (3, 3)
    for row, target in enumerate(targets):
        n = len(target)
        assert part.targets[row, :n].tolist() == target.tolist()
        assert part.inputs["previous"][row, :n].tolist() == [0, *target[:-1]]
    assert part.inputs["lengths"].tolist() == [6, 3, 6]
    assert part.n_targets == 3 + 2 + 1
    assert part.indices.tolist() == [4, 0, 2]
    if weighted:
        expected = examples.weights[[4, 0, 2], None]
        np.testing.assert_array_equal(part.weights, expected)
    else:
        assert part.weights is None


def test_a_forced_batch_counts_the_steps_of_its_targets():
    batches = TrainingBatches(forced(), 2, make_generator(0))
    assert sum(batch.n_targets for batch in batches) == sum(TARGET_LENGTHS)


def test_little_of_a_forced_batch_is_padding():
    lengths = log_normal_lengths(3000)
    noise = np.random.default_rng(1).normal(1.0, 0.1, size=3000)
    target_lengths = np.maximum(1, np.round(lengths * noise)).astype(int)
    batches = TrainingBatches(
        forced(lengths.tolist(), target_lengths.tolist()), 32, make_generator(0)
    )
    parts = [part for batch in batches for part in batch]
    total = sum(part.targets.numel() for part in parts)
    real = sum(part.n_targets for part in parts)
    assert real == target_lengths.sum()
    assert padding_share(batches) < 0.1
    assert 1 - real / total < 0.25


@pytest.mark.parametrize("longer", ["source", "target"])
@pytest.mark.parametrize("make", ["training", "prediction"])
def test_micro_batches_are_of_bounded_size_on_both_sides(longer, make):
    short, long = [2] * 300, np.random.default_rng(0).integers(1, 200, 300).tolist()
    pair = (long, short) if longer == "source" else (short, long)
    examples = forced(*pair)
    if make == "training":
        batches = list(TrainingBatches(examples, 300, make_generator(0)))
    else:
        batches = list(PredictionBatches(examples))
    parts = [part for batch in batches for part in batch]
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(300))
    for part in parts:
        rows = len(part.indices)
        for side in (steps_of(part), part.targets):
            assert side.shape[1] * rows <= max_steps("cpu") + 200 * MIN_ROWS


def test_forced_prediction_batches_have_every_pair_once():
    examples = forced()
    batches = PredictionBatches(examples)
    assert sorted(np.concatenate(batches.order).tolist()) == list(range(5))
    for indices, batch in zip(batches.order, batches, strict=True):
        assert batch[0].indices.tolist() == indices.tolist()
        lengths = examples.target_lengths[indices]
        assert batch[0].inputs["target_lengths"].tolist() == lengths.tolist()


def test_what_is_known_ahead_comes_with_its_sequences():
    sequences = numeric(LENGTHS)
    future = np.random.default_rng(1).normal(size=(5, 3, 2)).astype(np.float32)
    dataset = EncodedDataset(replace(sequences, future=future))
    batch = Collator(dataset, "cpu")(np.array([3, 0]))
    np.testing.assert_array_equal(batch.inputs["future"], future[[3, 0]])
    taken = dataset.sequences.take(np.array([4, 1]))
    np.testing.assert_array_equal(taken.future, future[[4, 1]])
