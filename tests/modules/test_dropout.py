"""Dropout from a generator of our own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skrnn.modules.dropout import Dropout, set_generator, set_mask


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
    module = Dropout(0.25)
    set_mask(module, "sequence")
    assert repr(module) == "Dropout(p=0.25, mask=sequence)"


# --- masks that the steps of a sequence share ---------------------------------------------


def shared(p=0.5, seed=0):
    module = Dropout(p)
    set_mask(module, "sequence")
    module.generator = torch.Generator().manual_seed(seed)
    return module


def test_all_steps_of_a_sequence_lose_the_same_features():
    x = shared()(torch.ones(40, 6, 30))
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert abs((x == 0).float().mean() - 0.5) < 0.03
    assert not torch.equal(x[0], x[1])
    torch.testing.assert_close(x[x > 0], torch.full((int((x > 0).sum()),), 2.0))


def test_rows_that_are_steps_lose_the_features_of_their_sequence():
    sequences = torch.tensor([0, 1, 2, 0, 2, 2])
    x = shared()(torch.ones(6, 20), sequences, 3)
    by_sequence = shared()(torch.ones(3, 1, 20))[:, 0]
    assert torch.equal(x, by_sequence[sequences])
    rows = shared()(torch.ones(6, 20))  # vectors of sequences
    assert len(rows.unique(dim=0)) == 6


def test_sequences_make_no_difference_where_each_step_has_a_mask():
    module = Dropout(0.5)
    module.generator = torch.Generator().manual_seed(0)
    rows = module(torch.ones(6, 20), torch.zeros(6, dtype=torch.int64))
    assert torch.equal(rows, dropped(0.5, shape=(6, 20)))
