"""The photo's hair, kept: what of the head shows hair, and hair where no photo shows the scalp.

Whatever is seen on the forehead stays. Beside the face hair is told from background by its colour, which is read off
the scalp. What is unseen of the scalp gets that colour and streaks that run down the head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.landmark_fit import OUTER_EYE_CORNERS
from stylefaceuv.lifting.morphology import dilate, erode
from stylefaceuv.lifting.pyramid import blur

_LEAST_SHARE, _LEAST_TEXELS = 0.2, 0.002
_SPREADS = 3.0
_QUANTILE = 0.4
"""Of a colour channel: below the median, which gloss makes brighter."""
_OTHER_THAN_SKIN = 0.1
_SURE = 0.7
_LEAST_SPREAD = 0.05
_DETAIL_LEVELS = 4
BROW_TOPS, _EARS = (105, 334), (234, 454)
_UPPER_LIP = 0
_BESIDE_EYES, _NAPE = 0.08, 0.6
_BESIDE_LENSES, _LENS_TOP = 0.17, 0.3
"""Decimetres. Lenses reach farther out than the eyes and may be as dark as hair."""
_EAR_UP, _EAR_BACK, _EAR_TILT, _EAR_HALF, _EAR_EDGE = -0.02, 0.31, -0.34, (0.35, 0.23), 0.2
"""Decimetres from the landmark before the ear: its middle, how far it moves per height, half its height and depth."""
_STREAK = 24
"""Length of a streak, as a share of the atlas: 1 / 24."""
_STRANDS, _STRAND_AXIS = (5, 900), 0.1
"""Pieces of a strand and strands around a head; where on Z (decimetres) the axis stands that they hang around."""


@dataclass(frozen=True)
class HairPlaces:
    """Where hair grows and hangs on the head, fixed in the atlas.

    Attributes:
        forehead: (1, 1, R, R) float, 1 above the brows.
        crown: (1, 1, R, R) float, 1 where almost everybody who has hair has it.
        beside: (1, 1, R, R) float in [0, 1], beside the face from the brows down to the mouth, and behind the ears.
        scalp: (1, 1, R, R) float in [0, 1], where hair grows, soft-edged.
        streaks: (1, 1, R, R) float, zero mean and unit variance, streaks that run down the atlas.
    """

    forehead: torch.Tensor
    crown: torch.Tensor
    beside: torch.Tensor
    scalp: torch.Tensor
    streaks: torch.Tensor


def hung(places: HairPlaces, hanging: torch.Tensor, strands: torch.Tensor) -> HairPlaces:
    """Let hair grow and hang where one person's does.

    Args:
        places: of every head.
        hanging: (1, 1, R, R) float in [0, 1], where that person's hair hangs.
        strands: (1, 1, R, R) float, of :func:`hanging_strands`.

    Returns:
        The places of that person.
    """
    return replace(
        places,
        beside=torch.maximum(places.beside, hanging),
        scalp=torch.maximum(places.scalp, hanging),
        streaks=places.streaks + hanging * (strands - places.streaks),
    )


@dataclass(frozen=True)
class KeptHair:
    """What is left of a photo's hair.

    Attributes:
        kept: (1, 1, R, R) float in [0, 1], where the photo stays though it shows no skin.
        texture: (1, 3, R, R) float, sRGB, what completes the head: the model's skin, with hair on the scalp.
    """

    kept: torch.Tensor
    texture: torch.Tensor


def beside_face(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where hair hangs beside a face: outwards from eyes and glasses, down to the mouth, and to the nape.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float, 1 or 0.
    """
    eye, ear = points[list(OUTER_EYE_CORNERS), 0].abs().mean(), points[list(_EARS)].mean(dim=0)
    x, y, z = positions.abs()[:, 0], positions[:, 1], positions[:, 2]
    lenses = y < points[list(OUTER_EYE_CORNERS), 1].mean() + _LENS_TOP
    side = (x > eye + _BESIDE_EYES + lenses * _BESIDE_LENSES) & (y > points[_UPPER_LIP, 1])
    behind = (z < ear[2]) & (y > ear[1] - _NAPE)
    return (side | behind).to(positions.dtype)[:, None] * (1 - ear_weights(positions, points))


