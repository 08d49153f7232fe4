"""The light that comes in between the lips, for any expression: on teeth, tongue and the lining of the mouth.

A mouth is a cave whose opening are the lips. What lies behind them gets the light of that part of the front that it
sees through the opening: little in the corners of a smile, less the farther back it lies.
"""

from __future__ import annotations

import torch

from stylefaceuv.face_model.lip_landmarks import LOWER_RIM, UPPER_RIM
from stylefaceuv.face_model.mean_expression import mean_head_with
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.piecewise_linear import interpolate
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

MOUTH_PARTS = ("mouth", "teeth_upper", "teeth_lower", "tongue")
_MIDDLE = (13, 14)
LEAST = (0.06, 0.04, 0.04)
"""Share of red, green and blue light that comes in anywhere: through the lips, and from wall to wall."""
_SOFT_DM = 0.01
"""Lips are round: light passes a rim that stands so far in its way, decimetres."""
_BEFORE_DM = (0.0, 0.03)
"""How far before a rim, as a tongue that is put out, a point comes to lie in the open."""
_BEHIND_DM, _TEETH_DM = (0.06, 0.16), (0.05, 0.02, 0.06)
"""Depths between which a point comes to lie behind the teeth, and how much of the opening those take above, below and
on either side."""
_OPENING = {"jawOpen": 0.7, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5}


class LipLight:
    """Lights the mouths of one face model. A model without a mouth or the 478 landmarks has none to light.

    Args:
        face_model: the morphable head.
        level: subdivision level of the vertices it will get.

    Attributes:
        known: whether the model has a mouth, and the landmarks of its lips.
        depth: z of the lips of the mean head, decimetres; 0 without.
    """

    def __init__(self, face_model: MorphableModel, level: int) -> None:
        topology = face_model.topology(level)
        skin = topology.faces[topology.part == PART_NAMES.index("skin")].unique()
        mouth = {int(part) for part in topology.part.unique()} & {PART_NAMES.index(name) for name in MOUTH_PARTS}
        opened = mean_head_with(face_model, _OPENING)  # where lips touch, a rim has vertices of both
        landmarks, surface = face_model.landmarks(opened)[0], face_model.refine(opened, level)[0]
        self.known = bool(mouth) and len(landmarks) > max(UPPER_RIM + LOWER_RIM)
        rims = landmarks[[*UPPER_RIM, *LOWER_RIM]] if self.known else landmarks[:0]
        self._rims = skin[torch.cdist(rims, surface[skin]).argmin(dim=1)].reshape(2, -1)
        resting = face_model.landmarks(face_model.mean[None])[0]
        self.depth = float(resting[list(_MIDDLE), 2].mean()) if self.known else 0.0

    def inside(self, part: torch.Tensor) -> torch.Tensor:
        """Return which texels or faces lie in the mouth.

        Args:
            part: (T,) integer, index into ``PART_NAMES``.

        Returns:
            (M,) int64, their rows.
        """
        parts = part.new_tensor([PART_NAMES.index(name) for name in MOUTH_PARTS])
        return torch.nonzero(torch.isin(part, parts)).squeeze(1)

    def on(self, points: torch.Tensor, vertices: torch.Tensor) -> torch.Tensor:
        """Return which share of the light reaches points inside a mouth.

        Args:
            points: (T, 3) float, decimetres, unposed.
            vertices: (V, 3) float, decimetres, the head's, unposed, with the same expression.

        Returns:
            (T, 3) float in (0, 1], of linear red, green and blue.
        """
        if not self.known:
            return torch.ones_like(points)
        least = points.new_tensor(LEAST)
        return least + (1 - least) * seen_between_lips(points, vertices[self._rims])[:, None]

    def within(self, points: torch.Tensor, vertices: torch.Tensor) -> torch.Tensor:
        """Return how far from the nearer lip points appear between both.

        Args:
            points: (T, 3) float, decimetres, unposed.
            vertices: (V, 3) float, decimetres, the head's, unposed, with the same expression.

        Returns:
            (T,) float, decimetres of height; negative behind a lip, infinite without lips.
        """
        if not self.known:
            return torch.full_like(points[:, 0], torch.inf)
        (upper, _), (lower, _) = (_over(rim, points[:, 0]) for rim in vertices[self._rims])
        return torch.minimum(upper - points[:, 1], points[:, 1] - lower)


def seen_between_lips(points: torch.Tensor, rims: torch.Tensor) -> torch.Tensor:
    """Return how much light of an even sky comes in between two rims.

    Args:
        points: (T, 3) float, behind the rims, decimetres; +Z is the front of the head.
        rims: (2, K, 3) float, the upper and the lower one, K >= 2 knots along x.

    Returns:
        (T,) float in [0, 1]: the product of what is seen, weighted with the cosine to the front, between the rims above
        and below a point and between the corners of the mouth.
    """
    x, y, z = points.unbind(dim=1)
    (upper_y, upper_z), (lower_y, lower_z) = (_over(rim, x) for rim in rims)
    behind = smoothstep((upper_z + lower_z) / 2 - z, _BEHIND_DM)
    above, below, beside = (behind * teeth for teeth in _TEETH_DM)
    upright = (_sine(upper_y - above - y, upper_z - z) + _sine(y - below - lower_y, lower_z - z)) / 2
    ends = rims.flatten(0, 1)
    first, last = ends[ends[:, 0].argmin()], ends[ends[:, 0].argmax()]
    level = (_sine(x - beside - first[0], first[2] - z) + _sine(last[0] - beside - x, last[2] - z)) / 2
    return upright.clamp_min(0) * level.clamp_min(0)


def _over(rim: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Height and depth, (T,) each, of a (K, 3) rim at each x."""
    knots = rim[rim[:, 0].argsort()]
    return interpolate(x, knots[:, 0], knots[:, 1]), interpolate(x, knots[:, 0], knots[:, 2])


def _sine(beside: torch.Tensor, ahead: torch.Tensor) -> torch.Tensor:
    """(T,) sine of the angle, from the front, under which a point sees an edge; 1 of what lies well before it."""
    beside = beside + _SOFT_DM
    sine = beside / (beside.square() + ahead.clamp_min(0).square()).sqrt().clamp_min(1e-6)
    return sine + (1 - sine) * smoothstep(-ahead, _BEFORE_DM)
