"""Masks and indices against loops."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules.masking import (
    both_ends,
    flat_indices,
    gather_steps,
    is_whole,
    last_step,
    length_mask,
    reversal,
    reverse_steps,
)

LENGTHS = torch.tensor([3, 1, 5, 2])


@pytest.mark.parametrize("n_steps", [5, 8])
def test_the_mask_is_true_at_real_steps(n_steps):
    mask = length_mask(LENGTHS, n_steps)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[t < n for t in range(n_steps)] for n in LENGTHS.tolist()]


@pytest.mark.parametrize("n_steps", [5, 8])
def test_each_sequence_is_reversed_within_its_own_length(n_steps):
    expected = [[*reversed(range(n)), *range(n, n_steps)] for n in LENGTHS.tolist()]
    assert reversal(LENGTHS, n_steps).tolist() == expected


def test_reversal_is_its_own_inverse(generator):
    x = torch.randn(4, 6, 3, generator=generator)
    indices = reversal(LENGTHS, 6)
    once = gather_steps(x, indices)
    assert not torch.equal(once, x)
    assert torch.equal(gather_steps(once, indices), x)


def test_gathering_is_indexing_row_by_row(generator):
    x = torch.randn(4, 6, 3, generator=generator)
    indices = torch.randint(6, (4, 9), generator=generator)
    expected = torch.stack([x[b, indices[b]] for b in range(4)])
    assert torch.equal(gather_steps(x, indices), expected)


def test_gathering_takes_views_that_are_not_contiguous(generator):
    x = torch.randn(6, 4, 3, generator=generator).transpose(0, 1)
    indices = reversal(LENGTHS, 6)
    assert torch.equal(gather_steps(x, indices), gather_steps(x.contiguous(), indices))


def test_reversed_steps_and_their_gradient_are_those_of_gathering(generator):
    x = torch.randn(6, 4, 3, generator=generator).transpose(0, 1).requires_grad_()
    factors = torch.randn(4, 6, 3, generator=generator)
    indices = reversal(LENGTHS, 6)
    found = []
    for y in (gather_steps(x, indices), reverse_steps(x, flat_indices(indices, 6))):
        (gradient,) = torch.autograd.grad((y * factors).sum(), x)
        found.append((y, gradient))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_the_last_step_is_the_last_real_one(generator):
    x = torch.randn(4, 6, 3, generator=generator)
    expected = torch.stack([x[b, n - 1] for b, n in enumerate(LENGTHS.tolist())])
    assert torch.equal(last_step(x, LENGTHS), expected)


def test_both_ends_and_their_gradient_are_those_of_indexing(generator):
    x = torch.randn(4, 6, 4, generator=generator, requires_grad=True)
    factors = torch.randn(4, 4, generator=generator)
    last = x[range(4), LENGTHS - 1]
    found = []
    for ends in (torch.cat([last[:, :2], x[:, 0, 2:]], 1), both_ends(x, LENGTHS)):
        (gradient,) = torch.autograd.grad((ends * factors).sum(), x)
        found.append((ends, gradient))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_one_sequence_without_padding_is_whole_and_ends_at_its_last_step(generator):
    x = torch.randn(1, 6, 3, generator=generator)
    for n_steps in (6, 4):
        lengths = torch.tensor([n_steps])
        assert is_whole(lengths, 6) is (n_steps == 6)
        assert torch.equal(last_step(x, lengths), x[:, n_steps - 1])
    assert not is_whole(torch.tensor([6, 6]), 6)
