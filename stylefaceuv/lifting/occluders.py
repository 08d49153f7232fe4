"""What lies over a face in its photo, hair and glasses: told by a segmenter, or guessed without one."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.lifting.dark_features import dark_lenses_over, glasses_over, rims_on
from stylefaceuv.lifting.morphology import dilate, erode
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep

_BACKGROUND, _HAIR, _GLASSES = (SEGMENTS.index(name) for name in ("background", "hair", "glasses"))
_LIKELY = (0.3, 0.6)
"""From which probability on a segment counts, and counts fully."""


@dataclass(frozen=True)
class Occluders:
    """Doubt in what a photo shows as skin.

    Attributes:
        glasses: (1, 1, 1, 1) float in [0, 1], whether the face wears any.
        lenses: (1, 1, 1, 1) float in [0, 1], whether they hide the eyes.
        rims: (1, 1, R, R) float in [0, 1], where they are; 0 where nothing tells.
        hair: (1, 1, R, R) float in [0, 1], where there is hair; 0 where nothing tells.
        over_features: (1, 1, R, R) or (1, 1, 1, 1) float in [0, 1], where eyes, lashes and brows are not to be trusted.
    """

    glasses: torch.Tensor
    lenses: torch.Tensor
    rims: torch.Tensor
    hair: torch.Tensor
    over_features: torch.Tensor


def find_occluders(
    segments: torch.Tensor | None,
    lines: torch.Tensor,
    seen: torch.Tensor,
    explained: torch.Tensor,
    features: torch.Tensor,
) -> Occluders:
    """Tell what lies over a face.

    Args:
        segments: (1, S, R, R) float in [0, 1], what the photo shows on skin, in the order of ``SEGMENTS``; None leaves
            glasses to dark lines, and hair to whoever tells skin by its colour.
        lines: (1, 1, R, R) float in [0, 1], thin dark lines of the photo.
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        features: (1, 4, R, R) float, of :func:`~stylefaceuv.lifting.dark_features.feature_weights`.

    Returns:
        The occluders.
    """
    if segments is None:
        glasses, nowhere = glasses_over(lines, seen, explained, features), torch.zeros_like(seen)
        return Occluders(glasses, glasses, nowhere, nowhere, glasses)
    scale = seen.shape[-1] // 256
    rims = dilate(rims_on(segments[:, _GLASSES, None], seen, features), 2 * scale)
    lenses = dark_lenses_over(seen, explained, features)
    glasses = torch.maximum(rims.amax(dim=(2, 3), keepdim=True), lenses)
    hair = dilate(smoothstep(segments[:, _HAIR, None], _LIKELY), scale)
    other = dilate(smoothstep(segments[:, _HAIR, None] + segments[:, _BACKGROUND, None], _LIKELY), 3 * scale)
    over = torch.maximum(torch.maximum(rims, lenses), other)
    return Occluders(glasses, lenses, rims, hair, over)


def background_on(segments: torch.Tensor) -> torch.Tensor:
    """Tell where a photo shows background, clothes or hands; specks do not count.

    Args:
        segments: (1, S, R, R) float in [0, 1], what it shows on skin, in the order of ``SEGMENTS``.

    Returns:
        (1, 1, R, R) float in [0, 1].
    """
    scale = segments.shape[-1] // 256
    return dilate(erode(smoothstep(segments[:, _BACKGROUND, None], _LIKELY), 2 * scale), 3 * scale)
