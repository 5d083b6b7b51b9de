"""Spoken digits: raw recordings to log-mel frames to a recurrent classifier.

Run `python -m benchmarks.quality_audio [--quick] [--seeds ...]`.
"""

import statistics

from sklearn.preprocessing import StandardScaler

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.preprocessing import LogMelFrames, StepwiseTransformer

from ._data import load_spoken_digits
from ._peers import NearestNeighbourDTW
from ._report import (
    at_least,
    fit_over_seeds,
    mean_and_sd,
    print_table,
    progress,
    run_program,
    timed_call,
)

SAMPLE_RATE = 8_000


def spoken_digits(quick, seeds):
    """Ten digits of six speakers; the training speakers are the test speakers."""
    frames = LogMelFrames(sample_rate=SAMPLE_RATE)
    splits = {
        name: (frames.fit_transform(X), y)
        for name, (X, y) in load_spoken_digits().items()
    }
    if quick:
        splits = {name: (X[::5], y[::5]) for name, (X, y) in splits.items()}
    parameters = {"max_epochs": 2} if quick else {}
    rows, means = [], {}
    for kind in (SequenceClassifier, FeedForwardClassifier):
        progress(f"spoken digits: {kind.__name__}")

        def make(seed, kind=kind):
            return kind(**parameters, random_state=seed)

        scores, seconds = fit_over_seeds(make, splits["train"], splits["test"], seeds)
        means[kind] = statistics.fmean(scores)
        rows.append(
            [kind.__name__, mean_and_sd(scores), f"{statistics.fmean(seconds):.1f}"]
        )

    scaler = StepwiseTransformer(StandardScaler()).fit(splits["train"][0])
    train, test = (
        (scaler.transform(splits[name][0]), splits[name][1]) for name in ("train", "test")
    )
    peer = NearestNeighbourDTW().fit(*train)
    accuracy, seconds = timed_call(lambda: peer.score(*test))
    rows.append(["1-NN DTW", f"{accuracy:.4f}", f"{seconds:.1f}"])
    n_frames = [len(x) for x in splits["train"][0]]
    print_table(
        "Spoken digits (600 training, 300 test recordings)",
        ("method", "test accuracy", "fit (s)"),
        rows,
        f"LogMelFrames with its defaults: {frames.n_mels} bands, a 25 ms window every 10 ms, "
        f"{min(n_frames)} to {max(n_frames)} frames, standardised; chance is 0.10. The seconds "
        "of 1-NN DTW are those of its predictions.",
    )
    recurrent, forward = means[SequenceClassifier], means[FeedForwardClassifier]
    return [
        at_least(
            "spoken digits: accuracy, against the feed-forward network",
            recurrent,
            forward,
        )
    ]


PARTS = (spoken_digits,)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
