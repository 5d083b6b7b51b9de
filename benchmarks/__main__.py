"""Run every benchmark and print its tables."""

from . import (
    crf_speed,
    generation_speed,
    quality_audio,
    quality_classification,
    quality_generation,
    quality_regression,
    quality_seq2seq,
    quality_tagging,
    scaling,
    seq2seq_speed,
    training_speed,
)
from ._report import machine_line, make_parser, print_bars, run_parts

PROGRAMS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        training_speed,
        scaling,
        crf_speed,
        seq2seq_speed,
        generation_speed,
        quality_classification,
        quality_audio,
        quality_regression,
        quality_tagging,
        quality_seq2seq,
        quality_generation,
    )
}


def main(argv=None):
    """Run the chosen programs and hold what they measured against the bars."""
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
    bars = []
    for name in arguments.only:
        print(f"\n## {name}")
        bars += run_parts(PROGRAMS[name].PARTS, arguments.quick, arguments.seeds)
    print("\n## all bars")
    print_bars(bars, arguments.quick)


if __name__ == "__main__":
    main()
