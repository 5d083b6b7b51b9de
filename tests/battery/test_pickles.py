"""Pickles of every estimator: plain Python and numpy, small, with the version."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import pickletools

import joblib
import numpy as np
import pandas as pd
import pytest
import skorch.callbacks as skorch_callbacks
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, LRScheduler

import skrnn
from skrnn import SequenceClassifier, preprocessing
from skrnn.preprocessing import LogMelFrames, StepwiseTransformer, WordShapes

#: Packages that a pickle may name. Frequencies of dates are offsets of pandas.
ALLOWED = ("numpy", "skrnn", "pandas._libs.tslibs.offsets", "datetime")
TINY = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 1, "random_state": 0}


def globals_of(pickled):
    """Return the full names of all classes and functions that a pickle names."""
    names, memo, strings = set(), {}, []
    last = None  # what lies on top of the stack, if a string
    for operation, argument, _ in pickletools.genops(pickled):
        if operation.name == "GLOBAL":
            names.add(argument.replace(" ", "."))
        elif operation.name == "STACK_GLOBAL":
            names.add(".".join(strings[-2:]))
        if operation.name == "MEMOIZE":
            memo[len(memo)] = last
            continue
        if operation.name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = last
            continue
        if operation.name in ("BINGET", "LONG_BINGET"):
            argument = memo.get(argument)
            last = argument if isinstance(argument, str) else None
        else:
            last = argument if "UNICODE" in operation.name else None
        if last is not None:
            strings.append(last)
    return names


def foreign(pickled):
    """Return the names of a pickle that are neither Python's, numpy's nor skrnn's."""
    return {
        name
        for name in globals_of(pickled)
        if not name.startswith(ALLOWED) and not name.startswith("builtins.")
    }


def test_the_globals_of_a_pickle_are_found():
    values = [np.ones(2), np.ones(3), torch.optim.SGD, {"a": torch.ones(2)}]
    for protocol in (2, 4, 5):
        found = globals_of(pickle.dumps(values, protocol))
        assert {"numpy.dtype", "torch.optim.sgd.SGD"} <= found
        assert any(name.startswith("torch._utils.") for name in found)


# --- any parameters ------------------------------------------------------------------

VECTORS = {"oak": np.ones(4), "elm": np.arange(4.0), "sea": [1.0, 0.0, 0.0, 2.0]}
SETTINGS = [
    {
        "optimizer": "sgd",
        "lr_schedule": "plateau",
        "early_stopping": True,
        "cell": "gru",
        "bidirectional": True,
        "pooling": "attention",
        "char_encoder": "cnn",
        "attention": "additive",
        "loss": "huber",
        "class_weight": "balanced",
        "instance_norm": "standard",
        "calibration_fraction": 0.3,
        "calendar": True,
        "crf": False,
        "decoder": "recursive",
    },
    {
        "optimizer": "rmsprop",
        "lr_schedule": "cosine",
        "cell": "rnn_relu",
        "num_layers": 2,
        "pooling": "mean",
        "char_encoder": "ngrams",
        "embeddings": VECTORS,
        "freeze_embeddings": True,
        "loss": "quantile",
        "random_state": np.random.RandomState(0),
        "tie_weights": True,
        "scheme": "BIO2",
        "instance_norm": "last",
        "missing": "indicator",
        "verbose": 0,
    },
    {
        "optimizer": "adamw",
        "lr_schedule": "constant",
        "cell": "mingru",
        "pooling": "max",
        "char_encoder": None,
        "dropout": 0.3,
        "weight_decay": 0.1,
        "loss": "absolute_error",
        "patch_size": 2,
        "scale": None,
        "max_vocabulary": 3,
        "min_count": 2,
        "bptt": 4,
        "warm_start": True,
        "device": "cpu",
    },
]


def accepted(case, settings, X):
    """Return a fitted estimator with those of the settings that it has and accepts."""
    known = {name: value for name, value in settings.items() if case.has(name)}
    while True:
        try:
            return case.fit(X, **known)
        except (ValueError, TypeError) as error:
            named = [name for name in known if name in str(error)]
            if not named:
                raise
            for name in named:
                del known[name]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s["optimizer"])
def test_a_pickle_names_numpy_and_skrnn_only(make_any, X, settings):
    model = accepted(make_any, settings, X)
    assert model.optimizer == settings["optimizer"]
    assert foreign(pickle.dumps(model)) == set()


