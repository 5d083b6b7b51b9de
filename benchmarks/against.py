"""How fast are `fit` and `predict` here, compared with another revision of skrnn?

Both trees run the same workloads in processes of their own, in turn (A, B, A, B, ...); a ratio is
taken within each round. The revision is checked out into a temporary folder.

python -m benchmarks.against REV [--quick] [--rounds 5]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ._report import machine_line, make_parser, print_table, progress

ROOT = Path(__file__).resolve().parents[1]
WORKLOADS = Path(__file__).with_name("_workloads.py")


def run(tree, scale):
    """Return the workloads' results with skrnn imported from `tree`."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}
    printed = subprocess.run(
        [sys.executable, WORKLOADS, scale],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(printed.splitlines()[-1])


def main(argv=None):
    """Compare this tree with a revision."""
    parser = make_parser(__doc__, prog="python -m benchmarks.against")
    parser.add_argument("revision", help="a commit, tag or branch")
    parser.add_argument("--rounds", type=int, default=5)
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
                rounds.append((run(other, scale), run(ROOT, scale)))
        finally:
            subprocess.run([*git, "remove", "--force", other], check=True)
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
        f"Seconds of {arguments.revision} ÷ seconds here (above 1: here is faster)",
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


if __name__ == "__main__":
    main()
