"""The steps of a sequence are the same for all functions of inspection."""

from __future__ import annotations

from skrnn import SequenceClassifier
from skrnn.inspection import (
    AttentionDisplay,
    HiddenStateDisplay,
    UnrolledNetworkDisplay,
    attention_weights,
    gate_values,
    hidden_states,
    step_importance,
)


def test_all_read_an_empty_text_as_one_unknown_token():
    X, y = ["oak elm", "", "ash"] * 4, [0, 1, 0] * 4
    model = SequenceClassifier(
        pooling="attention", hidden_size=4, max_epochs=1, random_state=0
    ).fit(X, y)
    for found in (
        hidden_states(model, X),
        attention_weights(model, X),
        step_importance(model, X),
        [gates["input"] for gates in gate_values(model, X)],
    ):
        assert [len(steps) for steps in found[:3]] == [2, 1, 1]
    for display, labels in (
        (HiddenStateDisplay, "steps"),
        (AttentionDisplay, "steps"),
        (UnrolledNetworkDisplay, "inputs"),
    ):
        shown = display.from_estimator(model, X, index=1)
        assert getattr(shown, labels) == ["<unknown>"], display
