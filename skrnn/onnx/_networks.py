"""Whole networks as graphs, one function a kind.

Each follows the network of the same kind, from its plain ``config`` and its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skrnn.onnx._graph import Graph, Weights
from skrnn.onnx._layers import (
    POOLINGS,
    encode,
    from_table,
    join_to_steps,
    read_lengths,
    read_static,
    read_steps,
)

Config = Mapping[str, Any]
#: The part that reads X.
MAIN = "main"


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


#: By the kind of a network: functions that return its graphs by the part that each is.
GRAPHS: dict[str, Callable[[Config, Weights, str | None], dict[str, Graph]]] = {
    "recurrent": classification,
    "tagging": tagging,
}
