"""Test accuracy of the classifiers with default parameters, beside measured peers.

Run `python -m benchmarks.quality_classification [--quick] [--seeds ...]`. The networks
see the training file only; the validation file chooses the settings of the peers.
"""

import statistics

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.preprocessing import StepwiseTransformer

from ._data import (
    load_arrow_heads,
    load_basic_motions,
    load_clinc150,
    load_gestures,
    load_gunpoint,
    load_japanese_vowels,
    load_names,
    load_plaid,
    load_power_demand,
    load_snips,
    shorten,
)
from ._goals import PLAID_SECONDS, SCORES
from ._peers import (
    NearestNeighbourDTW,
    character_regressions,
    choose_on_validation,
    standardise_each,
    word_svms,
)
from ._report import (
    at_least,
    at_most,
    fit_over_seeds,
    mean_and_sd,
    print_table,
    progress,
    run_program,
    timed_call,
)

HEADER = ("method", "test accuracy", "fit (s)")
#: Of PLAID; chosen on a quarter of the training file.
PATCHES = {"patch_size": 5, "dropout": 0.5, "max_epochs": 200}


def japanese_vowels(quick, seeds):
    """Speakers by twelve features a step, 7 to 29 steps."""
    splits = shorten(load_japanese_vowels(), quick)
    rows, _, _ = _networks("JapaneseVowels", splits, quick, seeds)
    rows.append(_nearest_neighbour(splits, "1-NN DTW"))
    print_table(
        "JapaneseVowels",
        HEADER,
        rows,
        "The seconds of 1-NN DTW are those of its predictions; its fit costs nothing.",
    )
    return []


def snips(quick, seeds):
    """Intents of token lists."""
    splits = shorten(load_snips(), quick)
    rows, scores, _ = _networks("SNIPS", splits, quick, seeds)
    rows.append(_chosen("TF-IDF + LinearSVC", word_svms(), splits))
    print_table("SNIPS intents", HEADER, rows)
    goal = SCORES["SNIPS intents"][1]
    return [at_least("SNIPS intents: accuracy", statistics.fmean(scores), goal)]


def clinc150(quick, seeds):
    """Intents of strings, 150 classes."""
    splits = shorten(load_clinc150(), quick)
    rows, scores, _ = _networks("CLINC150", splits, quick, seeds)
    rows.append(_chosen("TF-IDF + LinearSVC", word_svms(), splits))
    print_table("CLINC150, in scope, 150 intents", HEADER, rows)
    goal = SCORES["CLINC150"][1]
    return [at_least("CLINC150: accuracy", statistics.fmean(scores), goal)]


def names(quick, seeds):
    """Countries of names, character by character."""
    splits = shorten(load_names(), quick)
    rows, scores, _ = _networks("names", splits, quick, seeds, tokenizer="char")
    rows.append(
        _chosen(
            "TF-IDF of characters 1–5 + LogisticRegression",
            character_regressions(),
            splits,
        )
    )
    print_table('Names, tokenizer="char"', HEADER, rows)
    return [at_least("names: accuracy", statistics.fmean(scores), SCORES["names"][1])]


def plaid(quick, seeds):
    """Appliances by one current, 100 to 1,344 samples, its values from 1e-5 to hundreds."""
    splits = shorten(load_plaid(), quick)
    before = (StepwiseTransformer(FunctionTransformer(_magnitude_and_sign)),)
    rows, scores, seconds = _networks("PLAID", splits, quick, seeds, before, **PATCHES)
    progress("PLAID: 1-NN DTW")
    rows.append(_nearest_neighbour(splits, "1-NN DTW"))
    standardised = {name: (standardise_each(X), y) for name, (X, y) in splits.items()}
    rows.append(_nearest_neighbour(standardised, "1-NN DTW, each series standardised"))
    print_table(
        "PLAID",
        HEADER,
        rows,
        "Default parameters but "
        + ", ".join(f"{name}={value}" for name, value in PATCHES.items())
        + ", chosen on a quarter of the training file. The networks see of each sample the "
        "logarithm of its magnitude and its inverse hyperbolic sine. The seconds of 1-NN "
        "DTW are those of its predictions; its fit costs nothing.",
    )
    return [
        at_least("PLAID: accuracy", statistics.fmean(scores), SCORES["PLAID"][1]),
        at_most("PLAID: longest fit in seconds", max(seconds), PLAID_SECONDS, 0),
    ]


