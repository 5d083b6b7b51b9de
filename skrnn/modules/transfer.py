"""Copies to the device that do not wait for it.

A copy from the device waits until all work before it is done, and nothing is queued
meanwhile. The lengths of a batch come from the host, so they need not be copied back:
``lengths_to_device`` keeps them beside their tensor, where ``lengths_on_host`` finds them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Bytes of an array: CUDA reads fewer before the call ends, without waiting, and more than
#: a batch has need not be pinned.
MIN_PINNED, MAX_PINNED = 1 << 16, 1 << 26


def to_device(array: NDArray, device: torch.device | str) -> Tensor:
    """Return an array as a tensor; copy what torch cannot share.

    That is a read-only array (a memmap), or one with negative strides. The host does not
    wait for a GPU of CUDA, which reads a large array out of pinned memory, held by torch
    until it was read.
    """
    if not (array.flags.c_contiguous and array.flags.writeable):
        array = np.array(array, order="C")
    tensor = torch.from_numpy(array)
    if torch.device(device).type != "cuda":  # others may read it when it is gone
        return tensor.to(device)
    if MIN_PINNED <= array.nbytes <= MAX_PINNED:
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def lengths_to_device(lengths: NDArray[np.int64], device: torch.device | str) -> Tensor:
    """Return lengths ``(B,)`` as a tensor that ``lengths_on_host`` need not copy back."""
    tensor: Any = to_device(lengths, device)
    if tensor.device.type != "cpu":
        tensor.on_host = lengths
    return tensor


def lengths_on_host(lengths: Tensor) -> NDArray[np.int64]:
    """Return lengths ``(B,)`` as an array, copied back only where they must be."""
    known = getattr(lengths, "on_host", None)
    return lengths.cpu().numpy() if known is None else known


def real_rows(lengths: Tensor, n_steps: int) -> Tensor:
    """Return which rows ``(N,)`` of ``(B * n_steps, ...)`` hold real steps."""
    real = np.arange(n_steps) < lengths_on_host(lengths)[:, None]  # (B, n_steps)
    return to_device(np.flatnonzero(real), lengths.device)
