"""Regularization: masks of dropout, and what language models gain from which parameter.

Run `python -m benchmarks.regularization [--quick] [--seeds ...] [--parts ...]`. Test files
are not read: it is here that settings of `quality_generation` are chosen. A part runs for
minutes (masks) to hours (books).
"""

import statistics

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer

from skrnn import SequenceClassifier, SequenceGenerator
from skrnn.preprocessing import StepwiseTransformer

from ._data import (
    load_chorales,
    load_japanese_vowels,
    load_names,
    load_shakespeare,
    load_snips,
    load_tunes,
    shorten,
)
from ._evidence import SETS, scores_of_changes, validation_score
from ._report import print_table, progress, run_program, timed_call
from .quality_generation import PIANO, SHAKESPEARE, TUNES

N_SEEDS = 3
#: Characters at the end of the training file that choose; characters that are learned, and units.
HELD_OUT = 50_000
#: Tokenizer, characters and units.
SIZES = (
    ("char", 50_000, 256),
    ("word", 225_000, 48),
    ("char", 225_000, 128),
    ("char", 900_000, 64),
    ("char", 900_000, 128),
)
RATES = (0.0, 0.1, 0.3)

#: One network of `quality_generation`'s chorales.
CHORDS = {"dropout": 0.2, "lr": 0.01}
#: Changes from the settings of `quality_generation`.
OF_A_BOOK = (
    {},
    {"n_estimators": 1, "max_epochs": 16},
    {"weight_dropout": 0.2},
    {"dropout_mask": "sequence"},
    {"weight_averaging": "ema"},
    {"bptt": 128, "batch_size": 32},
    {"num_layers": 2, "hidden_size": 384},
)
OF_TUNES = (
    {},
    {"n_estimators": 1},
    {"n_estimators": 1, "hidden_size": 128, "dropout": 0.2, "lr": 0.005},
    {"weight_dropout": 0.3},
)
OF_CHORDS = (
    {},
    {"augment": "transpose"},
    {"augment": "transpose", "dropout": 0.1},
    {"augment": "transpose", "weight_dropout": 0.3},
    {"augment": "transpose", "hidden_size": 512, "max_epochs": 200},
    {"augment": "transpose", "n_estimators": 3, "n_jobs": 2},
    {"weight_dropout": 0.3},
    {"batch_size": 16},
    {"batch_size": 16, "weight_dropout": 0.3},
    {"batch_size": 16, "weight_dropout": 0.4},
)
#: Changes from the defaults, and sets of the evidence with the most seeds of each.
OF_DEFAULTS = (
    {},
    {"weight_averaging": "ema"},
    {"weight_averaging": "swa"},
    {"weight_dropout": 0.2},
    {"word_dropout": 0.1},
    {"dropout_mask": "sequence"},
)
OF_SETS = {"clinc150": 2, "ewt": 1, "names_generated": 1, "chorales": 1}
#: Rates of word dropout, and sets of the evidence with tokens.
WORD_RATES = (0.0, 0.1, 0.2)
OF_TOKENS = ("snips", "clinc150", "names")
#: Semitones by which a piece is moved down and up at most.
KEYS = (5, 6)


def transpose(X, random_state):
    """Return pieces in other keys: notes moved by one number of semitones a piece.

    A piece is moved as far as the first and the last key of the piano allow.

    Parameters
    ----------
    X : list of ndarrays of shape (n_steps_i, n_notes)
        Zeros and ones.
    random_state : RandomState
    """
    down, up = KEYS
    moved = []
    for x in X:
        notes = np.flatnonzero(x.any(axis=0))
        if not len(notes):
            moved.append(x)
            continue
        lowest = -min(down, notes[0])
        highest = min(up, x.shape[1] - 1 - notes[-1])
        moved.append(np.roll(x, random_state.randint(lowest, highest + 1), axis=1))
    return moved


