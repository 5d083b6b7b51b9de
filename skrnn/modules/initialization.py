"""Initial weights, drawn from one generator; torch's global one is never touched.

Modules are built on the meta device (which draws nothing), then ``materialize`` gives
them memory and asks each for its weights through ``initialize(generator)``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.overrides import TorchFunctionMode

from skrnn.modules.parallel import one_thread_each


class WithoutValues(TorchFunctionMode):
    """Skips the random numbers that torch's layers fill themselves with.

    On the meta device there are none, but to say so torch imports its compiler and sympy,
    which takes longer than a small fit.
    """

    FILLS = frozenset(
        {
            *(nn.init.normal_, nn.init.uniform_),
            *(nn.init.kaiming_uniform_, nn.init.xavier_uniform_),
            *(Tensor.normal_, Tensor.uniform_),
        }
    )

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Return the tensor that a function would fill, or what others compute."""
        kwargs = kwargs or {}
        if func in self.FILLS:
            return args[0] if args else kwargs["tensor"]
        if func is torch.empty_like:
            return torch.empty(args[0].shape, dtype=args[0].dtype, **kwargs)
        return func(*args, **kwargs)


def allocate(module: nn.Module) -> nn.Module:
    """Give a module that was built on the meta device memory without values."""
    with WithoutValues():
        return module.to_empty(device="cpu")


def materialize(module: nn.Module, generator: Generator) -> nn.Module:
    """Give a module that was built on the meta device memory and initial weights."""
    allocate(module)
    with one_thread_each():  # an orthogonal matrix depends on the number of threads
        _initialize(module, generator)
    return module


def _initialize(module: nn.Module, generator: Generator) -> None:
    """Initialize a module's own parameters, then those of its submodules.

    A Linear layer is Xavier with zero biases, unless a module above it sets
    ``initializes_submodules``.
    """
    initialize = getattr(module, "initialize", None)
    if initialize is not None:
        initialize(generator)
    elif isinstance(module, nn.Linear):
        xavier_(module.weight, generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if not getattr(module, "initializes_submodules", False):
        for part in module.children():
            _initialize(part, generator)


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
def small_normal_(weight: Tensor, generator: Generator, scale: float) -> None:
    """Fill embeddings with small values, zeros for the padding id."""
    nn.init.normal_(weight, std=scale, generator=generator)
    weight[0] = 0.0


@torch.no_grad()
def indicators_(weight: Tensor) -> None:
    """Fill embeddings of n categories in n dimensions with centred indicators of length 1.

    More than one are equally far from each other; vectors drawn at random may nearly
    coincide. The padding id has zeros, which is their mean.
    """
    n = weight.shape[1]
    weight[0] = 0.0
    unit = torch.eye(n, dtype=weight.dtype, device=weight.device)
    weight[1:] = math.sqrt(n / max(1, n - 1)) * (unit - 1 / n)


def embedding_scale(dim: int) -> float:
    """Return the deviation at which a vector's expected length is about 1."""
    return 1.0 / math.sqrt(dim)
