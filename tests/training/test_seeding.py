"""Seeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.training.seeding import draw_seed, make_generator


def test_an_integer_gives_the_same_seed_each_time():
    assert draw_seed(3) == draw_seed(3) != draw_seed(4)
    assert isinstance(draw_seed(3), int)


def test_none_draws_from_numpys_global_generator():
    state = np.random.get_state()
    try:
        np.random.seed(0)
        first, second = draw_seed(None), draw_seed(None)
        np.random.seed(0)
        assert [draw_seed(None), draw_seed(None)] == [first, second]
    finally:
        np.random.set_state(state)
    assert first != second


def test_a_random_state_moves_on_and_is_the_only_source():
    before = np.random.get_state()[1].copy()
    first, second = (draw_seed(random) for random in [np.random.RandomState(0)] * 2)
    assert first != second
    assert first == draw_seed(np.random.RandomState(0)) == draw_seed(0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_what_is_no_seed_is_refused():
    with pytest.raises(ValueError, match="cannot be used to seed"):
        draw_seed("seed")


def test_generators_are_reproducible_and_apart_from_torchs_own():
    before = torch.get_rng_state()
    draws = [torch.rand(3, generator=make_generator(seed)) for seed in (5, 5, 6)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
