"""Adds what only a second view of a face shows: own view first, the other where the own is blind."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.projection import LiftedTexels
from stylefaceuv.lifting.pyramid import blend_bands, blur, push_pull

_TRUST = 0.8
_BANDS = 5
_LEAST_SHARED = 0.01


def join_views(
    own: torch.Tensor, own_weight: torch.Tensor, other: torch.Tensor, other_weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend two delit textures of one head; the second takes the tone of the first before it is used.

    Args:
        own: (1, 3, H, W) float, sRGB-encoded albedo seen in the own view, arbitrary where its weight is 0.
        own_weight: (1, 1, H, W) float in [0, 1].
        other: (1, 3, H, W) float, the same of the other view.
        other_weight: (1, 1, H, W) float in [0, 1].

    Returns:
        The texture (1, 3, H, W) and its weight (1, 1, H, W): the own weight where the own view sees, at most 0.8
        where only the other does. Where the views share less than one hundredth of the map, the own view comes back
        unchanged: nothing says which tone the other should take.
    """
    shared = torch.minimum(own_weight, other_weight)
    if float((shared > 0.5).float().mean()) < _LEAST_SHARED:
        return own, own_weight
    toned = _take_tone(other, own, shared)
    blind = (1 - own_weight).square() * (other_weight > 0)
    filled = torch.where(other_weight > 0, toned, own)
    base = torch.where(own_weight > 0, own, filled)
    joined = blend_bands(filled, base, blind * other_weight, _BANDS)
    return joined, torch.maximum(own_weight, _TRUST * other_weight)


def seen_from(own: LiftedTexels, other: LiftedTexels, share: torch.Tensor) -> LiftedTexels:
    """Tell what each texel of joined views was seen as, and from which side.

    Args:
        own: the own view.
        other: the other one.
        share: (T,) float in [0, 1], how much of each texel is the other view's.

    Returns:
        The own view, with normals and segments (where both have them) of whichever view shows the texel.
    """
    normal = functional.normalize(own.normal + share[:, None] * (other.normal - own.normal), dim=1)
    if own.segments is None or other.segments is None:
        return replace(own, normal=normal)
    segments = own.segments + share[:, None] * (other.segments - own.segments)
    return replace(own, normal=normal, segments=segments)


def _take_tone(other: torch.Tensor, own: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """Scale linear colours by the slow ratio of the views where both see; their mean ratio elsewhere."""
    first, second = srgb_to_linear(own.clamp(0, 1)) + 0.01, srgb_to_linear(other.clamp(0, 1)) + 0.01
    ratio = (first / second).log().clamp(-1, 1)
    mean = (ratio * shared).sum((2, 3), keepdim=True) / shared.sum((2, 3), keepdim=True)
    slow = blur(push_pull(ratio - mean, shared, prior=0.02), 4)
    return linear_to_srgb((second * (mean + slow).exp() - 0.01).clamp(0, 1))
