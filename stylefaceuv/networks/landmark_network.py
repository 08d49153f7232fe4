"""The landmark network: a 256 x 256 crop of a face to 478 points and the probability that a face is there."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

CROP_SIZE = 256
POINT_COUNT = 478

_STEM = 16
_STAGES = ((16, 32), (32, 64), (64, 128), (64, 128), (64, 128), (64, 128))
_BLOCKS_PER_STAGE = 4


class CropLandmarks(NamedTuple):
    """What the network says about crops.

    Attributes:
        points: (N, 478, 3) float32, x right, y down in pixels of the crop, z in the same unit, negative towards the
            camera.
        presence: (N,) float32 in [0, 1], probability that the crop shows a face.
    """

    points: torch.Tensor
    presence: torch.Tensor


class _Residual(nn.Module):
    """1x1 (or a 2x2 step that halves the size), depth-wise 3x3, 1x1, added to the input."""

    def __init__(self, channels_in: int, bottleneck: int, channels_out: int, halve: bool = False) -> None:
        super().__init__()
        size = 2 if halve else 1
        self.reduce = nn.Conv2d(channels_in, bottleneck, size, stride=size)
        self.reduce_slope = nn.PReLU(bottleneck)
        self.depthwise = nn.Conv2d(bottleneck, bottleneck, 3, padding=1, groups=bottleneck, bias=False)
        self.expand = nn.Conv2d(bottleneck, channels_out, 1)
        self.slope = nn.PReLU(channels_out)
        self.halve = halve
        self.padding = channels_out - channels_in

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H, W), or to half of H and W."""
        skip = F.max_pool2d(features, 2) if self.halve else features
        if self.padding:
            skip = F.pad(skip, (0, 0, 0, 0, 0, self.padding))
        change = self.expand(self.depthwise(self.reduce_slope(self.reduce(features))))
        return self.slope(skip + change)


class LandmarkNetwork(nn.Module):
    """Residual network of bottleneck blocks from 128 x 128 features down to 2 x 2."""

    def __init__(self) -> None:
        """Make the layers; the weights are random until loaded."""
        super().__init__()
        self.stem = nn.Conv2d(3, _STEM, 3, stride=2)
        self.stem_slope = nn.PReLU(_STEM)
        blocks = [_Residual(_STEM, _STEM // 2, _STEM) for _ in range(_BLOCKS_PER_STAGE)]
        channels = _STEM
        for bottleneck, wide in _STAGES:
            blocks.append(_Residual(channels, bottleneck, wide, halve=True))
            blocks.extend(_Residual(wide, bottleneck, wide) for _ in range(_BLOCKS_PER_STAGE))
            channels = wide
        self.blocks = nn.Sequential(*blocks)
        self.presence = nn.Conv2d(channels, 1, 2)
        self.points = nn.Conv2d(channels, 3 * POINT_COUNT, 2)

    def forward(self, crops: torch.Tensor) -> CropLandmarks:
        """Find the points of upright crops.

        Args:
            crops: (N, 3, 256, 256) float in [0, 1], sRGB.

        Returns:
            Points in pixels of the crop and presence.
        """
        stem = self.stem(F.pad(crops, (0, 1, 0, 1)).contiguous(memory_format=torch.channels_last))
        features = self.blocks(self.stem_slope(stem))
        points = self.points(features).reshape(-1, POINT_COUNT, 3)
        return CropLandmarks(points, torch.sigmoid(self.presence(features)).reshape(-1))
