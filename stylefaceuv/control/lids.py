"""Keeps turning eyeballs under their lids."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.control.mean_surface import mean_normals, part_rows
from stylefaceuv.face_model.morphable import MorphableModel

MARGIN = 0.004
"""Distance between lid and ball that is kept at least, decimetres."""
_REACH = 1.3
"""Skin within this multiple of the ball's radius is lid."""
_OUTWARD = 0.15
"""Least cosine between a lid's normal and the direction from the ball's centre; the lining's is negative."""
_FRONT = 0.3
"""Lids lie before this multiple of the radius, seen from the centre; the socket behind them is not seen."""
_SHARPNESS = 400.0
"""Of the mean over the ball's vertices near a direction: about 4 degrees."""


class LidClearance:
    """Pushes lids outward where they would cut the ball.

    The cornea stands out of the ball and carries the lids with it when the eye turns, and the corners of some eyes
    lie deeper than their ball. The lining behind the lids, which looks at the ball and lies in it, is left alone.

    Args:
        model: the face model.
        ball: (B,) int64, cage rows of the eyeball.
    """

    def __init__(self, model: MorphableModel, ball: torch.Tensor) -> None:
        normals, skin = mean_normals(model), part_rows(model, "skin")
        local = model.mean - sphere_centre(model.mean[ball])
        radius, distance = local[ball].norm(dim=1).max(), local.norm(dim=1)
        outward = (normals * local).sum(dim=1) / distance > _OUTWARD
        lid = outward & (local[:, 2] > _FRONT * radius) & (distance < _REACH * radius)
        self._rows = skin[lid[skin]]

    def keep(self, cage: torch.Tensor, ball: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
        """Return a cage whose lids lie over the ball.

        Args:
            cage: (V0, 3) float, decimetres.
            ball: (B, 3) float, the turned ball's points in it.
            centre: (3,) float, about which the ball turned.

        Returns:
            (V0, 3) float, decimetres.
        """
        local = cage[self._rows] - centre
        distance = local.norm(dim=1)
        least = _radius_towards(local, ball - centre) + MARGIN
        cleared = cage.clone()
        cleared[self._rows] = centre + local * (torch.maximum(distance, least) / distance)[:, None]
        return cleared


def _radius_towards(directions: torch.Tensor, ball: torch.Tensor) -> torch.Tensor:
    """(S,) radius of a ball about the origin in (S, 3) directions, a soft mean over the nearest of its points."""
    cosine = functional.normalize(directions, dim=1) @ functional.normalize(ball, dim=1).T
    return torch.softmax(_SHARPNESS * cosine, dim=1) @ ball.norm(dim=1)


def sphere_centre(points: torch.Tensor) -> torch.Tensor:
    """Return the centre of the sphere that fits points best, by linear least squares.

    Args:
        points: (P, 3) float on a sphere, any unit.

    Returns:
        (3,) float, same unit.
    """
    middle = points.mean(dim=0)
    local = (points - middle).double()
    system = torch.cat([2 * local, torch.ones_like(local[:, :1])], dim=1)
    solution = torch.linalg.solve(system.T @ system, system.T @ local.square().sum(dim=1))
    return middle + solution[:3].to(points.dtype)
