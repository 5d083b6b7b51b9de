"""How fast are `fit` and `predict` here, compared with another revision of skrnn?

Both trees run the same workloads in processes of their own, in turn (A, B, A, B, ...); a ratio is
taken within each round. The revision is checked out into a temporary folder.

python -m benchmarks.against REV [--quick] [--rounds 5] [--defaults]

With `--defaults` the workloads are fits by default parameters on real data, another seed each
round.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ._report import (
    at_least,
    machine_line,
    make_parser,
    print_goals,
    print_table,
    progress,
)

ROOT = Path(__file__).resolve().parents[1]
WORKLOADS = Path(__file__).with_name("_workloads.py")
DEFAULT_FITS = Path(__file__).with_name("_default_fits.py")


def run(tree, *arguments):
    """Return what a file of workloads measures with skrnn imported from `tree`."""
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "PYTHONSAFEPATH": "1",
        "SKRNN_DATA": os.environ.get("SKRNN_DATA", str(ROOT.parent / "shared" / "data")),
    }
    printed = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return json.loads(printed.splitlines()[-1])


def compare_workloads(rounds, revision, quick):
    """Print the table of synthetic workloads."""
    rows = []
    for name in rounds[0][0]:
        row = [name]
        for part in ("fit", "predict"):
            ratios = sorted(
                before[name][part] / now[name][part] for before, now in rounds
            )
            seconds = statistics.median(now[name][part] for _, now in rounds)
            middle = statistics.median(ratios)
            row += [f"{seconds:.2f}", f"{middle:.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"]
        before, now = rounds[0]
        rows.append([*row, f"{before[name]['loss']:.4f}", f"{now[name]['loss']:.4f}"])
    print_table(
        f"Seconds of {revision} ÷ seconds here (above 1: here is faster)",
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


def compare_defaults(rounds, revision, quick):
    """Print the table of fits by default parameters, and the goals."""
    rows, ratios = [], []
    for name in rounds[0][0]:
        pairs = [(before[name], now[name]) for before, now in rounds]
        ratio = statistics.median(before["fit"] / now["fit"] for before, now in pairs)
        ratios.append(ratio)
        seconds = [
            statistics.median(pair[side]["fit"] for pair in pairs) for side in (0, 1)
        ]
        scores = [
            statistics.fmean(pair[side]["score"] for pair in pairs) for side in (0, 1)
        ]
        rows.append(
            [
                name,
                *(f"{value:.1f}" for value in seconds),
                f"{ratio:.2f}",
                *(f"{score:.4f}" for score in scores),
            ]
        )
    print_table(
        f"Fits by default parameters: {revision}, and here",
        ("data", "fit there (s)", "here (s)", "ratio", "validation there", "here"),
        rows,
        f"Medians of {len(rounds)} rounds, of another seed each; the scores are means: "
        "accuracy, entity F1 of slots.",
    )
    print_goals(
        [
            at_least("seconds there ÷ here, mean", statistics.fmean(ratios), 2.5, 2),
            at_least("seconds there ÷ here, smallest", min(ratios), 1.5, 2),
        ],
        quick,
    )


def main(argv=None):
    """Compare this tree with a revision."""
    parser = make_parser(__doc__, prog="python -m benchmarks.against")
    parser.add_argument("revision", help="a commit, tag or branch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--defaults", action="store_true", help="fits on real data")
    arguments = parser.parse_args(argv)
    scale = "quick" if arguments.quick else "full"
    print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run(
            [*git, "add", "--detach", "-q", other, arguments.revision], check=True
        )
        try:
            rounds = []
            for i in range(arguments.rounds):
                progress(f"round {i + 1} of {arguments.rounds}")
                work = (
                    (DEFAULT_FITS, scale, i) if arguments.defaults else (WORKLOADS, scale)
                )
                rounds.append((run(other, *work), run(ROOT, *work)))
        finally:
            subprocess.run([*git, "remove", "--force", other], check=True)
    compare = compare_defaults if arguments.defaults else compare_workloads
    compare(rounds, arguments.revision, arguments.quick)


if __name__ == "__main__":
    main()
