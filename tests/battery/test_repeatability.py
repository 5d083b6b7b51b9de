"""The same bits again: in other processes, after pickling, whatever is watched or seeded."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback, EpochTimer, PrintLog

from skrnn import SequenceClassifier

SOAK = Path(__file__).parents[1] / "soak"


def weights(model):
    """Return the weights of a fitted estimator."""
    return {name: w.clone() for name, w in model.net_.module_.state_dict().items()}


def assert_same_bits(one, other):
    assert [n for n in one if not torch.equal(one[n], other[n])] == []


# --- other processes -----------------------------------------------------------------

PROGRAM = """
import json, random, sys, warnings
import numpy as np, torch
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
for seed in (random.seed, np.random.seed, torch.manual_seed):
    seed(1234)
from fits import digests
print(json.dumps(digests()))
"""


@pytest.mark.filterwarnings("ignore")  # epochs are few
def test_another_process_hash_seed_and_global_seeds_give_the_same_bits(monkeypatch):
    monkeypatch.syspath_prepend(SOAK)
    from fits import digests

    of_process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SOAK)],
        env=os.environ | {"PYTHONHASHSEED": "1234", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    here = digests()
    torch.set_num_threads(before)
    assert len(here) > 12
    assert json.loads(of_process.stdout) == here


def fit_and_weigh(model, X, y):
    return weights(model.fit(X, y))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_one_worker_and_two_give_the_same_bits(words, backend):
    y = np.arange(len(words)) % 2
    small = {"hidden_size": 4, "max_epochs": 2}
    models = [SequenceClassifier(**small, random_state=i) for i in (0, 1)]
    one, two = (
        joblib.Parallel(n_jobs=n_jobs, backend=backend)(
            joblib.delayed(fit_and_weigh)(model, words, y) for model in models
        )
        for n_jobs in (1, 2)
    )
    for alone, together in zip(one, two, strict=True):
        assert_same_bits(alone, together)


# --- after pickling, and whatever is watched -----------------------------------------


def test_a_pickled_estimator_learns_the_same_bits(make_any, X, y):
    model = make_any()
    expected = weights(model.fit(X, y))
    unfitted, fitted = (
        pickle.loads(pickle.dumps(make_any())),
        pickle.loads(pickle.dumps(model)),
    )
    for copied in (unfitted, fitted):
        assert_same_bits(weights(copied.fit(X, y)), expected)


class Watch(Callback):
    """Looks at everything, and draws random numbers of its own."""

    def on_batch_end(self, net, **kwargs):
        self.norm = sum(w.detach().norm() for w in net.module_.parameters())

    def on_epoch_end(self, net, **kwargs):
        self.rows = net.history[:, "train_loss"]


@pytest.mark.parametrize(
    "watched",
    [
        {"verbose": 1},
        {"verbose": 2},
        {"callbacks": [EpochTimer()]},
        {"callbacks": [PrintLog(sink=len), Watch()]},
    ],
    ids=["a line", "a table", "a timer", "a log and a watch"],
)
def test_verbose_and_callbacks_change_no_bit(make_any, words, series, watched, capsys):
    X = series if make_any.answer == "horizon" else words
    expected = weights(make_any.fit(X, dropout=0.2))
    assert_same_bits(weights(make_any.fit(X, dropout=0.2, **watched)), expected)


# --- global generators ---------------------------------------------------------------


def global_states():
    """Return the states of the generators of Python, numpy and torch."""
    kind, keys, *place = np.random.get_state()
    return random.getstate(), kind, keys.tolist(), place, torch.get_rng_state().tolist()


#: Methods, and their arguments after X; "y" stands for the targets.
METHODS = {
    "backtest": {"n_windows": 1},
    "decision_function": {},
    "generate": {"random_state": 0},
    "log_likelihood": {"y": "y"},
    "partial_fit": {"y": "y"},
    "perplexity": {},
    "predict": {},
    "predict_attention": {},
    "predict_log_likelihood": {},
    "predict_log_proba": {},
    "predict_n_best": {"n": 2},
    "predict_proba": {},
    "sample": {"random_state": 0},
    "score": {"y": "y"},
    "score_samples": {},
    "stream": {"random_state": 0},
    "transform": {},
}
WITHOUT_DATA = {
    *("fit", "fit_predict", "fit_transform", "get_feature_names_out"),
    *("get_metadata_routing", "get_params", "set_callbacks", "set_output", "set_params"),
    "predict_quantiles",
}


def test_every_public_method_is_tried_or_needs_no_random_numbers(make_any):
    names = {
        name
        for name in dir(make_any.cls)
        if not name.startswith("_")
        and callable(getattr(make_any.cls, name, None))
        and not (name.startswith("set_") and name.endswith("_request"))
    }
    assert names <= set(METHODS) | WITHOUT_DATA


def test_no_method_touches_a_global_generator(make_any, words, series):
    X = series if make_any.answer == "horizon" else words
    y = make_any.targets(X)
    before = global_states()
    model = make_any(early_stopping=True, dropout=0.2).fit(X, y)
    model.set_params(early_stopping="auto")
    for name, arguments in METHODS.items():
        of_steps = make_any.answer == "step numbers"  # which are not pooled
        if not hasattr(model, name) or (name == "transform" and of_steps):
            continue
        given = {k: y if v == "y" else v for k, v in arguments.items()}
        if make_any.answer == "itself" and name == "sample":
            found = model.sample(3, **given)
        else:
            found = getattr(model, name)(X[0] if name == "stream" else X, **given)
        if name == "stream":
            list(found)
        assert global_states() == before, name


# --- threads -------------------------------------------------------------------------


def test_eight_threads_predict_as_one(make_any, words, series):
    X = series if make_any.answer == "horizon" else words
    model = make_any.fit(X)
    expected = make_any.outputs(model, X)
    barrier = threading.Barrier(8, timeout=60)

    def predict(i):
        barrier.wait()
        return [make_any.outputs(model, X) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(predict, range(8)):
            for outputs in found:
                assert_array_equal(outputs, expected)
