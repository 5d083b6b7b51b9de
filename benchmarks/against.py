"""How fast are `fit` and `predict` here, compared with another revision of skrnn?

Both trees run the same work in processes of their own, in turn (A, B, A, B, ...); a ratio is
taken within each round. The revision is checked out into a temporary folder; without one it is
the last that had the former engine and the former defaults, which the goals are about.

python -m benchmarks.against [REV] [--quick] [--seeds ...] [--sets ...]
                             [--parts workloads large_outputs without_numba profiles
                                      default_fits two_default_fits evidence]

Each of the seeds is a round; `large_outputs` has two at most, `two_default_fits` one. Of `evidence`,
whose sets `--sets` chooses, the larger ones have the first of the seeds alone. All its sets take
hours.
"""

import argparse
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial, update_wrapper
from pathlib import Path

from ._data import DataAbsent
from ._evidence import HEADER, NOTE, SETS, difference, make_row
from ._report import (
    PeerAbsent,
    at_least,
    child_environment,
    print_table,
    progress,
    run_program,
)

ROOT = Path(__file__).resolve().parents[1]
FORMER = "2ae3898"
#: Of the work whose speed has a goal: how many times that of the former revision.
GOALS = {
    "translator, 8,000 words": 2.0,
    "generator, 20,000 words": 1.8,
    "classifier, 10,000 classes": 1.8,
}


def workloads(quick, seeds, revision=FORMER):
    """Time made-up work of every estimator."""
    return _time_workloads(revision, "here", quick, seeds)


def large_outputs(quick, seeds, revision=FORMER):
    """Time the work of `workloads` whose speed has a goal, two rounds at most."""
    return _time_workloads(revision, "here", quick, seeds[:2], "large")


def without_numba(quick, seeds, revision=FORMER):
    """Time the cells that have compiled kernels, in plain operations of torch."""
    return _time_workloads(revision, "here without numba", quick, seeds, "plain")


def profiles(quick, seeds, revision=FORMER):
    """Show of what the time of a fit on tokens consists, before and now."""
    before, now = _compare(revision, "_workloads.py", quick, seeds[:1], "profile")[0]
    parts = [part for part in next(iter(now.values())) if part != "fit"]
    rows = [
        [
            name,
            side,
            f"{found[name]['fit']:.2f}",
            *(f"{100 * found[name][part]:.0f}" for part in parts),
        ]
        for name in now
        for side, found in ((revision, before), ("here", now))
    ]
    print_table(
        "What a fit on tokens consists of, per cent of one thread's time",
        ("workload", "revision", "fit s", *parts),
        rows,
        "Shares are those of a fit under torch's profiler, which makes small operations and "
        "Python slower; the seconds are of one without it.",
    )
    return []


def _time_workloads(revision, here, quick, seeds, *which):
    """Print the table of workloads; return the goals."""
    rounds = _compare(revision, "_workloads.py", quick, seeds, *which)
    rows, goals = [], []
    for name in rounds[0][0]:
        row = [name]
        for part in ("fit", "predict"):
            ratios = sorted(
                before[name][part] / now[name][part] for before, now in rounds
            )
            seconds = statistics.median(now[name][part] for _, now in rounds)
            middle = statistics.median(ratios)
            row += [f"{seconds:.2f}", f"{middle:.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"]
            if part == "fit" and name in GOALS and revision == FORMER:
                goals.append(at_least(f"{name}: fit, ratio", middle, GOALS[name], 2))
        before, now = rounds[0]
        rows.append([*row, f"{before[name]['loss']:.4f}", f"{now[name]['loss']:.4f}"])
    print_table(
        f"Seconds of {revision} ÷ seconds {here} (above 1: here is faster)",
        (
            "workload",
            "fit s",
            "fit ratio",
            "predict s",
            "predict ratio",
            "loss there",
            "here",
        ),
        rows,
        "Medians, with the lowest and the highest; the losses are those of the first round.",
    )
    return goals


