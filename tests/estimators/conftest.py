"""Small estimators and small data, which every test of this folder may ask for."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.base import is_classifier

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceRegressor,
)
from skrnn.data.ragged import object_array

N_SEQUENCES = 24
SMALL = {
    SequenceClassifier: {"hidden_size": 4},
    SequenceRegressor: {"hidden_size": 4},
    FeedForwardClassifier: {"hidden_layer_sizes": (4,)},
    FeedForwardRegressor: {"hidden_layer_sizes": (4,)},
}
CLASSIFIERS = [SequenceClassifier, FeedForwardClassifier]
REGRESSORS = [SequenceRegressor, FeedForwardRegressor]
RECURRENT = [SequenceClassifier, SequenceRegressor]


# What the tests do not ask for stays at the defaults, which may change as data suggest;
# weight decay would pull away from what the oracles say.
QUICK = {
    "max_epochs": 2,
    "batch_size": 12,
    "embedding_dim": 4,
    "weight_decay": 0.0,
    "random_state": 0,
}


def make(cls, **params):
    return cls(**{**SMALL[cls], **QUICK, **params})


def _one_of(classes):
    return pytest.fixture(params=classes, ids=lambda cls: cls.__name__)


@_one_of(list(SMALL))
def make_estimator(request):
    """Return a function that makes a small estimator, each in turn."""
    return partial(make, request.param)


@_one_of(CLASSIFIERS)
def make_classifier(request):
    """Return a function that makes a small classifier, each in turn."""
    return partial(make, request.param)


@_one_of(REGRESSORS)
def make_regressor(request):
    """Return a function that makes a small regressor, each in turn."""
    return partial(make, request.param)


@_one_of(RECURRENT)
def make_recurrent(request):
    """Return a function that makes a small recurrent estimator, each in turn."""
    return partial(make, request.param)


@pytest.fixture
def numbers(rng):
    """Return sequences of 1 to 6 steps of three features."""
    lengths = np.r_[1, 6, rng.integers(1, 7, size=N_SEQUENCES - 2)]
    return [rng.normal(size=(n, 3)) for n in lengths]


@pytest.fixture
def words(rng):
    """Return sequences of 1 to 6 words."""
    lengths = np.r_[1, 6, rng.integers(1, 7, size=N_SEQUENCES - 2)]
    lexicon = np.array(["oak", "elm", "ash", "Yew", "fir", "may"])
    return [lexicon[rng.integers(6, size=n)].tolist() for n in lengths]


@pytest.fixture(params=["numbers", "words"])
def X(request):
    """Return sequences of either kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def labels():
    """Return one of three classes for each sequence."""
    return np.array(["u", "v", "w"] * (N_SEQUENCES // 3))


@pytest.fixture
def amounts(rng):
    """Return a number for each sequence."""
    return rng.normal(loc=3.0, scale=2.0, size=N_SEQUENCES)


@pytest.fixture
def y(request, labels, amounts):
    """Return targets that suit the estimator which the test asks for."""
    for name in ("make_estimator", "make_recurrent"):
        if name in request.fixturenames:
            chosen = request.getfixturevalue(name)()
            return labels if is_classifier(chosen) else amounts
    return labels if "make_classifier" in request.fixturenames else amounts


@pytest.fixture
def outputs():
    """Return a function that gives all that a fitted estimator says about X."""

    def outputs(estimator, X):
        if is_classifier(estimator):
            return estimator.predict_proba(X)
        return estimator.predict(X)

    return outputs


@pytest.fixture
def objects():
    """Return the function that makes a 1-D object array of anything."""
    return object_array
