"""Soft thresholds: straight lines and cubics from 0 to 1."""

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
