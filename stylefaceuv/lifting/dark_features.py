"""Dark features that belong to a face: brows, lashes, nostrils, the rim of the lips; and whether glasses lie over them.

What tells hair and glasses from skin looks for what is darker than skin; it must not take these with it.
"""

from __future__ import annotations

import torch

from stylefaceuv.lifting.evidence import weighted_share
from stylefaceuv.lifting.landmark_fit import EYE_CONTOURS, LIPS
from stylefaceuv.lifting.pyramid import blur
from stylefaceuv.soft_steps import smoothstep, soft_threshold

BROWS = (
    (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
)
"""Landmarks of each brow, the upper edge and the lower one."""
_NOSE = (1, 2, 4, 5, 19, 94, 98, 327, 97, 326, 64, 294, 48, 278, 115, 344, 131, 360)
_BRIDGE = (168, 6, 197)
_UNDER_EYES = (118, 119, 100, 347, 348, 329)
_BROW_REACH, _EYE_REACH, _RIM_REACH = (0.05, 0.08), (0.08, 0.11), (0.06, 0.08)
_NOSE_REACH, _LIP_REACH = (0.08, 0.12), (0.05, 0.08)
"""Decimetres: up to where around landmarks a weight is 1, and from where on it is 0."""
_RIM_LINES, _RIM_FOREIGN = (0.08, 0.095), (0.2, 0.35)
"""From which shares of the looked-at skin on there may be glasses, and surely are. Of 34 heads (seeds 7000, 7100, 7)
bare eyes have at most 0.076 of dark lines, glasses at least 0.097; sunglasses 0.3 of what is no skin."""
_LIKELY, _RIM, _WORN = (0.3, 0.6), (0.15, 0.4), (0.16, 0.22)
"""Of 80 heads (seeds 7000, 7100, 6200, 8080, 9100) the 15 who wear glasses have a share of likely rims of at least
0.25, the others of at most 0.13."""
_HAIR_DARK, _HAIR_SHARE, _AROUND_LEVELS = 0.1, (0.2, 0.4), 5


def feature_weights(positions: torch.Tensor, is_skin: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Find the features on the mean head.

    Args:
        positions: (T, 3) float, texels, decimetres.
        is_skin: (T,) bool.
        points: (478, 3) float, landmarks.

    Returns:
        (T, 4) float in [0, 1]: eyes, lashes and brows; nose and lips; the bridge of the nose; the skin under the
        eyes. Glasses have rims on the last two, and skin has no dark lines there.
    """

    def near(where: torch.Tensor, reach: tuple[float, float]) -> torch.Tensor:
        low, high = where.amin(0) - reach[1], where.amax(0) + reach[1]
        rows = torch.nonzero(is_skin & ((positions > low) & (positions < high)).all(1)).squeeze(
            1
        )  # a tenth of the head
        weight = positions.new_zeros(len(positions))
        apart = torch.cdist(positions[rows], where).amin(1)
        weight[rows] = soft_threshold(-apart, (-reach[1], -reach[0]))
        return weight

    brows = torch.cat([_densified(points[list(side)]) for side in BROWS])
    lips = near(points[list(LIPS)], _LIP_REACH)
    nose = near(points[list(_NOSE)], _NOSE_REACH)
    upper = torch.maximum(near(points[list(EYE_CONTOURS)], _EYE_REACH), near(brows, _BROW_REACH))
    bridge, under = (near(points[list(where)], _RIM_REACH) for where in (_BRIDGE, _UNDER_EYES))
    return torch.stack([upper, torch.maximum(nose, lips), bridge, under], dim=1)


def glasses_over(
    lines: torch.Tensor, seen: torch.Tensor, explained: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Tell whether a face wears glasses.

    Args:
        lines: (1, 1, R, R) float in [0, 1], thin dark lines of the photo.
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        weights: (1, 4, R, R) float, of :func:`feature_weights`.

    Returns:
        (1, 1, 1, 1) float in [0, 1].
    """
    rims = soft_threshold(weighted_share(lines, _around_eyes(weights) * seen), _RIM_LINES)
    return torch.maximum(rims, dark_lenses_over(seen, explained, weights))


def rims_on(shown: torch.Tensor, seen: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Tell where a face wears glasses, from what a segmenter says.

    Args:
        shown: (1, 1, R, R) float in [0, 1], probability that the photo shows rims or dark lenses.
        seen: (1, 1, R, R) float in [0, 1].
        weights: (1, 4, R, R) float, of :func:`feature_weights`.

    Returns:
        (1, 1, R, R) float in [0, 1]; 0 everywhere unless enough of the bridge of the nose and of the skin under the
        eyes is hidden: folds and lashes look like rims here and there, but no fold crosses the nose.
    """
    likely, (bridge, under) = smoothstep(shown, _LIKELY), (weights[:, 2:] * seen).split(1, dim=1)
    share = (weighted_share(likely, bridge) + weighted_share(likely, under)) / 2
    return smoothstep(shown, _RIM) * soft_threshold(share, _WORN)


def dark_lenses_over(seen: torch.Tensor, explained: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Tell whether a face wears sunglasses, or something else that hides the skin around the eyes.

    Args:
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        weights: (1, 4, R, R) float, of :func:`feature_weights`.

    Returns:
        (1, 1, 1, 1) float in [0, 1].
    """
    return soft_threshold(weighted_share(1 - explained, _around_eyes(weights) * seen), _RIM_FOREIGN)


def own_features(
    lifted: torch.Tensor,
    model_texture: torch.Tensor,
    seen: torch.Tensor,
    glasses: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Tell where the photo's features can be trusted although they are darker than skin.

    Args:
        lifted: (1, 3, R, R) float, sRGB-encoded albedo.
        model_texture: (1, 3, R, R) float, what the face should look like.
        seen: (1, 1, R, R) float in [0, 1].
        glasses: (1, 1, 1, 1) float in [0, 1], of :func:`glasses_over`, or (1, 1, R, R), where they are.
        weights: (1, 4, R, R) float, of :func:`feature_weights`.

    Returns:
        (1, 1, R, R) float in [0, 1]: of eyes and brows 0 under glasses, and where hair lies around.
    """
    upper, lower = weights[:, :1], weights[:, 1:2]
    dark = ((model_texture - lifted).mean(dim=1, keepdim=True) > _HAIR_DARK).to(seen.dtype)
    beside = (1 - upper) * seen
    around = blur(dark * beside, _AROUND_LEVELS) / blur(beside, _AROUND_LEVELS).clamp_min(1e-3)
    return seen * torch.maximum(upper * (1 - glasses) * (1 - soft_threshold(around, _HAIR_SHARE)), lower)


def _around_eyes(weights: torch.Tensor) -> torch.Tensor:
    """(1, 1, R, R): bridge of the nose and skin under the eyes."""
    return weights[:, 2:].amax(dim=1, keepdim=True)


def _densified(points: torch.Tensor) -> torch.Tensor:
    """The points and the middles between all pairs of them."""
    return ((points[:, None] + points[None]) / 2).flatten(0, 1)
