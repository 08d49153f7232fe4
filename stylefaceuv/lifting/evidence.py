"""From measurements to how sure they make: soft thresholds, and shares that do not depend on the order of a sum."""

from __future__ import annotations

import torch


def soft_threshold(value: torch.Tensor, ends: tuple[float, float]) -> torch.Tensor:
    """Return 0 below the first end, 1 above the second, and the straight line between, of any shape."""
    return ((value - ends[0]) / (ends[1] - ends[0])).clamp(0, 1)


def eased(share: torch.Tensor) -> torch.Tensor:
    """Return a share in [0, 1], of any shape, with level ends: Hermite's cubic."""
    return share * share * (3 - 2 * share)


def smoothstep(value: torch.Tensor, ends: tuple[float, float]) -> torch.Tensor:
    """Return 0 below the first end, 1 above the second, and a cubic with level ends between, of any shape."""
    return eased(soft_threshold(value, ends))


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