def test_a_model_of_fields_names_numpy_and_skrnn_only(rng):
    frame = pd.DataFrame(
        {
            "text": ["good day", "bad", "good", "day"] * 4,
            "reading": [rng.normal(size=n) for n in (2, 1, 1, 1)] * 4,
            "kind": pd.Categorical(["u", "v", "u", "w"] * 4),
            "age": [1.0, np.nan, 3.0, 4.0] * 4,
        }
    )
    for y in ([1, 0, 1, 0] * 4, pd.Categorical(["a", "b"] * 8)):
        model = SequenceClassifier(**TINY, missing="indicator").fit(frame, y)
        assert foreign(pickle.dumps(model)) == set()


def test_the_optimizer_that_a_user_passes_is_the_one_class_of_torch(make_any, X, y):
    model = make_any(optimizer=torch.optim.NAdam).fit(X, y)
    assert foreign(pickle.dumps(model)) == {"torch.optim.nadam.NAdam"}


# --- any callbacks -------------------------------------------------------------------


class KeepsTheNet(Callback):
    """Keeps what it is given."""

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self.net = net


class OwnRate(LRScheduler):
    """A schedule of a user's."""


CALLBACKS = {
    "EpochTimer": lambda path: skorch_callbacks.EpochTimer(),
    "PrintLog": lambda path: skorch_callbacks.PrintLog(sink=len),
    "LRScheduler": lambda path: LRScheduler("StepLR", step_size=1),
    "CyclicLR": lambda path: LRScheduler(
        "CyclicLR", base_lr=1e-3, max_lr=1e-2, step_every="batch", cycle_momentum=False
    ),
    "ReduceLROnPlateau": lambda path: LRScheduler("ReduceLROnPlateau"),
    "EarlyStopping": lambda path: skorch_callbacks.EarlyStopping("train_loss", sink=len),
    "Checkpoint": lambda path: skorch_callbacks.Checkpoint(
        monitor="train_loss_best", dirname=path, sink=len, load_best=True
    ),
    "TrainEndCheckpoint": lambda path: skorch_callbacks.TrainEndCheckpoint(
        dirname=path, sink=len
    ),
    "GradientNormClipping": lambda path: skorch_callbacks.GradientNormClipping(1.0),
    "Freezer": lambda path: skorch_callbacks.Freezer("encoder*"),
    "own": lambda path: KeepsTheNet(),
    "own rate": lambda path: OwnRate("StepLR", step_size=1),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_leave_nothing_of_torch_in_a_pickle(name, tmp_path, words):
    callback = CALLBACKS[name](tmp_path)
    y = np.arange(len(words)) % 2
    model = SequenceClassifier(**TINY, lr_schedule="constant", callbacks=[callback])
    model.fit(words, y)
    pickled = pickle.dumps(model)
    given = ["skorch.", "pathlib.", __name__]
    if name == "own rate":  # whose policy is a class
        given.append("torch.optim.lr_scheduler.StepLR")
    assert {n for n in foreign(pickled) if not n.startswith(tuple(given))} == set()
    assert_array_equal(
        pickle.loads(pickled).predict_proba(words), model.predict_proba(words)
    )


# --- no training data ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["numbers", "words"])
def test_a_pickle_does_not_grow_with_the_training_data(make_estimator, request, kind):
    X = request.getfixturevalue(kind)
    few, many = (
        len(pickle.dumps(make_estimator.fit(data, batch_size=len(data))))
        for data in (X, X * 8)
    )
    assert many < few + 200


def test_a_pickled_forecaster_does_not_grow_with_the_series(make_forecaster, series):
    long, longer = (
        len(pickle.dumps(make_forecaster.fit([np.tile(x, n) for x in series])))
        for n in (10, 30)
    )
    assert longer < long + 200


def test_tokens_that_were_left_out_cannot_be_read_from_a_pickle(make_estimator, words):
    if not make_estimator.has("min_count"):
        pytest.skip("has no vocabulary")
    data = [[*words[0], "confidential"], *words[1:]]
    model = make_estimator.fit(data, min_count=2)
    assert b"confidential" not in pickle.dumps(model)


# --- size ----------------------------------------------------------------------------


def test_a_file_above_a_megabyte_is_weights_and_vocabulary(tmp_path):
    X = [[f"word{i}", f"word{i + 1}"] for i in range(8000)]
    model = SequenceClassifier(
        **TINY | {"embedding_dim": 64}, batch_size=512, char_encoder=None
    )
    model.fit(X, [0, 1] * 4000)
    vocabulary = sum(len(word.encode()) + 8 for word in model.vocabulary_)
    content = 4 * model.n_parameters_ + vocabulary
    assert content > 1 << 20
    joblib.dump(model, tmp_path / "model")
    for size in (len(pickle.dumps(model)), (tmp_path / "model").stat().st_size):
        assert size < 1.05 * content


def test_a_file_of_a_large_network_is_its_weights(make_any, X, y, tmp_path):
    wide = {"hidden_size": 256, "hidden_layer_sizes": (512, 512)}
    known = {name: value for name, value in wide.items() if make_any.has(name)}
    model = make_any(**known, max_epochs=1).fit(X, y)
    content = 4 * model.n_parameters_
    assert content > 1 << 20
    assert len(pickle.dumps(model)) < 1.05 * content


# --- elsewhere -----------------------------------------------------------------------


def predictions_of(models_and_data):
    """Return the predictions of each model, and where they were made."""
    predictions = [model.predict(X) for model, X in models_and_data]
    return os.getpid(), predictions


def test_a_worker_of_loky_predicts_the_same(all_cases, forecasters, words, series):
    fits = [(case.fit(words), words) for case in all_cases]
    fits += [(case.fit(series), series) for case in forecasters]
    (pid, found), *_ = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(predictions_of)(part) for part in (fits, fits[:1])
    )
    assert pid != os.getpid()
    for (model, X), predicted in zip(fits, found, strict=True):
        for row, expected in zip(predicted, model.predict(X), strict=True):
            assert_array_equal(row, expected)


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "xpu", "mps", "meta"])
def test_a_device_that_is_absent_here_becomes_the_cpu(device, words):
    model = SequenceClassifier(**TINY).fit(words, np.arange(len(words)) % 2)
    expected = model.predict_proba(words)
    model.net_.device = device
    back = pickle.loads(pickle.dumps(model))
    assert back.net_.device == "cpu"
    assert_array_equal(back.predict_proba(words), expected)


