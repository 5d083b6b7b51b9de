"""Views of fitted networks: their states, gradients, weights and training.

Each display has the numbers that it draws, and a plain function that returns them.
"""

from skrnn.inspection._gradients import GradientFlowDisplay, gradient_norms
from skrnn.inspection._history import TrainingHistoryDisplay, training_history
from skrnn.inspection._states import HiddenStateDisplay, gate_values, hidden_states
from skrnn.inspection._unrolled import UnrolledNetworkDisplay, shared_weights

__all__ = [
    "GradientFlowDisplay",
    "HiddenStateDisplay",
    "TrainingHistoryDisplay",
    "UnrolledNetworkDisplay",
    "gate_values",
    "gradient_norms",
    "hidden_states",
    "shared_weights",
    "training_history",
]
