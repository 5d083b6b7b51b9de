"""Training windows: which sequences are cut, where, and what an epoch reads of them."""

import subprocess
import sys
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, window_size
from skrnn.training.collate import TrainingBatches
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import recurrent_work
from skrnn.training.seeding import make_generator
from skrnn.training.windows import in_windows, scaled

LENGTHS = np.array([2] * 60 + [70, 41])
#: Two steps are usual, so a window has this many.
N_STEPS = 40


def numbered(lengths=LENGTHS, *, by_step=True, **options):
    """Return sequences whose steps, and their targets, count from 0."""
    steps = np.concatenate([np.arange(n) for n in lengths])
    values = RaggedArray.from_lengths(steps[:, None].astype(np.float32), lengths)
    targets = values.with_values(steps) if by_step else np.arange(len(lengths))
    return EncodedDataset(EncodedSequences(values), targets, **options)


def epoch(dataset, seed=0):
    batches = TrainingBatches(dataset, 8, make_generator(seed))
    return [part for batch in batches for part in batch]


def rows_of(parts, i):
    """Return the steps that an epoch reads of sequence ``i``, and its targets."""
    for part in parts:
        for row in np.flatnonzero(part.indices == i):
            n = int(part.inputs["lengths"][row])
            return part.inputs["features"][row, :n, 0].numpy(), part.targets[row][:n]
    raise AssertionError(f"the epoch does not read sequence {i}")


def test_a_window_is_longer_than_nearly_all_sequences():
    assert window_size(np.array([3] * 99 + [50_000])) == 20 * 3
    assert window_size(np.array([3] * 19 + [50_000])) == 20 * 3
    assert window_size(np.arange(1, 101)) == 20 * 95


def test_of_few_sequences_none_is_cut():
    dataset = numbered([3] * 18 + [500])
    assert in_windows(dataset) is dataset


def test_sequences_of_usual_lengths_are_left_alone():
    dataset = numbered([1, 3, 20])
    assert in_windows(dataset) is dataset


def test_what_is_read_in_chunks_is_left_alone():
    dataset = numbered(bptt=8)
    assert in_windows(dataset) is dataset


def test_of_pairs_the_beginnings_are_read():
    """Source 60 is long, target 61, and both sides of the last pair."""
    sources, targets = [2] * 60 + [70, 2, 90], [3] * 60 + [3, 100, 80]
    values = np.concatenate([np.arange(n) for n in sources])[:, None]
    dataset = EncodedDataset(
        EncodedSequences(RaggedArray.from_lengths(values.astype(np.float32), sources)),
        RaggedArray.from_lengths(
            np.concatenate([np.arange(n) for n in targets]), targets
        ),
        forced=True,
        origin=np.arange(63) + 100,
    )
    of_X = r"first 40 steps of a sequence of X .*: 2 of them, X\[162\] the longest"
    of_y = r"first 60 tokens of a sequence of y .*: 2 of them, y\[161\] the longest"
    with pytest.warns(UserWarning, match=of_X), pytest.warns(UserWarning, match=of_y):
        cut = in_windows(dataset)
    batches = TrainingBatches(cut, 8, make_generator(0))
    parts = [part for batch in batches for part in batch]
    assert batches.n_targets == sum(part.n_targets for part in parts) == 3 * 61 + 2 * 60
    read = {}
    for part in parts:
        for i, row in zip(part.indices.tolist(), part.inputs["features"], strict=True):
            read[i] = row[:, 0].tolist(), part
    for i, n_steps, n_targets in [(60, 40, 3), (61, 2, 60), (62, 40, 60), (0, 2, 3)]:
        steps, part = read[i]
        row = part.indices.tolist().index(i)
        assert part.inputs["lengths"][row] == n_steps
        assert part.inputs["target_lengths"][row] == n_targets
        assert steps[:n_steps] == list(range(n_steps))
        assert part.targets[row, :n_targets].tolist() == list(range(n_targets))
    usual = replace(dataset, sequences=dataset.sequences.take(np.arange(30)))
    usual = replace(usual, targets=dataset.targets.take(np.arange(30)), origin=None)
    assert in_windows(usual) is usual


def test_members_warn_once_and_a_part_of_training_once():
    X = [np.zeros(5)] * 30 + [np.zeros(500)]
    y = [0, 1] * 15 + [0]
    options = {"hidden_size": 4, "max_epochs": 1, "n_estimators": 3, "random_state": 0}
    for train in (SequenceClassifier.fit, SequenceClassifier.partial_fit):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(SequenceClassifier(**options), X, y)
        texts = [str(one.message) for one in caught]
        assert (
            sum(text.startswith("Training reads a random window") for text in texts) == 1
        )


