"""The photo's hair, kept: what of the head shows hair, and hair where no photo shows the scalp.

Whatever is seen on the forehead stays. Beside the face hair is told from background by a segmenter, and before it from
brows; without one it is told by its colour, which is read off the scalp. What is unseen of the scalp gets that colour
and streaks that run down it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch.nn import functional

from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.hair_fade import HairEnds
from stylefaceuv.lifting.hair_places import HairPlaces
from stylefaceuv.lifting.morphology import dilate, erode, reach
from stylefaceuv.lifting.pyramid import blur, levels_for
from stylefaceuv.soft_steps import smoothstep

_LEAST_SHARE, _LEAST_TEXELS, _FEW_TEXELS = 0.2, 0.002, 16
_SPREADS = 3.0
_QUANTILE = 0.4
"""Of a colour channel: below the median, which gloss makes brighter."""
_OTHER_THAN_SKIN = 0.1
_SURE, _SKIN, _SURE_SKIN = 0.7, (0.3, 0.5), (0.6, 0.9)
_LEAST_SPREAD = 0.05
_DETAIL_LEVELS, _USUAL_DETAIL = 4, 0.02
_SOFT = 40
"""Cells over the edge of an atlas, as wide as the edge of hair that is seen."""
_SLIT, _SLIT_DEEP, _SOLID = 4, (0.05, 0.25), (0.35, 0.8)
"""Half of the widest slit between hair and hair, 256ths of the atlas; how much less hair than around it makes one; and
how much of it covers skin."""
_SCALP, _FOLLOWED = 0.5, 64
"""From where on a piece of hair hangs on the scalp; how far down it is followed, 256ths of the atlas."""
_Tone: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""A colour and the deviation from it, (1, 3, 1, 1) each."""


@dataclass(frozen=True)
class KeptHair:
    """What is left of a photo's hair.

    Attributes:
        kept: (1, 1, R, R) float in [0, 1], where the photo stays though it shows no skin.
        texture: (1, 3, R, R) float, sRGB, what completes the head: the model's skin, with hair on the scalp.
        color: (1, 3, R, R) or (1, 3, 1, 1) float, sRGB, of combed hair without its strands; None on a bald head.
        filled: (1, 1, R, R) float in [0, 1], where combed hair covers what the albedo model takes for skin beside the
            face: slits between hair and hair, and where hair grows and the photo shows no bare skin for sure.
        shown: (1, 1, R, R) float in [0, 1], where the photo shows hair on scalp, forehead and sides.
        grown: (1, 1, R, R) float in [0, 1], where the texture has hair.
    """

    kept: torch.Tensor
    texture: torch.Tensor
    color: torch.Tensor | None
    filled: torch.Tensor
    shown: torch.Tensor
    grown: torch.Tensor


