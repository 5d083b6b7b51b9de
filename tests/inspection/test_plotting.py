"""What displays share: matplotlib is optional."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn import SequenceClassifier
from skrnn.inspection import (
    GradientFlowDisplay,
    HiddenStateDisplay,
    TrainingHistoryDisplay,
    UnrolledNetworkDisplay,
    gradient_norms,
    hidden_states,
    shared_weights,
    training_history,
)

X, Y = [["a", "b"], ["b"]] * 4, [0, 1] * 4


@pytest.fixture
def model():
    return SequenceClassifier(hidden_size=3, max_epochs=1, random_state=0).fit(X, Y)


def test_without_matplotlib_the_error_names_the_extra(model, without_matplotlib):
    draw = {
        "GradientFlowDisplay": lambda cls: cls.from_estimator(model, X, Y),
        "HiddenStateDisplay": lambda cls: cls.from_estimator(model, X),
        "UnrolledNetworkDisplay": lambda cls: cls.from_estimator(model, X),
        "TrainingHistoryDisplay": lambda cls: cls.from_estimator(model),
    }
    displays = (
        GradientFlowDisplay,
        HiddenStateDisplay,
        UnrolledNetworkDisplay,
        TrainingHistoryDisplay,
    )
    for cls in displays:
        message = rf'{cls.__name__}\.plot needs matplotlib; pip install "skrnn\[plot\]"'
        with pytest.raises(ImportError, match=message):
            draw[cls.__name__](cls)


def test_the_numbers_need_no_matplotlib(model, without_matplotlib):
    assert GradientFlowDisplay(gradient_norms(model, X, Y)).ratio > 0
    assert np.isfinite(hidden_states(model, X)[0]).all()
    assert len(shared_weights(model)) == 5
    assert len(training_history(model)) == 1


def test_a_display_draws_on_the_axes_that_it_is_given(model):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 2)
    GradientFlowDisplay.from_estimator(model, X, Y, ax=axes[0, 0])
    TrainingHistoryDisplay.from_estimator(model, ax=axes[0, 1])
    UnrolledNetworkDisplay.from_estimator(model, X, ax=axes[1, 0])
    display = HiddenStateDisplay.from_estimator(model, X, ax=axes[1, 1])
    assert display.figure_ is axes[0, 0].figure
    assert len(plt.get_fignums()) == 1
