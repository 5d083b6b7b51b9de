"""The layers of networks as nodes of a graph, one function or table each.

They follow the modules of the same names, from the arguments that built these and their
weights. Steps come first and sequences second, ``(T, B, ...)``, as recurrent nodes have them;
inputs of a graph have the sequences first, as batches have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.onnx._graph import MICROSOFT, Graph, Weights

#: The id that pads characters.
PADDING = 0


def from_table(table: Mapping[str, Any], key: str, parameter: str) -> Any:
    """Return an entry; a ValueError that names the parameter if there is none."""
    if key not in table:
        raise ValueError(
            f"{parameter}={key!r} cannot be written as ONNX; {parameter} may be one of "
            f"{sorted(table)}"
        )
    return table[key]


def field_key(name: str, field: int) -> str:
    """Return the name of a field's part of a batch; the first field's is ``name``."""
    return f"{name}.{field}" if field else name


# --- inputs ---------------------------------------------------------------------------


def read_lengths(graph: Graph) -> str:
    """Return the input of real steps ``(B,)``."""
    return graph.input("lengths", np.int64, ["B"])


def step_mask(graph: Graph, x: str, lengths: str) -> str:
    """Return True at real steps, ``(T, B, 1)``, of x ``(T, B, ...)``."""
    n_steps = graph.squeeze(graph.size(x, 0), 0)
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    steps = graph.unsqueeze(graph.node("Range", zero, n_steps, one), 1)  # (T, 1)
    return graph.unsqueeze(graph.node("Less", steps, lengths), 2)


def read_steps(
    graph: Graph, config: Mapping[str, Any], weights: Weights, field: int = 0
) -> str:
    """Return the vectors of steps ``(T, B, F)`` from the inputs of a graph."""
    if "fields" in config:
        parts = [
            read_steps(graph, one, weights.at(f"fields.{j}"), j)
            for j, one in enumerate(config["fields"])
        ]
        return graph.concat(parts)
    if "step_encoder" in config:
        encode = from_table(STEP_ENCODERS, config["step_encoder"], "step_encoder")
        return _read_images(graph, config, weights, field, encode)
    if "n_features" in config:
        return _read_features(graph, config["n_features"], field)
    return _read_tokens(graph, config, weights, field)


def _read_features(graph: Graph, n_features: int, field: int) -> str:
    name = field_key("features", field)
    return graph.transpose(graph.input(name, np.float32, ["B", "T", n_features]), 1, 0, 2)


def _read_tokens(
    graph: Graph, config: Mapping[str, Any], weights: Weights, field: int
) -> str:
    tokens = graph.input(field_key("tokens", field), np.int64, ["B", "T"])
    table = graph.constant(weights("embedding.weight"))
    vectors = graph.node("Gather", table, graph.transpose(tokens, 1, 0))  # (T, B, E)
    encoder = config.get("char_encoder")
    if encoder is None:
        return vectors
    words = graph.input(field_key("words", field), np.int64, ["B", "T"])
    characters = graph.input(field_key("characters", field), np.int64, ["W", "C"])
    encode = from_table(CHAR_ENCODERS, encoder, "char_encoder")
    of_words = encode(graph, characters, weights.at("char_encoder"))  # (W, C)
    by_step = graph.node("Gather", of_words, graph.transpose(words, 1, 0))  # (T, B, C)
    return graph.concat([vectors, by_step])


def character_cnn(graph: Graph, characters: str, weights: Weights) -> str:
    """Return vectors ``(W, F)`` of words, each filter's maximum over the characters."""
    filters = weights("filters.weight")  # (F, 3 D)
    table = weights("embedding.weight")  # (n_ids, D)
    width = filters.shape[1] // table.shape[1]
    x = graph.transpose(graph.node("Gather", graph.constant(table), characters), 0, 2, 1)
    kernel = filters.reshape(len(filters), width, -1).transpose(0, 2, 1)  # (F, D, 3)
    y = graph.node(
        "Conv",
        x,
        graph.constant(kernel),
        graph.constant(weights("filters.bias")),
        pads=[width // 2, width // 2],
    )  # (W, F, C)
    padding = graph.node("Equal", characters, graph.constant(PADDING, np.int64))
    infinite = graph.constant(-np.inf, np.float32)
    shift = graph.where(padding, infinite, 0.0)  # to add is quicker than to choose
    y = graph.node("Add", y, graph.unsqueeze(shift, 1))
    return graph.node("Relu", graph.max(y, 2))


def ngram_bag(graph: Graph, characters: str, weights: Weights) -> str:
    """Return the means ``(W, F)`` of the vectors of words' n-grams."""
    table = graph.constant(weights("embedding.weight"))
    vectors = graph.node("Gather", table, characters)  # (W, N, F)
    padding = graph.constant(PADDING, np.int64)
    real = graph.node("Not", graph.node("Equal", characters, padding))
    total = graph.sum(graph.where(graph.unsqueeze(real, 2), vectors, 0.0), 1)
    count = graph.sum(graph.node("Cast", real, to=_float(graph)), 1, keepdims=True)
    count = graph.node("Max", count, graph.constant(1.0, np.float32))
    return graph.node("Div", total, count)


CHAR_ENCODERS: dict[str, Callable[[Graph, str, Weights], str]] = {
    "cnn": character_cnn,
    "ngrams": ngram_bag,
}


def _read_images(
    graph: Graph, config: Mapping[str, Any], weights: Weights, field: int, encode: Any
) -> str:
    """Return vectors of images, and the features beside them after these."""
    height, width, n_channels = config["shape"]
    first = config["first"]
    stop = first + height * width * n_channels
    x = _read_features(graph, config["n_features"], field)  # (T, B, F)
    pixels = graph.part(x, 2, first, stop)
    images = graph.reshape(pixels, -1, height, width, n_channels)  # (T * B, ...)
    encoded = graph.node("Relu", encode(graph, images, weights.at("encoder")))
    sizes = [graph.size(x, 0), graph.size(x, 1), graph.constant([-1], np.int64)]
    vectors = graph.node("Reshape", encoded, graph.concat(sizes, 0))  # (T, B, E)
    parts = [vectors]
    if first:
        parts.append(graph.part(x, 2, 0, first))
    if stop < config["n_features"]:
        parts.append(graph.part(x, 2, stop, config["n_features"]))
    return graph.concat(parts)


def frame_cnn(graph: Graph, images: str, weights: Weights) -> str:
    """Return vectors ``(N, E)`` of images ``(N, height, width, n_channels)``."""
    x = graph.transpose(images, 0, 3, 1, 2)
    layer = 0
    while f"{weights.prefix}convolutions.{layer}.weight" in weights.arrays:
        of_layer = weights.at(f"convolutions.{layer}")
        kernel, bias = graph.constant(of_layer("weight")), of_layer("bias")
        x = graph.node("Conv", x, kernel, graph.constant(bias), pads=[1, 1, 1, 1])
        x = graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
        x = graph.node("Relu", x)
        layer += 1
    flat = graph.node("Flatten", graph.transpose(x, 0, 2, 3, 1))
    return graph.linear(flat, weights.at("linear"))


STEP_ENCODERS: dict[str, Callable[[Graph, str, Weights], str]] = {"cnn": frame_cnn}


def read_static(graph: Graph, config: Mapping[str, Any], weights: Weights) -> str:
    """Return the vectors of static columns ``(B, S)``."""
    parts = []
    if config["n_numbers"]:
        axes = ["B", config["n_numbers"]]
        parts.append(graph.input("static_numbers", np.float32, axes))
    n_columns = len(config["n_categories"])
    for j in range(n_columns):
        ids = graph.input("static_categories", np.int64, ["B", n_columns])
        column = graph.node("Gather", ids, graph.constant(j, np.int64), axis=1)
        table = graph.constant(weights(f"embeddings.{j}.weight"))
        parts.append(graph.node("Gather", table, column))
    return graph.concat(parts)


def join_to_steps(graph: Graph, x: str, static: str) -> str:
    """Return x ``(T, B, F)`` with static vectors ``(B, S)`` after each step's."""
    ones = graph.constant([1, 1], np.int64)
    shape = graph.node("Concat", graph.size(x, 0), ones, axis=0)
    return graph.concat([x, graph.node("Expand", static, shape)])


# --- cells ----------------------------------------------------------------------------


class CellNode(NamedTuple):
    """A recurrent layer as a node.

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
    attributes: Mapping[str, Any] = {}
    activations: tuple[str, ...] = ()
    quantized: str = ""


#: torch's gates are i, f, g, o and r, z, n.
CELLS: dict[str, CellNode] = {
    "lstm": CellNode("LSTM", (0, 3, 1, 2), n_states=2, quantized="DynamicQuantizeLSTM"),
    "gru": CellNode("GRU", (1, 0, 2), attributes={"linear_before_reset": 1}),
    "rnn_tanh": CellNode("RNN", (0,)),
    "rnn_relu": CellNode("RNN", (0,), activations=("Relu",)),
}


def run_cells(
    graph: Graph,
    cell: str,
    x: str,
    weights: Sequence[Weights],
    lengths: str | None = None,
    states: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """Return one layer's outputs ``(T, B, D * H)`` and its last states.

    Parameters
    ----------
    graph : Graph
    cell : str
        A key of ``CELLS``.
    x : str
        Steps ``(T, B, F)``.
    weights : sequence of Weights
        Of the D directions, the forward one first.
    lengths : str, optional
        Real steps, int32 ``(B,)``; None reads all of them.
    states : sequence of str
        Before the first step, ``(D, B, H)`` each; zeros without any.
    """
    node = from_table(CELLS, cell, "cell")
    n_directions = len(weights)
    gates = [_stacked(one, node.order) for one in weights]
    w, r, b = (np.stack(parts) for parts in zip(*gates, strict=True))
    attributes: dict[str, Any] = {
        "hidden_size": r.shape[2],
        "direction": "bidirectional" if n_directions == 2 else "forward",
        **node.attributes,
    }
    if node.activations:
        attributes["activations"] = list(node.activations) * n_directions
    of_steps = ["" if lengths is None else lengths, *states]
    if graph.quantize is None:
        op, domain = node.op, None
        inputs = [x, *map(graph.constant, (w, r, b)), *of_steps]
    else:
        op, domain = node.quantized, MICROSOFT
        of_steps += [""] * (4 - len(of_steps))  # states, and peepholes, that are left out
        (w, *of_w), (r, *of_r) = map(quantized, (w, r))
        inputs = [x, *map(graph.constant, (w, r, b)), *of_steps]
        inputs += map(graph.constant, (*of_w, *of_r))
    outputs, *last = graph.nodes_of(op, inputs, 1 + node.n_states, domain, attributes)
    if n_directions == 1:
        return graph.squeeze(outputs, 1), last
    outputs = graph.transpose(outputs, 0, 2, 1, 3)  # (T, B, D, H)
    return graph.reshape(outputs, 0, 0, -1), last


def _stacked(weights: Weights, order: tuple[int, ...]) -> list[NDArray]:
    """Return one direction's weights in the operator's order of gates."""

    def ordered(array: NDArray) -> NDArray:
        gates = np.split(array, len(order))
        return np.concatenate([gates[i] for i in order])

    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w, r, *biases = (ordered(weights(f"rnn.{name}_l0")) for name in names)
    return [w, r, np.concatenate(biases)]


def quantized(weights: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Return weights ``(D, rows, columns)`` as int8, transposed, with scales and zeros.

    Each row, the weights of one gate of one unit, has a scale of its own.
    """
    largest = np.abs(weights).max(2)  # (D, rows)
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1))
    integers = np.rint(weights / scale[..., None]).astype(np.int8)
    return integers.transpose(0, 2, 1), scale, np.zeros(scale.shape, np.int8)


