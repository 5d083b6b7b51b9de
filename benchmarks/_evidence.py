"""The sets of `benchmarks.against`'s evidence: their data, measures and simple methods.

Here are training and validation data alone; no test file is read, and of series the last
fifth is left out. Fits by another revision are in `_evidence_fits.py`.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import MultiLabelBinarizer, StandardScaler

import skrnn
from skrnn.metrics import bleu_score, entity_f1_score, exact_match_score
from skrnn.preprocessing import LogMelFrames, StepwiseTransformer, sliding_windows

from ._crfsuite import C1, CRFsuiteTagger
from ._data import (
    load_airline,
    load_arrow_heads,
    load_basic_motions,
    load_chorales,
    load_clinc150,
    load_cmudict,
    load_ewt,
    load_gestures,
    load_gunpoint,
    load_japanese_vowels,
    load_names,
    load_plaid,
    load_power_demand,
    load_snips,
    load_snips_slots,
    load_sp500,
    load_spoken_digits,
    load_sunspots,
    load_tatoeba,
    load_wnut17,
)
from ._kneser_ney import choose_order, nats_by_step
from ._peers import (
    LagRidge,
    NearestNeighbourDTW,
    character_regressions,
    rmse,
    standardise_each,
    word_svms,
)
from ._report import import_peer, mean_and_sd, progress

#: The training file of sets without a validation file is cut into so many folds.
N_FOLDS = 5
N_VALID_PAIRS = 1_000
SAMPLE_RATE = 8_000  # of spoken digits
HORIZON = 12
PIANO = range(21, 109)  # MIDI pitches
#: Fixed settings of simple methods.
SVM_C, REGRESSION_C, CRF_C2 = 1.0, 10.0, 0.1


# --- measures ------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """A score of predictions: `score(y_true, y_pred)`."""

    name: str
    score: Callable
    higher_is_better: bool = True
    digits: int = 4

    def __str__(self):
        return f"{self.name} {'↑' if self.higher_is_better else '↓'}"


def _accuracy(y_true, y_pred):
    return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))


def _step_accuracy(y_true, y_pred):
    return _accuracy(np.concatenate(y_true), np.concatenate(y_pred))


def _match(y_true, y_pred):
    return exact_match_score(y_true, y_pred, multiple_references=True)


def _bleu(y_true, y_pred):
    return bleu_score(y_true, y_pred, multiple_references=True)


def _bits(_, log_likelihood):
    return -log_likelihood / math.log(2)


def _nats(_, log_likelihood):
    return -log_likelihood


ACCURACY = Measure("accuracy", _accuracy)
STEP_ACCURACY = Measure("accuracy", _step_accuracy)
ENTITY_F1 = Measure("entity F1", entity_f1_score)
RMSE = Measure("RMSE", rmse, higher_is_better=False, digits=3)
MATCH = Measure("exact match", _match)
BLEU = Measure("BLEU", _bleu, digits=1)
BITS = Measure("bits a character", _bits, higher_is_better=False)
NATS = Measure("nats a step", _nats, higher_is_better=False, digits=3)


# --- data ----------------------------------------------------------------------------


def _files(load, seed):
    """Return the training and the validation file."""
    splits = load()
    return splits["train"], splits["valid"]


def _fold(load, seed):
    """Return the training file without a fold, and the fold, which the seed chooses."""
    X, y = load()["train"]
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(X, y)
    fold = list(folds)[seed % N_FOLDS]
    train, valid = (([X[i] for i in part], np.asarray(y)[part]) for part in fold)
    return train, valid


def _digits():
    X, y = load_spoken_digits()["train"]
    frames = LogMelFrames(sample_rate=SAMPLE_RATE)
    return {"train": (frames.fit_transform(X), y)}


def _windows(load, window, seed):
    """Return windows of the first four fifths of a series; the last fifth validates."""
    values = load()
    values = values[: len(values) - len(values) // 5]
    cut = len(values) - len(values) // 5

    def windows(part):
        X, y = sliding_windows(part, window=window, horizon=HORIZON)
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        return X.reshape(-1, window), y.reshape(-1, HORIZON)

    return windows(values[:cut]), windows(values[cut - window :])


def _names(seed):
    splits = load_names()
    return tuple((splits[name][0], None) for name in ("train", "valid"))


def _chords(seed):
    pieces = load_chorales()
    notes = StepwiseTransformer(MultiLabelBinarizer(classes=PIANO)).fit(pieces["train"])
    return tuple((notes.transform(pieces[name]), None) for name in ("train", "valid"))


def _pairs(load, n_pairs, seed):
    """Return pairs that a seed draws, and always the same sources to validate."""
    splits = load()
    train = _drawn(*splits["train"], n_pairs, seed)
    return train, _drawn(*splits["valid"], N_VALID_PAIRS, 0)


def _drawn(X, y, most, seed):
    some = np.random.default_rng(seed).permutation(len(X))[:most].tolist()
    return [X[i] for i in some], [y[i] for i in some]


def _sentence_pairs(seed):
    import_peer("sacrebleu.metrics", "sacrebleu")
    return _pairs(load_tatoeba, 5_000, seed)


# --- simple methods: each returns its name and what it predicts ----------------------


def _word_svm(train, valid):
    _, svm = word_svms((SVM_C,))[-1]
    return "TF-IDF + LinearSVC", svm.fit(*train).predict(valid[0])


def _character_regression(train, valid):
    _, regression = character_regressions((REGRESSION_C,))[0]
    fitted = regression.fit(*train)
    return "TF-IDF of characters + LogisticRegression", fitted.predict(valid[0])


def _time_warping(train, valid):
    return "1-NN DTW", NearestNeighbourDTW().fit(*train).predict(valid[0])


def _standardised_warping(train, valid):
    """Standardise the features of all steps together before nearest neighbours."""
    scaler = StepwiseTransformer(StandardScaler()).fit(train[0])
    X, X_valid = (scaler.transform(part[0]) for part in (train, valid))
    return _time_warping((X, train[1]), (X_valid, valid[1]))


def _each_standardised_warping(train, valid):
    """Standardise each series before nearest neighbours."""
    return _time_warping(*((standardise_each(X), y) for X, y in (train, valid)))


def _crfsuite(train, valid):
    tagger = CRFsuiteTagger(C1, CRF_C2).fit(*train)
    return "CRFsuite", tagger.predict(valid[0])


def _ridge(train, valid):
    """Fit on levels and on differences, and take what is better on training windows."""
    fitted = [LagRidge(on_differences).fit(*train) for on_differences in (True, False)]
    best = min(fitted, key=lambda ridge: ridge.validation_error_)
    return "ridge on lags", best.predict(valid[0])


def _n_grams(train, valid):
    """Choose the order on a tenth of the distinct training texts, then count all."""
    distinct = list(dict.fromkeys(train[0]))
    rest = [text for i, text in enumerate(distinct) if i % 10]
    order = choose_order(rest, distinct[::10]).order
    nats = nats_by_step(train[0], valid[0], order)
    return f"Kneser–Ney, order {order}", -float(nats.mean())


def _note_regressions(train, valid):
    """Predict each note by all notes of the step before, with a flag of first steps."""
    (inputs, notes), (valid_inputs, valid_notes) = map(_steps, (train[0], valid[0]))
    log_likelihood = 0.0
    for note in range(notes.shape[1]):
        on, played = notes[:, note], valid_notes[:, note]
        if on.any():
            model = LogisticRegression(max_iter=1000).fit(inputs, on)
            probability = model.predict_proba(valid_inputs)[:, 1]
        else:  # add-half smoothing
            probability = np.full(len(played), 0.5 / (len(on) + 1))
        log_likelihood += np.log(np.where(played, probability, 1 - probability)).sum()
    return "LogisticRegression of each note", log_likelihood / len(valid_notes)


def _steps(pieces):
    """Return of every step the notes before, with the flag, and its own notes."""
    before = [np.vstack([np.zeros_like(x[:1]), x[:-1]]) for x in pieces]
    first = np.concatenate([np.arange(len(x)) == 0 for x in pieces])
    return np.column_stack([np.concatenate(before), first]), np.concatenate(pieces)


# --- sets ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """One set: its data, estimator and measure, how many seeds, and a simple method.

    `load(seed)` returns training and validation data, (X, y) each, without y for texts
    that a language model scores; where `folds` is true another seed has other data.
    `simple(train, valid)` returns a method's name and its predictions.
    """

    name: str
    load: Callable
    estimator: str
    measure: Measure
    n_seeds: int
    simple: Callable | None = None
    folds: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)


def validation_score(evidence, train, valid, seed, quick=False, **parameters):
    """Return the score on validation data of a fit with some parameters changed."""
    short = {"max_epochs": 1} if quick else {}
    given = {**evidence.parameters, **short, "random_state": seed, **parameters}
    model = getattr(skrnn, evidence.estimator)(**given).fit(*train)
    X, y = valid
    predicted = model.score(X) if y is None else model.predict(X)
    return evidence.measure.score(y, predicted)


def scores_of_changes(evidence, seeds, changes, quick=False):
    """Return the validation scores of each seed, one of each change of the defaults."""
    scores = []
    for seed in seeds[:1] if quick else seeds:
        progress(f"{evidence.name}, seed {seed}")
        train, valid = evidence.load(seed)
        scores.append(
            [validation_score(evidence, train, valid, seed, quick, **c) for c in changes]
        )
    return scores


def _numbers(name, load, n_seeds=5, simple=_time_warping):
    load = partial(_fold, load)
    return Evidence(
        name, load, "SequenceClassifier", ACCURACY, n_seeds, simple, folds=True
    )


def _texts(name, load, n_seeds, simple, **parameters):
    load = partial(_files, load)
    return Evidence(
        name,
        load,
        "SequenceClassifier",
        ACCURACY,
        n_seeds,
        simple,
        parameters=parameters,
    )


def _tagged(name, load, measure, n_seeds, **parameters):
    load = partial(_files, load)
    return Evidence(
        name, load, "SequenceTagger", measure, n_seeds, _crfsuite, parameters=parameters
    )


def _forecast(name, load, window):
    load = partial(_windows, load, window)
    parameters = {"instance_norm": "last"}
    return Evidence(
        name, load, "SequenceRegressor", RMSE, 5, _ridge, parameters=parameters
    )


#: From the cheapest to the dearest.
SETS = {
    "airline": _forecast("airline", load_airline, 24),
    "power_demand": _numbers("power demand", load_power_demand),
    "sp500": _forecast("S&P 500", load_sp500, 24),
    "japanese_vowels": _numbers("JapaneseVowels", load_japanese_vowels),
    "motions": _numbers("motions", load_basic_motions),
    "gunpoint": _numbers("gun or point", load_gunpoint),
    "gestures": _numbers("gestures", load_gestures),
    "arrow_heads": _numbers("arrow heads", load_arrow_heads),
    "sunspots": _forecast("sunspots", load_sunspots, 132),
    "wnut17": _tagged("W-NUT 2017", load_wnut17, ENTITY_F1, 2, scheme="IOB2"),
    "names": _texts("names", load_names, 3, _character_regression, tokenizer="char"),
    "snips": _texts("SNIPS intents", load_snips, 2, _word_svm),
    "clinc150": _texts("CLINC150", load_clinc150, 2, _word_svm),
    "slots": _tagged("SNIPS slots", load_snips_slots, ENTITY_F1, 1, scheme="IOB2"),
    "ewt": _tagged("EWT", load_ewt, STEP_ACCURACY, 1),
    "digits": _numbers("spoken digits", _digits, 1, _standardised_warping),
    "chorales": Evidence(
        "JSB chorales", _chords, "SequenceGenerator", NATS, 1, _note_regressions
    ),
    "names_generated": Evidence(
        "names, generated", _names, "SequenceGenerator", BITS, 1, _n_grams
    ),
    "cmudict": Evidence(
        "CMUdict, 10,000 pairs",
        partial(_pairs, load_cmudict, 10_000),
        "Seq2SeqTransformer",
        MATCH,
        1,
    ),
    "tatoeba": Evidence(
        "Tatoeba, 5,000 pairs", _sentence_pairs, "Seq2SeqTransformer", BLEU, 1
    ),
    "plaid": _numbers("PLAID", load_plaid, 1, _each_standardised_warping),
}


# --- rows ----------------------------------------------------------------------------

HEADER = (
    *("data", "estimator", "measure", "seeds", "defaults there", "here"),
    *("difference ± its error", "simple method", "its score", "fit there / here (s)"),
)
NOTE = (
    "Validation data: the validation file, of numbers one of "
    f"{N_FOLDS} folds of the training file, another with each seed, of series the last fifth of "
    "the first four fifths, 12 months ahead; scores are means ± standard deviations over the "
    "seeds, the error is the standard error of the paired differences. All else is default but "
    'the scheme of entities, tokenizer="char" for the countries of names and instance_norm="last" '
    "for series; digits are log-mel frames. Simple methods have fixed settings (word 1–2-grams "
    "with C=1, character 1–5-grams with C=10, CRFsuite with c1=c2=0.1, notes with C=1), but for "
    "the ridge's penalty and the n-gram's order, chosen on held-out parts of the training data; "
    "they are fitted on the same sequences. Time warping has standardised features of digits, and "
    "of PLAID standardised series. Pairs are drawn by the seed, with 1,000 sources to validate, "
    "and have no simple method. Seconds: medians of the CPU's. Tunes and tiny Shakespeare take "
    "longer than ten minutes by defaults on one thread, and are left out."
)


def make_row(data, there, here, quick, seeds):
    """Fit a set's estimator there and here, and its simple method; return the table's row.

    `there(job)` and `here(job)` return the results of `_evidence_fits.run`.
    """
    seeds = seeds[: data.n_seeds]
    parts = [data.load(seed) for seed in seeds]
    parameters = data.parameters
    if quick:
        sizes = (200, 50)
        parts = [tuple(map(_shortened, part, sizes)) for part in parts]
        parameters = parameters | {"max_epochs": 1}
    job = {"estimator": data.estimator, "parameters": parameters}
    scores, seconds = ([], []), ([], [])
    for seed, (train, valid) in zip(seeds, parts, strict=True):
        for side, (text, run) in enumerate({"there": there, "here": here}.items()):
            progress(f"{data.name}, {text}, seed {seed}")
            (result,) = run(job | {"fits": [(seed, *train, valid[0])]})
            scores[side].append(data.measure.score(valid[1], result["predicted"]))
            seconds[side].append(result["fit"])
    digits = data.measure.digits
    return [
        *(data.name, data.estimator, data.measure, len(seeds)),
        *(mean_and_sd(values, digits) for values in scores),
        difference(*scores, digits),
        *_simple(data, parts),
        " / ".join(f"{statistics.median(values):.1f}" for values in seconds),
    ]


def difference(before, now, digits):
    """Return the mean difference of pairs, of several with its standard error."""
    differences = [b - a for a, b in zip(before, now, strict=True)]
    mean = f"{statistics.fmean(differences):+.{digits}f}"
    if len(differences) == 1:
        return mean
    error = statistics.stdev(differences) / len(differences) ** 0.5
    return f"{mean} ± {error:.{digits}f}"


def _simple(data, parts):
    """Return the name of the simple method and its mean score, of distinct parts."""
    if data.simple is None:
        return "", ""
    progress(f"{data.name}, simple method")
    scores = []
    for train, valid in parts if data.folds else parts[:1]:
        name, predicted = data.simple(train, valid)
        scores.append(data.measure.score(valid[1], predicted))
    return name, mean_and_sd(scores, data.measure.digits)


def _shortened(part, most):
    """Return at most about so many of the sequences, evenly; y may be None."""
    X, y = part
    stride = max(1, len(X) // most)
    return X[::stride], None if y is None else y[::stride]
