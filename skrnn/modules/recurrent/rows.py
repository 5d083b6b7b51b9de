"""Large calls of a cell, cut into parts of a batch that run side by side.

The number of parts depends on the shape of a call alone, so results have the same bits with
any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skrnn.modules.parallel import Piece, side_by_side
from skrnn.modules.recurrent.cells import Cell

#: Rows times squared units, the multiplications of a step, from which two parts gain on two
#: cores, and from which four lose little there and gain on more.
TWO_PARTS, FOUR_PARTS = 1 << 20, 1 << 23
#: Rows times units of all steps below which a second thread does not pay for its call.
MIN_VALUES = 1 << 16


def count_parts(cell: Cell, x: Tensor) -> int:
    """Return into how many parts a call of the cell on x ``(B, T, F)`` is cut."""
    n_rows, n_steps, _ = x.shape
    n_values = n_rows * n_steps * cell.hidden_size
    if not cell.is_splittable or not torch.is_grad_enabled() or x.device.type != "cpu":
        return 1
    size = n_rows * cell.hidden_size**2
    if n_values < MIN_VALUES or size < TWO_PARTS:
        return 1
    return min(n_rows, 2 if size < FOUR_PARTS else 4)


def split_rows(
    cell: Cell, function: Callable[..., Any], rows: tuple[Tensor, ...], n_parts: int
) -> list[Piece]:
    """Return the pieces that call ``function`` on parts of the rows."""
    weights = tuple(cell.parameters())
    parts = zip(*(part.tensor_split(n_parts) for part in rows), strict=True)
    return [Piece(function, part, weights) for part in parts]


def read_rows(cell: Cell, function: Callable[..., Any], *rows: Tensor) -> Any:
    """Return ``function(*rows)``, which reads sequences by the cell.

    Parameters
    ----------
    cell : Cell
    function : callable
        Returns a tensor, or a tuple of tensors, whose first axis is that of ``rows``.
    rows : tensors of shape (B, ...)
        The first are the steps ``(B, T, F)``.
    """
    n_parts = count_parts(cell, rows[0])
    if n_parts == 1:
        return function(*rows)
    found = side_by_side(split_rows(cell, function, rows, n_parts))
    if isinstance(found[0], tuple):
        return tuple(torch.cat(parts) for parts in zip(*found, strict=True))
    return torch.cat(found)
