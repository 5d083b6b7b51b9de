"""Packed batches: the layout, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from skrnn.modules.masking import length_mask
from skrnn.modules.recurrent.packing import Packing, Steps

LENGTHS = np.array([3, 1, 6, 2, 6])
EQUAL = np.full(5, 6)


@pytest.fixture(params=[LENGTHS, EQUAL], ids=["ragged", "equal"])
def lengths(request):
    return request.param


def test_rows_are_those_of_torchs_packed_sequence(lengths, generator):
    x = torch.randn(5, 6, 3, generator=generator)
    packing = Packing(lengths, 6)
    expected = pack_padded_sequence(
        x, torch.from_numpy(lengths), batch_first=True, enforce_sorted=False
    )
    assert torch.equal(packing.pack(x), expected.data)
    assert packing.forward.sizes.tolist() == expected.batch_sizes.tolist()
    starts = expected.batch_sizes.cumsum(0) - expected.batch_sizes
    assert packing.forward.starts.tolist() == starts.tolist()


def test_unpacking_is_the_inverse_with_zeros_in_the_padding(lengths, generator):
    x = torch.randn(5, 8, 3, generator=generator)  # wider than the longest needs
    packing = Packing(lengths, 8)
    mask = length_mask(torch.from_numpy(lengths), 8)[..., None]
    assert torch.equal(packing.unpack(packing.pack(x)), x * mask)


def test_gradients_pass_through_both(lengths, generator):
    x = torch.randn(5, 6, 3, generator=generator, dtype=torch.float64)
    packing = Packing(lengths, 6)
    assert torch.autograd.gradcheck(packing.pack, x.requires_grad_())
    rows = packing.pack(x).detach().requires_grad_()
    assert torch.autograd.gradcheck(packing.unpack, rows)


def test_states_return_to_the_order_of_the_batch(lengths):
    packing = Packing(lengths, 6)
    x = torch.arange(5.0)[:, None, None].expand(5, 6, 1)
    assert packing.unsort(packing.pack(x)[:5])[:, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_previous_row_is_the_one_that_the_cell_read_before(lengths, direction):
    packing = Packing(lengths, 6)
    places = torch.arange(1, 31).view(5, 6, 1)  # sequence and step of each row
    rows = torch.cat([torch.zeros(5, 1).long(), packing.pack(places)])[:, 0]
    steps = getattr(packing, direction)
    before = rows[steps.previous()]
    for row, previous in zip(rows[5:].tolist(), before.tolist(), strict=True):
        sequence, step = divmod(row - 1, 6)
        length = int(lengths[sequence])
        is_first = step == (0 if direction == "forward" else length - 1)
        neighbour = row - 1 if direction == "forward" else row + 1
        assert previous == (0 if is_first else neighbour)


def test_steps_of_equal_sequences_are_those_of_their_packing():
    for found, expected in zip(Steps.equal(5, 6), Packing(EQUAL, 6).forward, strict=True):
        np.testing.assert_array_equal(found, expected)
