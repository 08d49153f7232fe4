"""Hats that a segmenter takes for hair: told by colours that no hair has."""

from __future__ import annotations

import torch

from stylefaceuv.colour import srgb_to_lab
from stylefaceuv.lifting.evidence import weighted_share
from stylefaceuv.lifting.morphology import dilate, erode

_HUES, _GREYEST, _GREY, _MOST_COLOURFUL = (20.0, 105.0), 10.0, 4.0, 50.0
"""Degrees, and chroma of CIELAB: hair is grey, or from red to yellow and not as bright a colour as cloth can be. Beside
a hat only what is greyer still is grey."""
UNDER_HAT = (0.24, 0.17, 0.13)
"""sRGB of dark brown hair, the most frequent, where a hat hides all of it."""
_WORN = 0.5
"""Share of what seems hair. Of 52 heads (seeds 7, 777, 2026, 4711, 8080, 31415926) three with coloured hats have 0.78
and more, all others at most 0.12."""
_CLOSED, _AROUND = 8, 3
"""256ths of the atlas: how large emblems and bands on a hat are, and how far its edge reaches beyond its colour."""


def hat_over(lifted: torch.Tensor, hair: torch.Tensor) -> torch.Tensor:
    """Find a hat on a head.

    Args:
        lifted: (1, 3, R, R) float in [0, 1], sRGB-encoded albedo, arbitrary where there is no hair.
        hair: (1, 1, R, R) float in [0, 1], what is seen of hair, or of what was taken for it.

    Returns:
        (1, 1, R, R) float, 1 where there is a hat and on all above it; 0 on a head without one, or with one of a colour
        that hair may have.
    """
    cloth = unlike_hair(lifted).to(hair.dtype)
    if float(weighted_share(cloth, hair)) < _WORN:
        return torch.zeros_like(hair)
    scale = hair.shape[-1] // 256
    solid = dilate(erode(cloth * (hair > 0.5), scale), scale)
    whole = erode(dilate(solid, (_CLOSED + _AROUND) * scale), _CLOSED * scale)
    return whole.flip(2).cummax(dim=2).values.flip(2)


def unlike_hair(color: torch.Tensor, beside_hat: bool = False) -> torch.Tensor:
    """Tell colours that no hair has: green, blue, violet and pink, and all that are very bright.

    Args:
        color: (1, 3, H, W) float in [0, 1], sRGB.
        beside_hat: whether there is a hat, whose edges and shades may be nearly grey.

    Returns:
        (1, 1, H, W) bool.
    """
    _, red, yellow = srgb_to_lab(color).unbind(dim=1)
    chroma, hue = torch.hypot(red, yellow), torch.rad2deg(torch.atan2(yellow, red))
    odd = (chroma > (_GREY if beside_hat else _GREYEST)) & ((hue < _HUES[0]) | (hue > _HUES[1]))
    return (odd | (chroma > _MOST_COLOURFUL))[:, None]
