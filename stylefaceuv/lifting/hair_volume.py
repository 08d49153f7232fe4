"""Gives kept hair the volume that its outline shows: a displacement of the scalp and of what hair hangs over."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.lifting.evidence import smoothstep
from stylefaceuv.lifting.hair_outline import HairOutline, hair_outline
from stylefaceuv.lifting.hair_texture import BROW_TOPS, HairPlaces, ear_weights
from stylefaceuv.lifting.hanging_hair import HangingHair
from stylefaceuv.lifting.pyramid import blur, push_pull
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.types import PART_NAMES, FaceCoefficients

VOLUME_RESOLUTION = 256
_PICTURE = 256
_WIDTH = 0.35
"""Radians over which a ray's offset spreads over the head."""
_MIRRORED = 0.3
"""Weight of an offset on the other side of the head."""
_LOWEST_MM, _HIGHEST_MM = -12.0, 32.0
_IMPLAUSIBLE_MM = -14.0
"""An outline that lies deeper inside the skull in the median is no head's: a hat was taken for background."""
_EAR_LANDMARKS = (234, 454)
_LEAST_HAIR = 0.25
_BACKGROUND, _HAIR = SEGMENTS.index("background"), SEGMENTS.index("hair")


@dataclass(frozen=True)
class HairShape:
    """The volume of one head's hair, in the atlas.

    Attributes:
        displacement: (3, r, r) float, XYZ of the neutral head, millimetres; zero on the face, and all over a bald head.
        hanging: (1, r, r) float in [0, 1], where hair hangs over ears, cheeks and neck.
    """

    displacement: torch.Tensor
    hanging: torch.Tensor


class HairVolume(nn.Module):
    """Constants of a head, prepared once.

    Args:
        surface: of the face model.
        places: where hair grows and hangs on its atlas.
    """

    direction: torch.Tensor
    middle: torch.Tensor
    bare: torch.Tensor
    skin: torch.Tensor

    def __init__(self, surface: Surface, places: HairPlaces) -> None:
        super().__init__()
        self.surface, self.places = surface, places
        model = surface.face_model
        points = model.landmarks(model.mean[None])[0]
        middle = torch.stack(
            [points.new_zeros(()), points[list(BROW_TOPS), 1].mean(), points[list(_EAR_LANDMARKS), 2].mean() - 0.3]
        )
        self.register_buffer("middle", middle, persistent=False)
        rest = model.refine(model.mean[None], surface.level)[0]
        self.register_buffer("direction", functional.normalize(rest - middle, dim=1), persistent=False)
        ears = surface.texels.scatter(ear_weights(surface.rest_positions, points))[None]
        self.register_buffer("bare", ears, persistent=False)
        skin = (surface.texels.part == PART_NAMES.index("skin")).to(points.dtype)
        self.register_buffer("skin", surface.texels.scatter(skin[:, None])[None], persistent=False)
        self.hanging = HangingHair(surface)

    @torch.no_grad()
    def forward(self, segments: torch.Tensor, coefficients: FaceCoefficients) -> HairShape:
        """Read the volume of one person's hair.

        Args:
            segments: (S, s, s) float in [0, 1], of the picture, in the order of ``SEGMENTS``.
            coefficients: unbatched, registered on the picture.

        Returns:
            Its shape.
        """
        large = functional.interpolate(segments[None], (_PICTURE, _PICTURE), mode="bilinear", align_corners=False)[0]
        head = self.surface.silhouette(coefficients, _PICTURE)
        outline = hair_outline(1 - large[_BACKGROUND], head, coefficients, self.middle)
        worn = self._worn(large, coefficients)
        offset = self.surface.texels.interpolate(self._spread(outline))  # (T, 1)
        thick = self.surface.texels.scatter(offset.clamp_min(0))[None] * worn
        thin = self.surface.texels.scatter(offset.clamp_max(0))[None] * self.places.scalp
        away = self._map(self.direction)
        moved, hanging = (thick + thin) * away, torch.zeros_like(worn)
        hair = self.hanging(large, coefficients)
        if hair is not None:
            weight, hanging = (self._map(part) * self.skin for part in (hair.weight, hair.cover))
            moved = moved + weight * (self._map(hair.offset_mm) - moved)
        covered = self.surface.texels.scatter(torch.ones_like(offset))[None]
        whole = push_pull(torch.cat([moved, hanging], dim=1), covered)
        small = functional.adaptive_avg_pool2d(whole, VOLUME_RESOLUTION)[0]
        return HairShape(small[:3], small[3:])

    def _map(self, values: torch.Tensor) -> torch.Tensor:
        """(1, C, R, R) of (V, C)."""
        return self.surface.texels.scatter(self.surface.texels.interpolate(values))[None]

    def _spread(self, outline: HairOutline) -> torch.Tensor:
        """(V, 1) millimetres at the vertices: the mean of offsets nearby, those of the other side weigh less."""
        if len(outline.offset_mm) == 0 or float(outline.offset_mm.median()) < _IMPLAUSIBLE_MM:
            return torch.zeros_like(self.direction[:, :1])
        mirrored = outline.direction * outline.direction.new_tensor([-1.0, 1.0, 1.0])
        directions = torch.cat([outline.direction, mirrored])
        weight = torch.cat([torch.ones_like(outline.offset_mm), torch.full_like(outline.offset_mm, _MIRRORED)])
        offsets = _whole(outline).clamp(_LOWEST_MM, _HIGHEST_MM).repeat(2)
        angle = torch.acos((self.direction @ directions.T).clamp(-1, 1))
        near = weight * torch.exp(-0.5 * (angle / _WIDTH).square()) + 1e-6
        return (near @ offsets / near.sum(dim=1))[:, None]

    def _worn(self, segments: torch.Tensor, coefficients: FaceCoefficients) -> torch.Tensor:
        """(1, 1, R, R) in [0, 1]: how much of the volume each texel gets."""
        texels, places = self.surface.texels, self.places
        view = self.surface.view(coefficients, _PICTURE)
        grid = (view.pixel * (2 / _PICTURE) - 1)[None, None]
        shares = functional.grid_sample(segments[None], grid, align_corners=False, padding_mode="border")[0, :, 0]
        hair = shares[_HAIR] / (1 - shares[_BACKGROUND]).clamp_min(0.05)
        seen = texels.scatter(view.confidence[:, None])[None]
        shown = texels.scatter(hair[:, None])[None]
        crown = seen * places.crown
        share = float((shown * crown).sum() / crown.sum().clamp_min(1))
        if share < _LEAST_HAIR:
            return torch.zeros_like(seen)
        known = smoothstep(seen, (0.1, 0.5))
        worn = known * shown + (1 - known) * places.scalp
        allowed = torch.maximum(places.forehead, places.scalp) * (1 - self.bare)
        levels = 4 + (texels.resolution // 1024)
        return smoothstep(blur(worn * allowed, levels), (0.3, 0.9)) * allowed


def _whole(outline: HairOutline) -> torch.Tensor:
    """(K,) offsets; hair that the picture's edge cuts is at least as thick as the rest in the median."""
    if bool(outline.cut.all()):
        return outline.offset_mm
    usual = outline.offset_mm[~outline.cut].median()
    return torch.where(outline.cut, outline.offset_mm.maximum(usual), outline.offset_mm)
