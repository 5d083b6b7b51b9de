"""Change files of models at random: each is refused, or predicts what it did.

``python tests/soak/mutants.py --mutants 10000`` takes some minutes. Every file of
``tests/models`` is changed in turn: bits are flipped, parts removed, inserted, reversed,
repeated or taken from another file, and numbers of the header changed. A mutant may raise
``ModelFileError`` and nothing else; it must be read within a second and with little memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from skrnn.persistence import ModelFileError, load_model

MODELS = Path(__file__).parents[1] / "models"
spec = importlib.util.spec_from_file_location("make_models", MODELS / "make.py")
make_models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_models)
#: Seconds of a read, and bytes that all of them may add to the process.
MAX_SECONDS, MAX_BYTES = 5.0, 200 << 20


def mutate(content, other, rng):
    """Return a changed copy of a file's content."""
    changed = bytearray(content)
    # half of the changes lie in the header, which decides what is read
    size = int.from_bytes(content[:8], "little") + 8
    end = size if rng.integers(2) else len(content)
    first, last = np.sort(rng.integers(end, size=2))
    match rng.integers(8):
        case 0:
            changed[first] ^= 1 << int(rng.integers(8))
        case 1:
            del changed[first:last]
        case 2:
            changed[first:first] = rng.bytes(int(rng.integers(1, 50)))
        case 3:
            changed[first:last] = changed[first:last][::-1]
        case 4:
            changed[first:last] = other[first:last]
        case 5:
            changed[last:last] = changed[first:last]
        case 6:
            changed[:8] = int(rng.integers(1 << 62)).to_bytes(8, "little")
        case 7:
            digits = [i for i in range(8, size) if 48 <= content[i] < 58]
            for place in rng.choice(digits, size=int(rng.integers(1, 5))):
                changed[place] = int(rng.integers(48, 58))
    return bytes(changed)


def run(n_mutants, seed):
    """Return how many mutants were refused, and how many predicted what they did."""
    stored = {}
    for answers in MODELS.glob("*/answers.json"):
        for name, question in json.loads(answers.read_text()).items():
            content = (answers.parent / f"{name}.skrnn").read_bytes()
            stored[f"{answers.parent.name}/{name}"] = (content, question)
    rng = np.random.default_rng(seed)
    names = sorted(stored)
    counts = {"refused": 0, "equal": 0}
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutant")
        expected = {name: predict(path, *stored[name]) for name in names}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for i in range(n_mutants):
            name = names[i % len(names)]
            content, question = stored[name]
            mutant = mutate(content, stored[names[int(rng.integers(len(names)))]][0], rng)
            start = time.perf_counter()
            try:
                found = predict(path, mutant, question)
            except ModelFileError:
                counts["refused"] += 1
            else:
                assert found == expected[name], f"mutant {i} of {name} predicts otherwise"
                counts["equal"] += 1
            slowest = max(slowest, time.perf_counter() - start)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert slowest < MAX_SECONDS, f"a mutant took {slowest:.1f} s"
    assert grown < MAX_BYTES, f"the mutants took {grown >> 20} MiB"
    return counts, slowest, grown


def predict(path, content, question):
    path.write_bytes(content)
    method = getattr(load_model(path), question["method"])
    return make_models.plain(method(make_models.asked(question["X"])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.perf_counter()
    counts, slowest, grown = run(arguments.mutants, arguments.seed)
    print(
        f"{arguments.mutants:,} mutants: {counts['refused']:,} refused, "
        f"{counts['equal']:,} predicted the same, none of another kind; the slowest took "
        f"{slowest:.2f} s, all together {grown >> 20} MiB more; "
        f"{time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
