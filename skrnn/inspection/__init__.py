"""Inspection of fitted estimators: what they learned, and why they predict what they do.

Each display has the numbers that it draws, and a plain function that returns them.
"""

from skrnn.inspection._attention import AttentionDisplay, attention_weights
from skrnn.inspection._counts import count_parameters
from skrnn.inspection._gradients import GradientFlowDisplay, gradient_norms
from skrnn.inspection._history import TrainingHistoryDisplay, training_history
from skrnn.inspection._importance import StepImportance, step_importance
from skrnn.inspection._states import HiddenStateDisplay, gate_values, hidden_states
from skrnn.inspection._transitions import TransitionDisplay, transition_scores
from skrnn.inspection._unrolled import UnrolledNetworkDisplay, shared_weights

__all__ = [
    "AttentionDisplay",
    "GradientFlowDisplay",
    "HiddenStateDisplay",
    "StepImportance",
    "TrainingHistoryDisplay",
    "TransitionDisplay",
    "UnrolledNetworkDisplay",
    "attention_weights",
    "count_parameters",
    "gate_values",
    "gradient_norms",
    "hidden_states",
    "shared_weights",
    "step_importance",
    "training_history",
    "transition_scores",
]
