"""One fit of one estimator."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skrnn import SequenceClassifier
from skrnn.metrics import entity_f1_scorer
from skrnn.model_selection._measure import (
    Scoring,
    count_iterations,
    count_parameters,
    measure,
    pickled_size,
)

X, Y = load_iris(return_X_y=True)
LINEAR = LogisticRegression(max_iter=300).fit(X, Y)
#: Four weights and an intercept for each of three classes.
N_LINEAR = 15


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (LINEAR, N_LINEAR),
        (make_pipeline(StandardScaler(), LogisticRegression()), N_LINEAR),
        (GridSearchCV(LogisticRegression(max_iter=300), {"C": [1.0]}, cv=2), N_LINEAR),
        (FrozenEstimator(LINEAR), N_LINEAR),
        (MLPClassifier((2,), max_iter=5, tol=1), 4 * 2 + 2 + 2 * 3 + 3),
        (SVC(), 3),  # intercepts: coef_ exists for linear kernels only
        (DummyClassifier(), np.nan),
        (BaggingClassifier(LogisticRegression(max_iter=300), 2), np.nan),
        (make_pipeline(StandardScaler(), "passthrough"), np.nan),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_parameters_are_counted_in_the_final_estimator(estimator, expected):
    np.testing.assert_equal(count_parameters(estimator.fit(X, Y)), expected)


def test_a_network_knows_its_own_numbers():
    network = SequenceClassifier(hidden_size=2, max_epochs=3, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(X, Y)
    assert count_parameters(model) == model[-1].n_parameters_
    assert count_iterations(model) == 3


def test_iterations_are_the_most_of_any_part():
    model = LogisticRegression()
    model.n_iter_ = np.array([3, 8])
    assert count_iterations(model) == 8
    assert np.isnan(count_iterations(DummyClassifier()))


def test_the_size_is_that_of_a_pickle():
    size = len(pickle.dumps(LINEAR, protocol=pickle.HIGHEST_PROTOCOL))
    assert pickled_size(LINEAR) == size


def test_what_cannot_be_pickled_has_no_size():
    vectorizer = CountVectorizer(tokenizer=lambda text: text.split())
    assert np.isnan(pickled_size(vectorizer))


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        (None, ["score"]),
        ("accuracy", ["accuracy"]),
        (["accuracy", "f1_macro"], ["accuracy", "f1_macro"]),
        ({"mine": "accuracy"}, ["mine"]),
        (entity_f1_scorer, ["entity_f1_score"]),
        (lambda estimator, X, y: 1.0, ["<lambda>"]),
        (lambda estimator, X, y: {"a": 1.0, "b": np.float32(2)}, ["a", "b"]),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "scoring",
)
def test_every_metric_has_a_name(scoring, names):
    scorer = Scoring(LINEAR, scoring)
    if scoring is entity_f1_scorer:
        assert scorer.name == names[0]
    else:
        assert list(scorer(LINEAR, X, Y)) == names


def test_a_scorer_must_give_a_number():
    with pytest.raises(TypeError, match=r"must give a number, but 'a' is \[1, 2\]"):
        Scoring(LINEAR, lambda estimator, X, y: {"a": [1, 2]})(LINEAR, X, Y)


def measured(estimator, scoring="accuracy", y=Y, bin_of=None):
    order = np.random.default_rng(0).permutation(len(X))
    return measure(
        "mine",
        estimator,
        X,
        y,
        train=order[:100],
        test=order[100:],
        fold=4,
        scoring=scoring,
        params=None,
        bin_of=bin_of,
    )


def test_scores_are_those_of_the_test_sequences():
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:100], order[100:]
    model = LogisticRegression(max_iter=300).fit(X[train], Y[train])
    bin_of = np.repeat([0, 1, -1], [20, 20, 10])
    fit = measured(LogisticRegression(max_iter=300), bin_of=bin_of)
    assert fit.scores == {"accuracy": model.score(X[test], Y[test])}
    assert fit.by_bin == {
        i: {"accuracy": model.score(X[test][part], Y[test][part])}
        for i, part in enumerate([slice(0, 20), slice(20, 40)])
    }
    assert fit.fit_time > 0
    assert fit.predict_time > 0


def test_a_metric_that_is_undefined_in_a_bin_is_nan():
    target = (Y == 0).astype(int)
    order = np.random.default_rng(0).permutation(len(X))
    bin_of = target[order[100:]]  # one class in each bin
    fit = measured(LogisticRegression(max_iter=300), "roc_auc", target, bin_of)
    assert np.isnan([fit.by_bin[0]["roc_auc"], fit.by_bin[1]["roc_auc"]]).all()
    assert fit.scores["roc_auc"] == 1


@pytest.mark.parametrize(
    ("estimator", "scoring", "kind", "message"),
    [
        (
            LogisticRegression(C=-1),
            "accuracy",
            ValueError,
            "The 'C' parameter of LogisticRegression must",
        ),
        (
            SequenceClassifier(cell="lstn"),
            "accuracy",
            ValueError,
            "The 'cell' parameter of SequenceClassifier must",
        ),
        (
            LogisticRegression(max_iter=300),
            make_scorer(lambda a, b: 1 / 0),
            RuntimeError,
            "scoring=make_scorer.* does not fit: division by zero",
        ),
        (
            LogisticRegression(max_iter=300),
            entity_f1_scorer,
            TypeError,
            "scoring=make_scorer.entity_f1_score.* does not fit: y_true",
        ),
        (Pipeline([("a", object())]), "accuracy", TypeError, "implement fit"),
    ],
    ids=["parameter", "network", "any", "scorer", "pipeline"],
)
def test_an_error_names_the_estimator_and_the_fold(estimator, scoring, kind, message):
    with pytest.raises(
        kind, match=rf"estimators\['mine'\] failed in fold 4: .*{message}"
    ):
        measured(estimator, scoring)
