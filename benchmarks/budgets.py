"""Time and scores of the budgets of training: the former defaults beside the new ones.

Run `python -m benchmarks.budgets [--quick] [--seeds ...] [--sets ...] [--wrong SHARE]`. Scores are
those of validation files, for numbers of folds of the training file; the noisy intents alone read
the test file. With `--wrong 0.2` a fifth of the labels for training are wrong. Old and new fits
alternate, both on today's engine; their times are those of this process's CPU. `against` compares
with the former engine, too.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_regression
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.metrics import entity_f1_score
from skrnn.preprocessing import LogMelFrames

from ._data import (
    DataAbsent,
    load_arrow_heads,
    load_basic_motions,
    load_clinc150,
    load_ewt,
    load_gestures,
    load_gunpoint,
    load_japanese_vowels,
    load_names,
    load_plaid,
    load_power_demand,
    load_snips,
    load_snips_slots,
    load_spoken_digits,
    load_wnut17,
    shorten,
)
from ._report import (
    Goal,
    at_least,
    machine_line,
    make_parser,
    mean_and_sd,
    print_goals,
    print_table,
    progress,
    run_parts,
)

#: Updates that the former ``max_epochs="auto"`` aimed at, and its bounds in epochs.
OLD_UPDATES = {SequenceClassifier: 3000, SequenceTagger: 4000}
OLD_EPOCHS = 12, 100
OLD_LR = 0.003
#: Of the training files and folds of numbers.
N_FOLDS = 5
#: Intents with wrong labels.
N_NOISY, NOISE = 900, 0.2
ONE, PEER = "SequenceClassifier", "TF-IDF + LogisticRegression"
BEFORE = f"{ONE}, former defaults"
#: Of the spoken digits, in hertz.
SAMPLE_RATE = 8000


def load_digit_frames():
    """Return {split: (frames, digits)} of the recordings."""
    frames = LogMelFrames(sample_rate=SAMPLE_RATE)
    recordings = load_spoken_digits()
    return {name: (frames.fit_transform(X), y) for name, (X, y) in recordings.items()}


@dataclass(frozen=True)
class Data:
    """One data set: its loader, the estimator for it, and its measure."""

    name: str
    load: Callable
    estimator: type = SequenceClassifier
    parameters: dict[str, Any] = field(default_factory=dict)
    measure: Callable | None = None


SETS = {
    "snips": Data("SNIPS intents", load_snips),
    "clinc150": Data("CLINC150", load_clinc150),
    "japanese_vowels": Data("JapaneseVowels", load_japanese_vowels),
    "names": Data("names", load_names, parameters={"tokenizer": "char"}),
    "slots": Data(
        "SNIPS slots",
        load_snips_slots,
        SequenceTagger,
        {"scheme": "IOB2"},
        entity_f1_score,
    ),
    "ewt": Data("EWT", load_ewt, SequenceTagger),
    "wnut17": Data(
        "W-NUT 2017", load_wnut17, SequenceTagger, {"scheme": "IOB2"}, entity_f1_score
    ),
    "motions": Data("motions", load_basic_motions),
    "gunpoint": Data("gun or point", load_gunpoint),
    "gestures": Data("gestures", load_gestures),
    "arrow_heads": Data("arrow heads", load_arrow_heads),
    "power_demand": Data("power demand", load_power_demand),
    "digits": Data("spoken digits", load_digit_frames),
    "plaid": Data("PLAID", load_plaid),
}
#: Sets of the goals; W-NUT's validation file is of another kind of text than its training.
OF_GOALS = ("snips", "clinc150", "japanese_vowels", "names", "slots", "ewt")


def old_defaults(kind, n_sequences):
    """Return the values that "auto" stood for, and the learning rate."""
    rows = 32 if n_sequences <= 16384 else 64 if n_sequences <= 65536 else 128
    least, most = OLD_EPOCHS
    wanted = OLD_UPDATES[kind] // -(-n_sequences // rows)
    return {
        "batch_size": rows,
        "max_epochs": min(most, max(least, wanted)),
        "lr": OLD_LR,
    }


def parts_of(data, seed, quick, share=0.0):
    """Return pairs of training and validation data, (X, y) each; wrong labels in training."""
    splits = data.load()
    if "valid" in splits:
        splits = shorten(splits, quick)
        pairs = [(splits["train"], splits["valid"])]
    else:
        X, y = splits["train"]
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y)
        pairs = [tuple(_take(X, y, part) for part in fold) for fold in folds]
    random = np.random.default_rng(seed)
    wrong = wrong_tags if data.estimator is SequenceTagger else wrong_labels
    pairs = [((X, wrong(y, share, random)), valid) for (X, y), valid in pairs]
    return pairs[:1] if quick else pairs


def _take(X, y, indices):
    return [X[i] for i in indices], [y[i] for i in indices]


def measure(model, train, valid, metric=None):
    """Return the validation score of a fit, its own by default, its CPU seconds and epochs."""
    start = time.process_time()
    model = clone(model).fit(*train)
    seconds = time.process_time() - start
    if metric is None:
        return model.score(*valid), seconds, model.n_iter_
    return metric(valid[1], model.predict(valid[0])), seconds, model.n_iter_


def compare(data, seeds, quick, share=0.0):
    """Return the rows (score, seconds, epochs) of old and new defaults, one a seed."""
    found = {"old": [], "new": []}
    for seed in seeds:
        pairs = parts_of(data, seed, quick, share)
        new = data.estimator(**data.parameters, random_state=seed)
        measured = {"old": [], "new": []}
        for train, valid in pairs:
            old = clone(new).set_params(**old_defaults(data.estimator, len(train[0])))
            for name, model in (("old", old), ("new", new)):
                score, seconds, epochs = measure(model, train, valid, data.measure)
                measured[name].append((score, seconds, epochs))
                progress(
                    f"{data.name}, seed {seed}, {name} defaults: {score:.4f}, "
                    f"{seconds:.1f} s, {epochs} epochs"
                )
        for name, rows in measured.items():
            found[name].append(np.mean(rows, axis=0))
    return {name: np.array(rows) for name, rows in found.items()}


def former_budgets(quick, seeds):
    """Compare the budgets of all sets with the former ones."""
    return tabulate(list(SETS), quick, seeds)


def budgets_with_wrong_labels(quick, seeds):
    """The same with a fifth of the labels for training wrong; one seed, it takes an hour."""
    return tabulate(list(SETS), quick, seeds[:1], NOISE)


def tabulate(names, quick, seeds, share=0.0):
    """Print the table of the sets; return the goals, which concern right labels."""
    rows, ratios, losses = [], {}, {}
    for name in names:
        try:
            found = compare(SETS[name], seeds, quick, share)
        except DataAbsent as absent:
            print(f"\nskipped {name}: {absent}")
            continue
        old, new = found["old"], found["new"]
        losses[name] = new[:, 0] - old[:, 0]
        ratios[name] = float(old[:, 1].sum() / new[:, 1].sum())
        rows.append(
            [
                SETS[name].name,
                mean_and_sd(old[:, 0].tolist()),
                mean_and_sd(new[:, 0].tolist()),
                f"{losses[name].mean():+.4f} ± {_error(losses[name]):.4f}",
                f"{old[:, 1].mean():.1f} ({old[:, 2].mean():.0f})",
                f"{new[:, 1].mean():.1f} ({new[:, 2].mean():.0f})",
                f"{ratios[name]:.2f}",
            ]
        )
    wrong = f", {100 * share:.0f} % of the labels wrong" if share else ""
    print_table(
        f"Former defaults and new ones{wrong}",
        (
            *("data", "old: validation", "new: validation", "difference ± its error"),
            *("old: s (epochs)", "new: s (epochs)", "old s ÷ new s"),
        ),
        rows,
        "Accuracy; entity F1 of slots and of W-NUT. Seconds of one process's CPU. The error "
        "is the standard error of the paired differences over seeds.",
    )
    chosen = [name for name in OF_GOALS if name in ratios]
    if share or not chosen:
        return []
    worst = min(chosen, key=lambda name: losses[name].mean() + 2 * _error(losses[name]))
    bound = float(losses[worst].mean() + 2 * _error(losses[worst]))
    return [
        at_least(
            "validation score, mean difference",
            float(np.mean([losses[name].mean() for name in chosen])),
            -0.002,
            4,
        ),
        Goal(
            f"difference + 2 standard errors, smallest ({SETS[worst].name})",
            "≥ 0.0000",
            f"{bound:+.4f}",
            bound >= 0,
        ),
    ]


def _error(values):
    """Return the standard error of a mean; 0 for a single value."""
    if len(values) == 1:
        return 0.0
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def noisy_labels(quick, seeds):
    """Print test accuracies after training on 900 intents with wrong labels; return the goals."""
    return _noisy_labels(
        quick,
        seeds,
        {
            ONE: {},
            f"{ONE}, three members": {"n_estimators": 3},
            BEFORE: old_defaults(SequenceClassifier, N_NOISY),
        },
    )


def noisy_labels_of_one(quick, seeds):
    """Score one network by default parameters after training on 900 noisy intents."""
    return _noisy_labels(quick, seeds, {ONE: {}})


def _noisy_labels(quick, seeds, variants):
    splits = shorten(load_snips(), quick)
    scores: dict[str, list[float]] = {}
    for seed in seeds:
        X, y = draw_noisy(*splits["train"], seed)
        models = {
            PEER: make_pipeline(
                TfidfVectorizer(analyzer=list), LogisticRegression(max_iter=1000)
            ),
            **{
                name: SequenceClassifier(random_state=seed, **changed)
                for name, changed in variants.items()
            },
        }
        for name, model in models.items():
            progress(f"noisy labels, draw {seed}: {name}")
            score = model.fit(X, y).score(*splits["test"])
            scores.setdefault(name, []).append(score)
    print_table(
        f"{N_NOISY} SNIPS intents, {100 * NOISE:.0f} % of the labels wrong",
        ("method", "test accuracy"),
        [[name, mean_and_sd(values)] for name, values in scores.items()],
        f"{len(seeds)} draws of sentences and of wrong labels.",
    )
    peer = statistics.fmean(scores[PEER])
    return [
        at_least(
            f"noisy labels: {name}, accuracy against TF-IDF's",
            statistics.fmean(scores[name]) - peer,
            -0.01,
        )
        for name in variants
        if name != BEFORE
    ]


def small_tasks(quick, seeds):
    """Print the scores of two tasks of scikit-learn's checks; return the goals."""
    X, y = make_blobs(n_samples=300, random_state=0)
    blobs = StandardScaler().fit_transform(X), y
    X, y = make_regression(
        n_samples=200,
        n_features=10,
        n_informative=1,
        bias=5.0,
        noise=20,
        random_state=42,
    )
    numbers = StandardScaler().fit_transform(X), scale(y)
    rows, goals = [], []
    for estimator, task, (X, y), bound in (
        (SequenceClassifier, "blobs, accuracy", blobs, 0.83),
        (FeedForwardClassifier, "blobs, accuracy", blobs, 0.83),
        (SequenceRegressor, "numbers, R²", numbers, 0.5),
        (FeedForwardRegressor, "numbers, R²", numbers, 0.5),
    ):
        name, scores = f"{estimator.__name__}: {task}", []
        times, passes = [], []
        for seed in seeds:
            progress(f"{name}, seed {seed}")
            model = estimator(random_state=seed)
            if quick:
                model.set_params(max_epochs=20)
            score, seconds, epochs = measure(model, (X, y), (X, y))
            scores.append(score)
            times.append(seconds)
            passes.append(epochs)
        cost = f"{statistics.median(times):.1f} ({statistics.median(passes):.0f})"
        rows.append([name, mean_and_sd(scores), f"{bound}", cost])
        goals.append(at_least(name, min(scores), bound, 2))
    print_table(
        "Tasks of scikit-learn's checks, by defaults",
        ("estimator and task", "training score", "the check asks for", "s (epochs)"),
        rows,
        "Of `check_classifiers_train` and `check_regressors_train`: 300 points of three "
        "classes, and 200 of ten features, one of which counts. Each is one step.",
    )
    return goals


