"""An estimator that breaks a promise fails the check of that promise, and no other."""

from __future__ import annotations

import random
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import EstimatorCheckFailedWarning, SkipTestWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from skrnn.testing import check_sequence_estimator, parametrize_with_sequence_checks


class NearestMean(ClassifierMixin, BaseEstimator):
    """Predicts the class whose sequences have the nearest mean step."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        means = self._means(X)
        labels = np.asarray(y)
        if labels.ndim != 1:
            raise ValueError("y must have one label a sequence")
        if len(labels) != len(means):
            raise ValueError(f"y has {len(labels)} entries, X {len(means)} sequences")
        missing = np.flatnonzero(pd.isna(labels))
        if len(missing):
            raise ValueError(f"y[{missing[0]}] is missing")
        self.n_features_in_ = means.shape[1]
        self.classes_ = np.unique(labels)
        self.centers_ = np.stack([means[labels == c].mean(0) for c in self.classes_])
        return self

    def predict(self, X):
        check_is_fitted(self)
        means = self._means(X)
        if means.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {means.shape[1]} features, expected {self.n_features_in_}"
            )
        distances = np.square(means[:, None] - self.centers_).sum(-1)
        return self.classes_[distances.argmin(1)]

    def _means(self, X):
        if not isinstance(X, list | tuple | np.ndarray | pd.Series) or not len(X):
            raise ValueError("X must be a list of at least one array")
        return np.stack([self._mean(row, i) for i, row in enumerate(X)])

    def _mean(self, row, i):
        if np.iscomplexobj(row):
            raise ValueError(f"X[{i}] holds complex numbers")
        try:
            steps = np.asarray(row, dtype=float)
        except (ValueError, TypeError) as error:
            raise ValueError(f"X[{i}] is not an array of numbers") from error
        if steps.ndim != 2 or steps.shape[1] != getattr(self, "n_features_in_", 2):
            raise ValueError(
                f"X[{i}] has shape {steps.shape}, expected (n_steps, 2), not 4"
            )
        if not np.isfinite(steps).all():
            raise ValueError(f"X[{i}] is not finite")
        return steps.mean(0)


class Refitting(NearestMean):
    def fit(self, X, y):
        before = getattr(self, "centers_", 0.0)
        super().fit(X, y)
        self.centers_ = self.centers_ + before
        return self


class Returning(NearestMean):
    def fit(self, X, y):
        super().fit(X, y)


class Printing(NearestMean):
    def fit(self, X, y):
        sys.stdout.write("fit")
        return super().fit(X, y)


class Seeding(NearestMean):
    def fit(self, X, y):
        random.random()
        return super().fit(X, y)


class Unrepeatable(NearestMean):
    def fit(self, X, y):
        super().fit(X, y)
        self.centers_ = np.random.RandomState().normal(size=self.centers_.shape)
        return self


class Batching(NearestMean):
    def _means(self, X):
        means = super()._means(X)
        return means if len(means) == 18 else -9 * means


class Ordering(NearestMean):
    def _means(self, X):
        means = super()._means(X)
        return means + np.arange(len(means))[:, None] * (len(means) == 18)


class Remembering(NearestMean):
    def predict(self, X):
        self.last_ = super().predict(X)
        return self.last_


class Unpicklable(NearestMean):
    def fit(self, X, y):
        self.callback_ = lambda: 0
        return super().fit(X, y)


class Forgetting(NearestMean):
    def __getstate__(self):
        return {**super().__getstate__(), "centers_": np.zeros((3, 2))}


class Listing(NearestMean):
    def _means(self, X):
        if isinstance(X, pd.Series):
            X = [X.get(i, X.iloc[0]) for i in range(len(X))]
        return super()._means(X)


class Accepting(NearestMean):
    def _mean(self, row, i):
        return super()._mean(np.nan_to_num(row) if i == 2 else row, i)


class Vague(NearestMean):
    def _means(self, X):
        try:
            return super()._means(X)
        except ValueError as error:
            raise ValueError("X is wrong") from error


class Talkative(NearestMean):
    def _means(self, X):
        try:
            return super()._means(X)
        except ValueError as error:
            raise ValueError(f"{error} {'!' * 600}") from error


class OtherError(NearestMean):
    def _means(self, X):
        try:
            return super()._means(X)
        except ValueError as error:
            raise KeyError(str(error)) from error


class Fitted(NearestMean):
    def predict(self, X):
        return super().predict(X) if hasattr(self, "centers_") else ["u"] * len(X)


BROKEN = {
    Returning: "check_fit(numbers)",
    Printing: "check_fit(numbers)",
    Seeding: "check_fit(numbers)",
    Unrepeatable: "check_repeatability(numbers)",
    Refitting: "check_refit(numbers)",
    Batching: "check_subset_invariance(numbers)",
    Ordering: "check_order_invariance(numbers)",
    Remembering: "check_predict_changes_nothing(numbers)",
    Unpicklable: "check_copies(numbers)",
    Forgetting: "check_copies(numbers)",
    Listing: "check_X_container(numbers, Series)",
    Accepting: "check_errors_of_X_at_fit(numbers)",
    Vague: "check_errors_of_X_at_fit(numbers)",
    Talkative: "check_errors_of_X_at_predict(numbers)",
    OtherError: "check_errors_of_X_at_predict(numbers)",
    Fitted: "check_not_fitted(numbers)",
}


def failed(estimator, **options):
    results = check_sequence_estimator(estimator, on_skip=None, on_fail=None, **options)
    return {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}


def warned(category, estimator, **options):
    """Return the messages of a category of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_sequence_estimator(estimator, inputs="auto", **options)
    return [str(w.message) for w in caught if issubclass(w.category, category)]


