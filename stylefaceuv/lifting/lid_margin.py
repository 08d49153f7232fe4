"""The margin of the lower lids, between lashes and eyeball.

It is a millimetre broad and looks up. A registration that is a pixel off finds the white of the eye there, and a bright
line beside the shaded ball is the first thing that one sees of an eye. It takes the colour of the skin below instead,
darker and redder: the upper lid keeps the light from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.face_model.lid_landmarks import LOWER_LIDS, UPPER_LIDS
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.neighbours import Neighbours, nearest, weighted, without_neighbours
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.piecewise_linear import height_over
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

_BELOW_DM = (0.004, 0.02)
"""Skin that lends its colour lies so far below the landmarks."""
_SOFT_DM = (-0.003, 0.003)
_BEHIND_DM, _LINING_DM = 0.1, 0.005
"""How far behind the landmarks the margin reaches; skin below that lies farther back than the second is lining."""
_NEIGHBOURS, _SPREAD_DM = 48, 0.01
_TINT = (0.92, 0.84, 0.84)


@dataclass(frozen=True)
class LidMargin:
    """Texels of the margins and where their colour comes from.

    Attributes:
        rows: (M,) int64, rows of the texel geometry.
        share: (M,) float in [0, 1], how much of the colour is replaced.
        below: skin below the lid.
    """

    rows: torch.Tensor
    share: torch.Tensor
    below: Neighbours


def lid_margin(face_model: MorphableModel, texels: TexelGeometry, rest_positions: torch.Tensor) -> LidMargin:
    """Find the margins of the lower lids.

    Args:
        face_model: the morphable head, with the 478 landmarks.
        texels: the texel geometry.
        rest_positions: (T, 3) float, mean head, decimetres.

    Returns:
        Their texels; none where no skin lies below them.
    """
    above, behind = _from_lower_lids(face_model, texels, rest_positions)
    rows = torch.nonzero((above > _SOFT_DM[0]) & (behind < _BEHIND_DM)).squeeze(1)
    below = (above < -_BELOW_DM[0]) & (above > -_BELOW_DM[1]) & (behind < _LINING_DM)
    source = torch.nonzero(below).squeeze(1)
    if len(rows) == 0 or len(source) < _NEIGHBOURS:
        return LidMargin(rows[:0], above[:0], without_neighbours(above))
    found, distance = nearest(rest_positions[rows], rest_positions[source], _NEIGHBOURS)
    lenders = weighted(source[found], 1 / (distance**2 + _SPREAD_DM**2))
    return LidMargin(rows, smoothstep(above[rows], _SOFT_DM), lenders)


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
        below = margin.below.mean(painted) * painted.new_tensor(_TINT)
        result[margin.rows] += margin.share[:, None] * (below.clamp(0, 1) - painted[margin.rows])
    return result


def _from_lower_lids(
    face_model: MorphableModel, texels: TexelGeometry, rest_positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(T,) each, decimetres: how far skin lies above the landmarks of a lower lid, and how far behind them; -inf and
    inf off the skin, beside the eyes and nearer to the upper lid."""
    points, x, y = face_model.landmarks(face_model.mean[None])[0], rest_positions[:, 0], rest_positions[:, 1]
    is_skin = texels.part == PART_NAMES.index("skin")
    above, behind = torch.full_like(y, -torch.inf), torch.full_like(y, torch.inf)
    for side, lid in LOWER_LIDS.items():
        lower, upper = points[list(lid)], points[list(UPPER_LIDS[side])]
        height = height_over(lower, x)
        here = is_skin & (x > lower[:, 0].min()) & (x < lower[:, 0].max()) & (y < (height + height_over(upper, x)) / 2)
        above = torch.where(here, y - height, above)
        behind = torch.where(here, height_over(lower[:, [0, 2]], x) - rest_positions[:, 2], behind)
    return above, behind
