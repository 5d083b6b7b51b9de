"""Small classifiers and regressors, and small data for them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from skrnn import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    SequenceClassifier,
    SequenceRegressor,
)

N_SEQUENCES = 24
SMALL = {
    SequenceClassifier: {"hidden_size": 4},
    SequenceRegressor: {"hidden_size": 4},
    FeedForwardClassifier: {"hidden_layer_sizes": (4,)},
    FeedForwardRegressor: {"hidden_layer_sizes": (4,)},
}
CLASSIFIERS = [SequenceClassifier, FeedForwardClassifier]
REGRESSORS = [SequenceRegressor, FeedForwardRegressor]


# Parameters that the tests do not mention stay at their defaults, which may change as data
# suggest; weight decay would pull away from what the oracles say.
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


@_one_of(CLASSIFIERS)
def make_classifier(request):
    """Return a function that makes a small classifier, each in turn."""
    return partial(make, request.param)


@_one_of(REGRESSORS)
def make_regressor(request):
    """Return a function that makes a small regressor, each in turn."""
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
