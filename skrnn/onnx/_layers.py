"""The layers of networks as nodes of a graph, one function or table each.

They follow the modules of the same names, from the arguments that built these and their
weights. Steps come first and sequences second, ``(T, B, ...)``, as recurrent nodes have them;
inputs of a graph have the sequences first, as batches have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from skrnn.onnx._cells import CELLS
from skrnn.onnx._graph import Graph, Weights

#: The id that pads characters, and a number below all that filters give.
PADDING, LEAST = 0, -1e30


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
    # equal names of sizes stand for equal sizes, and fields differ in theirs
    sizes: list[str | int] = [field_key("W", field), field_key("C", field)]
    characters = graph.input(field_key("characters", field), np.int64, sizes)
    encode = from_table(CHAR_ENCODERS, encoder, "char_encoder")
    of_words = encode(graph, characters, weights.at("char_encoder"))  # (W, C)
    by_step = graph.node("Gather", of_words, graph.transpose(words, 1, 0))  # (T, B, C)
    return graph.concat([vectors, by_step])


def character_cnn(graph: Graph, characters: str, weights: Weights) -> str:
    """Return vectors ``(W, F)`` of words, each filter's maximum over the characters.

    One more number a character is 0, of the padding the least of all, and every filter adds
    it: so the maximum passes over the padding without a mask.
    """
    filters = weights("filters.weight")  # (F, 3 D)
    table = weights("embedding.weight")  # (n_ids, D)
    width = filters.shape[1] // table.shape[1]
    kernel = filters.reshape(len(filters), width, -1).transpose(0, 2, 1)  # (F, D, 3)
    shift = np.zeros((len(table), 1), np.float32)
    shift[PADDING] = LEAST
    adds = np.zeros((len(filters), 1, width), np.float32)
    adds[:, :, width // 2] = 1.0
    table = np.concatenate([table, shift], axis=1)  # (n_ids, D + 1)
    kernel = np.concatenate([kernel, adds], axis=1)  # (F, D + 1, 3)
    x = graph.transpose(graph.node("Gather", graph.constant(table), characters), 0, 2, 1)
    y = graph.node(
        "Conv",
        x,
        graph.constant(kernel),
        graph.constant(weights("filters.bias")),
        pads=[width // 2, width // 2],
    )  # (W, F, C)
    return graph.node("Relu", graph.max(y, 2))


def ngram_bag(graph: Graph, characters: str, weights: Weights) -> str:
    """Return the means ``(W, F)`` of the vectors of words' n-grams."""
    table = graph.constant(weights("embedding.weight"))
    vectors = graph.node("Gather", table, characters)  # (W, N, F)
    padding = graph.constant(PADDING, np.int64)
    real = graph.node("Not", graph.node("Equal", characters, padding))
    total = graph.sum(graph.where(graph.unsqueeze(real, 2), vectors, 0.0), 1)
    count = graph.sum(graph.cast(real, np.float32), 1, keepdims=True)
    count = graph.node("Max", count, graph.constant(1.0, np.float32))
    return graph.node("Div", total, count)


def character_lstm(graph: Graph, characters: str, weights: Weights) -> str:
    """Return the last states ``(W, F)`` of two LSTMs, one of each direction."""
    padding = graph.constant(PADDING, np.int64)
    real = graph.node("Not", graph.node("Equal", characters, padding))
    lengths = graph.sum(graph.cast(real, np.int64), 1)
    table = graph.constant(weights("embedding.weight"))
    x = graph.node("Gather", table, graph.transpose(characters, 1, 0))  # (C, W, D)
    config = {"cell": "lstm", "num_layers": 1, "bidirectional": True}
    return encode(graph, config, weights.at("encoder"), x, lengths, bounded=True)[1]


