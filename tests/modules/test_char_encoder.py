"""Character encoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skrnn.modules.char_encoder import CHAR_ENCODERS
from skrnn.modules.initialization import materialize

N_IDS, SIZE = 9, 7
WORDS = [[2, 4, 3], [2, 5, 6, 7, 8, 4, 3], [2, 3], [2, 4, 4, 5, 3]]


def make(kind):
    """Return a char_encoder whose filters say less of characters than of empty places."""
    with torch.device("meta"):
        char_encoder = CHAR_ENCODERS[kind](N_IDS, SIZE)
    generator = torch.Generator().manual_seed(0)
    materialize(char_encoder, generator)
    if kind == "cnn":
        with torch.no_grad():
            char_encoder.embedding.weight.abs_()
            char_encoder.filters.weight.abs_().neg_()
            char_encoder.filters.bias.copy_(5 + torch.rand(SIZE, generator=generator))
    return char_encoder


def table(words, n_characters):
    return torch.tensor([word + [0] * (n_characters - len(word)) for word in words])


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
@torch.no_grad()
def test_every_word_has_a_vector_of_the_asked_size(kind):
    vectors = make(kind)(table(WORDS, 7))
    assert vectors.shape == (4, SIZE)
    assert len({tuple(row.tolist()) for row in vectors}) > 1


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
@pytest.mark.parametrize("n_characters", [7, 8, 12, 30])
@torch.no_grad()
def test_a_words_vector_does_not_depend_on_the_padding_beside_it(kind, n_characters):
    char_encoder = make(kind)
    together = char_encoder(table(WORDS, n_characters))
    for word, vector in zip(WORDS, together, strict=True):
        alone = char_encoder(torch.tensor([word]))
        torch.testing.assert_close(alone[0], vector, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
def test_the_padding_does_not_count_in_gradients_either(kind):
    char_encoder = make(kind)
    gradients = []
    for n_characters in (7, 20):
        char_encoder.zero_grad()
        char_encoder(table(WORDS, n_characters)).square().sum().backward()
        gradients.append([w.grad.clone() for w in char_encoder.parameters()])
    for short, long in zip(*gradients, strict=True):
        torch.testing.assert_close(long, short, rtol=1e-4, atol=1e-6)
    assert not char_encoder.embedding.weight.grad[0].any()


@torch.no_grad()
def test_the_cnn_takes_each_filters_maximum_over_the_word():
    char_encoder = make("cnn")
    width, n_characters = char_encoder.WIDTH, char_encoder.embedding.weight.shape[1]
    weight = char_encoder.filters.weight.view(SIZE, width, n_characters).transpose(1, 2)
    for word in WORDS:
        x = char_encoder.embedding(torch.tensor([word])).transpose(1, 2)  # (1, D, C)
        convolved = F.conv1d(x, weight, char_encoder.filters.bias, padding=width // 2)
        expected = convolved.relu().amax(-1)
        got = char_encoder(torch.tensor([word]))
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_order_of_characters_counts_for_the_cnn():
    first, second = make("cnn")(torch.tensor([[2, 4, 5, 3], [2, 5, 4, 3]]))
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_a_bag_is_the_mean_of_its_ngrams():
    char_encoder = make("ngrams")
    weight = char_encoder.embedding.weight.numpy()
    expected = [weight[word].mean(0) for word in WORDS]
    np.testing.assert_allclose(
        char_encoder(table(WORDS, 9)), expected, rtol=1e-5, atol=1e-6
    )
