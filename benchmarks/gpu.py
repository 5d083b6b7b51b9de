"""A GPU against the CPU: equal results, and speed beside PyTorch loops on the same GPU.

Run `python -m benchmarks.gpu [--quick] [--device cuda]`; it takes at most ten minutes. Without a
GPU it says so and ends; `--device cpu --quick` shows that the program works.
"""

import pickle
import warnings

import numpy as np
import torch

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

from ._loops import PackedLoop, PackedSeries, PaddedClassifier
from ._report import (
    at_least,
    at_most,
    machine_line,
    make_parser,
    print_goals,
    print_table,
    progress,
    ratio_by_round,
    time_alternately,
    timed_call,
)
from .training_speed import N_CLASSES, N_TOKENS, as_ids, as_words, make_ragged_tokens

PACKED, PADDED, SKRNN = "A: packed", "B: padded", "C: skrnn"
#: Same weights and batches: only rounding differs.
LARGEST_DIFFERENCE = 1e-3


def estimators(device, n_epochs, hidden_size):
    """Return each estimator by name, with the function that makes its data from a seed."""
    plain = {"device": device, "max_epochs": n_epochs, "random_state": 0}
    recurrent = plain | {"hidden_size": hidden_size}
    return {
        "classifier, LSTM": (SequenceClassifier(**recurrent), make_classes),
        "classifier, GRU": (SequenceClassifier(cell="gru", **recurrent), make_classes),
        "regressor": (SequenceRegressor(**recurrent), make_numbers),
        "tagger, CRF": (SequenceTagger(**recurrent), make_tags),
        "seq2seq": (Seq2SeqTransformer(**recurrent), make_pairs),
        "generator": (SequenceGenerator(**recurrent), make_texts),
        "forecaster": (
            SequenceForecaster(horizon=3, window=12, **recurrent),
            make_series,
        ),
        "feed-forward classifier": (FeedForwardClassifier(**plain), make_classes),
        "feed-forward regressor": (FeedForwardRegressor(**plain), make_numbers),
        "feed-forward tagger": (FeedForwardTagger(**plain), make_tags),
        "feed-forward generator": (FeedForwardGenerator(**plain), make_texts),
        "feed-forward forecaster": (
            FeedForwardForecaster(horizon=3, window=12, **plain),
            make_series,
        ),
    }


def make_classes(n_sequences):
    """Return token lists and their classes."""
    sequences, labels = make_ragged_tokens(n_sequences, 0)
    return as_words(sequences), labels


