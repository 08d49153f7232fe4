"""Whole eyeballs from the sliver that lids leave visible.

What a photo shows of an eye is half covered, shaded by the lids and holds reflections of the light. The eye is
therefore rebuilt: its iris colour as a function of the angle from the optical axis, its sclera colour from the
seen texels, and both laid out over the full ball.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from stylefaceuv.soft_steps import smoothstep

IRIS_HALF_ANGLE_DEGREES = 21.0
PUPIL_HALF_ANGLE_DEGREES = 8.5
"""Of 60 eyes (seed 4400) brightness has risen halfway from pupil to sclera at 19.8 degrees, the median, and is the
sclera's at 26; up to 9 it is the pupil's."""
_IRIS_QUANTILE = 0.4
_CATCHLIGHT = 1.15
"""What is brighter than so many scleras mirrors the light."""
_BROWN_SHARE = 0.62
"""How far green lies from red towards blue in a brown iris, sRGB."""
_PINK_BACK = (78.0, 12.0)
"""Degrees: where the white turns pink, and half the width of that edge; eyes that look up show it up to 60."""
_LID_TINT, _LASH_SHARE = (0.08, 0.03), (0.6, 0.12)
"""Edges and half widths: how far a colour may be off a rebuilt eye's, and which share of its brightness it has."""
_IRIS_EDGE_DEGREES = 4.5
"""How far around the edge of the rebuilt iris a photo's own may end."""
UPPER_LID_SHADE, LOWER_LID_SHADE = 0.5, 0.2


@dataclass(frozen=True)
class EyeTexels:
    """The texels of one eyeball.

    Attributes:
        rows: (E,) int64, rows of the texel geometry.
        angle: (E,) float, degrees between the texel and the optical axis.
        azimuth: (E,) float, radians around the axis.
    """

    rows: torch.Tensor
    angle: torch.Tensor
    azimuth: torch.Tensor


def eye_texels(positions: torch.Tensor, rows: torch.Tensor) -> EyeTexels:
    """Measure where each texel of an eyeball lies around the optical axis (+Z at rest).

    Args:
        positions: (E, 3) float, neutral mean-head positions of the eye's texels.
        rows: (E,) int64, rows of the texel geometry.

    Returns:
        The eye's texels.
    """
    low, high = positions.min(dim=0).values, positions.max(dim=0).values
    direction = torch.nn.functional.normalize(positions - (low + high) / 2, dim=1)
    angle = torch.rad2deg(torch.acos(direction[:, 2].clamp(-1, 1)))
    return EyeTexels(rows, angle, torch.atan2(direction[:, 1], direction[:, 0]))


def paint_eye(
    eye: EyeTexels, color: torch.Tensor, confidence: torch.Tensor, skin_luminance: float, kept: float = 0.0
) -> torch.Tensor:
    """Paint a whole eyeball with the colours that were seen of it.

    Args:
        eye: the eye's texels.
        color: (E, 3) float, delit sRGB colours as lifted.
        confidence: (E,) float in [0, 1].
        skin_luminance: median linear luminance of the face's skin; an eye in a dim photo is dimmer.
        kept: share in [0, 1] of the seen texels that stay as lifted; lids and lashes keep the light from them.

    Returns:
        (E, 3) float in [0, 1], sRGB.
    """
    sclera = _sclera_color(eye, color, confidence, skin_luminance)
    iris = _iris_color(eye, color, confidence, sclera)
    radius = eye.angle / IRIS_HALF_ANGLE_DEGREES
    fibres = 1 + 0.10 * torch.sin(eye.azimuth * 37 + 5 * torch.sin(eye.azimuth * 5)) * (
        radius * (1 - radius) * 4
    ).clamp(0, 1)
    ring = 1 - 0.45 * _bump(radius, 0.95, 0.16) + 0.22 * _bump(radius, 0.55, 0.22)
    iris_texels = iris * (fibres * ring)[:, None]
    pupil = _step(eye.angle, PUPIL_HALF_ANGLE_DEGREES, 1.6)[:, None]
    iris_texels = 0.03 + pupil * (iris_texels - 0.03)
    pink = sclera * sclera.new_tensor([1.0, 0.80, 0.77])
    back = _step(eye.angle, *_PINK_BACK)[:, None]
    white = sclera + 0.75 * back * (pink - sclera)
    edge = _step(eye.angle, IRIS_HALF_ANGLE_DEGREES, 1.8)[:, None]
    whole = (iris_texels + edge * (white - iris_texels)).clamp(0, 1)
    beside = [iris.expand_as(white), white]  # no photo's iris ends exactly where the rebuilt one does
    seen = kept * _step(confidence, 0.5, 0.4)[:, None] * _is_eye(eye, color, whole, beside)
    whole = (whole * _lid_shade(eye)).clamp(0, 1)
    return whole + seen * (torch.minimum(color, sclera * _CATCHLIGHT) - whole)


