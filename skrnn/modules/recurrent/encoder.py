"""The encoder: stacked, bidirectional cells over right-padded batches.

Cells that have a kernel read packed steps: a batch is packed once, and unpacked after the
last layer. The calls of other cells are dense, which torch runs through its fused kernel,
and still exact: padding follows the real steps, so a forward pass meets it only after the
last real step, and the backward direction reverses each sequence within its own length. A
cell whose state may overflow in the padding reads real steps only.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skrnn.modules.dropout import Dropout
from skrnn.modules.masking import (
    both_ends,
    flat_indices,
    is_whole,
    last_step,
    reversal,
    reverse_steps,
)
from skrnn.modules.parallel import Piece, side_by_side
from skrnn.modules.recurrent.cells import CELLS
from skrnn.modules.recurrent.packing import Packing
from skrnn.modules.recurrent.recurrence import current_kernels
from skrnn.modules.recurrent.rows import (
    count_parts,
    gains_from_threads,
    read_rows,
    split_rows,
)
from skrnn.modules.recurrent.unrolled import UnrolledCell
from skrnn.modules.recurrent.weight_dropout import WeightDropout
from skrnn.modules.transfer import lengths_on_host


class RecurrentEncoder(nn.Module):
    """Runs recurrent layers over sequences of unequal length.

    Parameters
    ----------
    input_size : int
        Features of a step.
    hidden_size : int
        Units of each layer and direction.
    cell : str
        The recurrent cell, a key of ``CELLS``.
    num_layers : int
        Layers, each over the outputs of the one before.
    bidirectional : bool
        Whether a second cell reads each sequence from its end.
    dropout : float
        Rate at which values between layers are dropped in training.
    weight_dropout : float
        Rate at which hidden-to-hidden weights are, as in ``WeightDropout``.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ):
        super().__init__()
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.forward_layers = nn.ModuleList(CELLS[cell](s, hidden_size) for s in sizes)
        self.backward_layers = nn.ModuleList(
            CELLS[cell](s, hidden_size) for s in (sizes if bidirectional else [])
        )
        self.dropout = Dropout(dropout)
        self.weight_dropout = WeightDropout(weight_dropout, self.forward_layers)
        #: Whether states are nodes of one graph, so that no cell has a graph of its own.
        self.is_unrolled = False

    def unroll(self) -> None:
        """Replace the cells by unrolled ones."""
        self.is_unrolled = True
        for stack in (self.forward_layers, self.backward_layers):
            for i, cell in enumerate(stack):
                stack[i] = UnrolledCell(cell)  # type: ignore[arg-type]

    def cells(self) -> dict[tuple[int, str], Any]:
        """Return the cells by layer, from 1, and direction."""
        stacks = {"forward": self.forward_layers, "backward": self.backward_layers}
        return {
            (i + 1, direction): stack[i]
            for i in range(len(self.forward_layers))
            for direction, stack in stacks.items()
            if len(stack)
        }

    def forward(
        self, inputs: Tensor, lengths: Tensor, *, needs_outputs: bool = True
    ) -> tuple[Tensor | None, Tensor]:
        """Return every step's output and the last layer's final state.

        Parameters
        ----------
        inputs : float tensor of shape (B, T, input_size)
            Right-padded sequences.
        lengths : int64 tensor of shape (B,)
            Real steps of each, at least 1.
        needs_outputs : bool
            Whether outputs are returned; those of packed steps are not padded without need.

        Returns
        -------
        outputs : (B, T, output_size)
            Any finite numbers in the padding. May be None where ``needs_outputs`` is False.
        state : (B, output_size)
            The forward output of the last real step and, if bidirectional, the backward
            output of the first.
        """
        x = inputs
        stacks = [self.weight_dropout(self.forward_layers)]
        if self.bidirectional:
            stacks.append(self.weight_dropout(self.backward_layers))
        if all(cell.reads_packed(x) for cells in stacks for cell in cells):
            needs_outputs = needs_outputs or bool(self._forward_hooks)
            return self._read_packed(stacks, x, lengths, needs_outputs)
        mirror = None
        if self.bidirectional and not is_whole(lengths, x.shape[1]):
            mirror = flat_indices(reversal(lengths, x.shape[1]), x.shape[1])  # (B * T,)
        for i, cells in enumerate(zip(*stacks, strict=True)):
            if i:
                x = self.dropout(x)
            if not self.bidirectional:
                x = read_rows(cells[0], cells[0].read, x, lengths)  # (B, T, H)
            else:
                x = self._read_both(cells, x, lengths, mirror)  # (B, T, 2H)
        if not self.bidirectional:
            return x, last_step(x, lengths)
        return x, both_ends(x, lengths)  # (B, 2H)

    def _read_packed(
        self,
        stacks: list[list[Any]],
        x: Tensor,
        lengths: Tensor,
        needs_outputs: bool,
    ) -> tuple[Tensor | None, Tensor]:
        """Return the result of ``forward``; rows stay packed from layer to layer."""
        n_parts = max(1, count_parts(stacks[0][0], x) // len(stacks))
        together = gains_from_threads(stacks[0][0], x)
        of_parts = np.array_split(lengths_on_host(lengths), n_parts)
        packings = [Packing(part, x.shape[1], x.device) for part in of_parts]
        parts = zip(packings, x.tensor_split(n_parts), strict=True)
        rows = [packing.pack(part) for packing, part in parts]  # (N, F) each
        kernels = current_kernels(x)
        directions: list[list[Any]] = []
        for i in range(len(stacks[0])):
            if i:
                rows = [
                    self.dropout(part, packing.sequences(part.device), packing.shape[0])
                    for part, packing in zip(
                        map(_outputs, directions), packings, strict=True
                    )
                ]
            pieces = [
                Piece(
                    partial(stack[i].read_packed, steps=steps, kernels=kernels),
                    (part,),
                    (*stack[i].parameters(),),
                )
                for part, packing in zip(rows, packings, strict=True)
                for stack, steps in zip(
                    stacks, (packing.forward, packing.backward), strict=False
                )
            ]
            if together and len(pieces) > 1:
                found = side_by_side(pieces)
            else:
                found = [piece() for piece in pieces]
            directions = [
                found[start : start + len(stacks)]
                for start in range(0, len(found), len(stacks))
            ]
        states = [
            packing.unsort(_joined([last for _, last in both]))  # (B, 2H)
            for packing, both in zip(packings, directions, strict=True)
        ]
        state = states[0] if n_parts == 1 else torch.cat(states)
        if not needs_outputs:
            return None, state
        pairs = zip(packings, map(_outputs, directions), strict=True)
        outputs = [packing.unpack(part) for packing, part in pairs]  # (B, T, 2H)
        return outputs[0] if n_parts == 1 else torch.cat(outputs), state

    def _read_both(
        self, cells: tuple[Any, ...], x: Tensor, lengths: Tensor, mirror: Tensor | None
    ) -> Tensor:
        """Return the outputs ``(B, T, 2H)`` of both directions of a layer, side by side."""

        def mirrored(steps: Tensor) -> Tensor:
            return steps.flip(1) if mirror is None else reverse_steps(steps, mirror)

        n_parts = max(1, count_parts(cells[0], x) // 2)
        pieces = [
            piece
            for cell, steps in zip(cells, (x, mirrored(x)), strict=True)
            for piece in split_rows(cell, cell.read, (steps, lengths), n_parts)
        ]
        found = [p() for p in pieces] if self.is_unrolled else side_by_side(pieces)
        if n_parts > 1:
            found = [torch.cat(found[:n_parts]), torch.cat(found[n_parts:])]
        return torch.cat([found[0], mirrored(found[1])], dim=-1)


def _outputs(directions: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the packed outputs ``(N, 2H)`` of what each direction has found."""
    return _joined([outputs for outputs, _ in directions])


def _joined(directions: list[Tensor]) -> Tensor:
    """Return ``(..., H)`` of each direction side by side."""
    return directions[0] if len(directions) == 1 else torch.cat(directions, dim=-1)
