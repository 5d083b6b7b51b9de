"""Training in bfloat16 beside float32: seconds, and scores on validation data.

Run `python -m benchmarks.precision [--quick] [--seeds ...] [--parts ...]` on a machine whose
processor has units for bfloat16. No test file is read.
"""

import statistics
from functools import partial

from sklearn.base import clone

from skrnn import SequenceRegressor
from skrnn.datasets import make_adding_problem
from skrnn.modules.products import has_bfloat16_units

from ._evidence import SETS, validation_score
from ._report import (
    PeerAbsent,
    mean_and_sd,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
)
from ._workloads import workloads
from .long_range import N_EPOCHS, N_TEST, N_TRAIN, RECURRENT

FULL, FEWER = "float32", "bfloat16"
ROUNDS = 3
#: Of `workloads`, with parameters that make networks larger.
TIMED = (
    ("classifier, BiLSTM", {}),
    ("classifier, BiLSTM", {"hidden_size": 256, "batch_size": 64}),
    ("classifier, BiGRU", {"hidden_size": 256, "batch_size": 64}),
    ("tagger, CRF", {}),
    ("seq2seq, 128 units", {}),
    ("generator, 128 units", {}),
    ("generator, 128 units", {"hidden_size": 512}),
    ("translator, 8,000 words", {}),
    ("classifier, 10,000 classes", {}),
)
#: Sets of the evidence, and the most seeds of each.
TEXTS = {"names": 3, "clinc150": 2, "slots": 2}
SERIES = {"sunspots": 5}
GENERATED = {"names_generated": 1, "cmudict": 1}
#: The adding problem of `long_range`: its steps, and how many seeds.
N_STEPS, SUM_SEEDS = 100, 3


def speed(quick, seeds):
    """Seconds of fits of the same networks in both precisions."""
    _require_units()
    found = {row[0]: row[1:] for row in workloads("quick" if quick else "full")}
    rows = []
    for name, changes in TIMED:
        described = ", ".join(f"{key}={value}" for key, value in changes.items())
        progress(f"{name} {described}")
        model, X, y, _ = found[name]
        models = {
            precision: clone(model).set_params(precision=precision, **changes)
            for precision in (FULL, FEWER)
        }
        seconds = time_alternately(
            {p: partial(one.fit, X, y) for p, one in models.items()}, ROUNDS
        )
        medians = (f"{statistics.median(seconds[p]):.2f}" for p in (FULL, FEWER))
        ratio = ratio_by_round(seconds[FULL], seconds[FEWER])
        rows.append([name, described, *medians, f"{ratio:.2f}"])
    print_table(
        "Seconds of a fit in float32 and in bfloat16",
        ("workload", "changed", FULL, FEWER, "ratio"),
        rows,
        "The workloads of `benchmarks.against`, default parameters but for the number of "
        f"passes and batches; medians of {ROUNDS} alternate rounds, and the range of the ratio. "
        "A ratio above 1: bfloat16 takes less time.",
    )
    return []


def texts(quick, seeds):
    """Scores of classifiers and a tagger of texts."""
    _print_scores([_evidence_row(*one, quick, seeds) for one in TEXTS.items()])
    return []


def series(quick, seeds):
    """Scores of regressors, one of sums that the cells must keep."""
    rows = [_evidence_row(*one, quick, seeds) for one in SERIES.items()]
    _print_scores([*rows, _sums_row(quick, seeds)])
    return []


def generation(quick, seeds):
    """Scores of a language model and of pronunciations."""
    _print_scores([_evidence_row(*one, quick, seeds) for one in GENERATED.items()])
    return []


def _print_scores(rows):
    print_table(
        "Scores after training in float32 and in bfloat16, validation data",
        ("set", "measure", "seeds", FULL, FEWER, "gain"),
        rows,
        "Default parameters, those of `benchmarks.long_range` for adding; the gain is "
        "positive where bfloat16 is better, with the standard error of the mean over seeds.",
    )


def _evidence_row(name, n_seeds, quick, seeds):
    """Fit a set of the evidence in both precisions."""
    _require_units()
    evidence = SETS[name]
    found = {FULL: [], FEWER: []}
    for seed in seeds[: 1 if quick else n_seeds]:
        train, valid = evidence.load(seed)
        for precision, of_set in found.items():
            progress(f"{name}, {precision}, seed {seed}")
            score = validation_score(
                evidence, train, valid, seed, quick, precision=precision
            )
            of_set.append(score)
    sign = 1 if evidence.measure.higher_is_better else -1
    measure = str(evidence.measure), evidence.measure.digits
    return _row(evidence.name, *measure, found, sign)


def _sums_row(quick, seeds):
    _require_units()
    found = {FULL: [], FEWER: []}
    for seed in seeds[: 1 if quick else SUM_SEEDS]:
        for precision, of_set in found.items():
            progress(f"sums, {precision}, seed {seed}")
            of_set.append(_score_sums(precision, seed, quick))
    return _row(f"adding, {N_STEPS} steps", "R² ↑", 4, found, 1)


def _row(name, measure, digits, found, sign):
    """Return the table's row: both scores, and the mean gain of pairs."""
    pairs = zip(found[FULL], found[FEWER], strict=True)
    gains = [sign * (fewer - full) for full, fewer in pairs]
    gain = f"{statistics.fmean(gains):+.{digits}f}"
    if len(gains) > 1:
        error = statistics.stdev(gains) / len(gains) ** 0.5
        gain += f" ± {error:.{digits}f}"
    both = (mean_and_sd(values, digits) for values in found.values())
    return [name, measure, len(gains), *both, gain]


def _score_sums(precision, seed, quick):
    """Return R² of the sums of two marked numbers, on fresh ones."""
    draw = partial(make_adding_problem, min_steps=N_STEPS, max_steps=N_STEPS)
    X, y = draw(200 if quick else N_TRAIN, random_state=seed)
    X_valid, y_valid = draw(N_TEST, random_state=1_000 + seed)
    model = SequenceRegressor(
        max_epochs=1 if quick else N_EPOCHS,
        precision=precision,
        random_state=seed,
        **RECURRENT,
    )
    return model.fit(X, y).score(X_valid, y_valid)


def _require_units():
    if not has_bfloat16_units("cpu"):
        raise PeerAbsent("needs a processor with units for bfloat16 (Intel AMX)")


PARTS = (speed, texts, series, generation)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
