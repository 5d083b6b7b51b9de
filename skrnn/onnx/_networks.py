"""Whole networks as graphs, one function a kind.

Each follows the network of the same kind, from its plain ``config`` and the weights of each
member of an ensemble; a single network is an ensemble of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    read_static,
    read_steps,
    reads_numbers,
    remember,
    start_states,
)

Config = Mapping[str, Any]
#: Kinds of networks that have graphs of their own.
ENSEMBLE, TRANSLATION = "ensemble", "translation"
#: The axis of steps where others are read: their subwords.
STEPS = "steps"


def _encode_steps(
    graph: Graph, config: Config, weights: Weights, *, static_in_steps: bool
) -> tuple[str, str, str, str | None]:
    """Return outputs ``(T, B, M)``, state ``(B, M)``, lengths, and static vectors."""
    lengths = read_lengths(graph)
    x = read_steps(graph, config["input_layer"], weights.at("input_layer"))
    static, bounded = None, not reads_numbers(config["input_layer"])
    if config.get("static") is not None:
        static = read_static(graph, config["static"], weights.at("static"))
        if static_in_steps:
            x = join_to_steps(graph, x, static)
            bounded = bounded and not _has_static_numbers(config)
    of_encoder = weights.at("encoder")
    outputs, state = encode(graph, config, of_encoder, x, lengths, bounded=bounded)
    return outputs, state, lengths, static


def _classify(graph: Graph, config: Config, weights: Weights) -> str:
    """Return one result a sequence, ``(B, n_outputs)``."""
    outputs, state, lengths, static = _encode_steps(
        graph, config, weights, static_in_steps=False
    )
    pool = from_table(POOLINGS, config["pooling"], "pooling")
    pooled = pool(graph, outputs, state, lengths, weights.at("pooling"))
    if static is not None:
        joined = graph.linear(graph.concat([pooled, static]), weights.at("join.0"))
        pooled = graph.node("Relu", joined)
    return graph.linear(pooled, weights.at("head"))


def _tag(graph: Graph, config: Config, weights: Weights) -> str:
    """Return one result a step, ``(B, T, n_outputs)``.

    Of a step that is read as subwords it is that of the first one.
    """
    outputs, *_ = _encode_steps(graph, config, weights, static_in_steps=True)
    results = graph.transpose(graph.linear(outputs, weights.at("head")), 1, 0, 2)
    if not config.get("reads_subwords"):
        return results
    first = graph.input("first_subwords", np.int64, ["B", STEPS])
    return graph.node("GatherND", results, graph.unsqueeze(first, 2), batch_dims=1)


def _decode_horizon(graph: Graph, config: Config, weights: Weights) -> str:
    """Return a horizon that is decoded, ``(B, n_outputs)``."""
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
    bounded = not config["n_known"] and not _has_static_numbers(config)
    x, _ = decode(graph, config, of_decoder, x, states, memory=memory, bounded=bounded)
    return graph.node("Flatten", graph.linear(x, weights.at("head")))


def _give_horizon(graph: Graph, config: Config, weights: Weights) -> str:
    """Return a horizon at once, ``(B, n_outputs)``."""
    _, state, _, static = _encode_steps(graph, config, weights, static_in_steps=True)
    parts = [state]
    if config["n_known"]:
        parts.append(graph.node("Flatten", _read_future(graph, config)))
    if static is not None:
        parts.append(static)
    hidden = graph.node("Relu", graph.linear(graph.concat(parts), weights.at("join.0")))
    return graph.linear(hidden, weights.at("head"))


#: By the kind of a network: what gives its result in a graph, and the result's axes before
#: the last.
RESULTS: dict[str, tuple[Callable[[Graph, Config, Weights], str], list[str]]] = {
    "recurrent": (_classify, ["B"]),
    "tagging": (_tag, ["B", "T"]),
    "horizon": (_decode_horizon, ["B"]),
    "direct": (_give_horizon, ["B"]),
}


def _mean_probabilities(graph: Graph, logits: list[str]) -> str:
    return _log_mean(graph, [graph.node("LogSoftmax", one, axis=-1) for one in logits])


def _mean_odds(graph: Graph, logits: list[str]) -> str:
    yes = [
        graph.node("Neg", graph.node("Softplus", graph.node("Neg", x))) for x in logits
    ]
    no = [graph.node("Neg", graph.node("Softplus", x)) for x in logits]
    return graph.node("Sub", _log_mean(graph, yes), _log_mean(graph, no))


def _mean(graph: Graph, values: list[str]) -> str:
    return graph.node("Mean", *values)


def _log_mean(graph: Graph, logarithms: list[str]) -> str:
    stacked = graph.concat([graph.unsqueeze(one, 0) for one in logarithms], 0)
    total = graph.node("ReduceLogSumExp", stacked, axes=[0], keepdims=0)
    shift = graph.constant(np.log(len(logarithms)), np.float32)
    return graph.node("Sub", total, shift)


#: By what the outputs of the members of an ensemble stand for.
AVERAGES = {"softmax": _mean_probabilities, "sigmoid": _mean_odds, "identity": _mean}


def _one_graph(
    kind: str,
    config: Config,
    members: Sequence[Weights],
    activation: str,
    quantize: str | None,
) -> dict[str, Graph]:
    """Return the graph of a network with one result, or of the average of several."""
    graph = Graph(kind, quantize)
    give, axes = RESULTS[kind]
    results = [give(graph, config, weights) for weights in members]
    if len(results) > 1:
        results = [AVERAGES[activation](graph, results)]
    if config.get("reads_subwords"):
        axes = ["B", STEPS]
    graph.output("outputs", results[0], np.float32, [*axes, config["n_outputs"]])
    return {MAIN: graph}


def _read_future(graph: Graph, config: Config) -> str:
    """Return the input of what is known ahead, ``(B, horizon, n_known)``."""
    axes = ["B", config["horizon"], config["n_known"]]
    return graph.input("future", np.float32, axes)


def _translation(
    config: Config, members: Sequence[Weights], quantize: str | None
) -> dict[str, Graph]:
    """Return the graphs of the encoder, and of one step of the decoder.

    The encoder gives the decoder's first states and what attention reads; the decoder
    takes tokens ``(B, K)`` of ``K`` hypotheses a source, and gives the logarithms of the
    probabilities ``(B, K, n_outputs)`` of what follows, and the states after it.
    """
    encoder, decoder = Graph("encoder", quantize), Graph("decoder", quantize)
    ends = [""] if len(members) == 1 else [f".{i}" for i in range(len(members))]
    for end, weights in zip(ends, members, strict=True):
        _encode_source(encoder, config, weights, end)
    tokens = decoder.input("tokens", np.int64, ["B", "K"])
    steps = [
        _step(decoder, config, weights, tokens, end)
        for end, weights in zip(ends, members, strict=True)
    ]
    scores = [log_probabilities for log_probabilities, _ in steps]
    if len(scores) > 1:
        scores = [_log_mean(decoder, scores)]
    never = np.zeros(config["n_outputs"], np.float32)
    never[:N_RESERVED] = -np.inf
    result = decoder.node("Add", scores[0], decoder.constant(never))
    axes: list[str | int] = ["B", "K", config["n_outputs"]]
    decoder.output("log_probabilities", result, np.float32, axes)
    axes = [config["num_layers"], "B * K", config["hidden_size"]]
    for end, (_, states) in zip(ends, steps, strict=True):
        for i, state in enumerate(states):
            decoder.output(f"next_state.{i}{end}", state, np.float32, axes)
    return {MAIN: encoder, DECODER: decoder}


def _encode_source(graph: Graph, config: Config, weights: Weights, end: str) -> None:
    """Add the outputs of one member's encoder, whose names have this end."""
    outputs, state, lengths, static = _encode_steps(
        graph, config, weights, static_in_steps=True
    )
    of_decoder = weights.at("decoder")
    hidden_size = config["hidden_size"]
    for i, part in enumerate(start_states(graph, config, of_decoder, state)):
        axes = [config["num_layers"], "B", hidden_size]
        graph.output(f"state.{i}{end}", part, np.float32, axes)
    memory = remember(graph, config, of_decoder, outputs, lengths)
    if memory is not None:
        width = _memory_size(config)
        graph.output(f"memory{end}", memory.values, np.float32, ["B", "T", width])
        graph.output(f"keys{end}", memory.keys, np.float32, ["B", "T", hidden_size])
    if static is not None:
        axes = ["B", _static_size(config, weights)]
        graph.output(f"static{end}", static, np.float32, axes)


