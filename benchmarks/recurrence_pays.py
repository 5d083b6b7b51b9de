"""Does recurrence pay? Recurrent against feed-forward networks on real sets of five kinds.

Run `python -m benchmarks.recurrence_pays [--quick] [--seeds ...] [--parts ...]`; each set is a
part. Training and test part together are cut into five folds, of which three are held out in
turn, again with each seed, which shuffles the folds and starts the networks. The feed-forward
network has about as many parameters as the recurrent one ("same size"), or is trained for
about as long ("same time"), for as many more epochs as it takes less CPU time; all other
parameters are the defaults. p is that of the corrected resampled t-test (Nadeau & Bengio 2003) over the folds
of all seeds.

A set is given `MAX_SECONDS`: another seed is begun only if it is expected to end within them.
The table says how many seeds were used. One seed takes 1 to 3 minutes a set, on one thread.
"""

import time

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.model_selection import Comparison, compare_estimators
from skrnn.preprocessing import LogMelFrames

from ._data import (
    load_basic_motions,
    load_gestures,
    load_gunpoint,
    load_japanese_vowels,
    load_names,
    load_snips,
    load_spoken_digits,
)
from ._report import at_least, print_table, progress, run_program

#: Sequences that are drawn of larger sets.
MOST = 600
#: Of so many folds the first `N_HELD_OUT` are held out in turn.
N_FOLDS, N_HELD_OUT = 5, 3
#: Of one set, all seeds together.
MAX_SECONDS = 1500
HEADER = ("network", "accuracy", "difference", "p", "parameters", "fit (s)")


def _texts():
    sentences, intents = load_snips()["train"]
    return [" ".join(tokens) for tokens in sentences], intents


def _whole(load):
    """Return training and test part of a set as one."""
    splits = load()
    X = [x for name in ("train", "test") for x in splits[name][0]]
    return X, [y for name in ("train", "test") for y in splits[name][1]]


def _digits():
    X, y = _whole(load_spoken_digits)
    return LogMelFrames(sample_rate=8000).fit_transform(X), y


SETS = {
    "intents (text)": (_texts, {}),
    "names (characters)": (lambda: load_names()["train"], {"tokenizer": "char"}),
    "digits (audio)": (_digits, {}),
    "vowels (audio)": (lambda: _whole(load_japanese_vowels), {}),
    "motions (watch)": (lambda: _whole(load_basic_motions), {}),
    "gestures (remote)": (lambda: _whole(load_gestures), {}),
    "gun or point (video)": (lambda: _whole(load_gunpoint), {}),
}


def intents(quick, seeds):
    """Which of seven things a spoken command asks for."""
    return _compare("intents (text)", quick, seeds)


def names(quick, seeds):
    """The country of a name, by its characters."""
    return _compare("names (characters)", quick, seeds)


def digits(quick, seeds):
    """Which digit is spoken, from raw recordings."""
    return _compare("digits (audio)", quick, seeds)


def vowels(quick, seeds):
    """Which of nine speakers says two vowels."""
    return _compare("vowels (audio)", quick, seeds)


def motions(quick, seeds):
    """Which of four motions a watch records."""
    return _compare("motions (watch)", quick, seeds)


def gestures(quick, seeds):
    """Which of ten gestures a remote control records."""
    return _compare("gestures (remote)", quick, seeds)


def gun_or_point(quick, seeds):
    """Whether a hand in a video draws a gun or points."""
    return _compare("gun or point (video)", quick, seeds)


