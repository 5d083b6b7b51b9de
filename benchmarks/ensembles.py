"""Test errors of ensembles, compared with those of their members.

Run `python -m benchmarks.ensembles [--quick] [--parts ...] [--seeds ...]`. Everything has
default parameters.
"""

import statistics

import numpy as np

from skrnn import SequenceClassifier, SequenceTagger
from skrnn.metrics import entity_f1_score

from ._data import (
    load_clinc150,
    load_ewt,
    load_japanese_vowels,
    load_names,
    load_snips,
    load_snips_slots,
    load_wnut17,
    shorten,
)
from ._report import (
    at_least,
    mean_and_sd,
    print_table,
    progress,
    run_program,
    timed_call,
)

N_MEMBERS = 5
HEADER = ("", "one member", "two", "three", "five", "fewer errors (%)", "fit (s)")
SIZES = (1, 2, 3, 5)


def _measure(name, load, quick, seeds, kind=SequenceClassifier, score=None, **parameters):
    """Print what ensembles of several sizes reach; return one member's and five's scores.

    An ensemble's first members are a smaller ensemble: one fit gives all of them.
    """
    splits = shorten(load(), quick)
    (X, y), (X_test, y_test) = splits["train"], splits["test"]
    if quick:
        parameters["max_epochs"] = 2
    found: dict[int, list[float]] = {size: [] for size in SIZES}
    seconds = []
    for seed in seeds:
        progress(f"{name}, seed {seed}")
        model = kind(n_estimators=N_MEMBERS, n_jobs=2, random_state=seed, **parameters)
        fitted, elapsed = timed_call(lambda model=model: model.fit(X, y))
        seconds.append(elapsed)

        def measure(one):
            if score is None:
                return one.score(X_test, y_test)
            return score(y_test, one.predict(X_test))

        found[1].append(statistics.fmean(map(measure, fitted.estimators_)))
        for size in SIZES[1:]:
            found[size].append(measure(_first_members(fitted, size)))
    fewer = 100 * (1 - (1 - np.mean(found[5])) / (1 - np.mean(found[1])))
    rows = [
        [
            name,
            *(mean_and_sd(scores) for scores in found.values()),
            f"{fewer:.1f}",
            f"{statistics.fmean(seconds):.0f}",
        ]
    ]
    print_table(
        name,
        HEADER,
        rows,
        "The column of one member is the mean of five. Seconds are those of five members, "
        "two at a time.",
    )
    return found, fewer


def _first_members(model, size):
    """Return the ensemble of the first members of a fitted one."""
    if size == len(model.estimators_):
        return model
    smaller = model.estimators_[0]
    smaller.net_ = type(model.net_)(model.net_.nets[:size])
    return smaller


def snips(quick, seeds):
    """Intents of token lists."""
    found, fewer = _measure("SNIPS intents", load_snips, quick, seeds)
    return [
        at_least("SNIPS intents: one member", np.mean(found[1]), 0.976),
        at_least("SNIPS intents: five", np.mean(found[5]), 0.980),
        at_least("SNIPS intents: fewer errors (%)", fewer, 12, 1),
    ]


def clinc150(quick, seeds):
    """Intents of strings, 150 classes."""
    found, fewer = _measure("CLINC150", load_clinc150, quick, seeds)
    return [
        at_least("CLINC150: one member", np.mean(found[1]), 0.930),
        at_least("CLINC150: five", np.mean(found[5]), 0.940),
        at_least("CLINC150: fewer errors (%)", fewer, 12, 1),
    ]


def names(quick, seeds):
    """Countries of names, character by character."""
    found, fewer = _measure("names", load_names, quick, seeds, tokenizer="char")
    return [
        at_least("names: one member", np.mean(found[1]), 0.776),
        at_least("names: five", np.mean(found[5]), 0.790),
        at_least("names: fewer errors (%)", fewer, 12, 1),
    ]


def japanese_vowels(quick, seeds):
    """Speakers by twelve features a step."""
    found, fewer = _measure("JapaneseVowels", load_japanese_vowels, quick, seeds)
    return [
        at_least("JapaneseVowels: five", np.mean(found[5]), 0.989),
        at_least("JapaneseVowels: fewer errors (%)", fewer, 12, 1),
    ]


def slots(quick, seeds):
    """Slots of commands."""
    tagger = {"kind": SequenceTagger, "score": entity_f1_score, "scheme": "IOB2"}
    found, _ = _measure("SNIPS slots, F1", load_snips_slots, quick, seeds, **tagger)
    return [
        at_least("SNIPS slots: one member", np.mean(found[1]), 0.947),
        at_least("SNIPS slots: three", np.mean(found[3]), 0.953),
    ]


def ewt(quick, seeds):
    """Parts of speech."""
    found, _ = _measure("EWT", load_ewt, quick, seeds, kind=SequenceTagger)
    return [
        at_least("EWT: one member", np.mean(found[1]), 0.955),
        at_least("EWT: three", np.mean(found[3]), 0.959),
    ]


def wnut17(quick, seeds):
    """Entities of noisy text."""
    tagger = {"kind": SequenceTagger, "score": entity_f1_score, "scheme": "IOB2"}
    found, _ = _measure("W-NUT 2017, F1", load_wnut17, quick, seeds, **tagger)
    return [
        at_least("W-NUT: one member", np.mean(found[1]), 0.20),
        at_least("W-NUT: three", np.mean(found[3]), 0.22),
    ]


PARTS = (japanese_vowels, snips, names, clinc150, slots, ewt, wnut17)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
