"""Tables with sequences: texts beside columns, unscaled features, and gaps.

Run `python -m benchmarks.quality_tables [--quick] [--parts ...] [--seeds ...]`. The texts and
names are real. Their columns and labels are drawn by the rules below, so that it is known what
the label depends on.
"""

import statistics

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.datasets import load_spoken_digits
from skrnn.preprocessing import StepwiseTransformer

from ._data import load_japanese_vowels, load_names, load_snips, shorten
from ._report import (
    at_least,
    fit_over_seeds,
    mean_and_sd,
    print_table,
    progress,
    run_program,
)

HEADER = ("method", "test accuracy", "fit (s)")
#: One training sequence in so many is used: enough to tell the methods apart.
SHARE = 4
#: Requests that people of this age are served first with, by intent; the others by country.
URGENT_FROM = {"GetWeather": 50, "BookRestaurant": 50}
URGENT_BELOW = {"PlayMusic": 50, "AddToPlaylist": 50}
#: The share of readings that is removed.
REMOVED = 0.3
#: Powers of ten that the features are multiplied by.
POWERS = np.linspace(-4.5, 4.5, 12)


def requests(quick, seeds):
    """Commands beside the age and the country of who gives them: which are urgent?"""
    random = np.random.default_rng(0)
    countries = np.array(load_names()["train"][1])
    splits = {}
    for name, (X, intents) in _shortened(load_snips(), quick).items():
        age = random.integers(18, 80, len(X))
        country = random.choice(countries, len(X))
        frame = pd.DataFrame(
            {
                "request": [" ".join(tokens) for tokens in X],
                "age": age,
                "country": pd.Categorical(country, np.unique(countries)),
            }
        )
        splits[name] = frame, _urgent(np.array(intents), age, country)
    return _mixed("Requests: which are urgent?", splits, "request", quick, seeds)


def _urgent(intents, age, country):
    """Return the labels: the intent says which column counts, and how."""
    urgent = country == "Russian"  # nearly half of all
    for intent, years in URGENT_FROM.items():
        urgent = np.where(intents == intent, age >= years, urgent)
    for intent, years in URGENT_BELOW.items():
        urgent = np.where(intents == intent, age < years, urgent)
    return np.where(urgent, "urgent", "can wait")


def names(quick, seeds):
    """Names beside a country: is it theirs?"""
    random = np.random.default_rng(0)
    countries = np.array(load_names()["train"][1])
    splits = {}
    for name, (X, own) in _shortened(load_names(), quick).items():
        own = np.array(own)
        true = random.random(len(X)) < 0.5
        stated = own.copy()
        while (wrong := ~true & (stated == own)).any():
            stated[wrong] = random.choice(countries, wrong.sum())
        country = pd.Categorical(stated, np.unique(countries))
        frame = pd.DataFrame({"name": X, "country": country})
        splits[name] = frame, np.where(true, "own", "another")
    parameters = {"tokenizer": "char"}
    return _mixed("Names: is it their country?", splits, "name", quick, seeds, parameters)


def _shortened(splits, quick):
    """Return the training and test parts, of which a quick run takes a little."""
    splits = {name: splits[name] for name in ("train", "test")}
    X, y = splits["train"]
    return shorten(splits | {"train": (X[::SHARE], y[::SHARE])}, quick)


def _mixed(title, splits, text, quick, seeds, parameters=None):
    """Print the table of one task; return the goals."""
    parameters = (parameters or {}) | ({"max_epochs": 2} if quick else {})
    columns = [name for name in splits["train"][0].columns if name != text]

    def recurrent(seed):
        return SequenceClassifier(**parameters, random_state=seed)

    def forward(seed):
        return FeedForwardClassifier(**parameters, random_state=seed)

    methods = {
        "SequenceClassifier, text + columns": (recurrent, [text, *columns]),
        "SequenceClassifier, text alone": (recurrent, [text]),
        "FeedForwardClassifier, text + columns": (forward, [text, *columns]),
        "FeedForwardClassifier, columns alone": (forward, columns),
    }
    rows, means = [], {}
    for name, (make, used) in methods.items():
        progress(f"{title} {name}")
        parts = ((X[used], y) for X, y in splits.values())
        scores, seconds = fit_over_seeds(make, *parts, seeds)
        means[name] = statistics.fmean(scores)
        rows.append([name, mean_and_sd(scores), f"{statistics.fmean(seconds):.1f}"])
    for name, peer in _peers(text, columns, "tokenizer" in parameters).items():
        progress(f"{title} {name}")
        scores, seconds = fit_over_seeds(lambda _, p=peer: p, *splits.values(), [0])
        means[name] = scores[0]
        rows.append([name, f"{scores[0]:.4f}", f"{seconds[0]:.1f}"])
    (train, _), (_, y_test) = splits.values()
    majority = pd.Series(y_test).value_counts(normalize=True).max()
    print_table(
        title,
        HEADER,
        rows,
        f"{len(train):,} training rows; columns: {', '.join(columns)}. The more frequent label "
        f"is that of {majority:.3f} of the test rows. The penalty of the logistic regression is "
        "chosen by cross-validation of the training rows.",
    )
    ours, *others = means
    return [
        at_least(
            f"{title.split(':')[0]}: text + columns, against {other}",
            means[ours],
            means[other],
        )
        for other in others
    ]


