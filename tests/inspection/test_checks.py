"""Checks that functions and displays share: the same estimators, Pipelines and errors."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skrnn import SequenceClassifier, SequenceTagger
from skrnn.inspection import (
    AttentionDisplay,
    GradientFlowDisplay,
    HiddenStateDisplay,
    TrainingHistoryDisplay,
    TransitionDisplay,
    UnrolledNetworkDisplay,
    attention_weights,
    count_parameters,
    gate_values,
    gradient_norms,
    hidden_states,
    shared_weights,
    step_importance,
    training_history,
)
from skrnn.preprocessing import StepwiseTransformer

Y = [0, 1] * 4
SMALL = {"hidden_size": 3, "max_epochs": 1, "random_state": 0}
#: What to compute of an estimator and X.
FUNCTIONS = {
    "attention_weights": attention_weights,
    "count_parameters": lambda model, X: count_parameters(model),
    "gate_values": lambda model, X: [
        np.stack([*gates.values()]) for gates in gate_values(model, X)
    ],
    "gradient_norms": lambda model, X: gradient_norms(model, X, Y).to_numpy(),
    "hidden_states": hidden_states,
    "shared_weights": lambda model, X: shared_weights(model)["n_parameters"],
    "step_importance": step_importance,
    "training_history": lambda model, X: training_history(model)["train_loss"],
}
#: How to draw an estimator and X, and the numbers that are drawn.
DISPLAYS = {
    "AttentionDisplay": lambda model, X, **of: (
        AttentionDisplay.from_estimator(model, X, **of).weights
    ),
    "GradientFlowDisplay": lambda model, X: GradientFlowDisplay.from_estimator(
        model, X, Y
    ).norms.to_numpy(),
    "HiddenStateDisplay": lambda model, X, **of: (
        HiddenStateDisplay.from_estimator(model, X, **of).states
    ),
    "TrainingHistoryDisplay": lambda model, X: TrainingHistoryDisplay.from_estimator(
        model
    ).history["train_loss"],
    "UnrolledNetworkDisplay": lambda model, X, **of: (
        UnrolledNetworkDisplay.from_estimator(model, X, **of).weights["n_parameters"]
    ),
}
ALL = FUNCTIONS | DISPLAYS
#: Displays of one sequence.
OF_ONE = ["AttentionDisplay", "HiddenStateDisplay", "UnrolledNetworkDisplay"]


@pytest.fixture
def signals(rng):
    return [rng.normal(size=(n, 2)) * 5 + 3 for n in (3, 4, 2, 5, 3, 1, 2, 4)]


@pytest.fixture
def pipeline(signals):
    scaler = StepwiseTransformer(StandardScaler())
    model = SequenceClassifier(pooling="attention", scale=None, **SMALL)
    return make_pipeline(scaler, model).fit(signals, Y)


@pytest.mark.parametrize("name", ALL)
def test_a_pipeline_is_its_last_step_with_what_the_steps_before_make(
    name, pipeline, signals
):
    expected = ALL[name](pipeline[-1], pipeline[:-1].transform(signals))
    nested = make_pipeline(FunctionTransformer(), pipeline)
    for model in (pipeline, nested):
        for own, other in zip(ALL[name](model, signals), expected, strict=True):
            np.testing.assert_array_equal(own, other)


def test_the_transitions_of_a_pipeline_are_those_of_its_tagger(signals):
    y = [list("abcba"[: len(x)]) for x in signals]
    scaler = StepwiseTransformer(StandardScaler())
    pipeline = make_pipeline(scaler, SequenceTagger(**SMALL)).fit(signals, y)
    display = TransitionDisplay.from_estimator(pipeline)
    assert display.transitions.equals(pipeline[-1].transitions_)


@pytest.mark.parametrize("name", ALL)
def test_an_estimator_that_is_not_fitted_is_named(name, signals):
    model = SequenceClassifier(**SMALL)
    message = "This SequenceClassifier instance is not fitted yet"
    with pytest.raises(NotFittedError, match=message):
        ALL[name](model, signals)
    with pytest.raises(NotFittedError, match=message):
        ALL[name](make_pipeline(StepwiseTransformer(StandardScaler()), model), signals)


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_estimator_of_skrnn_is_named_with_the_remedy(name, signals):
    for estimator, got in [
        (LogisticRegression(), "got LogisticRegression$"),
        (make_pipeline(LogisticRegression()), "got LogisticRegression$"),
        (SequenceClassifier, "got SequenceClassifier itself, not an instance"),
    ]:
        with pytest.raises(TypeError, match=f" is for .*{got}"):
            ALL[name](estimator, signals)


def test_of_a_search_the_best_estimator_is_asked_for(signals):
    search = GridSearchCV(SequenceClassifier(**SMALL), {"lr": [0.01]}, cv=2)
    with pytest.raises(TypeError, match="got GridSearchCV; pass its best_estimator_"):
        count_parameters(search.fit(signals, Y))


@pytest.mark.parametrize("name", OF_ONE)
def test_an_index_out_of_range_is_an_error(name, pipeline, signals):
    for index in (8, -9):
        message = f"index={index} is out of range: X has 8 sequences"
        with pytest.raises(IndexError, match=message):
            ALL[name](pipeline, signals, index=index)
    for index in (1.0, True, "0"):
        with pytest.raises(TypeError, match=f"index must be an integer, got {index!r}"):
            ALL[name](pipeline, signals, index=index)
