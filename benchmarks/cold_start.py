"""Time before the first batch, and searches by several workers.

Run `python -m benchmarks.cold_start [--quick] [--seeds ...]`.
"""

import json
import subprocess
import sys
from functools import partial

import numpy as np
import torch
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from skrnn import SequenceClassifier

from ._report import (
    at_least,
    at_most,
    child_environment,
    print_table,
    progress,
    ratio_by_round,
    run_in_child,
    run_program,
    time_alternately,
    timed_call,
)

PEERS, OURS = "import torch, skorch, pandas", "import skrnn, first fit"
#: Each prints the seconds since its first line.
STARTS = {
    PEERS: """
import time
start = time.perf_counter()
import torch, skorch, pandas
print(time.perf_counter() - start)
""",
    OURS: """
import time
start = time.perf_counter()
from skrnn import SequenceClassifier
SequenceClassifier(max_epochs=1).fit([[0.1, 0.2], [0.3]] * 5, [0, 1] * 5)
print(time.perf_counter() - start)
""",
}


def first_fit(quick, seeds):
    """Compare the first fit in a new process with the imports that it needs."""
    seconds = {name: [] for name in STARTS}
    run = partial(
        subprocess.run, capture_output=True, check=True, env=child_environment()
    )
    for timed in [False] + [True] * (2 if quick else 5):
        for name, code in STARTS.items():
            progress(f"cold start: {name}")
            printed = run([sys.executable, "-c", code]).stdout
            if timed:  # the first process may have to compile modules
                seconds[name].append(float(printed))
    ratio = ratio_by_round(seconds[OURS], seconds[PEERS])
    print_table(
        "Cold start: ten sequences of one or two steps, one epoch",
        (*(f"{name} (s)" for name in STARTS), "ratio"),
        [[*(f"{np.median(seconds[name]):.2f}" for name in STARTS), f"{ratio:.2f}"]],
        "Each in new processes, in turn; the start of Python itself is left out.",
    )
    return [at_most("import and first fit / imports", ratio.median, 1.25, 2)]


def small_search(n_jobs, seed):
    """Run eight small fits as a search, on 200 ragged sequences of two features."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(10, 40, size=200)
    X = [generator.normal(size=(n, 2)).astype(np.float32) for n in lengths]
    y = np.arange(len(X)) % 2
    model = SequenceClassifier(hidden_size=64, max_epochs=8, random_state=seed)
    grid = {"lr": [1e-3, 2e-3, 3e-3, 4e-3]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, refit=False)
    return search.fit(X, y).best_score_


def time_searches(n_threads, seed, repeats):
    """Print the seconds of searches in this process and by two warm workers."""
    if n_threads:
        torch.set_num_threads(n_threads)
    with parallel_config(backend="loky"):
        _, cold = timed_call(lambda: small_search(2, seed))
        tasks = {n: lambda n=n: small_search(n, seed) for n in (1, 2)}
        seconds = time_alternately(tasks, repeats)
    print(json.dumps({"cold": cold, "one": seconds[1], "two": seconds[2]}))


def search(quick, seeds):
    """Compare a search by two workers with one in this process."""
    rows, goals = [], []
    for name, n_threads, bound in (("one thread", 1, 1.6), ("default threads", 0, 1.0)):
        progress(f"search of eight small fits: {name}")
        found = run_in_child(
            "benchmarks.cold_start", "search", n_threads, seeds[0], 1 if quick else 3
        )
        faster = ratio_by_round(found["one"], found["two"])
        seconds = [f"{np.median(found[key]):.2f}" for key in ("one", "two")]
        rows.append([name, *seconds, f"{faster:.2f}", f"{found['cold']:.2f}"])
        goals.append(at_least(f"search, {name}: 1 / 2", faster.median, bound, 2))
    print_table(
        "A search of eight small fits",
        ("torch", "n_jobs=1 (s)", "n_jobs=2 (s)", "1 / 2", "new workers (s)"),
        rows,
        "Workers are warm, but for the last column: the first search of a process, in which "
        "each worker starts and imports skrnn.",
    )
    return goals


PARTS = (first_fit, search)

if __name__ == "__main__":
    if sys.argv[1:2] == ["search"]:
        time_searches(*map(int, sys.argv[2:]))
    else:
        run_program(__doc__, PARTS)
