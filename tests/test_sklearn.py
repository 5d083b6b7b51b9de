"""Additions to scikit-learn's private parts: short messages about scoring."""

from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer, max_error

from skrnn import SequenceClassifier
from skrnn._sklearn import check_scoring, restored_on_failure
from skrnn.model_selection import compare_estimators

X = [[0.0], [1.0], [2.0], [3.0]] * 3
Y = [0, 1, 0, 1] * 3


def test_attributes_are_put_back_after_a_failure():
    model = LogisticRegression()
    model.coef_ = 1

    @restored_on_failure(model)
    def fail():
        del model.coef_
        model.classes_ = 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert vars(model) == vars(LogisticRegression()) | {"coef_": 1}


@pytest.mark.parametrize(
    "scoring",
    [
        None,
        "accuracy",
        ["accuracy", "f1_macro"],
        ("accuracy",),
        {"accuracy"},
        {"mine": "accuracy", "other": make_scorer(max_error)},
        get_scorer("accuracy"),
        lambda estimator, X, y: 1.0,
    ],
)
def test_what_scikit_learn_takes_becomes_a_scorer(scoring):
    scorer = check_scoring(LogisticRegression(), scoring)
    assert callable(scorer)
    assert scorer(LogisticRegression().fit(X, Y), X, Y)


@pytest.mark.parametrize("name", get_scorer_names())
def test_every_metric_is_known(name):
    check_scoring(LogisticRegression(), name)


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        (
            "zz",
            r"^scoring='zz' is not a metric of scikit-learn; sklearn\.metrics\.get_scor",
        ),
        ("acuracy", r"^scoring='acuracy' is not a metric .* did you mean 'accuracy' or "),
        ("F1", r"did you mean 'f1'\?"),
        ("mse", r"'neg_mean_squared_error'"),
        ("RMSE", r"did you mean 'neg_root_mean_squared_error'\?"),
        (["accuracy", "f2"], r"^'f2' in scoring is not a metric .*'f1'"),
        ({"mine": "f2"}, r"^scoring\['mine'\]='f2' is not a metric"),
        ("", "^scoring='' is not a metric"),
        ([], "^scoring is empty"),
        ({}, "^scoring is empty"),
    ],
)
def test_what_is_no_metric_is_named_beside_similar_ones(scoring, message):
    with pytest.raises(ValueError, match=message):
        check_scoring(LogisticRegression(), scoring)


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        (3, r"^scoring must be a metric's name, a callable, a list or dict .* got int"),
        ({"mine": 3}, r"^scoring\['mine'\] must be a metric's name or a callable, got"),
    ],
)
def test_what_scikit_learn_does_not_take_is_named(scoring, message):
    with pytest.raises(TypeError, match=message):
        check_scoring(LogisticRegression(), scoring)


def test_messages_about_scoring_are_short_wherever_it_is_a_parameter():
    model = SequenceClassifier(hidden_size=2, max_epochs=1, scoring="accuracyy")
    with pytest.raises(ValueError, match="did you mean 'accuracy'") as of_fit:
        model.fit(X, Y)
    with pytest.raises(ValueError, match="did you mean 'accuracy'") as of_comparison:
        compare_estimators({"a": LogisticRegression()}, X, Y, scoring="accuracyy")
    assert max(len(str(error.value)) for error in (of_fit, of_comparison)) < 500