def test_an_epoch_reads_one_stretch_of_a_long_sequence_with_its_targets():
    with pytest.warns(UserWarning, match="random window of 40 steps"):
        dataset = in_windows(numbered())
    steps, targets = rows_of(epoch(dataset), 60)
    assert len(steps) == N_STEPS
    np.testing.assert_array_equal(np.diff(steps), 1)
    np.testing.assert_array_equal(steps, targets)


def test_short_sequences_are_read_whole():
    with pytest.warns(UserWarning, match="random window"):
        parts = epoch(in_windows(numbered()))
    assert rows_of(parts, 0)[0].tolist() == [0, 1]
    assert sum(len(part.indices) for part in parts) == len(LENGTHS)


def test_each_epoch_draws_other_windows_and_both_ends_are_reached():
    with pytest.warns(UserWarning, match="random window"):
        dataset = in_windows(numbered([2] * 30 + [42]))
    starts = {int(rows_of(epoch(dataset, seed), 30)[0][0]) for seed in range(30)}
    assert starts == {0, 1, 2}


def test_target_steps_of_an_epoch_are_those_that_are_read():
    with pytest.warns(UserWarning, match="random window"):
        dataset = in_windows(numbered())
    batches = TrainingBatches(dataset, 8, make_generator(0))
    assert batches.n_targets == 120 + 2 * N_STEPS
    assert batches.n_targets == sum(batch.n_targets for batch in batches)


def mean_weight(dataset):
    """Return the mean weight of the targets that an epoch reads."""
    batches = TrainingBatches(dataset, 8, make_generator(0))
    total = 0.0
    for part in (part for batch in batches for part in batch):
        if part.weights.shape[1] == 1:  # of sequences
            total += float((part.weights[:, 0] * part.inputs["target_lengths"]).sum())
        else:
            n_steps = part.inputs["lengths"]
            real = torch.arange(part.weights.shape[1]) < n_steps[:, None]
            total += float(part.weights[real].sum())
    return total / batches.n_targets


def test_windows_of_pairs_keep_the_mean_of_weights():
    lengths = np.array([6] * 60 + [5_000])
    weights = np.ones(61, np.float32)
    weights[-1] = 0.01
    weights /= np.average(weights, weights=lengths)
    dataset = numbered(lengths, forced=True, weights=weights)
    with pytest.warns(UserWarning, match="Training reads the first"):
        cut = in_windows(dataset)
    assert mean_weight(cut) == pytest.approx(1, rel=1e-5)
    factor = cut.windows.weight_scale
    np.testing.assert_allclose(cut.weights, weights * np.float32(factor))
    assert scaled(dataset, 2.0).weights[0] == 2 * weights[0]


def test_windows_of_steps_keep_the_mean_of_weights():
    dataset = numbered()
    weights = np.repeat(np.r_[np.ones(60), 0.1, 3.0], LENGTHS).astype(np.float32)
    weights /= weights.mean()
    dataset = replace(dataset, weights=dataset.targets.with_values(weights))
    with pytest.warns(UserWarning, match="random window"):
        cut = in_windows(dataset)
    assert mean_weight(cut) == pytest.approx(1, rel=1e-5)
    assert scaled(numbered(), 3.0).weights is None


def test_windows_of_a_part_leave_the_scale_of_weights():
    dataset = numbered()
    fives = dataset.targets.with_values(np.full(LENGTHS.sum(), 5.0, np.float32))
    with pytest.warns(UserWarning, match="random window"):
        cut = in_windows(replace(dataset, weights=fives))
    assert mean_weight(cut) == pytest.approx(5, rel=1e-5)


def test_batches_and_work_are_those_of_the_subwords_that_are_read():
    steps = RaggedArray.from_lengths(np.zeros(LENGTHS.sum(), np.int64), LENGTHS)
    each = np.full(LENGTHS.sum(), 3)
    subwords = RaggedArray.from_lengths(np.zeros(each.sum(), np.int64), each)
    dataset = EncodedDataset(EncodedSequences(steps, subwords=subwords), steps)
    with pytest.warns(UserWarning, match="random window"):
        cut = in_windows(dataset)
    batches = TrainingBatches(cut, 8, make_generator(0))
    assert batches.lengths.tolist() == (3 * np.minimum(LENGTHS, N_STEPS)).tolist()
    module = SimpleNamespace(cells=lambda: {"encoder": SimpleNamespace(hidden_size=2)})
    net = SimpleNamespace(module_=module)
    assert recurrent_work(net, dataset) == 2 * 3 * LENGTHS.sum()
    assert recurrent_work(net, cut) == 2 * 3 * np.minimum(LENGTHS, N_STEPS).sum()


def test_without_long_sequences_nothing_is_drawn_for_windows():
    one, other = make_generator(0), make_generator(0)
    list(TrainingBatches(in_windows(numbered([1, 3, 20])), 8, one))
    list(TrainingBatches(numbered([1, 3, 20]), 8, other))
    assert one.get_state().equal(other.get_state())


