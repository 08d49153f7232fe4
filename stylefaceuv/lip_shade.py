"""What the lips let in, instead of the shade of a half-open mouth that every diffuse map has, for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.mouth_texture import mouth_occlusion
from stylefaceuv.lifting.neighbours import nearest
from stylefaceuv.lifting.texel_geometry import TexelGeometry, texel_geometry
from stylefaceuv.lip_light import LipLight

_GUTTER = 2.0
"""Texels beside a chart that pictures read together with it."""


@dataclass(frozen=True)
class _Mouth:
    """The mouth in the atlas: the places in the map (P,) of its M texels and their gutters, which texel each shows
    (P,), the texels, and their shade in every map (M, 1), of sRGB."""

    flat_index: torch.Tensor
    source: torch.Tensor
    texels: TexelGeometry
    already: torch.Tensor


class LipShade:
    """Shades the mouths of one face model.

    Args:
        face_model: the morphable head.
        level: subdivision level of the vertices it will get.
        resolution: edge of the map, texels.
    """

    def __init__(self, face_model: MorphableModel, level: int, resolution: int = 512) -> None:
        self._face_model, self._level, self._resolution = face_model, level, resolution
        self._light = LipLight(face_model, level)

    @cached_property
    def _mouth(self) -> _Mouth:
        """Made for the first picture, since exports need none."""
        model, level, side = self._face_model, self._level, self._resolution
        texels = texel_geometry(model.topology(level), side)
        rows = self._light.inside(texels.part)
        rest = texels.interpolate(model.refine(model.mean[None], level)[0])
        already = mouth_occlusion(texels, rest, self._light.depth)[rows]
        around, source = _gutter(texels, rows)
        everywhere = torch.arange(len(rows), device=rows.device)
        return _Mouth(
            torch.cat([texels.flat_index[rows], around]),
            torch.cat([everywhere, source]),
            texels.at(rows),
            already,
        )

    @cached_property
    def in_map(self) -> torch.Tensor:
        """(1, 1, R, R) float in (0, 1]: the shade that diffuse maps have, a factor of their sRGB; 1 off the mouth."""
        shade = self._face_model.mean.new_ones(self._resolution**2)
        if self._light.known:
            shade[self._mouth.flat_index] = self._mouth.already[self._mouth.source, 0]
        return shade.reshape(1, 1, self._resolution, self._resolution)

    def on_map(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return which share of the light the lips let in to each texel.

        Args:
            vertices: (V, 3) float, decimetres, unposed, with expression.

        Returns:
            (1, 3, R, R) float in (0, 1], of linear red, green and blue; 1 off the mouth.
        """
        light = vertices.new_ones(3, self._resolution**2)
        if self._light.known:
            mouth = self._mouth
            points = mouth.texels.interpolate(vertices)
            light[:, mouth.flat_index] = self._light.on(points, vertices)[mouth.source].T
        return light.reshape(1, 3, self._resolution, self._resolution)


def _gutter(texels: TexelGeometry, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Places in the map of texels that no face covers, beside those ``rows``, and which of the rows each continues."""
    side = texels.resolution
    bare = torch.ones(side**2, dtype=torch.bool, device=rows.device)
    bare[texels.flat_index] = False
    place = torch.nonzero(bare).squeeze(1)
    if not len(rows):
        return place[:0], place[:0]
    where, own = (torch.stack([index // side, index % side], dim=1) for index in (place, texels.flat_index[rows]))
    found, distance = nearest(where.float(), own.float(), 1)
    beside = distance.reshape(-1) <= _GUTTER
    return place[beside], found.reshape(-1)[beside]
