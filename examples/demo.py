"""Tell nine speakers apart: a grid search, a baseline, and a model that outlives its process.

Run by ``make demo``. Everything comes with skrnn; nothing is downloaded, and the one file
that is written is removed again.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.datasets import load_japanese_vowels
from skrnn.preprocessing import StepwiseTransformer

MAX_EPOCHS = 30

IN_A_NEW_PROCESS = """
import sys
import joblib, numpy
from skrnn.datasets import load_japanese_vowels
X, _ = load_japanese_vowels(subset="test", return_X_y=True)
numpy.save(sys.argv[2], joblib.load(sys.argv[1]).predict(X))
"""


def search(network, grid, X, y):
    """Choose the network's parameters by cross-validation, and fit the best on all of X."""
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), network)
    name = pipeline.steps[-1][0]
    grid = {f"{name}__{parameter}": values for parameter, values in grid.items()}
    return GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, y)


def row(name, found, X_test, y_test):
    """Return what the table says about a finished search."""
    network = found.best_estimator_[-1]
    chosen = {key.split("__")[1]: value for key, value in found.best_params_.items()}
    return (
        name,
        ", ".join(f"{key}={value}" for key, value in chosen.items()),
        f"{found.best_score_:.3f}",
        f"{found.score(X_test, y_test):.3f}",
        f"{found.refit_time_:.1f}",
        f"{network.n_parameters_:,}",
    )


def print_table(rows):
    """Print rows of texts in columns, the first two to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for i, cells in enumerate(rows):
        aligned = (
            f"{cell:<{width}}" if column < 2 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        print("  " + "  ".join(aligned))
        if i == 0:
            print("  " + "  ".join("-" * width for width in widths))


def predict_in_a_new_process(model, folder):
    """Save a model, load it in a process that knows nothing of this one, predict there."""
    saved, predicted = folder / "model.joblib", folder / "predictions.npy"
    joblib.dump(model, saved)
    subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS, str(saved), str(predicted)], check=True
    )
    return np.load(predicted), saved.stat().st_size


def main():
    begin = time.perf_counter()
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    lengths = [len(sequence) for sequence in X_train]
    print(
        f"Japanese vowels: {len(X_train)} sequences to learn from and {len(X_test)} to be "
        f"tested on,\nof {min(lengths)} to {max(lengths)} steps with 12 features, spoken "
        "by 9 men. Who speaks?\n"
    )

    print("Searching: recurrent networks ...", flush=True)
    recurrent = search(
        SequenceClassifier(max_epochs=MAX_EPOCHS, random_state=0),
        {"cell": ["lstm", "gru"], "hidden_size": [32, 64]},
        X_train,
        y_train,
    )
    print("Searching: feed-forward baselines ...\n", flush=True)
    baseline = search(
        FeedForwardClassifier(max_epochs=MAX_EPOCHS, random_state=0),
        {"hidden_layer_sizes": [64, 128], "activation": ["relu", "tanh"]},
        X_train,
        y_train,
    )
    header = ("network", "chosen by search", "CV acc", "test acc", "fit s", "parameters")
    print_table(
        [
            header,
            row("SequenceClassifier", recurrent, X_test, y_test),
            row("FeedForwardClassifier", baseline, X_test, y_test),
        ]
    )

    winner = max((recurrent, baseline), key=lambda found: found.best_score_)
    expected = winner.predict(X_test)
    with tempfile.TemporaryDirectory() as folder:
        predictions, size = predict_in_a_new_process(winner.best_estimator_, Path(folder))
    same = np.array_equal(predictions, expected)
    print(
        f"\nThe better in cross-validation, {type(winner.best_estimator_[-1]).__name__}, "
        f"saved in {size / 1024:.0f} KiB and loaded in a new\nprocess, gives "
        f"{'the same' if same else 'OTHER'} {len(predictions)} predictions, "
        f"{np.mean(predictions == y_test):.1%} of them right."
    )
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