def scalp_weights(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where hair grows: above a line from the brows to the nape, soft-edged.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float in [0, 1].
    """
    brow, ear = points[list(BROW_TOPS)].mean(dim=0), points[list(_EARS)].mean(dim=0)
    slope = (brow[1] + 0.1 - ear[1]) / (brow[2] - ear[2])
    line = (ear[1] + slope * (positions[:, 2] - ear[2])).clamp_min(float(ear[1]) - 0.5)
    return ((positions[:, 1] - line) / 0.3 + 0.5).clamp(0, 1)[:, None] * (1 - ear_weights(positions, points))


def ear_weights(positions: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where no hair grows at the sides of a head: ears and the skin around them, a tilted oval.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        points: (478, 3) float, its landmarks.

    Returns:
        (T, 1) float in [0, 1], soft-edged.
    """
    front = points[list(_EARS)].mean(dim=0)
    up = positions[:, 1] - front[1] - _EAR_UP
    back = positions[:, 2] - front[2] + _EAR_BACK - _EAR_TILT * up
    apart = torch.hypot(up / _EAR_HALF[0], back / _EAR_HALF[1])
    return (((1 - apart) / _EAR_EDGE + 1).clamp(0, 1) * (positions[:, 0].abs() > 0.5))[:, None]


def hair_streaks(resolution: int, seed: int = 0) -> torch.Tensor:
    """Streaks down the atlas, (1, 1, R, R) float32 of zero mean and unit variance."""
    noise = torch.randn(1, 1, resolution, resolution, generator=torch.Generator().manual_seed(seed))
    length = 2 * (resolution // _STREAK // 2) + 1
    fine = functional.avg_pool2d(noise, (length, 1), stride=1, padding=(length // 2, 0))
    broad = functional.avg_pool2d(fine, (1, 5), stride=1, padding=(0, 2)) * 2
    streaks = fine + broad
    return (streaks - streaks.mean()) / streaks.std()


def hanging_strands(positions: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Strands that hang straight down around a vertical axis.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        seed: of their pattern.

    Returns:
        (T, 1) float, zero mean and unit variance over a turn.
    """
    noise = torch.randn(1, 1, *_STRANDS, generator=torch.Generator().manual_seed(seed)).to(positions.device)
    broad = functional.avg_pool2d(noise, (1, 5), stride=1, padding=(0, 2)) * 2
    pattern = noise + broad
    pattern = (pattern - pattern.mean()) / pattern.std()
    turn = torch.atan2(positions[:, 0], -(positions[:, 2] - _STRAND_AXIS)) / torch.pi
    place = torch.stack([turn, positions[:, 1]], dim=1)[None, None]  # a decimetre and a half of height is a table
    return functional.grid_sample(pattern, place, align_corners=False, padding_mode="border")[0, :, 0].T


def keep_hair_of(
    lifted: torch.Tensor,
    seen: torch.Tensor,
    explained: torch.Tensor,
    model_texture: torch.Tensor,
    places: HairPlaces,
    known_hair: torch.Tensor | None = None,
) -> KeptHair:
    """Keep the photo's hair and give the unseen scalp hair of the same colour.

    Args:
        lifted: (1, 3, R, R) float, sRGB-encoded albedo, arbitrary where nothing is seen.
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        model_texture: (1, 3, R, R) float, complete bare skin.
        places: of the head.
        known_hair: (1, 1, R, R) float in [0, 1], where there is hair; None calls hair what has not the skin's colour.

    Returns:
        What stays, and what completes it; of a bald head the forehead stays and the texture is the model's.
    """
    skin_color, skin_spread = _tone(lifted, (seen * explained)[0, 0] > 0.9)
    crown = (seen * places.crown)[0, 0] > 0.5
    other = (lifted - skin_color).abs().mean(dim=1)[0] > _OTHER_THAN_SKIN
    sure = crown & (other if known_hair is None else known_hair[0, 0] > 0.5)
    if int(sure.sum()) < max(_LEAST_SHARE * int(crown.sum()), _LEAST_TEXELS * crown.numel()):
        return KeptHair(places.forehead, model_texture)
    if known_hair is not None:
        surer = (seen * torch.maximum(places.scalp, places.forehead) * known_hair)[0, 0] > _SURE
        sure = surer if int(surer.sum()) > int(sure.sum()) else sure
    color, spread = _tone(lifted, sure)
    if known_hair is None:
        to_hair, to_skin = _distance(lifted, color, spread), _distance(lifted, skin_color, skin_spread)
        like_hair = ((to_hair < to_skin) & (to_hair < _SPREADS)).to(lifted.dtype)
    else:
        like_hair = (known_hair > 0.5).to(lifted.dtype)
    hair = seen * like_hair * places.beside * _hanging(seen * (1 - like_hair), places)
    hair = blur(dilate(hair, 1), 2).clamp(0, 1) * places.beside
    grown = torch.maximum(places.scalp, blur(torch.maximum(hair, hair.flip(-1)), 3))
    texture = model_texture + grown * (_combed(lifted, sure, color, places.streaks) - model_texture)
    return KeptHair(torch.maximum(places.forehead, hair), texture)


def _tone(texture: torch.Tensor, where: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A colour a little below the median and the robust deviation from it, (1, 3, 1, 1) each, in an (R, R) mask."""
    colors = texture[0, :, where][:, ::5] if bool(where.any()) else texture[0].flatten(1)
    middle = colors.quantile(_QUANTILE, dim=1)
    spread = (1.4826 * (colors - middle[:, None]).abs().median(dim=1).values).clamp_min(_LEAST_SPREAD)
    return middle.view(1, 3, 1, 1), spread.view(1, 3, 1, 1)


def _distance(texture: torch.Tensor, middle: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """(1, 1, R, R) in deviations, root mean square over the channels."""
    return ((texture - middle) / spread).square().mean(dim=1, keepdim=True).sqrt()


def _hanging(skin: torch.Tensor, places: HairPlaces) -> torch.Tensor:
    """(1, 1, R, R) in [0, 1]: 0 below bare skin, since hair hangs from above and glasses do not."""
    scale = skin.shape[-1] // 256
    bare = erode(skin * torch.maximum(places.forehead, places.beside), 2 * scale)
    return 1 - bare.cummax(dim=2).values


def _combed(lifted: torch.Tensor, sure: torch.Tensor, color: torch.Tensor, streaks: torch.Tensor) -> torch.Tensor:
    """(1, 3, R, R): hair of one colour whose streaks are as strong as those seen."""
    tone = luminance(lifted, dim=1)[:, None]
    detail = (tone - blur(tone, _DETAIL_LEVELS))[0, 0][sure]
    strength = (1.4826 * detail.abs().median()).clamp(0.004, 0.06)
    relative = strength / luminance(color, dim=1).clamp_min(0.05)
    return (color * (1 + relative * streaks).clamp(0.3, 2)).clamp(0, 1)
