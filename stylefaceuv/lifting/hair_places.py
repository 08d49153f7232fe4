"""Where hair grows and hangs on a head, fixed in the atlas, and the streaks that it has there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from stylefaceuv.lifting.landmark_fit import OUTER_EYE_CORNERS
from stylefaceuv.lifting.strands import Strands, combed_strands
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.lifting.texel_average import texel_average
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

BROW_TOPS, EAR_FRONTS = (105, 334), (234, 454)
"""Landmarks: the tops of the brows, and the skin in front of each ear."""
_UPPER_LIP, _FOREHEAD, _CHIN = 0, 10, 152
_HAIRLINE, _SIDEBURN = 0.17, 0.1
"""Decimetres: from the topmost landmark up to the hairline, from the one in front of the ear to where sideburns end."""
_HAIR, _BACKGROUND = SEGMENTS.index("hair"), SEGMENTS.index("background")
_LEAST_HEAD = 0.05
_EAR_TO_MIDDLE = 0.3
"""Decimetres."""
_FRINGE, _CROWN = -0.03, 0.5
"""Decimetres from the tops of the brows."""
_BESIDE_EYES, _NAPE, _BELOW_HAIRLINE = 0.08, 0.6, 0.15
_BESIDE_LENSES, _BESIDE_BROWS, _LENS_TOP = 0.17, 0.05, 0.3
"""Decimetres. Lenses and brows reach farther out than the eyes and may be as dark as hair."""
_PAINTED, _RAGGED, _MOST_RAGGED = (0.4, 0.6), 0.1, 0.3
"""Hanging hair is painted from a half on; by how much strands differ in that, so that their ends do by a centimetre;
and at most, so that they leave no gaps higher up."""
_ACROSS, _CELLS = (0.15, 0.6), 128
"""Share of an edge's slope that is upright where strands end and where the edge runs along them; cells of an atlas in
which that is told."""
_CUT_SHORTER, _STANDS = (-0.1, 0.9), (0.15, 0.5)
"""Decimetres above the line of hair over which its volume grows, and before the ear over which hair stands from its
line on."""
_EAR_UP, _EAR_BACK, _EAR_TILT, _EAR_HALF, _EAR_EDGE = -0.02, 0.25, -0.36, (0.27, 0.175), 0.2
"""Decimetres from the landmark before the ear: its middle, how far it moves per height, half its height and depth."""


@dataclass(frozen=True)
class HairGrowth:
    """Where hair grows on the head, fixed in the atlas.

    Attributes:
        forehead: (1, 1, R, R) float, 1 above the brows.
        crown: (1, 1, R, R) float, 1 where almost everybody who has hair has it.
        scalp: (1, 1, R, R) float in [0, 1], where hair grows, soft-edged.
    """

    forehead: torch.Tensor
    crown: torch.Tensor
    scalp: torch.Tensor


@dataclass(frozen=True)
class HairPlaces(HairGrowth):
    """Where hair also falls and hangs, and what streaks it has there.

    Attributes:
        beside: (1, 1, R, R) float in [0, 1], beside the face from the brows down to the mouth, and behind the ears,
            but not where lenses of glasses reach.
        temples: (1, 1, R, R) float in [0, 1], the same up to the eyes, for who can tell hair from lenses.
        streaks: (1, 1, R, R) float, zero mean and unit variance on the scalp, of :func:`combed_strands` on texels.
        cropped: (1, 1, R, R) float, the same of cropped hair.
        ears: (1, 1, R, R) float in [0, 1], of :func:`ear_weights`.
        front: (1, 1, R, R) float, 1 or 0, of :func:`before_face`.
    """

    beside: torch.Tensor
    temples: torch.Tensor
    streaks: torch.Tensor
    cropped: torch.Tensor
    ears: torch.Tensor
    front: torch.Tensor

    def fringe_and_sides(self) -> torch.Tensor:
        """(1, 1, R, R) float in [0, 1]: where hair falls that grows on the scalp."""
        return torch.maximum(torch.maximum(self.forehead, self.temples), self.front)

    def cut(self, combed: float) -> HairPlaces:
        """Give hair the streaks of one person's cut.

        Args:
            combed: 1 of combed hair, 0 of cropped hair, or between them.

        Returns:
            The places of that person, with streaks of unit variance.
        """
        mixed = self.cropped + combed * (self.streaks - self.cropped)
        return replace(self, streaks=mixed / math.hypot(combed, 1 - combed))


def hair_growth(surface: Surface) -> HairGrowth:
    """Find where hair grows on the mean head.

    Args:
        surface: of the face model, at the resolution R of the atlas.

    Returns:
        Where it may grow.
    """
    points = _landmarks(surface)
    height = surface.rest_positions[:, 1:2] - points[list(BROW_TOPS), 1].mean()
    forehead, crown = ((height > level).to(points.dtype) for level in (_FRINGE, _CROWN))
    scalp = scalp_weights(surface.rest_positions, points)
    return HairGrowth(*(_on_skin(each, surface) for each in (forehead, crown, scalp)))


def hair_places(surface: Surface) -> HairPlaces:
    """Find all places on the mean head.

    Args:
        surface: of the face model, at the resolution R of the atlas.

    Returns:
        Where hair may grow, fall and hang.
    """
    growth, rest, points = hair_growth(surface), surface.rest_positions, _landmarks(surface)
    sides = (beside_face(rest, points, clearance) for clearance in (_BESIDE_LENSES, _BESIDE_BROWS))
    hairy = surface.texels.gather(growth.scalp[0])[:, 0] > 0.5
    strands = combed_strands(head_middle(points), cropped=(False, True))
    streaks = on_texels(strands, surface, hairy).split(1, dim=1)
    others = (*sides, *streaks, ear_weights(rest, points), before_face(rest, points))
    return HairPlaces(growth.forehead, growth.crown, growth.scalp, *(_on_skin(each, surface) for each in others))


def _landmarks(surface: Surface) -> torch.Tensor:
    """(478, 3) decimetres, of the mean head."""
    return surface.face_model.landmarks(surface.face_model.mean[None])[0]


def _on_skin(values: torch.Tensor, surface: Surface) -> torch.Tensor:
    """(1, 1, R, R) of texels (T, 1), 0 off the skin."""
    is_skin = (surface.texels.part == PART_NAMES.index("skin")).to(values.dtype)[:, None]
    return surface.texels.scatter(values * is_skin)[None]


def on_texels(strands: Strands, surface: Surface, where: torch.Tensor) -> torch.Tensor:
    """Average strands over texels, which would alias read at their centres.

    Args:
        strands: the pattern.
        surface: of the face model, T texels.
        where: (T,) bool, the texels that count.

    Returns:
        (T, C) float, of zero mean and unit variance there, whatever the size of texels.
    """
    values = texel_average(strands, surface)
    return (values - values[where].mean(dim=0)) / values[where].std(dim=0)


def head_middle(points: torch.Tensor) -> torch.Tensor:
    """The middle of the head at the height of the brows, (3,) decimetres, of its landmarks (478, 3)."""
    ear = points[list(EAR_FRONTS), 2].mean() - _EAR_TO_MIDDLE
    return torch.stack([points.new_zeros(()), points[list(BROW_TOPS), 1].mean(), ear])


def hung(places: HairPlaces, hanging: torch.Tensor, strands: torch.Tensor, painted: torch.Tensor) -> HairPlaces:
    """Let hair grow and hang where one person's does.

    Args:
        places: of every head.
        hanging: (1, 1, R, R) float in [0, 1], where that person's hair hangs, a half at its edge.
        strands: (1, 1, R, R) float, of :func:`hanging_strands` on texels.
        painted: (1, 1, R, R) float in [0, 1], their :func:`strand_edge`.

    Returns:
        The places of that person. Hair over ears is not looked for in the photo: folded ears show shreds of it.
    """
    return replace(
        places,
        beside=torch.maximum(places.beside, painted * (1 - places.ears)),
        temples=torch.maximum(places.temples, painted * (1 - places.ears)),
        scalp=torch.maximum(places.scalp, painted),
        streaks=places.streaks + hanging * (strands - places.streaks),
    )


def strand_edge(hanging: torch.Tensor, strands: torch.Tensor) -> torch.Tensor:
    """Find the edge of hair that hangs: each strand has its own length.

    An edge that runs along strands is smooth: there their lengths would make the teeth of a saw, since the volume of
    hair draws the texels out sideways.

    Args:
        hanging: (N, 1, R, R) float in [0, 1], a half at the edge, from which it rises slowly.
        strands: (1, 1, R, R) float, of :func:`hanging_strands` on texels.

    Returns:
        (N, 1, R, R) float in [0, 1], where it is painted; 0 wherever ``hanging`` is.
    """
    ragged = hanging + _across_strands(hanging) * (_RAGGED * strands).clamp(-_MOST_RAGGED, _MOST_RAGGED)
    return smoothstep(ragged, _PAINTED) * (hanging > 0)


def _across_strands(hanging: torch.Tensor) -> torch.Tensor:
    """(N, 1, R, R) in [0, 1]: 1 where an edge runs across strands, which hang down the atlas, 0 where along them."""
    height, width = (min(_CELLS, edge) for edge in hanging.shape[-2:])
    small = functional.adaptive_avg_pool2d(hanging, (height, width))
    down, right = torch.gradient(small, dim=(2, 3))
    upright = down.square() / (down.square() + right.square()).clamp_min(1e-9)
    large = functional.interpolate(upright, hanging.shape[-2:], mode="bilinear", align_corners=False)
    return smoothstep(large, _ACROSS)


def beside_face(positions: torch.Tensor, points: torch.Tensor, clearance: float = _BESIDE_LENSES) -> torch.Tensor:
    """Where hair hangs beside a face: outwards from eyes and glasses, down to the mouth, and to the nape.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.
        clearance: decimetres that are left free at the height of the eyes, besides those of the cheeks.

    Returns:
        (T, 1) float, 1 or 0.
    """
    eye, ear = points[list(OUTER_EYE_CORNERS), 0].abs().mean(), points[list(EAR_FRONTS)].mean(dim=0)
    x, y, z = positions.abs()[:, 0], positions[:, 1], positions[:, 2]
    lenses = y < points[list(OUTER_EYE_CORNERS), 1].mean() + _LENS_TOP
    side = (x > eye + _BESIDE_EYES + lenses * clearance) & (y > points[_UPPER_LIP, 1])
    behind = (z < ear[2]) & (y > ear[1] - _NAPE) & (y > _hairline(positions, points) - _BELOW_HAIRLINE)
    return (side | behind).to(positions.dtype)[:, None] * (1 - ear_weights(positions, points))


def before_face(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where locks fall over a face: below the brows down to the eyes, and beside them down to the chin.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float, 1 or 0.
    """
    eyes, brows = points[list(OUTER_EYE_CORNERS)], points[list(BROW_TOPS), 1].mean()
    x, y, z = positions.abs()[:, 0], positions[:, 1], positions[:, 2]
    falls = (y > eyes[:, 1].mean()) | ((x > eyes[:, 0].abs().mean()) & (y > points[_CHIN, 1]))
    before = (y <= brows + _FRINGE) & (z > points[list(EAR_FRONTS), 2].mean())
    return (falls & before).to(positions.dtype)[:, None]


