"""One clean skin texture out of what was lifted, its mirror image, the albedo model and skin grain.

Evidence is used in this order: the photo where it shows skin, the mirror image of the other side, and
the albedo model, which knows the rest of the face and fades to the face's own skin tone on scalp and neck.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.lifting.morphology import erode
from stylefaceuv.lifting.pyramid import blend_bands, blur, blur_inside, push_pull
from stylefaceuv.soft_steps import smoothstep

_BANDS, _OFFSET_LEVELS = 5, 3
_PRIOR = 0.02
_GRAIN_LEVELS = 3
_LEAST_TEXELS, _LEAST_HALVED, _MANY = 1000, 16, 10_000
_LIKE_LEVELS, _UNLIKE = 4, (0.06, 0.12)
"""Halvings over which the mirror image is compared with hair, and sRGB differences from where on it is not the same."""
_DARKEST = 0.5
"""What is completed keeps at least this share of the model's sRGB: what is added to dark hair next to darker hair would
make a black patch of it, without strands."""


def solid_mask(weights: torch.Tensor, erosion: int, feather_levels: int) -> torch.Tensor:
    """Turn noisy per-texel weights into a mask with clean, soft borders inside the sure area.

    Args:
        weights: (N, 1, H, W) float in [0, 1].
        erosion: texels by which sure areas shrink: hair strands take the skin between them along.
        feather_levels: pyramid levels of the soft border.

    Returns:
        (N, 1, H, W) float in [0, 1], near 0 wherever the weight is small.
    """
    sure = erode(weights, erosion)
    soft = blur(sure, feather_levels)
    return (2 * soft - 1).clamp(0, 1) * weights.clamp_max(0.25) * 4


def below_hairline(weights: torch.Tensor, forehead: torch.Tensor, reach: int) -> torch.Tensor:
    """Drop everything on the forehead that lies above something that is no skin: hair hangs from above.

    Args:
        weights: (N, 1, H, W) float in [0, 1], how much each texel looks like skin; row 0 is the top of the head.
        forehead: (1, 1, H, W) float, 1 on the forehead and scalp, 0 from the brows down.
        reach: texels to each side that fall with a strand of hair.

    Returns:
        (N, 1, H, W) float in [0, 1], at most the weights.
    """
    hair = (1 - weights) * forehead
    spread = functional.max_pool2d(hair, (1, 2 * reach + 1), stride=1, padding=(0, reach))
    from_below = spread.flip(2).cummax(dim=2).values.flip(2)
    return torch.minimum(weights, 1 - from_below * forehead)


def complete(
    lifted: torch.Tensor,
    mask: torch.Tensor,
    model_texture: torch.Tensor,
    chart: torch.Tensor,
    support: torch.Tensor,
    grain: torch.Tensor | None = None,
    halved: int = 0,
    hair: torch.Tensor | None = None,
) -> torch.Tensor:
    """Blend the lifted texture into the model's, with the mirrored one between them.

    Args:
        lifted: (1, 3, H, W) float, sRGB-encoded albedo, arbitrary where the mask is 0.
        mask: (1, 1, H, W) float in [0, 1], soft.
        model_texture: (1, 3, H, W) float, complete.
        chart: (1, 1, H, W) float, 1 on the skin chart.
        support: (1, 1, H, W) float in [0, 1], 1 where the model knows more than the skin tone.
        grain: (1, 1, H, W) float, unit-variance skin grain; None for images too coarse to have any.
        halved: how often smaller by half than a lifter's the images are: fewer bands are blended then, just as wide.
        hair: (1, 1, H, W) float in [0, 1], where the model's texture has hair or skin, and its line is not that of the
            other side: there the mirror image counts where it shows the same. None is nowhere.

    Returns:
        (1, 3, H, W) float, complete wherever the model's texture is.
    """
    prior, bands = _PRIOR * 2**halved, max(_BANDS - halved, 1)
    shift = _median_shift(lifted - model_texture, mask * support, max(_LEAST_TEXELS >> 2 * halved, _LEAST_HALVED))
    offset = push_pull(lifted - model_texture - shift, mask * chart, prior)
    soft = blur(offset, max(_OFFSET_LEVELS - halved, 0))
    detailed = torch.maximum(model_texture + shift + soft, _DARKEST * model_texture)
    if grain is not None:
        detailed = detailed + _grain_amplitude(lifted, mask) * (0.4 + 0.6 * support) * grain
    mirrored_mask = mask.flip(-1) * (1 - mask)
    if hair is not None:
        levels, known = max(_LIKE_LEVELS - halved, 1), mask.flip(-1)
        other = blur_inside(lifted.flip(-1) - detailed, known, levels).abs().mean(dim=1, keepdim=True)
        mirrored_mask = mirrored_mask * (1 - hair * smoothstep(other, _UNLIKE))
    mirrored = torch.where(mirrored_mask > 0, lifted.flip(-1), detailed)
    toned = mirrored + blur(push_pull(detailed - mirrored, mirrored_mask, prior), bands)  # of the side it lands on
    both = blend_bands(toned, detailed, mirrored_mask, bands)
    own = torch.where(mask > 0, lifted, both)
    return blend_bands(own, both, mask, bands)


def _median_shift(difference: torch.Tensor, mask: torch.Tensor, least: int) -> torch.Tensor:
    """(1, 3, 1, 1): median difference where the mask is sure; the whole head takes the photo's tone."""
    sure = mask[0, 0] > 0.9
    if int(sure.sum()) < least:
        return difference.new_zeros(1, 3, 1, 1)
    values = difference[0, :, sure]
    return values[:, :: 7 if values.shape[1] > _MANY else 1].median(dim=1).values.reshape(1, 3, 1, 1)


def _grain_amplitude(lifted: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(1, 1, 1, 1): robust standard deviation of the lifted texture's finest bands, capped."""
    level = lifted.mean(dim=1, keepdim=True)
    sure = (level - blur(level, _GRAIN_LEVELS))[mask > 0.95]
    if sure.numel() < _LEAST_TEXELS:
        return lifted.new_full((1, 1, 1, 1), 0.006)
    return (1.4826 * sure.abs().median()).clamp(0.002, 0.014).reshape(1, 1, 1, 1)


def skin_grain(resolution: int, seed: int = 0) -> torch.Tensor:
    """Band-limited noise that looks like pores at the texture's scale.

    Args:
        resolution: edge of the texture, texels.
        seed: of the generator.

    Returns:
        (1, 1, R, R) float32, zero mean and unit variance.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, 1, resolution, resolution, generator=generator)
    band = functional.avg_pool2d(noise, 3, stride=1, padding=1) - blur(noise, _GRAIN_LEVELS)
    return (band - band.mean()) / band.std()
