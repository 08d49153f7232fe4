"""Light of a photo that nine harmonics do not hold, given back to pictures under the same light.

Cast shadows and the colours of near walls are taken out of an albedo, where they do not belong. Under the photo's own
light and in its pose they are what the photo shows. As a head turns they leave their places, and nothing tells whereto,
so they fade.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.soft_steps import smoothstep

_TURN_DEGREES = (0.0, 45.0)
"""Turns at which all of it is left, and none: the third band of harmonics, the first that is missing, is 0 at 39."""


def share_after_turn(photo: torch.Tensor, now: torch.Tensor) -> float:
    """Return how much of a photo's cast light is left on a head that has turned.

    Args:
        photo: (3, 3) float, rotation of the head in its photo.
        now: (3, 3) float, its rotation now.

    Returns:
        In [0, 1]; 1 in the pose of the photo.
    """
    cosine = ((photo.T @ now).diagonal().sum() - 1) / 2
    degrees = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
    return 1 - float(smoothstep(degrees, _TURN_DEGREES))


def under_cast_light(albedo: torch.Tensor, cast_light: torch.Tensor, share: float) -> torch.Tensor:
    """Return an albedo that light of slow brightness and colour falls on.

    Args:
        albedo: (N, 3, H, W) float, linear.
        cast_light: (N, 3, h, w) float above 0, 1 where there is none.
        share: of it, in [0, 1].

    Returns:
        (N, 3, H, W) float, linear: ``albedo * cast_light ** share``.

    Raises:
        InvalidArgumentError: the share is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise InvalidArgumentError("share", "in [0, 1]", share)
    return albedo * functional.interpolate(cast_light**share, albedo.shape[2:], mode="bilinear", align_corners=False)
