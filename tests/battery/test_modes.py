"""Fits and predictions are the same in any mode of PyTorch that a caller is in."""

from __future__ import annotations

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch

from skrnn.inspection import gradient_norms, step_importance


def bfloat16():
    """Return autocast's mode."""
    return torch.autocast("cpu", dtype=torch.bfloat16)


MODES = pytest.mark.parametrize("mode", [torch.inference_mode, bfloat16])


def weights(model):
    """Return the weights of a fitted estimator."""
    return model.net_.module_.state_dict()


@MODES
def test_a_fit_does_not_depend_on_the_mode(make_any, numbers, series, mode):
    X = series if make_any.answer == "horizon" else numbers
    expected = make_any.fit(X, max_epochs=1)
    with mode():
        model = make_any.fit(X, max_epochs=1)
        outputs = make_any.outputs(model, X)
        loaded = pickle.loads(pickle.dumps(model))
        others = [model, deepcopy(model), loaded]
    for name, weight in weights(expected).items():
        assert torch.equal(weights(model)[name], weight)
        assert not weights(loaded)[name].is_inference()
    np.testing.assert_array_equal(outputs, make_any.outputs(expected, X))
    for other in others:  # training resumes outside
        other.set_params(warm_start=True).fit(X, make_any.targets(X))


@MODES
def test_inspection_does_not_depend_on_the_mode(make_classifier, numbers, mode):
    y = make_classifier.targets(numbers)
    model = make_classifier.fit(numbers, max_epochs=1)

    def inspect():
        found = [step_importance(model, numbers[:2])[0]]
        if make_classifier.has("cell"):
            found.append(gradient_norms(model, numbers, y, trained=True).to_numpy())
            found.append(
                gradient_norms(make_classifier(), numbers, y, trained=False).to_numpy()
            )
        return found

    expected = inspect()
    with mode():
        for one, other in zip(inspect(), expected, strict=True):
            np.testing.assert_array_equal(one, other)