def masks(quick, seeds):
    """A mask a step, and one a sequence: accuracy on held-out data, and seconds."""
    X, y = load_japanese_vowels()["train"]
    parts = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    vowels = {"train": (parts[0], parts[2]), "valid": (parts[1], parts[3])}
    sets = {
        "SNIPS": (shorten(load_snips(), quick), {}),
        "names": (shorten(load_names(), quick), {"tokenizer": "char"}),
        "JapaneseVowels": (vowels, {}),
    }
    rows = []
    for name, (splits, always) in sets.items():
        if quick:
            always = {**always, "max_epochs": 1}
        found = {mask: ([], []) for mask in ("step", "sequence")}
        for seed in seeds[:N_SEEDS]:
            for mask, (scores, seconds) in found.items():  # in turn: the machine drifts
                progress(f"{name}: one mask a {mask}, seed {seed}")
                model = SequenceClassifier(dropout_mask=mask, **always, random_state=seed)
                _, elapsed = timed_call(
                    lambda model=model, splits=splits: model.fit(*splits["train"])
                )
                scores.append(model.score(*splits["valid"]))
                seconds.append(elapsed)
        for mask, (scores, seconds) in found.items():
            each = ", ".join(f"{score:.4f}" for score in scores)
            mean = statistics.fmean(scores)
            ratios = [a / b for a, b in zip(seconds, found["step"][1], strict=True)]
            ratio = statistics.median(ratios)
            rows.append([name, mask, f"{mean:.4f}", each, f"{ratio:.2f}"])
    print_table(
        "One mask of dropout a step, and one a sequence",
        ("data", "one mask a", "accuracy, mean", "each seed", "seconds of fit, relative"),
        rows,
        "Default parameters; validation files, and of JapaneseVowels 30 % of the training "
        "file.",
    )
    return []


def each(quick, seeds):
    """Each parameter alone, beside the defaults, on four sets."""
    columns, names, counts = [], [], []
    for name, n_seeds in OF_SETS.items():
        evidence, found = SETS[name], {i: [] for i in range(len(OF_DEFAULTS))}
        for seed in seeds[: 1 if quick else n_seeds]:
            train, valid = evidence.load(seed)
            for i, change in enumerate(OF_DEFAULTS):
                if "word_dropout" in change and name == "chorales":
                    continue  # no words
                progress(f"{name}, {_described(change)}, seed {seed}")
                found[i].append(
                    validation_score(evidence, train, valid, seed, quick, **change)
                )
        digits = evidence.measure.digits
        columns.append([f"{np.mean(v):.{digits}f}" if v else "" for v in found.values()])
        names.append(f"{evidence.name}, {evidence.measure}")
        counts.append(len(found[0]))
    print_table(
        "Each parameter alone, default training otherwise: validation data",
        ("changed", *names),
        [
            [_described(change), *scores]
            for change, *scores in zip(OF_DEFAULTS, *columns, strict=True)
        ],
        "The sets and measures of the evidence (see `against`); "
        + ", ".join(f"{name}: {n}" for name, n in zip(names, counts, strict=True))
        + " seed(s).",
    )
    return []


def words(quick, seeds):
    """Word dropout of classifiers at several rates."""
    rows = []
    for name in OF_TOKENS:
        evidence = SETS[name]
        changes = [{"word_dropout": rate} for rate in WORD_RATES]
        scores = scores_of_changes(evidence, seeds, changes, quick)
        means = [f"{mean:.4f}" for mean in np.mean(scores, axis=0)]
        gains = np.subtract(scores, np.array(scores)[:, :1])[:, 1]
        rows.append([evidence.name, *means, ", ".join(f"{gain:+.4f}" for gain in gains)])
    rates = [f"word_dropout={rate}" for rate in WORD_RATES]
    print_table(
        "Word dropout of classifiers: accuracy on validation data",
        ("data", *rates, f"gain of {WORD_RATES[1]} by seed"),
        rows,
        f"Default parameters otherwise; means of {len(seeds)} seed(s).",
    )
    return []


