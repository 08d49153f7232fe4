"""Gives kept hair the volume that its outline shows: a displacement of the scalp and of what hair hangs over."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.evidence import weighted_share
from stylefaceuv.lifting.hair_outline import HairOutline, hair_outline
from stylefaceuv.lifting.hair_places import ear_weights, hair_growth, hair_share, head_middle, short_hair_volume
from stylefaceuv.lifting.hanging_hair import HangingHair
from stylefaceuv.lifting.projection import TexelView
from stylefaceuv.lifting.pyramid import blur, push_pull
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES, FaceCoefficients

VOLUME_RESOLUTION = 256
_PICTURE = 256
_WIDTH = 0.35
"""Radians over which a ray's offset spreads over the head."""
_MIRRORED = 0.3
"""Weight of an offset on the other side of the head."""
_LOWEST_MM, _HIGHEST_MM = -12.0, 32.0
_IMPLAUSIBLE_MM, _LEAST_PLAUSIBLE = -14.0, 0.2
"""No head's outline lies deeper inside the skull: dim hair was taken for background, or, if most of it does, a hat."""
_LEAST_HAIR = 0.25
_SOFT_LEVELS = 3
"""Halvings of the atlas over which hair begins: a thirty-second of its edge."""
_BACKGROUND = SEGMENTS.index("background")


@dataclass(frozen=True)
class HairShape:
    """The volume of one head's hair, in the atlas.

    Attributes:
        displacement: (3, r, r) float, XYZ of the neutral head, millimetres; zero on the face, and all over a bald head.
        hanging: (1, r, r) float in [0, 1], where hair hangs over ears, cheeks and neck, a half at its edge, which
            :func:`~stylefaceuv.lifting.hair_places.strand_edge` makes sharp.
    """

    displacement: torch.Tensor
    hanging: torch.Tensor

    @property
    def standing(self) -> bool:
        """Whether there is any volume; False of a bald head."""
        return bool(self.displacement.any())


def stance_of(hair: HairShape | None) -> tuple[torch.Tensor | None, bool]:
    """Where hair hangs, (1, r, r) float in [0, 1], and whether it has volume; None and False where nothing tells."""
    return (None, False) if hair is None else (hair.hanging, hair.standing)


class HairVolume(nn.Module):
    """Constants of a head, prepared once. It has an atlas of its own, as fine as a displacement map.

    Args:
        face_model: the morphable head.
    """

    direction: torch.Tensor
    middle: torch.Tensor
    bare: torch.Tensor
    cut: torch.Tensor
    skin: torch.Tensor

    def __init__(self, face_model: MorphableModel) -> None:
        super().__init__()
        self.surface, model = Surface(face_model, VOLUME_RESOLUTION), face_model
        surface = self.surface
        self.growth = hair_growth(surface)
        points = model.landmarks(model.mean[None])[0]
        middle = head_middle(points)
        self.register_buffer("middle", middle, persistent=False)
        rest = model.refine(model.mean[None], surface.level)[0]
        self.register_buffer("direction", functional.normalize(rest - middle, dim=1), persistent=False)
        ears = surface.texels.scatter(ear_weights(surface.rest_positions, points))[None]
        self.register_buffer("bare", ears, persistent=False)
        cut = short_hair_volume(surface.rest_positions, points)
        self.register_buffer("cut", surface.texels.scatter(cut)[None], persistent=False)
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
        view = self.surface.view(coefficients, _PICTURE)
        worn = self._worn(large, view)
        if worn is None:
            return HairShape(*(large.new_zeros(count, VOLUME_RESOLUTION, VOLUME_RESOLUTION) for count in (3, 1)))
        head = self.surface.silhouette(coefficients, _PICTURE)
        outline = hair_outline(1 - large[_BACKGROUND], head, coefficients, self.middle)
        offset = self.surface.texels.scatter(self.surface.texels.interpolate(self._spread(outline)))[None]
        thickness = offset.clamp_min(0) * worn + offset.clamp_max(0) * self.growth.scalp
        moved, hanging = thickness * self._map(self.direction), torch.zeros_like(worn)
        hair = self.hanging(large, coefficients, view)
        if hair is None:
            moved = moved * self.cut
        else:
            hanging = self.surface.texels.scatter(hair.cover)[None] * self.skin
            weight = self._map(hair.weight) * self.skin
            moved = moved + weight * (self._map(hair.offset_mm) - moved)
        covered = self._map(torch.ones_like(self.direction[:, :1]))
        whole = push_pull(torch.cat([moved, hanging], dim=1), covered)[0]
        return HairShape(whole[:3], whole[3:])

    def _map(self, values: torch.Tensor) -> torch.Tensor:
        """(1, C, R, R) of (V, C)."""
        return self.surface.texels.scatter(self.surface.texels.interpolate(values))[None]

    def _spread(self, outline: HairOutline) -> torch.Tensor:
        """(V, 1) millimetres at the vertices: the mean of offsets nearby, those of the other side weigh less."""
        outline = _plausible(outline)
        if len(outline.offset_mm) == 0:
            return torch.zeros_like(self.direction[:, :1])
        mirrored = outline.direction * outline.direction.new_tensor([-1.0, 1.0, 1.0])
        directions = torch.cat([outline.direction, mirrored])
        weight = torch.cat([torch.ones_like(outline.offset_mm), torch.full_like(outline.offset_mm, _MIRRORED)])
        offsets = _whole(outline).clamp(_LOWEST_MM, _HIGHEST_MM).repeat(2)
        angle = torch.acos((self.direction @ directions.T).clamp(-1, 1))
        near = weight * torch.exp(-0.5 * (angle / _WIDTH).square()) + 1e-6
        return (near @ offsets / near.sum(dim=1))[:, None]

    def _worn(self, segments: torch.Tensor, view: TexelView) -> torch.Tensor | None:
        """(1, 1, R, R) in [0, 1]: how much of the volume each texel gets; None of a bald head."""
        texels, growth = self.surface.texels, self.growth
        shown = texels.scatter(hair_share(segments, view.pixel * (1 / _PICTURE)))[None]
        seen = texels.scatter(view.confidence[:, None])[None]
        if float(weighted_share(shown, seen * growth.crown)) < _LEAST_HAIR:
            return None
        known = smoothstep(seen, (0.1, 0.5))
        worn = known * shown + (1 - known) * growth.scalp
        allowed = torch.maximum(growth.forehead, growth.scalp) * (1 - self.bare)
        return smoothstep(blur(worn * allowed, _SOFT_LEVELS), (0.3, 0.9)) * allowed


def _plausible(outline: HairOutline) -> HairOutline:
    """That of an outline which may be a head's; nothing, if little may."""
    kept = outline.offset_mm > _IMPLAUSIBLE_MM
    if int(kept.sum()) < _LEAST_PLAUSIBLE * len(kept):
        kept = torch.zeros_like(kept)
    return HairOutline(outline.direction[kept], outline.offset_mm[kept], outline.cut[kept])


def _whole(outline: HairOutline) -> torch.Tensor:
    """(K,) offsets; hair that the picture's edge cuts is at least as thick as the rest in the median."""
    if bool(outline.cut.all()):
        return outline.offset_mm
    usual = outline.offset_mm[~outline.cut].median()
    return torch.where(outline.cut, outline.offset_mm.maximum(usual), outline.offset_mm)
