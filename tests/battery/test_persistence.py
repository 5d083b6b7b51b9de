"""Models on disk: the same bits elsewhere, no more bytes than needed, more training."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer, LRScheduler
from torch.optim import Adamax

from skrnn import (
    FeedForwardGenerator,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
)
from skrnn.persistence import load_model, save_model
from skrnn.preprocessing import StepwiseTransformer

GUIDE = Path(__file__).parents[2] / "docs" / "user_guide" / "persistence.rst"
#: The types that the guide lists for skops.
TRUSTED = re.findall(
    r"^ +((?:skrnn|torch|pandas)\.[\w.]+)$", GUIDE.read_text("utf-8"), re.M
)


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


def by_model_file(model, path):
    save_model(model, path / "model.skrnn")
    return load_model(path / "model.skrnn")


def by_skops(model, path):
    """Return the model from a file whose types are all in the guide's list."""
    skops.io.dump(model, path / "model.skops")
    return skops.io.load(path / "model.skops", trusted=TRUSTED)


def by_copy(model, path):
    return copy.deepcopy(model)


RESTORED = pytest.mark.parametrize(
    "restored",
    [
        by_pickle,
        by_joblib,
        by_compressed_joblib,
        by_memory_map,
        by_model_file,
        by_skops,
        by_copy,
    ],
)


@RESTORED
def test_a_restored_model_predicts_the_same_bits(
    make_any, X, y, outputs, answers, restored, tmp_path
):
    model = make_any().fit(X, y)
    back = restored(model, tmp_path)
    assert_array_equal(outputs(back, X), outputs(model, X))
    assert answers(back, X) == answers(model, X)
    assert back.get_params() == model.get_params()
    assert set(vars(back)) == set(vars(model))
    assert back.n_parameters_ == model.n_parameters_
    assert back.history_.equals(model.history_)


@RESTORED
def test_a_restored_model_can_be_trained_further(
    make_estimator, words, y, outputs, restored, tmp_path
):
    model = make_estimator().fit(words, y)
    back = restored(model, tmp_path)
    before = outputs(back, words)
    back.partial_fit(words, y)
    assert not np.array_equal(outputs(back, words), before)
    assert len(back.history_) == 3
    back.set_params(warm_start=True).fit(words, y)
    assert len(back.history_) == 5
    assert_array_equal(outputs(model, words), before)  # the first one keeps its weights


@RESTORED
def test_several_kinds_of_targets_are_restored(restored, tmp_path):
    X = np.random.default_rng(0).normal(size=(24, 4))
    indicators = np.eye(3, dtype=int)[np.arange(24) % 3]
    indicators[:, 0] = 1
    model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(X, indicators)
    back = restored(model, tmp_path)
    assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    model = SequenceRegressor(
        hidden_size=4, max_epochs=1, loss="quantile", instance_norm="last"
    ).fit(X, X[:, :2])
    back = restored(model, tmp_path)
    assert_array_equal(back.predict_quantiles(X), model.predict_quantiles(X))


def split_words(text):
    return text.split()


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_estimators": 2},
        {"tokenizer": split_words},
        {"optimizer": Adamax},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_skops_needs_the_types_of_the_guide_and_those_of_the_user(parameters):
    X, y = ["a b", "b", "a a", "b a"] * 3, [0, 1] * 6
    model = SequenceClassifier(hidden_size=4, max_epochs=1, **parameters).fit(X, y)
    of_user = {
        f"{value.__module__}.{value.__qualname__}"
        for value in parameters.values()
        if callable(value)
    }
    dumped = skops.io.dumps(model)
    found = skops.io.get_untrusted_types(data=dumped)
    assert set(found) - set(TRUSTED) == of_user
    back = skops.io.loads(dumped, trusted=[*TRUSTED, *of_user])
    assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    without = model.set_params(tokenizer="word", optimizer="adam")
    back = skops.io.loads(skops.io.dumps(without), trusted=TRUSTED)
    tokens = [text.split() for text in X]
    assert_array_equal(back.predict_proba(tokens), model.predict_proba(tokens))


TEXTS = ["the cat (black) sat", 'a "dog" ran', "the end, at last"] * 4
SERIES = [np.arange(2.0 * n).reshape(n, 2) for n in (3, 5, 4)] * 4


@pytest.mark.parametrize(
    ("pipeline", "X", "y"),
    [
        (make_pipeline(SequenceGenerator(hidden_size=4, max_epochs=1)), TEXTS, None),
        (make_pipeline(FeedForwardGenerator(max_epochs=1)), TEXTS, None),
        (
            make_pipeline(Seq2SeqTransformer(hidden_size=4, max_epochs=1)),
            TEXTS,
            TEXTS[::-1],
        ),
        (
            make_pipeline(
                StepwiseTransformer(StandardScaler()),
                SequenceClassifier(hidden_size=4, max_epochs=1),
            ),
            SERIES,
            [0, 1, 0] * 4,
        ),
    ],
    ids=lambda value: type(value[-1]).__name__ if isinstance(value, Pipeline) else "",
)
def test_skops_writes_whole_pipelines(pipeline, X, y):
    back = skops.io.loads(skops.io.dumps(pipeline.fit(X, y)), trusted=TRUSTED)
    assert_array_equal(back.predict(X), pipeline.predict(X))


