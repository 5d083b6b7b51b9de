"""Fits and predictions beside a program that takes one of two cores.

Run `python -m benchmarks.beside_another [--quick] [--seeds ...]`. Packed loops with two
threads take minutes there.
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch

from ._loops import PackedLoop
from ._report import (
    at_most,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
)
from .training_speed import (
    N_CLASSES,
    N_TOKENS,
    as_ids,
    as_words,
    classifier,
    make_ragged_tokens,
)


def beside_another(quick, seeds):
    """Compare fits and predictions beside a program that takes one core."""
    n_sequences = 300 if quick else 1_000
    sequences, labels = make_ragged_tokens(n_sequences, seeds[0])
    X, ids, targets = as_words(sequences), as_ids(sequences), torch.from_numpy(labels)
    rows, goals = [], []
    for both in (False, True):
        name = "BiLSTM" if both else "LSTM"
        progress(f"beside another program: {name}")
        loop = PackedLoop("lstm", N_TOKENS + 2, N_CLASSES, bidirectional=both)
        model = classifier("lstm", both, 1)
        tasks = {
            "fit": (partial(loop.fit, ids, targets, 1), partial(model.fit, X, labels)),
            "predict": (
                partial(loop.predict, ids, targets, 256),
                partial(model.predict, X),
            ),
        }
        for work, (of_loop, of_model) in tasks.items():
            sides = {
                "A, 1": partial(_with_threads, 1, of_loop),
                "A, 2": partial(_with_threads, 2, of_loop),
                "B, 1": partial(_with_threads, 1, of_model),
                "B, 2": partial(_with_threads, 2, of_model),
            }
            with _program_on_one_core():
                seconds = time_alternately(sides, 1 if quick else 3)
            longer = ratio_by_round(seconds["B, 2"], seconds["B, 1"])
            medians = (f"{np.median(times):.2f}" for times in seconds.values())
            of_loop = ratio_by_round(seconds["A, 2"], seconds["A, 1"])
            rows.append([f"{name}, {work}", *medians, f"{of_loop:.1f}", f"{longer:.1f}"])
            claim = f"beside another program, {name}, {work}: two threads / one"
            goals.append(at_most(claim, longer.median, 2.0, 1))
    print_table(
        f"Beside a program that takes one core: {n_sequences:,} ragged token sequences, 1 epoch",
        ("work", *(f"{side} (s)" for side in sides), "A, 2 / 1", "B, 2 / 1"),
        rows,
        "A: the packed loop, B: skrnn, with one and with two threads of torch; this process and the "
        "other program keep to two cores. Loops predict batches of 256.",
    )
    return goals


def _with_threads(n_threads, task):
    """Return the result of a task with so many threads of torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        return task()
    finally:
        torch.set_num_threads(before)


@contextmanager
def _program_on_one_core():
    """Run a program that is never idle, on two cores with this one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()
        os.sched_setaffinity(0, before)


PARTS = (beside_another,)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
