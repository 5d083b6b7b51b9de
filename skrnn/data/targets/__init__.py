"""The kinds of y, one class each."""

from skrnn.data.targets._base import (
    CheckedData,
    CheckedTargets,
    Targets,
    check_weights,
    listed,
    parse_targets,
    scale_to_mean_1,
)
from skrnn.data.targets._classes import (
    ClassTargets,
    MultilabelTargets,
    make_class_targets,
)
from skrnn.data.targets._continuations import FeatureContinuations, TokenContinuations
from skrnn.data.targets._horizon import SeriesTargets
from skrnn.data.targets._numbers import HorizonTargets, NumberTargets
from skrnn.data.targets._step_numbers import (
    StepNumberTargets,
    has_step_numbers,
    parse_step_numbers,
)
from skrnn.data.targets._steps import StepTargets
from skrnn.data.targets._tokens import TokenTargets
from skrnn.data.targets._weights import loss_weights

__all__ = [
    "CheckedData",
    "CheckedTargets",
    "ClassTargets",
    "FeatureContinuations",
    "HorizonTargets",
    "MultilabelTargets",
    "NumberTargets",
    "SeriesTargets",
    "StepNumberTargets",
    "StepTargets",
    "Targets",
    "TokenContinuations",
    "TokenTargets",
    "check_weights",
    "has_step_numbers",
    "listed",
    "loss_weights",
    "make_class_targets",
    "parse_step_numbers",
    "parse_targets",
    "scale_to_mean_1",
]
