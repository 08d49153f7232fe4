"""Lays renders over colours and photos."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb
from stylefaceuv.rendering.renderer import RenderOutput

_MATTE_FEATHER = 0.005
_LARGEST_HOLE = 0.02


def composite_over_color(output: RenderOutput, color: torch.Tensor) -> torch.Tensor:
    """Lay a render over one colour.

    Args:
        output: the render.
        color: (3,) float, linear.

    Returns:
        (N, 3, H, W) float, linear.
    """
    return output.color + (1 - output.alpha) * color[None, :, None, None].to(output.color)


def composite_over_photo(
    color: torch.Tensor, alpha: torch.Tensor, photo: npt.NDArray[np.uint8], region: torch.Tensor | None = None
) -> npt.NDArray[np.uint8]:
    """Lay one render over a photo so that no seam shows.

    The render is shifted in colour by a membrane that takes, along the outline, the photo's colours; a feathered
    matte hides the rest of the step. Source: Perez et al., Poisson image editing (2003), as a smooth offset.

    Args:
        color: (1, 3, H, W) float, linear, premultiplied by ``alpha``.
        alpha: (1, 1, H, W) float coverage.
        photo: (h, w, 3) uint8 sRGB, resized to the render.
        region: (1, 1, H, W) float in [0, 1], where the render may replace the photo; None is everywhere. A face
            is laid over a photo without its bald scalp.

    Returns:
        (H, W, 3) uint8 sRGB.
    """
    inner = composite_matte(alpha, region)
    ring = ((alpha > 0.99) & (inner > 0.02) & (inner < 0.98)).to(alpha.dtype)
    mixed = np.empty((*alpha.shape[-2:], 3), np.uint8)
    for channel in range(3):  # one at a time: the planes of a large picture are large
        backdrop = _plane(photo[..., channel], alpha)
        straight = linear_to_srgb((color[:, channel : channel + 1] / alpha.clamp_min(1e-4)).clamp_min(0))
        matched = (straight + _membrane(backdrop - straight, ring)).clamp(0, 1)
        over = backdrop + inner * (matched - backdrop)
        mixed[..., channel] = (over[0, 0].clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu().numpy()
    return mixed


def _plane(channel: npt.NDArray[np.uint8], like: torch.Tensor) -> torch.Tensor:
    """(1, 1, H, W) in [0, 1]: a channel of a photo, resized to the shape of another plane."""
    pixels = torch.from_numpy(channel.copy()).to(like)[None, None] / 255
    if pixels.shape == like.shape:
        return pixels
    return functional.interpolate(pixels, like.shape[-2:], mode="bilinear", antialias=True, align_corners=False)


def composite_matte(alpha: torch.Tensor, region: torch.Tensor | None = None) -> torch.Tensor:
    """Return how much of each pixel of a composite is the render's.

    Args:
        alpha: (N, 1, H, W) float coverage.
        region: (N, 1, H, W) float in [0, 1], where the render may replace the photo, above a half; None is everywhere.

    Returns:
        (N, 1, H, W) float in [0, 1]: 1 but for a narrow ramp along the border.
    """
    height = alpha.shape[-2]
    if region is not None:
        alpha = alpha * _without_holes((region > 0.5).to(alpha.dtype), max(int(_LARGEST_HOLE * height), 1))
    return matte(alpha, max(int(_MATTE_FEATHER * height), 1))


def _without_holes(mask: torch.Tensor, radius: int) -> torch.Tensor:
    """Close holes and notches of a mask of zeros and ones that are narrower than twice the radius."""
    return -_largest(-_largest(mask, radius), radius)


def _largest(values: torch.Tensor, radius: int) -> torch.Tensor:
    """The largest value in the square of 2 * radius + 1 around each place: max_pool2d, in logarithmic time."""
    size = 2 * radius + 1
    for axis in (-1, -2):
        padding = (radius, radius, 0, 0) if axis == -1 else (0, 0, radius, radius)
        values, known = functional.pad(values, padding, value=-torch.inf), 1
        while known < size:  # the largest of ``known`` values each becomes that of up to twice as many
            shift = min(known, size - known)
            length = values.shape[axis] - shift
            values = torch.maximum(values.narrow(axis, 0, length), values.narrow(axis, shift, length))
            known += shift
    return values


def matte(alpha: torch.Tensor, feather: int) -> torch.Tensor:
    """Return a soft matte that is 0 on the outline and 1 from ``feather`` pixels inside.

    Args:
        alpha: (N, 1, H, W) float coverage.
        feather: pixels.

    Returns:
        (N, 1, H, W) float in [0, 1], never above the coverage's own erosion.
    """
    size = 2 * feather + 1
    padded = functional.pad(-_largest(-alpha, feather), (feather,) * 4, mode="replicate")
    rows = functional.avg_pool2d(padded, (1, size), stride=1)  # along rows, then columns: the same mean, sooner
    return functional.avg_pool2d(rows, (size, 1), stride=1) * (alpha > 0.5)


def _membrane(values: torch.Tensor, ring: torch.Tensor) -> torch.Tensor:
    """Spread values from a ring over the plane: pull-push on a pyramid, smooth inside."""
    height, width = values.shape[-2:]
    levels = [(values * ring, ring)]
    while min(levels[-1][0].shape[-2:]) > 2:
        color, weight = levels[-1]
        color, weight = (
            functional.avg_pool2d(part, 2, ceil_mode=True, count_include_pad=False) for part in (color, weight)
        )
        levels.append((color, weight))
    color, weight = levels[-1]
    filled = color.sum((-2, -1), keepdim=True) / weight.sum((-2, -1), keepdim=True).clamp_min(1e-6)
    for color, weight in reversed(levels):
        filled = functional.interpolate(filled, color.shape[-2:], mode="bilinear", align_corners=False)
        sure = (4 * weight).clamp_max(1)
        filled = filled + sure * (color / weight.clamp_min(1e-6) - filled)
    return filled[..., :height, :width]