def scalp_weights(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where hair grows: above a line from the top of the forehead over the front of the ears to the nape, soft-edged.

    In front of the ears the line follows where 64 heads with hair have their hairline in the mean, within 3 mm.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float in [0, 1].
    """
    line = _hairline(positions, points)
    return ((positions[:, 1] - line) / 0.3 + 0.5).clamp(0, 1)[:, None] * (1 - ear_weights(positions, points))


def short_hair_volume(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """How much of its volume short hair has: at sides and back it is cut shorter towards its line; fringes stand.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float in [0, 1].
    """
    above = smoothstep(positions[:, 1] - _hairline(positions, points), _CUT_SHORTER)
    front = smoothstep(positions[:, 2] - points[list(EAR_FRONTS), 2].mean(), _STANDS)
    return (above + (1 - above) * front)[:, None]


def _hairline(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """(T,): the height, decimetres, from which on hair grows at each texel (T, 3)."""
    ear, forehead, brow = points[list(EAR_FRONTS)].mean(dim=0), points[_FOREHEAD], points[list(BROW_TOPS)].mean(dim=0)
    before = (forehead[1] + _HAIRLINE - ear[1] - _SIDEBURN) / (forehead[2] - ear[2])
    behind = (brow[1] + 0.1 - ear[1]) / (brow[2] - ear[2])
    depth = positions[:, 2] - ear[2]
    line = ear[1] + _SIDEBURN + torch.where(depth > 0, before, behind) * depth
    return line.clamp_min(float(ear[1]) - 0.5)


def ear_weights(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where no hair grows at the sides of a head: ears, a tilted oval that lies close around them.

    A wider one shows bare skin behind every ear, where hair grows or hangs.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float in [0, 1], soft-edged.
    """
    front = points[list(EAR_FRONTS)].mean(dim=0)
    up = positions[:, 1] - front[1] - _EAR_UP
    back = positions[:, 2] - front[2] + _EAR_BACK - _EAR_TILT * up
    apart = torch.hypot(up / _EAR_HALF[0], back / _EAR_HALF[1])
    return (((1 - apart) / _EAR_EDGE + 1).clamp(0, 1) * (positions[:, 0].abs() > 0.5))[:, None]


def hair_share(segments: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Tell how much of what a picture shows of a head is hair.

    Args:
        segments: (S, h, w) float in [0, 1], of the picture, in the order of ``SEGMENTS``.
        place: (T, 2) float, x and y in the picture, 0 to 1 from edge to edge.

    Returns:
        (T, 1) float in [0, 1].
    """
    grid = (2 * place - 1)[None, None]
    shares = functional.grid_sample(segments[None], grid, align_corners=False, padding_mode="border")[0, :, 0]
    return (shares[_HAIR] / (1 - shares[_BACKGROUND]).clamp_min(_LEAST_HEAD))[:, None].clamp_max(1)
