"""Initial weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skrnn.modules.initialization import (
    embedding_scale,
    materialize,
    orthogonal_,
    small_normal_,
    xavier_,
)


@pytest.mark.parametrize("fill", [xavier_, orthogonal_])
def test_weights_come_from_the_generator_alone(fill):
    weights = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        weight = torch.empty(6, 3)
        fill(weight, torch.Generator().manual_seed(0), 2)
        assert torch.equal(torch.get_rng_state(), before)
        weights.append(weight)
    assert torch.equal(*weights)
    other = torch.empty(6, 3)
    fill(other, torch.Generator().manual_seed(1), 2)
    assert not torch.equal(other, weights[0])


def test_embeddings_are_small_and_the_padding_is_zero(generator):
    weight = torch.empty(2000, 25)
    small_normal_(weight, generator, scale=embedding_scale(25))
    assert not weight[0].any()
    torch.testing.assert_close(
        weight[1:].square().sum(1).mean(), torch.tensor(1.0), rtol=0.05, atol=0
    )


def test_a_module_draws_its_own_weights_and_linear_layers_are_xavier(generator):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.empty(3))
            self.linear = nn.Linear(3, 2)
            self.plain = nn.Linear(3, 2, bias=False)

        def initialize(self, generator):
            nn.init.constant_(self.weight, 7.0)

    with torch.device("meta"):
        module = Own()
    module = materialize(module, generator)
    assert module.weight.tolist() == [7, 7, 7]
    assert not module.linear.bias.any()
    assert 0 < module.linear.weight.abs().max() <= math.sqrt(6 / 5)
    assert 0 < module.plain.weight.abs().max() <= math.sqrt(6 / 5)