SCRIPT = """
import sys
import joblib
from sklearn.base import clone

def everything(model, X):
    found = []
    for name in ("predict_proba", "score_samples", "predict"):
        if hasattr(model, name):
            found.append(getattr(model, name)(X))
    return found

results = [
    (everything(model, X), everything(clone(model).fit(X, y), X))
    for model, X, y in joblib.load(sys.argv[1])
]
joblib.dump(results, sys.argv[2])
"""


def test_a_fresh_process_predicts_and_learns_the_same_bits(
    all_cases, forecasters, series, tmp_path
):
    X = [["oak", "elm"], ["ash"], ["Yew", "fir", "may"], ["oak"]] * 6
    numbers = [np.random.default_rng(i).normal(size=(len(x), 2)) for i, x in enumerate(X)]
    fits = []
    for case in all_cases:
        for data in (X, case.numeric(numbers)):
            fits.append((case.fit(data), data, case.targets(data)))
    fits += [(case.fit(series), series, None) for case in forecasters]
    joblib.dump(fits, tmp_path / "cases")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "cases", tmp_path / "results"],
        check=True,
        timeout=120,
    )
    results = joblib.load(tmp_path / "results")
    assert len(results) == len(fits) == 2 * len(all_cases) + len(forecasters)
    scope = {}
    exec(SCRIPT.partition("results =")[0], scope)
    for (model, data, _), (predicted, refitted) in zip(fits, results, strict=True):
        expected = scope["everything"](model, data)
        assert expected
        for found in (predicted, refitted):
            for part, wanted in zip(found, expected, strict=True):
                for row, wanted_row in zip(part, wanted, strict=True):
                    assert_array_equal(row, wanted_row)


@pytest.mark.parametrize("trained_further", [False, True])
def test_a_file_is_hardly_larger_than_the_weights(tmp_path, trained_further):
    X = np.random.default_rng(0).normal(size=(24, 5, 3))
    model = SequenceClassifier(hidden_size=100, max_epochs=1).fit(X, [0, 1] * 12)
    if trained_further:
        model.partial_fit(X, [0, 1] * 12)
    joblib.dump(model, tmp_path / "model.joblib")
    weights = 4 * model.n_parameters_
    assert weights > 300_000
    assert (tmp_path / "model.joblib").stat().st_size < 1.2 * weights
    assert len(pickle.dumps(model)) < 1.2 * weights


def test_a_file_with_a_vocabulary_is_hardly_larger_than_the_weights(tmp_path):
    X = [[f"word{i}", f"word{i + 1}"] for i in range(2000)]
    model = SequenceClassifier(hidden_size=16, max_epochs=1, batch_size=256)
    model.fit(X, [0, 1] * 1000)
    assert len(pickle.dumps(model)) < 1.2 * 4 * model.n_parameters_


def test_no_torch_objects_are_in_the_file(make_any, X, y):
    state = pickle.dumps(make_any().fit(X, y))
    assert b"torch._utils" not in state
    assert b"torch.storage" not in state
    assert b"OrderedDict" not in state


@pytest.mark.parametrize(
    "callbacks", [[EpochTimer()], [("rate", LRScheduler("StepLR", step_size=1))]]
)
def test_a_model_with_callbacks_is_restored(make_any, X, y, outputs, callbacks):
    model = make_any(callbacks=callbacks, lr_schedule="constant").fit(X, y)
    back = pickle.loads(pickle.dumps(model))
    assert_array_equal(outputs(back, X), outputs(model, X))
    back.partial_fit(X, y)


def test_early_stopping_leaves_nothing_that_cannot_be_pickled(make_estimator, X, y):
    def scorer(estimator, X, y=None):  # a local function cannot be pickled
        return estimator.score(X, y)

    model = make_estimator(early_stopping=True, scoring=scorer).fit(X, y)
    back = pickle.loads(pickle.dumps(model.set_params(scoring=None)))
    assert make_estimator.answers(back, X) == make_estimator.answers(model, X)


def test_a_model_that_was_on_a_missing_device_loads_on_the_cpu(
    make_any, X, y, outputs, monkeypatch
):
    model = make_any().fit(X, y)
    expected = outputs(model, X)
    model.net_.device = "cuda"
    state = pickle.dumps(model)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    back = pickle.loads(state)
    assert type(back) is make_any.cls
    assert_array_equal(outputs(back, X), expected)


def test_further_training_after_loading_continues_the_random_order(make_any, X, y):
    def losses(model):
        return [model.partial_fit(X, y).history_["train_loss"].iloc[-1] for _ in "ab"]

    model = make_any(dropout=0.3).partial_fit(X, y)
    loaded = [pickle.loads(pickle.dumps(model)) for _ in "ab"]
    first, second = map(losses, loaded)
    assert first == second
    assert first[0] != model.history_["train_loss"].iloc[-1]
