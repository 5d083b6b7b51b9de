"""Products in bfloat16, as on a processor that has units for them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from skrnn.modules import products
from skrnn.training import net


@pytest.fixture
def rounded(monkeypatch):
    """Round all products; return the shapes of those that were."""
    seen = []

    class Functional:
        """torch.nn.functional, with the products in bfloat16 recorded."""

        def __getattr__(self, name):
            return getattr(functional, name)

        def linear(self, x, weight, bias=None):
            if x.dtype == torch.bfloat16:
                seen.append((*x.shape, len(weight)))
            return functional.linear(x, weight, bias)

    monkeypatch.setattr(products, "F", Functional())
    monkeypatch.setattr(products, "MIN_MULTIPLICATIONS", 1)
    for module in (products, net):
        monkeypatch.setattr(module, "has_bfloat16_units", lambda device_type: True)
    return seen


def test_products_are_in_the_precision_in_training_and_prediction(
    make_any, numbers, series, rounded
):
    X = series if make_any.answer == "horizon" else numbers
    plain = make_any.fit(X)
    expected = make_any.outputs(plain, X)
    assert rounded == []
    model = make_any.fit(X, precision="bfloat16")
    n_in_training = len(rounded)
    outputs = make_any.outputs(model, X)
    assert len(rounded) > n_in_training > 0
    assert {w.dtype for w in model.net_.module_.parameters()} == {torch.float32}
    assert not np.array_equal(outputs, expected)
    np.testing.assert_allclose(outputs, expected, rtol=0.1, atol=0.1)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(make_any.outputs(loaded, X), outputs)


def test_members_of_an_ensemble_have_it(make_classifier, numbers, rounded):
    model = make_classifier.fit(numbers, precision="bfloat16", n_estimators=2)
    n_in_training = len(rounded)
    model.predict(numbers)
    assert model.net_.precision == "bfloat16"
    assert len(rounded) > n_in_training > 0


def test_a_cpu_without_units_refuses_it_by_name(make_any, numbers, series, monkeypatch):
    monkeypatch.setattr(net, "has_bfloat16_units", lambda device_type: False)
    X = series if make_any.answer == "horizon" else numbers
    message = "precision='bfloat16' would only be slower on this processor, which has no"
    with pytest.raises(ValueError, match=message):
        make_any.fit(X, precision="bfloat16", device="cpu")


def test_a_model_predicts_without_units(make_classifier, numbers, rounded, monkeypatch):
    model = make_classifier.fit(numbers, precision="bfloat16")
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: False)
    before = len(rounded)
    loaded = pickle.loads(pickle.dumps(model))
    probabilities = loaded.predict_proba(numbers)
    assert len(rounded) == before
    model.net_.precision = "float32"
    np.testing.assert_array_equal(probabilities, model.predict_proba(numbers))
