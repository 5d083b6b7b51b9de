"""Data to try sequence estimators on: one real data set, and problems made to order.

Nothing is downloaded. Loaders are called ``load_*`` and read what comes with skrnn,
readers ``read_*`` and read your files; generators are called ``make_*``.
"""

from skrnn.datasets._generators import (
    make_adding_problem,
    make_delayed_recall,
    make_switches,
    make_waves,
)
from skrnn.datasets._japanese_vowels import load_japanese_vowels
from skrnn.datasets._readers import (
    read_abc,
    read_conll,
    read_conllu,
    read_lines,
    read_pitches,
    read_text,
)
from skrnn.datasets._sentences import make_sentences
from skrnn.datasets._vectors import read_vectors

__all__ = [
    "load_japanese_vowels",
    "make_adding_problem",
    "make_delayed_recall",
    "make_sentences",
    "make_switches",
    "make_waves",
    "read_abc",
    "read_conll",
    "read_conllu",
    "read_lines",
    "read_pitches",
    "read_text",
    "read_vectors",
]