def _compare(name, quick, seeds):
    """Print the table of a set; return its goal."""
    comparison, n_seeds = _repeated(name, quick, seeds)
    progress(f"{name}, {n_seeds} of {len(seeds)} seeds:\n{comparison}")
    differences = comparison.differences.set_index("estimator")
    rows = []
    for method, row in comparison.table.iterrows():
        difference, p = "", ""
        if method in differences.index:
            other = differences.loc[method]
            difference = f"{other['difference']:+.3f}"
            p = f"{other['p_adjusted']:.3f}"
        rows.append(
            [
                method,
                f"{row['score']:.3f} ± {row['score_std']:.3f}",
                difference,
                p,
                f"{int(row['n_parameters']):,}",
                f"{row['fit_time']:.1f}",
            ]
        )
    print_table(
        f"Recurrent against feed-forward networks: {name}",
        HEADER,
        rows,
        f"{n_seeds} seeds, {_n_held_out(quick)} folds each; at most {MOST:,} sequences. Accuracy: "
        "mean and standard deviation over the folds of all seeds. Difference: to the recurrent "
        "network; p is adjusted for two comparisons. Seconds are medians.",
    )
    claim = f"{name}: recurrent network ahead of the better feed-forward one by"
    return [at_least(claim, -float(differences["difference"].max()), 0.0)]


def _repeated(name, quick, seeds):
    """Return the comparison on a set over the folds of all seeds, and the seeds' number."""
    load, options = SETS[name]
    X, y = load()
    X, y = _draw(list(X), np.asarray(y), 100 if quick else MOST)
    if quick:
        options = options | {"max_epochs": 1}
    progress(f"{name}: sizes and times")
    start = time.perf_counter()
    estimators = _estimators(X, y, options | {"random_state": seeds[0]})
    results = []
    for seed in seeds:
        progress(f"{name}: seed {seed}")
        before = time.perf_counter()
        for estimator in estimators.values():
            estimator.set_params(random_state=seed)
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        held_out = list(folds.split(X, y))[: _n_held_out(quick)]
        results.append(compare_estimators(estimators, X, y, cv=held_out))
        now = time.perf_counter()
        if now - start + (now - before) > MAX_SECONDS:
            break
    return _joined(results), len(results)


def _n_held_out(quick):
    return 2 if quick else N_HELD_OUT


def _joined(results):
    """Return one comparison of several, whose folds are counted on."""
    scores, fits = [], []
    for i, result in enumerate(results):
        n_folds = result.fits["fold"].nunique()
        for tables, table in ((scores, result.scores), (fits, result.fits)):
            tables.append(table.assign(fold=table["fold"] + i * n_folds))
    return Comparison(
        scores=pd.concat(scores, ignore_index=True),
        fits=pd.concat(fits, ignore_index=True),
    )


def _draw(X, y, most):
    """Return at most so many of the sequences, drawn at random, without rare classes."""
    kept = check_random_state(0).permutation(len(X))[:most]
    labels, counts = np.unique(y[kept], return_counts=True)
    kept = kept[np.isin(y[kept], labels[counts >= 5])]
    return [X[i] for i in kept], y[kept]


def _estimators(X, y, options):
    for cls in (SequenceClassifier, FeedForwardClassifier):  # first calls are slow
        cls(**options | {"max_epochs": 1}).fit(X, y)
    recurrent, seconds = _cpu_timed(lambda: SequenceClassifier(**options).fit(X, y))
    counts = [
        FeedForwardClassifier(**options | {"hidden_layer_sizes": (n,), "max_epochs": 1})
        .fit(X, y)
        .n_parameters_
        for n in (1, 2)
    ]
    slope = counts[1] - counts[0]
    size = max(1, 1 + round((recurrent.n_parameters_ - counts[0]) / slope))
    dense = FeedForwardClassifier(**options)
    _, dense_seconds = _cpu_timed(lambda: dense.fit(X, y))
    epochs = max(1, round(dense.n_iter_ * seconds / dense_seconds))
    return {
        "recurrent": SequenceClassifier(**options),
        "feed-forward, same size": FeedForwardClassifier(
            **options | {"hidden_layer_sizes": (size,)}
        ),
        "feed-forward, same time": FeedForwardClassifier(
            **options | {"max_epochs": epochs, "early_stopping": False}
        ),
    }


def _cpu_timed(task):
    """Return the result of `task()` and its CPU seconds, whatever else the machine does."""
    start = time.process_time()
    result = task()
    return result, time.process_time() - start


PARTS = (motions, names, vowels, intents, digits, gun_or_point, gestures)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
