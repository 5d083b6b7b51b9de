"""Weights of classes, of whole sequences and of steps."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

# In one batch that holds everything, with nothing dropped, a weighted sequence and a
# repeated one give the same gradients. The weights of classes do not count in the scale.
EXACT = {"scale": None, "dropout": 0.0, "batch_size": 1000, "max_epochs": 10, "lr": 0.01}


@pytest.fixture
def make_single(make_tagger):
    """Return a function that makes a small tagger without a CRF, each in turn."""
    return partial(make_tagger, crf=False)


@pytest.fixture
def make_crf(make_tagger):
    """Return a function that makes a small tagger with a CRF, each in turn."""
    return partial(make_tagger, crf=True)


def label(X, labels="uvw"):
    """Return random labels for the steps of X."""
    rng = np.random.default_rng(0)
    return [[labels[i] for i in rng.integers(len(labels), size=len(x))] for x in X]


def flat(rows):
    return [label for row in rows for label in row]


# --- of steps ------------------------------------------------------------------------


def test_a_class_of_weight_k_equals_k_sequences_of_it(make_single, numbers, outputs):
    single = [x[:1] for x in numbers]
    y = [["u"], ["v"], ["w"]] * 8
    weighted = make_single(class_weight={"v": 3, "w": 0}, **EXACT).fit(single, y)
    times = [{"u": 1, "v": 3, "w": 0}[row[0]] for row in y]
    expected = make_single(**EXACT).fit(single, y, sample_weight=times)
    assert_allclose(outputs(weighted, numbers), outputs(expected, numbers), rtol=1e-4)
    plain = make_single(**EXACT).fit(single, y)
    assert np.abs(outputs(plain, single) - outputs(expected, single)).max() > 1e-2


def test_a_class_weighs_each_of_its_steps(make_tagger, numbers):
    # half of the steps of each sequence are 0 and weigh nothing
    y = [["u" if t % 2 else "v" for t in range(len(x))] for x in numbers]
    model = make_tagger(class_weight={"v": 0}, max_epochs=30, lr=0.05).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"u"}
    model = make_tagger(class_weight={"u": 0}, max_epochs=30, lr=0.05).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"v"}


@pytest.mark.filterwarnings("ignore:The training loss did not move")  # X is constant
@pytest.mark.parametrize("weight", [1.0, 3.0, 9.0])
def test_a_weight_multiplies_the_odds_of_its_class_at_each_step(make_tagger, weight):
    # nothing tells the steps apart: a quarter of them are "v", one in each sequence
    X = [np.zeros((4, 1))] * 32
    y = [["v" if t == i % 4 else "u" for t in range(4)] for i in range(32)]
    model = make_tagger(class_weight={"v": weight}, max_epochs=60, lr=0.03, dropout=0)
    probability = np.mean(model.fit(X, y).predict_proba(X[:1])[0][:, 1])
    if model.crf:  # the one "v" of a sequence is known, and only its place is not
        assert (probability > 0.2) if weight == 1 else (probability > 0.3)
    else:
        assert probability == pytest.approx(weight / (weight + 3), abs=0.05)


def test_resumed_training_takes_the_class_weights_of_the_call(make_crf, numbers, rng):
    y = [list(rng.choice(["u", "v"], len(x))) for x in numbers]
    model = make_crf(max_epochs=20, lr=0.05, warm_start=True).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"u", "v"}
    model.set_params(class_weight={"v": 1e-3}, max_epochs=40).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"u"}


def test_balanced_classes_are_weighted_by_how_rare_their_steps_are(
    make_tagger, numbers, outputs
):
    y = label(numbers, "uuuuuvw")
    counts = pd.Series(flat(y)).value_counts()
    weights = (len(flat(y)) / (3 * counts)).to_dict()
    balanced = make_tagger(class_weight="balanced").fit(numbers, y)
    expected = make_tagger(class_weight=weights).fit(numbers, y)
    assert_allclose(outputs(balanced, numbers), outputs(expected, numbers), rtol=1e-4)
    assert not np.allclose(
        outputs(make_tagger().fit(numbers, y), numbers),
        outputs(balanced, numbers),
        rtol=1e-4,
    )


def test_classes_and_sequences_are_weighted_together(make_single, numbers, rng, outputs):
    y, weights = label(numbers), rng.integers(1, 4, size=24)
    model = make_single(class_weight={"u": 4}, **EXACT)
    model.fit(numbers, y, sample_weight=weights)
    indices = np.repeat(np.arange(24), weights)
    expected = make_single(class_weight={"u": 4}, **EXACT).fit(
        [numbers[i] for i in indices], [y[i] for i in indices]
    )
    assert_allclose(
        outputs(model, numbers), outputs(expected, numbers), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("class_weight", ["balanced", {"u": 3.0}])
def test_validation_steps_are_weighted_too(make_tagger, numbers, class_weight):
    y = label(numbers)
    model = make_tagger(class_weight=class_weight, lr=1e-12, dropout=0.0)
    model.fit(numbers, y, X_val=numbers, y_val=y)
    history = model.history_
    assert_allclose(history["valid_loss"], history["train_loss"], rtol=1e-4)