def _is_eye(eye: EyeTexels, color: torch.Tensor, rebuilt: torch.Tensor, beside: list[torch.Tensor]) -> torch.Tensor:
    """(E, 1) in [0, 1]: whether what was seen is the eye; an aperture that is a pixel off shows lids and lashes.

    Lids are redder than the eye that was rebuilt from most of its texels, and lashes are dark on its white. Around the
    edge of the iris either colour ``beside`` it will do.
    """
    tint, expected = _tint(color), [_tint(rebuilt), *(_tint(each) for each in beside)]
    rebuilt_off, *others = ((tint - each).abs().amax(dim=1, keepdim=True) for each in expected)
    around = _bump(eye.angle, IRIS_HALF_ANGLE_DEGREES, _IRIS_EDGE_DEGREES)[:, None]
    off = rebuilt_off + around * (torch.minimum(rebuilt_off, torch.minimum(*others)) - rebuilt_off)
    dark = 1 - _step(color.mean(dim=1, keepdim=True) / rebuilt.mean(dim=1, keepdim=True).clamp_min(0.05), *_LASH_SHARE)
    white = _step(eye.angle, IRIS_HALF_ANGLE_DEGREES + _IRIS_EDGE_DEGREES, 3.0)[:, None]
    return (1 - _step(off, *_LID_TINT)) * (1 - dark * white)


def _tint(color: torch.Tensor) -> torch.Tensor:
    return color - color.mean(dim=1, keepdim=True)


def _lid_shade(eye: EyeTexels) -> torch.Tensor:
    """(E, 1): lids and lashes keep light from the eye, the upper ones more; nine harmonics cannot cast that shadow."""
    elevation = eye.angle * torch.sin(eye.azimuth)
    upper = 1 - UPPER_LID_SHADE * _step(elevation, 14.0, 14.0)
    lower = 1 - LOWER_LID_SHADE * _step(-elevation, 26.0, 14.0)
    return (upper * lower)[:, None]


def _sclera_color(eye: EyeTexels, color: torch.Tensor, confidence: torch.Tensor, skin: float) -> torch.Tensor:
    """Bright quartile of the seen white, pulled towards a neutral white of the photo's own exposure."""
    level = min(max(0.48 + 0.72 * math.sqrt(max(skin, 0.0)), 0.58), 0.82)
    expected = color.new_tensor([1.0, 0.965, 0.94]) * level
    seen = (eye.angle > IRIS_HALF_ANGLE_DEGREES + 4) & (eye.angle < 60) & (confidence > 0.5)
    if int(seen.sum()) < 40:
        return expected
    shown = color[seen]
    redness = shown[:, 0] - shown[:, 1]
    bright = torch.quantile(shown[redness <= redness.median()], 0.7, dim=0).clamp(0.35, 0.85)  # the rest may be lids
    return 0.5 * bright + 0.5 * expected


def _iris_color(eye: EyeTexels, color: torch.Tensor, confidence: torch.Tensor, sclera: torch.Tensor) -> torch.Tensor:
    """Colour of the seen ring between pupil and limbus, its darker half, which has no catchlight; brown if unseen."""
    seen = (eye.angle > PUPIL_HALF_ANGLE_DEGREES + 3) & (eye.angle < IRIS_HALF_ANGLE_DEGREES - 4) & (confidence > 0.3)
    if int(seen.sum()) < 40:
        return color.new_tensor([0.36, 0.25, 0.18])
    ring = color[seen].quantile(_IRIS_QUANTILE, dim=0)
    return _without_red(torch.minimum(ring, sclera * 0.85).clamp(0.06, 0.8))


def _without_red(iris: torch.Tensor) -> torch.Tensor:
    """Keep an iris, (3,) sRGB, between brown, green, grey and blue.

    Melanin takes green away with blue, so no eye is red or pink; lids, flash and a pupil taken along make it so.
    """
    red, green, blue = iris.unbind()
    least = red - _BROWN_SHARE * (red - blue).clamp_min(0)
    return torch.stack([red, torch.maximum(green, least), blue])


def _bump(value: torch.Tensor, centre: float, width: float) -> torch.Tensor:
    return torch.exp(-(((value - centre) / width) ** 2))


def _step(value: torch.Tensor, edge: float, half_width: float) -> torch.Tensor:
    return smoothstep(value, (edge - half_width, edge + half_width))
