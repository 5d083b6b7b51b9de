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
        # 16 bits decide on a value: four at a time are drawn faster than a number for each
        n_values = x.numel()
        draw = torch.empty((n_values + 3) // 4, dtype=torch.int64, device=x.device)
        draw.random_(-(1 << 63), None, generator=self.generator)
        bits = draw.view(torch.int16)[:n_values].view(x.shape)
        keep = bits >= round(self.p * (1 << 16)) - (1 << 15)
        return x * keep.to(x.dtype).mul_(1.0 / (1.0 - self.p))

    def extra_repr(self) -> str:
        """Show the rate."""
        return f"p={self.p}"


def set_generator(module: nn.Module, generator: Generator | None) -> None:
    """Make every random part of ``module`` draw from ``generator``."""
    for part in module.modules():
        if "generator" in vars(part):
            vars(part)["generator"] = generator
