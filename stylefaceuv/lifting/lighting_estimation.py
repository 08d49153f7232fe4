"""Estimates spherical-harmonics light from the shading of seen skin.

The light is monochrome: in one photo the colour of the light and of the skin cannot be told apart, and a tinted
light would bleach the skin. Bands 1 and 2 are damped, so that a half-seen face gets no wild light on its far side.
"""

from __future__ import annotations

import torch

from stylefaceuv.rendering.lighting import sh_basis

_LUMINANCE = (0.2126, 0.7152, 0.0722)
_DAMPING = (0.0, 0.02, 0.02, 0.02, 0.12, 0.12, 0.12, 0.12, 0.12)
_ITERATIONS = 5
_SCALE = 0.10
_LEAST_WEIGHT = 20.0


def estimate_lighting(
    pixels: torch.Tensor, normals: torch.Tensor, albedo: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Fit the light that turns an albedo into the pixels.

    Iteratively reweighted least squares with the Geman-McClure weight: shadows, highlights and hair count little.

    Args:
        pixels: (T, 3) float, linear light.
        normals: (T, 3) float, world frame, unit length.
        albedo: (T, 3) float, linear, guess of the surface's colour.
        weights: (T,) float in [0, 1], trust in each sample.

    Returns:
        (9, 3) float, equal in red, green and blue. With too little trusted skin: flat light of shading 1.
    """
    luminance = pixels.new_tensor(_LUMINANCE)
    target, base = pixels @ luminance, albedo @ luminance
    basis = sh_basis(normals)
    flat = torch.zeros(9, dtype=pixels.dtype, device=pixels.device)
    flat[0] = 1 / basis[0, 0] if len(basis) else 1.0
    if float(weights.sum()) < _LEAST_WEIGHT:
        return flat[:, None].expand(9, 3).clone()
    light = flat
    robust = weights
    for _ in range(_ITERATIONS):
        light = _solve(basis * base[:, None], target, robust)
        residual = (target - base * (basis @ light)) / (target.abs() + base + 1e-3)
        robust = weights / (1 + (residual / _SCALE) ** 2) ** 2
    return light[:, None].expand(9, 3).clone()


def _solve(design: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    weighted = design * weights[:, None]
    normal = weighted.T @ design
    # Damping in units of the constant term's own information, so that it does not depend on brightness or count.
    damping = normal[0, 0] * design.new_tensor(_DAMPING) + 1e-8
    return torch.linalg.solve(normal + torch.diag(damping), weighted.T @ target)
