"""A small net and small data to train it on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.modules.networks import build_network
from skrnn.training.batching import EncodedDataset
from skrnn.training.losses import SquaredError
from skrnn.training.net import SequenceNet

CONFIG = {
    "input_layer": {"n_features": 2},
    "n_outputs": 1,
    "hidden_size": 4,
    "cell": "lstm",
    "num_layers": 1,
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.0,
}


@pytest.fixture
def make_net():
    """Return a function that makes an initialized net, its network's options given."""

    def make(criterion=SquaredError, *, seed=0, network=None, **options):
        module = build_network(
            "recurrent", CONFIG | (network or {}), torch.Generator().manual_seed(0)
        )
        defaults = {
            "optimizer": torch.optim.Adam,
            "lr": 0.05,
            "verbose": 0,
            "callbacks": "disable",
            "batch_size": 8,
            "max_epochs": 3,
        }
        net = SequenceNet(module, criterion, seed=seed, **(defaults | options))
        return net.initialize()

    return make


@pytest.fixture
def make_examples():
    """Return a function that makes sequences whose target is their mean."""

    def make(n=30, seed=0, longest=9, weighted=False):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(1, longest + 1, size=n)
        values = rng.normal(size=(lengths.sum(), 2)).astype(np.float32)
        steps = RaggedArray.from_lengths(values, lengths)
        targets = np.array([[s[:, 0].mean()] for s in steps], dtype=np.float32)
        weights = rng.uniform(0.5, 2, size=n).astype(np.float32) if weighted else None
        return EncodedDataset(EncodedSequences(steps), targets, weights)

    return make
