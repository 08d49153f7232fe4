"""Upper lids as a closed eye shows them.

Of the upper lid an open eye shows a sliver under its crease, in few texels; a blink stretches it over the whole ball,
with the lashes and the shade that the photo had there as streaks. What a blink unrolls is therefore smoothed as the
closed lid lies, along the lid more than across, so that the open eye keeps its crease and the closed one has no
streaks; part of the crease's shade is taken out towards the skin around. The rim keeps its lashes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.face_model.lid_landmarks import UPPER_LIDS
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.neighbours import Neighbours, nearest, weighted, without_neighbours
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

_BROW_EDGE = (46, 53, 52, 65, 55, 276, 283, 282, 295, 285)
_SKIN = PART_NAMES.index("skin")
_STRETCH = (1.1, 2.2)
_STILL = 1.1
_RIM_DM = (0.006, 0.020)
_REACH_DM = 0.2
_BELOW_BROW_DM = 0.03
_SOURCES, _NEIGHBOURS = 600, 128
"""Sources are thinned, so that neighbours reach far: the nearest alone are a clump, another one at the next texel."""
_SOFT_DM = 0.04
_LEAST_SOURCES = 32
_TINT, _CHEEK_SHARE = (1.04, 1.01, 1.01), 0.5
"""A closed lid lies in the light; the skin around it lies in the shade of crease and brow. So half of the colour
towards which it is lightened is the cheeks'."""
_LIGHTENED = 0.35
_CHEEKS, _CHEEK_DM = (50, 280), 0.12
_ALONG_DM, _ACROSS_DM = 0.025, 0.010
"""Standard deviations of the smoothing on the closed lid."""
_UPPER_SOURCES, _SMOOTHED = 3000, 128


@dataclass(frozen=True)
class LidTexels:
    """Texels that a blink unrolls, and where their colour comes from.

    Attributes:
        rows: (L,) int64, rows of the texel geometry.
        share: (L,) float in [0, 1], how much of the colour is replaced.
        around: upper lid and skin above it that lie around each texel when the eye is shut.
        still: nearby skin that a blink leaves in its place.
        cheeks: (C,) int64, rows of the cheeks' skin.
    """

    rows: torch.Tensor
    share: torch.Tensor
    around: Neighbours
    still: Neighbours
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
    rim = torch.cat([_along(points[list(row)]) for row in UPPER_LIDS.values()])
    brow = points[list(_BROW_EDGE)]
    box = (rest_positions > rim.amin(dim=0) - _REACH_DM) & (rest_positions < rim.amax(dim=0) + _REACH_DM)
    near_eyes = torch.nonzero(box.all(dim=1) & (texels.part == _SKIN)).squeeze(1)
    surfaces = rest_and_blink(face_model, level)
    place, shut = rest_positions[near_eyes], texels.interpolate(surfaces[1])[near_eyes]
    stretch = texels.interpolate(blink_stretch(face_model, surfaces, level)[:, None])[near_eyes, 0]
    near, knot = torch.cdist(place, rim).min(dim=1)
    to_brow = torch.cdist(place, brow).amin(dim=1)
    lid = (stretch > _STRETCH[0]) & (near < _REACH_DM)
    upper = (near < _REACH_DM) & (near > _RIM_DM[0]) & (place[:, 1] > rim[knot, 1])
    still = (stretch < _STILL) & (near < _REACH_DM) & (near > _RIM_DM[1]) & (to_brow > _BELOW_BROW_DM)
    still &= (place[:, 1] > rim[:, 1].min()) & (place[:, 1] < brow[:, 1].max())
    rows, apart = near_eyes[lid], torch.cdist(rest_positions, points[list(_CHEEKS)]).amin(dim=1)
    cheeks = torch.nonzero((apart < _CHEEK_DM) & (texels.part == _SKIN)).squeeze(1)
    if len(rows) == 0 or int(still.sum()) < _LEAST_SOURCES or int(upper.sum()) < _LEAST_SOURCES:
        none = without_neighbours(stretch)
        return LidTexels(rows[:0], stretch[:0], none, none, cheeks)
    share = smoothstep(stretch[lid], _STRETCH) * smoothstep(near[lid], _RIM_DM)
    scale = shut.new_tensor([_ALONG_DM, _ACROSS_DM, _ACROSS_DM])
    above = _thinned(upper, _UPPER_SOURCES)
    found, distance = nearest(shut[lid] / scale, shut[above] / scale, _SMOOTHED)
    beyond = distance**2 - distance[:, :1] ** 2  # of the nearest: weights never vanish altogether
    farthest = 1.001 * distance[:, -1:]
    softened = torch.exp(-beyond / 2) * (1 - (distance / farthest) ** 2)
    around = weighted(near_eyes[above[found]], softened)
    source = _thinned(still, _SOURCES)
    found, distance = nearest(place[lid], place[source], _NEIGHBOURS)
    resting = weighted(near_eyes[source[found]], 1 / (distance**2 + _SOFT_DM**2) ** 2)
    return LidTexels(rows, share, around, resting, cheeks)


