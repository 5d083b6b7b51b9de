"""Recurrent layers in one direction that carry a state from call to call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skrnn.modules.dropout import Dropout
from skrnn.modules.recurrent.cells import CELLS, Cell
from skrnn.modules.recurrent.rows import read_rows
from skrnn.modules.recurrent.unrolled import UnrolledCell
from skrnn.modules.recurrent.weight_dropout import WeightDropout

#: Tensors (num_layers, B, H), one for each state tensor of a cell.
LayerStates = tuple[Tensor, ...]


class RecurrentLayers(nn.Module):
    """Stacked cells that start from a state and return theirs.

    For generation, where every call continues the one before. ``RecurrentEncoder`` reads
    whole sequences of unequal length.

    Parameters
    ----------
    input_size, hidden_size, cell, num_layers, dropout, weight_dropout :
        As in ``RecurrentEncoder``.
    context_size : int
        Features that join the inputs of all layers but the first.

    Attributes
    ----------
    state_shape : (n_states, num_layers, hidden_size)
        Numbers that the state of one sequence holds.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str,
        num_layers: int,
        dropout: float,
        weight_dropout: float = 0.0,
        context_size: int = 0,
    ):
        super().__init__()
        sizes = [input_size] + [hidden_size + context_size] * (num_layers - 1)
        self.layers = nn.ModuleList(CELLS[cell](size, hidden_size) for size in sizes)
        self.state_shape = (CELLS[cell].n_states, num_layers, hidden_size)
        self.dropout = Dropout(dropout)
        self.weight_dropout = WeightDropout(weight_dropout, self.layers)

    def unroll(self) -> None:
        """Replace the cells by unrolled ones."""
        for i, cell in enumerate(self.layers):
            self.layers[i] = UnrolledCell(cell)  # type: ignore[arg-type]

    def cells(self) -> dict[tuple[int, str], Any]:
        """Return the cells by layer, from 1, and direction."""
        return {(i + 1, "forward"): cell for i, cell in enumerate(self.layers)}

    def zeros(self, n_sequences: int, like: Tensor) -> LayerStates:
        """Return the state before any step, with the dtype and device of ``like``."""
        n_states, num_layers, hidden_size = self.state_shape
        shape = (num_layers, n_sequences, hidden_size)
        return tuple(like.new_zeros(shape) for _ in range(n_states))

    def forward(
        self,
        x: Tensor,
        states: LayerStates,
        context_of: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, LayerStates]:
        """Return outputs ``(B, T, H)`` of x ``(B, T, F)``, and the state after them.

        ``context_of`` is called once, with the outputs of the first layer; it returns context
        vectors ``(B, T, context_size)``. All layers' outputs, those returned too, are then
        ``(B, T, context_size + H)``.
        """
        after = []
        context = None
        for i, layer in enumerate(self.weight_dropout(self.layers)):
            if i:
                x = self.dropout(x)
            x, *state = _read(layer, x, [part[i] for part in states])
            after.append(state)
            if context_of is not None:
                context = context_of(x) if context is None else context
                x = torch.cat([context, x], dim=-1)
        return x, tuple(torch.stack(parts) for parts in zip(*after, strict=True))

    def read_first(self, x: Tensor, states: LayerStates) -> Tensor:
        """Return the outputs ``(B, T, H)`` of the first layer alone."""
        first = self.weight_dropout(self.layers)[0]
        return _read(first, x, [part[0] for part in states])[0]


def _read(layer: Cell, x: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return a layer's outputs, and the tensors of the state after them."""
    return read_rows(layer, partial(_advance, layer), x, *state)


def _advance(cell: Cell, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
    """Return the outputs of a cell, and the tensors of the state after them."""
    outputs, after = cell(x, state)
    return (outputs, *after)
