"""Nets, or the nets of an ensemble, as plain values and arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skrnn.data.steps import shown
from skrnn.modules.networks import NETWORKS, empty_network
from skrnn.persistence._values import NO_OPTIMIZER, expect, remedy
from skrnn.training import losses as training_losses
from skrnn.training.ensemble import EnsembleNet
from skrnn.training.net import SequenceNet
from skrnn.training.optimizers import OPTIMIZERS, RemovedOptimizer
from skrnn.training.seeding import make_generator

#: The losses that a file may name.
LOSSES: dict[str, type[nn.Module]] = {
    name: value
    for name, value in vars(training_losses).items()
    if isinstance(value, type) and issubclass(value, nn.Module)
}
WEIGHTS, MOMENTS = "weights.", "optimizer."
#: What each optimizer keeps of a weight.
KEPT_BY = {
    "adam": {"step", "exp_avg", "exp_avg_sq"},
    "adamw": {"step", "exp_avg", "exp_avg_sq"},
    "sgd": {"momentum_buffer"},
    "rmsprop": {"step", "square_avg"},
}
#: The options that a schedule adds to those of an optimizer, which a file keeps.
OF_SCHEDULES = {"initial_lr"}
#: The sizes of images, whose numbers may be more than the weights that read them.
OF_IMAGES = {"n_features", "first", "shape"}
MAX_SIDE = 1 << 16
#: What the members of an ensemble have in common.
ALIKE = ("kind", "config", "criterion")
#: Numbers in the configuration of a network that no array of its own bounds.
MAX_LAYERS = 1000


def nets_as_data(net: Any) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return a net, or the nets of an ensemble, as plain values and arrays."""
    if not isinstance(net, EnsembleNet):
        return _net_as_data(net)
    members = []
    arrays: dict[str, NDArray] = {}
    for i, one in enumerate(net.nets):
        data, own = _net_as_data(one)
        members.append(data)
        arrays |= {f"{i}.{name}": array for name, array in own.items()}
    document: dict[str, Any] = {"members": members}
    if net.numbers[-1] > len(members):
        document["numbers"] = net.numbers  # some were left out
    return document, arrays


def nets_from_data(
    data: dict[str, Any], arrays: dict[str, NDArray], n_estimators: int
) -> Any:
    """Return a net, or an ensemble of nets with networks of one kind."""
    if "members" not in data:
        return _net_from_data(data, arrays)
    members = data["members"]
    parts = [_with_prefix(arrays, f"{i}.") for i in range(len(members))]
    expect(sum(map(len, parts)) == len(arrays), "it has other arrays")
    expect(
        all(one[part] == members[0][part] for one in members for part in ALIKE),
        "its members differ",
    )
    nets = [_net_from_data(*one) for one in zip(members, parts, strict=True)]
    numbers = data.get("numbers", list(range(1, len(nets) + 1)))
    expect(
        isinstance(numbers, list)
        and len(numbers) == len(nets)
        and all(type(number) is int for number in numbers)
        and all(a < b for a, b in pairwise([0, *numbers, n_estimators + 1])),
        "its members have other numbers",
    )
    return EnsembleNet(nets, numbers)


