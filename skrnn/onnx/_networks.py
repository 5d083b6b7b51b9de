"""Whole networks as graphs, one function a kind.

Each follows the network of the same kind, from its plain ``config`` and its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skrnn.data.vocabulary import N_RESERVED
from skrnn.onnx._cells import CELLS
from skrnn.onnx._format import DECODER, MAIN
from skrnn.onnx._graph import Graph, Weights
from skrnn.onnx._layers import (
    POOLINGS,
    Memory,
    decode,
    encode,
    from_table,
    join_to_steps,
    read_lengths,
    read_out,
    read_static,
    read_steps,
    remember,
    start_states,
)

Config = Mapping[str, Any]


def _encode_steps(
    graph: Graph, config: Config, weights: Weights, *, static_in_steps: bool
) -> tuple[str, str, str, str | None]:
    """Return outputs ``(T, B, M)``, state ``(B, M)``, lengths, and static vectors."""
    lengths = read_lengths(graph)
    x = read_steps(graph, config["input_layer"], weights.at("input_layer"))
    static = None
    if config.get("static") is not None:
        static = read_static(graph, config["static"], weights.at("static"))
        if static_in_steps:
            x = join_to_steps(graph, x, static)
    outputs, state = encode(graph, config, weights.at("encoder"), x, lengths)
    return outputs, state, lengths, static


def classification(
    config: Config, weights: Weights, quantize: str | None
) -> dict[str, Graph]:
    """Return the graph of one result a sequence, ``(B, n_outputs)``."""
    graph = Graph("recurrent", quantize)
    outputs, state, lengths, static = _encode_steps(
        graph, config, weights, static_in_steps=False
    )
    pool = from_table(POOLINGS, config["pooling"], "pooling")
    pooled = pool(graph, outputs, state, lengths, weights.at("pooling"))
    if static is not None:
        joined = graph.linear(graph.concat([pooled, static]), weights.at("join.0"))
        pooled = graph.node("Relu", joined)
    result = graph.linear(pooled, weights.at("head"))
    graph.output("outputs", result, np.float32, ["B", config["n_outputs"]])
    return {MAIN: graph}


def tagging(config: Config, weights: Weights, quantize: str | None) -> dict[str, Graph]:
    """Return the graph of one result a step, ``(B, T, n_outputs)``."""
    graph = Graph("tagging", quantize)
    outputs, *_ = _encode_steps(graph, config, weights, static_in_steps=True)
    result = graph.transpose(graph.linear(outputs, weights.at("head")), 1, 0, 2)
    graph.output("outputs", result, np.float32, ["B", "T", config["n_outputs"]])
    return {MAIN: graph}


def horizon(config: Config, weights: Weights, quantize: str | None) -> dict[str, Graph]:
    """Return the graph of a horizon that is decoded, ``(B, n_outputs)``."""
    graph = Graph("horizon", quantize)
    outputs, state, lengths, static = _encode_steps(
        graph, config, weights, static_in_steps=True
    )
    of_decoder = weights.at("decoder")
    states = start_states(graph, config, of_decoder, state)
    memory = remember(graph, config, of_decoder, outputs, lengths)
    ahead = graph.unsqueeze(graph.constant(weights("ahead")), 1)  # (horizon, 1, E)
    one = graph.constant([1], np.int64)
    shape = graph.concat([one, graph.size(lengths, 0), one], 0)
    x = graph.node("Expand", ahead, shape)  # (horizon, B, E)
    if config["n_known"]:
        x = graph.concat([x, graph.transpose(_read_future(graph, config), 1, 0, 2)])
    if static is not None:
        x = join_to_steps(graph, x, static)
    x, _ = decode(graph, config, of_decoder, x, states)
    x = read_out(graph, config, of_decoder, graph.transpose(x, 1, 0, 2), memory)
    result = graph.node("Flatten", graph.linear(x, weights.at("head")))
    graph.output("outputs", result, np.float32, ["B", config["n_outputs"]])
    return {MAIN: graph}


def direct(config: Config, weights: Weights, quantize: str | None) -> dict[str, Graph]:
    """Return the graph of a horizon at once, ``(B, n_outputs)``."""
    graph = Graph("direct", quantize)
    _, state, _, static = _encode_steps(graph, config, weights, static_in_steps=True)
    parts = [state]
    if config["n_known"]:
        parts.append(graph.node("Flatten", _read_future(graph, config)))
    if static is not None:
        parts.append(static)
    hidden = graph.node("Relu", graph.linear(graph.concat(parts), weights.at("join.0")))
    result = graph.linear(hidden, weights.at("head"))
    graph.output("outputs", result, np.float32, ["B", config["n_outputs"]])
    return {MAIN: graph}


def _read_future(graph: Graph, config: Config) -> str:
    """Return the input of what is known ahead, ``(B, horizon, n_known)``."""
    axes = ["B", config["horizon"], config["n_known"]]
    return graph.input("future", np.float32, axes)


def translation(
    config: Config, weights: Weights, quantize: str | None
) -> dict[str, Graph]:
    """Return the graphs of the encoder, and of one step of the decoder.

    The encoder gives the decoder's first states and what attention reads; the decoder
    takes tokens ``(B, K)`` of ``K`` hypotheses a source, and gives the logarithms of the
    probabilities ``(B, K, n_outputs)`` of what follows, and the states after it.
    """
    return {
        MAIN: _translation_encoder(config, weights, quantize),
        DECODER: _translation_step(config, weights, quantize),
    }


def _translation_encoder(config: Config, weights: Weights, quantize: str | None) -> Graph:
    graph = Graph("encoder", quantize)
    outputs, state, lengths, static = _encode_steps(
        graph, config, weights, static_in_steps=True
    )
    of_decoder = weights.at("decoder")
    hidden_size = config["hidden_size"]
    for i, part in enumerate(start_states(graph, config, of_decoder, state)):
        axes = [config["num_layers"], "B", hidden_size]
        graph.output(f"state.{i}", part, np.float32, axes)
    memory = remember(graph, config, of_decoder, outputs, lengths)
    if memory is not None:
        width = _memory_size(config)
        graph.output("memory", memory.values, np.float32, ["B", "T", width])
        graph.output("keys", memory.keys, np.float32, ["B", "T", hidden_size])
    if static is not None:
        graph.output("static", static, np.float32, ["B", _static_size(config, weights)])
    return graph


def _translation_step(config: Config, weights: Weights, quantize: str | None) -> Graph:
    graph = Graph("decoder", quantize)
    tokens = graph.input("tokens", np.int64, ["B", "K"])
    n_states = from_table(CELLS, config["cell"], "cell").n_states
    num_layers, hidden_size = config["num_layers"], config["hidden_size"]
    states = [
        graph.input(f"state.{i}", np.float32, [num_layers, "B * K", hidden_size])
        for i in range(n_states)
    ]
    memory = None
    if config["attention"] is not None:
        width = _memory_size(config)
        memory = Memory(
            graph.input("memory", np.float32, ["B", "T", width]),
            graph.input("keys", np.float32, ["B", "T", hidden_size]),
            read_lengths(graph),
        )
    embedding = weights("embedding.weight")
    x = graph.node("Gather", graph.constant(embedding), tokens)  # (B, K, E)
    size = config["target_dim"]
    if config.get("static") is not None:
        static_size = _static_size(config, weights)
        size += static_size
        static = graph.input("static", np.float32, ["B", static_size])
        one = graph.constant([1], np.int64)
        shape = graph.concat([one, graph.size(tokens, 1), one], 0)
        static = graph.node("Expand", graph.unsqueeze(static, 1), shape)
        x = graph.concat([x, static])
    of_decoder = weights.at("decoder")
    x, states = decode(graph, config, of_decoder, graph.reshape(x, 1, -1, size), states)
    units = graph.constant([hidden_size], np.int64)
    shape = graph.concat([graph.node("Shape", tokens), units], 0)
    x = graph.node("Reshape", x, shape)  # (B, K, H)
    x = read_out(graph, config, of_decoder, x, memory)
    if config["tie_weights"]:
        logits = graph.node("MatMul", x, graph.constant(embedding.T))
        logits = graph.node("Add", logits, graph.constant(weights("bias")))
    else:
        logits = graph.linear(x, weights.at("head"))
    scores = graph.node("LogSoftmax", logits, axis=-1)
    never = np.zeros(config["n_outputs"], np.float32)
    never[:N_RESERVED] = -np.inf
    scores = graph.node("Add", scores, graph.constant(never))
    axes: list[str | int] = ["B", "K", config["n_outputs"]]
    graph.output("log_probabilities", scores, np.float32, axes)
    for i, state in enumerate(states):
        axes = [num_layers, "B * K", hidden_size]
        graph.output(f"next_state.{i}", state, np.float32, axes)
    return graph


def _memory_size(config: Config) -> int:
    return config["hidden_size"] * (2 if config["bidirectional"] else 1)


def _static_size(config: Config, weights: Weights) -> int:
    static = config["static"]
    names = [f"embeddings.{j}.weight" for j in range(len(static["n_categories"]))]
    of_categories = [weights.at("static")(name).shape[1] for name in names]
    return static["n_numbers"] + sum(of_categories)


#: By the kind of a network: functions that return its graphs by the part that each is.
GRAPHS: dict[str, Callable[[Config, Weights, str | None], dict[str, Graph]]] = {
    "recurrent": classification,
    "tagging": tagging,
    "horizon": horizon,
    "direct": direct,
    "translation": translation,
}
