"""Naive push-pull, written per texel from the description of the algorithm."""

from __future__ import annotations

import torch
from torch.nn import functional


def push_pull_reference(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Fill one (C, H, W) image with (H, W) weights, without a prior."""
    channels, height, width = values.shape
    if min(height, width) <= 2 or height % 2 or width % 2:
        total = weights.sum()
        mean = (values * weights).sum(dim=(1, 2)) / total if total > 0 else torch.zeros(channels, dtype=values.dtype)
        coarse = mean[:, None, None].expand_as(values)
    else:
        small = torch.zeros(channels, height // 2, width // 2, dtype=values.dtype)
        small_weight = torch.zeros(height // 2, width // 2, dtype=values.dtype)
        for i in range(height // 2):
            for j in range(width // 2):
                block_weight = weights[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                block = values[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                total = block_weight.sum()
                small_weight[i, j] = min(float(total), 1.0)
                if total > 0:
                    small[:, i, j] = (block * block_weight).sum(dim=(1, 2)) / total
        filled = push_pull_reference(small, small_weight)
        coarse = torch.nn.functional.interpolate(filled[None], scale_factor=2, mode="bilinear")[0]
    return values * weights + (1 - weights) * coarse


def blend_reference(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor, levels: int) -> torch.Tensor:
    """Laplacian bands of both images, blended one by one and put together: Burt and Adelson (1983)."""
    if levels == 0:
        return mask * first + (1 - mask) * second
    halves = [functional.avg_pool2d(image, 2) for image in (first, second, mask)]
    coarse, *grown = (
        functional.interpolate(small, size=first.shape[-2:], mode="bilinear", align_corners=False)
        for small in (blend_reference(*halves, levels - 1), halves[0], halves[1])
    )
    return coarse + mask * (first - grown[0]) + (1 - mask) * (second - grown[1])
