"""Default training with each cell: scores on validation data, and seconds.

Run `python -m benchmarks.cells [--quick] [--seeds ...] [--parts ...]`. No test file is read.
"""

import statistics
from functools import partial

from ._evidence import SETS, validation_score
from ._report import mean_and_sd, print_table, progress, run_program, timed_call

CELLS = ("lstm", "gru", "mingru")
#: Sets of the evidence, and the most seeds of each.
SERIES = {"japanese_vowels": 5, "sunspots": 5}
TEXTS = {"names": 3, "clinc150": 2, "ewt": 1}
GENERATED = {"names_generated": 1}


def series(quick, seeds):
    """Series of numbers: a class, and the next twelve values."""
    return _compare("series", SERIES, quick, seeds)


def texts(quick, seeds):
    """Classes of texts, and parts of speech."""
    return _compare("texts", TEXTS, quick, seeds)


def generation(quick, seeds):
    """A language model of names."""
    return _compare("generation", GENERATED, quick, seeds)


def _compare(title, sets, quick, seeds):
    rows = [_row(*one, quick, seeds) for one in sets.items()]
    print_table(
        f"Cells by default training: {title}",
        ("set", "measure", "seeds", *CELLS, *(f"{cell} (s)" for cell in CELLS)),
        rows,
        "Validation data of the evidence (see `against`): mean ± standard deviation over seeds, "
        "and medians of the seconds of fit and prediction, by the clock. All else is default but "
        'tokenizer="char" for names and instance_norm="last" for sunspots.',
    )
    return []


def _row(name, n_seeds, quick, seeds):
    evidence = SETS[name]
    scores, seconds = ({cell: [] for cell in CELLS} for _ in range(2))
    seeds = seeds[: 1 if quick else n_seeds]
    for seed in seeds:
        train, valid = evidence.load(seed)
        for cell in CELLS:
            progress(f"{name}, {cell}, seed {seed}")
            fit = partial(
                validation_score, evidence, train, valid, seed, quick, cell=cell
            )
            score, duration = timed_call(fit)
            scores[cell].append(score)
            seconds[cell].append(duration)
    measure = evidence.measure
    return [
        *(evidence.name, str(measure), len(seeds)),
        *(mean_and_sd(found, measure.digits) for found in scores.values()),
        *(f"{statistics.median(found):.1f}" for found in seconds.values()),
    ]


PARTS = (series, texts, generation)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
