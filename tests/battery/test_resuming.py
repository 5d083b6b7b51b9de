"""Trainings that are killed, interrupted, saved and continued."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skrnn.persistence import load_model, save_model
from skrnn.training import checkpoint, optimizers
from skrnn.training.ensemble import EnsembleNet
from skrnn.training.interrupts import Interrupts
from skrnn.training.updates import Updates

SOAK = Path(__file__).parents[1] / "soak"


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.fixture
def data(case, request):
    """Return X and y that suit the estimator."""
    if case.answer == "horizon":
        return request.getfixturevalue("series"), None
    return request.getfixturevalue("words"), request.getfixturevalue("y")


@pytest.fixture
def updates(monkeypatch):
    """Count updates, and do something at one of them, as ``updates.at[n] = function``."""

    class Counter:
        n = 0
        at = {}

    step = Updates.step

    def counting(self, batch):
        Counter.n += 1
        if Counter.n in Counter.at:
            Counter.at.pop(Counter.n)()
        return step(self, batch)

    monkeypatch.setattr(Updates, "step", counting)
    return Counter


def kill():
    raise Killed


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def always_due(monkeypatch):
    """Make a checkpoint due after every epoch."""
    monkeypatch.setattr(checkpoint, "SPACING", 0)


@pytest.fixture
def lazy_rows(monkeypatch):
    """Make the optimizer update rows of every table when they are read."""
    monkeypatch.setattr(optimizers, "MIN_TABLE", 1)


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    """Make the last Ctrl-C, in another test, long ago."""
    monkeypatch.setattr(Interrupts, "last", -np.inf)


def without_seconds(model):
    return model.history_.drop(columns="seconds")


def assert_same(model, expected, X, outputs):
    """Assert that two models have the same bits."""
    assert_array_equal(outputs(model, X), outputs(expected, X))
    assert without_seconds(model).equals(without_seconds(expected))
    assert model.n_iter_ == expected.n_iter_
    for name, value in expected.net_.module_.state_dict().items():
        assert_array_equal(model.net_.module_.state_dict()[name], value)


# --- killed --------------------------------------------------------------------------


def test_a_killed_fit_resumes_and_ends_with_the_same_bits(
    make_any, data, outputs, updates, always_due, lazy_rows, tmp_path
):
    X, y = data
    params = {"max_epochs": 4, "dropout": 0.3}
    if make_any.has("validation_strategy"):
        params |= {"early_stopping": True, "random_state": None}
    np.random.seed(0)
    expected = make_any(**params).fit(X, y)
    n_whole, updates.n = updates.n, 0
    path = tmp_path / "one.checkpoint"
    updates.at = {n_whole // 2 + 2: kill}
    np.random.seed(0)
    model = make_any(checkpoint=path, **params)
    with pytest.raises(Killed):
        model.fit(X, y)
    assert path.exists()
    np.random.seed(1)  # seeds come from the file
    updates.n = 0
    model.fit(X, y)
    assert 0 < updates.n < n_whole
    assert not list(tmp_path.iterdir())
    assert_same(model, expected, X, outputs)


def test_a_finished_fit_in_a_directory_is_not_repeated(
    make_any, data, outputs, updates, tmp_path
):
    X, y = data
    expected = make_any(checkpoint=str(tmp_path)).fit(X, y)
    updates.n = 0
    model = make_any(checkpoint=str(tmp_path)).fit(X, y)
    assert updates.n == 0
    assert_same(model, expected, X, outputs)
    nets = model.net_.nets if isinstance(model.net_, EnsembleNet) else [model.net_]
    assert not any(net.module_.training for net in nets)  # dropout is off after fits
    for one in (model, expected):
        one.partial_fit(X, y)  # the optimizer's state is in the file, too
    assert_array_equal(outputs(model, X), outputs(expected, X))


def test_a_forecaster_does_not_measure_its_errors_twice(
    make_forecaster, series, updates, always_due, tmp_path
):
    params = {"max_epochs": 3, "calibration_fraction": 0.2}
    expected = make_forecaster(**params).fit(series)
    n_whole, updates.n = updates.n, 0
    updates.at = {n_whole - 1: kill}
    path = tmp_path / "one.checkpoint"
    model = make_forecaster(checkpoint=path, **params)
    with pytest.raises(Killed):
        model.fit(series)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "one.checkpoint",
        "one.checkpoint.calibration",
    ]
    updates.n = 0
    model.fit(series)
    assert updates.n < n_whole / 2
    assert not list(tmp_path.iterdir())
    assert_array_equal(
        model.predict_quantiles(series), expected.predict_quantiles(series)
    )


def test_a_warm_start_resumes(make_regressor, words, y, outputs, updates, tmp_path):
    path = tmp_path / "one.checkpoint"
    params = {"warm_start": True, "keep_optimizer": True, "checkpoint": path}
    first = make_regressor(max_epochs=2, **params).fit(words, y)
    saved = pickle.dumps(first)
    first.set_params(max_epochs=4).fit(words, y)
    model = pickle.loads(saved).set_params(max_epochs=4)
    updates.n, updates.at = 0, {5: kill}
    with pytest.raises(Killed):
        model.fit(words, y)
    assert path.exists()
    model = pickle.loads(saved).set_params(max_epochs=4).fit(words, y)
    assert_same(model, first, words, outputs)


def test_processes_are_killed_by_the_system_and_resume():
    command = [sys.executable, "kills.py", "--kills", "3", "--seed", "3"]
    command += ["--points", "update", "rename", "moment", "--fits", "dense classifier"]
    result = subprocess.run(command, cwd=SOAK, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "3 of 3 killed trainings ended with the same bits" in result.stdout


# --- searches ------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_resumes_from_a_directory(
    make_classifier, words, y, updates, n_jobs, tmp_path
):
    def scores(search):
        with parallel_config(backend="threading", n_jobs=n_jobs):
            return search.fit(words, y).cv_results_["mean_test_score"]

    grid = {"lr": [0.01, 0.02]}
    expected = scores(GridSearchCV(make_classifier(), grid, cv=2, refit=False))
    n_whole, updates.n = updates.n, 0
    updates.at = {n_whole // 2 + 2: kill}
    model = make_classifier(checkpoint=str(tmp_path))
    search = GridSearchCV(model, grid, cv=2, refit=False)
    with pytest.raises(Killed):
        scores(search)
    updates.n = 0
    assert_array_equal(scores(search), expected)
    assert 0 < updates.n < n_whole
    assert len(list(tmp_path.iterdir())) == 4  # two candidates, two folds
    updates.n = 0
    assert_array_equal(scores(search), expected)
    assert updates.n == 0


def test_a_search_with_one_file_is_pointed_to_a_directory(
    make_classifier, words, y, updates, always_due, tmp_path
):
    path = tmp_path / "one.checkpoint"
    search = GridSearchCV(
        make_classifier(checkpoint=path, max_epochs=3), {"lr": [0.01, 0.02]}, cv=2
    )
    updates.at = {updates.n + 3: kill}
    with pytest.raises(Killed):
        search.fit(words, y)
    assert path.exists()
    other = make_classifier(checkpoint=path, max_epochs=3, lr=0.02)
    with pytest.raises(ValueError, match=r"lr=0\.01 in place of 0\.02.*pass a directory"):
        other.fit(words, y)
    assert path.exists()


# --- Ctrl-C --------------------------------------------------------------------------


@pytest.mark.parametrize("stops", [False, True])
def test_ctrl_c_keeps_the_model(make_any, data, outputs, updates, stops):
    X, y = data
    model = make_any(max_epochs=50, on_interrupt="keep", early_stopping=stops)
    before = signal.getsignal(signal.SIGINT)
    updates.at = {updates.n + 7: interrupt}
    with pytest.warns(UserWarning, match="Ctrl-C ends training"):
        model.fit(X, y)
    assert updates.n <= 7
    assert signal.getsignal(signal.SIGINT) is before
    assert 1 <= model.n_iter_ < 10
    assert np.isfinite(model.history_["train_loss"]).all()
    assert np.isfinite(outputs(model, X)).all()
    assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), X), outputs(model, X))


def test_the_kept_weights_are_those_of_the_best_epoch(
    make_many_to_one, words, y, updates
):
    """Held-out data are scored once more after the last update."""
    model = make_many_to_one(max_epochs=50, on_interrupt="keep", early_stopping=True)
    model.set_params(lr=0.1, lr_schedule="constant")
    updates.at = {updates.n + 9: interrupt}
    with pytest.warns(UserWarning, match="Ctrl-C ends training"):
        model.fit(words, y)
    losses = model.history_["valid_loss"].to_numpy()
    assert np.isfinite(losses).all()
    shorter = make_many_to_one(max_epochs=int(losses.argmin()) + 1, early_stopping=True)
    shorter.set_params(lr=0.1, lr_schedule="constant")
    shorter.fit(words, y)
    assert_array_equal(model.predict(words), shorter.predict(words))


def test_ctrl_c_raises_by_default_and_leaves_the_estimator_as_it_was(
    make_any, data, updates
):
    model = make_any(max_epochs=50)
    updates.at = {updates.n + 5: interrupt}
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data)
    assert not model.__sklearn_is_fitted__()


def test_an_interrupted_fit_resumes_from_its_checkpoint(
    make_classifier, words, y, outputs, updates, always_due, tmp_path
):
    expected = make_classifier(max_epochs=6).fit(words, y)
    path = tmp_path / "one.checkpoint"
    model = make_classifier(max_epochs=6, on_interrupt="keep", checkpoint=path)
    updates.at = {updates.n + 7: interrupt}
    with pytest.warns(UserWarning, match="Ctrl-C ends training"):
        model.fit(words, y)
    assert path.exists()
    assert_same(model.fit(words, y), expected, words, outputs)
    assert not path.exists()


# --- saved ---------------------------------------------------------------------------


def check_continuing(model, X, y, outputs, path):
    """Assert that copies of a model continue with the same bits as itself."""
    model.fit(X, y)
    save_model(model, path)
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model), load_model(path)]
    model.partial_fit(X, y).fit(X, y)
    for one in copies:
        one.partial_fit(X, y).fit(X, y)
        assert_same(one, model, X, outputs)


def test_with_its_optimizer_a_saved_estimator_continues_with_the_same_bits(
    make_any, data, outputs, tmp_path
):
    model = make_any(keep_optimizer=True, dropout=0.3, warm_start=True)
    check_continuing(model, *data, outputs, tmp_path / "model")


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_every_optimizer_can_be_kept(make_regressor, data, outputs, optimizer, tmp_path):
    model = make_regressor(keep_optimizer=True, warm_start=True, optimizer=optimizer)
    check_continuing(model, *data, outputs, tmp_path / "model")


def test_without_its_optimizer_a_saved_estimator_has_a_third_of_the_size(
    make_any, data, tmp_path
):
    sizes = {}
    for keep in (False, True):
        model = make_any(keep_optimizer=keep).fit(*data)
        sizes[keep] = len(pickle.dumps(model))
    weights = 4 * model.n_parameters_
    assert sizes[False] + 2 * weights <= sizes[True] < sizes[False] + 4 * weights + 20_000
