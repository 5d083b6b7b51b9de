"""Results of networks that score steps or label paths, and the type of states."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from skrnn.modules.products import affine

#: State of a language model between calls: tensors ``(B, ...)``.
State = tuple[Tensor, ...]


class StepScores(NamedTuple):
    """Scores of each step's labels or tokens, or its numbers.

    They are computed where ``logits`` is read: over a large vocabulary they are the largest
    array of a network, which the loss need not have at once.

    Attributes
    ----------
    features : (B, T, H)
        Inputs of the output layer, undefined in the padding; without a ``weight`` the
        scores themselves.
    lengths : (B,)
        Real steps of each sequence.
    weight : (C, H), optional
        The output layer's.
    bias : (C,), optional
        The output layer's.
    """

    features: Tensor
    lengths: Tensor
    weight: Tensor | None = None
    bias: Tensor | None = None

    @property
    def logits(self) -> Tensor:
        """A score for each label of each step ``(B, T, C)``, undefined in the padding."""
        return _project(self.features, self.weight, self.bias)

    def computed(self) -> StepScores:
        """Return the same with scores that are computed once."""
        return StepScores(self.logits, self.lengths)


class PathScores(NamedTuple):
    """Scores of each step's labels, and of neighbouring labels by a CRF.

    Attributes
    ----------
    logits : (B, T, C)
        A score for each label of each step, undefined in the padding.
    lengths : (B,)
        Real steps of each sequence.
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

    def computed(self) -> PathScores:
        """Return the same: the scores are computed."""
        return self


class LanguageScores(NamedTuple):
    """Scores of the step after each step, and the state after the last one.

    Attributes
    ----------
    features, lengths, weight, bias :
        As in ``StepScores``: of each token, or each feature, that may follow each step.
    state : tuple of (B, ...)
        After the last step of the batch; undefined for sequences that have padding.
    """

    features: Tensor
    lengths: Tensor
    weight: Tensor | None
    bias: Tensor | None
    state: State

    @property
    def logits(self) -> Tensor:
        """A score for each token, or each feature, that may follow each step (B, T, C)."""
        return _project(self.features, self.weight, self.bias)


def _project(features: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return the output layer's scores of its inputs."""
    return features if weight is None else affine(features, weight, bias)