def rates(quick, seeds):
    """Dropout of language models of several sizes, on a short text and a long one."""
    text = load_shakespeare()["train"][0]
    valid = [text[-HELD_OUT:]]
    rows = []
    for tokenizer, n_characters, hidden_size in SIZES:
        n_characters = min(n_characters, 50_000) if quick else n_characters
        train = [text[-HELD_OUT - n_characters : -HELD_OUT]]
        n_steps = n_characters if tokenizer == "char" else len(train[0].split())
        row, n_parameters = [], 0
        for rate in RATES:
            progress(f"{n_steps:,} {tokenizer}s, {hidden_size} units, dropout {rate}")
            model = SequenceGenerator(
                tokenizer=tokenizer,
                hidden_size=hidden_size,
                dropout=rate,
                random_state=seeds[0],
            )
            if quick:
                model.set_params(max_epochs=1)
            model.fit(train, X_val=valid)
            n_parameters = model.n_parameters_
            row.append(f"{model.history_['valid_loss'].min():.4f}")
            progress(row[-1])
        settings = [f"{n_steps:,} {tokenizer}s", str(hidden_size)]
        ratios = [f"{n_steps / hidden_size**2:.1f}", f"{n_parameters / n_steps:.2f}"]
        rows.append([*settings, *ratios, *row])
        progress(" | ".join(rows[-1]))
    print_table(
        "Tiny Shakespeare: nats a step by dropout",
        (
            *("steps", "units", "steps ÷ units²", "parameters ÷ steps"),
            *(f"dropout={rate}" for rate in RATES),
        ),
        rows,
        f"The last {HELD_OUT:,} characters of the training file, the best epoch; default "
        "parameters otherwise, one seed.",
    )
    return []


def book(quick, seeds):
    """Tiny Shakespeare: changes of its settings, on the validation file."""
    _compare(SHAKESPEARE, load_shakespeare(), OF_A_BOOK, quick, seeds)
    return []


def tunes(quick, seeds):
    """Nottingham: changes of its settings, on the validation file."""
    _compare(TUNES, load_tunes(), OF_TUNES, quick, seeds)
    return []


def chords(quick, seeds):
    """JSB chorales: changes of their settings, on the validation file."""
    pieces = load_chorales()
    if quick:
        pieces = {split: X[:20] for split, X in pieces.items()}
    rows = []
    for change in OF_CHORDS:
        progress(f"JSB chorales: {_described(change)}")
        given = {**CHORDS, **change, "random_state": seeds[0]}
        given["augment"] = transpose if "augment" in change else None
        if quick:
            given["max_epochs"] = 2
        notes = StepwiseTransformer(MultiLabelBinarizer(classes=PIANO))
        model = make_pipeline(notes, SequenceGenerator(**given))
        _, seconds = timed_call(lambda model=model: model.fit(pieces["train"]))
        nats = -model.score(pieces["valid"])
        rows.append([_described(change), f"{nats:.3f}", f"{seconds:.0f}"])
    print_table(
        "JSB chorales: nats a step of the validation file",
        ("changed", "validation", "fit (s)"),
        rows,
        f"From {_described(CHORDS)}; one seed.",
    )
    return []


def _compare(task, splits, changes, quick, seeds):
    """Print the validation score of each change of a task's settings."""
    if quick:
        splits = {split: [one[:5_000] for one in X[:100]] for split, X in splits.items()}
    rows = []
    for change in changes:
        progress(f"{task.name}: {_described(change)}")
        given = {**task.parameters, **change, "random_state": seeds[0]}
        if quick:
            given["max_epochs"] = 1
        model = SequenceGenerator(**given)
        _, seconds = timed_call(lambda model=model: model.fit(splits["train"]))
        score = task.convert(-model.score(splits["valid"]))
        n_parameters = f"{model.n_parameters_:,}"
        rows.append([_described(change), f"{score:.4f}", n_parameters, f"{seconds:.0f}"])
    print_table(
        f"{task.name}: {task.unit} a character of the validation file",
        ("changed", "validation", "parameters", "fit (s)"),
        rows,
        f"From {_described(task.parameters)}; one seed.",
    )


def _described(change):
    return ", ".join(f"{key}={value!r}" for key, value in change.items()) or "nothing"


PARTS = (masks, each, words, rates, book, tunes, chords)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
