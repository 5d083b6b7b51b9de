"""How far back the cells remember: temporal order, adding, delayed recall, unseen lengths.

Run `python -m benchmarks.long_range [--quick] [--seeds ...] [--parts ...]`. Every network of
a task has the same training data and updates, the feed-forward one as many parameters as the
LSTM. The recurrent ones read in one direction and answer from the last state, so that nothing
but memory brings the answer.
"""

import statistics

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceRegressor,
)
from skrnn.datasets import (
    make_adding_problem,
    make_delayed_recall,
    make_temporal_order,
    make_waves,
)

from ._report import at_least, at_most, print_table, progress, run_program

CELLS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
GATED = ("lstm", "gru")
N_TRAIN, N_TEST, N_EPOCHS = 3000, 1000, 20
RECURRENT = {
    "hidden_size": 64,
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.0,
    "lr": 0.003,
    "early_stopping": False,
}


def temporal_order(quick, seeds):
    """Which of two cues came first, at 100 steps; all seeds."""
    return _compare(
        "temporal order",
        make_temporal_order,
        (SequenceClassifier, FeedForwardClassifier),
        [100],
        quick,
        seeds,
    )


def adding(quick, seeds):
    """The sum of two marked numbers, at 100 steps; all seeds."""
    return _compare(
        "adding",
        make_adding_problem,
        (SequenceRegressor, FeedForwardRegressor),
        [100],
        quick,
        seeds,
    )


def longer(quick, seeds):
    """Both at 200 and 400 steps, with the first seed, for the record."""
    for name, make, classes in (
        ("temporal order", make_temporal_order, (SequenceClassifier,)),
        ("adding", make_adding_problem, (SequenceRegressor,)),
    ):
        _compare(name, make, classes, [200, 400], quick, seeds[:1])
    return []


def delayed_recall(quick, seeds):
    """The first of 8 tokens, after 10 to 200 steps: where each cell fails."""
    task = {"n_classes": 8, "n_distractors": 8}
    lengths = (10, 20) if quick else (10, 20, 50, 100, 200)
    options = RECURRENT | {"hidden_size": 32, "embedding_dim": 16, "lr": 0.01}
    rows = []
    for cell in CELLS:
        row = [cell]
        for n_steps in lengths:
            progress(f"delayed recall, {cell}, {n_steps} steps")
            X_test, y_test = make_delayed_recall(
                300, min_steps=n_steps, max_steps=n_steps, random_state=1, **task
            )
            scores = []
            for seed in seeds:
                X, y = make_delayed_recall(
                    600, min_steps=2, max_steps=n_steps, random_state=100 + seed, **task
                )
                model = SequenceClassifier(
                    cell=cell,
                    max_epochs=1 if quick else 30,
                    random_state=seed,
                    **options,
                )
                scores.append(model.fit(X, y).score(X_test, y_test))
            row.append(_mean_and_range(scores))
        rows.append(row)
    print_table(
        "Delayed recall: accuracy by steps to remember",
        ("cell", *lengths),
        rows,
        "600 training sequences of 2 to so many steps, 30 epochs; chance is 0.125. Mean and "
        "range over the seeds.",
    )
    return []


def lengths(quick, seeds):
    """Trained on 10 to 20 steps, tested on up to 200."""
    tested = (20, 40, 80, 120, 200)
    X_test = {
        n: make_waves(600, noise=1.0, min_steps=n, max_steps=n, random_state=1)
        for n in tested
    }
    rows = []
    networks = {
        cell: (SequenceClassifier, {"cell": cell, "hidden_size": 32, "pooling": "mean"})
        for cell in CELLS
    } | {"feed-forward": (FeedForwardClassifier, {})}
    for name, (cls, options) in networks.items():
        scores = {n: [] for n in tested}
        for seed in seeds:
            progress(f"lengths, {name}, seed {seed}")
            X, y = make_waves(
                900, noise=1.0, min_steps=10, max_steps=20, random_state=100 + seed
            )
            epochs = 1 if quick else 30
            model = cls(max_epochs=epochs, random_state=seed, **options).fit(X, y)
            for n in tested:
                scores[n].append(model.score(*X_test[n]))
        rows.append([name, *(_mean_and_range(scores[n]) for n in tested)])
    print_table(
        "Waves in noise: trained on 10 to 20 steps, accuracy by steps of the test",
        ("network", *tested),
        rows,
    )
    return []


def _compare(name, make, classes, steps, quick, seeds):
    """Print scores by cell and length; return the goals of 100 steps."""
    recurrent, *dense = classes
    rows, figures, sizes = [], {}, {}
    for cell in (*CELLS, *(["feed-forward"] if dense else [])):
        row = [cell]
        for n_steps in steps:
            scores = []
            for seed in seeds:
                progress(f"{name}, {cell}, {n_steps} steps, seed {seed}")
                size = {"min_steps": n_steps, "max_steps": n_steps}
                X, y = make(100 if quick else N_TRAIN, random_state=100 + seed, **size)
                X_test, y_test = make(N_TEST, random_state=99, **size)
                options = {"max_epochs": 1 if quick else N_EPOCHS, "random_state": seed}
                if cell == "feed-forward":
                    layer = _matching_layer(dense[0], X, y, sizes["lstm"])
                    model = dense[0](
                        hidden_layer_sizes=layer,
                        lr=RECURRENT["lr"],
                        early_stopping=False,
                        **options,
                    )
                else:
                    model = recurrent(cell=cell, **RECURRENT, **options)
                scores.append(model.fit(X, y).score(X_test, y_test))
            sizes[cell] = model.n_parameters_
            figures[cell] = statistics.fmean(scores)
            row += [_mean_and_range(scores), f"{sizes[cell]:,}"]
        rows.append(row)
    score = "accuracy" if recurrent is SequenceClassifier else "R²"
    header = ["network"]
    for n_steps in steps:
        header += [f"{score}, {n_steps} steps", "parameters"]
    print_table(
        f"{name.capitalize()}, {N_TRAIN:,} training sequences",
        header,
        rows,
        "Mean and range over the seeds.",
    )
    if not dense:
        return []
    goals = [
        at_least(f"{name}, 100 steps, {cell}", figures[cell], 0.95) for cell in GATED
    ]
    for cell in ("rnn_tanh", "feed-forward"):
        goals.append(at_most(f"{name}, 100 steps, {cell}", figures[cell], 0.9))
    return goals


def _matching_layer(cls, X, y, n_parameters):
    """Return the hidden layer with which a feed-forward network has so many parameters."""
    one, two = (
        cls(hidden_layer_sizes=(n,), max_epochs=1).fit(X[:50], y[:50]).n_parameters_
        for n in (1, 2)
    )
    return (max(1, 1 + round((n_parameters - one) / (two - one))),)


def _mean_and_range(scores):
    mean = f"{statistics.fmean(scores):.3f}"
    if len(scores) == 1:
        return mean
    return f"{mean} ({min(scores):.2f}–{max(scores):.2f})"


PARTS = (temporal_order, adding, delayed_recall, lengths, longer)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
