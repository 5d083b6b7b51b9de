"""The baseline over a window of the last steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skrnn.modules.networks import build_network

LENGTHS = torch.tensor([3, 1, 6, 2])
NUMERIC = {"n_features": 2}
TOKENS = {"n_ids": 6, "embedding_dim": 3}


def feed_forward(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "window": 4,
        "hidden_layer_sizes": (5,),
        "activation": "tanh",
        "dropout": 0.0,
    } | options


def build(kind, config):
    return build_network(kind, config, torch.Generator().manual_seed(0)).eval()


def numeric(x, lengths=LENGTHS):
    return {"features": x, "lengths": lengths}


@pytest.mark.parametrize("n_steps", [1, 4, 9])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@torch.no_grad()
def test_the_baseline_is_a_dense_network_over_the_last_steps(
    n_steps, activation, generator
):
    config = feed_forward(window=n_steps, activation=activation)
    network = build("feed_forward", config)
    x = torch.randn(4, 6, 2, generator=generator)
    window = np.zeros((4, n_steps, 2), dtype=np.float32)
    for row, sequence, n in zip(window, x.numpy(), LENGTHS.tolist(), strict=True):
        last = sequence[max(0, n - n_steps) : n]
        row[n_steps - len(last) :] = last
    f = {
        "identity": lambda a: a,
        "logistic": lambda a: 1 / (1 + np.exp(-a)),
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
    }[activation]
    dense, head = network.hidden[0], network.head
    hidden = f(window.reshape(4, -1) @ dense.weight.numpy().T + dense.bias.numpy())
    expected = hidden @ head.weight.numpy().T + head.bias.numpy()
    np.testing.assert_allclose(network(numeric(x)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_steps", [2, 8])
@torch.no_grad()
def test_the_baselines_window_of_tokens_begins_with_zero_vectors(n_steps):
    config = feed_forward(TOKENS, window=n_steps, hidden_layer_sizes=())
    network = build("feed_forward", config)
    ids = torch.tensor([[2, 3, 4], [5, 0, 0]])
    logits = network({"tokens": ids, "lengths": torch.tensor([3, 1])})
    weight = network.head.weight.view(3, n_steps, 3)
    vectors = network.input_layer.embedding.weight
    for row, tokens in zip(logits, [[2, 3, 4], [5]], strict=True):
        last = tokens[-n_steps:]
        expected = sum(
            weight[:, n_steps - len(last) + i] @ vectors[t] for i, t in enumerate(last)
        )
        torch.testing.assert_close(row, expected, rtol=1e-5, atol=1e-6)


def test_the_baseline_may_have_any_number_of_layers():
    network = build("feed_forward", feed_forward(hidden_layer_sizes=(7, 5)))
    sizes = [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]
    assert sorted(sizes) == [3, 5, 7]


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu"])
@torch.no_grad()
def test_one_step_through_a_plain_cell_is_one_hidden_layer(cell, generator):
    recurrence = build(
        "recurrent",
        {
            "input_layer": NUMERIC,
            "n_outputs": 3,
            "hidden_size": 4,
            "cell": cell,
            "num_layers": 1,
            "bidirectional": False,
            "pooling": "last",
            "dropout": 0.0,
        },
    )
    dense = build(
        "feed_forward",
        feed_forward(window=1, hidden_layer_sizes=(4,), activation=cell[4:]),
    )
    layer = recurrence.encoder.forward_layers[0].rnn
    dense.hidden[0].weight.copy_(layer.weight_ih_l0)
    dense.hidden[0].bias.copy_(layer.bias_ih_l0 + layer.bias_hh_l0)
    dense.head.load_state_dict(recurrence.head.state_dict())
    x = torch.randn(5, 1, 2, generator=generator)
    inputs = numeric(x, torch.ones(5, dtype=torch.int64))
    torch.testing.assert_close(recurrence(inputs), dense(inputs))
