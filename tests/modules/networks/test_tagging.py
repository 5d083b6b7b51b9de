"""The networks that score the labels of every step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skrnn.modules.crf import best_path, marginals
from skrnn.modules.networks import build_network
from skrnn.modules.outputs import PathScores, StepScores

LENGTHS = torch.tensor([3, 1, 6, 2])
NUMERIC = {"n_features": 2}
TOKENS = {"n_ids": 6, "embedding_dim": 3}


def tagging(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "crf": False,
        "hidden_size": 4,
        "cell": "lstm",
        "num_layers": 1,
        "bidirectional": False,
        "dropout": 0.0,
    } | options


def window_tagging(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "crf": False,
        "context": 2,
        "hidden_layer_sizes": (5,),
        "activation": "tanh",
        "dropout": 0.0,
    } | options


MAKERS = {"tagging": tagging, "window_tagging": window_tagging}
TAGGERS = pytest.mark.parametrize("kind", MAKERS)


def build(kind, config):
    return build_network(kind, config, torch.Generator().manual_seed(0)).eval()


def numeric(x, lengths=LENGTHS):
    return {"features": x, "lengths": lengths}


@TAGGERS
@torch.no_grad()
def test_a_tagging_network_scores_every_label_of_every_step(kind, generator):
    x = torch.randn(4, 6, 2, generator=generator)
    without = build(kind, MAKERS[kind]())(numeric(x))
    assert type(without) is StepScores
    network = build(kind, MAKERS[kind](crf=True))
    scores = network(numeric(x))
    assert type(scores) is PathScores
    assert scores.transitions.shape == (3, 3)
    assert scores.start.shape == scores.end.shape == (3,)
    for outputs in (without, scores):
        assert outputs.logits.shape == (4, 6, 3)
        assert outputs.lengths is LENGTHS
    network.crf.transitions.normal_(generator=generator)
    assert torch.equal(network(numeric(x)).transitions, network.crf.transitions)


@TAGGERS
@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("filling", [0.0, 1e30, torch.nan])
@torch.no_grad()
def test_the_padding_of_a_tagging_network_has_no_influence(kind, crf, filling, generator):
    bidirectional = {"bidirectional": True} if kind == "tagging" else {}
    network = build(kind, MAKERS[kind](crf=crf, **bidirectional))
    x = torch.randn(4, 6, 2, generator=generator)
    x[torch.arange(6) >= LENGTHS[:, None]] = filling
    together = network(numeric(x))
    for i, n in enumerate(LENGTHS.tolist()):
        alone = network(numeric(x[i : i + 1, :n], LENGTHS[i : i + 1]))
        torch.testing.assert_close(
            alone.logits[0], together.logits[i, :n], rtol=1e-5, atol=1e-6
        )
        if crf:
            assert best_path(alone)[0].tolist() == best_path(together)[i, :n].tolist()
            torch.testing.assert_close(marginals(alone)[0], marginals(together)[i, :n])


@pytest.mark.parametrize("window", [0, 1, 2, 7])
@pytest.mark.parametrize("sizes", [(), (5,), (5, 4)])
@torch.no_grad()
def test_the_tagging_baseline_is_a_dense_network_over_each_steps_neighbours(
    window, sizes, generator
):
    config = window_tagging(context=window, hidden_layer_sizes=sizes)
    network = build("window_tagging", config)
    x = torch.randn(4, 6, 2, generator=generator)
    got = network(numeric(x)).logits
    for sequence, logits, n in zip(x.numpy(), got.numpy(), LENGTHS.tolist(), strict=True):
        for step in range(n):
            near = range(step - window, step + window + 1)
            values = [sequence[i] if 0 <= i < n else np.zeros(2) for i in near]
            hidden = np.concatenate(values)
            for layer in (m for m in network.hidden if isinstance(m, nn.Linear)):
                hidden = np.tanh(layer.weight.numpy() @ hidden + layer.bias.numpy())
            head = network.head
            expected = head.weight.numpy() @ hidden + head.bias.numpy()
            np.testing.assert_allclose(logits[step], expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_tagging_baselines_window_of_tokens_has_zero_vectors_beyond_the_ends():
    config = window_tagging(TOKENS, context=1, hidden_layer_sizes=())
    network = build("window_tagging", config)
    tokens, lengths = torch.tensor([[2, 3, 4], [5, 0, 0]]), torch.tensor([3, 1])
    logits = network({"tokens": tokens, "lengths": lengths}).logits
    before, at, after = network.head.weight.view(3, 3, 3).unbind(1)
    v = network.input_layer.embedding.weight
    expected = {
        (0, 0): at @ v[2] + after @ v[3],
        (0, 1): before @ v[2] + at @ v[3] + after @ v[4],
        (0, 2): before @ v[3] + at @ v[4],
        (1, 0): at @ v[5],
    }
    for place, value in expected.items():
        torch.testing.assert_close(logits[place], value, rtol=1e-5, atol=1e-6)


@TAGGERS
@torch.no_grad()
def test_dropout_of_a_tagging_network_works_in_training_only(kind, generator):
    network = build(kind, MAKERS[kind](dropout=0.5))
    x = torch.randn(4, 6, 2, generator=generator)
    real = torch.arange(6) < LENGTHS[:, None]
    first, second = (network(numeric(x)).logits[real] for _ in range(2))
    assert torch.equal(first, second)
    network.train()
    first, second = (network(numeric(x)).logits[real] for _ in range(2))
    assert not torch.equal(first, second)
