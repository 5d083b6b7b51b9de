"""Writes the model files of a version, with what the models predict.

Run it once a format or a version: ``python tests/models/make.py``. Files that are there are
never replaced, since they stand for what users have kept.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import skrnn
from skrnn import (
    FeedForwardClassifier,
    FeedForwardForecaster,
    FeedForwardGenerator,
    FeedForwardRegressor,
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.persistence import load_model, save_model

FOLDER = Path(__file__).parent
QUICK = {"max_epochs": 2, "batch_size": 8, "random_state": 0}
RNN = QUICK | {"hidden_size": 4}
#: Enough to tell sequences apart.
LONGER = RNN | {
    "cell": "gru",
    "num_layers": 2,
    "dropout": 0.0,
    "batch_size": 4,
    "max_epochs": 40,
    "lr": 0.05,
    "lr_schedule": "constant",
}
DENSE = QUICK | {"hidden_layer_sizes": (4,)}
TOKENS = {"embedding_dim": 4, "char_encoder": None}

WORDS = [["oak", "elm"], ["ash"], ["Yew", "fir", "may"], ["oak", "may"]] * 3
TEXTS = ["good day", "bad", "a good day", "day"] * 3
NEW_WORDS = [["elm", "sea", "oak"], ["fir"], ["may", "ash", "ash", "oak", "yew"]]
NUMBERS = [[[0.1 * i, -1.0], [0.5, 0.2 * i]][: 1 + i % 2] for i in range(12)]
NEW_NUMBERS = [[[0.3, 0.1]], [[1.0, -0.5], [0.2, 0.9], [0.0, 0.0]]]
LABELS = ["u", "v", "w", "u"] * 3
SERIES = [[10 + i + (t * (3 + i)) % 7 for t in range(30)] for i in range(3)]


def frame(n):
    """Return n rows of a text, a reading, a kind and an age."""
    return pd.DataFrame(
        {
            "text": (TEXTS * 2)[:n],
            "reading": [
                np.arange(1.0 + len((TEXTS * 2)[i].split()))[1:] for i in range(n)
            ],
            "kind": pd.Categorical([*"uvuw" * 6][:n], categories=["u", "v", "w"]),
            "age": [1.0, np.nan, 3.0, 4.0][:n]
            if n <= 4
            else [1.0, np.nan, 3.0, 4.0] * (n // 4),
        }
    )


def tags_of(X):
    """Return a tag for each token."""
    return [["u" if len(token) % 2 else "v" for token in tokens] for tokens in X]


#: Name → a fitted model, what it is asked, and the method that answers.
MODELS = {
    "classifier_numbers": lambda: (
        SequenceClassifier(**RNN, cell="gru", num_layers=2).fit(NUMBERS, [0, 1, 2] * 4),
        NEW_NUMBERS,
        "predict_proba",
    ),
    "classifier_multilabel": lambda: (
        SequenceClassifier(**RNN, cell="mingru", pooling="attention").fit(
            NUMBERS, np.eye(3, dtype=int)[np.arange(12) % 3] | [1, 0, 0]
        ),
        NEW_NUMBERS,
        "predict_proba",
    ),
    "classifier_fields": lambda: (
        SequenceClassifier(**RNN, **TOKENS, missing="indicator").fit(frame(12), LABELS),
        "frame",
        "predict_proba",
    ),
    "regressor_words": lambda: (
        SequenceRegressor(**RNN, **TOKENS, bidirectional=True).fit(
            WORDS, np.arange(12.0)
        ),
        NEW_WORDS,
        "predict",
    ),
    "regressor_quantiles": lambda: (
        SequenceRegressor(**RNN, loss="quantile", cell="rnn_tanh").fit(
            NUMBERS, np.arange(12.0)
        ),
        NEW_NUMBERS,
        "predict_quantiles",
    ),
    "tagger_words": lambda: (
        SequenceTagger(**RNN, **TOKENS).fit(WORDS, tags_of(WORDS)),
        NEW_WORDS,
        "predict_proba",
    ),
    "seq2seq_words": lambda: (
        Seq2SeqTransformer(attention="general", **RNN, **TOKENS).fit(
            WORDS, tags_of(WORDS)
        ),
        NEW_WORDS,
        "predict",
    ),
    "seq2seq_two_layers": lambda: (
        Seq2SeqTransformer(attention="general", **LONGER, **TOKENS).fit(
            WORDS, [tokens[::-1] for tokens in WORDS]
        ),
        NEW_WORDS,
        "predict",
    ),
    "seq2seq_scaled_dot": lambda: (
        Seq2SeqTransformer(attention="scaled_dot", **RNN, **TOKENS).fit(
            WORDS, tags_of(WORDS)
        ),
        NEW_WORDS,
        "predict",
    ),
    "generator_texts": lambda: (
        SequenceGenerator(**RNN, embedding_dim=4, tokenizer="word").fit(TEXTS),
        ["good", "a day"],
        "score_samples",
    ),
    "forecaster_series": lambda: (
        SequenceForecaster(**RNN, horizon=3, window=6).fit(list(map(np.array, SERIES))),
        SERIES,
        "predict",
    ),
    "feed_forward_classifier": lambda: (
        FeedForwardClassifier(**DENSE, **TOKENS).fit(WORDS, LABELS),
        NEW_WORDS,
        "predict_proba",
    ),
    "feed_forward_regressor": lambda: (
        FeedForwardRegressor(**DENSE).fit(NUMBERS, np.arange(12.0)),
        NEW_NUMBERS,
        "predict",
    ),
    "feed_forward_tagger": lambda: (
        FeedForwardTagger(**DENSE, **TOKENS).fit(WORDS, tags_of(WORDS)),
        NEW_WORDS,
        "predict_proba",
    ),
    "feed_forward_generator": lambda: (
        FeedForwardGenerator(**DENSE, embedding_dim=4, tokenizer="word", window=2).fit(
            TEXTS
        ),
        ["good", "a day"],
        "score_samples",
    ),
    "feed_forward_forecaster": lambda: (
        FeedForwardForecaster(**DENSE, horizon=3, window=6).fit(
            list(map(np.array, SERIES))
        ),
        SERIES,
        "predict",
    ),
}


def asked(X):
    """Return X of a stored question."""
    if X == "frame":
        return frame(4)
    return [x if isinstance(x[0], str) else np.array(x, dtype=float) for x in X]


def plain(answer):
    """Return an answer as lists."""
    return [row.tolist() if hasattr(row, "tolist") else row for row in answer]


def write(folder):
    """Write every model that the folder lacks, and the answers of all."""
    folder.mkdir(exist_ok=True)
    answers = folder / "answers.json"
    found = json.loads(answers.read_text()) if answers.exists() else {}
    for name, make in MODELS.items():
        path = folder / f"{name}.skrnn"
        if path.exists():
            continue
        model, X, method = make()
        save_model(model, path)
        answer = plain(getattr(load_model(path), method)(asked(X)))
        found[name] = {"X": X, "method": method, "answer": answer}
    answers.write_text(json.dumps(found, indent=0, sort_keys=True))


if __name__ == "__main__":
    warnings.simplefilter("error")
    write(FOLDER / skrnn.__version__.split(".dev")[0])
