"""Models on disk: the same bits elsewhere, no more bytes than needed, and training on."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skorch.callbacks import EpochTimer, LRScheduler

from skrnn import FeedForwardClassifier, SequenceClassifier, SequenceRegressor
from skrnn.estimators._base import BaseNetworkEstimator


@pytest.fixture
def X(words):
    """Return sequences of words. Words need all that numbers need, and a vocabulary."""
    return words


def by_pickle(model, path):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, path):
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib")


def by_compressed_joblib(model, path):
    joblib.dump(model, path / "model.joblib.gz", compress=3)
    return joblib.load(path / "model.joblib.gz")


def by_memory_map(model, path):
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib", mmap_mode="r")


def by_copy(model, path):
    return copy.deepcopy(model)


WAYS = pytest.mark.parametrize(
    "way", [by_pickle, by_joblib, by_compressed_joblib, by_memory_map, by_copy]
)


@WAYS
def test_a_model_predicts_the_same_bits_after_its_return(
    make_estimator, X, y, outputs, way, tmp_path
):
    model = make_estimator().fit(X, y)
    back = way(model, tmp_path)
    assert_array_equal(outputs(back, X), outputs(model, X))
    assert back.get_params() == model.get_params()
    assert set(vars(back)) == set(vars(model))
    assert back.history_.equals(model.history_)


@WAYS
def test_training_goes_on_after_the_return(make_estimator, X, y, outputs, way, tmp_path):
    model = make_estimator().fit(X, y)
    back = way(model, tmp_path)
    before = outputs(back, X)
    back.partial_fit(X, y)
    assert not np.array_equal(outputs(back, X), before)
    assert len(back.history_) == 3
    back.set_params(warm_start=True).fit(X, y)
    assert len(back.history_) == 5
    assert_array_equal(outputs(model, X), before)  # the first one keeps its weights


@WAYS
def test_several_kinds_of_targets_survive(numbers, amounts, way, tmp_path):
    indicators = np.eye(3, dtype=int)[np.arange(24) % 3]
    model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(numbers, indicators)
    assert_array_equal(
        way(model, tmp_path).predict_proba(numbers), model.predict_proba(numbers)
    )
    model = SequenceRegressor(
        hidden_size=4, max_epochs=1, loss="quantile", instance_norm="last"
    ).fit(numbers, np.c_[amounts, amounts])
    assert_array_equal(
        way(model, tmp_path).predict_quantiles(numbers), model.predict_quantiles(numbers)
    )


def test_an_unfitted_estimator_survives(make_estimator):
    model = make_estimator()
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()


SCRIPT = """
import sys
import joblib
from sklearn.base import clone, is_classifier

def outputs(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)

cases = joblib.load(sys.argv[1])
results = [
    (outputs(model, X), outputs(clone(model).fit(X, y), X)) for model, X, y in cases
]
joblib.dump(results, sys.argv[2])
"""


def test_a_fresh_process_predicts_and_learns_the_same_bits(
    numbers, words, labels, amounts, outputs, tmp_path
):
    shared = {"max_epochs": 2, "batch_size": 8, "embedding_dim": 4, "random_state": 0}
    classifiers = [
        SequenceClassifier(hidden_size=4, **shared),
        SequenceClassifier(hidden_size=4, cell="gru", char_encoder="ngrams", **shared),
        FeedForwardClassifier(hidden_layer_sizes=4, **shared),
    ]
    regressors = [SequenceRegressor(hidden_size=4, loss="quantile", **shared)]
    cases = [
        (copy.deepcopy(model).fit(X, y), X, y)
        for models, y in [(classifiers, labels), (regressors, amounts)]
        for model in models
        for X in (numbers, words)
    ]
    joblib.dump(cases, tmp_path / "cases")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "cases", tmp_path / "results"],
        check=True,
        timeout=120,
    )
    results = joblib.load(tmp_path / "results")
    assert len(results) == len(cases) == 8
    for (model, X, _), (predicted, refitted) in zip(cases, results, strict=True):
        assert_array_equal(predicted, outputs(model, X))
        assert_array_equal(refitted, outputs(model, X))


@pytest.mark.parametrize("trained_on", [False, True])
def test_a_file_is_hardly_larger_than_the_weights(tmp_path, numbers, labels, trained_on):
    model = SequenceClassifier(hidden_size=100, max_epochs=1).fit(numbers, labels)
    if trained_on:
        model.partial_fit(numbers, labels)
    joblib.dump(model, tmp_path / "model.joblib")
    weights = 4 * model.n_parameters_
    assert weights > 300_000
    assert (tmp_path / "model.joblib").stat().st_size < 1.2 * weights
    assert len(pickle.dumps(model)) < 1.2 * weights


def test_a_text_models_file_is_hardly_larger_than_the_weights(tmp_path):
    X = [[f"word{i}", f"word{i + 1}"] for i in range(2000)]
    model = SequenceClassifier(hidden_size=16, max_epochs=1, batch_size=256)
    model.fit(X, [0, 1] * 1000)
    assert len(pickle.dumps(model)) < 1.2 * 4 * model.n_parameters_


def test_no_torch_objects_are_in_the_file(make_estimator, X, y):
    state = pickle.dumps(make_estimator().fit(X, y))
    assert b"torch._utils" not in state
    assert b"torch.storage" not in state
    assert b"OrderedDict" not in state


@pytest.mark.parametrize(
    "callbacks", [[EpochTimer()], [("rate", LRScheduler("StepLR", step_size=1))]]
)
def test_a_model_with_callbacks_survives(make_estimator, X, y, outputs, callbacks):
    model = make_estimator(callbacks=callbacks, lr_schedule="constant").fit(X, y)
    back = pickle.loads(pickle.dumps(model))
    assert_array_equal(outputs(back, X), outputs(model, X))
    back.partial_fit(X, y)


def test_early_stopping_leaves_nothing_that_cannot_be_pickled(make_classifier, X, labels):
    def scorer(estimator, X, y):
        return estimator.score(X, y)

    model = make_classifier(early_stopping=True, scoring=scorer).fit(X, labels)
    back = pickle.loads(pickle.dumps(model.set_params(scoring=None)))
    assert_array_equal(back.predict(X), model.predict(X))


def test_a_model_that_was_on_a_missing_device_loads_on_the_cpu(
    make_estimator, X, y, outputs, monkeypatch
):
    model = make_estimator().fit(X, y)
    expected = outputs(model, X)
    model.net_.device = "cuda"
    state = pickle.dumps(model)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    back = pickle.loads(state)
    assert isinstance(back, BaseNetworkEstimator)
    assert_array_equal(outputs(back, X), expected)
