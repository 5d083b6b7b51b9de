"""Nested state as plain values and arrays."""

from __future__ import annotations

import numpy as np
import torch

from skrnn.training.states import Place, as_arrays, as_tensors, pack, unpack

STATE = {
    "moments": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 3)}},
    "rates": [0.1, (0.9, 0.999), None, True],
    "counts": np.arange(3),
    "names": np.array(["a", "b"]),
}


def test_packed_values_come_back_with_their_kinds():
    arrays = {}
    packed = pack(STATE, arrays, "state.")
    assert sorted(arrays) == ["state.0", "state.1", "state.2"]
    assert packed["counts"] == Place("state.2", False)
    back = unpack(packed, arrays)
    assert isinstance(back["moments"][0]["step"], torch.Tensor)
    assert torch.equal(back["moments"][0]["exp_avg"], torch.ones(2, 3))
    assert isinstance(back["counts"], np.ndarray)
    assert back["rates"] == STATE["rates"]
    assert back["names"].tolist() == ["a", "b"]


def test_unpacked_tensors_do_not_share_memory_with_the_arrays():
    arrays = {}
    packed = pack(torch.zeros(2), arrays, "")
    unpack(packed, arrays)[0] = 1.0
    assert arrays["0"].tolist() == [0.0, 0.0]


def test_tensors_become_arrays_and_tensors_again():
    arrays = as_arrays(STATE["moments"])
    assert isinstance(arrays[0]["step"], np.ndarray)
    tensors = as_tensors(arrays)
    assert torch.equal(tensors[0]["exp_avg"], torch.ones(2, 3))
