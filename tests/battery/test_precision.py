"""Products in bfloat16. Here a CPU stands in for the GPU that they need."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from skrnn.estimators import _training
from skrnn.modules import products


@pytest.fixture
def reducing(monkeypatch):
    """Take the CPU for a device that multiplies bfloat16; return the products' types."""
    seen = []

    def autocast(device, dtype):
        seen.append((device, dtype))
        return torch.autocast(device, dtype)

    class Torch:
        """torch, with the calls of autocast recorded."""

        def __getattr__(self, name):
            return autocast if name == "autocast" else getattr(torch, name)

    monkeypatch.setattr(products, "torch", Torch())
    monkeypatch.setattr(products, "REDUCING", {"cpu"})
    monkeypatch.setattr(
        _training, "resolve_precision", lambda precision, device: precision
    )
    return seen


def test_products_are_in_the_precision_in_training_and_prediction(
    make_any, numbers, series, reducing
):
    X = series if make_any.answer == "horizon" else numbers
    plain = make_any.fit(X)
    expected = make_any.outputs(plain, X)
    assert reducing == []
    model = make_any.fit(X, precision="bfloat16")
    n_in_training = len(reducing)
    outputs = make_any.outputs(model, X)
    assert len(reducing) > n_in_training > 0
    assert set(reducing) == {("cpu", torch.bfloat16)}
    assert {w.dtype for w in model.net_.module_.parameters()} == {torch.float32}
    assert not np.array_equal(outputs, expected)
    np.testing.assert_allclose(outputs, expected, rtol=0.1, atol=0.1)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(make_any.outputs(loaded, X), outputs)


def test_members_of_an_ensemble_have_it(make_classifier, numbers, reducing):
    model = make_classifier.fit(numbers, precision="bfloat16", n_estimators=2)
    n_in_training = len(reducing)
    model.predict(numbers)
    assert model.net_.precision == "bfloat16"
    assert len(reducing) > n_in_training > 0


def test_a_cpu_refuses_it_by_name(make_any, numbers, series):
    X = series if make_any.answer == "horizon" else numbers
    message = (
        "precision='bfloat16' needs a GPU, but device='cpu': it would only be slower"
    )
    with pytest.raises(ValueError, match=message):
        make_any.fit(X, precision="bfloat16", device="cpu")
