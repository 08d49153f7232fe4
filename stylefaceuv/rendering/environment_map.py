"""From an environment to light: an equirectangular image or one lamp becomes nine spherical-harmonics coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.lighting import LOBE, ambient_light, directional_light, sh_basis


def sh_from_environment(image: torch.Tensor) -> torch.Tensor:
    """Project an equirectangular environment onto nine harmonics.

    The middle column is what lies behind the viewer, in front of the face (+Z); columns to the right are on the
    viewer's right (+X); row 0 is above (+Y). Every pixel counts by its solid angle.

    Args:
        image: (H, W, 3) float, linear radiance, not negative; a constant 1 shades every normal by 1.

    Returns:
        (9, 3) float, the cosine lobe over pi folded in.

    Raises:
        InvalidArgumentError: wrong shape, or not finite.
    """
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 1:
        raise InvalidArgumentError("image", "shape (H, W, 3)", tuple(image.shape))
    if not bool(torch.isfinite(image).all()):
        raise InvalidArgumentError("image", "finite radiance", "NaN or Inf")
    height, width = image.shape[:2]
    edges = torch.cos(torch.linspace(0, math.pi, height + 1, dtype=image.dtype, device=image.device))
    solid_angle = (edges[:-1] - edges[1:]) * (2 * math.pi / width)  # (H,), of each pixel of a row, exact
    basis = sh_basis(pixel_directions(height, width).to(image))  # (H, W, 9)
    projected = torch.einsum("hwk,hwc,h->kc", basis, image, solid_angle)
    return projected * image.new_tensor(LOBE)[:, None]


def pixel_directions(height: int, width: int) -> torch.Tensor:
    """Return (height, width, 3) float64 unit vectors from the head towards each pixel of an environment."""
    polar = (torch.arange(height, dtype=torch.float64) + 0.5) * (math.pi / height)
    azimuth = ((torch.arange(width, dtype=torch.float64) + 0.5) / width - 0.5) * (2 * math.pi)
    sine, up = torch.sin(polar)[:, None], torch.cos(polar)[:, None].expand(-1, width)
    return torch.stack([sine * torch.sin(azimuth), up, sine * torch.cos(azimuth)], dim=-1)


def sh_from_direction(
    direction: Sequence[float], color: Sequence[float], ambient: Sequence[float] = (0.0, 0.0, 0.0)
) -> torch.Tensor:
    """Return the light of one distant lamp and of light from all around.

    Args:
        direction: towards the lamp, world frame, any length.
        color: linear RGB, the shading of a surface that faces the lamp.
        ambient: linear RGB, the shading of every surface.

    Returns:
        (9, 3) float32.

    Raises:
        InvalidArgumentError: the direction is zero or not finite.
    """
    return ambient_light(ambient) + directional_light(direction, color)
