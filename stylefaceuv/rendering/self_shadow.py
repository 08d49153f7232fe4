"""The shade that a head casts on itself: what it takes, at each vertex, from light in spherical harmonics.

Nine coefficients of light shade a normal as if nothing stood in the way. Ears, the jaw above the neck and what lies
behind the ears are darker. How much darker is linear in the light: nine numbers a vertex, computed once from the mean
head (``training/shadow_transfer.py``). Source: Sloan, Kautz and Snyder, Precomputed Radiance Transfer, SIGGRAPH 2002.
"""

from __future__ import annotations

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.lighting import Y00, sh_basis

DEEPEST = 0.45
"""Share of the unshadowed light that is always left: nine coefficients ring and would now and then take all, and skin
sends light on into creases."""
_PROBES = 20
"""Directions that determine nine coefficients well."""


def turned_light(sh_coefficients: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Return a light as something that has been turned sees it in its own frame.

    Args:
        sh_coefficients: (N, 9, 3) float, world frame.
        rotation: (N, 3, 3) float, from the own frame to the world.

    Returns:
        (N, 9, 3) float: ``sh_basis(n) @ result`` is ``sh_basis(rotation @ n) @ sh_coefficients`` for every normal n of
        the own frame. Exact: turning keeps each band.

    Raises:
        InvalidArgumentError: shapes differ from these.
    """
    if sh_coefficients.shape != (len(rotation), 9, 3):
        raise InvalidArgumentError("sh_coefficients", f"shape ({len(rotation)}, 9, 3)", tuple(sh_coefficients.shape))
    if rotation.shape[1:] != (3, 3):
        raise InvalidArgumentError("rotation", "shape (N, 3, 3)", tuple(rotation.shape))
    probes = even_directions(_PROBES).to(rotation)
    seen = sh_basis(probes @ rotation.transpose(1, 2)) @ sh_coefficients  # (N, probes, 3)
    solve = torch.linalg.pinv(sh_basis(probes.double())).to(seen)
    return solve @ seen


def shadowed(shading: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
    """Return shading of which the own shadow has been taken.

    Args:
        shading: (..., 3) float, linear, not negative, of a surface in the open.
        taken: (..., 3) float, what the own shape takes from it; what is negative (light that the series lacks) is 0.

    Returns:
        (..., 3) float, at least ``DEEPEST`` of the shading.
    """
    return torch.maximum(shading - taken.clamp_min(0), DEEPEST * shading)


def ambient_occlusion(transfer: torch.Tensor) -> torch.Tensor:
    """Return the share of light from all around that reaches a surface.

    Args:
        transfer: (..., 9) float, what is taken from each coefficient of light.

    Returns:
        (...,) float in [``DEEPEST``, 1].
    """
    return (1 - transfer[..., 0] / Y00).clamp(DEEPEST, 1)


def even_directions(count: int) -> torch.Tensor:
    """Spread directions over the sphere, (count, 3) float32, unit length: Fibonacci's spiral."""
    place = torch.arange(count, dtype=torch.float64) + 0.5
    height, angle = 1 - 2 * place / count, place * torch.pi * (1 + 5**0.5)
    ring = (1 - height * height).sqrt()
    return torch.stack([ring * angle.cos(), height, ring * angle.sin()], dim=-1).float()
