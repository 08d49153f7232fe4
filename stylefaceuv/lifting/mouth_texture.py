"""Teeth, tongue and mouth cavity: natural colours, shifted to what an open mouth shows of them."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.types import PART_NAMES

_NATURAL_SRGB = {
    "mouth": (0.46, 0.20, 0.19),
    "teeth_upper": (0.86, 0.81, 0.73),
    "teeth_lower": (0.84, 0.78, 0.70),
    "tongue": (0.70, 0.38, 0.37),
}
_LEAST_TEXELS = 200


def paint_mouth(
    painted: torch.Tensor,
    lifted: torch.Tensor,
    confidence: torch.Tensor,
    texels: TexelGeometry,
    skin_luminance: float,
) -> torch.Tensor:
    """Fill the texels of teeth, tongue and mouth cavity.

    Args:
        painted: (T, 3) float, sRGB; other parts are kept.
        lifted: (T, 3) float, sRGB, delit colours as lifted.
        confidence: (T,) float in [0, 1].
        texels: the texel geometry.
        skin_luminance: linear luminance of the face's skin: a dim photo has a dim mouth.

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
            observed = torch.quantile(lifted[rows][seen], 0.6, dim=0)
            base = base + 0.4 * (observed - base).clamp(-0.25, 0.25)
        result[rows] = base
        share = confidence[rows][:, None] * (0.5 if name.startswith("teeth") else 0.3)
        result[rows] += share * (lifted[rows] - base).clamp(-0.3, 0.3)
    return result.clamp(0, 1)
