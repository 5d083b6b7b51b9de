"""Shared parts of the benchmarks: command line, tables, goals, paired timing, memory."""

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import joblib
import torch
from skorch.callbacks import Callback

from ._data import DataAbsent


class PeerAbsent(Exception):
    """A comparison lacks a library, a processor or the history."""


def import_peer(module, package):
    """Return a module that a peer needs, or raise `PeerAbsent` naming its package."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise PeerAbsent(f"needs the package {package}; pip install {package}") from None


@dataclass(frozen=True)
class Goal:
    """A measured figure and the goal that it has to reach."""

    claim: str
    wanted: str
    measured: str
    met: bool


def at_least(claim, measured, bound, digits=3):
    """Return the `Goal` of a figure that must be at least `bound`."""
    wanted = f"≥ {bound:.{digits}f}"
    return Goal(claim, wanted, f"{measured:.{digits}f}", bool(measured >= bound))


def at_most(claim, measured, bound, digits=3):
    """Return the `Goal` of a figure that must be at most `bound`."""
    wanted = f"≤ {bound:.{digits}f}"
    return Goal(claim, wanted, f"{measured:.{digits}f}", bool(measured <= bound))


def machine_line():
    """Return one line about the machine, threads and versions."""
    return (
        f"{_processor()} ({torch.backends.cpu.get_cpu_capability()}), {joblib.cpu_count()} cores; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads; "
        f"Python {platform.python_version()}"
    )


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.split(":", 1)[1].strip()
                for line in file
                if line.startswith("model name")
            ]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def print_table(title, header, rows, note=None):
    """Print an aligned Markdown table under its title, with a note below."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(f"\n### {title}\n")
    print("\n".join(lines))
    if note:
        print(f"\n{note}")
    sys.stdout.flush()


def print_goals(goals, quick):
    """Print every goal with the measured figure and whether it was met."""
    if goals:
        rows = [
            (g.claim, g.wanted, g.measured, "met" if g.met else "missed") for g in goals
        ]
        note = (
            "A quick run shows that the programs work; its figures mean nothing."
            if quick
            else None
        )
        print_table("Goals", ("claim", "goal", "measured", ""), rows, note)


def progress(text):
    """Print the current measurement to the error stream, apart from the tables."""
    print(f"... {text}", file=sys.stderr, flush=True)


class EpochProgress(Callback):
    """Prints the progress of training after each epoch."""

    def __init__(self, name):
        self.name = name

    def on_epoch_end(self, net, **kwargs):
        epoch = net.history[-1]
        progress(
            f"{self.name}: epoch {epoch['epoch']}, train loss {epoch['train_loss']:.4f}, "
            f"{epoch['dur']:.0f} s"
        )


def make_parser(description, prog=None):
    """Return a command-line parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run; its figures mean nothing"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="random states (default 0 1 2 3 4; quick: 0)"
    )
    return parser


def run_program(
    description,
    parts: Sequence[Callable],
    argv=None,
    short: Sequence[Callable] = (),
):
    """Run the parts that the command line of a program selects; print the goals.

    `short` are forms of other parts that run only if they are selected.
    """
    parser = make_parser(description)
    by_name = {part.__name__: part for part in (*parts, *short)}
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=by_name,
        default=[part.__name__ for part in parts],
        metavar="NAME",
        help=f"parts to run: {', '.join(by_name)}",
    )
    arguments = parser.parse_args(argv)
    print(machine_line())
    chosen = [by_name[name] for name in arguments.parts]
    print_goals(run_parts(chosen, arguments.quick, arguments.seeds), arguments.quick)


def run_parts(parts, quick, seeds=None):
    """Run each `part(quick, seeds)`, and return the goals of all.

    A part whose data or peer is absent is skipped with a message.
    """
    seeds = seeds or ([0] if quick else [0, 1, 2, 3, 4])
    goals = []
    for part in parts:
        try:
            goals += part(quick, seeds)
        except (DataAbsent, PeerAbsent) as absent:
            print(f"\nskipped {part.__name__.replace('_', ' ')}: {absent}")
    return goals


def time_alternately(tasks: dict[str, Callable], repeats):
    """Time tasks in turn, A, B, A, B, ..., so that drift of the machine affects all alike.

    Every task runs once untimed before, to fill caches.

    Returns
    -------
    dict of str to list of float
        For each task its seconds, one entry a round.
    """
    seconds = {name: [] for name in tasks}
    for timed in [False] + [True] * repeats:
        for name, task in tasks.items():
            elapsed = timed_call(task)[1]
            if timed:
                seconds[name].append(elapsed)
    return seconds


def timed_call(task):
    """Return the result of `task()` and its seconds."""
    start = time.perf_counter()
    result = task()
    return result, time.perf_counter() - start


@dataclass(frozen=True)
class Spread:
    """The median of repeated measurements, with the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values))

    def __format__(self, spec):
        return f"{self.median:{spec}} ({self.low:{spec}}–{self.high:{spec}})"


def ratio_by_round(numerators, denominators):
    """Return the `Spread` of the ratios within each round of `time_alternately`."""
    return Spread.of([a / b for a, b in zip(numerators, denominators, strict=True)])


def mean_and_sd(values, digits=4):
    """Return "mean ± sd" over seeds (the sample standard deviation), or a single value."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"


def peak_memory():
    """Return the most memory this process has held at once, in bytes.

    On Linux a child inherits `ru_maxrss` from its parent, so the process's own
    high-water mark is read there, and `ru_maxrss` elsewhere.
    """
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            marks = [line for line in file if line.startswith("VmHWM:")]
        return int(marks[0].split()[1]) * 1024
    except (OSError, IndexError):
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def child_environment(**variables):
    """Return the environment of a new process, with `variables` beside those of this one.

    It keeps what Python compiles of modules, as processes of users do.
    """
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | variables


def run_in_child(module, *arguments, **environment):
    """Run `python -m module arguments`; return the JSON object on its last line.

    `environment` holds variables that the child has beside those of this process.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    finished = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=child_environment(**environment),
    )
    return json.loads(finished.stdout.splitlines()[-1])


def fit_over_seeds(make_estimator, train, test, seeds, measure=None):
    """Fit one estimator a seed on `train`, score it on `test`.

    Parameters
    ----------
    make_estimator : callable
        `make_estimator(random_state)` returns an unfitted estimator.
    train, test : tuple (X, y)
    measure : callable, default=None
        `measure(y_true, y_pred)` gives the score; None takes the estimator's own.

    Returns
    -------
    scores, seconds : list of float
        The test scores, and the seconds of each fit, one entry a seed.
    """
    scores, seconds = [], []
    for seed in seeds:
        fitted, elapsed = timed_call(lambda seed=seed: make_estimator(seed).fit(*train))
        if measure is None:
            scores.append(fitted.score(*test))
        else:
            scores.append(measure(test[1], fitted.predict(test[0])))
        seconds.append(elapsed)
    return scores, seconds
