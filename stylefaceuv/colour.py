"""sRGB transfer curves."""

from __future__ import annotations

import torch


def srgb_to_linear(srgb: torch.Tensor) -> torch.Tensor:
    """Decode sRGB to linear light.

    Args:
        srgb: any shape, float, in [0, 1].

    Returns:
        Linear light, same shape and dtype. Source: IEC 61966-2-1.
    """
    low = srgb / 12.92
    high = ((srgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(srgb <= 0.04045, low, high)


def linear_to_srgb(linear: torch.Tensor) -> torch.Tensor:
    """Encode linear light as sRGB.

    Args:
        linear: any shape, float, not negative; values above 1 stay above 1.

    Returns:
        sRGB, same shape and dtype. Source: IEC 61966-2-1.
    """
    low = linear * 12.92
    high = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, low, high)
