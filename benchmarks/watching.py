"""Cost of watching a training and of keeping checkpoints, beside the same fit without.

Run `python -m benchmarks.watching [--quick] [--seeds ...] [--parts ...]`.
"""

import contextlib
import io
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from skorch.callbacks import Callback

from skrnn import FeedForwardRegressor, SequenceClassifier, SequenceTagger
from skrnn.training import checkpoint
from skrnn.training.progress import ProgressLine

from ._report import at_most, print_table, progress, ratio_by_round, run_program
from .training_speed import as_words, make_ragged_tokens


class Counts(Callback):
    """Counts updates and epochs, as a user's own callback would."""

    def on_batch_end(self, net, training=None, **kwargs):
        self.n_updates = getattr(self, "n_updates", 0) + bool(training)

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs = len(net.history)


def _words(n, seed):
    sequences, labels = make_ragged_tokens(n, seed)
    return as_words(sequences), labels


def _numbers(n, seed):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(k, 4)) for k in rng.integers(10, 31, size=n)]
    return X, np.array([x.mean() for x in X])


def _steps(n, seed):
    X, _ = _words(n, seed)
    return X, [[word[-1] for word in sequence] for sequence in X]


#: Name → estimator, its data, sequences, epochs.
FITS = {
    "SequenceClassifier, words": (SequenceClassifier, _words, 1_000, 2),
    "SequenceTagger, words": (SequenceTagger, _steps, 500, 2),
    "FeedForwardRegressor": (FeedForwardRegressor, _numbers, 4_000, 12),
}


def _fit(name, quick, seed, data, **parameters):
    kind, _, _, n_epochs = FITS[name]
    n_epochs = 1 if quick else n_epochs
    return kind(max_epochs=n_epochs, random_state=seed, **parameters).fit(*data)


def _seconds(task):
    """Return the wall-clock and the processor seconds of a task that prints."""
    wall, processor = time.perf_counter(), time.process_time()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        task()
    return time.perf_counter() - wall, time.process_time() - processor


def _alternately(tasks, repeats):
    """Return the wall-clock and the processor seconds of tasks that take turns."""
    wall = {name: [] for name in tasks}
    processor = {name: [] for name in tasks}
    for timed in [False] + [True] * repeats:
        for name in tasks:
            found = _seconds(tasks[name])
            if timed:
                wall[name].append(found[0])
                processor[name].append(found[1])
    return wall, processor


def lines(quick, seeds):
    """Time a fit with progress lines, and with a callback, against one without."""
    repeats, rows, goals = (1 if quick else 7), [], []
    for name, (_, make, n, _) in FITS.items():
        progress(f"cost of watching, {name}")
        data = make(n // (20 if quick else 1), seeds[0])
        variants = {
            "nothing": {},
            "verbose=1": {"verbose": 1},
            "a callback": {"callbacks": [Counts()]},
        }
        shares = {variant: [] for variant in variants}

        def watched(variant, given, name=name, data=data, shares=shares):
            start = time.thread_time()
            with _times(ProgressLine, Counts) as spent:
                _fit(name, quick, seeds[0], data, **given)
            shares[variant].append(sum(spent) / (time.thread_time() - start))

        tasks = {
            variant: partial(watched, variant, given)
            for variant, given in variants.items()
        }
        wall, processor = _alternately(tasks, repeats)
        for variant in list(variants)[1:]:
            by_wall, by_processor = (
                ratio_by_round(seconds[variant], seconds["nothing"])
                for seconds in (wall, processor)
            )
            share = 100 * float(np.median(shares[variant]))
            rows.append(
                (name, variant, f"{share:.2f}", f"{by_wall:.3f}", f"{by_processor:.3f}")
            )
            claim = f"{name}, {variant}: share of the processor time in %"
            goals.append(at_most(claim, share, 1.0, 2))
    print_table(
        "Fit with something that watches, against the same fit without",
        ("fit", "with", "its share (%)", "time ×", "processor time ×"),
        rows,
        f"Default sizes; median (lowest–highest) of the ratios of {repeats} alternated rounds.",
    )
    return goals


def checkpoints(quick, seeds):
    """Time a fit with a checkpoint against one without, and the share of the writes."""
    repeats, rows, goals = (1 if quick else 7), [], []
    for name, (_, make, n, _) in FITS.items():
        progress(f"cost of checkpoints, {name}")
        data = make(n // (20 if quick else 1), seeds[0])
        shares, sizes = [], []

        def with_checkpoint(name=name, data=data, shares=shares, sizes=sizes):
            with tempfile.TemporaryDirectory() as folder, _writes() as writes:
                start = time.perf_counter()
                path = Path(folder, "one.checkpoint")
                _fit(name, quick, seeds[0], data, checkpoint=path)
                shares.append(sum(writes) / (time.perf_counter() - start))
                sizes.append(len(writes))

        tasks = {
            "without": lambda name=name, data=data: _fit(name, quick, seeds[0], data),
            "with": with_checkpoint,
        }
        wall, processor = _alternately(tasks, repeats)
        by_wall, by_processor = (
            ratio_by_round(seconds["with"], seconds["without"])
            for seconds in (wall, processor)
        )
        share = 100 * float(np.median(shares))
        rows.append(
            (
                name,
                f"{np.median(wall['without']):.2f}",
                f"{np.median(sizes):.0f}",
                f"{share:.2f}",
                f"{by_wall:.3f}",
                f"{by_processor:.3f}",
            )
        )
        goals.append(at_most(f"{name}: share of the writes in %", share, 3.0, 2))
        claim = f"{name}: processor time with a checkpoint ×"
        goals.append(at_most(claim, by_processor.median, 1.03))
    print_table(
        "Fit with a checkpoint, against the same fit without",
        ("fit", "seconds", "writes", "writes (%)", "time ×", "processor time ×"),
        rows,
        f"Default sizes; median (lowest–highest) of the ratios of {repeats} alternated rounds. "
        "Without the writes: the digest of the data, and of the parameters.",
    )
    return goals


@contextlib.contextmanager
def _times(*kinds):
    """Yield a list that gets the processor seconds of each call of these callbacks."""
    spent, before = [], []

    def timed(method):
        def call(*given, **named):
            start = time.thread_time()
            try:
                return method(*given, **named)
            finally:
                spent.append(time.thread_time() - start)

        return call

    for kind in kinds:
        for name, method in list(vars(kind).items()):
            if name.startswith("on_"):
                before.append((kind, name, method))
                setattr(kind, name, timed(method))
    try:
        yield spent
    finally:
        for kind, name, method in before:
            setattr(kind, name, method)


@contextlib.contextmanager
def _writes():
    """Yield a list that gets the seconds of each write."""
    writes, write = [], checkpoint.Checkpoint._write

    def timed(self, *given, **named):
        start = time.perf_counter()
        write(self, *given, **named)
        writes.append(time.perf_counter() - start)

    checkpoint.Checkpoint._write = timed
    try:
        yield writes
    finally:
        checkpoint.Checkpoint._write = write


PARTS = (lines, checkpoints)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