def _step(
    graph: Graph, config: Config, weights: Weights, tokens: str, end: str
) -> tuple[str, list[str]]:
    """Return one member's log-probabilities, unknown tokens included, and its states."""
    n_states = from_table(CELLS, config["cell"], "cell").n_states
    num_layers, hidden_size = config["num_layers"], config["hidden_size"]
    states = [
        graph.input(f"state.{i}{end}", np.float32, [num_layers, "B * K", hidden_size])
        for i in range(n_states)
    ]
    memory = None
    if config["attention"] is not None:
        width = _memory_size(config)
        memory = Memory(
            graph.input(f"memory{end}", np.float32, ["B", "T", width]),
            graph.input(f"keys{end}", np.float32, ["B", "T", hidden_size]),
            read_lengths(graph),
        )
    embedding = weights("embedding.weight")
    x = graph.node("Gather", graph.constant(embedding), tokens)  # (B, K, E)
    size = config["target_dim"]
    if config.get("static") is not None:
        static_size = _static_size(config, weights)
        size += static_size
        static = graph.input(f"static{end}", np.float32, ["B", static_size])
        one = graph.constant([1], np.int64)
        shape = graph.concat([one, graph.size(tokens, 1), one], 0)
        static = graph.node("Expand", graph.unsqueeze(static, 1), shape)
        x = graph.concat([x, static])
    of_decoder = weights.at("decoder")
    x = graph.reshape(x, 1, -1, size)  # (1, B * K, E)
    bounded = not _has_static_numbers(config)
    x, states = decode(
        graph, config, of_decoder, x, states, memory=memory, bounded=bounded
    )
    units = graph.constant([-1], np.int64)
    shape = graph.concat([graph.node("Shape", tokens), units], 0)
    x = graph.node("Reshape", x, shape)  # (B, K, E)
    if config["tie_weights"]:
        logits = graph.node("MatMul", x, graph.constant(embedding.T))
        logits = graph.node("Add", logits, graph.constant(weights("bias")))
    else:
        logits = graph.linear(x, weights.at("head"))
    return graph.node("LogSoftmax", logits, axis=-1), states


def _memory_size(config: Config) -> int:
    return config["hidden_size"] * (2 if config["bidirectional"] else 1)


def _has_static_numbers(config: Config) -> bool:
    static = config.get("static")
    return static is not None and static["n_numbers"] > 0


def _static_size(config: Config, weights: Weights) -> int:
    static = config["static"]
    names = [f"embeddings.{j}.weight" for j in range(len(static["n_categories"]))]
    of_categories = [weights.at("static")(name).shape[1] for name in names]
    return static["n_numbers"] + sum(of_categories)


def has_graphs(kind: str, config: Config) -> bool:
    """Return whether networks of a kind can be written, or ensembles of them."""
    member = config["member"] if kind == ENSEMBLE else kind
    return member == TRANSLATION or member in RESULTS


def graphs_of(
    kind: str, config: Config, weights: Weights, quantize: str | None
) -> dict[str, Graph]:
    """Return the graphs of a network by the part that each is."""
    members, activation = [weights], "identity"
    if kind == ENSEMBLE:
        kind, activation = config["member"], config["averaged"]
        members = [weights.at(f"members.{i}") for i in range(config["n_members"])]
    if kind == TRANSLATION:
        return _translation(config, members, quantize)
    return _one_graph(kind, config, members, activation, quantize)
