"""Takes broad light and dark out of a photo's hair: gloss on the crown, shadow at the temples."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.pyramid import blur, blur_inside, levels_for

_SLOW, _EDGE = 24, 40
_MOST = 2.2
"""Cells over the edge of an atlas, wider than a lock, and as wide as evening takes to begin at a hairline; by
how much hair is made brighter or darker at most."""


def even_hair(image: torch.Tensor, hair: torch.Tensor, color: torch.Tensor, share: float) -> torch.Tensor:
    """Bring hair nearer to one colour, and leave it its locks and strands.

    Shading of skin tells nothing of the gloss of hair, nor of the shade between hair and cheek. What stays of them in
    the map ends where the photo does, in a seam against combed hair.

    Args:
        image: (1, 3, R, R) float in [0, 1], sRGB-encoded albedo.
        hair: (1, 1, R, R) float in [0, 1], where the photo shows hair.
        color: (1, 3, R, R) or (1, 3, 1, 1) float in [0, 1], sRGB, of combed hair.
        share: of the ratio between its own slow colour and ``color`` that is taken out, 0 to 1.

    Returns:
        (1, 3, R, R) float in [0, 1]; the image itself where there is no hair, and along a hairline, where skin shows
        between strands.
    """
    own = blur_inside(image, hair, levels_for(image.shape[-1], _SLOW)).clamp_min(0.01)
    ratio = (color.clamp_min(0.01) / own).clamp(1 / _MOST, _MOST) ** share
    inner = (2 * blur(hair, levels_for(image.shape[-1], _EDGE)) - 1).clamp(0, 1)
    return (image * (1 + inner * (ratio - 1))).clamp(0, 1)
