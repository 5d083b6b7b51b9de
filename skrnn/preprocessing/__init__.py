"""Preparation of sequences: transformers of steps, words, audio, long frames, padding and windows."""

from skrnn.data.frames import sequences_from_frame
from skrnn.data.padding import trim_padding
from skrnn.data.subwords import TrainedTokenizer
from skrnn.data.tokenizers import CharTokenizer, WordTokenizer
from skrnn.data.windows import sliding_windows
from skrnn.preprocessing._log_mel import LogMelFrames
from skrnn.preprocessing._stepwise import StepwiseTransformer
from skrnn.preprocessing._word_shapes import WordShapes

__all__ = [
    "CharTokenizer",
    "LogMelFrames",
    "StepwiseTransformer",
    "TrainedTokenizer",
    "WordShapes",
    "WordTokenizer",
    "sequences_from_frame",
    "sliding_windows",
    "trim_padding",
]
