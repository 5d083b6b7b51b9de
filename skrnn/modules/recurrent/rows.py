"""Large calls of a cell, cut into parts of a batch that run side by side.

The number of parts depends on the shape of a call, its precision and its kernel, so results
have the same bits with any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skrnn.modules.parallel import Piece, side_by_side, with_all_threads
from skrnn.modules.recurrent.cells import Cell
from skrnn.modules.recurrent.recurrence import runs_compiled

#: Rows times squared units, the multiplications of a step, from which torch's LSTM gains from
#: two threads.
ALL_THREADS = 1 << 18
#: The same, from which two parts gain more on two cores: in torch's LSTM, in other kernels.
TWO_PARTS, TWO_PACKED = 1 << 20, 1 << 19
#: Multiplications of a step, by the weights of input and state, from which a piece of plain
#: operations gains from a thread of its own.
MIN_PLAIN = 3_000_000
#: The same as of two parts, from which four parts lose little on two cores and gain on more.
FOUR_PARTS = 1 << 23
#: Multiplications in bfloat16 that take as long as one.
AS_ONE = 4
#: Rows times units of all steps below which a second thread does not pay for its call.
MIN_VALUES = 1 << 14


def gains_from_threads(cell: Cell, x: Tensor, n_parts: int = 1) -> bool:
    """Return whether ``n_parts`` of packed steps ``(B, T, F)`` gain from a thread each.

    Small plain operations do not: Python calls one at a time.
    """
    if runs_compiled(x):
        return True
    weights = cell.weights()[:2]
    size = sum(weight.numel() for weight in weights if weight is not None)
    return len(x) // n_parts * size >= MIN_PLAIN


def multiplications(cell: Cell, x: Tensor) -> int:
    """Return those of a step of x ``(B, T, F)``; 0 where one thread is best."""
    n_rows, n_steps, _ = x.shape
    few = n_rows < 2 or n_rows * n_steps * cell.hidden_size < MIN_VALUES
    if few or not cell.is_splittable or not torch.is_grad_enabled():
        return 0
    size = n_rows * cell.hidden_size**2 if x.device.type == "cpu" else 0
    return size // AS_ONE if cell.is_rounded(x) else size


def count_parts(cell: Cell, x: Tensor) -> int:
    """Return into how many parts a call of the cell on x ``(B, T, F)`` is cut.

    Parts of a rounded call are rounded, too.
    """
    size = multiplications(cell, x)
    if cell.reads_packed(x) and not gains_from_threads(cell, x, 2):
        return 1
    if size < (TWO_PACKED if cell.reads_packed(x) else TWO_PARTS):
        return 1
    n_parts = 2 if size < FOUR_PARTS else min(4, len(x))
    while n_parts > 1 and cell.is_rounded(x) > cell.is_rounded(x[: len(x) // n_parts]):
        n_parts //= 2
    return n_parts


def split_rows(
    cell: Cell, function: Callable[..., Any], rows: tuple[Tensor, ...], n_parts: int
) -> list[Piece]:
    """Return the pieces that call ``function`` on parts of the rows."""
    if n_parts == 1:  # a view of lengths would not know those on the host
        return [_piece(cell, function, rows)]
    parts = zip(*(part.tensor_split(n_parts) for part in rows), strict=True)
    return [_piece(cell, function, part) for part in parts]


def _piece(cell: Cell, function: Callable[..., Any], rows: tuple[Tensor, ...]) -> Piece:
    """Return the piece that calls ``function``, or the cell's own gradient."""
    if not torch.is_grad_enabled():
        return Piece(function, rows)
    return Piece(function, rows, tuple(cell.parameters()), cell.graph(rows[0]))


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
    if n_parts > 1:
        found = side_by_side(split_rows(cell, function, rows, n_parts))
        if isinstance(found[0], tuple):
            return tuple(torch.cat(parts) for parts in zip(*found, strict=True))
        return torch.cat(found)
    size = multiplications(cell, rows[0]) if cell.is_fused else 0
    if size >= ALL_THREADS:
        piece = _piece(cell, function, rows)
        inputs = rows[0].numel() * cell.hidden_size
        return with_all_threads(piece, float(size * rows[0].shape[1] + inputs))
    return function(*rows)
