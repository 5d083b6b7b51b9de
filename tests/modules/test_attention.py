"""Attention against loops over numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skrnn.modules.attention import ATTENTIONS, Attention, attend
from skrnn.modules.decoder import Decoder

QUERY, MEMORY = 4, 3
LENGTHS = torch.tensor([5, 1, 3])
ATTENTION = pytest.mark.parametrize("name", ATTENTIONS)


def make_attention(name, generator):
    """Return an attention whose weights, biases too, are random."""
    attention = ATTENTIONS[name](QUERY, MEMORY).double()
    with torch.no_grad():
        for weight in attention.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return attention


def draw(generator, n_queries=2):
    """Return queries ``(B, U, Q)`` and memory ``(B, T, M)`` of three sequences."""

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return normal(3, n_queries, QUERY), normal(3, int(LENGTHS.max()), MEMORY)


def score_of_pair(attention, query, memory):
    """Return the score of one query and one memory step, as the papers have it."""
    weights = {k: v.detach().numpy() for k, v in attention.named_parameters()}
    if "projection.weight" in weights:
        return query @ weights["projection.weight"] @ memory
    of_query = weights["of_query.weight"] @ query + weights.get("of_query.bias", 0.0)
    of_memory = weights["of_memory.weight"] @ memory + weights.get("of_memory.bias", 0.0)
    if "weights" in weights:
        return weights["weights"][:, 0] @ np.tanh(of_query + of_memory)
    return of_query @ of_memory / np.sqrt(QUERY)


@ATTENTION
def test_scores_equal_a_loop_over_pairs(name, generator):
    attention = make_attention(name, generator)
    queries, memory = draw(generator)
    with torch.no_grad():
        scores = attention.scores(queries, attention.keys(memory))
    assert scores.shape == (3, 2, 5)
    for b, u, t in np.ndindex(*scores.shape):
        expected = score_of_pair(attention, queries[b, u].numpy(), memory[b, t].numpy())
        assert scores[b, u, t].item() == pytest.approx(expected, rel=1e-9)


@ATTENTION
def test_weights_are_the_softmax_over_real_steps(name, generator):
    attention = make_attention(name, generator)
    queries, memory = draw(generator)
    with torch.no_grad():
        scores = attention.scores(queries, attention.keys(memory))
    weights = attend(scores, LENGTHS)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 2, dtype=torch.float64))
    for b, length in enumerate(LENGTHS.tolist()):
        assert (weights[b, :, length:] == 0).all()
        for u in range(2):
            exps = np.exp(scores[b, u, :length].numpy())
            np.testing.assert_allclose(weights[b, u, :length], exps / exps.sum())


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_scores_do_not_depend_on_the_padding(garbage, generator):
    scores = torch.randn(3, 2, 5, generator=generator)
    padding = torch.arange(5) >= LENGTHS[:, None]
    other = scores.masked_fill(padding[:, None], garbage)
    assert torch.equal(attend(other, LENGTHS), attend(scores, LENGTHS))


def test_the_only_step_gets_all_weight(generator):
    scores = 100 * torch.randn(3, 2, 5, generator=generator)
    assert (attend(scores, LENGTHS)[1, :, 0] == 1).all()


def test_large_scores_stay_finite():
    scores = torch.tensor([[[1e4, -1e4, 1e4, 0.0, 1e30]]])
    assert attend(scores, torch.tensor([4])).tolist() == [[[0.5, 0, 0.5, 0, 0]]]


@ATTENTION
def test_gradients_equal_numeric_ones(name, generator):
    attention = make_attention(name, generator)
    queries, memory = (part.requires_grad_() for part in draw(generator))

    def context(queries, memory, *weights):  # gradcheck changes the weights in place
        scores = attention.scores(queries, attention.keys(memory))
        return torch.bmm(attend(scores, LENGTHS), memory)

    assert torch.autograd.gradcheck(context, (queries, memory, *attention.parameters()))


def test_additive_scores_without_gradients_are_computed_a_few_steps_at_once(
    generator, monkeypatch
):
    attention = make_attention("additive", generator)
    queries, memory = draw(generator, n_queries=7)
    keys = attention.keys(memory)
    whole = attention.scores(queries, keys)
    sizes = []
    tanh = torch.tanh
    monkeypatch.setattr(torch, "tanh", lambda x: sizes.append(x.numel()) or tanh(x))
    for most, n_steps in [(keys.numel(), 1), (3 * keys.numel(), 3), (1, 1)]:
        monkeypatch.setattr("skrnn.modules.attention.MAX_PAIRS", most)
        sizes.clear()
        with torch.no_grad():
            parts = attention.scores(queries, keys)
        assert max(sizes) == n_steps * keys.numel()
        torch.testing.assert_close(parts, whole, rtol=1e-12, atol=0)


class Cosine(Attention):
    """Scores by the cosine of learned maps of query and memory."""

    def __init__(self, query_size, memory_size):
        super().__init__(query_size, memory_size)
        self.projection = torch.nn.Linear(memory_size, query_size)

    def keys(self, memory):
        return F.normalize(self.projection(memory), dim=-1)

    def scores(self, queries, keys):
        return F.normalize(queries, dim=-1) @ keys.transpose(1, 2)


def test_an_attention_that_is_added_at_run_time_is_part_of_a_decoder(
    monkeypatch, generator
):
    monkeypatch.setitem(ATTENTIONS, "cosine", Cosine)
    decoder = Decoder(
        3, 4, 6, 5, cell="lstm", num_layers=1, attention="cosine", dropout=0.0
    )
    memory = torch.randn(2, 3, 6, generator=generator)
    last = torch.randn(2, 6, generator=generator)
    state = decoder.start(memory, last, torch.tensor([3, 2]))
    inputs = torch.randn(2, 7, 3, generator=generator)
    outputs, weights = decoder(inputs, state), decoder.weights(inputs, state)
    assert (weights.sum(-1) - 1).abs().max() < 1e-6
    assert not weights[1, :, 2].any()
    queries, _ = decoder.layers(inputs, state.hidden)
    seen = torch.cat([weights @ memory, queries], dim=-1)
    torch.testing.assert_close(outputs, torch.tanh(decoder.readout(seen)))
