"""Counts of parameters against closed forms and the estimator's own total."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import skrnn
from skrnn import (
    FeedForwardClassifier,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceTagger,
)
from skrnn.inspection import count_parameters

TEXTS = [["oak", "elm"], ["ash"], ["elm", "yew", "oak"]] * 8
LABELS = ["u", "v", "w"] * 8


def lstm(n_inputs, n_units):
    return 4 * n_units * (n_inputs + n_units + 2)


def test_of_a_classifier_they_are_what_the_shapes_say():
    model = SequenceClassifier(
        hidden_size=4,
        num_layers=2,
        embedding_dim=5,
        char_encoder=None,
        pooling="attention",
        max_epochs=1,
    ).fit(TEXTS, LABELS)
    assert count_parameters(model).to_dict() == {
        "embedding": 6 * 5,  # padding, the unknown token and four words
        "recurrent layer 1, forward": lstm(5, 4),
        "recurrent layer 1, backward": lstm(5, 4),
        "recurrent layer 2, forward": lstm(8, 4),
        "recurrent layer 2, backward": lstm(8, 4),
        "pooling": 8 * 8 + 8 + 8,
        "output": 8 * 3 + 3,
    }


def test_parts_come_in_the_order_of_the_data_flow():
    frame = pd.DataFrame({"text": TEXTS, "age": np.arange(24.0), "kind": ["a", "b"] * 12})
    model = SequenceClassifier(
        hidden_size=4, num_layers=2, max_epochs=1, static_features=["age", "kind"]
    )
    assert list(count_parameters(model.fit(frame, LABELS)).index) == [
        "character encoder",
        "embedding",
        "embedding of static columns",
        "recurrent layer 1, forward",
        "recurrent layer 1, backward",
        "recurrent layer 2, forward",
        "recurrent layer 2, backward",
        "hidden layer after the join",
        "output",
    ]
    translator = Seq2SeqTransformer(hidden_size=4, max_epochs=1).fit(TEXTS, TEXTS)
    assert list(count_parameters(translator).index) == [
        "character encoder",
        "embedding",
        "target embedding",
        "recurrent layer 1, forward",
        "recurrent layer 1, backward",
        "attention",
        "decoder",
        "output",
    ]


def test_a_language_model_reads_by_its_own_embedding():
    model = SequenceGenerator(hidden_size=4, tokenizer="word", max_epochs=1).fit(TEXTS)
    names = list(count_parameters(model).index)
    assert names[:2] == ["embedding", "recurrent layer 1, forward"]
    assert names[-1] == "output"


def test_the_targets_of_a_translator_of_numbers_have_an_embedding_of_their_own(rng):
    X = [rng.normal(size=(n, 2)) for n in (3, 4, 5, 6)]
    model = Seq2SeqTransformer(hidden_size=4, max_epochs=1).fit(X, ["a b", "b"] * 2)
    names = list(count_parameters(model).index)
    assert "target embedding" in names
    assert "embedding" not in names


@pytest.mark.parametrize("by", ["part", "layer"])
@pytest.mark.parametrize("name", [n for n in skrnn.__all__ if n != "StopTraining"])
def test_they_add_up_to_all_trained_numbers(name, by):
    cls = getattr(skrnn, name)
    options = {"max_epochs": 1, "random_state": 0}
    options |= {"hidden_size": 4} if "hidden_size" in cls().get_params() else {}
    if "Forecaster" in name:
        model = cls(**options).fit(np.sin(np.arange(120.0))[None].repeat(2, axis=0))
    elif "Tagger" in name or "Seq2Seq" in name:
        model = cls(**options).fit(TEXTS, TEXTS)
    else:
        y = np.arange(24.0) if "Regressor" in name else LABELS
        model = cls(**options).fit(TEXTS, None if "Generator" in name else y)
    counts = count_parameters(model, by)
    assert counts.sum() == model.n_parameters_
    assert (counts > 0).all()
    assert counts.index.name == by
    assert counts.index.is_unique


def test_layers_have_their_names_in_the_network():
    model = SequenceTagger(hidden_size=4, max_epochs=1).fit(TEXTS, TEXTS)
    counts = count_parameters(model, by="layer")
    modules = dict(model.net_.module_.named_modules())
    for name, count in counts.items():
        own = modules[name].parameters(recurse=False)
        assert sum(weight.numel() for weight in own) == count


def test_frozen_vectors_do_not_count():
    vectors = {word: np.ones(5, np.float32) for word in ("oak", "elm", "ash", "yew")}
    model = SequenceClassifier(
        embeddings=vectors, freeze_embeddings=True, char_encoder=None, max_epochs=1
    ).fit(TEXTS, LABELS)
    counts = count_parameters(model)
    assert "embedding" not in counts
    assert counts.sum() == model.n_parameters_


def test_only_those_of_a_window_grow_with_it(rng):
    X, y = rng.normal(size=(24, 40, 3)), [0, 1] * 12
    recurrent = {}
    for n_steps in (10, 40):
        model = SequenceClassifier(hidden_size=4, max_epochs=1).fit(X[:, :n_steps], y)
        recurrent[n_steps] = count_parameters(model)
    assert recurrent[10].equals(recurrent[40])
    for window in (10, 40):
        model = FeedForwardClassifier(hidden_layer_sizes=8, window=window, max_epochs=1)
        counts = count_parameters(model.fit(X, y))
        assert counts["hidden layers"] == 8 * (3 * window + 1)


def test_errors_name_the_argument():
    with pytest.raises(NotFittedError, match="SequenceForecaster instance is not fitted"):
        count_parameters(SequenceForecaster())
    with pytest.raises(TypeError, match="is for estimators of skrnn, got list"):
        count_parameters([])
    model = SequenceTagger(hidden_size=4, max_epochs=1).fit(TEXTS, TEXTS)
    with pytest.raises(ValueError, match=r'by must be "part" or "layer", got \'cell\''):
        count_parameters(model, by="cell")


@pytest.mark.parametrize("by", ["part", "layer"])
def test_the_members_of_an_ensemble_are_counted_together(by):
    model = SequenceClassifier(hidden_size=3, max_epochs=1, random_state=0)
    one = count_parameters(model.fit(TEXTS, LABELS), by=by)
    three = count_parameters(model.set_params(n_estimators=3).fit(TEXTS, LABELS), by=by)
    assert three.to_dict() == {name: 3 * count for name, count in one.items()}