def test_windows_begin_and_end_where_classes_may():
    labels = np.zeros(45, np.int64)
    labels[1:5] = 1  # may not begin
    labels[40:] = 2  # may not end
    rest = np.zeros(60, np.int64)
    values = RaggedArray.from_lengths(np.ones((105, 1), np.float32), [2] * 30 + [45])
    dataset = EncodedDataset(
        EncodedSequences(values), values.with_values(np.concatenate([rest, labels]))
    )
    ends = np.array([True, False, True]), np.array([True, True, False])
    with pytest.warns(UserWarning, match="random window"):
        windows = in_windows(dataset, ends).windows
    assert windows.starts[0].tolist() == [0]


def test_the_warning_names_the_longest_sequence_by_its_place_in_X():
    dataset = numbered(origin=np.arange(len(LENGTHS)) + 100)
    with pytest.warns(UserWarning, match=r"2 sequences .* X\[160\] has 70 steps"):
        in_windows(dataset)


# --- estimators ----------------------------------------------------------------------


def long_among_short(n_long=400):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in [4] * 40 + [n_long]]
    return X, [i % 2 for i in range(41)]


SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceRegressor])
def test_fit_warns_once_and_predictions_read_all_steps(estimator):
    X, y = long_among_short()
    with pytest.warns(UserWarning, match=r"80 steps .* X\[40\] has 400 steps") as caught:
        model = estimator(**SMALL).fit(X, y)
    assert len(caught) == 1
    method = getattr(model, "predict_proba", model.predict)
    changed = X[40].copy()
    changed[200:] += 9
    assert not np.array_equal(method([X[40]]), method([changed]))


@pytest.mark.parametrize("crf", [True, False])
def test_a_tagger_learns_from_windows_of_a_long_sequence(crf):
    rng = np.random.default_rng(0)
    lengths = [4] * 40 + [400]
    y = [["O"] * n for n in lengths]
    for tags in y:
        for i in range(0, len(tags) - 3, 4):
            if rng.random() < 0.5:
                tags[i : i + 3] = ["B-x", "I-x", "I-x"]
    X = [[tag.lower() for tag in tags] for tags in y]
    model = SequenceTagger(scheme="IOB2", crf=crf, hidden_size=8, lr=0.03, max_epochs=16)
    with pytest.warns(UserWarning, match="random window of 80 steps"):
        model.set_params(random_state=0).fit(X, y)
    assert model.score(X, y) == 1.0
    assert [len(tags) for tags in model.predict(X)] == lengths


def test_a_translator_trains_on_the_beginning_of_a_long_pair():
    X = [["a", "b"]] * 20 + [["b", "a"]] * 20
    long_X, long_y = [*X, ["a", "b"] * 5_000], [*X, ["b"] * 5_000]
    model = Seq2SeqTransformer(**SMALL)
    weight = np.r_[np.ones(40), 0.01]
    held_out = {"X_val": X, "y_val": X, "sample_weight_val": np.ones(40)}
    with pytest.warns(UserWarning, match="Training reads the first") as caught:
        model.fit(long_X, long_y, sample_weight=weight, **held_out)
    assert len(caught) == 2
    losses = model.history_[["train_loss", "valid_loss"]].to_numpy()
    assert losses.max() < 1.5 * np.log(model._targets.n_outputs)
    assert len(model.log_likelihood(long_X[-2:], long_y[-2:])) == 2
    longest = max(map(len, model.predict(X[:2])))
    assert longest <= 20 * 3  # of 20 pairs nearly all have two tokens and an end


def test_a_feed_forward_network_reads_no_windows():
    from skrnn import FeedForwardClassifier

    X, y = long_among_short(100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FeedForwardClassifier(window=4, max_epochs=1, random_state=0).fit(X, y)


MEASURED = """
import time, warnings, resource
import numpy as np
from skrnn import SequenceClassifier
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
lengths = rng.integers(10, 31, size=500).tolist()
X = [rng.normal(size=(n, 4)).astype(np.float32) for n in lengths]
y = [i % 2 for i in range(500)]
SequenceClassifier(max_epochs=1, random_state=0).fit(X, y)
for kind in ("short", "long"):
    if kind == "long":
        X[7] = rng.normal(size=(50_000, 4)).astype(np.float32)
    seconds = []
    for _ in range(2):
        start = time.process_time()
        SequenceClassifier(max_epochs=2, random_state=0).fit(X, y)
        seconds.append(time.process_time() - start)
    print(min(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_one_very_long_sequence_neither_doubles_the_time_nor_takes_300_mb():
    command = [sys.executable, "-c", MEASURED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    short, short_mb, long, long_mb = map(float, done.stdout.split())
    assert long < 2 * short
    assert long_mb < short_mb + 300
