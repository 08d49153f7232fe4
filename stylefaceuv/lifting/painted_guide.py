"""What the UV generator's map says of a lifted photo: which tone the skin has, and what in the photo is no skin."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.lifting.evidence import weighted_share
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.soft_steps import soft_threshold

_BLACK = 1e-3
_DARKER = (0.09, 0.16)
_LENS_DARKER, _LENS_SHARE = (0.1, 0.18), (0.08, 0.15)
"""Of 12 painted maps (seeds 7000, 7100, 7) bare eyes and thin rims have a share of at most 0.05, sunglasses of at least
0.17."""


def seen_skin(lifted: torch.Tensor, seen: torch.Tensor, size: int) -> torch.Tensor:
    """Pool what a photo shows.

    Args:
        lifted: (1, 3, R, R) float, sRGB, delit.
        seen: (1, 1, R, R) float in [0, 1], how well each texel was seen, 0 off the skin.
        size: edge r of the result; divides R.

    Returns:
        (1, 3, r, r) float, the mean of the seen texels; 0 where none is.
    """
    held = functional.adaptive_avg_pool2d(seen, size)
    return functional.adaptive_avg_pool2d(lifted * seen, size) / held.clamp_min(_BLACK)


def gain_to_painted(painted: torch.Tensor, pooled: torch.Tensor, sure: torch.Tensor) -> torch.Tensor:
    """Return what brings lifted skin to the painted skin's tone.

    How bright the light was, and of which tint, one photo cannot tell apart from the skin. The painter has learnt it
    from many photos, and that the skin is the same in both views of a head.

    Args:
        painted: (1, 3, r, r) float in [0, 1], sRGB, albedo.
        pooled: (1, 3, r, r) float in [0, 1], of :func:`seen_skin`.
        sure: (1, 1, r, r) bool, where both are skin.

    Returns:
        (3,) factor of the linear albedo, the median over the texels; 1 where no texel is sure.
    """
    if not bool(sure.any()):
        return torch.ones_like(painted[0, :, 0, 0])
    wanted, own = (srgb_to_linear(one[0, :, sure[0, 0]]).clamp_min(_BLACK) for one in (painted, pooled))
    return (wanted / own).median(dim=1).values


def much_darker(painted: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
    """Find fringe, a hat's shadow, sunglasses: what is much darker in the photo than the painted skin.

    Args:
        painted: (1, 3, r, r) float in [0, 1], sRGB.
        pooled: (1, 3, r, r) float in [0, 1], of :func:`seen_skin`, at the painted tone.

    Returns:
        (1, 1, r, r) float in [0, 1], doubt; a texel wider than what is darker.
    """
    return dilate(_darker(pooled, painted, _DARKER), 1)


def painted_lenses(painted: torch.Tensor, mean: torch.Tensor, eyes: torch.Tensor, sure: torch.Tensor) -> torch.Tensor:
    """Find sunglasses that the painter took for dark skin around the eyes.

    Args:
        painted: (1, 3, r, r) float in [0, 1], sRGB.
        mean: (1, 3, r, r) float in [0, 1], the mean face at the painted tone.
        eyes: (1, 1, r, r) float in [0, 1], eyes and brows.
        sure: (1, 1, r, r) float in [0, 1], where the mean face is known.

    Returns:
        (1, 1, r, r) float in [0, 1], doubt; 0 everywhere unless much of the skin around the eyes is much darker than
        the mean face's.
    """
    doubt = _darker(painted, mean, _LENS_DARKER) * sure
    around = dilate(eyes, painted.shape[-1] // 64)
    worn = soft_threshold(weighted_share(doubt, around), _LENS_SHARE)
    near = dilate(around, painted.shape[-1] // 32)
    return functional.avg_pool2d(dilate(doubt * near, 2), 3, stride=1, padding=1) * worn


def _darker(one: torch.Tensor, other: torch.Tensor, ends: tuple[float, float]) -> torch.Tensor:
    """(1, 1, r, r) in [0, 1]: where the first map is darker than the second, blurred by a texel."""
    apart = functional.avg_pool2d((other - one).mean(dim=1, keepdim=True), 3, stride=1, padding=1)
    return soft_threshold(apart, ends)
