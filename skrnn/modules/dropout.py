"""Dropout with a generator of its own.

torch's dropout draws from the process-wide generator, which threads share and which a
library must not change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

#: Which steps of a sequence share a mask: none, or all.
MASKS = ("step", "sequence")


class Dropout(nn.Module):
    """Zeroes values at rate ``p`` in training and scales the others by ``1 / (1 - p)``.

    Parameters
    ----------
    p : float
        The rate.

    Attributes
    ----------
    mask : str
        One of ``MASKS``. With "sequence" all steps of a sequence lose the same features,
        which is known as variational dropout.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014). Dropout: a simple way
    to prevent neural networks from overfitting. JMLR 15.
    Gal, Ghahramani (2016). A theoretically grounded application of dropout in recurrent
    neural networks. NIPS, section 4. For masks that steps share.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.mask = MASKS[0]
        self.generator: Generator | None = None

    def forward(
        self, x: Tensor, sequences: Tensor | None = None, n_sequences: int = 0
    ) -> Tensor:
        """Return x ``(B, ..., F)`` with values dropped in training.

        Parameters
        ----------
        x : float tensor of shape (B, ..., F)
            Of two axes, one vector a sequence; of three, steps are the second.
        sequences : int64 tensor of shape (N,), optional
            The sequence of each row of x ``(N, F)``, where rows are steps.
        n_sequences : int
            Their number, needed with ``sequences``.
        """
        if not self.training or self.p == 0.0:
            return x
        if self.mask == "step":
            return x * self._draw(x.shape, x)
        if sequences is None:
            return x * self._draw((len(x), *[1] * (x.dim() - 2), x.shape[-1]), x)
        factors = self._draw((n_sequences, x.shape[1]), x)
        return x * factors.index_select(0, sequences)

    def _draw(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return factors: 0 at the rate, else ``1 / (1 - p)``."""
        # 16 bits decide on a value: four at a time are drawn faster than a number for each
        n_values = math.prod(shape)
        draw = torch.empty((n_values + 3) // 4, dtype=torch.int64, device=like.device)
        draw.random_(-(1 << 63), None, generator=self.generator)
        bits = draw.view(torch.int16)[:n_values].view(*shape)
        exact = like.dtype if like.dtype == torch.float64 else torch.float32
        # numbers are compared faster than booleans are made into numbers
        keep = bits.to(exact).ge_(round(self.p * (1 << 16)) - (1 << 15))
        return keep.mul_(1.0 / (1.0 - self.p)).to(like.dtype)

    def extra_repr(self) -> str:
        """Show the rate, and which steps share a mask."""
        return f"p={self.p}" + (f", mask={self.mask}" if self.mask != MASKS[0] else "")


def set_mask(module: nn.Module, mask: str) -> None:
    """Make the steps of every dropout in ``module`` share masks as ``mask`` says.

    Where x has two axes, as matrices of weights have, each value is drawn by itself anyhow.
    """
    for part in module.modules():
        if isinstance(part, Dropout):
            part.mask = mask


def set_generator(module: nn.Module, generator: Generator | None) -> None:
    """Make every random part of ``module`` draw from ``generator``."""
    for part in module.modules():
        if "generator" in vars(part):
            vars(part)["generator"] = generator
