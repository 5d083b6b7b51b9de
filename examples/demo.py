"""Recognise spoken digits: what recurrence is for, in two tables and a picture.

Run by ``make demo``. The data comes with skrnn; nothing is downloaded. The picture is saved
as demo.png in the current folder.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.datasets import load_spoken_digits

MAX_EPOCHS = 25
SECONDS_A_FRAME = 0.016
SPEEDS = [0.4, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5]
PICTURE = Path("demo.png")
BLUE, RED, ORANGE, GREY = "#1764ab", "#d1495b", "#d98b2b", "#dddddd"

EXPLANATION = """
The first three columns: new recordings of the six speakers. The recurrent network
recognises a word at any speed, because it reads every frame with the same weights. The
feed-forward network has weights of its own for each place in its window, and at another
speed the sounds of a word are in other places.
New voices: cross-validation, always on two speakers whom training has not heard.
Shuffled: the same, trained and tested on frames in random order.
"""

IN_A_NEW_PROCESS = """
import sys
import joblib, numpy
model, X = joblib.load(sys.argv[1]), joblib.load(sys.argv[2])
numpy.save(sys.argv[3], model.predict(X))
"""


def remove_level(X):
    """Return the recordings without their overall level, which is the microphone's."""
    return [x - x.mean() for x in X]


def search(network, grid, X, y, speakers):
    """Choose the parameters that do best on voices that training has not heard."""
    search = GridSearchCV(network, grid, cv=GroupKFold(3), n_jobs=2)
    return search.fit(X, y, groups=speakers)


def at_speed(X, speed):
    """Return the recordings faster or slower, by linear interpolation between frames."""
    changed = []
    for x in X:
        n_frames = max(1, round(len(x) / speed))
        time_points = np.linspace(0, len(x) - 1, n_frames)
        before = np.floor(time_points).astype(int)
        after = np.minimum(before + 1, len(x) - 1)
        weight = (time_points - before)[:, None].astype(x.dtype)
        changed.append((1 - weight) * x[before] + weight * x[after])
    return changed


def shuffle_frames(X):
    """Return the recordings with their frames in random order."""
    random = np.random.default_rng(0)
    return [random.permutation(x) for x in X]


def describe(name, found):
    """Return a row on a finished search."""
    return (
        name,
        ", ".join(f"{key}={value}" for key, value in found.best_params_.items()),
        f"{found.refit_time_:.1f}",
        f"{found.best_estimator_.n_parameters_:,}",
    )


def score_new_voices(found, X, y, speakers):
    """Return the chosen network's accuracy in cross-validation by speaker."""
    scores = cross_val_score(
        found.best_estimator_, X, y, groups=speakers, cv=GroupKFold(3), n_jobs=2
    )
    return scores.mean()


def print_table(rows, n_left):
    """Print rows of texts in columns, the first ``n_left`` aligned to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for i, cells in enumerate(rows):
        aligned = (
            f"{cell:<{width}}" if column < n_left else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        print("  " + "  ".join(aligned))
        if i == 0:
            print("  " + "  ".join("-" * width for width in widths))


def predict_in_a_new_process(model, X, folder):
    """Save a model, load it in a process that shares nothing with this one, predict there."""
    paths = [folder / name for name in ("model.joblib", "X.joblib", "predicted.npy")]
    joblib.dump(model, paths[0])
    joblib.dump(X, paths[1])
    subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS, *map(str, paths)], check=True)
    return np.load(paths[2]), paths[0].stat().st_size


def draw_recording(above, below, model, frames, digit, names):
    """Draw a recording, and the probability of each digit after each of its frames."""
    seconds = SECONDS_A_FRAME * np.arange(len(frames) + 1)
    above.pcolormesh(seconds, np.arange(frames.shape[1] + 1), frames.T, cmap="magma")
    above.set(
        title=f'A recording of "{names[digit]}": 24 bands, a frame each 16 ms',
        ylabel="low to high tones",
        xticklabels=[],
        yticks=[],
    )
    beginnings = [frames[:n] for n in range(1, len(frames) + 1)]
    probabilities = model.predict_proba(beginnings)  # (n_frames, 10)
    rival = np.argsort(probabilities.max(axis=0) * (np.arange(10) != digit))[-1]
    colours = {digit: BLUE, rival: ORANGE}
    for k in np.argsort(np.isin(np.arange(10), list(colours)), kind="stable"):
        below.plot(seconds[1:], probabilities[:, k], color=colours.get(k, GREY), lw=2.5)
    for k, colour in colours.items():
        peak = probabilities[:, k].argmax()
        below.annotate(
            names[k],
            (seconds[1 + peak], probabilities[peak, k]),
            xytext=(0, 5),
            textcoords="offset points",
            ha="right" if peak > len(frames) / 2 else "center",
            color=colour,
            weight="bold",
        )
    below.set(
        title="What the recurrent network takes it for, frame by frame",
        xlabel="seconds heard",
        ylabel="probability",
        xlim=(0, seconds[-1]),
        ylim=(0, 1.15),
        yticks=[0, 0.5, 1],
    )


def draw_speeds(axis, by_speed):
    """Draw the accuracy of each network at each speed."""
    styles = ((BLUE, (0, 14)), (RED, (6, -18)))
    for (name, values), (colour, offset) in zip(by_speed.items(), styles, strict=True):
        axis.plot(SPEEDS, values, "o-", color=colour, lw=2.5)
        axis.annotate(
            name,
            (SPEEDS[1], values[1]),
            xytext=offset,
            textcoords="offset points",
            color=colour,
            weight="bold",
        )
    axis.axhline(0.1, color="#999999", ls=":")
    axis.annotate("chance", (SPEEDS[0], 0.115), color="#777777")
    axis.set(
        title="The test recordings, slowed down and sped up",
        xscale="log",
        xlabel="speed",
        ylabel="accuracy",
        ylim=(0, 1.12),
    )
    axis.set_yticks(np.linspace(0, 1, 6))
    axis.set_xticks([0.5, 1, 2], ["half", "as spoken", "double"])
    axis.minorticks_off()


def draw(by_speed, model, frames, digit, names):
    """Save the picture; matplotlib is needed here only."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic(
        [["above", "right"], ["below", "right"]], figsize=(11, 5), layout="constrained"
    )
    draw_recording(axes["above"], axes["below"], model, frames, digit, names)
    draw_speeds(axes["right"], by_speed)
    for name in ("below", "right"):
        axes[name].spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=110)


