"""Where what lies on a head, fixed in the atlas: charts, forehead, scalp, features, beards, and grain and streaks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.albedo_model import AlbedoModel
from stylefaceuv.lifting.beard import BeardPlaces, beard_weights
from stylefaceuv.lifting.completion import skin_grain
from stylefaceuv.lifting.dark_features import feature_weights
from stylefaceuv.lifting.hair_places import BROW_TOPS, HairPlaces, hair_places, hung, on_texels, strand_edge
from stylefaceuv.lifting.landmark_fit import OUTER_EYE_CORNERS
from stylefaceuv.lifting.strands import hanging_strands
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.types import PART_NAMES

_SKIN = PART_NAMES.index("skin")
_BELOW_NOSE = 2
_HAIR_PLACES = ("crown", "beside", "temples", "scalp", "streaks", "cropped", "ears", "front")


class HeadRegions(nn.Module):
    """Regions of the mean head on an atlas, prepared once.

    Args:
        face_model: the morphable head.
        albedo_model: whose support tells where it knows more than the skin's tone.
        resolution: edge R of the atlas, texels; a multiple of the albedo model's.
        level: subdivision level of the surface.

    Raises:
        InvalidArgumentError: the resolution is no such multiple.

    Attributes:
        skin_chart: (1, 1, R, R) float, 1 on skin.
        covered: (1, 1, R, R) float, 1 on all charts.
        grain: (1, 1, R, R) float, pores, of zero mean and unit variance.
        support: (1, 1, R, R) float in [0, 1], where the albedo model knows more than the skin's tone.
        forehead: (1, 1, R, R) float, 1 above the brows; ``low_forehead`` is its lower part, ``fringe`` holds the tops
            of the brows, too.
        below_forehead: (1, 1, R, R) float, 1 on plain skin between brows and eyes.
        above_mouth: (1, 1, R, R) float, 1 above the base of the nose.
        crown: (1, 1, R, R) float; it, ``beside``, ``temples``, ``scalp``, ``streaks``, ``cropped``, ``ears`` and
            ``front`` are those of :class:`HairPlaces`.
        features: (1, 4, R, R) float, of :func:`feature_weights`.
        beards: (1, 5, R, R) float, of :func:`beard_weights`.
        strands: (1, 1, R, R) float, of :func:`hanging_strands` on texels.
        height: (1, 1, R, R) float, decimetres.
    """

    skin_chart: torch.Tensor
    covered: torch.Tensor
    grain: torch.Tensor
    support: torch.Tensor
    forehead: torch.Tensor
    above_mouth: torch.Tensor
    scalp: torch.Tensor
    fringe: torch.Tensor
    low_forehead: torch.Tensor
    below_forehead: torch.Tensor
    crown: torch.Tensor
    features: torch.Tensor
    beards: torch.Tensor
    beside: torch.Tensor
    temples: torch.Tensor
    streaks: torch.Tensor
    cropped: torch.Tensor
    ears: torch.Tensor
    front: torch.Tensor
    strands: torch.Tensor
    height: torch.Tensor

    def __init__(self, face_model: MorphableModel, albedo_model: AlbedoModel, resolution: int, level: int) -> None:
        super().__init__()
        if resolution % albedo_model.resolution:
            raise InvalidArgumentError("resolution", f"a multiple of {albedo_model.resolution}", resolution)
        self.albedo_model = albedo_model
        self.surface = Surface(face_model, resolution, level)
        self.texels = self.surface.texels
        part = self.texels.part
        skin = (part == _SKIN).to(albedo_model.mean.dtype)[:, None]
        self.register_buffer("skin_chart", self.texels.scatter(skin)[None], persistent=False)
        self.register_buffer("covered", self.texels.scatter(torch.ones_like(skin))[None], persistent=False)
        self.register_buffer("grain", skin_grain(resolution).to(skin.device), persistent=False)
        small = albedo_model.support[None]
        support = functional.interpolate(small, (resolution, resolution), mode="bilinear", align_corners=False)
        self.register_buffer("support", support * self.skin_chart, persistent=False)
        points = face_model.landmarks(face_model.mean[None])[0]
        brows = points[list(BROW_TOPS), 1].mean()
        self.register_buffer("forehead", self._skin_above(brows + 0.04), persistent=False)
        self.register_buffer("low_forehead", self.forehead - self._skin_above(brows + 0.35), persistent=False)
        self.register_buffer("above_mouth", self._skin_above(points[_BELOW_NOSE, 1]), persistent=False)
        places = hair_places(self.surface)
        self.register_buffer("fringe", places.forehead, persistent=False)
        for name in _HAIR_PLACES:
            self.register_buffer(name, getattr(places, name), persistent=False)
        strands = self.texels.scatter(on_texels(hanging_strands(), self.surface, part == _SKIN))[None]
        self.register_buffer("strands", strands, persistent=False)
        height = self.texels.scatter(self.surface.rest_positions[:, 1:2])[None]
        self.register_buffer("height", height, persistent=False)
        features = feature_weights(self.surface.rest_positions, part == _SKIN, points)
        self.register_buffer("features", self.texels.scatter(features)[None], persistent=False)
        beards = beard_weights(self.surface.rest_positions, part == _SKIN, points)
        self.register_buffer("beards", self.texels.scatter(beards)[None], persistent=False)
        eyes = points[list(OUTER_EYE_CORNERS), 1].mean()
        plain = self._skin_above(eyes - 0.1) * (1 - self.features[:, :1])
        below = torch.maximum(self._skin_above(eyes + 0.1), plain) * (1 - self.forehead)
        self.register_buffer("below_forehead", below, persistent=False)

    def _skin_above(self, height: torch.Tensor) -> torch.Tensor:
        """(1, 1, R, R): 1 on skin that lies higher than ``height`` (scalar, dm) on the mean head."""
        above = (self.surface.rest_positions[:, 1] > height) & (self.texels.part == _SKIN)
        return self.texels.scatter(above.to(height.dtype)[:, None])[None]

    def _enlarged(self, weights: torch.Tensor) -> torch.Tensor:
        """(1, 1, R, R) of (1, 1, r, r)."""
        size = (self.texels.resolution, self.texels.resolution)
        return functional.interpolate(weights, size=size, mode="bilinear", align_corners=False)

    @property
    def hair_places(self) -> HairPlaces:
        """Where hair grows and hangs on every head."""
        return HairPlaces(self.fringe, **{name: getattr(self, name) for name in _HAIR_PLACES})

    def own_hair_places(self, hanging: torch.Tensor | None, combed: float) -> tuple[HairPlaces, torch.Tensor]:
        """Where hair grows and hangs on one head, and where it hangs over skin, (1, 1, R, R) in [0, 1].

        Args:
            hanging: (1, q, q) float in [0, 1], where that head's hair hangs over its skin, a half at its edge; None
                where it does not.
            combed: 1 of combed hair, 0 of cropped hair.
        """
        places = self.hair_places.cut(combed)
        if hanging is None:
            return places, torch.zeros_like(self.scalp)
        large = self._enlarged(hanging[None]) * self.skin_chart
        painted = strand_edge(large, self.strands)
        return hung(places, large, self.strands, painted), painted

    @property
    def beard_places(self) -> BeardPlaces:
        """Where beards grow."""
        return BeardPlaces(*self.beards.split(1, dim=1))

    def matte_map(self) -> torch.Tensor:
        """(1, 2, r, r) float in [0, 1]: what of a head looks like its photo, and the forehead, where hair may hang."""
        side = self.albedo_model.resolution
        inside = functional.adaptive_max_pool2d(self.covered - self.skin_chart, side)  # eyes, teeth, tongue, mouth
        support = torch.maximum(self.albedo_model.support[None], inside)
        return torch.cat([support, functional.adaptive_avg_pool2d(self.forehead, side)], dim=1)
