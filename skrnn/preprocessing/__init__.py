"""Preparation of sequences: transformers of steps, long frames and windows."""

from skrnn.data.frames import sequences_from_frame, sliding_windows
from skrnn.preprocessing._stepwise import StepwiseTransformer

__all__ = ["StepwiseTransformer", "sequences_from_frame", "sliding_windows"]