def make_numbers(n_sequences):
    """Return series and the means of their first feature."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 8)) for n in rng.integers(50, 151, size=n_sequences)]
    return X, np.array([x[:, 0].mean() for x in X])


def make_tags(n_sequences):
    """Return token lists and a tag for each token."""
    sequences, _ = make_ragged_tokens(n_sequences, 0)
    return as_words(sequences), as_words([ids % 9 for ids in sequences])


def make_pairs(n_sequences):
    """Return token lists and their reverse."""
    X, _ = make_classes(n_sequences)
    return X, [x[::-1] for x in X]


def make_texts(n_sequences):
    """Return texts; a generator needs no y."""
    X, _ = make_classes(n_sequences)
    return (["".join(x)[:100] for x in X],)


def make_series(n_sequences):
    """Return noisy sines."""
    rng = np.random.default_rng(0)
    steps = np.arange(60)
    return (
        [np.sin(steps / 4 + i) + 0.1 * rng.normal(size=60) for i in range(n_sequences)],
    )


def answers(model, X):
    """Return what a fitted model answers, as one flat array of numbers."""
    if hasattr(model, "predict_proba"):
        rows = model.predict_proba(X)
        return np.concatenate([np.ravel(row) for row in rows])
    if hasattr(model, "score_samples"):
        return np.ravel(model.score_samples(X))
    found = model.predict(X)
    if isinstance(found, np.ndarray) and found.dtype == object:  # sequences of tokens
        return np.array([hash(tuple(row)) % 1000 for row in found], float)
    return np.ravel(np.asarray(found, float))


def results(device, quick):
    """Compare training, predictions and reloaded models with those of the CPU."""
    n_sequences, rows, goals = 40 if quick else 200, [], []
    for name, (model, make) in estimators(device, 2, 8 if quick else 64).items():
        progress(f"results: {name}")
        data = make(n_sequences)
        model.set_params(dropout=0.0)
        fitted, seconds = timed_call(lambda model=model, data=data: model.fit(*data))
        again = type(model)(**(model.get_params() | {"device": "cpu"})).fit(*data)
        losses = [m.history_["train_loss"].to_numpy() for m in (fitted, again)]
        loss = float(np.max(np.abs(losses[0] / losses[1] - 1)))
        X = data[0][:20]
        moved = pickle.loads(pickle.dumps(fitted))
        if device != "cpu":
            moved.net_.device = "cpu"
            moved.net_.module_.to("cpu")
        reloaded = float(np.max(np.abs(answers(moved, X) - answers(fitted, X))))
        rows.append([name, f"{loss:.1e}", f"{reloaded:.1e}", f"{seconds:.2f}"])
        goals.append(
            at_most(
                f"{name}: training loss, {device} to cpu", loss, LARGEST_DIFFERENCE, 6
            )
        )
    print_table(
        f"Results on {device} and on the CPU",
        (
            "estimator",
            "training loss, relative",
            "predictions moved to the CPU",
            "fit (s)",
        ),
        rows,
        "Two epochs without dropout from the same random state; largest differences.",
    )
    return goals


def speed(device, quick):
    """Compare training and prediction with packed and padded loops on the same device."""
    n_sequences, n_epochs, repeats = (200, 1, 2) if quick else (10_000, 2, 3)
    hidden_size, batch_size = (8, 32) if quick else (256, 128)
    sequences, labels = make_ragged_tokens(n_sequences, 0)
    words, ids = as_words(sequences), as_ids(sequences)
    series, means = make_numbers(max(64, n_sequences // 10))
    signs = (means > 0).astype(np.int64)
    tensors = [torch.from_numpy(x.astype(np.float32)) for x in series]
    both = {"batch_size": batch_size, "hidden_size": hidden_size, "device": device}
    alike = both | {
        "embedding_dim": 64,
        "char_encoder": None,
        "dropout": 0,
        "early_stopping": False,
        "max_epochs": n_epochs,
        "pooling": "last",
        "bidirectional": False,
        "random_state": 0,
    }
    rows, goals = [], []
    for cell in ("lstm", "gru"):
        tasks = [
            ("tokens", words, labels, ids, N_TOKENS + 2, N_CLASSES, {}),
            ("series", series, signs, tensors, 8, 2, {"network": PackedSeries}),
        ]
        for data, X, y, prepared, n_inputs, n_classes, network in tasks:
            progress(f"speed: {data}, {cell}")
            targets = torch.from_numpy(y)
            loops = {PACKED: PackedLoop(cell, n_inputs, n_classes, **both, **network)}
            if not network:
                padded = {"network": PaddedClassifier}
                loops[PADDED] = PackedLoop(cell, n_inputs, n_classes, **both, **padded)
            model = SequenceClassifier(cell=cell, **alike)
            n_steps = sum(map(len, X))
            timed = _time(loops, model, (X, y), (prepared, targets), n_epochs, repeats)
            for what, seconds in timed.items():
                n_read = n_steps * (n_epochs if what == "fit" else 1)
                rates = [
                    f"{n_read / np.median(seconds[name]):,.0f}" if name in seconds else ""
                    for name in (PACKED, PADDED, SKRNN)
                ]
                ratio = ratio_by_round(seconds[PACKED], seconds[SKRNN])
                label = f"{data}, {cell.upper()}, {what}"
                rows.append([label, *rates, f"{ratio:.2f}"])
                if device != "cpu":
                    goals.append(at_least(f"{label}: C / A", ratio.median, 1.0, 2))
    print_table(
        f"Speed on {device}: {n_sequences:,} sequences, {hidden_size} units, batch {batch_size}",
        ("", f"{PACKED} (steps/s)", PADDED, SKRNN, "C / A"),
        rows,
        "A and B get prepared tensors and move each batch; C is the whole fit on lists.",
    )
    return goals


def _time(loops, model, data, prepared, n_epochs, repeats):
    """Return the seconds of each side, of `fit` and of `predict`."""
    fits = {
        name: lambda loop=loop: loop.fit(*prepared, n_epochs)
        for name, loop in loops.items()
    }
    predictions = {
        name: lambda loop=loop: loop.predict(*prepared, 256).cpu()
        for name, loop in loops.items()
    }
    return {
        "fit": time_alternately(fits | {SKRNN: lambda: model.fit(*data)}, repeats),
        "predict": time_alternately(
            predictions | {SKRNN: lambda: model.predict(data[0])}, repeats
        ),
    }


def main(argv=None):
    """Run both parts on the chosen device."""
    parser = make_parser(__doc__, prog="python -m benchmarks.gpu")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args(argv)
    print(machine_line())
    if arguments.device.startswith("cuda"):
        if not torch.cuda.is_available():
            print("torch finds no GPU here: nothing is measured")
            return
        print(f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small data, few epochs
        goals = results(arguments.device, arguments.quick)
        goals += speed(arguments.device, arguments.quick)
    print_goals(goals, arguments.quick)


if __name__ == "__main__":
    main()
