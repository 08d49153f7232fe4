"""Lays the hair that the UV generator paints over a head, with the strands that paint is too coarse for."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.lifting.hair_places import HairPlaces
from stylefaceuv.lifting.hair_texture import on_the_scalp, streaked
from stylefaceuv.lifting.hair_volume import HairShape, stance_of
from stylefaceuv.lifting.hats import UNDER_HAT, unlike_hair
from stylefaceuv.lifting.head_regions import HeadRegions
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.lifting.pyramid import blur_inside, levels_for, push_pull
from stylefaceuv.networks.uv_generator import HairPrediction
from stylefaceuv.soft_steps import smoothstep

_IS_HAIR, _RAGGED, _MOST_RAGGED, _DETAIL = (0.35, 0.65), 0.1, 1.5, 0.03
"""Painted cover between skin and hair; by how much strands differ in that, and how many deviations at most; and how
strong they are, of sRGB."""
_KNOWN, _DOUBT = (0.5, 0.9), 1e-5
"""Painted cover from which on its colour is believed; weight of all other colours, where no hair is painted at all."""
_SLOW, _LOCAL = 6, 0.4
"""Cells over the edge of an atlas across which the colour of hair changes; share that stays of what changes sooner."""
_BLACK, _MOST, _TOLD = 0.02, 3.0, 0.7
"""The darkest painted mean that is divided by; by how much a tone may differ from it; and how much of that is believed:
on 48 heads that neither had learnt paint is 0.041 off, the tone 0.028, and this between them 0.026."""
_EDGE = 2
"""Texels of paint that a hairline keeps when specks are dropped."""


@torch.no_grad()
def lay_hair(
    regions: HeadRegions,
    diffuse: torch.Tensor,
    hair: HairPrediction,
    shape: HairShape | None = None,
    tone: torch.Tensor | None = None,
) -> torch.Tensor:
    """Lay painted hair over skin.

    Args:
        regions: of the head, on the map's atlas.
        diffuse: (3, R, R) float in [0, 1], sRGB, complete skin.
        hair: of one head, painted.
        shape: its volume, and where it hangs: there it is hair, however thinly it is painted. None where nothing tells.
        tone: (3,) float in [0, 1], sRGB, the mean colour of what its image shows for hair; of a colour that no hair
            has it is a hat's, and the hair is dark brown. None leaves it as it is painted.

    Returns:
        (3, R, R) float in [0, 1].
    """
    skin, (hanging, standing) = diffuse[None], stance_of(shape)
    hangs_down = hanging is not None and bool(hanging.any())
    places, hangs = regions.own_hair_places(hanging, 1.0 if hangs_down else float(hair.combed[0]))
    cover = _told(_large(_whole(hair.cover, regions), skin), places)
    cover = torch.maximum(torch.maximum(cover, places.scalp) if standing else cover, hangs)
    strands = streaked(_large(_evened(hair, tone), skin).clamp(0, 1), places.streaks, _DETAIL)
    covered = skin + cover * regions.skin_chart * (strands - skin)
    return push_pull(covered, regions.covered)[0].clamp(0, 1)


def _large(small: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(1, C, R, R) of (1, C, r, r), as large as another image."""
    return functional.interpolate(small, like.shape[-2:], mode="bilinear", align_corners=False)


def _told(cover: torch.Tensor, places: HairPlaces) -> torch.Tensor:
    """(1, 1, R, R) in [0, 1]: hair where a painted cover (1, 1, R, R) makes it likely and it grows or falls."""
    unsure = 4 * cover * (1 - cover)
    likely = cover + _RAGGED * unsure * places.streaks.clamp(-_MOST_RAGGED, _MOST_RAGGED)
    return smoothstep(likely, _IS_HAIR) * torch.maximum(places.fringe_and_sides(), places.scalp)


def _whole(cover: torch.Tensor, regions: HeadRegions) -> torch.Tensor:
    """(1, 1, r, r): a painted cover without specks beside the face."""
    scalp = functional.adaptive_avg_pool2d(regions.scalp, cover.shape[-1])
    return cover * dilate(on_the_scalp(smoothstep(cover, _IS_HAIR), scalp), _EDGE)


def _evened(hair: HairPrediction, tone: torch.Tensor | None) -> torch.Tensor:
    """(1, 3, r, r): painted colour where hair is painted, carried on to where it may hang, and without blotches; of the
    mean colour ``tone``, (3,)."""
    color = push_pull(hair.color, smoothstep(hair.cover, _KNOWN) + _DOUBT)
    slow = blur_inside(color, hair.cover + _DOUBT, levels_for(color.shape[-1], _SLOW))
    color = slow + _LOCAL * (color - slow)
    if tone is None:
        return color
    if bool(unlike_hair(tone.view(1, 3, 1, 1))):
        return color.new_tensor(UNDER_HAT).view(1, 3, 1, 1).expand_as(color)
    weight = hair.cover + _DOUBT
    mean = (color * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))
    ratio = (tone / mean.clamp_min(_BLACK)).clamp(1 / _MOST, _MOST) ** _TOLD
    return color * ratio[..., None, None]
