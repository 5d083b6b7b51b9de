"""Dropout from a generator of our own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skrnn.modules.dropout import Dropout, set_generator


def dropped(p, seed=0, shape=(50, 20, 30), **options):
    module = Dropout(p, **options)
    module.generator = torch.Generator().manual_seed(seed)
    return module(torch.ones(shape))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_values_are_dropped_at_the_rate_and_the_others_scaled(p):
    x = dropped(p)
    zeros = x == 0
    assert abs(zeros.float().mean() - p) < 0.02
    torch.testing.assert_close(x[~zeros], torch.full((int((~zeros).sum()),), 1 / (1 - p)))


def test_the_expected_value_stays_the_same():
    assert abs(dropped(0.3).mean() - 1) < 0.02


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_values_outside_training_are_unchanged(p):
    x = torch.ones(3, 4)
    assert Dropout(p).eval()(x) is x


def test_nothing_is_dropped_at_rate_zero():
    x = torch.ones(3, 4)
    assert Dropout(0.0).train()(x) is x


def test_masks_come_from_the_generator():
    assert torch.equal(dropped(0.5, seed=1), dropped(0.5, seed=1))
    assert not torch.equal(dropped(0.5, seed=1), dropped(0.5, seed=2))


def test_masks_differ_from_call_to_call():
    module = Dropout(0.5)
    module.generator = torch.Generator().manual_seed(0)
    x = torch.ones(5, 8)
    assert not torch.equal(module(x), module(x))


def test_torchs_global_generator_is_not_touched():
    before = torch.get_rng_state()
    dropped(0.5)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_gradient_passes_where_the_value_does():
    module = Dropout(0.5)
    module.generator = torch.Generator().manual_seed(0)
    x = torch.full((6, 7), 3.0, requires_grad=True)
    y = module(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach() / 3)


def test_every_random_part_gets_the_generator(generator):
    module = nn.Sequential(Dropout(0.1), nn.Sequential(nn.Linear(2, 2), Dropout(0.2)))
    set_generator(module, generator)
    assert module[0].generator is module[1][1].generator is generator
    assert not hasattr(module[1][0], "generator")


def test_the_rate_is_shown():
    assert repr(Dropout(0.25)) == "Dropout(p=0.25)"
