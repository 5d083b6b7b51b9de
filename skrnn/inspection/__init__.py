"""Inspection of fitted estimators: what they learned, and why they predict what they do."""

from skrnn.inspection._attention import AttentionDisplay, attention_weights
from skrnn.inspection._counts import count_parameters
from skrnn.inspection._importance import StepImportance, step_importance
from skrnn.inspection._transitions import TransitionDisplay

__all__ = [
    "AttentionDisplay",
    "StepImportance",
    "TransitionDisplay",
    "attention_weights",
    "count_parameters",
    "step_importance",
]
