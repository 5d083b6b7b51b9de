"""Test errors of ensembles, compared with those of their members.

Run `python -m benchmarks.ensembles [--quick] [--parts ...] [--seeds ...]`. The tables of
tasks name all parameters that are not the defaults.
"""

import re
import statistics
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

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
from ._goals import PLAID_SECONDS, SCORES
from ._report import (
    at_least,
    at_most,
    mean_and_sd,
    print_table,
    progress,
    run_program,
    timed_call,
)
from .quality_classification import PATCHES, load_plaid_samples

N_MEMBERS = 5
HEADER = ("", "one member", "two", "three", "five", "fewer errors (%)", "fit (s)")
SIZES = (1, 2, 3, 5)
#: Chosen on the validation file (see `regularization`).
WORD_DROPOUT = {"word_dropout": 0.1}
#: Chosen on folds of the training file.
WEIGHT_DROPOUT = {"weight_dropout": 0.3}
MINIMAL = {"cell": "mingru", "num_layers": 2}
#: Chosen on the validation file.
LONG_NAMES = {"tokenizer": "char", "weight_dropout": 0.3, "max_epochs": 30}
#: Chosen on validation files (see `defaults`).
CHARACTER_LSTM = {"char_encoder": "lstm"}
MORE_UNITS = {"hidden_size": 256}
SPELLED = {"char_encoder": "lstm", "hidden_size": 256, "word_dropout": 0.1}
RARE_OUTSIDE = {"class_weight": {"O": 0.5}}


class Task(NamedTuple):
    """Data, how they are learned, and the scores that one member and some should reach.

    Within `seconds`, if they are given, all members should be trained.
    """

    load: Callable[[], dict]
    goals: dict[int, float]
    parameters: dict = {}
    kind: type = SequenceClassifier
    score: Callable | None = None
    seconds: float | None = None


def _entities(**parameters):
    """Return the fields of a task of entities."""
    return {
        "parameters": {"scheme": "IOB2", **parameters},
        "kind": SequenceTagger,
        "score": entity_f1_score,
    }


CLASSIFICATION = {
    "Japanese vowels": Task(load_japanese_vowels, SCORES["Japanese vowels"]),
    "SNIPS intents": Task(load_snips, SCORES["SNIPS intents"]),
    "names": Task(load_names, SCORES["names"], {"tokenizer": "char"}),
    "CLINC150": Task(load_clinc150, SCORES["CLINC150"]),
    "PLAID": Task(load_plaid_samples, SCORES["PLAID"], PATCHES, seconds=PLAID_SECONDS),
}
SETS = CLASSIFICATION | {
    "Japanese vowels, weight dropout": Task(
        load_japanese_vowels, SCORES["Japanese vowels"], WEIGHT_DROPOUT
    ),
    "Japanese vowels, minGRU": Task(
        load_japanese_vowels, SCORES["Japanese vowels"], MINIMAL
    ),
    "names, weight dropout": Task(load_names, SCORES["names"], LONG_NAMES),
    "CLINC150, word dropout": Task(load_clinc150, SCORES["CLINC150"], WORD_DROPOUT),
    "SNIPS slots, F1": Task(load_snips_slots, SCORES["SNIPS slots"], **_entities()),
    "EWT": Task(load_ewt, SCORES["EWT"], kind=SequenceTagger),
    "W-NUT 2017, F1": Task(load_wnut17, SCORES["W-NUT 2017"], **_entities()),
    "W-NUT 2017, shapes, F1": Task(
        partial(load_wnut17, shapes=True), SCORES["W-NUT 2017"], **_entities()
    ),
    "SNIPS slots, two layers, F1": Task(
        load_snips_slots, SCORES["SNIPS slots"], **_entities(num_layers=2)
    ),
    "SNIPS slots, 256 units, F1": Task(
        load_snips_slots, SCORES["SNIPS slots"], **_entities(**MORE_UNITS)
    ),
    "W-NUT 2017, shapes and weight, F1": Task(
        partial(load_wnut17, shapes=True),
        SCORES["W-NUT 2017"],
        **_entities(**RARE_OUTSIDE),
    ),
    "EWT, LSTMs over characters": Task(
        load_ewt, SCORES["EWT"], CHARACTER_LSTM, SequenceTagger
    ),
    "EWT, shapes and more": Task(
        partial(load_ewt, shapes=True), SCORES["EWT"], SPELLED, SequenceTagger
    ),
    "EWT, two layers": Task(load_ewt, SCORES["EWT"], {"num_layers": 2}, SequenceTagger),
}


