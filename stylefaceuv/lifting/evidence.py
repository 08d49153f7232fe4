"""Shares that do not depend on the order of a sum."""

from __future__ import annotations

import torch


def weighted_share(mask: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return a mean over the texels.

    In double precision: a sum of a million floats depends on where they lie in memory.

    Args:
        mask: (1, 1, H, W) float in [0, 1].
        weights: (1, 1, H, W) float, not negative.

    Returns:
        (1, 1, 1, 1) float, the weighted mean; 0 where less than a whole texel weighs.
    """
    total = weights.double().sum((2, 3), keepdim=True).clamp_min(1.0)
    return ((mask * weights).double().sum((2, 3), keepdim=True) / total).to(weights.dtype)
