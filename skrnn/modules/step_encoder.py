"""Step encoders: a vector for each step that is an image, a frame of a video.

A new step encoder is one subclass of ``StepEncoder`` and one row in ``STEP_ENCODERS``. It
reads the real steps of a batch, one after the other, without padding.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.products import Linear


class StepEncoder(nn.Module):
    """Abstract base: encodes images.

    Parameters
    ----------
    shape : tuple of (height, width, n_channels)
        Of an image.
    output_size : int
        Size of an image's vector.
    """

    def __init__(self, shape: tuple[int, int, int], output_size: int):
        super().__init__()

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, output_size)`` from images ``(N, height, width, n_channels)``."""
        raise NotImplementedError


class FrameCNN(StepEncoder):
    """Convolutions of 3 × 3 pixels, each followed by pooling, and a linear layer.

    Two of them, and one more each time that the image has more than ``SIDE`` rows or columns
    left. The linear layer reads all places of the last map, so that a vector says what an
    image has, and where.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner (1998). Gradient-based learning applied to document
    recognition. Proceedings of the IEEE 86(11), section II.
    """

    N_FILTERS, MAX_FILTERS, SIDE = 16, 64, 8

    def __init__(self, shape: tuple[int, int, int], output_size: int):
        super().__init__(shape, output_size)
        height, width, n_channels = shape
        layers: list[nn.Module] = []
        n_filters = self.N_FILTERS
        while len(layers) < 2 or max(height, width) > self.SIDE:
            layers.append(nn.Conv2d(n_channels, n_filters, 3, padding=1))
            n_channels, n_filters = n_filters, min(2 * n_filters, self.MAX_FILTERS)
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        self.convolutions: nn.ModuleList = nn.ModuleList(layers)
        self.linear = Linear(height * width * n_channels, output_size)

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the filters as He et al. (2015) do."""
        for layer in self.convolutions:
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.kaiming_uniform_(
                layer.weight, nonlinearity="relu", generator=generator
            )
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, output_size)`` from images ``(N, height, width, n_channels)``."""
        x = images.permute(0, 3, 1, 2)  # (N, C, H, W)
        for convolve in self.convolutions:
            # pooling takes thrice as long where channels are not last in memory
            x = convolve(x).contiguous(memory_format=torch.channels_last)
            x = torch.relu(F.max_pool2d(x, 2, ceil_mode=True))  # (N, C', H / 2, W / 2)
        return self.linear(x.permute(0, 2, 3, 1).flatten(1))


STEP_ENCODERS: dict[str, type[StepEncoder]] = {"cnn": FrameCNN}
