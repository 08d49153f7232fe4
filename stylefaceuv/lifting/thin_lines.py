"""Strands of hair and rims of glasses: dark lines too thin for the small atlas on which skin is told from the rest."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.morphology import dilate, erode
from stylefaceuv.soft_steps import soft_threshold

_CONTRAST = (0.05, 0.10)
_DARKER_THAN_SKIN = (0.10, 0.16)


def dark_lines(texture: torch.Tensor, radius: int) -> torch.Tensor:
    """Mark dark lines that are thinner than a disc.

    Args:
        texture: (1, 3, H, W) float, sRGB.
        radius: half the width of the thickest line, texels.

    Returns:
        (1, 1, H, W) float in [0, 1]. The closing of the brightness by a square fills every dark place that is
        narrower than it; what it fills by more than a wrinkle's contrast is marked.
    """
    bright = luminance(texture, dim=1)[:, None]
    closed = erode(dilate(bright, radius), radius)
    return soft_threshold(closed - bright, _CONTRAST)


def plain_skin(model_texture: torch.Tensor, chart: torch.Tensor) -> torch.Tensor:
    """Mark where a face has no dark features of its own: neither brows nor lashes, lips nor beard.

    Args:
        model_texture: (1, 3, H, W) float, sRGB, what the face should look like.
        chart: (1, 1, H, W) float, 1 on the skin.

    Returns:
        (1, 1, H, W) float in [0, 1].
    """
    bright = luminance(model_texture, dim=1)[:, None]
    usual = bright[chart > 0.5][::13].median()
    return chart * (1 - soft_threshold(usual - bright, _DARKER_THAN_SKIN))
