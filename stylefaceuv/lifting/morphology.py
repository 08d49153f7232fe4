"""Dilation and erosion by squares: rows first and columns then, exact, the faster the larger the square."""

from __future__ import annotations

import torch
import torch.nn.functional as functional


def dilate(image: torch.Tensor, radius: int) -> torch.Tensor:
    """Take the largest value in the square around each texel.

    Args:
        image: (N, C, H, W) float.
        radius: half the square's edge, texels; the square has 2·radius + 1.

    Returns:
        (N, C, H, W) float.
    """
    size = 2 * radius + 1
    rows = functional.max_pool2d(image, (1, size), stride=1, padding=(0, radius))
    return functional.max_pool2d(rows, (size, 1), stride=1, padding=(radius, 0))


def erode(image: torch.Tensor, radius: int) -> torch.Tensor:
    """Take the smallest value in the square around each texel.

    Args:
        image: (N, C, H, W) float.
        radius: half the square's edge, texels.

    Returns:
        (N, C, H, W) float.
    """
    return -dilate(-image, radius)