def encode(
    graph: Graph, config: Mapping[str, Any], weights: Weights, x: str, lengths: str
) -> tuple[str, str]:
    """Return the encoder's outputs ``(T, B, M)`` and its final state ``(B, M)``."""
    directions = ["forward", "backward"] if config["bidirectional"] else ["forward"]
    of_steps = graph.node("Cast", lengths, to=_int32(graph))
    last: list[str] = []
    for layer in range(config["num_layers"]):
        of_layer = [weights.at(f"{name}_layers.{layer}") for name in directions]
        x, last = run_cells(graph, config["cell"], x, of_layer, of_steps)
    if len(directions) == 1:
        return x, graph.squeeze(last[0], 0)
    state = graph.transpose(last[0], 1, 0, 2)  # (B, D, H)
    return x, graph.reshape(state, 0, -1)


# --- poolings -------------------------------------------------------------------------


def last_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the final state ``(B, M)``."""
    return state


def mean_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the mean over the real steps ``(B, M)``."""
    mask = step_mask(graph, outputs, lengths)
    total = graph.sum(graph.where(mask, outputs, 0.0), 0)
    counts = graph.unsqueeze(graph.node("Cast", lengths, to=_float(graph)), 1)
    return graph.node("Div", total, counts)


def max_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the largest values over the real steps ``(B, M)``."""
    mask = step_mask(graph, outputs, lengths)
    return graph.max(graph.where(mask, outputs, -np.inf), 0)


def attention_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the weighted mean over the real steps ``(B, M)``."""
    units = graph.node("Tanh", graph.linear(outputs, weights.at("projection")))
    scores = graph.node("MatMul", units, graph.constant(weights("context")))  # (T, B, 1)
    scores = graph.where(step_mask(graph, outputs, lengths), scores, -np.inf)
    shares = graph.node("Softmax", scores, axis=0)
    return graph.sum(graph.node("Mul", shares, outputs), 0)


