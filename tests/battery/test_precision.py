"""Products in bfloat16, as on a processor that has units for them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from skrnn.modules import products
from skrnn.modules.recurrent.cells import LSTM, Cell
from skrnn.training import net


@pytest.fixture
def rounded(monkeypatch):
    """Round all products but those of the LSTM; return their shapes."""
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
    monkeypatch.setattr(products, "MIN_ROUNDED", 1)
    monkeypatch.setattr(LSTM, "is_rounded", Cell.is_rounded)
    for module in (products, net):
        monkeypatch.setattr(module, "has_bfloat16_units", lambda device_type: True)
    return seen


@pytest.fixture
def rounded_steps(monkeypatch):
    """Round the steps of each LSTM; return the shapes of those that were."""
    seen = []

    def is_rounded(self, x):
        if products.may_round(x):
            seen.append(tuple(x.shape))
        return products.may_round(x)

    monkeypatch.setattr(LSTM, "is_rounded", is_rounded)
    for module in (products, net):
        monkeypatch.setattr(module, "has_bfloat16_units", lambda device_type: True)
    return seen


def test_products_are_in_the_precision_in_training_alone(
    make_any, numbers, series, rounded
):
    X = series if make_any.answer == "horizon" else numbers
    plain = make_any.fit(X)
    expected = make_any.outputs(plain, X)
    assert rounded == []
    model = make_any.fit(X, precision="bfloat16")
    n_in_training = len(rounded)
    outputs = make_any.outputs(model, X)
    assert len(rounded) == n_in_training > 0
    assert {w.dtype for w in model.net_.module_.parameters()} == {torch.float32}
    assert not np.array_equal(outputs, expected)
    np.testing.assert_allclose(outputs, expected, rtol=0.1, atol=0.1)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(make_any.outputs(loaded, X), outputs)


@pytest.mark.usefixtures("bfloat16_vectors")
def test_steps_are_in_the_precision_in_training_alone(
    make_any, numbers, series, rounded_steps
):
    X = series if make_any.answer == "horizon" else numbers
    expected = make_any.outputs(make_any.fit(X), X)
    assert rounded_steps == []
    model = make_any.fit(X, precision="bfloat16")
    n_in_training = len(rounded_steps)
    outputs = make_any.outputs(model, X)
    assert len(rounded_steps) == n_in_training
    assert (n_in_training > 0) == (model.net_.module_.cell is LSTM)
    np.testing.assert_allclose(outputs, expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("form", ["numbers", "words"])  # those with characters
def test_validation_within_training_is_in_float32(
    make_classifier, form, rounded, monkeypatch, request
):
    seen, phases = set(), []
    may_round, run_epoch = products.may_round, net.SequenceNet.run_single_epoch

    def watched(x):
        seen.add((phases[-1], may_round(x)))
        return may_round(x)

    def noted(self, iterator, training, *arguments, **options):
        phases.append(training)
        run_epoch(self, iterator, training, *arguments, **options)

    monkeypatch.setattr(products, "may_round", watched)
    monkeypatch.setattr(net.SequenceNet, "run_single_epoch", noted)
    X = request.getfixturevalue(form)
    make_classifier.fit(X, precision="bfloat16", early_stopping=True, max_epochs=1)
    assert phases == [True, False]
    assert seen == {(True, True), (False, False)}


def test_members_of_an_ensemble_have_it(make_classifier, numbers, rounded):
    model = make_classifier.fit(numbers, precision="bfloat16", n_estimators=2)
    assert [member.precision for member in model.net_.nets] == ["bfloat16"] * 2
    assert rounded


def test_training_resumes_in_float32_without_units(
    make_classifier, numbers, rounded, monkeypatch
):
    model = make_classifier.fit(numbers, precision="bfloat16", warm_start=True)
    loaded = pickle.loads(pickle.dumps(model))
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: False)
    rounded.clear()
    loaded.fit(numbers, make_classifier.targets(numbers))
    assert rounded == []


def test_a_cpu_without_units_refuses_it_by_name(make_any, numbers, series, monkeypatch):
    monkeypatch.setattr(net, "has_bfloat16_units", lambda device_type: False)
    X = series if make_any.answer == "horizon" else numbers
    message = "precision='bfloat16' would only be slower on device='cpu'"
    with pytest.raises(ValueError, match=message):
        make_any.fit(X, precision="bfloat16", device="cpu")
