"""Cells that run step by step and keep every state, for inspection.

``forward`` of a cell may be one call of a fused kernel, inside which no state is a node of
the graph of gradients. An unrolled cell has the same weights and outputs, and keeps each
step's state and gates.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skrnn.modules.masking import length_mask
from skrnn.modules.recurrent.cells import Cell, CellState


class Trace(NamedTuple):
    """The states of one call, in the order in which the cell reads.

    Attributes
    ----------
    states : list of n_steps tuples of (B, H)
        After each step.
    gates : list of n_steps tuples of (B, H)
        In the order of the cell's ``gate_names``.
    """

    states: list[CellState]
    gates: list[tuple[Tensor, ...]]


class UnrolledCell(Cell):
    """A cell that runs step by step.

    Parameters
    ----------
    cell : Cell
        Whose weights it has.

    Attributes
    ----------
    traces : list of Trace
        One a call; whoever reads them clears the list.
    """

    is_splittable = False

    def __init__(self, cell: Cell):
        super().__init__(cell.input_size, cell.hidden_size)
        self.cell = cell
        self.traces: list[Trace] = []

    def forward(
        self, x: Tensor, state: CellState | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, CellState]:
        """Return the output of every step, and the state after the last one.

        ``mask`` ``(B, T)`` is False where a step leaves the state as it is.
        """
        trace = Trace([], [])
        for t, step in enumerate(x.unbind(1)):  # (B, F)
            after, gates = self.cell.step(step, state)
            if mask is not None and state is not None:
                after = tuple(
                    torch.where(mask[:, t, None], new, old)
                    for new, old in zip(after, state, strict=True)
                )
            trace.states.append(after)
            trace.gates.append(gates)
            state = after
        assert state is not None  # x has a step
        self.traces.append(trace)
        return torch.stack([after[0] for after in trace.states], dim=1), state

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return outputs ``(B, T, hidden_size)`` of right-padded sequences."""
        if self.cell.is_bounded:
            return self(x)[0]
        return self(x, mask=length_mask(lengths, x.shape[1]))[0]
