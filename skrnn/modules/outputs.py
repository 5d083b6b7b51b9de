"""Results of networks that score steps or label paths, and the type of states."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

#: State of a language model between calls: tensors ``(B, ...)``.
State = tuple[Tensor, ...]


class StepScores(NamedTuple):
    """Scores of each step's labels or tokens, or its numbers.

    Attributes
    ----------
    logits : (B, T, C)
        A score for each label of each step, undefined in the padding.
    lengths : (B,)
        Real steps of each sequence.
    """

    logits: Tensor
    lengths: Tensor


class PathScores(NamedTuple):
    """Scores of each step's labels, and of neighbouring labels by a CRF.

    Attributes
    ----------
    logits, lengths :
        As in ``StepScores``.
    transitions : (C, C)
        Score of the transition from one label (row) to another (column).
    start, end : (C,)
        Scores of the first and of the last label.
    """

    logits: Tensor
    lengths: Tensor
    transitions: Tensor
    start: Tensor
    end: Tensor


class LanguageScores(NamedTuple):
    """Scores of the step after each step, and the state after the last one.

    Attributes
    ----------
    logits : (B, T, C)
        A score for each token, or each feature, that may follow each step.
    lengths : (B,)
        Real steps of each sequence.
    state : tuple of (B, ...)
        After the last step of the batch; undefined for sequences that have padding.
    """

    logits: Tensor
    lengths: Tensor
    state: State
