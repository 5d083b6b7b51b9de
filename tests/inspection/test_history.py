"""The history of training, as numbers and picture."""

from __future__ import annotations

import pytest
from sklearn.exceptions import NotFittedError

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.inspection import TrainingHistoryDisplay, training_history

X, Y = [["a", "b"], ["b"]] * 10, [0, 1] * 10


@pytest.fixture(scope="module")
def models():
    params = {"max_epochs": 3, "random_state": 0}
    return {
        "recurrent": SequenceClassifier(hidden_size=3, **params).fit(
            X, Y, X_val=X[:4], y_val=Y[:4]
        ),
        "feed-forward": FeedForwardClassifier(hidden_layer_sizes=(3,), **params).fit(
            X, Y
        ),
    }


def test_the_history_is_that_of_the_estimator(models):
    history = training_history(models["recurrent"])
    assert history.equals(models["recurrent"].history_)
    joined = training_history(models)
    assert joined.index.names == ["estimator", "epoch"]
    assert joined.loc["feed-forward", "train_loss"].tolist() == (
        models["feed-forward"].history_["train_loss"].tolist()
    )


def test_the_picture_has_a_line_a_metric_and_estimator(models):
    display = TrainingHistoryDisplay.from_estimator(models)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [
        "recurrent, training",
        "recurrent, validation",
        "feed-forward, training",
    ]
    (best,) = [line for line in display.ax_.get_lines() if line.get_marker() == "o"]
    losses = models["recurrent"].history_["valid_loss"]
    assert best.get_ydata()[0] == losses.min()
    rates = TrainingHistoryDisplay.from_estimator(models, metrics="lr")
    assert rates.ax_.get_ylabel() == "learning rate"


def test_what_cannot_be_drawn_is_an_error(models):
    with pytest.raises(NotFittedError, match="SequenceClassifier"):
        training_history(SequenceClassifier())
    with pytest.raises(ValueError, match="metrics: 'accuracy' is none of"):
        TrainingHistoryDisplay.from_estimator(models, metrics=["accuracy"])
    with pytest.raises(TypeError, match="estimators of skrnn, got int"):
        training_history(3)


def test_each_member_of_an_ensemble_has_a_line():
    model = SequenceClassifier(hidden_size=2, max_epochs=2, n_estimators=2)
    model.fit([["a"], ["b"]] * 6, [0, 1] * 6)
    display = TrainingHistoryDisplay.from_estimator({"net": model}, metrics="train_loss")
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [f"net, member {i}, training" for i in (1, 2)]
    assert all(len(line.get_xdata()) == 2 for line in display.ax_.lines)
