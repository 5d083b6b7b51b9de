"""Do gradients vanish or explode, by cell, scale of the inputs and initialization?

Run `python -m benchmarks.gradient_flow [--quick] [--seeds ...] [--parts ...]`. Norms are those
of the gradient of the loss with respect to the state h_t, the root of the mean square over sequences, and
of these the geometric mean over seeds. Test files are not read.
"""

import functools
import math
import statistics
import warnings

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.datasets import make_adding_problem, make_delayed_recall
from skrnn.inspection import gradient_norms
from skrnn.modules.recurrent import CELLS
from skrnn.modules.recurrent.cells import GRU

from ._data import (
    DataAbsent,
    load_cmudict,
    load_japanese_vowels,
    load_names,
    load_snips,
    load_snips_slots,
)
from ._report import at_least, print_table, progress, run_program

N_FEATURES, N_UNITS, DISTANCE, N_SEQUENCES = 12, 128, 50, 64
SCALES = (0.1, 1.0, 3.0)
NAMES = ("lstm", "gru", "rnn_tanh", "rnn_relu")
#: Biases of the GRU's update gate, from the first unit to the last.
BIASES = ((0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (-2.0, 4.0), (-3.0, 3.0))


def _inputs(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    X = [scale * rng.normal(size=(DISTANCE + 1, N_FEATURES)) for _ in range(N_SEQUENCES)]
    return X, rng.normal(size=N_SEQUENCES)


def _make(cell, seed, **params):
    """Return a regressor of the last state, whose loss never saturates."""
    return SequenceRegressor(
        cell=cell,
        hidden_size=N_UNITS,
        scale=None,
        patch_size=1,
        random_state=seed,
        **params,
    )


def _changed(cell, seed, data, change):
    """Return an estimator whose recurrent weights `change(rnn)` has set before training."""
    model = _make(cell, seed, max_epochs=1, lr=1e-30, weight_decay=0.0)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of outputs that grow
        model.fit([x[:1] for x in data[0]], data[1])
        change(model.net_.module_.encoder.forward_layers[0].rnn)
    return model


def _mean(values):
    """Return the geometric mean; 0 where one vanished altogether."""
    values = np.asarray(values)
    return float(np.exp(np.mean(np.log(values)))) if (values > 0).all() else 0.0


def _row(name, norms):
    """Return a row of the table, and the norm at `DISTANCE`."""
    last, far = (_mean([one.loc[d].iloc[0] for one in norms]) for d in (0, DISTANCE))
    ratio = _mean([one.loc[DISTANCE].iloc[0] / one.loc[0].iloc[0] for one in norms])
    return [name, f"{last:.1e}", f"{far:.1e}", f"{ratio:.1e}"], far, ratio


def _header(name):
    return name, "norm at the last step", f"{DISTANCE} steps before", "ratio"


def before_training(quick, seeds):
    """N(0, 1) inputs, two other scales, and torch's own initialization."""
    goals = []
    for scale in SCALES:
        rows, far = [], {}
        for cell in NAMES:
            progress(f"before training: {cell}, inputs × {scale:g}")
            norms = [
                gradient_norms(_make(cell, seed), *_inputs(seed, scale), trained=False)
                for seed in seeds
            ]
            row, far[cell], _ = _row(cell, norms)
            rows.append(row)

            def reset(rnn, seed=0):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    rnn.reset_parameters()

            norms = []
            for seed in seeds:
                data = _inputs(seed, scale)
                change = functools.partial(reset, seed=seed)
                norms.append(gradient_norms(_changed(cell, seed, data, change), *data))
            row, far[f"torch {cell}"], _ = _row(f"{cell}, torch's initialization", norms)
            rows.append(row)
        print_table(
            f"Before training: N(0, {scale:g}²) inputs of {N_FEATURES} features, "
            f"{N_UNITS} units",
            _header("cell"),
            rows,
        )
        if scale == 1.0:
            goals.append(
                at_least(
                    f"gradient {DISTANCE} steps before the last: LSTM over tanh network",
                    far["lstm"] / far["rnn_tanh"],
                    50.0,
                    digits=1,
                )
            )
    return goals


def _scaled_by(gain):
    def change(rnn):
        rnn.weight_hh_l0.mul_(gain)

    return change


EXPLODING = (
    ("rnn_relu", "ReLU, recurrent weights 1.2 × identity", _scaled_by(1.2)),
    ("rnn_relu", "ReLU, recurrent weights 1.5 × identity", _scaled_by(1.5)),
    ("rnn_tanh", "tanh, recurrent weights 1.5 × orthogonal", _scaled_by(1.5)),
    ("rnn_tanh", "tanh, recurrent weights 3 × orthogonal", _scaled_by(3.0)),
    ("rnn_tanh", "tanh, recurrent weights 10 × orthogonal", _scaled_by(10.0)),
    ("lstm", "LSTM, recurrent weights 10 × orthogonal", _scaled_by(10.0)),
)


def exploding(quick, seeds):
    """Recurrent weights of large norm."""
    rows, logarithms = [], {}
    for cell, name, change in EXPLODING:
        progress(f"exploding: {name}")
        norms = []
        for seed in seeds:
            data = _inputs(seed, 0.1)
            norms.append(gradient_norms(_changed(cell, seed, data, change), *data))
        row, _, ratio = _row(name, norms)
        rows.append(row)
        logarithms[name] = math.log10(ratio)
    print_table(
        f"Large recurrent weights: N(0, 0.1²) inputs of {N_FEATURES} features",
        _header("network"),
        rows,
    )
    return [
        at_least(
            f"exploding: decimal logarithm of the ratio, {name}", logarithms[name], 3.0
        )
        for name in (EXPLODING[0][1], EXPLODING[3][1])
    ]


def after_training(quick, seeds):
    """Delayed recall: what training makes of the gradients."""
    n_epochs = 1 if quick else 10
    rows = []
    for cell in NAMES:
        accuracies, before, after = [], [], []
        for seed in seeds:
            progress(f"after training: {cell}, seed {seed}")
            X, y = make_delayed_recall(
                1200, min_steps=DISTANCE + 1, max_steps=DISTANCE + 1, random_state=seed
            )
            model = SequenceClassifier(
                cell=cell,
                hidden_size=64,
                bidirectional=False,
                pooling="last",
                max_epochs=n_epochs,
                random_state=seed,
            )
            few = X[-N_SEQUENCES:], y[-N_SEQUENCES:]
            before.append(gradient_norms(model, *few, trained=False))
            model.fit(X[:800], y[:800])
            accuracies.append(model.score(X[800:], y[800:]))
            after.append(gradient_norms(model, *few))
        rows.append(
            [
                cell,
                f"{statistics.fmean(accuracies):.3f}",
                *_row("", before)[0][2:],
                *_row("", after)[0][2:],
            ]
        )
    print_table(
        f"Delayed recall over {DISTANCE} steps: {n_epochs} epochs, 800 sequences, 64 units",
        (
            "cell",
            "held-out accuracy",
            f"before: {DISTANCE} steps before",
            "before: ratio",
            f"after: {DISTANCE} steps before",
            "after: ratio",
        ),
        rows,
        "The ratio is that of the first step to the last. A network that has learned the "
        "task has a small loss, and so small gradients at all steps.",
    )
    return []


def _recall(cell, seed, quick):
    X, y = make_delayed_recall(1200, min_steps=50, max_steps=100, random_state=seed)
    model = SequenceClassifier(
        cell=cell,
        hidden_size=64,
        bidirectional=False,
        pooling="last",
        max_epochs=1 if quick else 12,
        random_state=seed,
    )
    return model.fit(X[:800], y[:800]).score(X[800:], y[800:])


def _adding(cell, seed, quick):
    X, y = make_adding_problem(2000, min_steps=50, max_steps=100, random_state=seed)
    model = SequenceRegressor(
        cell=cell,
        patch_size=1,
        lr=0.003,
        max_epochs=1 if quick else 25,
        random_state=seed,
    )
    return model.fit(X[:1600], y[:1600]).score(X[1600:], y[1600:])


def _vowels(cell, seed, quick):
    X, y = load_japanese_vowels()["train"]
    X, X_val, y, y_val = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    model = SequenceClassifier(
        cell=cell, max_epochs=1 if quick else 25, random_state=seed
    )
    return model.fit(X, y).score(X_val, y_val)


def _intents(cell, seed, quick):
    splits = load_snips()
    X, y = splits["train"]
    chosen = np.random.default_rng(seed).permutation(len(X))[:2000]
    model = SequenceClassifier(cell=cell, max_epochs=1 if quick else 4, random_state=seed)
    model.fit([X[i] for i in chosen], [y[i] for i in chosen])
    return model.score(*splits["valid"])


def _slots(cell, seed, quick):
    splits = load_snips_slots()
    X, y = splits["train"]
    chosen = np.random.default_rng(seed).permutation(len(X))[:1500]
    model = SequenceTagger(
        cell=cell,
        char_encoder=None,
        crf=False,
        max_epochs=1 if quick else 5,
        random_state=seed,
    )
    model.fit([X[i] for i in chosen], [y[i] for i in chosen])
    return model.score(*splits["valid"])


def _names(cell, seed, quick):
    splits = load_names()
    X = splits["train"][0]
    chosen = np.random.default_rng(seed).permutation(len(X))[:5000]
    model = SequenceGenerator(
        cell=cell, hidden_size=128, max_epochs=1 if quick else 6, random_state=seed
    )
    model.fit([X[i] for i in chosen])
    return model.perplexity(splits["valid"][0][:1000])


def _pronunciations(cell, seed, quick):
    splits = load_cmudict()
    X, y = splits["train"]
    chosen = np.random.default_rng(seed).permutation(len(X))[:3000]
    model = Seq2SeqTransformer(
        cell=cell,
        hidden_size=96,
        attention="general",
        beam_size=1,
        max_epochs=1 if quick else 6,
        random_state=seed,
    )
    model.fit([X[i] for i in chosen], [y[i] for i in chosen])
    X_val, y_val = splits["valid"]
    return model.score(X_val[:300], [targets[0] for targets in y_val[:300]])


TASKS = {
    "delayed recall, 50–100 steps (accuracy)": _recall,
    "adding, 50–100 steps (R²)": _adding,
    "JapaneseVowels, 30 % of the training file (accuracy)": _vowels,
    "SNIPS intents, 2,000 sentences, 4 epochs (accuracy)": _intents,
    "SNIPS slots, 1,500 sentences, 5 epochs (accuracy)": _slots,
    "CMUdict, 3,000 words, 6 epochs (1 − token error rate)": _pronunciations,
    "names, 5,000, 6 epochs (perplexity: less is better)": _names,
}


def update_gate(quick, seeds):
    """How the GRU's initial bias was chosen: gradients, and scores on validation data."""
    names = {}
    for low, high in BIASES:
        title = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        name = f"gru, biases {title}"
        CELLS[name] = type("BiasedGRU", (GRU,), {"update_biases": (low, high)})
        names[name] = title
    try:
        rows = []
        for scale in SCALES:
            far = [
                _row(
                    name,
                    [
                        gradient_norms(
                            _make(name, seed), *_inputs(seed, scale), trained=False
                        )
                        for seed in seeds
                    ],
                )[1]
                for name in names
            ]
            rows.append([f"norm at {DISTANCE}, inputs × {scale:g}"])
            rows[-1] += [f"{value:.1e}" for value in far]
        for title, task in TASKS.items():
            row = [title]
            try:
                for name in names:
                    progress(f"update gate: {title}, {name}")
                    scores = [task(name, seed, quick) for seed in seeds]
                    row.append(f"{statistics.fmean(scores):.4f}")
            except DataAbsent as absent:
                progress(f"skipped {title}: {absent}")
                continue
            rows.append(row)
    finally:
        for name in names:
            del CELLS[name]
    print_table(
        "Initial biases of the GRU's update gate",
        ("", *names.values()),
        rows,
        f"Means over {len(seeds)} seeds.",
    )
    return []


PARTS = (before_training, exploding, after_training, update_gate)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
