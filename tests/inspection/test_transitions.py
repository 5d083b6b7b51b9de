"""The display of transitions against the tagger's own scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skrnn import FeedForwardTagger, SequenceClassifier, SequenceTagger
from skrnn.inspection import TransitionDisplay

X = [["Ada", "met", "Bob", "Lee"], ["we", "met", "Ada"], ["Lee"]] * 4
Y = [["B-P", "O", "B-P", "I-P"], ["O", "O", "B-P"], ["B-P"]] * 4
SMALL = {"max_epochs": 3, "random_state": 0}


@pytest.mark.parametrize(
    "tagger",
    [
        SequenceTagger(hidden_size=4, scheme="IOB2", **SMALL),
        FeedForwardTagger(hidden_layer_sizes=4, crf=True, scheme="IOB2", **SMALL),
    ],
)
def test_it_shows_the_scores_of_the_tagger(tagger):
    tagger.fit(X, Y)
    display = TransitionDisplay.from_estimator(tagger)
    assert display.transitions.equals(tagger.transitions_)
    crf = tagger.net_.module_.crf
    np.testing.assert_array_equal(display.end, crf.end.detach())
    assert display.start["I-P"] == -np.inf  # the scheme forbids it
    assert np.isfinite(display.start[["B-P", "O"]]).all()

    ax = display.ax_
    drawn = ax.images[0].get_array()
    np.testing.assert_array_equal(drawn[1:, :-1].mask, display.transitions == -np.inf)
    np.testing.assert_array_equal(
        drawn[1:, :-1].filled(-np.inf), display.transitions.to_numpy()
    )
    np.testing.assert_array_equal(drawn[0, :-1].filled(-np.inf), display.start)
    np.testing.assert_array_equal(drawn[1:, -1], display.end)
    names = ["B-P", "I-P", "O"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [*names, "end"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["start", *names]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == int((display.transitions == -np.inf).sum().sum()) + 1


def test_it_is_drawn_on_the_given_axes():
    import matplotlib.pyplot as plt

    tagger = SequenceTagger(hidden_size=4, **SMALL).fit(X, Y)
    axes = plt.subplots()[1]
    display = TransitionDisplay.from_estimator(tagger)
    assert display.plot(ax=axes) is display
    assert display.ax_ is axes
    assert display.figure_ is axes.figure


def test_errors_say_what_is_needed():
    tagger = SequenceTagger(hidden_size=4, crf=False, **SMALL)
    with pytest.raises(NotFittedError, match="SequenceTagger instance is not fitted"):
        TransitionDisplay.from_estimator(tagger)
    with pytest.raises(ValueError, match="TransitionDisplay needs a fit with crf=True"):
        TransitionDisplay.from_estimator(tagger.fit(X, Y))
    with pytest.raises(TypeError, match="is for taggers, got SequenceClassifier"):
        TransitionDisplay.from_estimator(SequenceClassifier())