#: Steps that are read at a time.
OF_FEW_SERIES = {"patch_size": 5}
#: Series of which 36 to 67 are for training.
FEW_SERIES = {
    "gun or point": load_gunpoint,
    "arrow heads": load_arrow_heads,
    "power demand": load_power_demand,
    "motions": load_basic_motions,
    "gestures": load_gestures,
}


def few_series(quick, seeds):
    """Five sets of 36 to 67 training series, in one table."""
    names = ("SequenceClassifier", "patches", "FeedForwardClassifier", "1-NN DTW")
    rows, means = [], []
    for name, load in FEW_SERIES.items():
        splits = shorten(load(), quick)
        (plain, feed_forward), _, _ = _networks(name, splits, quick, seeds)
        (patches, _), _, _ = _networks(name, splits, quick, seeds, **OF_FEW_SERIES)
        peer = _nearest_neighbour(splits, "1-NN DTW")
        found = [row[1] for row in (plain, patches, feed_forward, peer)]
        means.append([float(text.split()[0]) for text in found])
        rows.append([name, len(splits["train"][0]), *found])
    plain, _, feed_forward, nearest = np.mean(means, axis=0)
    rows.append(["mean", "", *(f"{mean:.4f}" for mean in np.mean(means, axis=0))])
    print_table(
        "Few series: test accuracy",
        ("data", "series", *names),
        rows,
        "Default parameters; patches: "
        + ", ".join(f"{name}={value}" for name, value in OF_FEW_SERIES.items())
        + ", chosen by cross-validation of the training files.",
    )
    worst = min(row[0] - row[3] for row in means)
    return [
        at_least("few series: mean accuracy, against 1-NN DTW", plain, nearest),
        at_least("few series: mean accuracy, against feed-forward", plain, feed_forward),
        at_least("few series: worst difference to 1-NN DTW", worst, -0.03),
    ]


def load_plaid_samples():
    """Return PLAID as `plaid` shows it to the networks."""
    return {
        name: ([_magnitude_and_sign(x) for x in X], y)
        for name, (X, y) in load_plaid().items()
    }


def _magnitude_and_sign(samples):
    """Return two features of each sample, as most currents are tiny beside the largest."""
    return np.hstack([np.log10(np.abs(samples) + 1e-6), np.arcsinh(10 * samples)])


def _networks(name, splits, quick, seeds, before=(), **parameters):
    """Return both networks' rows, and the recurrent one's scores and seconds.

    ``before`` are the transformers before the network in a Pipeline.
    """
    if quick:
        parameters["max_epochs"] = 2
    rows, measured = [], {}
    for kind in (SequenceClassifier, FeedForwardClassifier):
        progress(f"{name}: {kind.__name__}")

        def make(seed, kind=kind):
            network = kind(**parameters, random_state=seed)
            return make_pipeline(*before, network) if before else network

        scores, seconds = measured[kind] = fit_over_seeds(
            make, splits["train"], splits["test"], seeds
        )
        rows.append(
            [kind.__name__, mean_and_sd(scores), f"{statistics.fmean(seconds):.1f}"]
        )
    return [*rows], *measured[SequenceClassifier]


def _chosen(name, candidates, splits):
    """Return the row of a peer chosen on the validation file."""
    progress(name)
    (text, fitted), seconds = timed_call(
        lambda: choose_on_validation(candidates, splits["train"], splits["valid"])
    )
    accuracy = fitted.score(*splits["test"])
    return [f"{name} ({text})", f"{accuracy:.4f}", f"{seconds / len(candidates):.1f}"]


def _nearest_neighbour(splits, name):
    peer = NearestNeighbourDTW().fit(*splits["train"])
    accuracy, seconds = timed_call(lambda: peer.score(*splits["test"]))
    return [name, f"{accuracy:.4f}", f"{seconds:.1f}"]


PARTS = (japanese_vowels, snips, clinc150, names, plaid, few_series)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
