"""Pyramids over atlas images: hole filling by push-pull and blending by Laplacian bands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional


def _halve(image: torch.Tensor) -> torch.Tensor:
    # The mean of 2 x 2 texels, as a bilinear sample between them: average pooling gives the same in 4 times the time.
    return functional.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=False)


def _double(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False)


def push_pull(values: torch.Tensor, weights: torch.Tensor, prior: float = 0.0) -> torch.Tensor:
    """Fill texels of low weight smoothly from those of high weight.

    Push: average values, weighted, down a pyramid. Pull: from the coarsest level up, keep a texel in
    proportion to its weight and take the rest from the level below.

    Args:
        values: (N, C, H, W) float; H and W powers of two times a small number.
        weights: (N, 1, H, W) float in [0, 1].
        prior: weight of a value of zero at the finest level, doubled at every next one: a field of offsets then
            fades with the distance from what is known.

    Returns:
        (N, C, H, W) float, equal to ``values`` where the weight is 1 and the prior 0.
        Source: Gortler et al., The Lumigraph (1996), section 3.4.
    """
    return _pull(values * weights, weights, prior)


def _pull(weighted: torch.Tensor, weights: torch.Tensor, prior: float) -> torch.Tensor:
    height, width = weighted.shape[-2:]
    if min(height, width) <= 2 or height % 2 or width % 2:
        total = weights.sum(dim=(-2, -1), keepdim=True)
        mean = weighted.sum(dim=(-2, -1), keepdim=True) / (total + prior * height * width).clamp_min(1e-8)
        coarse = mean.expand_as(weighted)
    else:
        # Weights saturate: four half-sure texels make one sure texel, as in the original.
        pooled = _halve(weights)
        saturated = (4 * pooled).clamp_max(1.0)
        scale = saturated / (pooled + prior / 4).clamp_min(1e-8)
        coarse = _double(_pull(_halve(weighted) * scale, saturated, 2 * prior), (height, width))
    return weighted + (1 - weights) * coarse


def halvings(size: int, cells: int) -> int:
    """Halvings after which an edge of ``size`` texels has between ``cells`` and twice as many; 0 of a shorter one."""
    return max(int(size / cells).bit_length() - 1, 0)


def levels_for(size: int, cells: int) -> int:
    """Levels of a blur from ``size`` texels to about ``cells``: as many as :func:`halvings`, but at least 1."""
    return max(halvings(size, cells), 1)


def blur(image: torch.Tensor, levels: int) -> torch.Tensor:
    """Low-pass an image by going ``levels`` down a pyramid and back.

    Args:
        image: (N, C, H, W) float.
        levels: halvings; about 2**levels texels of blur.

    Returns:
        (N, C, H, W) float.
    """
    return grow(shrink(image, levels), levels, image.shape[-2:])


def shrink(image: torch.Tensor, levels: int) -> torch.Tensor:
    """Go down a pyramid.

    Args:
        image: (N, C, H, W) float.
        levels: halvings.

    Returns:
        (N, C, H >> levels, W >> levels) float, means of squares.
    """
    for _ in range(levels):
        image = _halve(image)
    return image


def grow(small: torch.Tensor, levels: int, size: Sequence[int]) -> torch.Tensor:
    """Go up a pyramid again.

    Args:
        small: (N, C, h, w) float, of :func:`shrink`.
        levels: doublings.
        size: (H, W) of the image at its foot.

    Returns:
        (N, C, H, W) float.
    """
    for level in range(levels - 1, -1, -1):
        small = _double(small, (size[0] >> level, size[1] >> level))
    return small


def blur_inside(image: torch.Tensor, weights: torch.Tensor, levels: int) -> torch.Tensor:
    """Low-pass an image where only weighted texels count (normalised convolution).

    Args:
        image: (N, C, H, W) float.
        weights: (N, 1, H, W) float in [0, 1].
        levels: halvings.

    Returns:
        (N, C, H, W) float; where no weight is near, 0.
    """
    return blur(image * weights, levels) / blur(weights, levels).clamp_min(1e-4)


def blend_bands(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor, levels: int) -> torch.Tensor:
    """Blend two images band by band, so that a seam is as wide as the structures that cross it.

    Args:
        first: (N, C, H, W) float, shown where the mask is 1.
        second: (N, C, H, W) float, shown where the mask is 0.
        mask: (N, 1, H, W) float in [0, 1].
        levels: number of Laplacian bands; 0 is a plain cross-fade.

    Returns:
        (N, C, H, W) float. Source: Burt and Adelson, A multiresolution spline (1983).
    """
    # Bands are linear, so those of the difference do for both.
    return second + _masked_bands(first - second, mask, levels)


def _masked_bands(image: torch.Tensor, mask: torch.Tensor, levels: int) -> torch.Tensor:
    """Multiply each Laplacian band of an image (N, C, H, W) by the mask of its own resolution, and put it together."""
    if levels == 0:
        return mask * image
    size = (image.shape[-2], image.shape[-1])
    small = _halve(image)
    detail = image - _double(small, size)
    return _double(_masked_bands(small, _halve(mask), levels - 1), size) + mask * detail
