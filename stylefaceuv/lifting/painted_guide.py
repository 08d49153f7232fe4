"""What the UV generator's map says of a lifted photo: which tone the skin has, and what in the photo is no skin."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.lifting.morphology import dilate

_BLACK = 1e-3
_DARKER = (0.09, 0.16)


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
    darker = functional.avg_pool2d((painted - pooled).mean(dim=1, keepdim=True), 3, stride=1, padding=1)
    return dilate(((darker - _DARKER[0]) / (_DARKER[1] - _DARKER[0])).clamp(0, 1), 1)
