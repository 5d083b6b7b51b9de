"""The network that gives one result for each sequence."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules.networks import build_network
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS

LENGTHS = torch.tensor([3, 1, 6, 2])
NUMERIC = {"n_features": 2}


def recurrent(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "hidden_size": 4,
        "cell": "lstm",
        "num_layers": 1,
        "bidirectional": False,
        "pooling": "last",
        "dropout": 0.0,
    } | options


def build(kind, config):
    return build_network(kind, config, torch.Generator().manual_seed(0)).eval()


DENSE = {"window": 40, "hidden_layer_sizes": (100,), "activation": "relu"}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("recurrent", recurrent(hidden_size=128, pooling="concat")),
        (
            "feed_forward",
            {"input_layer": NUMERIC, "n_outputs": 2, "dropout": 0.0, **DENSE},
        ),
    ],
)
def test_few_columns_begin_as_loud_as_many_units(kind, config):
    network = build(kind, config | {"static": {"n_numbers": 1, "n_categories": (2,)}})
    layer = (network.join if kind == "recurrent" else network.hidden)[0]
    units, columns = layer.weight.detach().split([layer.in_features - 3, 3], dim=1)
    assert columns.square().sum() == pytest.approx(units.square().sum().item(), rel=0.2)


def numeric(x, lengths=LENGTHS):
    return {"features": x, "lengths": lengths}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
@torch.no_grad()
def test_a_sequences_logits_do_not_depend_on_its_neighbours(
    cell, pooling, bidirectional, generator
):
    config = recurrent(cell=cell, pooling=pooling, bidirectional=bidirectional)
    network = build("recurrent", config)
    x = torch.randn(4, 6, 2, generator=generator)
    together = network(numeric(x))
    assert together.shape == (4, 3)
    for i, n in enumerate(LENGTHS.tolist()):
        alone = network(numeric(x[i : i + 1, :n], LENGTHS[i : i + 1]))
        torch.testing.assert_close(alone[0], together[i], rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_dropout_before_the_head_works_in_training_only(generator):
    network = build("recurrent", recurrent(dropout=0.5))
    x = torch.randn(4, 6, 2, generator=generator)
    assert torch.equal(network(numeric(x)), network(numeric(x)))
    network.train()
    assert not torch.equal(network(numeric(x)), network(numeric(x)))