def default_fits(quick, seeds, revision=FORMER, sets=()):
    """Time fits by default parameters on real data, and score them on validation data."""
    rounds = _compare(revision, "_default_fits.py", quick, seeds, *sets)
    rows, ratios, differences, in_errors = [], [], [], []
    for name in rounds[0][0]:
        pairs = [(before[name], now[name]) for before, now in rounds]
        ratio = statistics.median(before["fit"] / now["fit"] for before, now in pairs)
        there, here = (
            statistics.median(pair[side]["fit"] for pair in pairs) for side in (0, 1)
        )
        before, now = ([pair[side]["score"] for pair in pairs] for side in (0, 1))
        gains = [b - a for a, b in zip(before, now, strict=True)]
        ratios.append(ratio)
        differences.append(statistics.fmean(gains))
        if len(gains) > 1 and (deviation := statistics.stdev(gains)):
            in_errors.append(differences[-1] / deviation * len(gains) ** 0.5)
        rows.append(
            [
                *(name, f"{there:.1f}", f"{here:.1f}", f"{ratio:.2f}"),
                *(f"{statistics.fmean(scores):.4f}" for scores in (before, now)),
                difference(before, now, 4),
            ]
        )
    print_table(
        f"Fits by default parameters: {revision}, and here",
        (
            *("data", "fit there (s)", "here (s)", "ratio", "validation there", "here"),
            "difference ± its error",
        ),
        rows,
        "One round; the scores are accuracies, of slots entity F1."
        if len(rounds) == 1
        else f"Medians of {len(rounds)} rounds, of another seed each; the scores are means "
        "(accuracy, entity F1 of slots), with the standard error of the paired differences.",
    )
    if revision != FORMER:
        return []
    fits = f"default fits of {len(ratios)} sets"
    goals = [at_least(f"{fits}: ratio, smallest", min(ratios), 1.5, 2)]
    if not sets:  # the mean is that of all
        goals.append(at_least(f"{fits}: ratio, mean", statistics.fmean(ratios), 2.5, 2))
    if len(rounds) > 1:  # the difference of one pair of networks is noise
        claim = f"{fits}: validation score, mean difference"
        goals.append(at_least(claim, statistics.fmean(differences), -0.002, 4))
    if in_errors:
        claim = f"{fits}: validation score, worst difference in standard errors"
        goals.append(at_least(claim, min(in_errors), -2.0, 1))
    return goals


def two_default_fits(quick, seeds, revision=FORMER):
    """Time default fits of the sets that gain most and least, in one round."""
    return default_fits(quick, seeds[:1], revision, ("SNIPS intents", "JapaneseVowels"))


def evidence(quick, seeds, revision=FORMER, sets=tuple(SETS)):
    """Compare default parameters of all sets, and a simple method, on validation data."""
    rows = []
    with (
        _checked_out(revision) as other,
        _worker(other, "_evidence_fits.py") as there,
        _worker(ROOT, "_evidence_fits.py") as here,
    ):
        for name in sets:
            try:
                rows.append(make_row(SETS[name], there, here, quick, seeds))
            except (DataAbsent, PeerAbsent) as absent:
                print(f"\nskipped {name}: {absent}")
                continue
            progress(" | ".join(map(str, rows[-1])))
    title = f"Defaults by evidence: {revision} (there), here, and a simple method"
    print_table(title, HEADER, rows, NOTE)
    return []


@contextmanager
def _worker(tree, file):
    """Keep a file of work running with skrnn imported from `tree`; yield `run(job)`.

    `run` returns what the file prints of a job, which it reads from a pickle.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            _command(file),
            env=_environment(tree),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        pickled = Path(folder) / "job.pickle"

        def run(job):
            pickled.write_bytes(pickle.dumps(job))
            print(pickled, file=process.stdin, flush=True)
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{file} ended early with skrnn from {tree}")
            return json.loads(line)

        yield run


def _compare(revision, file, quick, seeds, *which):
    """Run a file of work there and here; return a pair of results for each seed."""
    scale = "quick" if quick else "full"
    rounds = []
    with _checked_out(revision) as other:
        for i, seed in enumerate(seeds, 1):
            progress(f"round {i} of {len(seeds)}")
            found = [_run(tree, file, scale, seed, *which) for tree in (other, ROOT)]
            rounds.append(found)
    return rounds


@contextmanager
def _checked_out(revision):
    """Check a revision out into a temporary folder."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        add = [*git, "add", "--detach", "-q", other, revision]
        try:
            subprocess.run(add, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PeerAbsent(f"needs the history of skrnn, {revision} in it") from error
        try:
            yield other
        finally:
            subprocess.run([*git, "remove", "--force", other], check=True)


def _run(tree, file, *arguments):
    """Run a file of work with skrnn imported from `tree`; return its results."""
    printed = subprocess.run(
        _command(file, *arguments),
        env=_environment(tree),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return json.loads(printed.splitlines()[-1])


def _command(file, *arguments):
    return [sys.executable, Path(__file__).with_name(file), *map(str, arguments)]


def _environment(tree):
    """Return variables with which a file imports skrnn from `tree`, and finds the data."""
    environment = child_environment(PYTHONPATH=str(tree), PYTHONSAFEPATH="1")
    environment.setdefault("SKRNN_DATA", str(ROOT.parent / "shared" / "data"))
    return environment


PARTS = (workloads, without_numba, profiles, default_fits, evidence)
SHORT = (large_outputs, two_default_fits)


def main():
    """Compare this tree with a revision, the first argument."""
    argv = sys.argv[1:]
    revision = argv.pop(0) if argv and not argv[0].startswith("-") else FORMER
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    chosen, argv = parser.parse_known_args(argv)
    options = {evidence: {"sets": chosen.sets}}
    parts, short = (
        [
            update_wrapper(  # for its name
                partial(part, revision=revision, **options.get(part, {})), part
            )
            for part in group
        ]
        for group in (PARTS, SHORT)
    )
    run_program(__doc__, parts, argv, short)


if __name__ == "__main__":
    main()
