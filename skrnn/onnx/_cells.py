"""Recurrent layers as nodes of a graph, one row in ``CELLS`` a cell.

Steps come first and sequences second, ``(T, B, ...)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.onnx._graph import MICROSOFT, Graph, Weights

#: The largest integer of a weight. Processors without VNNI add two products of a weight and a
#: value of up to 255 in 16 bits, which hold no more.
MAX_INTEGER = 64


class CellNodes(ABC):
    """Abstract base: nodes of one layer.

    Attributes
    ----------
    n_states : int
        State tensors of the cell.
    quantized : str
        onnxruntime's operator of integer weights, empty if it has none.
    """

    n_states: int
    quantized: str = ""

    @abstractmethod
    def add(
        self,
        graph: Graph,
        x: str,
        weights: Sequence[Weights],
        lengths: str | None = None,
        states: Sequence[str] = (),
        *,
        bounded: bool,
    ) -> tuple[str, list[str]]:
        """Return one layer's outputs ``(T, B, D * H)`` and its last states (D, B, H).

        Parameters
        ----------
        graph : Graph
        x : str
            Steps ``(T, B, F)``.
        weights : sequence of Weights
            Of the D directions, the forward one first.
        lengths : str, optional
            Real steps, int64 ``(B,)``; None reads all of them.
        states : sequence of str
            Before the first step, ``(D, B, H)`` each; zeros without any.
        bounded : bool
            Whether the size of x has bounds. Integer weights need it: all values of a batch
            are rounded by one scale, the largest's.
        """


@dataclass(frozen=True)
class Operator(CellNodes):
    """A cell that ONNX has an operator for.

    Attributes
    ----------
    op : str
        The operator.
    order : tuple of int
        Our gates in the operator's order.
    n_states : int
        State tensors.
    attributes : dict
        Of the operator, but for ``activations``.
    activations : tuple of str
        Of one direction, where they are not the operator's own.
    quantized : str
        onnxruntime's operator of integer weights, if it has one.
    """

    op: str
    order: tuple[int, ...]
    n_states: int = 1
    attributes: tuple[tuple[str, int], ...] = ()
    activations: tuple[str, ...] = ()
    quantized: str = ""

    def add(
        self,
        graph: Graph,
        x: str,
        weights: Sequence[Weights],
        lengths: str | None = None,
        states: Sequence[str] = (),
        *,
        bounded: bool,
    ) -> tuple[str, list[str]]:
        """Add one node."""
        n_directions = len(weights)
        w, r, b = map(np.stack, zip(*map(self._stacked, weights), strict=True))
        attributes: dict[str, Any] = {
            "hidden_size": r.shape[2],
            "direction": "bidirectional" if n_directions == 2 else "forward",
            **dict(self.attributes),
        }
        if self.activations:
            attributes["activations"] = list(self.activations) * n_directions
        of_steps = ["" if lengths is None else graph.cast(lengths, np.int32), *states]
        if graph.quantize is None or not bounded:
            op, domain = self.op, None
            inputs = [x, *map(graph.constant, (w, r, b)), *of_steps]
        else:
            op, domain = self.quantized, MICROSOFT
            of_steps += [""] * (4 - len(of_steps))  # no states, and no peepholes
            (w, *of_w), (r, *of_r) = map(as_integers, (w, r))
            inputs = [x, *map(graph.constant, (w, r, b)), *of_steps]
            inputs += map(graph.constant, (*of_w, *of_r))
        outputs, *last = graph.nodes_of(op, inputs, 1 + self.n_states, domain, attributes)
        if n_directions == 1:
            return graph.squeeze(outputs, 1), last
        outputs = graph.transpose(outputs, 0, 2, 1, 3)  # (T, B, D, H)
        return graph.reshape(outputs, 0, 0, -1), last

    def _stacked(self, weights: Weights) -> list[NDArray]:
        """Return one direction's weights in the operator's order of gates."""

        def ordered(array: NDArray) -> NDArray:
            gates = np.split(array, len(self.order))
            return np.concatenate([gates[i] for i in self.order])

        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w, r, *biases = (ordered(weights(f"rnn.{name}_l0")) for name in names)
        return [w, r, np.concatenate(biases)]


def as_integers(weights: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Return weights ``(D, rows, columns)`` as int8, transposed, with scales and zeros.

    Each row, the weights of one gate of one unit, has a scale of its own.
    """
    largest = np.abs(weights).max(2)  # (D, rows)
    scale = np.where(largest > 0, largest / np.float32(MAX_INTEGER), np.float32(1))
    integers = np.rint(weights / scale[..., None]).astype(np.int8)
    return integers.transpose(0, 2, 1), scale, np.zeros(scale.shape, np.int8)


class MinimalScan(CellNodes):
    """The minimal gated unit: gates and candidates at once, and a scan over the steps.

    A gate of 0 keeps the state, so that is the gate of the padding.
    """

    n_states = 1

    def add(
        self,
        graph: Graph,
        x: str,
        weights: Sequence[Weights],
        lengths: str | None = None,
        states: Sequence[str] = (),
        *,
        bounded: bool,
    ) -> tuple[str, list[str]]:
        """Add a scan for each direction."""
        outputs, last = [], []
        for direction, one in enumerate(weights):
            both = graph.linear(x, one.at("linear"))  # (T, B, 2 H)
            hidden_size = one("linear.bias").shape[0] // 2
            gates = graph.node("Sigmoid", graph.part(both, 2, 0, hidden_size))
            candidates = graph.part(both, 2, hidden_size, 2 * hidden_size)
            if lengths is not None:
                mask = graph.step_mask(x, lengths)
                gates = graph.where(mask, gates, 0.0)
            if states:
                before = graph.squeeze(
                    graph.part(states[0], 0, direction, direction + 1), 0
                )
            else:
                units = graph.constant([hidden_size], np.int64)
                shape = graph.concat([graph.size(x, 1), units], 0)
                before = graph.node("Expand", graph.constant(0.0, np.float32), shape)
            after, steps = graph.nodes_of(
                "Scan",
                [before, gates, candidates],
                2,
                attributes={
                    "body": self._body(graph, hidden_size),
                    "num_scan_inputs": 2,
                    "scan_input_directions": [direction, direction],
                    "scan_output_directions": [direction],
                },
            )
            outputs.append(steps)
            last.append(graph.unsqueeze(after, 0))
        return graph.concat(outputs), [graph.concat(last, 0)]

    def _body(self, graph: Graph, hidden_size: int) -> Any:
        """Return the graph of one step: the state goes to the candidate by the gate."""
        body = Graph("step", prefix=f"step.{len(graph.nodes)}.")
        axes: list[str | int] = ["B", hidden_size]
        state, gate, candidate = (
            body.input(body.prefix + name, np.float32, axes)
            for name in ("state", "gate", "candidate")
        )
        distance = body.node("Sub", candidate, state)
        after = body.node("Add", state, body.node("Mul", gate, distance))
        for name in ("after", "output"):
            body.output(body.prefix + name, after, np.float32, axes)
        return body.proto()


#: torch's gates are i, f, g, o and r, z, n.
CELLS: Mapping[str, CellNodes] = {
    "lstm": Operator("LSTM", (0, 3, 1, 2), 2, quantized="DynamicQuantizeLSTM"),
    "gru": Operator("GRU", (1, 0, 2), attributes=(("linear_before_reset", 1),)),
    "mingru": MinimalScan(),
    "rnn_tanh": Operator("RNN", (0,)),
    "rnn_relu": Operator("RNN", (0,), activations=("Relu",)),
}
