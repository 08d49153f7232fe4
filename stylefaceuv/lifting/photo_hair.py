"""The hair of a photo: whether it hangs, stands or is cropped, the colour of its ends, and how it lies on a head."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.lifting.hair_cut import UNTOLD, combed_share
from stylefaceuv.lifting.hair_evening import even_hair
from stylefaceuv.lifting.hair_fade import HairEnds, hanging_color
from stylefaceuv.lifting.hair_texture import keep_hair_of
from stylefaceuv.lifting.hair_volume import stance_of
from stylefaceuv.lifting.hats import UNDER_HAT, hat_over, unlike_hair
from stylefaceuv.lifting.head_regions import HeadRegions
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.lifting.occluders import Occluders
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.networks.head_segmenter import SEGMENTS

_FACE, _HAIR = SEGMENTS.index("face"), SEGMENTS.index("hair")
_EVENED, _SMEARED = 0.6, 3
"""Share of gloss and shade that is evened; texels of an atlas of 256 around hair."""


@dataclass(frozen=True)
class PhotoHair:
    """The hair of one photo.

    Attributes:
        hanging: (1, q, q) float in [0, 1], where it hangs over skin, a half at its edge; None where nothing tells.
        standing: whether it has volume.
        ends: of hair that hangs; None where none does, or nothing tells their colour.
        combed: 1 of hair that is combed or hangs, 0 of cropped or curly hair, or between them.
    """

    hanging: torch.Tensor | None
    standing: bool
    ends: HairEnds | None
    combed: float


def photo_hair(photo: Photo, light: torch.Tensor, height: torch.Tensor) -> PhotoHair:
    """Read the hair of a photo.

    Args:
        photo: of a registered face; without segments or landmarks it tells little.
        light: (3,) float, linear, that falls on what hangs beside the head.
        height: (1, 1, R, R) float, decimetres, of each texel on the mean head.

    Returns:
        Its hair.
    """
    hanging, standing = stance_of(photo.hair)
    hangs = hanging is not None and bool(hanging.any())
    if photo.segments is None or photo.detected is None:
        return PhotoHair(hanging, standing, None, 1.0 if hangs else UNTOLD)
    if not hangs:  # below short hair a segmenter sees clothes
        return PhotoHair(hanging, standing, None, combed_share(photo.image, photo.segments, photo.detected))
    color = hanging_color(photo.image, photo.segments, photo.detected, light)
    return PhotoHair(hanging, standing, None if color is None else HairEnds(color, height), 1.0)


@dataclass(frozen=True)
class Shown:
    """What a photo shows of a head, and what completes it.

    Attributes:
        image: (1, 3, R, R) float in [0, 1], sRGB, delit and evened, arbitrary where nothing is seen.
        seen: (1, 1, R, R) float in [0, 1].
        skinlike: (1, 1, R, R) float in [0, 1], what of it stays.
        texture: (1, 3, R, R) float in [0, 1], sRGB, complete.
    """

    image: torch.Tensor
    seen: torch.Tensor
    skinlike: torch.Tensor
    texture: torch.Tensor


@dataclass(frozen=True)
class Haired(Shown):
    """A head with its hair.

    Attributes:
        hair: (1, 1, R, R) float in [0, 1], where the photo shows hair.
        grown: (1, 1, R, R) float in [0, 1], where the texture has hair.
    """

    hair: torch.Tensor
    grown: torch.Tensor


def with_hair(
    regions: HeadRegions,
    own: PhotoHair,
    bare: Shown,
    raw: torch.Tensor,
    segments: torch.Tensor | None,
    over: Occluders,
    frontal: torch.Tensor,
) -> Haired:
    """Keep a photo's hair on a bare head where it is seen, and grow it where it is not; a hat is taken off.

    Args:
        regions: of the head.
        own: the photo's hair.
        bare: the head without it.
        raw: (1, 3, R, R) float in [0, 1], sRGB, delit, not evened: colours of hats are told in it.
        segments: (1, S, R, R) float in [0, 1], what the photo shows on skin; None where unknown.
        over: what lies over the face.
        frontal: (1, 1, R, R) float in [0, 1], 0 where the photo sees the head along its surface.

    Returns:
        The head with its hair.
    """
    image, seen, known, spare = bare.image, bare.seen, None if segments is None else segments[:, _HAIR, None], None
    if known is not None:
        hat = hat_over(raw, seen * known * torch.maximum(regions.scalp, regions.forehead))
        if bool(hat.any()):
            seen, known = seen * (1 - hat), known * ~unlike_hair(raw, beside_hat=True)
            spare = raw.new_tensor(UNDER_HAT).view(1, 3, 1, 1)
    places, hanging = regions.own_hair_places(own.hanging, own.combed)
    face = None if segments is None else segments[:, _FACE, None]
    hair = keep_hair_of(image, seen, bare.skinlike, bare.texture, places, known, own.ends, own.standing, spare, face)
    skinlike = torch.maximum(bare.skinlike * (1 - hanging) * (1 - hair.filled), hair.kept * (1 - over.rims))
    smeared = dilate(over.hair, _SMEARED * (seen.shape[-1] // 256)) * (1 - frontal) * regions.temples
    if hair.color is not None and known is not None:
        image = even_hair(image, seen * known, hair.color, _EVENED)
    # Strands that the photo sees along its surface come out as long smears: combed hair looks better.
    return Haired(image, seen, skinlike * (1 - smeared), hair.texture, hair.shown, hair.grown)
