"""StyleGAN2's discriminator; users with a full checkpoint start from theirs."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.networks.ops import LEAKY_SLOPE, EqualLinear, binomial_kernel, blur

_GAIN = 2**0.5


class _EqualConv(nn.Module):
    """Convolution whose weight is scaled at run time, with optional blurred halving."""

    kernel: torch.Tensor

    def __init__(self, inputs: int, outputs: int, size: int, halve: bool = False, active: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs)) if active else None
        self.scale, self.halve, self.active = (inputs * size * size) ** -0.5, halve, active
        self.register_buffer("kernel", binomial_kernel(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padding = self.weight.shape[-1] // 2
        if self.halve:
            room = self.weight.shape[-1] + 1
            x = blur(x, self.kernel, ((room + 1) // 2, room // 2))
            out = functional.conv2d(x, self.weight * self.scale, stride=2)
        else:
            out = functional.conv2d(x, self.weight * self.scale, padding=padding)
        if self.bias is None:
            return out
        return functional.leaky_relu(out + self.bias[:, None, None], LEAKY_SLOPE) * _GAIN


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = _EqualConv(inputs, inputs, 3)
        self.conv2 = _EqualConv(inputs, outputs, 3, halve=True)
        self.skip = _EqualConv(inputs, outputs, 1, halve=True, active=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / _GAIN


class Discriminator(nn.Module):
    """Scores images: high is real.

    Source: StyleGAN2's residual discriminator with the minibatch standard deviation.

    Args:
        resolution: edge of the images, a power of two.
        channels: at each resolution from the images' down to 4.
    """

    def __init__(self, resolution: int = 256, channels: tuple[int, ...] = (32, 64, 96, 128, 192, 256, 256)) -> None:
        super().__init__()
        self.enter = _EqualConv(3, channels[0], 1)
        pairs = list(itertools.pairwise(channels))
        if resolution >> len(pairs) != 4:
            raise ValueError(f"channels: expected one for each resolution from {resolution} to 4, got {channels}")
        self.blocks = nn.ModuleList(_Residual(before, after) for before, after in pairs)
        self.last = _EqualConv(channels[-1] + 1, channels[-1], 3)
        self.hidden = EqualLinear(16 * channels[-1], channels[-1])
        self.score = EqualLinear(channels[-1], 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 1) scores of (N, 3, R, R) images in [0, 1], sRGB."""
        x = self.enter(images * 2 - 1)
        for block in self.blocks:
            x = block(x)
        spread = (x.var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        x = torch.cat([x, spread.expand(len(x), 1, *x.shape[-2:])], dim=1)
        flat = functional.leaky_relu(self.hidden(self.last(x).flatten(1)), LEAKY_SLOPE) * _GAIN
        scores: torch.Tensor = self.score(flat)
        return scores


def discriminator_for(resolution: int) -> Discriminator:
    """Make a discriminator of small widths.

    Args:
        resolution: edge of the images, a power of two.
    """
    widths = (32, 64, 96, 128, 192, 256, 256)
    return Discriminator(resolution, widths[-(resolution.bit_length() - 2) :])