def test_an_estimator_that_keeps_its_promises_passes():
    assert failed(NearestMean(), inputs=["numbers"]) == {}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_promise_is_found(broken):
    assert BROKEN[broken] in failed(broken(), inputs=["numbers"])


# --- what is run, and what is reported -----------------------------------------------


def test_each_result_has_a_status_and_a_reason():
    results = check_sequence_estimator(NearestMean(), on_skip=None)
    by_name = {result["check_name"]: result for result in results}
    assert {result["status"] for result in results} == {"passed", "skipped"}
    assert by_name["check_fit(numbers)"]["status"] == "passed"
    reasons = {name: str(by_name[name]["exception"]) for name in by_name}
    assert "fit refuses tokens: ValueError: X[0]" in reasons["check_fit(tokens)"]
    assert "no parameter sample_weight" in reasons["check_sample_weight(numbers)"]
    assert "accepts, instead" in reasons["check_fit(series)"]
    assert (
        "X as RaggedArray is refused"
        in reasons["check_X_container(numbers, RaggedArray)"]
    )
    assert sum("(tokens" in name for name in by_name) == 1  # one reason a kind


def test_a_skipped_check_is_a_warning_unless_asked_otherwise():
    messages = warned(SkipTestWarning, NearestMean())
    assert any("check_fit(tokens) is skipped for NearestMean" in m for m in messages)
    assert warned(SkipTestWarning, NearestMean(), on_skip=None) == []


def test_strict_checks_require_every_container():
    found = failed(NearestMean(), inputs=["numbers"], strict=True)
    assert set(found) == {
        f"check_X_container(numbers, {name})"
        for name in ("RaggedArray", "one-column frame", "polars Series", "Arrow array")
    }


def test_a_kind_that_is_named_must_be_accepted():
    with pytest.raises(ValueError, match=r"X\[0\] is not an array of numbers"):
        check_sequence_estimator(NearestMean(), inputs=["tokens"])


def test_the_first_failure_raises_or_is_a_warning():
    with pytest.raises(AssertionError, match="fit returned NoneType, expected self"):
        check_sequence_estimator(Returning(), inputs=["numbers"], on_skip=None)
    messages = warned(EstimatorCheckFailedWarning, Returning(), on_fail="warn")
    assert ["check_fit(numbers) failed" in message for message in messages] == [True]