def main():
    begin = time.perf_counter()
    train, test = (load_spoken_digits(subset=subset) for subset in ("train", "test"))
    X_train, X_test = remove_level(train.data), remove_level(test.data)
    lengths = [len(x) for x in X_train]
    print(
        f"Spoken digits: {len(X_train)} recordings to learn from and {len(X_test)} to be "
        f"tested on,\nof {min(lengths)} to {max(lengths)} frames with {X_train[0].shape[1]} "
        "features, by six speakers. Which digit is it?\n"
    )
    settings = {
        "SequenceClassifier": (
            SequenceClassifier(max_epochs=MAX_EPOCHS, random_state=0),
            {"cell": ["lstm", "gru"], "hidden_size": [32, 64]},
        ),
        "FeedForwardClassifier": (
            FeedForwardClassifier(max_epochs=MAX_EPOCHS, random_state=0),
            {"hidden_layer_sizes": [64, 128], "window": [None, 25]},
        ),
    }
    found, rows = {}, [("network", "chosen by search", "fit s", "parameters")]
    for name, (network, grid) in settings.items():
        print(f"Searching: {name} ...", flush=True)
        found[name] = search(network, grid, X_train, train.target, train.speaker)
        rows.append(describe(name, found[name]))
    print()
    print_table(rows, n_left=2)

    columns = ("as spoken", "half speed", "double speed", "new voices", "shuffled")
    by_speed, rows = {}, [("accuracy", *columns)]
    X_shuffled = shuffle_frames(X_train)
    for name, each in found.items():
        by_speed[name] = [each.score(at_speed(X_test, s), test.target) for s in SPEEDS]
        figures = [
            *(by_speed[name][SPEEDS.index(speed)] for speed in (1.0, 0.5, 2.0)),
            each.best_score_,
            score_new_voices(each, X_shuffled, train.target, train.speaker),
        ]
        rows.append((name, *(f"{figure:.3f}" for figure in figures)))
    print()
    print_table(rows, n_left=1)
    print(EXPLANATION)

    winner = max(found.values(), key=lambda each: each.best_score_)
    expected = winner.predict(X_test)
    with tempfile.TemporaryDirectory() as folder:
        model = winner.best_estimator_
        predictions, size = predict_in_a_new_process(model, X_test, Path(folder))
    same = np.array_equal(predictions, expected)
    print(
        f"{type(winner.best_estimator_).__name__}, saved in {size / 1024:.0f} KiB and "
        f"loaded in a new process, gives {'the same' if same else 'OTHER'} "
        f"{len(predictions)} predictions."
    )
    shown = (test.target == 7) & (test.speaker == "lucas") & (test.recording == 4)
    try:
        draw(
            by_speed,
            found["SequenceClassifier"].best_estimator_,
            X_test[np.flatnonzero(shown)[0]],
            digit=7,
            names=test.target_names,
        )
        print(f"The picture is {PICTURE}.")
    except ImportError:
        print('The picture needs matplotlib: pip install "skrnn[plot]".')
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