POOLINGS: dict[str, Callable[[Graph, str, str, str, Weights], str]] = {
    "last": last_pooling,
    "mean": mean_pooling,
    "max": max_pooling,
    "attention": attention_pooling,
}


# --- decoders -------------------------------------------------------------------------


def general_keys(graph: Graph, memory: str, weights: Weights) -> str:
    """Return the projected memory ``(B, T, H)``."""
    return graph.linear(memory, weights.at("projection"), bias=False)


def general_scores(graph: Graph, queries: str, keys: str, weights: Weights) -> str:
    """Return scores ``(B, U, T)`` of queries ``(B, U, H)``."""
    return graph.node("MatMul", queries, graph.transpose(keys, 0, 2, 1))


def additive_keys(graph: Graph, memory: str, weights: Weights) -> str:
    """Return the projected memory ``(B, T, H)``."""
    return graph.linear(memory, weights.at("of_memory"))


def additive_scores(graph: Graph, queries: str, keys: str, weights: Weights) -> str:
    """Return scores ``(B, U, T)`` of queries ``(B, U, H)``."""
    x = graph.linear(queries, weights.at("of_query"), bias=False)
    pairs = graph.node("Add", graph.unsqueeze(x, 2), graph.unsqueeze(keys, 1))
    units = graph.node("Tanh", pairs)  # (B, U, T, H)
    scores = graph.node("MatMul", units, graph.constant(weights("weights")))
    return graph.squeeze(scores, 3)


