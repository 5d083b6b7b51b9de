"""Rules that displays share: matplotlib is optional, and they draw on given axes."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn import Seq2SeqTransformer, SequenceClassifier, SequenceTagger
from skrnn.inspection import (
    AttentionDisplay,
    GradientFlowDisplay,
    HiddenStateDisplay,
    TrainingHistoryDisplay,
    TransitionDisplay,
    UnrolledNetworkDisplay,
    attention_weights,
    count_parameters,
    gradient_norms,
    hidden_states,
    shared_weights,
    step_importance,
    training_history,
)
from skrnn.inspection._matplotlib import get_axes, plain

X, Y = [["a", "b"], ["b"]] * 4, [0, 1] * 4
SMALL = {"hidden_size": 3, "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return SequenceClassifier(pooling="attention", **SMALL).fit(X, Y)


@pytest.fixture(scope="module")
def tagger():
    return SequenceTagger(**SMALL).fit(X, X)


@pytest.fixture(scope="module")
def draw(model, tagger):
    """Return a function that draws, for each display."""
    return {
        AttentionDisplay: lambda **ax: AttentionDisplay.from_estimator(model, X, **ax),
        GradientFlowDisplay: lambda **ax: GradientFlowDisplay.from_estimator(
            model, X, Y, **ax
        ),
        HiddenStateDisplay: lambda **ax: HiddenStateDisplay.from_estimator(
            model, X, **ax
        ),
        TrainingHistoryDisplay: lambda **ax: TrainingHistoryDisplay.from_estimator(
            model, **ax
        ),
        TransitionDisplay: lambda **ax: TransitionDisplay.from_estimator(tagger, **ax),
        UnrolledNetworkDisplay: lambda **ax: UnrolledNetworkDisplay.from_estimator(
            model, X, **ax
        ),
    }


def test_without_matplotlib_the_error_names_the_extra(draw, model, without_matplotlib):
    for cls, from_estimator in draw.items():
        message = rf'{cls.__name__}\.plot needs matplotlib; pip install "skrnn\[plot\]"'
        with pytest.raises(ImportError, match=message):
            from_estimator()
    with pytest.raises(ImportError, match=r"StepImportance\.plot needs matplotlib; pip"):
        step_importance(model, X).plot()
    translator = Seq2SeqTransformer(**SMALL).fit(X, X)
    with pytest.raises(ImportError, match=r"AttentionDisplay\.plot needs matplotlib"):
        AttentionDisplay.from_estimator(translator, X)


def test_the_numbers_need_no_matplotlib(model, without_matplotlib):
    assert GradientFlowDisplay(gradient_norms(model, X, Y)).ratio > 0
    assert np.isfinite(hidden_states(model, X)[0]).all()
    assert len(shared_weights(model)) == 8
    assert len(training_history(model)) == 1
    assert len(attention_weights(model, X)) == len(step_importance(model, X)) == 8
    assert count_parameters(model).sum() == model.n_parameters_
    assert step_importance(model, X)._repr_html_()


def test_from_estimator_draws_and_plot_draws_again(draw):
    import matplotlib.pyplot as plt

    for from_estimator in draw.values():
        display = from_estimator()
        first = display.figure_
        assert plt.get_fignums() == [first.number]
        assert display.plot() is display
        assert display.figure_ is not first
        plt.close("all")


def test_a_display_draws_on_the_axes_that_it_is_given(draw):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3)
    for ax, (cls, from_estimator) in zip(axes.flat, draw.items(), strict=True):
        display = from_estimator(ax=ax)
        assert display.figure_ is figure
        if cls is not HiddenStateDisplay:  # it has several axes in their place
            assert display.ax_ is ax
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("name", ["_hidden", "$a_$b", r"$\frac$", "lr = $"])
def test_any_name_stands_in_the_legend_and_is_drawn(name):
    ax = get_axes(None, "test")
    ax.plot([0, 1], label=plain(name))
    legend = ax.legend()
    ax.figure.canvas.draw()
    (text,) = legend.get_texts()
    assert text.get_text().replace("\\$", "$").strip() == name
