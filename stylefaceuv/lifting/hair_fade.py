"""How the colour of long hair changes from the crown to its ends, read off the photo."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.lifting.hair_places import BROW_TOPS
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep

_HAIR = SEGMENTS.index("hair")
_NOSE_TIP = 1
_LIKELY, _LEAST_PIXELS = 0.5, 40
_DARKER, _FAIRER = 0.85, 1.6
"""Bounds of brightness. Below the head hair is shaded: what is much darker there is so."""
_SHADED, _TINTS = (0.8, 0.95), (1.07, 1.2)
"""Brightness between shaded ends and lit ones, and bounds of a channel beside it. What is darker there and of
another hue may be clothes or a wall; ends that grew out of darker roots are as bright, and golden."""
_RANGE = (-1.1, 0.2)
"""Negative heights on the mean head, decimetres, between which the colour changes: from the crown to the ears."""


def end_tint(image: torch.Tensor, segments: torch.Tensor, detected: torch.Tensor) -> torch.Tensor:
    """Compare hair below the nose with hair above the brows.

    Args:
        image: (3, H, W) float in [0, 1], sRGB.
        segments: (S, s, s) float in [0, 1], of the picture, in the order of ``SEGMENTS``.
        detected: (478, 2) float, landmarks in pixels of the image.

    Returns:
        (3,) float, factor of the sRGB colour; 1 where the picture has too little hair above or below.
    """
    small = functional.adaptive_avg_pool2d(image, (segments.shape[-2], segments.shape[-1]))
    hair = segments[_HAIR] > _LIKELY
    rows = (torch.arange(len(hair), device=image.device) + 0.5)[:, None] * (image.shape[-2] / len(hair))
    above = hair & (rows < detected[list(BROW_TOPS), 1].min())
    below = hair & (rows > detected[_NOSE_TIP, 1])
    if int(above.sum()) < _LEAST_PIXELS or int(below.sum()) < _LEAST_PIXELS:
        return torch.ones_like(small[:, 0, 0])
    ends, crown = (small[:, where].median(dim=1).values.clamp_min(0.02) for where in (below, above))
    brighter = ends.mean() / crown.mean()
    tint = _TINTS[0] + (_TINTS[1] - _TINTS[0]) * smoothstep(brighter, _SHADED)
    hue = (ends / crown / brighter).minimum(tint).maximum(1 / tint)
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
