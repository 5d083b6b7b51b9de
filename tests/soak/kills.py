"""Kill trainings at random moments, resume them, and compare with uninterrupted ones.

``python tests/soak/kills.py --kills 100`` takes some minutes. Each fit runs in a process of
its own, forked from this one, and is killed by SIGKILL: at a random moment, in an update, while
its checkpoint is written, or before it is renamed. Then it is fitted again, which must resume,
and leave the same bits as a fit that was never killed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from fits import FITS, digest, make

from skrnn.training import checkpoint, optimizers
from skrnn.training.updates import Updates

STEP = Updates.step
POINTS = ("moment", "update", "write", "rename")


def run(job: Callable[[], str], seconds: float | None = None) -> str | None:
    """Return what a job returns in a process of its own; None if that was killed.

    It is killed after ``seconds``, or kills itself.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read)
            os.write(write, job().encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read) as file:
        text = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a fit ended with status {status}")
    return text if status == 0 else None


def kill_at(point: str, count: int) -> None:
    """Make this process kill itself at the ``count``-th passage of a point."""
    owner, name = {
        "update": (Updates, "step"),
        "write": (os, "fsync"),
        "rename": (os, "replace"),
    }[point]
    function, left = getattr(owner, name), [count]

    def killing(*arguments: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    setattr(owner, name, killing)


def fit(
    name: str, path: str | None, seed: int, kill: tuple[str, int] | None = None
) -> str:
    """Fit, and return the digest, the number of updates and the seconds."""
    np.random.seed(seed)  # what random_state=None draws from
    n_updates = [0]

    def counting(*arguments: object) -> object:
        n_updates[0] += 1
        return STEP(*arguments)

    Updates.step = counting
    if kill is not None:
        kill_at(*kill)
    model, data = make(name, checkpoint=path)
    started = time.perf_counter()
    model.fit(*data)
    seconds = time.perf_counter() - started
    return f"{digest(model, data[0])} {n_updates[0]} {seconds}"


@cache
def whole_fit(name: str, min_table: int) -> str:
    """Return what a fit leaves that is not killed."""
    return fit(name, None, seed=1)


def try_once(name: str, point: str, folder: str, chance: random.Random) -> bool:
    """Kill and resume a fit; return whether it had to resume in the middle."""
    in_directory = chance.random() < 0.5
    path = folder if in_directory else str(Path(folder, "one.checkpoint"))
    expected, n_updates, seconds = whole_fit(name, optimizers.MIN_TABLE).split()
    if point == "moment":
        moment = chance.uniform(0.1, 1.5) * float(seconds)
        killed = run(lambda: fit(name, path, seed=1), moment)
    else:
        most = {"update": int(n_updates), "write": 7, "rename": 7}[point]
        count = chance.randint(1, most)
        killed = run(lambda: fit(name, path, 1, (point, count)))
    # another seed of numpy's generator: the checkpoint has those that were drawn
    any_file = any(not file.name.startswith(".") for file in Path(folder).iterdir())
    resumed = run(lambda: fit(name, path, seed=2 if any_file else 1))
    assert resumed is not None
    found, n_resumed, _ = resumed.split()
    assert found == expected, f"{name}, {point}: other bits"
    left = [file.name for file in Path(folder).iterdir()]
    assert not any(file.startswith(".") for file in left), left
    assert in_directory or not left, left
    if killed is None and any_file:
        assert int(n_resumed) < int(n_updates), f"{name}, {point}: from the beginning"
    return killed is None and any_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", nargs="+", default=POINTS, choices=POINTS)
    parser.add_argument("--fits", nargs="+", default=list(FITS), choices=list(FITS))
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork after work in several threads hangs
    chance = random.Random(options.seed)
    names = options.fits
    n_resumed = 0
    for i in range(options.kills):
        # every epoch is written in most runs; rows of tables are updated lazily in some
        checkpoint.SPACING = chance.choice([0, 0, 0, 30])
        optimizers.MIN_TABLE = chance.choice([1, 1 << 19])
        name, point = names[i % len(names)], options.points[i % len(options.points)]
        with tempfile.TemporaryDirectory() as folder:
            n_resumed += try_once(name, point, folder, chance)
    sys.stdout.write(
        f"{options.kills} of {options.kills} killed trainings ended with the same bits; "
        f"{n_resumed} of them resumed from a checkpoint\n"
    )


if __name__ == "__main__":
    main()
