"""Workloads of `benchmarks.against`: run as a file, it imports skrnn from PYTHONPATH alone.

It prints one JSON object: seconds by workload, and a training score that must not fall. Only
names that every compared revision knows are used. With "plain" as the last argument it runs the
cells that have compiled kernels, without numba; with "large" the large output layers alone; with
"profile" it says of what fits consist.
"""

import json
import sys
import time
import warnings

import numpy as np
import torch

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)

#: Cells that have compiled kernels, by the names of their work.
COMPILED = {
    "classifier, BiGRU": "gru",
    "classifier, tanh": "rnn_tanh",
    "classifier, ReLU": "rnn_relu",
}
#: Work on tokens that is profiled, and kinds of operations by the names of torch's.
PROFILED = ("classifier, BiLSTM", "tagger, CRF", "translator, 8,000 words")
OPERATIONS = {
    "recurrent layers": {"aten::mkldnn_rnn_layer", "aten::mkldnn_rnn_layer_backward"},
    "products": {
        *("aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm"),
        "mkldnn::_linear_pointwise",
    },
    "optimizer": {"aten::_fused_adam_", "aten::_fused_adamw_"},
}
#: Work whose time is mostly that of many outputs, by the beginnings of its names, those of quick
#: runs, too.
LARGE = ("translator, ", "generator, 20,000", "generator, 8,000", "classifier, 10,000")
#: What every revision has.
GENERAL = {"attention": "general"}


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


def make_sentences(n_sequences, n_words, longest, seed):
    """Return token lists of 5 to `longest` words; all words occur, the first ones often."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(n_words)])
    lengths = rng.integers(5, longest + 1, size=n_sequences)
    frequencies = 1 / np.arange(1, n_words + 1)
    ids = rng.choice(n_words, size=lengths.sum(), p=frequencies / frequencies.sum())
    ids[rng.permutation(len(ids))[:n_words]] = np.arange(n_words)
    return [words[part].tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]


def predict_some(model, X):
    """Predict 100 sequences: generation takes long."""
    model.predict(X[:100])


def predict_all(model, X):
    """Predict all sequences."""
    model.predict(X)


def predict_single(model, X):
    """Predict one sequence of 20 steps a hundred times."""
    one = [(X[0] * 20)[:20]]
    for _ in range(100):
        model.predict_proba(one)


def workloads(scale):
    """Return the name, estimator, X, y and prediction of each workload."""
    X, y, tags, series, sums, texts = make_data()
    # "auto" stands for other batches in some revisions, and some have no patches; updates and
    # steps should be as many
    epochs = {
        "max_epochs": 3 if scale == "full" else 1,
        "batch_size": 32,
        "random_state": 0,
    }
    by_step = (
        {"patch_size": 1} if "patch_size" in SequenceRegressor().get_params() else {}
    )
    reverse = [x[::-1] for x in X[:600]]
    one = epochs | {"max_epochs": 1}
    n_pairs = 1280 if scale == "full" else 640
    pairs = [make_sentences(n_pairs, n, 25, i) for i, n in enumerate([4000, 8000])]
    long = make_sentences(n_pairs // 2, 20_000 if scale == "full" else 8_000, 100, 2)
    short = make_sentences(10_000, 5_000, 15, 3)
    classes = [f"c{i % 10_000}" for i in np.random.default_rng(4).permutation(len(short))]
    return [
        ("classifier, BiLSTM", SequenceClassifier(**epochs), X, y, predict_all),
        *(
            (name, SequenceClassifier(cell=cell, **epochs), X, y, predict_all)
            for name, cell in COMPILED.items()
        ),
        (
            "regressor, LSTM",
            SequenceRegressor(**epochs, **by_step),
            series,
            sums,
            predict_all,
        ),
        ("tagger, CRF", SequenceTagger(**epochs), X, tags, predict_all),
        (
            "seq2seq, 128 units",
            Seq2SeqTransformer(hidden_size=128, **GENERAL, **epochs),
            X[:600],
            reverse,
            predict_some,
        ),
        (
            "generator, 128 units",
            SequenceGenerator(hidden_size=128, **epochs),
            texts,
            None,
            predict_some,
        ),
        (
            "translator, 8,000 words",
            Seq2SeqTransformer(hidden_size=256, **(GENERAL | one | {"batch_size": 64})),
            *pairs,
            predict_some,
        ),
        (
            f"generator, {'20,000' if scale == 'full' else '8,000'} words",
            SequenceGenerator(tokenizer="word", **one),
            long,
            None,
            predict_some,
        ),
        (
            "classifier, 10,000 classes",
            SequenceClassifier(**one),
            short,
            classes,
            predict_some,
        ),
        (
            "one sequence, 100 times",
            SequenceClassifier(**one),
            X[:300],
            y[:300],
            predict_single,
        ),
    ]


def profile(model, X, y):
    """Return the seconds of a second `fit` in one thread, and of what it consists."""
    torch.set_num_threads(1)
    model.fit(X, y)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as run:
        start = time.perf_counter()
        model.fit(X, y)
        profiled = time.perf_counter() - start
    found = dict.fromkeys([*OPERATIONS, "other operations"], 0.0)
    for event in run.key_averages():
        if event.key.startswith(("aten::", "mkldnn::")):
            kinds = (k for k, names in OPERATIONS.items() if names & {event.key})
            found[next(kinds, "other operations")] += event.self_cpu_time_total / 1e6
    found["Python"] = profiled - sum(found.values())
    return {"fit": seconds, **{kind: part / profiled for kind, part in found.items()}}


def main():
    """Time `fit` and prediction of each workload."""
    warnings.simplefilter("ignore")  # as many classes as sequences
    chosen = workloads(sys.argv[1])
    if sys.argv[-1] == "profile":
        chosen = [work[:4] for work in chosen if work[0] in PROFILED]
        print(json.dumps({name: profile(*work) for name, *work in chosen}))
        return
    if sys.argv[-1] == "plain":
        sys.modules["numba"] = None  # cannot be imported
        chosen = [work for work in chosen if work[0] in COMPILED]
    if sys.argv[-1] == "large":
        chosen = [work for work in chosen if work[0].startswith(LARGE)]
    found = {}
    for name, model, X, y, predict in chosen:
        start = time.perf_counter()
        model.fit(X, y) if y is not None else model.fit(X)
        fitted = time.perf_counter()
        predict(model, X)
        found[name] = {
            "fit": fitted - start,
            "predict": time.perf_counter() - fitted,
            "loss": float(model.history_["train_loss"].iloc[-1]),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
