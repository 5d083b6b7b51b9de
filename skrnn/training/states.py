"""State of optimizers and callbacks: nested plain values, with arrays for tensors.

A file holds arrays beside a text, so ``pack`` takes them out of nested values, and
``unpack`` puts them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Place(NamedTuple):
    """Stands for an array of a file.

    Attributes
    ----------
    name : str
    is_tensor : bool
        Whether it was a tensor.
    """

    name: str
    is_tensor: bool


def as_arrays(state: Any) -> Any:
    """Return nested values with arrays in place of tensors."""
    if isinstance(state, Tensor):
        return state.detach().cpu().numpy()
    return _map(as_arrays, state)


def as_tensors(state: Any) -> Any:
    """Return nested values with tensors of their own in place of arrays."""
    if isinstance(state, np.ndarray):
        return torch.tensor(state, device="cpu")
    return _map(as_tensors, state)


def pack(state: Any, arrays: dict[str, NDArray], prefix: str) -> Any:
    """Return nested values whose arrays and tensors are in ``arrays`` instead.

    There they are named ``prefix`` and a number.
    """

    def take(value: Any) -> Any:
        is_tensor = isinstance(value, Tensor)
        if is_tensor:
            value = as_arrays(value)
        if isinstance(value, np.ndarray) and _fits_file(value.dtype):
            name = f"{prefix}{len(arrays)}"
            arrays[name] = value
            return Place(name, is_tensor)
        return _map(take, value)

    return take(state)


def unpack(packed: Any, arrays: Mapping[str, NDArray]) -> Any:
    """Return nested values with the arrays and tensors that ``pack`` took out."""
    if isinstance(packed, Place):
        array = arrays[packed.name]
        return torch.tensor(array, device="cpu") if packed.is_tensor else array
    return _map(lambda part: unpack(part, arrays), packed)


def _fits_file(dtype: np.dtype) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8


def _map(function: Any, value: Any) -> Any:
    """Return a container with its values mapped; anything else as it is."""
    if isinstance(value, Mapping):
        return {name: function(part) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(function, value))
    return value
