"""Does recurrence pay? Recurrent against feed-forward networks on real sets of five kinds.

Run `python -m benchmarks.recurrence_pays [--quick] [--seeds ...]`. Five-fold cross-validation
on training and test part together, with the defaults. The feed-forward network has about as
many parameters as the recurrent one ("same size"), or is trained for as long ("same time"),
for as many more epochs as it is faster. p is that of the corrected resampled t-test (Nadeau &
Bengio 2003), over the folds of the first seed.
"""

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.model_selection import compare_estimators
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
from ._report import at_least, print_table, progress, run_program, timed_call

#: Sequences that are drawn of larger sets.
MOST = 600
HEADER = ("set", "network", "accuracy", "difference", "p", "parameters", "fit (s)")


def _texts():
    return [" ".join(tokens) for tokens in load_snips()["train"][0]], load_snips()[
        "train"
    ][1]


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


def compare(quick, seeds):
    """Each set with the first seed."""
    rows, won = [], 0
    for name, (load, options) in SETS.items():
        progress(name)
        X, y = load()
        X, y = _draw(list(X), np.asarray(y), 100 if quick else MOST)
        epochs = {"max_epochs": 1} if quick else {}
        seed = {"random_state": seeds[0]}
        estimators = _estimators(X, y, options | epochs | seed)
        folds = StratifiedKFold(2 if quick else 5, shuffle=True, random_state=0)
        comparison = compare_estimators(estimators, X, y, cv=folds)
        table = comparison.table
        differences = comparison.differences.set_index("estimator")
        for method, row in table.iterrows():
            difference, p = "", ""
            if method in differences.index:
                other = differences.loc[method]
                difference, p = (
                    f"{other['difference']:+.3f}",
                    f"{other['p_adjusted']:.3f}",
                )
            rows.append(
                [
                    name,
                    method,
                    f"{row['score']:.3f} ± {row['score_std']:.3f}",
                    difference,
                    p,
                    f"{int(row['n_parameters']):,}",
                    f"{row['fit_time']:.1f}",
                ]
            )
        won += bool((differences["difference"] < 0).all())
    print_table(
        "Recurrent against feed-forward networks",
        HEADER,
        rows,
        f"At most {MOST:,} sequences of a set. Difference: to the recurrent network; p is "
        "adjusted for the two comparisons of a set.",
    )
    claim = f"sets of {len(SETS)} on which the recurrent network is ahead of both"
    return [at_least(claim, won, 5, digits=0)]


def _draw(X, y, most):
    """Return at most so many of the sequences, drawn at random, without rare classes."""
    kept = check_random_state(0).permutation(len(X))[:most]
    labels, counts = np.unique(y[kept], return_counts=True)
    kept = kept[np.isin(y[kept], labels[counts >= 5])]
    return [X[i] for i in kept], y[kept]


def _estimators(X, y, options):
    recurrent, seconds = timed_call(lambda: SequenceClassifier(**options).fit(X, y))
    counts = [
        FeedForwardClassifier(**options | {"hidden_layer_sizes": (n,), "max_epochs": 1})
        .fit(X, y)
        .n_parameters_
        for n in (1, 2)
    ]
    slope = counts[1] - counts[0]
    size = max(1, 1 + round((recurrent.n_parameters_ - counts[0]) / slope))
    dense = FeedForwardClassifier(**options)
    _, dense_seconds = timed_call(lambda: dense.fit(X, y))
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


PARTS = (compare,)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
