"""Graphs of ONNX under construction, and the weights that they take from a network.

Only ``onnx.helper`` makes nodes: an exporter that traces torch freezes the number of steps in
the direction that reads from the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._optional import import_optional

#: Version of the operators; onnxruntime reads it since 1.14, and the IR since 1.12.
OPSET, IR_VERSION = 17, 8
#: onnxruntime's own operators, such as the LSTM with integer weights.
MICROSOFT = "com.microsoft"
#: Constants of at most so many bytes are stored once, however often they are used.
SHARED_BYTES = 1 << 10


class Weights:
    """Arrays of a network's state, by name, and which of them were read.

    Parameters
    ----------
    arrays : dict of str to ndarray
    prefix : str
        Start of the names of a part's arrays, its last dot included.
    unread : set of str, optional
        Shared by the weights of all parts.
    """

    def __init__(
        self,
        arrays: dict[str, NDArray],
        prefix: str = "",
        unread: set[str] | None = None,
    ):
        self.arrays, self.prefix = arrays, prefix
        self.unread = set(arrays) if unread is None else unread

    def __call__(self, name: str) -> NDArray:
        """Return an array."""
        self.unread.discard(self.prefix + name)
        if self.prefix + name not in self.arrays:
            raise ValueError(
                f"the network has no {self.prefix + name}: it is not as skrnn made it"
            )
        return self.arrays[self.prefix + name]

    def at(self, part: str) -> Weights:
        """Return the weights of a part."""
        return Weights(self.arrays, f"{self.prefix}{part}.", self.unread)


class Graph:
    """A graph to which nodes are added one after the other.

    A value is known by its name, a str.

    Parameters
    ----------
    name : str
    quantize : {None, "int8"}
        Whether recurrent layers have integer weights.
    prefix : str
        Start of the names of values, which differ from those of a graph around this one.
    """

    def __init__(self, name: str, quantize: str | None = None, prefix: str = ""):
        self.helper = import_optional("onnx.helper", "skrnn.onnx", "onnx")
        self.numpy_helper = import_optional("onnx.numpy_helper", "skrnn.onnx", "onnx")
        self.name, self.quantize, self.prefix = name, quantize, prefix
        self.nodes: list[Any] = []
        self.inputs: dict[str, Any] = {}
        self.outputs: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.shared: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.uses_microsoft = False

    def input(self, name: str, dtype: Any, axes: Sequence[str | int]) -> str:
        """Add an input, unless it is one already; ``axes`` names the dimensions."""
        if name not in self.inputs:
            self.inputs[name] = self._info(name, dtype, axes)
        return name

    def output(
        self, name: str, value: str, dtype: Any, axes: Sequence[str | int]
    ) -> None:
        """Name a value as an output."""
        self.nodes.append(self.helper.make_node("Identity", [value], [name]))
        self.outputs.append(self._info(name, dtype, axes))

    def _info(self, name: str, dtype: Any, axes: Sequence[str | int]) -> Any:
        kind = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.helper.make_tensor_value_info(name, kind, list(axes))

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Add an array that does not change."""
        array = np.ascontiguousarray(values, dtype)
        array = array.reshape(np.shape(values))  # numbers have no dimension
        name = f"{self.prefix}constant.{len(self.initializers)}"
        if array.nbytes <= SHARED_BYTES:
            key = (array.dtype.str, array.shape, array.tobytes())
            name = self.shared.setdefault(key, name)
        if name not in self.initializers:
            self.initializers[name] = self.numpy_helper.from_array(array, name)
        return name

    def node(
        self, op: str, *inputs: str, domain: str | None = None, **attributes: Any
    ) -> str:
        """Add a node of one output."""
        return self.nodes_of(op, inputs, 1, domain, attributes)[0]

    def nodes_of(
        self,
        op: str,
        inputs: Sequence[str],
        n_outputs: int,
        domain: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> list[str]:
        """Add a node of several outputs; an empty name is an input that is left out."""
        number = len(self.nodes)
        outputs = [f"{self.prefix}{op}.{number}.{i}" for i in range(n_outputs)]
        self.uses_microsoft |= domain is not None
        self.nodes.append(
            self.helper.make_node(
                op, list(inputs), outputs, domain=domain, **(attributes or {})
            )
        )
        return outputs

    # --- shapes ----------------------------------------------------------------------

    def transpose(self, x: str, *order: int) -> str:
        """Return x with its axes in another order."""
        return self.node("Transpose", x, perm=order)

    def reshape(self, x: str, *shape: int) -> str:
        """Return x in another shape; 0 keeps a size, and -1 is what is left."""
        return self.node("Reshape", x, self.constant(shape, np.int64))

    def unsqueeze(self, x: str, *axes: int) -> str:
        """Return x with axes of size 1."""
        return self.node("Unsqueeze", x, self.constant(axes, np.int64))

    def squeeze(self, x: str, *axes: int) -> str:
        """Return x without axes of size 1."""
        return self.node("Squeeze", x, self.constant(axes, np.int64))

    def concat(self, parts: Sequence[str], axis: int = -1) -> str:
        """Return parts side by side."""
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=axis)

    def size(self, x: str, axis: int) -> str:
        """Return the size of an axis, int64 of shape (1,)."""
        shape = self.node("Shape", x)
        return self.node("Gather", shape, self.constant([axis], np.int64))

    def part(self, x: str, axis: int, start: int, stop: int) -> str:
        """Return a slice of x along an axis."""
        ends = (self.constant([n], np.int64) for n in (start, stop, axis))
        return self.node("Slice", x, *ends)

    def step_mask(self, x: str, lengths: str) -> str:
        """Return True at real steps, ``(T, B, 1)``, of x ``(T, B, ...)``."""
        n_steps = self.squeeze(self.size(x, 0), 0)
        zero, one = self.constant(0, np.int64), self.constant(1, np.int64)
        steps = self.unsqueeze(self.node("Range", zero, n_steps, one), 1)  # (T, 1)
        return self.unsqueeze(self.node("Less", steps, lengths), 2)

    # --- numbers ---------------------------------------------------------------------

    def linear(self, x: str, weights: Weights, *, bias: bool = True) -> str:
        """Return ``x @ weight.T + bias`` of a linear layer."""
        product = self.node("MatMul", x, self.constant(weights("weight").T))
        if not bias:
            return product
        return self.node("Add", product, self.constant(weights("bias")))

    def cast(self, x: str, dtype: Any) -> str:
        """Return x as another type of numbers."""
        kind = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node("Cast", x, to=kind)

    def where(self, mask: str, x: str, otherwise: float) -> str:
        """Return x where the mask is True, a number elsewhere."""
        return self.node("Where", mask, x, self.constant(otherwise, np.float32))

    def sum(self, x: str, axis: int, *, keepdims: bool = False) -> str:
        """Return the sum over an axis."""
        axes = self.constant([axis], np.int64)
        return self.node("ReduceSum", x, axes, keepdims=int(keepdims))

    def max(self, x: str, axis: int) -> str:
        """Return the maximum over an axis."""
        return self.node("ReduceMax", x, axes=[axis], keepdims=0)

    # --- the whole -------------------------------------------------------------------

    def proto(self) -> Any:
        """Return the graph proto."""
        return self.helper.make_graph(
            self.nodes,
            self.name,
            list(self.inputs.values()),
            self.outputs,
            list(self.initializers.values()),
        )

    def model(self, metadata: dict[str, str], producer_version: str) -> Any:
        """Return the model proto, with strings beside it."""
        opsets = [self.helper.make_opsetid("", OPSET)]
        if self.uses_microsoft:
            opsets.append(self.helper.make_opsetid(MICROSOFT, 1))
        model = self.helper.make_model(
            self.proto(),
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="skrnn",
            producer_version=producer_version,
        )
        self.helper.set_model_props(model, metadata)
        return model
