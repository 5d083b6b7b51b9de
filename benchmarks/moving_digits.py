"""Moving digits: which digit, and where to, from pixels, windows of pixels, and a convolution.

Run `python -m benchmarks.moving_digits [--quick] [--seeds ...]`.
"""

import statistics

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.datasets import make_moving_digits

from ._report import (
    at_least,
    fit_over_seeds,
    mean_and_sd,
    print_table,
    progress,
    run_program,
)

#: Sizes that give the models about as many parameters: 142,000 to 166,000.
RECURRENT = {"hidden_size": 64}
FEED_FORWARD = {"hidden_layer_sizes": (32,)}
#: Training settings, of which each model takes the best one on the validation images.
SETTINGS = {
    "recurrent, pixels": (
        SequenceClassifier,
        RECURRENT,
        [{"pooling": pooling} for pooling in ("last", "mean", "max")],
    ),
    "recurrent, convolution": (
        SequenceClassifier,
        {**RECURRENT, "step_encoder": "cnn"},
        [{"pooling": pooling} for pooling in ("last", "mean", "max")],
    ),
    "feed-forward, pixels": (
        FeedForwardClassifier,
        FEED_FORWARD,
        [{"dropout": dropout} for dropout in (0.1, 0.3, 0.5)],
    ),
}
BOUNDS = {"digit": 0.9, "direction": 0.95}


def moving_digits(quick, seeds):
    """Digit and direction of images that training has not seen."""
    n_train, n_other, max_epochs = (60, 30, 1) if quick else (1500, 1000, 15)
    rows, goals = [], []
    for target, bound in BOUNDS.items():
        videos = {
            subset: make_moving_digits(
                n_train if subset == "train" else n_other,
                subset=subset,
                target=target,
                random_state=seed,
            )
            for seed, subset in enumerate(("train", "validation", "test"))
        }
        means = {}
        for name, (kind, size, settings) in SETTINGS.items():
            progress(f"{target}: {name}")

            def make(seed, setting, kind=kind, size=size):
                parameters = {**size, **setting, "max_epochs": max_epochs}
                return kind(**parameters, random_state=seed)

            chosen = max(
                settings,
                key=lambda setting, make=make: (
                    make(seeds[0], setting)
                    .fit(*videos["train"])
                    .score(*videos["validation"])
                ),
            )
            models = []

            def make_chosen(seed, make=make, chosen=chosen, models=models):
                models.append(make(seed, chosen))
                return models[-1]

            scores, seconds = fit_over_seeds(
                make_chosen, videos["train"], videos["test"], seeds
            )
            means[name] = statistics.fmean(scores)
            ((parameter, value),) = chosen.items()
            rows.append(
                [
                    target,
                    name,
                    f"{parameter}={value!r}",
                    f"{models[0].n_parameters_:,}",
                    mean_and_sd(scores),
                    f"{statistics.fmean(seconds):.1f}",
                ]
            )
        convolution = means["recurrent, convolution"]
        goals.append(
            at_least(f"moving digits: {target}, convolution", convolution, bound)
        )
        goals.append(
            at_least(
                f"moving digits: {target}, pixels, recurrent against feed-forward",
                means["recurrent, pixels"],
                means["feed-forward, pixels"],
            )
        )
    print_table(
        f"Moving digits ({n_train:,} training, {n_other:,} test videos of other images)",
        ("target", "model", "chosen", "parameters", "test accuracy", "fit (s)"),
        rows,
        "Frames of 16 × 16 pixels with noise of 0.1, 10 to 20 a video; chance is 0.10 for the digit and "
        f"0.125 for the direction. {max_epochs} passes; the setting is the best of three on videos of 300 "
        "validation images.",
    )
    return goals


PARTS = (moving_digits,)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