@pytest.mark.parametrize("name", ["check_fit", "check_fit(numbers)"])
def test_a_failure_may_be_expected(name):
    reasons = {name: "it returns nothing", "check_score": "passes after all"}
    seen = []
    results = check_sequence_estimator(
        Printing(),
        inputs=["numbers"],
        expected_failed_checks=reasons,
        on_skip=None,
        on_fail=None,
        callback=lambda **result: seen.append(result),
    )
    assert seen == results
    result = results[0]
    assert (result["status"], result["expected_to_fail_reason"]) == (
        "xfail",
        "it returns nothing",
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"inputs": "texts"}, ValueError, "inputs must be 'auto' or a list of kinds"),
        ({"inputs": ["words"]}, ValueError, r"inputs must be among .* got \['words'\]"),
        ({"inputs": []}, ValueError, r"inputs must be among .* got \[\]"),
        ({"targets": "classes"}, ValueError, "targets must be 'auto' or among"),
        (
            {"on_fail": "rise"},
            ValueError,
            r"on_fail must be one of \('raise', 'warn', Non",
        ),
        ({"on_fail": True}, ValueError, "on_fail must be .*, got True"),
        (
            {"on_skip": "raise"},
            ValueError,
            r"on_skip must be one of \('warn', None\), got",
        ),
        (
            {"expected_failed_checks": {"check_fitt": "?", "check_fit(words)": "?"}},
            ValueError,
            r"must have names among \['check_fit', .*got \['check_fit\(words\)', 'check_fi",
        ),
        ({"callback": print}, ValueError, "callback cannot be combined with on_fail"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(options, error, message):
    with pytest.raises(error, match=message):
        check_sequence_estimator(NearestMean(), **options)


def test_a_class_is_refused():
    with pytest.raises(
        TypeError, match="estimator is the class NearestMean, pass an inst"
    ):
        check_sequence_estimator(NearestMean)


@pytest.mark.parametrize("value", [3, None, "NearestMean", lambda X: X])
def test_an_object_that_is_not_an_estimator_is_refused(value):
    message = "estimator must be a scikit-learn estimator, with the methods fit and get_p"
    with pytest.raises(TypeError, match=message):
        check_sequence_estimator(value)
    with pytest.raises(TypeError, match=message):
        parametrize_with_sequence_checks([value])


class Switched(NearestMean):
    """Breaks a promise by its parameter."""

    def __init__(self, broken=False, random_state=None):
        self.broken = broken
        self.random_state = random_state

    def fit(self, X, y):
        super().fit(X, y)
        if self.broken:
            self.centers_ = np.random.RandomState().normal(size=self.centers_.shape)
        return self


def test_other_parameters_are_checked_anew():
    estimator = Switched()
    assert failed(estimator, inputs=["numbers"]) == {}
    _, check = parametrize_with_sequence_checks([estimator]).mark.args[1][1].values
    check(estimator)
    estimator.set_params(broken=True)
    assert "check_repeatability(numbers)" in failed(estimator, inputs=["numbers"])
    with pytest.raises(AssertionError, match="in a second fit"):
        check(estimator)


@dataclass
class Comparable(NearestMean):
    """Is equal to another, so that it cannot be hashed."""

    random_state: int | None = None


def test_an_estimator_need_not_be_hashable():
    assert failed(Comparable(), inputs=["numbers"]) == {}


def test_the_checks_of_one_run_share_a_fit():
    fits = []

    class Counting(NearestMean):
        def fit(self, X, y):
            fits.append(X)
            return super().fit(X, y)

    for parameter in parametrize_with_sequence_checks([Counting()]).mark.args[1]:
        estimator, check = parameter.values
        if check.func.__name__ in ("check_subset_invariance", "check_order_invariance"):
            with suppress(SkipTest):
                check(estimator)
    kinds = 6
    assert len(fits) == kinds - 2  # of three numeric kinds only the first is tried


class Refusing(NearestMean):
    def fit(self, X, y):
        raise ValueError("never")


def test_an_estimator_that_accepts_nothing_is_an_error():
    with pytest.raises(
        ValueError, match=r"fit accepts no kind of X\. fit refuses numbers"
    ):
        check_sequence_estimator(Refusing(), on_skip=None)


def test_the_tests_of_pytest_are_the_same_checks():
    mark = parametrize_with_sequence_checks(
        [NearestMean(), make_pipeline(TfidfVectorizer(), LogisticRegression())],
        inputs=lambda e: ["numbers"] if isinstance(e, NearestMean) else ["texts"],
        expected_failed_checks=lambda e: {"check_score": "no score"},
        xfail_strict=False,
    ).mark
    assert mark.args[0] == ("estimator", "check")
    ids = [parameter.id for parameter in mark.args[1]]
    assert "NearestMean-check_X_container(numbers, Series)" in ids
    assert "TfidfVectorizer+LogisticRegression-check_fit(texts)" in ids
    marked = [parameter.id for parameter in mark.args[1] if parameter.marks]
    assert marked == [name for name in ids if "check_score" in name]
    estimator, check = mark.args[1][0].values
    check(estimator)


def test_an_unknown_name_is_an_error_of_the_tests_of_pytest_too():
    with pytest.raises(ValueError, match=r"expected_failed_checks must .*\['check_sc'\]"):
        parametrize_with_sequence_checks(
            [NearestMean()], expected_failed_checks=lambda e: {"check_sc": "no score"}
        )


def test_a_check_that_cannot_run_is_skipped_in_pytest_too():
    mark = parametrize_with_sequence_checks([NearestMean()]).mark
    by_id = {parameter.id: parameter.values for parameter in mark.args[1]}
    estimator, check = by_id["NearestMean-check_score(tokens)"]
    with pytest.raises(SkipTest, match="fit refuses tokens"):
        check(estimator)


#: What scikit-learn's text pipeline does not promise, and why.
OF_TFIDF = {
    "check_errors_of_X_at_fit(texts)": "None among texts is an AttributeError",
    "check_errors_of_X_at_predict(texts)": "None among texts is an AttributeError",
    "check_errors_of_y(texts)": "a missing label is an error of numpy's sorting",
}


def test_a_pipeline_of_scikit_learn_is_checked():
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    results = check_sequence_estimator(
        pipeline, expected_failed_checks=OF_TFIDF, on_skip=None
    )
    status = {result["check_name"]: result["status"] for result in results}
    assert {name for name in status if status[name] == "xfail"} == set(OF_TFIDF)
    assert status["check_subset_invariance(texts)"] == "passed"
    assert [name for name in status if name.startswith("check_fit")] == [
        f"check_fit({kind})"
        for kind in ("numbers", "zeros_and_ones", "series", "tokens", "texts", "fields")
    ]
