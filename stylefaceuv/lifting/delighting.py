"""Takes the light out of lifted colours: spherical-harmonics shading first, then what the albedo model calls light.

The gain between light and albedo cannot be seen in one photo. It is fixed so that the albedo keeps the median
luminance that the skin has in the photo: dark skin stays dark.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.pyramid import blur, grow, levels_for, push_pull, shrink
from stylefaceuv.rendering.lighting import sh_basis
from stylefaceuv.soft_steps import smoothstep

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Rec. 709 weights of linear red, green and blue."""

SMALLEST_SHADING = 0.08
_SLOW, _SMOOTHED = 40, 2
"""Cells of a map across which light changes; how often it is halved and doubled again to be smooth."""
_TOLD, _FADING = (0.5, 0.9), 0.01
"""Shares of seen skin between which its light is told; how soon that fades where none is seen."""
SKIN_RED_TO_GREEN = (1.45, 2.3)
SKIN_GREEN_TO_BLUE = (1.2, 1.75)
"""Ratios of linear sRGB that skin has under neutral light. The two skins of the ColorChecker, 1.8 and 2.0, 1.4 and
1.45, lie within; melanin and blood absorb blue more than green and green more than red, so both are above 1."""


def luminance(linear: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the relative luminance of linear RGB, with the channel axis removed.

    Args:
        linear: (..., 3, ...) float.
        dim: the channel axis.

    Returns:
        Float tensor with one axis less.
    """
    return torch.tensordot(linear.movedim(dim, -1), linear.new_tensor(LUMINANCE), dims=1)


def shading(normals: torch.Tensor, sh_coefficients: torch.Tensor) -> torch.Tensor:
    """Return the light that reaches each normal.

    Args:
        normals: (T, 3) float, world frame, unit length.
        sh_coefficients: (9, 3) float.

    Returns:
        (T, 3) float, linear, at least ``SMALLEST_SHADING`` so that it can be divided by.
    """
    return (sh_basis(normals) @ sh_coefficients).clamp_min(SMALLEST_SHADING)


def uneven_light(
    lifted: torch.Tensor,
    model_texture: torch.Tensor,
    weights: torch.Tensor,
    share: float,
    tint_share: float = 0.0,
    uneven_share: float | None = None,
) -> torch.Tensor:
    """Find slow changes of brightness and tint that nine harmonics leave and the albedo model does not know.

    Faces are much alike on both sides, light is not: a difference in brightness between a texel and its mirror image
    is light more surely than one between forehead and chin.

    Args:
        lifted: (1, 3, H, W) float, sRGB-encoded albedo.
        model_texture: (1, 3, H, W) float, the model's fit of it.
        weights: (1, 1, H, W) float in [0, 1], where the photo shows skin.
        share: of the difference in brightness that is light, 0 to 1.
        tint_share: of the difference in colour ratios that is light, 0 to 1; cast light of another colour
            (sky, wall, clothes) leaves more of it than skin has.
        uneven_share: of the difference in brightness between both sides that is light; None is ``share``.

    Returns:
        (1, 3, H, W) float above 0: the light, by which the linear albedo has been multiplied; 1 where no skin is seen.
    """
    levels = levels_for(lifted.shape[-1], _SLOW)
    skipped = max(levels - _SMOOTHED, 0)  # what is slow needs no texels
    own, expected = (shrink(srgb_to_linear(color.clamp(0, 1)) * weights, skipped) for color in (lifted, model_texture))
    light = _missing_light(own, expected, shrink(weights, skipped), levels - skipped, share, tint_share, uneven_share)
    return grow(light, skipped, lifted.shape[-2:])


def _missing_light(
    own: torch.Tensor,
    expected: torch.Tensor,
    weights: torch.Tensor,
    levels: int,
    share: float,
    tint_share: float,
    uneven_share: float | None,
) -> torch.Tensor:
    """(1, 3, h, w): the light, of linear colours (1, 3, h, w) that are multiplied by their weights (1, 1, h, w)."""
    known = blur(weights, levels)
    own, expected = ((blur(color, levels) / known.clamp_min(1e-4)).clamp_min(1e-3) for color in (own, expected))
    bright = _centred(luminance(expected, dim=1)[:, None] / luminance(own, dim=1)[:, None], weights)
    tint = _tint(expected) / _tint(own)
    known = known.clamp(0, 1)
    missing = bright.clamp(0.4, 2.5).log()
    uneven = known * known.flip(-1) * (missing - missing.flip(-1)) / 2
    even = (share * (missing - uneven) + (share if uneven_share is None else uneven_share) * uneven).exp()
    ratio = even * _centred(tint.clamp(0.6, 1.7), weights) ** tint_share
    return 1 / (1 + known * (ratio - 1))


def even_out(lifted: torch.Tensor, light: torch.Tensor) -> torch.Tensor:
    """Take light out of an albedo.

    Args:
        lifted: (1, 3, H, W) float, sRGB-encoded albedo.
        light: (1, 3, H, W) float, of :func:`uneven_light`.

    Returns:
        (1, 3, H, W) float, sRGB-encoded; detail is kept.
    """
    return linear_to_srgb((srgb_to_linear(lifted.clamp(0, 1)) / light).clamp(0, 1))


def spread_light(light: torch.Tensor, weights: torch.Tensor, size: int) -> torch.Tensor:
    """Carry light on to where no skin was seen, fading, so that it does not end in an edge at the hairline.

    Args:
        light: (1, 3, H, W) float above 0, of :func:`uneven_light`.
        weights: (1, 1, H, W) float in [0, 1], the same.
        size: edge of the result, texels.

    Returns:
        (1, 3, size, size) float above 0.
    """
    known = blur(weights, levels_for(weights.shape[-1], _SLOW)).clamp(0, 1)
    told = smoothstep(known, _TOLD)
    share = functional.adaptive_avg_pool2d(told, size)
    total = functional.adaptive_avg_pool2d(told * light.log(), size)
    return push_pull(total / share.clamp_min(1e-6), share, _FADING).exp()


def _tint(linear: torch.Tensor) -> torch.Tensor:
    """(1, 3, H, W) colour at luminance 1."""
    return linear / luminance(linear, dim=1)[:, None]


def _centred(ratio: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """A (1, C, H, W) ratio over its median where the skin is sure, so that the whole face keeps its tone."""
    sure = weights[0, 0] > 0.9
    if not bool(sure.any()):
        return ratio
    return ratio / ratio[0, :, sure].median(dim=1).values[None, :, None, None]


def tint_no_skin_has(tone: torch.Tensor) -> torch.Tensor:
    """Return the colour of light that a tone must be seen in, to be no bluer, greener or redder than skin.

    Args:
        tone: (3,) float, linear RGB above 0, of skin.

    Returns:
        (3,) float, green 1: ``tone`` over it has its ratios within ``SKIN_RED_TO_GREEN`` and ``SKIN_GREEN_TO_BLUE``.
        Ones where it has them already.
    """
    red, green, blue = tone.clamp_min(1e-4).unbind()
    red_to_green, green_to_blue = red / green, green / blue
    red_tint = red_to_green / red_to_green.clamp(*SKIN_RED_TO_GREEN)
    blue_tint = green_to_blue.clamp(*SKIN_GREEN_TO_BLUE) / green_to_blue
    return torch.stack([red_tint, torch.ones_like(red_tint), blue_tint])


def fix_gain(sh_coefficients: torch.Tensor, normals: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Scale the light so that the median shading on the seen skin has luminance 1.

    Args:
        sh_coefficients: (9, 3) float.
        normals: (T, 3) float, of skin texels.
        weights: (T,) float in [0, 1]; texels above a half count.

    Returns:
        (9, 3) float. Where fewer than 16 texels count, the light is returned as it came.
    """
    sure = weights > 0.5
    if int(sure.sum()) < 16:
        return sh_coefficients
    median = luminance(shading(normals[sure], sh_coefficients)).median()
    return sh_coefficients / median
