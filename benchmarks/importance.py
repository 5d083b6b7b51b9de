"""A planted cue: do attention, integrated gradients and occlusion find the step that decides?

Run `python -m benchmarks.importance [--quick] [--seeds ...]`.
"""

import statistics

import numpy as np

from skrnn import SequenceClassifier
from skrnn.inspection import attention_weights, step_importance

from ._report import at_least, mean_and_sd, print_table, progress, run_program, timed_call

CUES, N_DISTRACTORS = ("cue-a", "cue-b"), 50
LENGTHS = (20, 40)
N_TRAIN, N_TEST = 1000, 100
#: Cells with their other parameters; the default is a bidirectional LSTM.
MODELS = {
    "gru": {"cell": "gru"},
    "rnn_tanh": {"cell": "rnn_tanh"},
    "rnn_relu": {"cell": "rnn_relu"},
    "lstm": {"cell": "lstm"},
    "lstm, lr=0.01": {"cell": "lstm", "lr": 0.01},
}
METHODS = ("attention", "integrated_gradients", "occlusion")
#: The models whose attention is held to the goal, on words.
AGREEING = ("gru",)


def planted_words(n_sequences, rng):
    """Return texts, their labels, and the step of the cue, -1 without one.

    One word of a text may be a cue, at a random place among random words: the label says
    which cue, or that there is none, so that both cues have to be found.
    """
    X, y, cues = [], rng.integers(len(CUES) + 1, size=n_sequences), []
    for label in y.tolist():
        n_steps = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
        words = [f"word{i}" for i in rng.integers(N_DISTRACTORS, size=n_steps)]
        place = int(rng.integers(n_steps)) if label < len(CUES) else -1
        if place >= 0:
            words[place] = CUES[label]
        X.append(words)
        cues.append(place)
    return X, y, np.array(cues)


def planted_readings(n_sequences, rng):
    """Return noise of two features; one step may be shifted up or down in the first."""
    X, y, cues = [], rng.integers(3, size=n_sequences), []
    for label in y.tolist():
        x = rng.normal(size=(int(rng.integers(LENGTHS[0], LENGTHS[1] + 1)), 2))
        place = int(rng.integers(len(x))) if label < 2 else -1
        if place >= 0:
            x[place, 0] = (-6.0, 6.0)[label]
        X.append(x)
        cues.append(place)
    return X, y, np.array(cues)


def mean_reciprocal_rank(values, cues):
    """Return the mean of 1 / rank of the cue's value, ties at their mean rank."""
    ranks = [
        1 + (v > v[cue]).sum() + ((v == v[cue]).sum() - 1) / 2
        for v, cue in zip(values, cues, strict=True)
    ]
    return float(np.mean(1 / np.array(ranks)))


def values_of(model, X, method):
    """Return one array a sequence."""
    if method == "attention":
        return attention_weights(model, X)
    return step_importance(model, X, method)


def measure(make_data, parameters, seed, quick):
    """Return the test accuracy, and each method's rank of the cue and seconds."""
    rng = np.random.default_rng(seed)
    X, y, _ = make_data(N_TRAIN // 10 if quick else N_TRAIN, rng)
    X_test, y_test, cues = make_data(N_TEST, rng)
    model = SequenceClassifier(
        pooling="attention",
        hidden_size=32,
        char_encoder=None,
        max_epochs=2 if quick else 10,
        random_state=seed,
        **parameters,
    ).fit(X, y)
    accuracy = model.score(X_test, y_test)
    chosen = np.flatnonzero(cues >= 0)
    X_test, cues = [X_test[i] for i in chosen], cues[chosen]
    found = {}
    for method in METHODS:
        values, seconds = timed_call(
            lambda method=method: values_of(model, X_test, method)
        )
        found[method] = mean_reciprocal_rank(values, cues), seconds
    return accuracy, found


def planted_cue(quick, seeds):
    """Rank the cue by each method, for words by every cell, and for readings by a GRU."""
    seeds, rows = seeds[:3], []
    means = {method: {} for method in METHODS}
    tasks = [("words", planted_words, name) for name in MODELS]
    tasks.append(("readings", planted_readings, "gru"))
    for task, make_data, name in tasks:
        runs = []
        for seed in seeds:
            progress(f"planted cue: {task}, {name}, seed {seed}")
            runs.append(measure(make_data, MODELS[name], seed, quick))
        accuracy = [accuracy for accuracy, _ in runs]
        ranks = {m: [found[m][0] for _, found in runs] for m in METHODS}
        seconds = [statistics.fmean(found[m][1] for _, found in runs) for m in METHODS]
        rows.append(
            [
                task,
                name,
                mean_and_sd(accuracy, 3),
                *(mean_and_sd(ranks[m], 3) for m in METHODS),
                " / ".join(f"{s:.2f}" for s in seconds),
            ]
        )
        for method in METHODS:
            means[method][task, name] = statistics.fmean(ranks[method])
    lengths = np.arange(LENGTHS[0], LENGTHS[1] + 1)
    chance = np.mean([np.mean(1 / np.arange(1, n + 1)) for n in lengths])
    print_table(
        "Mean reciprocal rank of the cue",
        ("task", "cell", "test accuracy", *METHODS, "seconds of each"),
        rows,
        f"Bidirectional, 32 units, attention pooling; {N_TRAIN} training sequences of "
        f"{LENGTHS[0]} to {LENGTHS[1]} steps; {len(seeds)} seeds. By chance {chance:.3f}. "
        "All networks know the label; attention need not be at the cue, because the "
        "encoder's memory carries it to other steps.",
    )
    return [
        *(
            at_least(
                f"words, {name}: reciprocal rank of the cue by attention",
                means["attention"]["words", name],
                0.95,
            )
            for name in AGREEING
        ),
        *(
            at_least(
                f"all tasks and cells: lowest reciprocal rank of the cue by {method}",
                min(means[method].values()),
                0.95,
            )
            for method in METHODS[1:]
        ),
    ]


PARTS = (planted_cue,)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
