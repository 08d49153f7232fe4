"""Upper lids as a closed eye shows them.

Of the upper lid an open eye shows a sliver under its crease, in few texels; a blink stretches it over the whole ball,
with the lashes and the shade that the photo had there as streaks. What a blink unrolls takes the colour of the skin
between crease and brow instead; the rim keeps its lashes.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy.spatial
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

_UPPER_RIMS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
"""Landmarks from the outer to the inner corner, right and left."""
_BROW_EDGE = (46, 53, 52, 65, 55, 276, 283, 282, 295, 285)
_SKIN = PART_NAMES.index("skin")
_STRETCH = (1.25, 2.0)
_STILL = 1.2
_RIM_DM = (0.006, 0.020)
_REACH_DM = 0.2
_BELOW_BROW_DM = 0.03
_SOURCES, _NEIGHBOURS = 600, 128
"""Sources are thinned, so that neighbours reach far: the nearest alone are a clump, another one at the next texel."""
_SOFT_DM = 0.04
_LEAST_SOURCES = 32
_TINT, _CHEEK_SHARE = (1.04, 1.01, 1.01), 0.5
"""A closed lid lies in the light; the skin that its colour comes from lies in the shade of crease and brow. So half of
the colour is the cheeks'."""
_CHEEKS, _CHEEK_DM = (50, 280), 0.12


@dataclass(frozen=True)
class LidTexels:
    """Texels that a blink unrolls, and where their colour comes from.

    Attributes:
        rows: (L,) int64, rows of the texel geometry.
        share: (L,) float in [0, 1], how much of the colour is replaced.
        sources: (L, K) int64, rows of still skin nearby.
        weights: (L, K) float, summing to 1.
        cheeks: (C,) int64, rows of the cheeks' skin.
    """

    rows: torch.Tensor
    share: torch.Tensor
    sources: torch.Tensor
    weights: torch.Tensor
    cheeks: torch.Tensor


def lid_texels(
    face_model: MorphableModel, texels: TexelGeometry, rest_positions: torch.Tensor, level: int
) -> LidTexels:
    """Find what a blink unrolls.

    Args:
        face_model: the morphable head; a model without blinks has no lids.
        texels: the texel geometry of that level.
        rest_positions: (T, 3) float, mean head, decimetres.
        level: subdivision level.

    Returns:
        The lids' texels; none where there is no still skin between lid and brow.
    """
    points = face_model.landmarks(face_model.mean[None])[0]
    rim = torch.cat([_along(points[list(row)]) for row in _UPPER_RIMS])
    brow = points[list(_BROW_EDGE)]
    box = (rest_positions > rim.amin(dim=0) - _REACH_DM) & (rest_positions < rim.amax(dim=0) + _REACH_DM)
    around = torch.nonzero(box.all(dim=1) & (texels.part == _SKIN)).squeeze(1)
    place, stretch = rest_positions[around], blink_stretch(face_model, level)
    stretch = texels.interpolate(stretch[:, None])[around, 0]
    near, to_brow = (torch.cdist(place, line).amin(dim=1) for line in (rim, brow))
    lid = (stretch > _STRETCH[0]) & (near < _REACH_DM)
    still = (stretch < _STILL) & (near < _REACH_DM) & (near > _RIM_DM[1]) & (to_brow > _BELOW_BROW_DM)
    still &= (place[:, 1] > rim[:, 1].min()) & (place[:, 1] < brow[:, 1].max())
    rows, source = around[lid], around[still]
    apart = torch.cdist(rest_positions, points[list(_CHEEKS)]).amin(dim=1)
    cheeks = torch.nonzero((apart < _CHEEK_DM) & (texels.part == _SKIN)).squeeze(1)
    if len(rows) == 0 or len(source) < _LEAST_SOURCES:
        return LidTexels(rows[:0], stretch[:0], rows[:0, None], stretch[:0, None], cheeks)
    source = source[:: max(len(source) // _SOURCES, 1)]
    tree = scipy.spatial.cKDTree(rest_positions[source].cpu().numpy())
    found = tree.query(place[lid].cpu().numpy(), k=min(_NEIGHBOURS, len(source)))
    distance, nearest = (torch.from_numpy(column).to(place.device) for column in found)
    weights = (1 / (distance**2 + _SOFT_DM**2) ** 2).to(place.dtype)
    share = smoothstep(stretch[lid], _STRETCH) * smoothstep(near[lid], _RIM_DM)
    return LidTexels(rows, share, source[nearest], weights / weights.sum(dim=1, keepdim=True), cheeks)


def blink_stretch(face_model: MorphableModel, level: int) -> torch.Tensor:
    """Return how many times larger the surface gets under a blink.

    Args:
        face_model: the morphable head.
        level: subdivision level.

    Returns:
        (V_level,) float, area around each vertex with both eyes closed over that of the mean head.
    """
    weights = face_model.mean.new_zeros(2, len(face_model.expression_names))
    for row, name in enumerate(face_model.expression_names):
        weights[1, row] = float(name.startswith("eyeBlink"))
    cages = face_model(weights.new_zeros(2, len(face_model.identity_basis)), weights)
    surfaces = face_model.refine(cages, level)
    faces = face_model.topology(level).faces
    first, second, third = (surfaces[:, faces[:, corner]] for corner in range(3))
    area = torch.linalg.cross(second - first, third - first).norm(dim=-1)  # (2, F)
    around = torch.zeros_like(surfaces[..., 0])
    for corner in range(3):
        around = around.index_add(1, faces[:, corner], area)
    return around[1] / around[0].clamp_min(1e-9)


def paint_lids(painted: torch.Tensor, lids: LidTexels) -> torch.Tensor:
    """Give the unrolled part of the upper lids a colour between those of the skin above it and of the cheeks.

    Args:
        painted: (T, 3) float in [0, 1], sRGB.
        lids: the lids' texels.

    Returns:
        (T, 3) float, a copy.
    """
    result = painted.clone()
    if len(lids.rows):
        color = (painted[lids.sources] * lids.weights[..., None]).sum(dim=1) * painted.new_tensor(_TINT)
        color = color + _CHEEK_SHARE * (painted[lids.cheeks].median(dim=0).values - color)
        result[lids.rows] += lids.share[:, None] * (color - painted[lids.rows])
    return result


def _along(knots: torch.Tensor, steps: int = 8) -> torch.Tensor:
    """(P, 3) points on the line through (K, 3) knots."""
    t = torch.linspace(0, 1, steps, dtype=knots.dtype, device=knots.device)[:, None, None]
    return (knots[:-1] + t * (knots[1:] - knots[:-1])).reshape(-1, 3)
