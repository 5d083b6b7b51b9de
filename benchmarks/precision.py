"""Training in bfloat16 beside float32: seconds, and scores on validation data.

Run `python -m benchmarks.precision [--quick] [--seeds ...] [--parts ...]` on a machine whose
processor has units for bfloat16. No test file is read.
"""

import statistics
from functools import partial

from sklearn.base import clone

import skrnn
from skrnn import SequenceRegressor
from skrnn.datasets import make_adding_problem
from skrnn.modules.products import has_bfloat16_units

from ._evidence import SETS
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
SCORED = {
    "sunspots": 5,
    "names": 3,
    "clinc150": 2,
    "slots": 2,
    "names_generated": 1,
    "cmudict": 1,
}
#: Sums of two numbers among so many, for the cells' memory.
N_SUMS, N_STEPS, SUM_SEEDS = 5_000, 100, 3


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
        f"passes and batches; medians of {ROUNDS} alternate rounds, of the ratio also the "
        "smallest and the largest. Above 1 bfloat16 is faster.",
    )
    return []


def scores(quick, seeds):
    """Scores of default fits in both precisions, on validation data."""
    _require_units()
    rows = []
    for name, n_seeds in SCORED.items():
        evidence = SETS[name]
        found = {FULL: [], FEWER: []}
        for seed in seeds[: 1 if quick else n_seeds]:
            train, valid = evidence.load(seed)
            for precision, of_set in found.items():
                progress(f"{name}, {precision}, seed {seed}")
                of_set.append(_score(evidence, precision, seed, train, valid, quick))
        sign = 1 if evidence.measure.higher_is_better else -1
        measure = str(evidence.measure), evidence.measure.digits
        rows.append(_row(evidence.name, *measure, found, sign))
    found = {FULL: [], FEWER: []}
    for seed in seeds[: 1 if quick else SUM_SEEDS]:
        for precision, of_set in found.items():
            progress(f"sums, {precision}, seed {seed}")
            of_set.append(_score_sums(precision, seed, quick))
    rows.append(_row(f"sums of two of {N_STEPS} numbers", "R² ↑", 4, found, 1))
    print_table(
        "Scores after training in float32 and in bfloat16, validation data",
        ("set", "measure", "seeds", FULL, FEWER, "gain"),
        rows,
        "Default parameters; the gain is positive where bfloat16 is better, with the "
        "standard error of the mean over seeds.",
    )
    return []


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
    n = 200 if quick else N_SUMS
    X, y = make_adding_problem(n, n_steps=N_STEPS, random_state=seed)
    X_valid, y_valid = make_adding_problem(
        1_000, n_steps=N_STEPS, random_state=1_000 + seed
    )
    model = SequenceRegressor(
        precision=precision,
        patch_size=1,
        max_epochs=1 if quick else 30,
        random_state=seed,
    )
    return model.fit(X, y).score(X_valid, y_valid)


def _score(evidence, precision, seed, train, valid, quick):
    """Return the score on validation data."""
    parameters = evidence.parameters | ({"max_epochs": 1} if quick else {})
    estimator = getattr(skrnn, evidence.estimator)
    model = estimator(**parameters, precision=precision, random_state=seed)
    model.fit(*train)
    X, y = valid
    predicted = model.score(X) if y is None else model.predict(X)
    return evidence.measure.score(y, predicted)


def _require_units():
    if not has_bfloat16_units("cpu"):
        raise PeerAbsent("needs a processor with units for bfloat16 (Intel AMX)")


PARTS = (speed, scores)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
