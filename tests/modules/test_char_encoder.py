"""Character encoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from skrnn.data.vocabulary import CHAR_FEATURES, CharacterFeatures
from skrnn.modules.char_encoder import CHAR_ENCODERS, CharacterCNN, CharEncoder
from skrnn.modules.embedding import TokenEmbedding
from skrnn.modules.initialization import materialize

N_IDS, SIZE = 9, 6
WORDS = [[2, 4, 3], [2, 5, 6, 7, 8, 4, 3], [2, 3], [2, 4, 4, 5, 3]]


def make(kind):
    """Return a char encoder whose CNN filters are larger on padding than on characters."""
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
def test_every_word_has_a_vector_of_the_output_size(kind):
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
def test_gradients_do_not_depend_on_the_padding(kind):
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


def by_convolution(char_encoder, words):
    """Return the vectors of the CNN's words from torch's convolution."""
    width = char_encoder.WIDTH
    weight = char_encoder.filters.weight.view(SIZE, width, -1).transpose(1, 2)
    x = char_encoder.embedding(words).transpose(1, 2)  # (W, D, C)
    y = F.conv1d(x, weight, char_encoder.filters.bias, padding=width // 2)
    y = y.masked_fill((words == 0)[:, None], -torch.inf)
    return y.max(2).values.relu()  # (W, F)


@pytest.mark.parametrize("many", [1000, 0])
def test_the_cnns_gradients_are_those_of_a_convolution(many, monkeypatch):
    monkeypatch.setattr(CharacterCNN, "MANY_IDS", many)
    char_encoder = CharacterCNN(500, SIZE)
    materialize(char_encoder, torch.Generator().manual_seed(0))
    words = table([*WORDS, [499], []], 9)
    factors = torch.randn(6, SIZE, generator=torch.Generator().manual_seed(1))
    weights = list(char_encoder.parameters())
    vectors = char_encoder(words)
    expected = by_convolution(char_encoder, words)
    torch.testing.assert_close(vectors, expected, rtol=1e-5, atol=1e-6)
    ours = torch.autograd.grad((vectors * factors).sum(), weights)
    theirs = torch.autograd.grad((expected * factors).sum(), weights)
    for found, wanted in zip(ours, theirs, strict=True):
        assert wanted.any()
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_of_equal_maxima_the_first_has_the_gradient():
    char_encoder = make("cnn")
    words = torch.tensor([[2, 3, 3, 3, 2, 4, 4, 4, 2]])  # of 333 and 444, all are zeros
    with torch.no_grad():
        char_encoder.embedding.weight[3:5] = 0.0  # the filters are negative
    weights = list(char_encoder.parameters())
    ours = torch.autograd.grad(char_encoder(words).sum(), weights)
    theirs = torch.autograd.grad(by_convolution(char_encoder, words).sum(), weights)
    assert theirs[0][3].any()
    assert not theirs[0][4].any()
    for found, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_ids", [N_IDS, 500])
def test_no_words_have_no_vectors(n_ids):
    vectors = CharacterCNN(n_ids, SIZE)(torch.zeros((0, 3), dtype=torch.int64))
    assert vectors.shape == (0, SIZE)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_of_the_cnn_that_are_not_finite_give_no_finite_vector(value):
    char_encoder = make("cnn")
    with torch.no_grad():
        char_encoder.filters.weight[1] = value
    vectors = char_encoder(table(WORDS, 8))
    vectors.sum().backward()
    assert not vectors[:, 1].isfinite().any()
    assert vectors[:, [0, *range(2, SIZE)]].isfinite().all()


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
@torch.no_grad()
def test_characters_in_another_order_are_another_word(kind):
    first, second = make(kind)(torch.tensor([[2, 4, 5, 3], [2, 5, 4, 3]]))
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_the_lstm_gives_the_last_states_of_torchs_on_packed_words():
    char_encoder = make("lstm")
    oracle = nn.LSTM(24, SIZE // 2, batch_first=True, bidirectional=True)
    stacks = (char_encoder.encoder.forward_layers, char_encoder.encoder.backward_layers)
    for suffix, (cell,) in zip(("", "_reverse"), stacks, strict=True):
        for name, weight in cell.rnn.named_parameters():
            getattr(oracle, name + suffix).copy_(weight)
    lengths = torch.tensor([len(word) for word in WORDS])
    x = char_encoder.embedding(table(WORDS, 9))
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (states, _) = oracle(packed)  # (2, W, F / 2)
    expected = torch.cat([states[0], states[1]], dim=1)
    torch.testing.assert_close(char_encoder(table(WORDS, 9)), expected)


def test_the_lstm_refuses_a_vector_that_two_directions_cannot_share():
    with pytest.raises(ValueError, match="its size must be even; got 7"):
        CHAR_ENCODERS["lstm"](N_IDS, 7)


@torch.no_grad()
def test_a_bag_is_the_mean_of_its_ngrams():
    char_encoder = make("ngrams")
    weight = char_encoder.embedding.weight.numpy()
    expected = [weight[word].mean(0) for word in WORDS]
    np.testing.assert_allclose(
        char_encoder(table(WORDS, 9)), expected, rtol=1e-5, atol=1e-6
    )


class FirstLetter(CharEncoder):
    """The vector of a word's first character."""

    def __init__(self, n_ids, output_size):
        super().__init__(n_ids, output_size)
        self.embedding = nn.Embedding(n_ids, output_size)

    def forward(self, characters):
        return self.embedding(characters[:, 1])  # after the mark of a word's begin


def test_a_char_encoder_that_is_added_at_run_time_reads_its_features(monkeypatch):
    monkeypatch.setitem(CHAR_ENCODERS, "first", FirstLetter)
    monkeypatch.setitem(CHAR_FEATURES, "first", CharacterFeatures)
    words = ["cat", "cow", "dog"]
    features = CHAR_FEATURES["first"](words)
    layer = TokenEmbedding(
        5, 2, char_encoder="first", n_char_ids=features.n_ids, char_dim=3
    )
    inputs = {
        "tokens": torch.tensor([[2, 3, 4]]),
        "words": torch.tensor([[0, 1, 2]]),
        "characters": torch.from_numpy(features.encode(words)),
    }
    cat, cow, dog = layer(inputs)[0, :, 2:]
    assert torch.equal(cat, cow)
    assert not torch.equal(cat, dog)
    layer.zero_untrained()  # by default there is nothing to zero


def test_every_char_encoder_has_a_row_for_the_features_that_it_reads():
    assert CHAR_ENCODERS.keys() == CHAR_FEATURES.keys()


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
@torch.no_grad()
def test_untrained_characters_are_zeros_and_ngrams_stay(kind):
    char_encoder = make(kind)
    expected = char_encoder.embedding.weight.clone()
    char_encoder.zero_untrained()
    if kind != "ngrams":
        expected[1] = 0.0  # the unknown character
    assert torch.equal(char_encoder.embedding.weight, expected)


@torch.no_grad()
def test_the_cnn_gives_zero_where_a_filters_maximum_is_negative():
    cnn = make("cnn")
    cnn.filters.bias[0] = -100.0
    vectors = cnn(table(WORDS, 7))
    assert not vectors[:, 0].any()
    assert vectors[:, 1:].all()