def _peers(text, columns, by_character):
    """Return scikit-learn's ways to learn from a text and columns."""
    options = {"analyzer": "char_wb", "ngram_range": (1, 5)} if by_character else {}
    tfidf = TfidfVectorizer(sublinear_tf=True, **options)
    numbers = [name for name in columns if name == "age"]
    categories = [name for name in columns if name not in numbers]

    def beside(*text_steps):
        return make_column_transformer(
            (make_pipeline(tfidf, *text_steps), text),
            (StandardScaler(), numbers),
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=not text_steps),
                categories,
            ),
        )

    return {
        "TF-IDF + columns, logistic regression": GridSearchCV(
            make_pipeline(beside(), LogisticRegression(max_iter=2000)),
            {"logisticregression__C": [0.1, 1.0, 10.0, 100.0]},
            cv=3,
        ),
        "100 components of TF-IDF + columns, gradient boosting": make_pipeline(
            beside(TruncatedSVD(100, random_state=0)),
            HistGradientBoostingClassifier(random_state=0),
        ),
    }


def unscaled(quick, seeds):
    """Japanese vowels whose features have units of nine orders of magnitude."""
    splits = {
        name: ([x.astype(float) * 10**POWERS for x in X], y)
        for name, (X, y) in shorten(load_japanese_vowels(), quick).items()
    }
    parameters = {"max_epochs": 2} if quick else {}

    def inside(seed):
        return SequenceClassifier(**parameters, random_state=seed)

    def outside(seed):
        network = SequenceClassifier(scale=None, **parameters, random_state=seed)
        return make_pipeline(StepwiseTransformer(StandardScaler()), network)

    def not_at_all(seed):
        return SequenceClassifier(scale=None, **parameters, random_state=seed)

    methods = {
        "the default": inside,
        "StepwiseTransformer(StandardScaler()), then scale=None": outside,
        "scale=None": not_at_all,
    }
    rows, means = _accuracies("unscaled", methods, splits, seeds)
    print_table(
        "JapaneseVowels in units from 3e-5 to 3e4",
        HEADER,
        rows,
        "Each of the twelve features is multiplied by a power of ten, from -4.5 to 4.5.",
    )
    inside, outside, _ = means
    return [
        at_least(
            "unscaled: accuracy, against the pipeline with a scaler, less 0.01",
            inside,
            outside - 0.01,
        )
    ]


def gaps(quick, seeds):
    """Spoken digits, of which three readings in ten are removed at random."""
    random = np.random.default_rng(0)
    splits = {
        name: load_spoken_digits(subset=name, return_X_y=True)
        for name in ("train", "test")
    }
    if quick:
        splits = {name: (X[::5], y[::5]) for name, (X, y) in splits.items()}
    with_gaps = {
        name: ([np.where(random.random(x.shape) < REMOVED, np.nan, x) for x in X], y)
        for name, (X, y) in splits.items()
    }
    parameters = {"max_epochs": 2} if quick else {}

    def network(seed, **more):
        return SequenceClassifier(**parameters, **more, random_state=seed)

    def after(transformer):
        return lambda seed: make_pipeline(transformer, network(seed))

    methods = {
        'missing="indicator"': lambda seed: network(seed, missing="indicator"),
        "SimpleImputer(mean)": after(StepwiseTransformer(SimpleImputer())),
        "interpolation over time": after(FunctionTransformer(_interpolate)),
    }
    rows, means = _accuracies("complete", {"complete data": network}, splits, seeds)
    more = _accuracies("gaps", methods, with_gaps, seeds)
    rows, (complete, indicator, imputed, _) = rows + more[0], means + more[1]
    print_table(
        "Spoken digits, 30 % of the readings removed at random",
        HEADER,
        rows,
        "SequenceClassifier with default parameters; 600 training and 300 test recordings "
        f"of {splits['train'][0][0].shape[1]} bands. The indicator loses {complete - indicator:.3f} "
        f"against complete data, the mean {complete - imputed:.3f}.",
    )
    return [
        at_least('gaps: missing="indicator", against the mean', indicator, imputed, 4)
    ]


def _interpolate(X):
    """Return the sequences with straight lines over the gaps of each feature."""
    return [
        pd.DataFrame(x).interpolate(limit_direction="both").fillna(0.0).to_numpy()
        for x in X
    ]


def _accuracies(title, methods, splits, seeds):
    """Return one row a method, and the mean accuracies."""
    rows, means = [], []
    for name, make in methods.items():
        progress(f"{title}: {name}")
        scores, seconds = fit_over_seeds(make, splits["train"], splits["test"], seeds)
        means.append(statistics.fmean(scores))
        rows.append([name, mean_and_sd(scores), f"{statistics.fmean(seconds):.1f}"])
    return rows, means


PARTS = (requests, names, unscaled, gaps)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
