"""How far back the cells remember: temporal order, adding, delayed recall, unseen lengths.

Run `python -m benchmarks.long_range [--quick] [--seeds ...] [--parts ...]`. Every network of
a task has the same training data and updates, the feed-forward one as many parameters as the
LSTM; at 200 and 400 steps a tanh network has as many, too. The recurrent ones read in one
direction and answer from the last state, so that nothing but memory brings the answer.
"""

import statistics

import numpy as np
from sklearn.base import clone

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
#: Networks with about as many parameters as the LSTM.
LARGE_TANH, FEED_FORWARD = "rnn_tanh, same size", "feed-forward"
N_TRAIN, N_TEST, N_EPOCHS = 3000, 1000, 20
RECURRENT = {
    "hidden_size": 64,
    "bidirectional": False,
    "pooling": "last",
    "patch_size": 1,
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
        quick,
        seeds,
    )


def adding(quick, seeds):
    """The sum of two marked numbers, at 100 steps; all seeds."""
    return _compare(
        "adding",
        make_adding_problem,
        (SequenceRegressor, FeedForwardRegressor),
        quick,
        seeds,
    )


LONGER = (200, 400)


def longer_order(quick, seeds):
    """Temporal order over 200 and 400 steps, for the record; all seeds."""
    classes, names = (SequenceClassifier, FeedForwardClassifier), (*CELLS, LARGE_TANH)
    task = ("temporal order", make_temporal_order)
    _print_scores(*task, classes, names, LONGER, quick, seeds)
    return []


def longer_adding(quick, seeds):
    """Adding over 200 and 400 steps, for the record; all seeds."""
    classes, names = (SequenceRegressor, FeedForwardRegressor), (*CELLS, LARGE_TANH)
    task = ("adding", make_adding_problem)
    _print_scores(*task, classes, names, LONGER, quick, seeds)
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


def _compare(name, make, classes, quick, seeds):
    """Print the scores at 100 steps; return the goals."""
    names = (*CELLS, FEED_FORWARD)
    figures = _print_scores(name, make, classes, names, [100], quick, seeds)
    goals = [
        at_least(f"{name}, 100 steps, {cell}", figures[cell], 0.95) for cell in GATED
    ]
    for network in ("rnn_tanh", FEED_FORWARD):
        goals.append(at_most(f"{name}, 100 steps, {network}", figures[network], 0.9))
    return goals


def _print_scores(task, make, classes, names, steps, quick, seeds):
    """Print the scores of the networks by length; return the means at the last."""
    rows, figures, size = [], {}, None
    for name in names:
        row = [name]
        for n_steps in steps:
            scores = []
            for seed in seeds:
                progress(f"{task}, {name}, {n_steps} steps, seed {seed}")
                of_length = {"min_steps": n_steps, "max_steps": n_steps}
                n_train, n_test = (100, 100) if quick else (N_TRAIN, N_TEST)
                X, y = make(n_train, random_state=100 + seed, **of_length)
                X_test, y_test = make(n_test, random_state=99, **of_length)
                model = _network(name, classes, X, y, size).set_params(
                    max_epochs=1 if quick else N_EPOCHS, random_state=seed
                )
                scores.append(_score(model, X, y, X_test, y_test))
                progress(f"{scores[-1]:.3f}")
            row.append(_mean_and_range(scores))
        n_parameters = _n_parameters(model, X, y)
        if name == "lstm":
            size = n_parameters
        figures[name] = statistics.fmean(scores)
        row.append(f"{n_parameters:,}")
        rows.append(row)
    score = "accuracy" if SequenceClassifier in classes else "R²"
    print_table(
        f"{task.capitalize()}, {N_TRAIN:,} training sequences",
        ["network", *(f"{score}, {n} steps" for n in steps), "parameters"],
        rows,
        "Mean and range over the seeds; a training that diverges counts as nothing learned.",
    )
    return figures


def _network(name, classes, X, y, size):
    """Return an unfitted network; some get about as many parameters as `size`."""
    recurrent, dense = classes
    if name == FEED_FORWARD:
        base = dense(lr=RECURRENT["lr"], early_stopping=False)
        units = _matching_units(base, "hidden_layer_sizes", X, y, size)
        return base.set_params(hidden_layer_sizes=units)
    if name == LARGE_TANH:
        base = recurrent(cell="rnn_tanh", **RECURRENT)
        units = _matching_units(base, "hidden_size", X, y, size)
        return base.set_params(hidden_size=units)
    return recurrent(cell=name, **RECURRENT)


def _score(model, X, y, X_test, y_test):
    """Return the test score after training; that of chance if training diverges."""
    try:
        return model.fit(X, y).score(X_test, y_test)
    except ValueError as error:
        if "diverged" not in str(error):
            raise
        progress(str(error))
    classes = np.unique(y)
    return 1 / len(classes) if classes.dtype.kind == "U" else 0.0


def _n_parameters(model, X, y):
    return clone(model).set_params(max_epochs=1).fit(X[:50], y[:50]).n_parameters_


def _matching_units(network, parameter, X, y, size):
    """Return the units of the hidden layer with which a network has so many parameters.

    Their number grows with the units and, between the states of a recurrent network, with
    their square.
    """
    few = (1, 2, 3)
    counts = [
        _n_parameters(clone(network).set_params(**{parameter: n}), X, y) for n in few
    ]
    growth = np.polynomial.Polynomial.fit(few, counts, 2)
    sizes = np.arange(1, size)
    return int(sizes[np.argmin(np.abs(growth(sizes) - size))])


def _mean_and_range(scores):
    mean = f"{statistics.fmean(scores):.3f}"
    if len(scores) == 1:
        return mean
    return f"{mean} ({min(scores):.2f}–{max(scores):.2f})"


PARTS = (temporal_order, adding, delayed_recall, lengths, longer_order, longer_adding)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