#: Functions that give the keys of a memory, and the scores of queries.
ATTENTIONS: dict[str, tuple[Callable[..., str], Callable[..., str]]] = {
    "general": (general_keys, general_scores),
    "additive": (additive_keys, additive_scores),
}


class Memory(NamedTuple):
    """The encoded sequences that attention reads.

    Attributes
    ----------
    values : str
        Outputs of the encoder, ``(B, T, M)``.
    keys : str
        ``(B, T, H)``.
    lengths : str
        Real steps, ``(B,)``.
    """

    values: str
    keys: str
    lengths: str


def remember(
    graph: Graph, config: Mapping[str, Any], weights: Weights, outputs: str, lengths: str
) -> Memory | None:
    """Return what a decoder's attention reads of outputs ``(T, B, M)``, if it has one."""
    if config["attention"] is None:
        return None
    keys_of, _ = from_table(ATTENTIONS, config["attention"], "attention")
    values = graph.transpose(outputs, 1, 0, 2)
    keys = keys_of(graph, values, weights.at("attention"))
    return Memory(values, keys, lengths)


def start_states(
    graph: Graph, config: Mapping[str, Any], weights: Weights, state: str
) -> list[str]:
    """Return a decoder's states ``(num_layers, B, H)`` from the encoder's ``(B, M)``."""
    n_states = from_table(CELLS, config["cell"], "cell").n_states
    num_layers = config["num_layers"]
    bridged = graph.node("Tanh", graph.linear(state, weights.at("bridge")))
    parts = graph.reshape(bridged, 0, n_states * num_layers, config["hidden_size"])
    parts = graph.transpose(parts, 1, 0, 2)  # (n_states * num_layers, B, H)
    return [
        graph.part(parts, 0, i * num_layers, (i + 1) * num_layers)
        for i in range(n_states)
    ]


def decode(
    graph: Graph,
    config: Mapping[str, Any],
    weights: Weights,
    x: str,
    states: Sequence[str],
) -> tuple[str, list[str]]:
    """Return a decoder's outputs ``(U, B, H)`` of steps, and its states after them."""
    after: list[list[str]] = []
    for layer in range(config["num_layers"]):
        before = [graph.part(state, 0, layer, layer + 1) for state in states]
        of_layer = weights.at(f"layers.layers.{layer}")
        x, last = run_cells(graph, config["cell"], x, [of_layer], None, before)
        after.append(last)
    return x, [graph.concat(parts, 0) for parts in zip(*after, strict=True)]


def read_out(
    graph: Graph,
    config: Mapping[str, Any],
    weights: Weights,
    x: str,
    memory: Memory | None,
) -> str:
    """Return a decoder's result ``(B, U, E)`` of its outputs ``(B, U, H)``."""
    if memory is not None:
        _, score = from_table(ATTENTIONS, config["attention"], "attention")
        scores = score(graph, x, memory.keys, weights.at("attention"))  # (B, U, T)
        zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
        n_steps = graph.squeeze(graph.size(memory.values, 1), 0)
        steps = graph.node("Range", zero, n_steps, one)  # (T,)
        mask = graph.node("Less", steps, graph.unsqueeze(memory.lengths, 1))  # (B, T)
        scores = graph.where(graph.unsqueeze(mask, 1), scores, -np.inf)
        shares = graph.node("Softmax", scores, axis=-1)
        x = graph.concat([graph.node("MatMul", shares, memory.values), x])
    return graph.node("Tanh", graph.linear(x, weights.at("readout")))


def _float(graph: Graph) -> int:
    return graph.helper.np_dtype_to_tensor_dtype(np.dtype(np.float32))


def _int32(graph: Graph) -> int:
    return graph.helper.np_dtype_to_tensor_dtype(np.dtype(np.int32))