def keep_hair_of(
    lifted: torch.Tensor,
    seen: torch.Tensor,
    explained: torch.Tensor,
    model_texture: torch.Tensor,
    places: HairPlaces,
    known_hair: torch.Tensor | None = None,
    ends: HairEnds | None = None,
    standing: bool = False,
    spare: torch.Tensor | None = None,
    known_skin: torch.Tensor | None = None,
) -> KeptHair:
    """Keep the photo's hair and give the unseen scalp hair of the same colour.

    Args:
        lifted: (1, 3, R, R) float, sRGB-encoded albedo, arbitrary where nothing is seen.
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        model_texture: (1, 3, R, R) float, complete bare skin.
        places: of the head.
        known_hair: (1, 1, R, R) float in [0, 1], where there is hair; None calls hair what has not the skin's colour.
        ends: of hair that hangs: what no photo shows of it fades to their colour; None leaves it one colour.
        standing: whether the head has been given the volume of hair; little of it is enough then.
        spare: (1, 3, 1, 1) float, sRGB, the colour of hair where a hat hides all of it and none hangs below; None
            without a hat.
        known_skin: (1, 1, R, R) float in [0, 1], where the same that knows hair sees a face: pale temples are skin,
            whatever an albedo model makes of them. None is nowhere.

    Returns:
        What stays, and what completes it; of a bald head the forehead stays and the texture is the model's.
    """
    skin_tone = _tone(lifted, (seen * explained)[0, 0] > 0.9)
    other = (lifted - skin_tone[0]).abs().mean(dim=1)[0] > _OTHER_THAN_SKIN
    sure, bald = _sure_hair(seen, other, places, known_hair)
    sure = sure if spare is None else sure & other  # at a hat's edge a segmenter takes skin for hair, too
    few = int(sure.sum()) < (_FEW_TEXELS if spare is None else _LEAST_TEXELS * sure.numel())
    if spare is None and (few or (bald and not standing)):
        none = torch.zeros_like(seen)
        return KeptHair(places.forehead, model_texture, None, none, none, none)
    hair_tone = _tone(lifted, sure)
    color, like_hair = (
        hair_tone[0],
        _like_hair(lifted, hair_tone, skin_tone) if known_hair is None else known_hair > 0.5,
    )
    if few and spare is not None:
        color, sure = spare if ends is None else ends.color.view(1, 3, 1, 1), torch.zeros_like(sure)
    color = color if ends is None else color * ends.fade_from(color)
    beside = places.beside if known_hair is None else places.temples
    worn = beside if known_hair is None else torch.maximum(beside, places.front)  # colour alone may be that of brows
    shown = seen * like_hair * torch.maximum(worn, places.forehead) * _hanging(seen * ~like_hair, places)
    hair = on_the_scalp(shown, places.scalp) * worn
    grown = _as_on_the_other_side(places, seen, 1 - explained if known_hair is None else known_hair, explained)
    grown = torch.maximum(grown, blur(torch.maximum(hair, hair.flip(-1) * beside), 3))  # a fringe is no pair of fringes
    bare, sure_skin = _bare_skin(seen, explained, like_hair, known_skin)
    filled = beside * _filled(torch.maximum(hair, shown * places.forehead), grown, bare, sure_skin)
    grown = torch.maximum(grown, filled)
    texture = model_texture + grown * (_combed(lifted, sure, color, places.streaks) - model_texture)
    shown = shown if known_hair is None else shown * known_hair
    return KeptHair(torch.maximum(places.forehead * (1 - filled), hair), texture, color, filled, shown, grown)


def _like_hair(lifted: torch.Tensor, hair: _Tone, skin: _Tone) -> torch.Tensor:
    """(1, 1, R, R) bool: what has the colour of hair rather than that of skin."""
    to_hair, to_skin = _distance(lifted, *hair), _distance(lifted, *skin)
    return (to_hair < to_skin) & (to_hair < _SPREADS)


