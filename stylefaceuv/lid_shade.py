"""The shade of the lids on the eyeballs, for any expression and gaze.

Where lids touch the ball, little light gets in; without that shade whites of eyes look cut out. It moves with the lids
and not with the ball, so it is laid over the diffuse map for one picture at a time. The map itself has only the wide,
soft shade of lids and brows in which an eye always lies (:mod:`stylefaceuv.lifting.eye_texture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from stylefaceuv.control.lids import sphere_centre
from stylefaceuv.face_model.lid_landmarks import LOWER_LIDS, UPPER_LIDS
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.texel_geometry import TexelGeometry, texel_geometry
from stylefaceuv.piecewise_linear import height_over
from stylefaceuv.types import PART_NAMES

UPPER_DEPTH, LOWER_DEPTH = 0.62, 0.42
"""Share of the light that is kept out right under each lid; the upper one has lashes and looks down."""
UPPER_REACH_DM, LOWER_REACH_DM = 0.016, 0.008
"""Where that share has fallen to 1 / e, decimetres along the ball."""
BOUNCE = (0.7, 1.0, 1.06)
"""Powers of that share in red, green and blue: what gets in comes off the lids' skin and through it."""
_LID_RADII = 1.6
"""Lids lie no farther from a ball's centre than so many of its radii."""
_LEAST_DEPTH_DM = 1e-4
"""Least singular value of a ball's points about their middle: what is flat is no ball."""
_FRONT = 0.1
"""Least cosine to the front of what can be seen of a ball; the rest is in the shade."""


@dataclass(frozen=True)
class _Eye:
    """Rows of an eye's vertices, and of those along its lids (2, K), the upper one first."""

    ball: torch.Tensor
    rims: torch.Tensor


class LidShade:
    """Shades the eyeballs of one face model. A model without eyeballs, lids or the 478 landmarks has no shade.

    Args:
        face_model: the morphable head.
        level: subdivision level of the vertices it will get.
        resolution: edge of the map, texels.
    """

    def __init__(self, face_model: MorphableModel, level: int, resolution: int = 512) -> None:
        self._topology, self._resolution = face_model.topology(level), resolution
        surface = face_model.refine(face_model.mean[None], level)[0]
        landmarks = face_model.landmarks(face_model.mean[None])[0]
        skin = self._rows("skin")
        self._eyes: dict[str, _Eye] = {}
        for side in UPPER_LIDS:
            lids, ball = torch.tensor([UPPER_LIDS[side], LOWER_LIDS[side]]), self._rows(f"eye_{side}")
            if len(ball) and len(landmarks) > int(lids.max()):
                near = torch.cdist(landmarks[lids.flatten()], surface[skin]).argmin(dim=1)
                eye = _Eye(ball, skin[near].reshape(2, -1))
                if _lids_lie_on(surface[eye.ball], surface[eye.rims]):
                    self._eyes[f"eye_{side}"] = eye

    def _rows(self, part: str) -> torch.Tensor:
        return self._topology.faces[self._topology.part == PART_NAMES.index(part)].unique()

    @cached_property
    def _texels(self) -> dict[str, TexelGeometry]:
        """Of each eye; made for the first picture, since exports need none."""
        atlas = texel_geometry(self._topology, self._resolution)
        return {name: atlas.at(atlas.part == PART_NAMES.index(name)) for name in self._eyes}

    def on_map(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return which share of the light the lids let through to each texel.

        Args:
            vertices: (V, 3) float, decimetres, unposed, with expression and gaze.

        Returns:
            (1, 3, R, R) float in (0, 1], of linear red, green and blue; 1 off the eyes.
        """
        share, bounce = vertices.new_ones(3, self._resolution**2), vertices.new_tensor(BOUNCE)[:, None]
        for name, eye in self._eyes.items():
            texels = self._texels[name]
            share[:, texels.flat_index] = _light_on(texels.interpolate(vertices), eye, vertices) ** bounce
        return share.reshape(1, 3, self._resolution, self._resolution)

    def at_vertices(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return which share of the light the lids let through to each vertex.

        Args:
            vertices: (V, 3) float, decimetres, unposed, with expression and gaze.

        Returns:
            (V,) float in (0, 1], 1 off the eyes.
        """
        share = torch.ones_like(vertices[:, 0])
        for eye in self._eyes.values():
            share[eye.ball] = _light_on(vertices[eye.ball], eye, vertices)
        return share


def _lids_lie_on(ball: torch.Tensor, rims: torch.Tensor) -> bool:
    """Whether (2, K, 3) rims are lids of a (B, 3) ball: some heads have eyes but no lids."""
    flat = torch.linalg.svdvals(ball - ball.mean(dim=0))[-1] < _LEAST_DEPTH_DM
    if bool(flat):
        return False
    centre = sphere_centre(ball)
    away = (rims - centre).norm(dim=2) / (ball - centre).norm(dim=1).median()
    return bool((away < _LID_RADII).all())


def _light_on(points: torch.Tensor, eye: _Eye, vertices: torch.Tensor) -> torch.Tensor:
    centre = sphere_centre(vertices[eye.ball])
    return light_under_lids(points - centre, vertices[eye.rims] - centre)


def light_under_lids(ball: torch.Tensor, rims: torch.Tensor) -> torch.Tensor:
    """Return which share of the light reaches points of an eyeball between its lids.

    Args:
        ball: (E, 3) float, points of the ball about its centre, decimetres; +Z is the front of the head.
        rims: (2, K, 3) float, the upper and the lower lid from corner to corner, about the same centre.

    Returns:
        (E,) float in (0, 1]; what the lids cover is as dark as what they touch.
    """
    radius = ball.norm(dim=1, keepdim=True)
    on_ball = rims / rims.norm(dim=2, keepdim=True) * radius.median()
    between = _between(ball, on_ball) & (ball[:, 2] > _FRONT * radius[:, 0])
    share = torch.ones_like(ball[:, 0])
    for rim, depth, reach in zip(on_ball, (UPPER_DEPTH, LOWER_DEPTH), (UPPER_REACH_DM, LOWER_REACH_DM), strict=True):
        distance = _distance_to_line(ball, rim) * between
        share = share * (1 - depth * torch.exp(-distance / reach))
    return share


def _distance_to_line(points: torch.Tensor, line: torch.Tensor) -> torch.Tensor:
    """(E,) distance of (E, 3) points from the polyline through (K, 3) knots."""
    start, along = line[:-1], line[1:] - line[:-1]
    offset = points[:, None] - start  # (E, K - 1, 3)
    place = (offset * along).sum(dim=2) / along.square().sum(dim=1).clamp_min(1e-12)
    return (offset - place.clamp(0, 1)[..., None] * along).norm(dim=2).amin(dim=1)


def _between(points: torch.Tensor, rims: torch.Tensor) -> torch.Tensor:
    """(E,) bool: whether points lie below the upper and above the lower rim, seen from the front."""
    x, y = points[:, 0], points[:, 1]
    inside = (x > rims[..., 0].min()) & (x < rims[..., 0].max())
    return inside & (y < height_over(rims[0], x)) & (y > height_over(rims[1], x))
