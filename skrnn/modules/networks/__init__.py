"""Whole networks: ``forward(inputs)`` takes a padded batch and returns logits.

One file holds one task's network; a new network is one class and one row in ``NETWORKS``.
Each keeps the arguments that built it in ``config``, as plain Python, so that it can be
rebuilt from them and its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator

from skrnn.modules.dropout import MASKS, set_mask
from skrnn.modules.initialization import WithoutValues, materialize
from skrnn.modules.networks.classification import SequenceNetwork
from skrnn.modules.networks.encoder_decoder import TranslationNetwork
from skrnn.modules.networks.ensemble import ENSEMBLE, Ensemble
from skrnn.modules.networks.feed_forward import FeedForwardNetwork
from skrnn.modules.networks.forecasting import (
    DirectNetwork,
    HorizonNetwork,
    WindowHorizonNetwork,
)
from skrnn.modules.networks.language import RecurrentLanguageModel, WindowLanguageModel
from skrnn.modules.networks.network import Network
from skrnn.modules.networks.tagging import TaggingNetwork, WindowTaggingNetwork

NETWORKS: dict[str, type[Network]] = {
    "recurrent": SequenceNetwork,
    "feed_forward": FeedForwardNetwork,
    "tagging": TaggingNetwork,
    "window_tagging": WindowTaggingNetwork,
    "translation": TranslationNetwork,
    "horizon": HorizonNetwork,
    "direct": DirectNetwork,
    "window_horizon": WindowHorizonNetwork,
    "language": RecurrentLanguageModel,
    "window_language": WindowLanguageModel,
}


def build_network(kind: str, config: Mapping[str, Any], generator: Generator) -> Network:
    """Return the network of this kind with initial weights drawn from ``generator``."""
    network = empty_network(kind, config)
    materialize(network, generator)
    return network


def empty_network(kind: str, config: Mapping[str, Any]) -> Network:
    """Return the network of this kind on the meta device, without memory."""
    config = {name: _to_python(value) for name, value in config.items()}
    if kind == ENSEMBLE:
        own = ("member", "n_members", "averaged")
        member, n_members, activation = (config.pop(name) for name in own)
        members = [empty_network(member, config) for _ in range(n_members)]
        return Ensemble(members, activation)
    arguments = dict(config)
    mask = arguments.pop("dropout_mask", MASKS[0])
    with torch.device("meta"), WithoutValues():
        network = NETWORKS[kind](**arguments)
    set_mask(network, mask)
    if torch.get_default_dtype() != torch.float32:
        network = network.float()
    network.kind, network.config = kind, config
    return network


def _to_python(value: Any) -> Any:
    """Return numpy's numbers, which torch refuses as sizes, as Python's."""
    if isinstance(value, Mapping):
        return {name: _to_python(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_to_python(part) for part in value)
    return value.item() if hasattr(value, "item") else value
