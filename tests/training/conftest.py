"""A small net and small data to train it on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.modules.networks import build_network
from skrnn.training.dataset import EncodedDataset
from skrnn.training.losses import PathLikelihood, SquaredError, StepCrossEntropy
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


@pytest.fixture
def make_tagging_net():
    """Return a function that makes a net that labels steps."""

    def make(*, crf=False, seed=0, **options):
        """Return an initialized net that labels steps."""
        config = {
            "input_layer": {"n_features": 2},
            "n_outputs": 3,
            "crf": crf,
            "hidden_size": 4,
            "cell": "lstm",
            "num_layers": 1,
            "bidirectional": True,
            "dropout": 0.0,
        }
        module = build_network("tagging", config, torch.Generator().manual_seed(0))
        defaults = {"optimizer": torch.optim.SGD, "lr": 0.1, "callbacks": "disable"}
        options = {"batch_size": 8, "verbose": 0} | defaults | options
        criterion = PathLikelihood if crf else StepCrossEntropy
        return SequenceNet(module, criterion, seed=seed, **options).initialize()

    return make


@pytest.fixture
def label_steps(make_examples):
    """Return a function that makes sequences with a class for each step."""

    def make(n=30, *, weighted=False, **options):
        """Return examples with a class and, where asked, a weight for each step."""
        sequences = make_examples(n, **options).sequences
        rng = np.random.default_rng(1)
        n_steps = len(sequences.steps.values)
        targets = sequences.steps.with_values(rng.integers(3, size=n_steps))
        weights = rng.uniform(0.5, 2, size=n_steps).astype(np.float32)
        weights = sequences.steps.with_values(weights) if weighted else None
        return EncodedDataset(sequences, targets, weights)

    return make


TRANSLATION = {
    "input_layer": {"n_features": 2},
    "n_outputs": 6,
    "target_dim": 3,
    "hidden_size": 4,
    "cell": "lstm",
    "num_layers": 1,
    "bidirectional": True,
    "attention": "general",
    "tie_weights": True,
    "dropout": 0.5,
}


@pytest.fixture
def make_translator():
    """Return a function that makes a net that decodes ids 2 to 4 and the end, 5."""

    def make(**options):
        """Return a net that decodes ids 2 to 4 and the end, 5."""
        network = build_network(
            "translation", TRANSLATION, torch.Generator().manual_seed(0)
        )
        defaults = {
            "optimizer": torch.optim.Adam,
            "lr": 0.05,
            "verbose": 0,
            "callbacks": "disable",
            "batch_size": 8,
        }
        net = SequenceNet(network, StepCrossEntropy, **(defaults | options)).initialize()
        net._set_training(False)
        return net

    return make


@pytest.fixture
def make_pairs():
    """Return a function that makes sequences with targets of other lengths."""

    def make(n=30, seed=0, longest=9, *, weighted=False):
        """Return numeric sequences with targets of other lengths."""
        rng = np.random.default_rng(seed)
        lengths, target_lengths = rng.integers(1, longest + 1, size=(2, n))
        values = rng.normal(size=(lengths.sum(), 2)).astype(np.float32)
        steps = RaggedArray.from_lengths(values, lengths)
        targets = RaggedArray.from_lengths(
            rng.integers(2, 5, size=target_lengths.sum()), target_lengths
        )
        weights = rng.uniform(0.5, 2, size=n).astype(np.float32) if weighted else None
        return EncodedDataset(EncodedSequences(steps), targets, weights, forced=True)

    return make
