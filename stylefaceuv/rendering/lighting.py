"""Spherical-harmonics light of bands 0 to 2 in linear RGB.

A light is nine coefficients a colour. The shading of a normal is their sum with the real spherical harmonics; the
cosine lobe and the 1/pi of a diffuse surface are folded into the coefficients, so that albedo times shading is the
reflected light, and (1 / Y00, 0, 0, ...) shades everything by exactly 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as functional

from stylefaceuv.errors import InvalidArgumentError

Y00 = 0.5 * math.sqrt(1 / math.pi)
_Y1 = 0.5 * math.sqrt(3 / math.pi)
_Y2 = 0.5 * math.sqrt(15 / math.pi)
_Y20 = 0.25 * math.sqrt(5 / math.pi)
_Y22 = 0.25 * math.sqrt(15 / math.pi)
LOBE = (1.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 0.25, 0.25, 0.25, 0.25, 0.25)
"""Clamped cosine over pi by coefficient. Source: Ramamoorthi and Hanrahan (2001), A_l / pi."""

ODD_IN_X = (3, 4, 7)
"""The coefficients that change sign where left and right are exchanged: x, xy and xz."""


def sh_basis(normals: torch.Tensor) -> torch.Tensor:
    """Evaluate the nine real spherical harmonics.

    Args:
        normals: (..., 3) float, unit length.

    Returns:
        (..., 9) float in the order (0,0), (1,-1), (1,0), (1,1), (2,-2), (2,-1), (2,0), (2,1), (2,2).
    """
    x, y, z = normals.unbind(-1)
    return torch.stack(
        [
            torch.full_like(x, Y00),
            _Y1 * y,
            _Y1 * z,
            _Y1 * x,
            _Y2 * x * y,
            _Y2 * y * z,
            _Y20 * (3 * z * z - 1),
            _Y2 * x * z,
            _Y22 * (x * x - y * y),
        ],
        dim=-1,
    )


def shade(normals: torch.Tensor, sh_coefficients: torch.Tensor) -> torch.Tensor:
    """Return the shading of normals; nine coefficients ring below zero on dark sides, which is cut off.

    Args:
        normals: (N, ..., 3) float, unit length.
        sh_coefficients: (N, 9, 3) float.

    Returns:
        (N, ..., 3) float, linear, not negative.
    """
    return torch.einsum("n...k,nkc->n...c", sh_basis(normals), sh_coefficients).clamp_min(0)


def ambient_light(color: Sequence[float] = (1.0, 1.0, 1.0)) -> torch.Tensor:
    """Return light that shades every normal by ``color``, (9, 3) float32."""
    light = torch.zeros(9, 3)
    light[0] = torch.tensor(list(color)) / Y00
    return light


def directional_light(direction: Sequence[float], color: Sequence[float] = (1.0, 1.0, 1.0)) -> torch.Tensor:
    """Return the light of a distant lamp.

    Args:
        direction: three numbers, towards the lamp, world frame, any length.
        color: three numbers, the shading of a normal that faces the lamp (before the cut at band 2).

    Returns:
        (9, 3) float32.

    Raises:
        InvalidArgumentError: the direction is zero or not finite.
    """
    towards = torch.tensor([float(part) for part in direction])
    if towards.shape != (3,) or not bool(torch.isfinite(towards).all()) or float(towards.norm()) == 0:
        raise InvalidArgumentError("direction", "three finite numbers, not all zero", tuple(direction))
    basis = sh_basis(functional.normalize(towards, dim=0)) * torch.tensor(LOBE) * math.pi
    return basis[:, None] * torch.tensor([float(part) for part in color])
