"""Lips without the teeth of the photo: between open lips a few pixels decide which is which."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.soft_steps import soft_threshold

_INNER = (88, 178, 87, 14, 317, 402, 318, 80, 81, 82, 13, 312, 311, 310)
_RED = ((13, 0), (14, 17), (82, 37), (312, 267), (87, 84), (317, 314))
_NEAR, _FAR = 0.04, 0.06
_BRIGHTER, _LESS_RED = (1.0, 1.3), (-0.92, -0.75)
"""Shares of the lips' luminance, and of their ratio of red to green."""


@dataclass(frozen=True)
class LipTexels:
    """Texels of the lips.

    Attributes:
        rows: (L,) int64, rows of the texel geometry near the line where the lips meet.
        share: (L,) float in [0, 1], 1 on that line.
        red: (K,) int64, rows in the middle of the lips' red, from which their colour is read.
    """

    rows: torch.Tensor
    share: torch.Tensor
    red: torch.Tensor


def lip_texels(rest_positions: torch.Tensor, is_skin: torch.Tensor, landmarks: torch.Tensor) -> LipTexels:
    """Find the texels of the lips.

    Args:
        rest_positions: (T, 3) float, mean head, decimetres.
        is_skin: (T,) bool.
        landmarks: (478, 3) float, of the mean head.

    Returns:
        The lips' texels.
    """
    skin = torch.nonzero(is_skin).squeeze(1)
    distance = torch.cdist(rest_positions[skin], landmarks[list(_INNER)]).min(dim=1).values
    middle = torch.stack([(landmarks[a] + landmarks[b]) / 2 for a, b in _RED])
    red = torch.cdist(rest_positions[skin], middle).min(dim=1).values < 0.5 * _NEAR
    near = distance < _FAR
    share = ((_FAR - distance[near]) / (_FAR - _NEAR)).clamp(0, 1)
    return LipTexels(skin[near], share, skin[red])


def tidy_lips(painted: torch.Tensor, confidence: torch.Tensor, lips: LipTexels) -> torch.Tensor:
    """Give what is brighter and less red than the lips, where the lips meet, the lips' colour: teeth.

    Args:
        painted: (T, 3) float in [0, 1], sRGB.
        confidence: (T,) float in [0, 1]; what a photo shows of the lips, gloss too, stays.
        lips: the lips' texels.

    Returns:
        (T, 3) float, a copy.
    """
    result = painted.clone()
    if not len(lips.red):  # a head or an atlas too small to show lips
        return result
    color = painted[lips.red].median(dim=0).values
    usual, linear = srgb_to_linear(color), srgb_to_linear(painted[lips.rows].clamp(0, 1))
    brighter = luminance(linear) / luminance(usual).clamp_min(1e-3)
    redness = _redness(linear) / _redness(usual)
    doubt = soft_threshold(brighter, _BRIGHTER) * soft_threshold(-redness, _LESS_RED)
    doubt = doubt * lips.share * (1 - confidence[lips.rows])
    result[lips.rows] += doubt[:, None] * (color * 0.9 - painted[lips.rows])
    return result


def _redness(linear: torch.Tensor) -> torch.Tensor:
    """Red over green of (..., 3) linear colours."""
    return linear[..., 0] / linear[..., 1].clamp_min(1e-3)
