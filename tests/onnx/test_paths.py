"""Label paths equal those of the network's conditional random field."""

import numpy as np
import pytest
import torch

from skrnn.modules import crf
from skrnn.modules.outputs import PathScores
from skrnn.onnx import _paths
from skrnn.onnx._paths import (
    Transitions,
    best_path,
    best_path_log_likelihood,
    marginals,
)


@pytest.fixture(params=["free", "forbidden", "impossible"])
def scores(request, rng):
    """Return logits, lengths, and transitions of which some are forbidden."""
    lengths = np.array([1, 7, 3, 7, 2, 5])
    logits = rng.normal(0, 3, (6, 7, 4)).astype(np.float32)
    parts = [rng.normal(0, 2, shape).astype(np.float32) for shape in ((4, 4), 4, 4)]
    if request.param == "forbidden":
        for part in parts:
            part[rng.random(part.shape) < 0.3] = _paths.FORBIDDEN
        parts[0][0] = parts[1][0] = parts[2][0] = 0.0
    if request.param == "impossible":
        parts[0][:] = _paths.FORBIDDEN
    return logits, lengths, Transitions(*parts)


@pytest.fixture
def of_torch(scores):
    """Return the same as the network's outputs."""
    logits, lengths, transitions = scores
    return PathScores(*map(torch.from_numpy, (logits, lengths, *transitions)))


def real(scores):
    return np.arange(scores[0].shape[1]) < scores[1][:, None]


@pytest.mark.parametrize("most", [1, 1 << 18])
def test_the_best_path_is_that_of_the_network(scores, of_torch, monkeypatch, most):
    monkeypatch.setattr(_paths, "MAX_PAIRS", most)
    expected = crf.best_path(of_torch).numpy()
    assert (best_path(*scores) == expected)[real(scores)].all()


def test_marginals_are_those_of_the_network(scores, of_torch):
    expected = crf.marginals(of_torch).numpy()
    got = marginals(*scores)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[real(scores)], expected[real(scores)], atol=1e-6)


def test_the_log_likelihood_of_the_best_path_is_that_of_the_network(scores, of_torch):
    expected = crf.best_path_log_likelihood(of_torch).numpy()
    np.testing.assert_allclose(best_path_log_likelihood(*scores), expected, atol=1e-6)
