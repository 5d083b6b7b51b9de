"""Run the benchmarks of speed, with --long or --only whole programs, and print their tables."""

import time

from . import (
    against,
    beside_another,
    budgets,
    cold_start,
    crf_speed,
    engine,
    ensembles,
    generation_speed,
    gradient_flow,
    importance,
    long_range,
    moving_digits,
    precision,
    quality_audio,
    quality_classification,
    quality_forecasting,
    quality_generation,
    quality_regression,
    quality_seq2seq,
    quality_tables,
    quality_tagging,
    recurrence_pays,
    scaling,
    seq2seq_speed,
    serving,
    training_speed,
    watching,
    word_vectors,
)
from ._report import at_most, machine_line, make_parser, print_goals, run_parts


def _by_name(*modules):
    return {module.__name__.rpartition(".")[2]: module for module in modules}


#: Parts with goals of speed, a quarter of an hour in all.
SPEED = {
    "training_speed": (
        *(training_speed.ragged_tokens, training_speed.series),
        training_speed.small_data,
    ),
    "engine": (engine.layers,),
    "cold_start": cold_start.PARTS,
    "seq2seq_speed": (seq2seq_speed.training,),
    "serving": (serving.latency,),
    "against": against.SHORT,
    "quality_tagging": quality_tagging.SHORT,
    "budgets": budgets.SHORT,
}
PROGRAMS = _by_name(
    training_speed,
    engine,
    cold_start,
    crf_speed,
    seq2seq_speed,
    generation_speed,
    serving,
    watching,
    against,
    beside_another,
    budgets,
    precision,
    scaling,
    quality_classification,
    ensembles,
    quality_audio,
    moving_digits,
    quality_tables,
    quality_regression,
    quality_forecasting,
    quality_tagging,
    word_vectors,
    quality_seq2seq,
    quality_generation,
    importance,
    gradient_flow,
    long_range,
    recurrence_pays,
)


def main(argv=None):
    """Run the chosen programs and compare the figures with their goals."""
    parser = make_parser(__doc__, prog="python -m benchmarks")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PROGRAMS,
        metavar="NAME",
        help=f"programs to run: {', '.join(PROGRAMS)}",
    )
    parser.add_argument(
        "--long", action="store_true", help="run all programs, which takes hours"
    )
    arguments = parser.parse_args(argv)
    print(machine_line())
    goals = []
    start, chosen = time.perf_counter(), SPEED
    if arguments.only or arguments.long:
        chosen = {name: PROGRAMS[name].PARTS for name in arguments.only or PROGRAMS}
    for name, parts in chosen.items():
        print(f"\n## {name}")
        goals += run_parts(parts, arguments.quick, arguments.seeds)
    if chosen is SPEED:
        minutes = (time.perf_counter() - start) / 60
        goals.append(at_most("make bench: minutes", minutes, 15.0, 1))
    print("\n## all goals")
    print_goals(goals, arguments.quick)


if __name__ == "__main__":
    main()
