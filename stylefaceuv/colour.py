"""sRGB transfer curves, and CIELAB."""

from __future__ import annotations

import torch

_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
"""Linear sRGB to XYZ."""


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


def srgb_to_lab(srgb: torch.Tensor) -> torch.Tensor:
    """Tell lightness, and redness and yellowness, as the eye does.

    Args:
        srgb: (N, 3, ...) float, in [0, 1].

    Returns:
        (N, 3, ...) float, CIELAB with the white of sRGB: L in [0, 100], a and b. Source: CIE 15, IEC 61966-2-1.
    """
    matrix = srgb.new_tensor(_XYZ)
    xyz = torch.einsum("ij,nj...->ni...", matrix / matrix.sum(dim=1, keepdim=True), srgb_to_linear(srgb))
    cube = torch.where(xyz > (6 / 29) ** 3, xyz.clamp_min(1e-6) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = cube.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)
