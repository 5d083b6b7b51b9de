"""Fit and predict again and again: the memory of the process does not grow.

``python tests/soak/leaks.py`` makes 200 fits and 100,000 predictions, spread over all
estimators, in some minutes. After a warm-up, the growth of the memory that is in use is measured;
what stays is compared with a bound far below one object a call.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import warnings

from fits import FITS, make

#: Growth that the allocator and caches may cause, in bytes.
MAX_GROWTH = 24 << 20


def resident():
    """Return the bytes of this process in memory (Linux)."""
    with open("/proc/self/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * 4096


def alive():
    """Return the number of objects that Python's collector knows."""
    gc.collect()
    return len(gc.get_objects())


def fit(name, **parameters):
    """Return a fitted estimator and its X."""
    model, data = make(name, max_epochs=1, **parameters)
    return model.fit(*data), data[0]


def measure(task, n_calls, warm_up):
    """Call a task by number, and return how bytes and objects grew after the warm-up."""
    for i in range(warm_up):
        task(i)
    objects, before = alive(), resident()
    for i in range(n_calls):
        task(warm_up + i)
    return resident() - before, alive() - objects


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--predictions", type=int, default=100_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    names = sorted(FITS)
    start = time.perf_counter()
    found = {}
    found[f"{arguments.fits:,} fits"] = measure(
        lambda i: fit(names[i % len(names)]), arguments.fits, 2 * len(names)
    )
    models = [fit(name) for name in names]

    def predict(i):
        model, X = models[i % len(models)]
        place = i // len(models) % (len(X) - 1)
        model.predict(X[place : place + 1])

    found[f"{arguments.predictions:,} predictions"] = measure(
        predict, arguments.predictions, 20 * len(models)
    )
    for what, (n_bytes, n_objects) in found.items():
        print(f"{what}: {n_bytes / (1 << 20):+.1f} MiB, {n_objects:+,} objects")
    print(f"{time.perf_counter() - start:.0f} s")
    for what, (n_bytes, n_objects) in found.items():
        assert n_bytes < MAX_GROWTH, f"{what} leave {n_bytes >> 20} MiB"
        assert n_objects < 500, f"{what} leave {n_objects} objects"


if __name__ == "__main__":
    sys.exit(main())
