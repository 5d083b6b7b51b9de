"""Small fits of every estimator, and the digest of everything that a fit leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

import skrnn
from skrnn.training.digests import digest_of

RNG = np.random.default_rng(0)
WORDS = np.array(["oak", "elm", "ash", "yew", "fir", "may"])
LENGTHS = RNG.integers(1, 8, 48)
TEXTS = [WORDS[RNG.integers(6, size=n)].tolist() for n in LENGTHS]
NUMBERS = [RNG.normal(size=(n, 2)) for n in LENGTHS]
LABELS = [text[0] for text in TEXTS]
TAGS = [[word[0] for word in text] for text in TEXTS]
AMOUNTS = RNG.normal(size=48)
STEP_AMOUNTS = [x[:, 0] for x in NUMBERS]
SERIES = [10 + RNG.normal(size=n).cumsum() for n in (50, 40, 44)]

QUICK = {"max_epochs": 8, "batch_size": 8, "random_state": 0}
RECURRENT = QUICK | {"hidden_size": 6, "dropout": 0.3}
DENSE = QUICK | {"hidden_layer_sizes": (6,), "dropout": 0.3}
STOPS = {"early_stopping": True}
#: Name → class, parameters, data. Options differ so that all parts of the state matter.
FITS: dict[str, tuple[str, dict[str, Any], tuple[Any, ...]]] = {
    "classifier": ("SequenceClassifier", RECURRENT | STOPS, (TEXTS, LABELS)),
    "classifier of numbers": (
        "SequenceClassifier",
        RECURRENT | {"cell": "gru", "random_state": None, "early_stopping": True},
        (NUMBERS, LABELS),
    ),
    "regressor": (
        "SequenceRegressor",
        RECURRENT | STOPS | {"lr_schedule": "plateau"},
        (NUMBERS, AMOUNTS),
    ),
    "regressor of steps": (
        "SequenceRegressor",
        RECURRENT | {"optimizer": "sgd"},
        (NUMBERS, STEP_AMOUNTS),
    ),
    "tagger": ("SequenceTagger", RECURRENT | STOPS, (TEXTS, TAGS)),
    "translator": (
        "Seq2SeqTransformer",
        RECURRENT | STOPS,
        (TEXTS, TAGS),
    ),
    "generator": (
        "SequenceGenerator",
        RECURRENT | {"bptt": 4, "tokenizer": "word", "random_state": None},
        (TEXTS,),
    ),
    "forecaster": (
        "SequenceForecaster",
        RECURRENT | {"horizon": 2, "window": 6},
        (SERIES,),
    ),
    "dense classifier": (
        "FeedForwardClassifier",
        DENSE | {"optimizer": "rmsprop", "lr_schedule": "constant"},
        (TEXTS, LABELS),
    ),
    "dense regressor": (
        "FeedForwardRegressor",
        DENSE | {"lr_schedule": "cosine"},
        (NUMBERS, AMOUNTS),
    ),
    "dense tagger": ("FeedForwardTagger", DENSE | STOPS, (TEXTS, TAGS)),
    "dense generator": (
        "FeedForwardGenerator",
        DENSE | {"window": 3, "tokenizer": "word"},
        (TEXTS,),
    ),
    "dense forecaster": (
        "FeedForwardForecaster",
        DENSE | {"horizon": 2, "window": 6, "early_stopping": True},
        (SERIES,),
    ),
}


def make(name: str, **params: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return an unfitted estimator and its data."""
    kind, options, data = FITS[name]
    return getattr(skrnn, kind)(**(options | params)), data


def digest(model: Any, X: Any) -> str:
    """Return the digest of all that training changes, and of predictions."""
    state = model.net_.training_state()
    state["history"] = [
        {key: value for key, value in row.items() if key != "dur"}
        for row in state["history"]
    ]
    return digest_of([state, model.predict(X), model.n_iter_, model.lr_])


def digests() -> dict[str, str]:
    """Return the digest of each fit of two epochs, by its name."""
    found = {}
    for name in FITS:
        model, data = make(name, max_epochs=2, random_state=3)
        found[name] = digest(model.fit(*data), data[0])
    return found
