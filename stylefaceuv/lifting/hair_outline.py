"""How far hair stands out from the head, read off the outline of both in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import FaceCoefficients

_RAYS = 180
_FROM = 0.5
"""Hair is looked for from here, as a share of the head's radius."""
_LEAST_HEIGHT = 0.2
"""Of a ray's direction in the head's frame: about 12 degrees above the level of the brows, over the ears."""
_REACH_MM = 140.0
_MEDIAN = 9


@dataclass(frozen=True)
class HairOutline:
    """Hair around the silhouette of one head.

    Attributes:
        direction: (K, 3) float, unit length, frame of the neutral head, from its middle to the silhouette.
        offset_mm: (K,) float, from the head's outline to that of its hair, negative where the skull is too large.
        cut: (K,) bool, whether the picture's edge ends the hair, so that it may reach farther.
    """

    direction: torch.Tensor
    offset_mm: torch.Tensor
    cut: torch.Tensor


def hair_outline(
    person: torch.Tensor, head: torch.Tensor, coefficients: FaceCoefficients, middle: torch.Tensor
) -> HairOutline:
    """Compare a person's outline with the bare head's, on rays from the head's middle.

    Args:
        person: (S, S) float in [0, 1], where the picture shows face or hair.
        head: (S, S) float, 1 where the bare head is.
        coefficients: unbatched, registered on the picture.
        middle: (3,) float, decimetres, of the neutral head, at the height of the brows.

    Returns:
        One value for each ray that leaves the head above its brows, smoothed by a running median; rays on which the
        bare head itself leaves the picture are left out.
    """
    size = person.shape[-1]
    camera = Camera.portrait(size, size)
    turn = rotation_matrix(coefficients.rotation)
    origin = camera.project((turn @ middle + coefficients.translation)[None, None])[0, 0]
    pixels_per_mm = camera.focal_px / origin[2] / 100
    angle = torch.arange(_RAYS, device=person.device) * (2 * torch.pi / _RAYS)
    flat = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], dim=1)  # world: +X right, +Y up
    direction = flat @ turn  # R^T d, a row for each ray
    reach = int(_REACH_MM * float(pixels_per_mm)) + 1
    radius = torch.arange(reach, device=person.device, dtype=person.dtype)
    x, y = (origin[axis] + sign * flat[:, axis : axis + 1] * radius for axis, sign in ((0, 1.0), (1, -1.0)))
    inside = (x > 0) & (x < size) & (y > 0) & (y < size)
    covers = _sample(torch.stack([person, head]), x, y) > 0.5
    skull = _first(~(covers[1] & inside))
    hair = _first(~(covers[0] & inside) & (radius > _FROM * skull[:, None]))
    edge = _first(~inside)
    offset = torch.where(skull < edge, (hair - skull) / pixels_per_mm, torch.nan)
    kept = (direction[:, 1] > _LEAST_HEIGHT) & (skull < edge)
    return HairOutline(direction[kept], _running_median(offset)[kept], (hair >= edge)[kept])


def _sample(planes: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(C, S, S) planes at pixel positions (K, L), (C, K, L)."""
    grid = torch.stack([x, y], dim=-1) * (2 / planes.shape[-1]) - 1
    return functional.grid_sample(planes[None], grid[None], align_corners=False, padding_mode="border")[0]


def _first(ends: torch.Tensor) -> torch.Tensor:
    """(K,) float: number of the first true entry of each row of (K, L), L where there is none."""
    length = ends.shape[1]
    rank = torch.where(ends, torch.arange(length, device=ends.device), length)
    return rank.min(dim=1).values.float()


def _running_median(values: torch.Tensor) -> torch.Tensor:
    """Median of each value's neighbours on a ring, (K,); NaNs do not count."""
    half = _MEDIAN // 2
    return torch.cat([values[-half:], values, values[:half]]).unfold(0, _MEDIAN, 1).nanmedian(dim=1).values
