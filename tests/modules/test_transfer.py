"""Copies to the device, and lengths that need not be copied back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.modules.transfer import (
    lengths_on_host,
    lengths_to_device,
    real_rows,
    to_device,
)

LENGTHS = np.array([3, 1, 2])


def test_an_array_is_shared_with_the_cpu():
    array = np.arange(6.0)
    assert np.shares_memory(to_device(array, "cpu").numpy(), array)


def test_an_array_that_torch_cannot_share_is_copied():
    frozen = np.arange(6.0)
    frozen.flags.writeable = False
    for array in (frozen, np.arange(6.0)[::-1], np.arange(6.0).reshape(3, 2).T):
        before = array.tolist()
        tensor = to_device(array, "cpu")
        assert tensor.tolist() == before
        tensor += 1
        assert array.tolist() == before


@pytest.mark.parametrize("device", ["cuda:1", "mps"])
@pytest.mark.parametrize("n_bytes", [64, 1 << 17])
def test_the_host_waits_for_all_devices_but_cuda(monkeypatch, device, n_bytes):
    found = {"pinned": False}

    def pin_memory(tensor):
        found["pinned"] = True
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **how: found.update(how))
    to_device(np.zeros(n_bytes, np.uint8), device)
    is_cuda = device == "cuda:1"
    assert found.get("non_blocking", False) == is_cuda
    assert found["pinned"] == (is_cuda and n_bytes > 64)


def test_known_lengths_are_not_copied_back():
    tensor = lengths_to_device(LENGTHS, "meta")  # which has no values
    assert tensor.is_meta
    assert lengths_on_host(tensor) is LENGTHS
    assert real_rows(tensor, 3).is_meta


def test_lengths_of_the_cpu_are_those_of_the_tensor():
    tensor = lengths_to_device(LENGTHS, "cpu")
    for lengths in (tensor, tensor[:2], torch.tensor([4])):
        assert lengths_on_host(lengths).tolist() == lengths.tolist()


def test_lengths_chosen_on_the_device_are_copied():
    with pytest.raises(NotImplementedError, match="meta"):
        lengths_on_host(lengths_to_device(LENGTHS, "meta")[:2])


def test_real_rows_are_those_of_the_mask():
    mask = torch.arange(4) < torch.from_numpy(LENGTHS)[:, None]
    assert torch.equal(
        real_rows(torch.from_numpy(LENGTHS), 4), mask.flatten().nonzero()[:, 0]
    )
