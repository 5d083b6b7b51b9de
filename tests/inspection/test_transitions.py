"""The display of transitions against the tagger's own scores."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skrnn import FeedForwardTagger, SequenceClassifier, SequenceTagger
from skrnn.inspection import TransitionDisplay, transition_scores
from skrnn.modules.crf import path_score

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
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [*names, "<end>"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["<start>", *names]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == int((display.transitions == -np.inf).sum().sum()) + 1


@pytest.mark.parametrize("scheme", ["IOB2", None])
def test_scores_add_up_to_those_of_whole_paths(scheme):
    tagger = SequenceTagger(hidden_size=4, scheme=scheme, **SMALL).fit(X, Y)
    scores = transition_scores(tagger)
    assert np.isnan(scores.iloc[0, -1])
    assert scores.isna().sum().sum() == 1
    assert (scores.index.name, scores.columns.name) == ("from", "to")
    crf = tagger.net_.module_.crf
    logits = torch.zeros(1, 3, 3)
    for path in (["B-P", "I-P", "O"], ["O", "B-P", "O"]):
        ids = torch.tensor([[list(tagger.classes_).index(label) for label in path]])
        steps = ["<start>", *path, "<end>"]
        expected = sum(scores.loc[a, b] for a, b in pairwise(steps))
        found = path_score(crf(logits, torch.tensor([3])), ids)
        assert float(found.detach()) == pytest.approx(float(expected), abs=1e-5)


def test_labels_that_are_no_strings_keep_their_kind():
    numbers = [[0, 1, 0, 2], [1, 1, 0], [2]] * 4
    tagger = SequenceTagger(hidden_size=4, **SMALL).fit(X, numbers)
    assert transition_scores(tagger).index.tolist() == ["<start>", 0, 1, 2]
    TransitionDisplay.from_estimator(tagger)


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
    with pytest.raises(ValueError, match="transition_scores needs a fit with crf=True"):
        transition_scores(tagger)
    with pytest.raises(TypeError, match="is for taggers, got SequenceClassifier"):
        TransitionDisplay.from_estimator(SequenceClassifier())
