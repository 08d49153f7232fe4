"""Teeth, tongue and mouth cavity: natural colours, shifted to what an open mouth shows of them."""

from __future__ import annotations

import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.lifting.tooth_pattern import ToothPattern
from stylefaceuv.types import PART_NAMES

_NATURAL_SRGB = {
    "mouth": (0.46, 0.20, 0.19),
    "teeth_upper": (0.87, 0.80, 0.72),
    "teeth_lower": (0.85, 0.77, 0.69),
    "tongue": (0.74, 0.41, 0.40),
}
_GUM_SRGB = (0.72, 0.42, 0.41)
_TEETH_SHARE, _OTHER_SHARE = 0.9, 0.3
_OBSERVED_SHARE, _LEAST_TEXELS = 0.8, 30
_TINT, _BRIGHTER = (0.6, 1.35), (0.8, 2.0)
"""How much redder, greener or bluer than natural, and how much brighter, what is seen may make the rest; linear."""
_NO_TINT = 0.02
"""Share of the natural light from which on a tint is believed."""
_OPEN_DEPTH = 0.09
_FALL = 0.2
_DARKEST = 0.2
_TONGUE_REACH = 0.06
"""Decimetres: a tongue is shaded as if it were put out a little; one texture serves all expressions."""


def paint_mouth(
    painted: torch.Tensor,
    lifted: torch.Tensor,
    confidence: torch.Tensor,
    texels: TexelGeometry,
    skin_luminance: float,
    pattern: ToothPattern,
) -> torch.Tensor:
    """Fill the texels of teeth, tongue and mouth cavity.

    Args:
        painted: (T, 3) float, sRGB; other parts are kept.
        lifted: (T, 3) float, sRGB, delit colours as lifted.
        confidence: (T,) float in [0, 1].
        texels: the texel geometry.
        skin_luminance: linear luminance of the face's skin: a dim photo has a dim mouth.
        pattern: single teeth and gums.

    Returns:
        (T, 3) float, a copy with the mouth's parts filled.
    """
    result = painted.clone()
    exposure = min(max(0.75 + 0.6 * skin_luminance, 0.75), 1.05)
    for name, natural in _NATURAL_SRGB.items():
        rows = torch.nonzero(texels.part == PART_NAMES.index(name)).squeeze(1)
        base = painted.new_tensor(natural) * exposure
        seen = confidence[rows] > 0.6
        if int(seen.sum()) >= _LEAST_TEXELS:
            base = _towards(base, torch.quantile(lifted[rows][seen], 0.6, dim=0))
        gum = pattern.gum[rows]
        plain = base * pattern.shade[rows] * (1 - gum) + exposure * base.new_tensor(_GUM_SRGB) * gum
        share = confidence[rows][:, None] * (_TEETH_SHARE if name.startswith("teeth") else _OTHER_SHARE)
        result[rows] = plain + share * (lifted[rows] - plain).clamp(-0.3, 0.3)
    return result.clamp(0, 1)


def _towards(natural: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
    """(3,) sRGB: a natural colour in the tint of what is seen, and nearly as bright. Mouths lie in shade, so that
    little tells that teeth are dark, but light that is yellow is yellow on all of them."""
    plain, seen = srgb_to_linear(natural), srgb_to_linear(observed.clamp(0, 1))
    brighter = luminance(seen) / luminance(plain)
    tint = ((seen / plain + _NO_TINT) / (brighter + _NO_TINT)).clamp(*_TINT)
    return linear_to_srgb((plain * (tint * brighter.clamp(*_BRIGHTER)) ** _OBSERVED_SHARE).clamp(0, 1))


def mouth_occlusion(texels: TexelGeometry, rest_positions: torch.Tensor, lip_depth: float) -> torch.Tensor:
    """Tell how much of the light reaches teeth, tongue and cavity behind nearly closed lips; part of their colour.

    Nine harmonics light a throat as brightly as a cheek, so this shade belongs into the texture.

    Args:
        texels: the texel geometry.
        rest_positions: (T, 3) float, mean head, decimetres, face along +Z.
        lip_depth: z of the lips of the mean head, decimetres.

    Returns:
        (T, 1) float in [0.2, 1]: 1 on all other parts and on what stands just behind the lips.
    """
    forward = _TONGUE_REACH * (texels.part == PART_NAMES.index("tongue"))
    behind = (lip_depth - rest_positions[:, 2] - forward - _OPEN_DEPTH).clamp_min(0)
    shade = _DARKEST + (1 - _DARKEST) * torch.exp(-behind / _FALL)
    inside = torch.zeros_like(texels.part, dtype=torch.bool)
    for name in _NATURAL_SRGB:
        inside |= texels.part == PART_NAMES.index(name)
    return torch.where(inside, shade, torch.ones_like(shade))[:, None]
