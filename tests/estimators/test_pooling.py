"""Recurrent networks as transformers: the pooled vector of each sequence."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from skrnn import SequenceClassifier, SequenceRegressor

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.fixture(params=[SequenceClassifier, SequenceRegressor])
def model(request, sequences):
    X, y = sequences
    return request.param(**SMALL).fit(X, y)


@pytest.fixture
def sequences(rng):
    """Return 20 sequences of 1 to 6 steps of two features, and two classes."""
    X = [rng.normal(size=(n, 2)) for n in rng.integers(1, 7, size=20)]
    return X, np.arange(20) % 2


def test_the_output_layer_reads_the_vectors(model, sequences):
    X, _ = sequences
    vectors = model.transform(X)
    assert vectors.dtype == np.float32
    assert vectors.shape == (20, 4 if isinstance(model, SequenceRegressor) else 8)
    network = model.net_.module_.eval()
    with torch.no_grad():
        outputs = network.head(torch.from_numpy(vectors)).numpy()
    if isinstance(model, SequenceRegressor):
        expected = model._targets.decode(outputs, model._check_X(X))
        assert_allclose(model.predict(X), expected, rtol=1e-6)
    else:
        score = model.decision_function(X)
        assert_allclose(outputs[:, 1] - outputs[:, 0], score, rtol=1e-4, atol=1e-6)


def test_vectors_depend_on_their_own_sequence_alone(model, sequences):
    X, y = sequences
    expected = model.transform(X)
    assert_array_equal(model.transform(X[::-1]), expected[::-1])
    assert_allclose(model.transform(X[3:4]), expected[3:4], rtol=1e-5, atol=1e-6)
    assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), expected)
    assert_array_equal(model.fit_transform(X, y), expected)


def test_features_are_named_by_the_class(model, sequences):
    X, _ = sequences
    names = model.get_feature_names_out().tolist()
    assert names[:2] == [f"{type(model).__name__.lower()}{i}" for i in (0, 1)]
    frame = model.set_output(transform="pandas").transform(
        pd.Series(X, index=range(5, 25))
    )
    assert frame.columns.tolist() == names
    assert frame.index.tolist() == list(range(5, 25))


def test_static_columns_are_no_part_of_a_vector(sequences):
    X, y = sequences
    frame = pd.DataFrame({"x": [x[:, 0] for x in X], "age": np.arange(20.0)})
    model = SequenceClassifier(**SMALL).fit(frame, y)
    vectors = model.transform(frame)
    assert vectors.shape == (20, 8)
    assert_array_equal(model.transform(frame.assign(age=5.0)), vectors)


def test_vectors_are_a_step_before_other_models(sequences):
    X, y = sequences
    frame = pd.DataFrame({"x": [x[:, 0] for x in X], "age": np.arange(20.0)})
    columns = make_column_transformer(
        (SequenceClassifier(**SMALL), ["x"]), ("passthrough", ["age"])
    )
    assert columns.fit_transform(frame, y).shape == (20, 9)
    frozen = FrozenEstimator(SequenceClassifier(**SMALL).fit(X[:10], y[:10]))
    pipeline = make_pipeline(make_union(frozen), LogisticRegression())
    assert pipeline.fit(X[10:], y[10:]).predict(X).shape == (20,)
    stack = StackingClassifier([("rnn", SequenceClassifier(**SMALL))], cv=2)
    assert stack.fit(X, y).predict(X).shape == (20,)


def test_numbers_for_each_step_have_no_vectors(sequences):
    X, _ = sequences
    model = SequenceRegressor(**SMALL).fit(X, [x[:, 0] for x in X])
    with pytest.raises(
        ValueError, match="fitted on numbers for each step, which are not"
    ):
        model.transform(X)


@pytest.mark.parametrize("make", [SequenceClassifier, SequenceRegressor])
def test_auto_puts_poolings_side_by_side_for_tokens_and_few_outputs(
    make, sequences, monkeypatch
):
    X, y = sequences
    texts = ["ab" * (1 + i % 3) for i in range(20)]
    settings = SMALL | {"bidirectional": False, "tokenizer": "char"}

    def is_like(X, pooling):
        auto, same = (make(**settings, pooling=p).fit(X, y) for p in ("auto", pooling))
        assert_array_equal(auto.transform(X), same.transform(X))
        return auto.transform(X).shape[1] == (12 if pooling == "concat" else 4)

    assert is_like(texts, "concat")
    assert is_like(X, "max")
    monkeypatch.setattr("skrnn.estimators._pooling.MANY_OUTPUTS", 0)
    assert is_like(texts, "max")
