"""Single teeth and gums on the smooth bands that stand for the rows of teeth.

MakeHuman models each row as one band. Where one tooth ends follows from the arc length along the dental arch and the
mean breadths of human teeth; where its gum begins, from the height of its crown.
Source: Wheeler's Dental Anatomy, table of the measurements of teeth (breadth and height of crowns).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.types import PART_NAMES

_BREADTH_MM = {
    "teeth_upper": (8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0),
    "teeth_lower": (5.0, 5.5, 7.0, 7.0, 7.0, 11.0, 10.5),
}
_CROWN_MM = {
    "teeth_upper": (10.5, 9.0, 10.0, 8.5, 8.5, 7.5, 7.0),
    "teeth_lower": (9.0, 9.5, 11.0, 8.5, 8.0, 7.5, 7.0),
}
_MM = 0.01
_ARCH_CENTRE = 0.62
_PAPILLA_MM = 2.5
_GAP_MM, _GAP_SHADE = 0.45, 0.22
_GUM_SOFT_MM = 1.2
_ROUND_SHADE = 0.10
_STEPS = 512


@dataclass(frozen=True)
class ToothPattern:
    """What single teeth do to the plain colour of a row, one entry a texel.

    Attributes:
        shade: (T, 1) float in [0, 1], factor on the colour; dark between teeth, 1 off the rows.
        gum: (T, 1) float in [0, 1], 1 on gums.
    """

    shade: torch.Tensor
    gum: torch.Tensor


def tooth_pattern(texels: TexelGeometry, rest_positions: torch.Tensor) -> ToothPattern:
    """Lay teeth along both rows.

    Args:
        texels: the texel geometry.
        rest_positions: (T, 3) float, mean head, decimetres, face along +Z.

    Returns:
        The pattern, mirror-symmetric.
    """
    shade = rest_positions.new_ones(len(rest_positions), 1)
    gum = torch.zeros_like(shade)
    for name in _BREADTH_MM:
        rows = torch.nonzero(texels.part == PART_NAMES.index(name)).squeeze(1)
        if len(rows):
            shade[rows], gum[rows] = _row_of_teeth(rest_positions[rows], name)
    return ToothPattern(shade, gum)


def arch_length(points: torch.Tensor) -> torch.Tensor:
    """Return the distance along the dental arch from its middle.

    Args:
        points: (T, 3) float of one row, decimetres, face along +Z.

    Returns:
        (T,) float, millimetres, on the ellipse through the row's front and sides; the same left and right.
    """
    side, front = points[:, 0].abs().max(), points[:, 2].max() - _ARCH_CENTRE
    turned = torch.atan2(points[:, 0].abs() / side, (points[:, 2] - _ARCH_CENTRE) / front)
    angle = torch.linspace(0, torch.pi, _STEPS, dtype=points.dtype, device=points.device)
    curve = torch.stack([side * angle.sin(), front * angle.cos()], dim=1)
    steps = (curve[1:] - curve[:-1]).norm(dim=1)
    length = torch.cat([steps.new_zeros(1), steps.cumsum(0)]) / _MM
    place = turned / torch.pi * (_STEPS - 1)
    low = place.floor().long().clamp(0, _STEPS - 2)
    return length[low] + (place - low) * (length[low + 1] - length[low])


def _row_of_teeth(points: torch.Tensor, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Shade and gum, both (T, 1), of one row."""
    along = arch_length(points)
    breadth = points.new_tensor(_BREADTH_MM[name])
    ends = breadth.cumsum(0)
    tooth = torch.searchsorted(ends, along).clamp_max(len(breadth) - 1)
    across = ((along - (ends - breadth)[tooth]) / breadth[tooth] * 2 - 1).clamp(-1, 1)  # -1 and 1 between teeth
    to_gap = (1 - across.abs()) * breadth[tooth] / 2
    crown = points.new_tensor(_CROWN_MM[name])[tooth] - _PAPILLA_MM * across.abs() ** 3
    edge = _edge_height(points, name)
    gum = ((edge - crown) / _GUM_SOFT_MM + 0.5).clamp(0, 1)
    gap = torch.exp(-((to_gap / _GAP_MM) ** 2)) * (1 - gum)
    shade = (1 - _GAP_SHADE * gap) * (1 - _ROUND_SHADE * across**2)
    return shade[:, None], gum[:, None]


def _edge_height(points: torch.Tensor, name: str) -> torch.Tensor:
    """(T,) millimetres from the biting edge, which rises towards the back of the arch as the row does."""
    upward = 1.0 if name == "teeth_upper" else -1.0
    height = upward * points[:, 1]
    bins = (points[:, 0].abs() / points[:, 0].abs().max() * 7.999).long()
    lowest = height.new_full((8,), torch.inf).scatter_reduce(0, bins, height, "amin")
    lowest = torch.where(lowest.isfinite(), lowest, height.min())
    return (height - lowest[bins]) / _MM
