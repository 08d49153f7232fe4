"""The margin of the lower lids, between lashes and eyeball.

It is a millimetre broad and looks up. A registration that is a pixel off finds the white of the eye there, and a bright
line beside the shaded ball is the first thing that one sees of an eye. It takes the colour of the skin below instead,
darker and redder: the upper lid keeps the light from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy.spatial
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

_UPPER = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
_LOWER = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
"""Landmarks of each eye's lids along x, from the viewer's left to the right."""
_BELOW_DM = (0.004, 0.02)
"""Skin that lends its colour lies so far below the landmarks."""
_SOFT_DM = (-0.003, 0.003)
_IN_FRONT_DM = 0.1
"""Margin lies no deeper than so far behind the landmarks."""
_NEIGHBOURS, _SPREAD_DM = 48, 0.01
_TINT = (0.92, 0.84, 0.84)


@dataclass(frozen=True)
class LidMargin:
    """Texels of the margins and where their colour comes from.

    Attributes:
        rows: (M,) int64, rows of the texel geometry.
        share: (M,) float in [0, 1], how much of the colour is replaced.
        sources: (M, K) int64, rows of skin below the lid.
        weights: (M, K) float, summing to 1.
    """

    rows: torch.Tensor
    share: torch.Tensor
    sources: torch.Tensor
    weights: torch.Tensor


def lid_margin(face_model: MorphableModel, texels: TexelGeometry, rest_positions: torch.Tensor) -> LidMargin:
    """Find the margins of the lower lids.

    Args:
        face_model: the morphable head, with the 478 landmarks.
        texels: the texel geometry.
        rest_positions: (T, 3) float, mean head, decimetres.

    Returns:
        Their texels; none where no skin lies below them.
    """
    points, skin = face_model.landmarks(face_model.mean[None])[0], texels.part == PART_NAMES.index("skin")
    height, inside = rest_positions[:, 1], torch.zeros_like(skin)
    above = torch.full_like(height, -torch.inf)  # the lower lid's landmarks
    for upper, lower in zip(_UPPER, _LOWER, strict=True):
        rims = [_height_over(points[list(rim)], rest_positions[:, 0]) for rim in (upper, lower)]
        ends = points[list(lower)]
        here = (rest_positions[:, 0] > ends[0, 0]) & (rest_positions[:, 0] < ends[-1, 0]) & skin
        here &= (rest_positions[:, 2] > ends[:, 2].min() - _IN_FRONT_DM) & (height < (rims[0] + rims[1]) / 2)
        inside |= here
        above = torch.where(here, height - rims[1], above)
    rows = torch.nonzero(inside & (above > _SOFT_DM[0])).squeeze(1)
    source = torch.nonzero(inside & (above < -_BELOW_DM[0]) & (above > -_BELOW_DM[1])).squeeze(1)
    if len(rows) == 0 or len(source) < _NEIGHBOURS:
        return LidMargin(rows[:0], height[:0], rows[:0, None], height[:0, None])
    tree = scipy.spatial.cKDTree(rest_positions[source].cpu().numpy())
    distance, found = tree.query(rest_positions[rows].cpu().numpy(), k=_NEIGHBOURS)
    weights = 1 / (torch.from_numpy(distance).to(height) ** 2 + _SPREAD_DM**2)
    nearest = source[torch.from_numpy(found).to(source.device)]
    return LidMargin(rows, smoothstep(above[rows], _SOFT_DM), nearest, weights / weights.sum(dim=1, keepdim=True))


def paint_lid_margin(painted: torch.Tensor, margin: LidMargin) -> torch.Tensor:
    """Give the margins the colour of the skin below them.

    Args:
        painted: (T, 3) float in [0, 1], sRGB.
        margin: the margins' texels.

    Returns:
        (T, 3) float, a copy.
    """
    result = painted.clone()
    if len(margin.rows):
        below = (painted[margin.sources] * margin.weights[..., None]).sum(dim=1) * painted.new_tensor(_TINT)
        result[margin.rows] += margin.share[:, None] * (below.clamp(0, 1) - painted[margin.rows])
    return result


def _height_over(line: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """(T,) height of the polyline through (K, 3) points, ascending in x, at (T,) places."""
    knots = line[:, 0].contiguous()
    right = torch.searchsorted(knots, x.contiguous()).clamp(1, len(knots) - 1)
    width = (knots[right] - knots[right - 1]).clamp_min(1e-9)
    share = ((x - knots[right - 1]) / width).clamp(0, 1)
    return line[right - 1, 1] + share * (line[right, 1] - line[right - 1, 1])
