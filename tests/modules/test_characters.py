"""Vectors from spellings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skrnn.modules.characters import SPELLERS
from skrnn.modules.initialization import materialize

N_IDS, SIZE = 9, 7
WORDS = [[2, 4, 3], [2, 5, 6, 7, 8, 4, 3], [2, 3], [2, 4, 4, 5, 3]]


def make(kind):
    """Return a speller whose filters say less of characters than of empty places."""
    with torch.device("meta"):
        speller = SPELLERS[kind](N_IDS, SIZE)
    generator = torch.Generator().manual_seed(0)
    materialize(speller, generator)
    if kind == "cnn":
        with torch.no_grad():
            speller.embedding.weight.abs_()
            speller.filters.weight.abs_().neg_()
            speller.filters.bias.copy_(5 + torch.rand(SIZE, generator=generator))
    return speller


def table(words, n_characters):
    return torch.tensor([word + [0] * (n_characters - len(word)) for word in words])


@pytest.mark.parametrize("kind", SPELLERS)
@torch.no_grad()
def test_every_word_has_a_vector_of_the_asked_size(kind):
    vectors = make(kind)(table(WORDS, 7))
    assert vectors.shape == (4, SIZE)
    assert len({tuple(row.tolist()) for row in vectors}) > 1


@pytest.mark.parametrize("kind", SPELLERS)
@pytest.mark.parametrize("n_characters", [7, 8, 12, 30])
@torch.no_grad()
def test_a_words_vector_does_not_depend_on_the_padding_beside_it(kind, n_characters):
    speller = make(kind)
    together = speller(table(WORDS, n_characters))
    for word, vector in zip(WORDS, together, strict=True):
        alone = speller(torch.tensor([word]))
        torch.testing.assert_close(alone[0], vector, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", SPELLERS)
def test_the_padding_does_not_count_in_gradients_either(kind):
    speller = make(kind)
    gradients = []
    for n_characters in (7, 20):
        speller.zero_grad()
        speller(table(WORDS, n_characters)).square().sum().backward()
        gradients.append([w.grad.clone() for w in speller.parameters()])
    for short, long in zip(*gradients, strict=True):
        torch.testing.assert_close(long, short, rtol=1e-4, atol=1e-6)
    assert not speller.embedding.weight.grad[0].any()


@torch.no_grad()
def test_the_cnn_takes_each_filters_maximum_over_the_word():
    speller = make("cnn")
    width, n_characters = speller.WIDTH, speller.embedding.weight.shape[1]
    weight = speller.filters.weight.view(SIZE, width, n_characters).transpose(1, 2)
    for word in WORDS:
        x = speller.embedding(torch.tensor([word])).transpose(1, 2)  # (1, D, C)
        convolved = F.conv1d(x, weight, speller.filters.bias, padding=width // 2)
        expected = convolved.relu().amax(-1)
        got = speller(torch.tensor([word]))
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_order_of_characters_counts_for_the_cnn():
    first, second = make("cnn")(torch.tensor([[2, 4, 5, 3], [2, 5, 4, 3]]))
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_a_bag_is_the_mean_of_its_ngrams():
    speller = make("ngrams")
    weight = speller.embedding.weight.numpy()
    expected = [weight[word].mean(0) for word in WORDS]
    np.testing.assert_allclose(speller(table(WORDS, 9)), expected, rtol=1e-5, atol=1e-6)
