"""Dilation and erosion by squares: rows, then columns, each in steps that double; time grows with the logarithm."""

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
    if radius == 0:
        return image
    wide = functional.pad(image, (radius,) * 4, value=-torch.inf)
    size = 2 * radius + 1
    return _largest_of(_largest_of(wide, size, 3), size, 2)


def erode(image: torch.Tensor, radius: int) -> torch.Tensor:
    """Take the smallest value in the square around each texel.

    Args:
        image: (N, C, H, W) float.
        radius: half the square's edge, texels.

    Returns:
        (N, C, H, W) float.
    """
    return -dilate(-image, radius)


def reach(seeds: torch.Tensor, mask: torch.Tensor, steps: int) -> torch.Tensor:
    """Find those pieces of a mask that hold seeds.

    Args:
        seeds: (N, C, H, W) float.
        mask: (N, C, H, W) float in [0, 1].
        steps: how far a piece is followed, texels, around corners too.

    Returns:
        (N, C, H, W) float, at most the mask.
    """
    reached = torch.minimum(seeds, mask)
    for _ in range(steps):
        reached = torch.minimum(dilate(reached, 1), mask)
    return reached


def _largest_of(image: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """Largest of each ``size`` neighbours along a dimension, which gets ``size - 1`` shorter."""
    covered, best = 1, image
    while covered < size:
        step = min(covered, size - covered)
        count = best.shape[dim] - step
        best = torch.maximum(best.narrow(dim, 0, count), best.narrow(dim, step, count))
        covered += step
    return best
