"""Run every benchmark and print its tables."""

from . import (
    cold_start,
    crf_speed,
    engine,
    generation_speed,
    importance,
    moving_digits,
    quality_audio,
    quality_classification,
    quality_forecasting,
    quality_generation,
    quality_regression,
    quality_seq2seq,
    quality_tables,
    quality_tagging,
    scaling,
    seq2seq_speed,
    training_speed,
)
from ._report import machine_line, make_parser, print_goals, run_parts

PROGRAMS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        training_speed,
        engine,
        cold_start,
        scaling,
        crf_speed,
        seq2seq_speed,
        generation_speed,
        quality_classification,
        quality_audio,
        moving_digits,
        quality_tables,
        quality_regression,
        quality_forecasting,
        quality_tagging,
        quality_seq2seq,
        quality_generation,
        importance,
    )
}


def main(argv=None):
    """Run the chosen programs and compare the figures with their goals."""
    parser = make_parser(__doc__, prog="python -m benchmarks")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PROGRAMS,
        default=list(PROGRAMS),
        metavar="NAME",
        help=f"programs to run: {', '.join(PROGRAMS)}",
    )
    arguments = parser.parse_args(argv)
    print(machine_line())
    goals = []
    for name in arguments.only:
        print(f"\n## {name}")
        goals += run_parts(PROGRAMS[name].PARTS, arguments.quick, arguments.seeds)
    print("\n## all goals")
    print_goals(goals, arguments.quick)


if __name__ == "__main__":
    main()
