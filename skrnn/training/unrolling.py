"""Step by step runs of a fitted net: the states, and the gradients that reach them.

Each works on a copy of the network, on the CPU, and leaves the net as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn.modules.initialization import allocate
from skrnn.modules.masking import gather_steps, reversal
from skrnn.modules.modes import in_usual_modes
from skrnn.modules.networks import empty_network
from skrnn.modules.outputs import State
from skrnn.modules.recurrent import Cell, Trace, UnrolledCell
from skrnn.training.collate import PredictionBatches
from skrnn.training.dataset import EncodedDataset

if TYPE_CHECKING:
    from skrnn.training.net import SequenceNet

#: Part of the network, layer from 1, and direction.
CellName = tuple[str, int, str]


class States(NamedTuple):
    """States and gates of one cell over sequences, in the order of their steps.

    Attributes
    ----------
    states : list of n_states lists of float32 ndarrays of shape (n_steps_i, H)
        One array a sequence; the first are the outputs.
    gates : dict of lists of float32 ndarrays of shape (n_steps_i, H)
        By the gate's name.
    """

    states: list[list[NDArray[np.float32]]]
    gates: dict[str, list[NDArray[np.float32]]]


@in_usual_modes
def gradient_norms(
    net: SequenceNet, dataset: EncodedDataset
) -> dict[CellName, NDArray[np.float64]]:
    """Return the norms of the gradients of each sequence's loss by each cell's outputs.

    Element ``d`` of a cell's array is the root of the mean over sequences of the squared
    norm, ``d`` steps before the last one that the cell reads. The loss of a sequence is the
    sum over its targets, without weights. Numbers are float64: a gradient that vanishes
    does not underflow, one that explodes does not overflow. A sequence that training cuts
    into chunks is cut here, too.
    """
    network, cells = unrolled(net, torch.float64)
    criterion = copy.deepcopy(net.criterion_).to("cpu", torch.float64).eval()
    squares: dict[CellName, list[NDArray[np.float64]]] = {name: [] for name in cells}
    for batch in PredictionBatches(dataset, "cpu", net.bptt):
        state: State = ()
        for micro_batch in batch:
            inputs = _as_double(micro_batch.inputs)
            if micro_batch.carries_state:
                n_sequences = len(micro_batch.indices)
                inputs["state"] = tuple(part[:n_sequences] for part in state)
            outputs = network(inputs)
            if net.bptt is not None:
                state = tuple(part.detach() for part in outputs.state)
            targets = _as_double({"": micro_batch.targets})[""]
            loss = criterion(outputs, targets).sum()
            for name, by_step in _squared_norms(loss, cells).items():
                lengths = lengths_of(name[0], inputs, by_step.shape[1])
                squares[name].append(_by_distance(by_step, lengths))
    return {name: _root_mean(parts) for name, parts in squares.items()}


def record_states(net: SequenceNet, dataset: EncodedDataset) -> dict[CellName, States]:
    """Return the states and gates of every cell that reads X, for every sequence.

    A sequence without steps has arrays ``(0, H)``.

    Raises
    ------
    ValueError
        If no sequence has steps.
    """
    filled = np.flatnonzero(dataset.lengths)
    if not len(filled):
        raise ValueError("X has no steps: all its sequences are empty")
    network, cells = unrolled(net, torch.float32)
    batches = PredictionBatches(EncodedDataset(dataset.sequences.take(filled)), "cpu")
    found: dict[CellName, States] = {}
    with torch.inference_mode():
        for rows, batch in zip(batches.order, batches, strict=True):
            inputs = batch[0].inputs
            network.read_steps(inputs)
            lengths = inputs["lengths"]
            n_steps = inputs.get("n_steps", lengths)
            for name, cell in cells.items():
                if not cell.traces:  # of a decoder
                    continue
                values = _stacked(cell.traces.pop(), lengths, name[2])
                first = inputs.get("first_subwords")
                if first is not None:  # the states there are the steps'
                    places = first.numpy()[..., None]  # (B, T, 1)
                    values = [np.take_along_axis(v, places, 1) for v in values]
                states = found.setdefault(name, _no_states(cell.cell, len(dataset)))
                kept = [*states.states, *states.gates.values()]
                for arrays, array in zip(kept, values, strict=True):
                    for i, row, n in zip(
                        filled[rows], array, n_steps.tolist(), strict=True
                    ):
                        arrays[i] = row[:n].copy()
    return found


def _no_states(cell: Cell, n_sequences: int) -> States:
    """Return the states of sequences without steps."""
    nothing = np.empty((0, cell.hidden_size), np.float32)
    return States(
        [[nothing] * n_sequences for _ in range(cell.n_states)],
        {name: [nothing] * n_sequences for name in cell.gate_names},
    )


def unrolled(
    net: SequenceNet, dtype: torch.dtype
) -> tuple[Any, dict[CellName, UnrolledCell]]:
    """Return a copy of the network whose cells keep their states, and these cells.

    Of an ensemble it is that of the first member.
    """
    module: Any = net.module_.first_member
    network: Any = allocate(empty_network(module.kind, module.config))
    network.load_state_dict(module.state_dict())
    network.to(dtype).eval()
    return network, network.unroll()


def lengths_of(part: str, inputs: dict[str, Tensor], n_steps: int) -> Tensor:
    """Return the real steps ``(B,)`` that a part of the network reads of a batch."""
    lengths = inputs["lengths"]
    if part != "decoder":
        return lengths
    return inputs.get("target_lengths", torch.full_like(lengths, n_steps))


def _as_double(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return tensors of numbers as float64, those of ids as they are."""
    return {
        name: part.double() if part.is_floating_point() else part
        for name, part in tensors.items()
    }


def _squared_norms(
    loss: Tensor, cells: Mapping[CellName, UnrolledCell]
) -> dict[CellName, Tensor]:
    """Return ``(B, T)`` for each cell: of the gradient by its output of each step."""
    traces = {name: cell.traces.pop() for name, cell in cells.items()}
    nodes = [after[0] for trace in traces.values() for after in trace.states]
    gradients = iter(
        torch.autograd.grad(loss, nodes, allow_unused=True, materialize_grads=True)
    )
    found = {}
    for name, trace in traces.items():
        by_step = [next(gradients).square().sum(1) for _ in trace.states]
        found[name] = torch.stack(by_step, dim=1)
    return found


def _by_distance(values: Tensor, lengths: Tensor) -> NDArray[np.float64]:
    """Return ``(B, T)`` values of steps by their distance from the last one, NaN beyond."""
    mirrored = gather_steps(values[..., None], reversal(lengths, values.shape[1]))[..., 0]
    steps = torch.arange(values.shape[1], device=values.device)
    return mirrored.masked_fill(steps >= lengths[:, None], torch.nan).numpy()


def _root_mean(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the root of the mean of each column of arrays ``(B, T)``, NaN left out."""
    n_steps = max(part.shape[1] for part in parts)
    padded = [
        np.pad(part, ((0, 0), (0, n_steps - part.shape[1])), constant_values=np.nan)
        for part in parts
    ]
    return np.sqrt(np.nanmean(np.concatenate(padded), axis=0))


def _stacked(trace: Trace, lengths: Tensor, direction: str) -> list[NDArray[np.float32]]:
    """Return states, then gates, as ``(B, T, H)`` in the order of the steps."""
    found = []
    for parts in (*zip(*trace.states, strict=True), *zip(*trace.gates, strict=True)):
        values = torch.stack(parts, dim=1)  # (B, T, H)
        if direction == "backward":
            values = gather_steps(values, reversal(lengths, values.shape[1]))
        found.append(values.numpy())
    return found
