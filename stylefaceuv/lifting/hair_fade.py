"""How the colour of long hair changes from the crown to its ends, read off the photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.hair_places import BROW_TOPS
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep

_HAIR = SEGMENTS.index("hair")
_LIKELY, _LEAST_PIXELS = 0.6, 40
_DARKER, _FAIRER = 0.85, 1.6
"""Bounds of brightness. Below the head hair is shaded: what is much darker there is so."""
_SHADED, _TINTS, _WARMER = (0.8, 0.95), (1.07, 1.35), (1.25, 1.07, 1 / 1.25)
"""Brightness between shaded ends and lit ones, and bounds of a channel beside it. What is darker there and of
another hue may be clothes or a wall, unless it is warmer: below a glossy crown hair shows its own colour. Ends that
grew out of darker roots are as bright, and golden."""
_LESS_BLUE = (0.03, 0.12)
"""By how much of the green ends have less blue than the crown: gloss adds blue, and wine-red cloth has much of it."""
_RANGE = (-1.1, 0.2)
"""Negative heights on the mean head, decimetres, between which the colour changes: from the crown to the ears."""
_OUTSIDE, _BESIDE = 0.55, (-0.5, 0.2)
"""Decimetres from the middle of the head, and of height: skin that faces where hair hangs."""


@dataclass(frozen=True)
class HairEnds:
    """Hair that hangs.

    Attributes:
        color: (3,) float in [0, 1], sRGB-encoded albedo.
        height: (1, 1, R, R) float, decimetres, of each texel on the mean head.
    """

    color: torch.Tensor
    height: torch.Tensor

    def fade_from(self, crown: torch.Tensor) -> torch.Tensor:
        """Lead from the colour of a crown to that of the ends.

        Args:
            crown: (1, 3, 1, 1) float, sRGB-encoded albedo.

        Returns:
            (1, 3, R, R) float, factors of the crown's colour, 1 on the crown itself.
        """
        return fade_to(end_tint(self.color, crown.view(3)), self.height)


def hanging_color(
    image: torch.Tensor, segments: torch.Tensor, detected: torch.Tensor, light: torch.Tensor
) -> torch.Tensor | None:
    """Read the colour of the hair beside and below a face: less glossy than a crown, and nearer to its ends.

    Args:
        image: (3, H, W) float in [0, 1], sRGB.
        segments: (S, s, s) float in [0, 1], of the picture, in the order of ``SEGMENTS``.
        detected: (478, 2) float, landmarks in pixels of the image.
        light: (3,) float, linear, that falls on what hangs there.

    Returns:
        (3,) float in [0, 1], sRGB-encoded albedo; None where the picture has too little hair below the brows.
    """
    small = functional.adaptive_avg_pool2d(image, (segments.shape[-2], segments.shape[-1]))
    hair = segments[_HAIR] > _LIKELY
    rows = (torch.arange(len(hair), device=image.device) + 0.5)[:, None] * (image.shape[-2] / len(hair))
    below = hair & (rows > detected[list(BROW_TOPS), 1].max())
    if int(below.sum()) < _LEAST_PIXELS:
        return None
    surest = below & (segments[_HAIR] >= segments[_HAIR][below].median())  # edges are half background
    shown = small[:, surest].median(dim=1).values
    return linear_to_srgb((srgb_to_linear(shown) / light.clamp_min(1e-3)).clamp(0, 1))


def beside_head(positions: torch.Tensor) -> torch.Tensor:
    """(T,) bool: which points (T, 3) of the mean head, decimetres, are lit as hair is that hangs over them."""
    x, y = positions[:, 0].abs(), positions[:, 1]
    return (x > _OUTSIDE) & (y > _BESIDE[0]) & (y < _BESIDE[1])


def end_tint(ends: torch.Tensor, crown: torch.Tensor) -> torch.Tensor:
    """Compare the colour of ends with that of a crown, within what is plausible.

    Args:
        ends: (3,) float in [0, 1], sRGB.
        crown: (3,) float in [0, 1], sRGB.

    Returns:
        (3,) float, factor of the crown's sRGB colour.
    """
    ends, crown = ends.clamp_min(0.02), crown.clamp_min(0.02)
    brighter = ends.mean() / crown.mean()
    tint = _TINTS[0] + (_TINTS[1] - _TINTS[0]) * smoothstep(brighter, _SHADED)
    warmer = crown.new_tensor(_WARMER) ** smoothstep(crown[2] / crown[1] - ends[2] / ends[1], _LESS_BLUE)
    hue = (ends / crown / brighter).minimum(warmer.maximum(tint)).maximum(warmer.minimum(1 / tint))
    return brighter.clamp(_DARKER, _FAIRER) * hue


def fade_to(tint: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
    """Lay a tint on hair, more the lower it hangs.

    Args:
        tint: (3,) float, of :func:`end_tint`.
        height: (1, 1, R, R) float, decimetres, of each texel on the mean head.

    Returns:
        (1, 3, R, R) float, 1 on the crown.
    """
    return 1 + smoothstep(-height, _RANGE) * (tint - 1).view(1, 3, 1, 1)