def draw_noisy(X, y, seed):
    """Return drawn sentences, of which a share has the label of another class."""
    random = np.random.default_rng(seed)
    X, labels = _take(X, y, random.permutation(len(X))[:N_NOISY])
    return X, wrong_labels(labels, NOISE, random)


def wrong_labels(y, share, random):
    """Return labels of which a share are those of other classes."""
    classes, labels = sorted(set(y)), list(y)
    for i in np.flatnonzero(random.random(len(labels)) < share):
        others = [label for label in classes if label != labels[i]]
        labels[i] = others[random.integers(len(others))]
    return labels


def wrong_tags(y, share, random):
    """Return tags of which a share are others; those of an entity change together."""
    first = [_kind(tag) for tags in y for tag in tags if _starts(tag)]
    kinds, kind = iter(wrong_labels(first, share, random)), None
    found = []
    for tags in y:
        found.append([])
        for tag in tags:
            if _starts(tag):
                kind = next(kinds)
            found[-1].append(
                tag if tag == "O" else f"{tag.removesuffix(_kind(tag))}{kind}"
            )
    return found


def _starts(tag):
    """Say whether the tag is of one token, or the first of an entity."""
    return tag != "O" and not tag.startswith("I-")


def _kind(tag):
    return tag.rpartition("-")[2]


def main():
    """Run the chosen sets."""
    parser = make_parser(__doc__)
    names = [*SETS, "noisy", "checks"]
    parser.add_argument(
        "--sets",
        nargs="+",
        choices=names,
        default=names,
        metavar="NAME",
        help=f"data sets: {', '.join(names)}",
    )
    parser.add_argument(
        "--wrong",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of the labels for training; all sets but the noisy intents",
    )
    arguments = parser.parse_args()
    seeds = arguments.seeds or ([0] if arguments.quick else [0, 1, 2, 3, 4])
    print(f"\n*{machine_line()}*")
    goals = []
    compared = [name for name in arguments.sets if name in SETS]
    if compared:
        goals += tabulate(compared, arguments.quick, seeds, arguments.wrong)
    if "noisy" in arguments.sets:
        goals += run_parts([noisy_labels], arguments.quick, seeds)
    if "checks" in arguments.sets:
        goals += run_parts([small_tasks], arguments.quick, seeds)
    print_goals(goals, arguments.quick)


PARTS = (former_budgets, budgets_with_wrong_labels, noisy_labels, small_tasks)
SHORT = (noisy_labels_of_one,)

if __name__ == "__main__":
    main()