def _net_as_data(net: SequenceNet) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return a net as plain values, and its weights."""
    state = net.__getstate__()
    settings = dict(state["settings"])
    criterion, optimizer = settings.pop("criterion"), settings.pop("optimizer")
    losses = {kind: name for name, kind in LOSSES.items()}
    if optimizer is RemovedOptimizer:
        optimizer = NO_OPTIMIZER[0]
    elif optimizer not in OPTIMIZERS:
        raise TypeError(
            f"optimizer={shown(optimizer)} cannot be stored in a model file, which holds "
            f"plain values and no code; {remedy('optimizer')}"
        )
    if criterion not in losses:
        raise TypeError(f"loss={shown(criterion)} cannot be stored in a model file")
    kind, config = state["network"]
    data = {
        "kind": kind,
        "config": dict(config),
        "settings": settings,
        "criterion": losses[criterion],
        "optimizer": optimizer,
        "order": state["order"],
        "dropout_seed": state["dropout_seed"],
        "history": state["history"],
    }
    arrays = {WEIGHTS + name: value for name, value in state["weights"].items()}
    if "optimizer_state" in state and optimizer in OPTIMIZERS:
        kept = state["optimizer_state"]
        options = {"params", *net.optimizer_.defaults} | OF_SCHEDULES
        data["optimizer_groups"] = [
            {k: v for k, v in group.items() if k in options}
            for group in kept["param_groups"]
        ]
        data["dropout"] = state["dropout"]
        for i, moments in kept["state"].items():
            arrays |= {f"{MOMENTS}{i}.{name}": value for name, value in moments.items()}
    return data, arrays


def _net_from_data(data: dict[str, Any], weights: dict[str, NDArray]) -> SequenceNet:
    """Return a net; its network must have the weights of the file and no others."""
    kind, config = data["kind"], data["config"]
    expect(kind in NETWORKS, "it names no network")
    given = _with_prefix(weights, WEIGHTS)
    _check_sizes(config, sum(array.size for array in given.values()))
    network = empty_network(kind, config).state_dict()
    expect(
        {name: (tuple(w.shape), w.dtype) for name, w in network.items()}
        == {name: (a.shape, torch.from_numpy(a).dtype) for name, a in given.items()},
        "its weights are not those of its network",
    )
    state = make_generator(0).get_state().numpy()
    order = data["order"]
    expect(
        isinstance(order, np.ndarray)
        and (order.dtype, order.shape) == (state.dtype, state.shape),
        "its random state is none of PyTorch",
    )
    optimizer = data["optimizer"]
    if optimizer == NO_OPTIMIZER[0]:
        optimizer = RemovedOptimizer
    else:
        expect(optimizer in OPTIMIZERS, "it names no optimizer")
    settings = data["settings"] | {
        "criterion": LOSSES[data["criterion"]],
        "optimizer": optimizer,
        "verbose": 0,
    }
    net = SequenceNet.__new__(SequenceNet)
    net.__setstate__(
        {
            "network": (kind, config),
            "weights": given,
            "settings": settings,
            "order": data["order"],
            "dropout_seed": data["dropout_seed"],
            "history": data["history"],
        }
    )
    moments = _with_prefix(weights, MOMENTS)
    expect(len(given) + len(moments) == len(weights), "it has other arrays")
    if "optimizer_groups" in data:
        groups = data["optimizer_groups"]
        expect(optimizer in KEPT_BY, "its optimizer keeps nothing")
        kept = _optimizer_state(net, optimizer, groups, moments)
        stream = data["dropout"]
        expect(
            isinstance(stream, np.ndarray)
            and (stream.dtype, stream.ndim) == (np.uint8, 1)
            and len(stream) <= len(order),
            "its random state is none of PyTorch",
        )
        net.load_kept_state({"optimizer_state": kept, "dropout": stream})
    return net


def _with_prefix(arrays: dict[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _optimizer_state(
    net: SequenceNet, optimizer: str, groups: Any, moments: dict[str, NDArray]
) -> dict[str, Any]:
    """Return the optimizer's state, which must be one of the net's weights."""
    fresh = net.optimizer_.state_dict()["param_groups"]
    expect(
        isinstance(groups, list)
        and len(groups) == len(fresh)
        and all(_same_kinds(a, b) for a, b in zip(groups, fresh, strict=True)),
        "its optimizer has other options",
    )
    weights = [w for group in net.optimizer_.param_groups for w in group["params"]]
    state: dict[int, dict[str, NDArray]] = {}
    for name, array in moments.items():
        place, _, kind = name.partition(".")
        expect(
            place.isdecimal()
            and int(place) < len(weights)
            and kind in KEPT_BY[optimizer],
            "its optimizer keeps other arrays",
        )
        shape = () if kind == "step" else tuple(weights[int(place)].shape)
        expect(
            array.shape == shape
            and array.dtype == np.float32
            and np.isfinite(array).all(),
            "the state of its optimizer is not that of its network",
        )
        state.setdefault(int(place), {})[kind] = array
    expect(
        all(one.keys() == KEPT_BY[optimizer] for one in state.values()),
        "its optimizer keeps other arrays",
    )
    return {"state": state, "param_groups": groups}


def _same_kinds(given: Any, fresh: dict[str, Any]) -> bool:
    """Return whether a group of an optimizer has the options of another."""
    if not isinstance(given, dict) or not fresh.keys() <= given.keys():
        return False
    more = given.keys() - fresh.keys()
    numbers = [v for name, v in given.items() if name != "params"]
    return (
        more <= OF_SCHEDULES
        and given["params"] == fresh["params"]
        and all(_is_option(value) for value in numbers)
        and all(
            isinstance(given[name], float | int) == isinstance(value, float | int)
            for name, value in fresh.items()
        )
    )


def _is_option(value: Any) -> bool:
    """Return whether a value may be an option: a number, None, or a pair of numbers."""
    if isinstance(value, tuple):
        return len(value) == 2 and all(isinstance(part, float) for part in value)
    return value is None or (isinstance(value, bool | int | float) and value >= 0)


def _check_images(config: Mapping[str, Any], n_values: int) -> None:
    """Refuse images of impossible sizes, or with more beside them than is read."""
    sides = config["shape"]
    expect(
        isinstance(sides, tuple | list)
        and all(type(side) is int and 0 < side <= MAX_SIDE for side in sides)
        and all(
            type(config[name]) is int and config[name] <= math.prod(sides) + n_values
            for name in ("n_features", "first")
        ),
        "its images have impossible sizes",
    )


def _check_sizes(config: Any, n_values: int) -> None:
    """Refuse sizes that the weights of the file cannot have, before anything is built."""
    if isinstance(config, Mapping):
        if "step_encoder" in config:
            _check_images(config, n_values)
            config = {k: v for k, v in config.items() if k not in OF_IMAGES}
        layers = config.get("num_layers", 1)
        expect(isinstance(layers, int) and layers <= MAX_LAYERS, "it has too many layers")
        config = list(config.values())
    if isinstance(config, list | tuple):
        expect(len(config) <= MAX_LAYERS, "its network has too many parts")
        for part in config:
            _check_sizes(part, n_values)
    elif isinstance(config, int):
        expect(
            config <= max(n_values, MAX_LAYERS), "its network is larger than its weights"
        )