def _bare_skin(
    seen: torch.Tensor, explained: torch.Tensor, like_hair: torch.Tensor, known_skin: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, 1, R, R) in [0, 1] each: where the photo shows bare skin, and where a segmenter is sure of that."""
    told = torch.zeros_like(seen) if known_skin is None else known_skin * ~like_hair
    bare = seen * torch.maximum(explained * ~like_hair, smoothstep(told, _SKIN))
    return bare, seen * smoothstep(told, _SURE_SKIN)


def _sure_hair(
    seen: torch.Tensor, other: torch.Tensor, places: HairPlaces, known_hair: torch.Tensor | None
) -> tuple[torch.Tensor, bool]:
    """(R, R) bool, where the photo surely shows hair, and whether it is too little to be believed, of the crown or at
    all; ``other``, (R, R) bool, has another colour than skin."""
    crown = (seen * places.crown)[0, 0] > 0.5
    sure = crown & (other if known_hair is None else known_hair[0, 0] > 0.5)
    bare_crown = int(sure.sum()) < _LEAST_SHARE * int(crown.sum())
    if known_hair is not None:
        surer = (seen * torch.maximum(places.scalp, places.forehead) * known_hair)[0, 0] > _SURE
        sure = surer if int(surer.sum()) > int(sure.sum()) else sure
    return sure, bare_crown or int(sure.sum()) < _LEAST_TEXELS * crown.numel()


def _as_on_the_other_side(
    places: HairPlaces, seen: torch.Tensor, shown: torch.Tensor, skin: torch.Tensor
) -> torch.Tensor:
    """(1, 1, R, R) in [0, 1]: where hair grows, as it is seen, its line on an unseen side being that of the other side.

    Hair ``shown`` and ``skin``, (1, 1, R, R), count where ``seen`` and above the brows. What is neither is background
    along the head's edge, and tells nothing.
    """
    told = seen * torch.maximum(shown, skin) * places.forehead
    solid = erode(seen * shown * places.forehead, 2 * (shown.shape[-1] // 256))
    own = torch.maximum(places.scalp, blur(solid, levels_for(shown.shape[-1], _SOFT)))
    elsewhere = told.flip(-1) * (1 - seen)
    return own + blur(elsewhere, 2).clamp(0, 1) * (shown.flip(-1) - own)


def on_the_scalp(hair: torch.Tensor, scalp: torch.Tensor) -> torch.Tensor:
    """Drop specks, and pieces of hair that hang from no scalp: bits of a fringe, brows.

    Args:
        hair: (1, 1, R, R) float in [0, 1].
        scalp: (1, 1, R, R) float in [0, 1], of :class:`HairGrowth`.

    Returns:
        (1, 1, R, R) float in [0, 1], soft-edged.
    """
    scale = max(hair.shape[-1] // 256, 1)
    solid = dilate(erode(hair, scale), scale + 1)
    small, seeds = (functional.max_pool2d(each, scale) for each in (solid, solid * (scalp > _SCALP)))
    grown = functional.interpolate(reach(seeds, small, _FOLLOWED), scale_factor=float(scale), mode="nearest")
    return blur(torch.minimum(solid, grown), 2).clamp(0, 1)


def _filled(shown: torch.Tensor, grown: torch.Tensor, bare: torch.Tensor, sure_skin: torch.Tensor) -> torch.Tensor:
    """(1, 1, R, R) in [0, 1]: where combed hair lies over what the albedo model takes for skin: where hair grows and
    the photo shows none that is ``bare``, and in slits between hair unless they are ``sure_skin``: a fringe's side and
    a sideburn, or hair of the photo and hair that hangs, lie a little apart."""
    half, hair = _SLIT * (shown.shape[-1] // 256), smoothstep(torch.maximum(shown, grown), _SOLID)
    closed = erode(dilate(hair, half), half)
    return closed * (1 - shown) * torch.maximum(smoothstep(closed - hair, _SLIT_DEEP) * (1 - sure_skin), 1 - bare)


def _tone(texture: torch.Tensor, where: torch.Tensor) -> _Tone:
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
    """(1, 3, R, R): hair of a colour (1, 3, R, R) or of one (1, 3, 1, 1), with streaks as strong as those seen."""
    tone = luminance(lifted, dim=1)[:, None]
    detail = (tone - blur(tone, _DETAIL_LEVELS))[0, 0][sure]
    spread = 1.4826 * detail.abs().median() if len(detail) else lifted.new_tensor(_USUAL_DETAIL)
    return streaked(color, streaks, spread.clamp(0.004, 0.045))


def streaked(color: torch.Tensor, streaks: torch.Tensor, strength: torch.Tensor | float) -> torch.Tensor:
    """Draw strands in a colour.

    Args:
        color: (1, 3, R, R) or (1, 3, 1, 1) float in [0, 1], sRGB.
        streaks: (1, 1, R, R) float, of unit variance.
        strength: standard deviation of the strands, of sRGB; in the dark they differ as much.

    Returns:
        (1, 3, R, R) float in [0, 1].
    """
    relative = strength / luminance(color, dim=1)[:, None].clamp_min(0.05)
    return (color * (1 + relative * streaks).clamp(0.3, 2)).clamp(0, 1)