def _part(name):
    """Return the part of one set."""

    def part(quick, seeds):
        means, _, elapsed = _measure(name, quick, tuple(seeds))
        task, members = SETS[name], {1: "one member", 3: "three", 5: "five"}
        goals = [
            at_least(f"{name}: {members[size]}", means[size], goal)
            for size, goal in task.goals.items()
        ]
        if task.seconds is not None:
            goals.append(
                at_most(f"{name}: seconds of {N_MEMBERS}", elapsed, task.seconds, 0)
            )
        return goals

    part.__name__ = re.sub(r"\W+", "_", name.removesuffix(", F1")).lower()
    part.__doc__ = f"{name}."
    return part


def errors(quick, seeds):
    """How many errors fewer five members make, in the mean over five sets."""
    fewer = [_measure(name, quick, tuple(seeds))[1] for name in CLASSIFICATION]
    return [
        at_least(
            "five sets: fewer errors in the mean (%)", statistics.fmean(fewer), 12, 1
        ),
        at_least("five sets: fewer errors on the worst (%)", min(fewer), 0, 1),
    ]


@cache
def _measure(name, quick, seeds):
    """Print what ensembles of several sizes reach.

    An ensemble's first members are a smaller ensemble: one fit gives all of them.

    Returns
    -------
    means : dict
        Mean scores by the number of members.
    fewer : float
        Per cent of one member's errors that five do not make.
    elapsed : float
        Mean seconds of the fit of five.
    """
    task = SETS[name]
    splits = shorten(task.load(), quick)
    (X, y), (X_test, y_test) = splits["train"], splits["test"]
    parameters = task.parameters | ({"max_epochs": 2} if quick else {})
    found: dict[int, list[float]] = {size: [] for size in SIZES}
    seconds = []

    def measure(model):
        if task.score is None:
            return model.score(X_test, y_test)
        return task.score(y_test, model.predict(X_test))

    for seed in seeds:
        progress(f"{name}, seed {seed}")
        model = task.kind(
            n_estimators=N_MEMBERS, n_jobs=2, random_state=seed, **parameters
        )
        seconds.append(timed_call(lambda model=model: model.fit(X, y))[1])
        found[1] += map(measure, model.estimators_)
        for size in SIZES[1:]:
            found[size].append(measure(_first_members(model, size)))
    means = {size: float(np.mean(scores)) for size, scores in found.items()}
    fewer = 100 * (1 - (1 - means[N_MEMBERS]) / (1 - means[1]))
    cells = [mean_and_sd(scores) for scores in found.values()]
    elapsed = statistics.fmean(seconds)
    print_table(
        name,
        HEADER,
        [[name, *cells, f"{fewer:.1f}", f"{elapsed:.0f}"]],
        f"One member: mean and standard deviation of {len(found[1])} networks, the members of "
        f"the ensembles; the other columns: of {len(seeds)} ensembles. Seconds are those of "
        f"{N_MEMBERS} members, two at a time.",
    )
    return means, fewer, elapsed


def _first_members(model, size):
    """Return the ensemble of the first members of a fitted one."""
    if size == len(model.estimators_):
        return model
    smaller = model.estimators_[0]
    smaller.net_ = type(model.net_)(model.net_.nets[:size])
    return smaller


PARTS = (*map(_part, SETS), errors)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