def _thinned(chosen: torch.Tensor, most: int) -> torch.Tensor:
    """Rows of what is chosen (P,), every few of them if there are many more than ``most``."""
    rows = torch.nonzero(chosen).squeeze(1)
    return rows[:: max(len(rows) // most, 1)]


def blink_stretch(face_model: MorphableModel, surfaces: torch.Tensor, level: int) -> torch.Tensor:
    """Return how many times larger the surface gets under a blink.

    Args:
        face_model: the morphable head.
        surfaces: (2, V_level, 3) float, of :func:`rest_and_blink`.
        level: subdivision level.

    Returns:
        (V_level,) float, area around each vertex with both eyes closed over that of the mean head.
    """
    faces = face_model.topology(level).faces
    first, second, third = (surfaces[:, faces[:, corner]] for corner in range(3))
    area = torch.linalg.cross(second - first, third - first).norm(dim=-1)  # (2, F)
    around = torch.zeros_like(surfaces[..., 0])
    for corner in range(3):
        around = around.index_add(1, faces[:, corner], area)
    return around[1] / around[0].clamp_min(1e-9)


def rest_and_blink(face_model: MorphableModel, level: int) -> torch.Tensor:
    """Return the mean head, and the mean head with both eyes closed, (2, V_level, 3) float, decimetres.

    Args:
        face_model: the morphable head.
        level: subdivision level.
    """
    weights = face_model.mean.new_zeros(2, len(face_model.expression_names))
    for row, name in enumerate(face_model.expression_names):
        weights[1, row] = float(name.startswith("eyeBlink"))
    cages = face_model(weights.new_zeros(2, len(face_model.identity_basis)), weights)
    return face_model.refine(cages, level)


def paint_lids(painted: torch.Tensor, lids: LidTexels) -> torch.Tensor:
    """Smooth the unrolled part of the upper lids, and lighten it towards the skin above it and the cheeks.

    Args:
        painted: (T, 3) float in [0, 1], sRGB.
        lids: the lids' texels.

    Returns:
        (T, 3) float, a copy.
    """
    result = painted.clone()
    if len(lids.rows):
        smooth, light = lids.around.mean(painted), lids.still.mean(painted) * painted.new_tensor(_TINT)
        light = light + _CHEEK_SHARE * (painted[lids.cheeks].median(dim=0).values - light)
        color = smooth + _LIGHTENED * (light - smooth)
        result[lids.rows] += lids.share[:, None] * (color - painted[lids.rows])
    return result


def _along(knots: torch.Tensor, steps: int = 8) -> torch.Tensor:
    """(P, 3) points on the line through (K, 3) knots."""
    t = torch.linspace(0, 1, steps, dtype=knots.dtype, device=knots.device)[:, None, None]
    return (knots[:-1] + t * (knots[1:] - knots[:-1])).reshape(-1, 3)
