"""Data to try sequence estimators on: real data sets, readers and generated problems.

Nothing is downloaded. ``load_*`` loads data that comes with skrnn, ``read_*`` reads your
files, ``write_*`` writes them, ``make_*`` generates problems of known difficulty.
"""

from skrnn.datasets._audio import read_audio_folder
from skrnn.datasets._generators import (
    make_adding_problem,
    make_delayed_recall,
    make_switches,
    make_waves,
)
from skrnn.datasets._images import read_image_folder
from skrnn.datasets._japanese_vowels import load_japanese_vowels
from skrnn.datasets._long_range import (
    make_copy_memory,
    make_dyck,
    make_temporal_order,
)
from skrnn.datasets._midi import read_midi, write_midi
from skrnn.datasets._moving_digits import make_moving_digits
from skrnn.datasets._readers import (
    read_abc,
    read_conll,
    read_conllu,
    read_lines,
    read_text,
)
from skrnn.datasets._sentences import make_sentences
from skrnn.datasets._spoken_digits import load_spoken_digits
from skrnn.datasets._vectors import read_vectors

__all__ = [
    "load_japanese_vowels",
    "load_spoken_digits",
    "make_adding_problem",
    "make_copy_memory",
    "make_delayed_recall",
    "make_dyck",
    "make_moving_digits",
    "make_sentences",
    "make_switches",
    "make_temporal_order",
    "make_waves",
    "read_abc",
    "read_audio_folder",
    "read_conll",
    "read_conllu",
    "read_image_folder",
    "read_lines",
    "read_midi",
    "read_text",
    "read_vectors",
    "write_midi",
]
