"""Scorers in the tools of scikit-learn that take them."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

import skrnn.metrics
from skrnn.data.ragged import object_array
from skrnn.data.schemes import repair
from skrnn.metrics import (
    bleu_score,
    bleu_scorer,
    chrf_score,
    chrf_scorer,
    entity_f1_score,
    entity_f1_scorer,
    exact_match_scorer,
    step_accuracy_score,
    step_accuracy_scorer,
    step_r2_scorer,
    token_error_rate,
    token_error_rate_scorer,
)

TRUE = ["the cat sat on the mat .", "it is raining", "we went home early yesterday"]
PRED = ["the cat sat on a mat .", "it rains", "yesterday we went home early"]


class Says(BaseEstimator):
    """A fitted estimator, as far as scorers can tell."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, X, y):
        return self

    def predict(self, X):
        return object_array(self.answer)


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        (token_error_rate_scorer, -token_error_rate(TRUE, PRED)),
        (exact_match_scorer, 0.0),
        (bleu_scorer, bleu_score(TRUE, PRED)),
        (chrf_scorer, chrf_score(TRUE, PRED)),
    ],
)
def test_scorers_of_sequences_are_higher_where_predictions_are_better(scorer, expected):
    X = [[0.0]] * 3
    assert scorer(Says(PRED), X, TRUE) == expected
    assert scorer(Says(TRUE), X, TRUE) > expected


class Lookup(BaseEstimator):
    """Predicts each token's last label in training; in upper case where so asked."""

    def __init__(self, shout=False):
        self.shout = shout

    def fit(self, X, y):
        self.tags_ = {
            token: tag
            for tokens, tags in zip(X, y, strict=True)
            for token, tag in zip(tokens, tags, strict=True)
        }
        return self

    def predict(self, X):
        rows = [[self.tags_.get(token, "O") for token in tokens] for tokens in X]
        if self.shout:
            rows = [[tag.upper() for tag in row] for row in rows]
        return object_array(rows)


@pytest.fixture
def ragged(random_tags):
    y = [repair("IOB2", row) for row in random_tags(0)]
    return [[tag.lower() for tag in row] for row in y], y


@pytest.mark.parametrize("container", [list, object_array, pd.Series])
@pytest.mark.parametrize("scorer", [entity_f1_scorer, step_accuracy_scorer])
def test_scorers_work_in_a_grid_search_over_ragged_targets(scorer, container, ragged):
    X, y = map(container, ragged)
    search = GridSearchCV(
        Lookup(), {"shout": [True, False]}, scoring=scorer, cv=3, error_score="raise"
    ).fit(X, y)
    assert search.best_params_ == {"shout": False}
    assert search.best_score_ == 1
    assert search.score(X, y) == 1
    assert search.cv_results_["mean_test_score"][0] < 0.5


def test_several_scorers_work_at_once(ragged):
    scores = cross_validate(
        Lookup(),
        *ragged,
        cv=2,
        scoring={"entities": entity_f1_scorer, "steps": step_accuracy_scorer},
        error_score="raise",
    )
    assert scores["test_entities"].tolist() == scores["test_steps"].tolist() == [1, 1]


def test_predictions_of_folds_are_scored_together(ragged):
    X, y = ragged
    assert entity_f1_score(y, cross_val_predict(Lookup(), X, y, cv=3)) == 1


def test_a_scorer_of_strings_may_have_a_tokenizer():
    scorer = make_scorer(step_accuracy_score, tokenizer="char")
    assert scorer(Says(["ab", "c"]), [[0.0]] * 2, ["ac", "c"]) == 2 / 3


@pytest.mark.parametrize(
    "name", [name for name in skrnn.metrics.__all__ if name.endswith("_scorer")]
)
def test_scorers_can_be_pickled(name):
    scorer = getattr(skrnn.metrics, name)
    copy = pickle.loads(pickle.dumps(scorer))
    y = [["B-x", "O", "O", "O"], ["O"]]
    answer = [["B-x", "O", "O", "O"], ["B-x"]]
    if scorer is step_r2_scorer:
        y, answer = [[1.0, 2.0], [3.0]], [[1.0, 2.0], [2.0]]
    assert copy(Says(answer), [[0.0]] * 2, y) == scorer(Says(answer), [[0.0]] * 2, y)
