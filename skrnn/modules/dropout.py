"""Dropout with a generator of its own.

torch's dropout draws from the process-wide generator, which threads share and which a
library must not change.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class Dropout(nn.Module):
    """Zeroes values at rate ``p`` in training and scales the others by ``1 / (1 - p)``."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.generator: Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return x ``(B, ..., F)`` with values dropped in training."""
        if not self.training or self.p == 0.0:
            return x
        draw = torch.rand(
            x.shape, dtype=x.dtype, device=x.device, generator=self.generator
        )
        keep = draw >= self.p
        return x * keep.to(x.dtype).mul_(1.0 / (1.0 - self.p))

    def extra_repr(self) -> str:
        """Show the rate."""
        return f"p={self.p}"


def set_generator(module: nn.Module, generator: Generator | None) -> None:
    """Make every random part of ``module`` draw from ``generator``."""
    for part in module.modules():
        if "generator" in vars(part):
            vars(part)["generator"] = generator