def test_weights_of_a_read_only_memory_map_are_not_written(tmp_path, words):
    y = np.arange(len(words)) % 2
    joblib.dump(SequenceClassifier(**TINY).fit(words, y), tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    model = joblib.load(tmp_path / "model", mmap_mode="r")
    model.partial_fit(words, y)
    assert len(model.history_) == 2
    assert (tmp_path / "model").read_bytes() == before


# --- versions ------------------------------------------------------------------------


def transformers():
    scaler = StepwiseTransformer(StandardScaler())
    return [LogMelFrames(sample_rate=8000), scaler, WordShapes()]


def test_a_pickle_of_another_version_warns(make_any, X, y, monkeypatch):
    pickled = pickle.dumps(make_any().fit(X, y))
    monkeypatch.setattr(skrnn, "__version__", "9.9")
    name = make_any.cls.__name__
    message = rf"{name} was saved by skrnn 0\..*, and this is 9\.9"
    with pytest.warns(InconsistentVersionWarning, match=message) as caught:
        model = pickle.loads(pickled)
    assert caught[0].message.current_sklearn_version == "9.9"
    assert make_any.answers(model, X)
    assert "_skrnn_version" not in vars(model)


@pytest.mark.parametrize("model", transformers(), ids=lambda t: type(t).__name__)
def test_a_pickled_transformer_of_another_version_warns(model, monkeypatch):
    pickled = pickle.dumps(model)
    assert pickle.loads(pickled).get_params().keys() == model.get_params().keys()
    monkeypatch.setattr(skrnn, "__version__", "9.9")
    with pytest.warns(InconsistentVersionWarning, match="was saved by skrnn 0"):
        pickle.loads(pickled)


def test_a_pickle_without_a_version_warns(words):
    model = SequenceClassifier(**TINY)
    back = SequenceClassifier.__new__(SequenceClassifier)
    with pytest.warns(InconsistentVersionWarning, match="by skrnn before 0.1"):
        back.__setstate__(dict(vars(model)))
    assert back.get_params() == model.get_params()


def test_a_copy_in_memory_does_not_warn(make_any):
    model = make_any()
    for copied in (copy.copy(model), copy.deepcopy(model)):
        assert vars(copied).keys() == vars(model).keys()


def test_every_public_class_with_a_state_keeps_its_version():
    classes = [
        value
        for module in (skrnn, preprocessing)
        for value in (getattr(module, name) for name in module.__all__)
        if inspect.isclass(value) and hasattr(value, "get_params")
    ]
    assert len(classes) > 12
    for cls in classes:
        assert "_skrnn_version" in cls.__new__(cls).__getstate__()