CHAR_ENCODERS: dict[str, Callable[[Graph, str, Weights], str]] = {
    "cnn": character_cnn,
    "ngrams": ngram_bag,
    "lstm": character_lstm,
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


def reads_numbers(config: Mapping[str, Any]) -> bool:
    """Return whether steps have numbers, of a field at least."""
    return any("n_features" in one for one in config.get("fields", [config]))


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


# --- the encoder ----------------------------------------------------------------------


def encode(
    graph: Graph,
    config: Mapping[str, Any],
    weights: Weights,
    x: str,
    lengths: str,
    *,
    bounded: bool,
) -> tuple[str, str]:
    """Return the encoder's outputs ``(T, B, M)`` and its final state ``(B, M)``.

    ``bounded`` is as in ``CellNodes.add``, of the first layer.
    """
    directions = ["forward", "backward"] if config["bidirectional"] else ["forward"]
    cell = from_table(CELLS, config["cell"], "cell")
    last: list[str] = []
    for layer in range(config["num_layers"]):
        of_layer = [weights.at(f"{name}_layers.{layer}") for name in directions]
        x, last = cell.add(graph, x, of_layer, lengths, bounded=bounded or layer > 0)
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
    mask = graph.step_mask(outputs, lengths)
    total = graph.sum(graph.where(mask, outputs, 0.0), 0)
    counts = graph.unsqueeze(graph.cast(lengths, np.float32), 1)
    return graph.node("Div", total, counts)


def max_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the largest values over the real steps ``(B, M)``."""
    mask = graph.step_mask(outputs, lengths)
    return graph.max(graph.where(mask, outputs, -np.inf), 0)


def attention_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the weighted mean over the real steps ``(B, M)``."""
    units = graph.node("Tanh", graph.linear(outputs, weights.at("projection")))
    scores = graph.node("MatMul", units, graph.constant(weights("context")))  # (T, B, 1)
    scores = graph.where(graph.step_mask(outputs, lengths), scores, -np.inf)
    shares = graph.node("Softmax", scores, axis=0)
    return graph.sum(graph.node("Mul", shares, outputs), 0)


def concat_pooling(
    graph: Graph, outputs: str, state: str, lengths: str, weights: Weights
) -> str:
    """Return the last state, the maximum and the mean side by side ``(B, 3 M)``."""
    parts = (max_pooling, mean_pooling)
    pooled = [pool(graph, outputs, state, lengths, weights) for pool in parts]
    return graph.concat([state, *pooled])


POOLINGS: dict[str, Callable[[Graph, str, str, str, Weights], str]] = {
    "last": last_pooling,
    "mean": mean_pooling,
    "max": max_pooling,
    "attention": attention_pooling,
    "concat": concat_pooling,
}


# --- decoders -------------------------------------------------------------------------


def general_keys(graph: Graph, memory: str, weights: Weights) -> str:
    """Return the projected memory ``(B, T, H)``."""
    return graph.linear(memory, weights.at("projection"), bias=False)


def general_scores(graph: Graph, queries: str, keys: str, weights: Weights) -> str:
    """Return scores ``(B, U, T)`` of queries ``(B, U, H)``."""
    return graph.node("MatMul", queries, graph.transpose(keys, 0, 2, 1))


def scaled_dot_keys(graph: Graph, memory: str, weights: Weights) -> str:
    """Return the projected memory ``(B, T, H)``, scaled."""
    x = graph.linear(memory, weights.at("of_memory"), bias=False)
    scale = len(weights("of_query.bias")) ** -0.5
    return graph.node("Mul", x, graph.constant(np.float32(scale)))


def scaled_dot_scores(graph: Graph, queries: str, keys: str, weights: Weights) -> str:
    """Return scores ``(B, U, T)`` of queries ``(B, U, H)``."""
    x = graph.linear(queries, weights.at("of_query"))
    return general_scores(graph, x, keys, weights)


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
    "scaled_dot": (scaled_dot_keys, scaled_dot_scores),
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
    """Return the memory of a decoder's attention, from outputs ``(T, B, M)``, if it has one."""
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
    *,
    memory: Memory | None,
    bounded: bool,
) -> tuple[str, list[str]]:
    """Return a decoder's results ``(R, U, E)`` of inputs ``(U, R, F)``, and its states after.

    With ``memory`` U is 1, and the rows are its own, or several hypotheses of each.
    ``bounded`` is as in ``CellNodes.add``, of the first layer.
    """
    cell = from_table(CELLS, config["cell"], "cell")
    after: list[list[str]] = []
    context = None
    for layer in range(config["num_layers"]):
        before = [graph.part(state, 0, layer, layer + 1) for state in states]
        of_layer = weights.at(f"layers.layers.{layer}")
        is_bounded = bounded or layer > 0
        x, last = cell.add(graph, x, [of_layer], None, before, bounded=is_bounded)
        after.append(last)
        if memory is not None:
            if context is None:
                context = _context(graph, config, weights, x, memory)
            x = graph.concat([context, x])
    x = graph.linear(graph.transpose(x, 1, 0, 2), weights.at("readout"))
    result = graph.node("Tanh", x)
    return result, [graph.concat(parts, 0) for parts in zip(*after, strict=True)]


def _context(
    graph: Graph, config: Mapping[str, Any], weights: Weights, x: str, memory: Memory
) -> str:
    """Return the context vectors ``(1, R, M)`` of outputs ``(1, R, H)``."""
    _, score = from_table(ATTENTIONS, config["attention"], "attention")
    sizes = graph.constant([-1, config["hidden_size"]], np.int64)
    shape = graph.concat([graph.size(memory.values, 0), sizes], 0)
    queries = graph.node("Reshape", x, shape)  # (B, R / B, H)
    scores = score(graph, queries, memory.keys, weights.at("attention"))
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    n_source_steps = graph.squeeze(graph.size(memory.values, 1), 0)
    steps = graph.node("Range", zero, n_source_steps, one)  # (T,)
    mask = graph.node("Less", steps, graph.unsqueeze(memory.lengths, 1))  # (B, T)
    scores = graph.where(graph.unsqueeze(mask, 1), scores, -np.inf)
    shares = graph.node("Softmax", scores, axis=-1)
    context = graph.node("MatMul", shares, memory.values)  # (B, R / B, M)
    width = config["hidden_size"] * (2 if config["bidirectional"] else 1)
    return graph.reshape(context, 1, -1, width)
