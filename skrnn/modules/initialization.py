"""Initial weights, drawn from one generator; torch's global one is never touched.

Modules are built on the meta device (which draws nothing), then ``materialize`` gives
them memory and asks each for its weights through ``initialize(generator)``.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn


def materialize(module: nn.Module, generator: Generator) -> nn.Module:
    """Give a module that was built on the meta device memory and initial weights."""
    module.to_empty(device="cpu")
    for part in module.modules():
        initialize = getattr(part, "initialize", None)
        if initialize is not None:
            initialize(generator)
        elif isinstance(part, nn.Linear):
            xavier_(part.weight, generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module


@torch.no_grad()
def xavier_(weight: Tensor, generator: Generator, n_gates: int = 1) -> None:
    """Fill each gate's block of rows as Glorot & Bengio (2010) do."""
    for block in weight.chunk(n_gates):
        nn.init.xavier_uniform_(block, generator=generator)


@torch.no_grad()
def orthogonal_(weight: Tensor, generator: Generator, n_gates: int = 1) -> None:
    """Fill each gate's block of rows with an orthogonal matrix (Saxe et al. 2014)."""
    for block in weight.chunk(n_gates):
        nn.init.orthogonal_(block, generator=generator)


@torch.no_grad()
def initialize_recurrent(rnn: nn.RNNBase, generator: Generator) -> None:
    """Fill a recurrent layer's weights.

    Xavier input weights, orthogonal recurrent weights, zero biases but for the LSTM's
    forget gate, which starts at 1 (Jozefowicz et al. 2015, section 2.2). A ReLU layer
    starts from the identity (Le, Jaitly & Hinton 2015, section 2).
    """
    n_gates = {"LSTM": 4, "GRU": 3}.get(rnn.mode, 1)
    for name, weight in rnn.named_parameters():
        if name.startswith("weight_ih"):
            xavier_(weight, generator, n_gates)
        elif name.startswith("weight_hh") and rnn.mode == "RNN_RELU":
            nn.init.eye_(weight)
        elif name.startswith("weight_hh"):
            orthogonal_(weight, generator, n_gates)
        else:
            nn.init.zeros_(weight)
            if rnn.mode == "LSTM" and name.startswith("bias_ih"):
                weight[rnn.hidden_size : 2 * rnn.hidden_size] = 1.0


@torch.no_grad()
def small_normal_(weight: Tensor, generator: Generator, scale: float) -> None:
    """Fill embeddings with small values, zeros for the padding id."""
    nn.init.normal_(weight, std=scale, generator=generator)
    weight[0] = 0.0


def embedding_scale(dim: int) -> float:
    """Return the deviation at which a vector's expected length is about 1."""
    return 1.0 / math.sqrt(dim)
