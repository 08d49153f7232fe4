"""Means of a pattern over whole texels: what is finer than texels would alias if it were read at their centres."""

from __future__ import annotations

from collections.abc import Callable

import torch

from stylefaceuv.lifting.surface import Surface

_PLACES = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))
"""Columns and rows from a texel's centre: a rotated grid, no two in one column or row."""


def texel_steps(surface: Surface) -> torch.Tensor:
    """How far the mean head's surface goes from one texel to the next, in the plane of the face under each.

    Args:
        surface: of the face model, T texels.

    Returns:
        (T, 2, 3) float, XYZ in decimetres of a step to the next column and of one to the next row.
    """
    model, corners = surface.face_model, surface.texels.corners
    uv = surface.topology.uv[corners] * surface.texels.resolution
    places = model.refine(model.mean[None], surface.level)[0][corners]
    (right, down), (far_right, far_down) = ((uv[:, i] - uv[:, 0]).unbind(dim=1) for i in (1, 2))
    one, other = places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]
    area = (right * far_down - far_right * down)[:, None]  # a linear solver takes ten times as long
    columns = (far_down[:, None] * one - down[:, None] * other) / area
    rows = (right[:, None] * other - far_right[:, None] * one) / area
    return torch.stack([columns, rows], dim=1)


def texel_average(pattern: Callable[[torch.Tensor], torch.Tensor], surface: Surface) -> torch.Tensor:
    """Average a pattern over each texel of the mean head.

    Args:
        pattern: of points (T, 3), decimetres, to (T, C).
        surface: of the face model, T texels.

    Returns:
        (T, C) float, the mean of four places of each texel.
    """
    steps = texel_steps(surface)
    places = (surface.rest_positions + column * steps[:, 0] + row * steps[:, 1] for column, row in _PLACES)
    return torch.stack([pattern(points) for points in places]).mean(dim=0)
