"""Workloads of `benchmarks.against`: run as a file, it imports skrnn from PYTHONPATH alone.

It prints one JSON object: seconds by workload, and a training score that must not fall. Only
names that every compared revision knows are used.
"""

import json
import sys
import time

import numpy as np

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)


def make_data():
    """Return token lists, their classes, tags and targets, series and their sums, texts."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(2000)])
    lengths = rng.integers(5, 36, size=1500)
    X = [words[rng.zipf(1.3, size=n) % 2000].tolist() for n in lengths]
    y = [str(sum(len(w) for w in x) % 3) for x in X]
    tags = [["A" if w < "w5" else "B" for w in x] for x in X]
    series = [rng.normal(size=(n, 8)) for n in rng.integers(50, 151, size=300)]
    sums = np.array([s[:, 0].mean() for s in series])
    texts = ["".join(x)[:200] for x in X[:300]]
    return X, y, tags, series, sums, texts


def workloads(scale):
    """Return the name, estimator, X and y of each workload."""
    X, y, tags, series, sums, texts = make_data()
    epochs = {"max_epochs": 3 if scale == "full" else 1, "random_state": 0}
    reverse = [x[::-1] for x in X[:600]]
    return [
        ("classifier, BiLSTM", SequenceClassifier(**epochs), X, y),
        ("classifier, BiGRU", SequenceClassifier(cell="gru", **epochs), X, y),
        ("regressor, LSTM", SequenceRegressor(**epochs), series, sums),
        ("tagger, CRF", SequenceTagger(**epochs), X, tags),
        (
            "seq2seq, 128 units",
            Seq2SeqTransformer(hidden_size=128, **epochs),
            X[:600],
            reverse,
        ),
        (
            "generator, 128 units",
            SequenceGenerator(hidden_size=128, **epochs),
            texts,
            None,
        ),
    ]


def main():
    """Time `fit` and `predict` of each workload."""
    found = {}
    for name, model, X, y in workloads(sys.argv[1]):
        start = time.perf_counter()
        model.fit(X, y) if y is not None else model.fit(X)
        fitted = time.perf_counter()
        some = X[:100] if "generator" in name or "seq2seq" in name else X
        model.predict(some)
        found[name] = {
            "fit": fitted - start,
            "predict": time.perf_counter() - fitted,
            "loss": float(model.history_["train_loss"].iloc[-1]),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
