"""Attention weights against the pooling layer and the seq2seq estimator themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.inspection import AttentionDisplay, attention_weights

WORDS = ["oak", "elm", "ash", "yew", "fir"]
SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
POOLED = {"pooling": "attention", **SMALL}


@pytest.fixture
def texts(rng):
    return [list(rng.choice(WORDS, size=n)) for n in rng.integers(1, 7, size=24)]


@pytest.fixture
def signals(rng):
    return [rng.normal(size=(n, 2)) for n in rng.integers(1, 9, size=24)]


@pytest.fixture
def translator(texts):
    return Seq2SeqTransformer(**SMALL).fit(texts, [words[::-1] for words in texts])


def labels_for(X):
    return np.arange(len(X)) % 2


def test_pooled_vectors_are_the_outputs_weighted_by_attention(signals):
    model = SequenceClassifier(scale=None, **POOLED).fit(signals, labels_for(signals))
    weights = attention_weights(model, signals)
    for x, own, pooled in zip(signals, weights, model.transform(signals), strict=True):
        inputs = {
            "features": torch.from_numpy(x.astype(np.float32))[None],
            "lengths": torch.tensor([len(x)]),
        }
        with torch.no_grad():
            outputs = model.net_.module_.encode_steps(inputs)[0][0].numpy()
        np.testing.assert_allclose(own @ outputs, pooled, atol=1e-6)
        assert own.dtype == np.float32
        assert own.sum() == pytest.approx(1.0, abs=1e-5)


def test_steps_of_a_patch_share_its_weight(signals):
    model = SequenceRegressor(patch_size=3, **POOLED)
    model.fit(signals, np.arange(24.0))
    for x, own in zip(signals, attention_weights(model, signals), strict=True):
        assert own.shape == (len(x),)
        assert own.sum() == pytest.approx(1.0, abs=1e-5)
        for start in range(0, len(x), 3):
            assert np.ptp(own[start : start + 3]) == 0


def test_a_text_without_words_is_read_as_one_unknown_word():
    X = ["oak elm", "", "ash"] * 8
    model = SequenceClassifier(**POOLED).fit(X, labels_for(X))
    weights = attention_weights(model, X)
    assert [len(own) for own in weights[:3]] == [2, 1, 1]
    assert weights[1].tolist() == [1.0]
    assert AttentionDisplay.from_estimator(model, X, index=1).steps == ["<unknown>"]
    translator = Seq2SeqTransformer(**SMALL).fit(X, X)
    (rows,) = attention_weights(translator, [""])
    np.testing.assert_array_equal(rows, np.ones((len(rows), 1)))


def test_of_seq2seq_they_are_those_of_predict_attention(translator, texts):
    for own, expected in zip(
        attention_weights(translator, texts),
        translator.predict_attention(texts),
        strict=True,
    ):
        np.testing.assert_array_equal(own, expected)


def test_the_display_has_weights_and_tokens_of_one_sequence(translator, texts):
    display = AttentionDisplay.from_estimator(translator, texts, index=-3)
    assert display.steps == texts[-3]
    assert display.targets == translator.predict(texts)[-3]
    np.testing.assert_allclose(
        display.weights, attention_weights(translator, texts)[-3], atol=1e-6
    )
    axes = display.ax_
    assert [tick.get_text() for tick in axes.get_xticklabels()] == texts[-3]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == display.targets
    np.testing.assert_array_equal(axes.images[0].get_array(), display.weights)
    assert display.figure_ is axes.figure


def test_attention_in_characters_shows_single_letters():
    X = ["ab", "ba", "aab", "bba"] * 6
    model = Seq2SeqTransformer(tokenizer="char", target_tokenizer="char", **SMALL)
    display = AttentionDisplay.from_estimator(model.fit(X, X), X, index=2)
    assert display.steps == ["a", "a", "b"]
    assert all(len(token) == 1 for token in display.targets)


@pytest.mark.parametrize("kind", ["texts", "signals"])
def test_pooling_is_drawn_on_the_given_axes(kind, request):
    import matplotlib.pyplot as plt

    X = request.getfixturevalue(kind)
    model = SequenceClassifier(**POOLED).fit(X, labels_for(X))
    display = AttentionDisplay.from_estimator(model, X, index=1)
    drawn_first, axes = display.ax_, plt.subplots()[1]
    assert display.plot(ax=axes) is display
    assert display.ax_ is axes is not drawn_first
    drawn = (
        [bar.get_height() for bar in axes.patches]
        if kind == "texts"
        else axes.images[0].get_array()[0]
    )
    np.testing.assert_allclose(drawn, display.weights)


def test_a_generated_target_without_tokens_is_drawn():
    display = AttentionDisplay(np.empty((0, 2), np.float32), ["a", "b"], [])
    assert display.plot().ax_.get_yticklabels() == []


def test_errors_say_what_has_attention(texts, signals, translator):
    model = SequenceClassifier(**POOLED)
    with pytest.raises(NotFittedError, match="SequenceClassifier instance is not fitted"):
        attention_weights(model, texts)
    with pytest.raises(IndexError, match="index=-25 is out of range: X has 24 sequences"):
        AttentionDisplay.from_estimator(translator, texts, index=-25)
    plain = SequenceClassifier(pooling="mean", **SMALL).fit(texts, labels_for(texts))
    with pytest.raises(ValueError, match=r'a fit with pooling="attention", not \'mean\''):
        attention_weights(plain, texts)
    without = Seq2SeqTransformer(attention=None, **SMALL).fit(texts, texts)
    with pytest.raises(ValueError, match="needs a fit with an attention"):
        AttentionDisplay.from_estimator(without, texts)
    steps = SequenceRegressor(**POOLED).fit(signals, [x[:, 0] for x in signals])
    with pytest.raises(ValueError, match="numbers for each step, which are not pooled"):
        attention_weights(steps, signals)
    with pytest.raises(
        TypeError, match=r"is for Seq2SeqTransformer, .* got SequenceTagger"
    ):
        attention_weights(SequenceTagger(**SMALL).fit(texts, texts), texts)
