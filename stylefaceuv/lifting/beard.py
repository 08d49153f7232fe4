"""Beards: hair that belongs to a face. Lifting takes hair off the skin, but a beard cut off at the cheeks is no shave.

A beard grows on chin and upper lip, is darker than the cheeks and rough as no skin is, and reaches from there over
cheeks and jaw up to the ears without a gap. Hair that hangs beside a face does not touch the chin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from stylefaceuv.lifting.completion import solid_mask
from stylefaceuv.lifting.evidence import weighted_share
from stylefaceuv.lifting.hair_places import EAR_FRONTS
from stylefaceuv.lifting.landmark_fit import LIPS, OUTER_EYE_CORNERS
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.lifting.pyramid import blur, levels_for
from stylefaceuv.soft_steps import soft_threshold

_WORKING_SIZE = 128
_NOSE_BASE, _CHIN, _MOUTH_CORNERS = 2, 152, (61, 291)
_BELOW_CHIN, _BELOW_EYES, _EDGE, _SIDE_EDGE, _LIPS_REACH = 0.25, 0.1, 0.1, 0.3, 0.07
"""Decimetres: the zone ends below the chin and in front of the ears below the eyes, over an edge that is softer there;
the core is not on the lips."""
_FULL_BEARD, _SIDEBURNS = (0.05, 0.2), (0.4, 0.1)
"""Decimetres: a full beard ends so far above the eyes, over an edge softer by that in front of the ears; the same where
it meets hair."""
_CHEEK_HIGH = 0.28
_OTHER, _WORN, _SPREADS, _LEAST_SPREAD = 0.07, (0.25, 0.4), 3.0, 0.05
_DARKER, _MOUSTACHE = 2.0, 24
"""Spreads; and what share of the atlas around chin and upper lip counts as around the mouth."""
_FULL = (0.62, 0.68)
"""How bright a beard is beside the cheeks: at most 0.61 of two full ones, at least 0.69 of nine of stubble or less."""
_MASK_LEVELS = 2
"""Halvings over which a beard fades at the edge of what is seen: as steeply as texels allow."""
_PORE_SIZE = 128
"""Bands finer than this share of the atlas are roughness."""
ROUGH_PHOTO, ROUGH_PAINTED = (0.0115, 0.0135), (0.0065, 0.0078)
"""Median roughness of chin and upper lip from where on hair may grow there, and surely does, in lifted and in painted
maps. Of 44 heads (seeds 6100, 6200) 34 without beard have at most 0.0121 and 0.0064, 6 full beards at least 0.0187 and
0.0077; 4 of stubble lie between."""


@dataclass(frozen=True)
class BeardPlaces:
    """Where beards grow, fixed in the atlas.

    Attributes:
        zone: (1, 1, R, R) float in [0, 1], cheeks, jaw, chin and upper lip, soft-edged.
        core: (1, 1, R, R) float, 1 on chin and upper lip, where every beard grows.
        cheeks: (1, 1, R, R) float, 1 on the skin above, which tells the face's tone.
        full: (1, 1, R, R) float in [0, 1], the zone of full beards, which reach higher in front of the ears.
        sideburns: (1, 1, R, R) float in [0, 1], that of full beards which meet the hair of the head there.
    """

    zone: torch.Tensor
    core: torch.Tensor
    cheeks: torch.Tensor
    full: torch.Tensor
    sideburns: torch.Tensor

    def below_hair(self) -> BeardPlaces:
        """Return the places on a head whose hair is kept: full beards meet it above the eyes, before the ears."""
        return replace(self, full=self.sideburns)


@dataclass(frozen=True)
class Beard:
    """The beard of one face.

    Attributes:
        shown: (1, 1, R, R) float in [0, 1], where a map shows it; 0 everywhere of a shaved face.
        full: scalar in [0, 1], 1 of a beard much darker than the cheeks, 0 of stubble.
    """

    shown: torch.Tensor
    full: torch.Tensor

    def mask(self, weights: torch.Tensor) -> torch.Tensor:
        """Keep a full beard nearly up to where it is seen: where skin ends so early, it would end on the cheek.

        Args:
            weights: (1, 1, R, R) float in [0, 1], how well skin is seen.

        Returns:
            (1, 1, R, R) float in [0, 1], soft-edged; 0 of stubble, which shade and hair beside a face look like.
        """
        if not bool(self.full > 0):
            return torch.zeros_like(weights)
        return self.full * solid_mask(
            torch.minimum(weights, self.shown), max(weights.shape[-1] // 1024, 1), _MASK_LEVELS
        )


def beard_weights(positions: torch.Tensor, is_skin: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Find the places on the mean head.

    Args:
        positions: (T, 3) float, texels, decimetres.
        is_skin: (T,) bool.
        points: (478, 3) float, landmarks.

    Returns:
        (T, 5) float in [0, 1]: zone, core, cheeks, full and sideburns, as in :class:`BeardPlaces`.
    """
    x, y, z = positions[:, 0].abs(), positions[:, 1], positions[:, 2]
    eye, ear = points[list(OUTER_EYE_CORNERS)].abs().mean(0), points[list(EAR_FRONTS)].abs().mean(0)
    nose, chin, corner = points[_NOSE_BASE], points[_CHIN], points[list(_MOUTH_CORNERS)].abs().mean(0)
    eyes = points[list(OUTER_EYE_CORNERS), 1].mean()
    rise = ((x - eye[0]) / (ear[0] - eye[0])).clamp(0, 1)  # along the cheekbone, up to the sideburns
    above = soft_threshold(y - chin[1] + _BELOW_CHIN, (0, _EDGE))
    above = above * soft_threshold(z - points[list(EAR_FRONTS), 2].mean(), (0, _EDGE)) * is_skin
    ends = ((-_BELOW_EYES, _SIDE_EDGE), _FULL_BEARD, _SIDEBURNS)
    zone, full, sideburns = (
        above * ((nose[1] + rise * (eyes + high - nose[1]) - y) / (_EDGE + rise * edge)).clamp(0, 1)
        for high, edge in ends
    )
    beside = soft_threshold((eye[2] + ear[2]) / 2 - z, (-_EDGE / 2, _EDGE / 2))  # of the eyes, which brows do not reach
    sideburns = full + beside * (sideburns - full)
    apart = torch.cdist(positions, points[list(LIPS)]).amin(1)
    core = (zone > 0.5) & (x < corner[0]) & (apart > _LIPS_REACH) & (y > chin[1] - _EDGE)
    around = (y > nose[1]) & (y < nose[1] + _CHEEK_HIGH) & (x > corner[0]) & (x < eye[0]) & is_skin
    return torch.stack([zone, core.to(zone), around.to(zone), full, sideburns], dim=1)


def beard_over(
    lifted: torch.Tensor,
    seen: torch.Tensor,
    explained: torch.Tensor,
    places: BeardPlaces,
    rough: tuple[float, float] = ROUGH_PHOTO,
    frontal: torch.Tensor | None = None,
) -> Beard:
    """Tell where a map shows a beard.

    Args:
        lifted: (1, 3, R, R) float, sRGB-encoded albedo, arbitrary where nothing is seen.
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        places: of the head, at the same size.
        rough: roughness of skin on which a beard may grow, and surely does.
        frontal: (1, 1, R, R) float in [0, 1], 0 where the photo sees the head along its surface, so that stubble there
            may be shade; a full beard is as dark as no shade. None is 1 everywhere.

    Returns:
        Where, and how full it is.
    """
    shaved = Beard(torch.zeros_like(seen), seen.new_zeros(()))
    size = min(_WORKING_SIZE, lifted.shape[-1])
    held = functional.adaptive_avg_pool2d(seen, size)
    color = functional.adaptive_avg_pool2d(lifted * seen, size) / held.clamp_min(1e-3)
    planes = (places.zone, places.full, seen * places.core, seen * explained * places.cheeks)
    zone, full_zone, core, cheeks = (functional.adaptive_avg_pool2d(plane, size) for plane in planes)
    shown, bare = core[0, 0] > 0.5, cheeks[0, 0] > 0.5
    if not bool(shown.any()) or not bool(bare.any()):
        return shaved
    tone = color[0, :, bare].median(dim=1).values.view(1, 3, 1, 1)
    other = ((tone - color).mean(dim=1, keepdim=True) > _OTHER).to(color)
    worn = soft_threshold(weighted_share(other, core), _WORN)
    hairy = shown & (other[0, 0] > 0.5)
    if not bool(worn > 0) or not bool(hairy.any()):
        return shaved
    worn = worn * soft_threshold(_roughness(lifted, seen * places.core), rough)
    if not bool(worn > 0):
        return shaved
    if frontal is not None:
        zone = zone * functional.adaptive_avg_pool2d(frontal, size)
    full = _fullness(color, hairy, tone)
    zone = zone + full * (full_zone - zone)
    like = _like(color, hairy, dilate(core, size // _MOUSTACHE)) * other * (held > 0.5) * (zone > 0)
    grown = _connected(hairy[None, None].to(color), like) * zone * worn
    large = functional.interpolate(dilate(grown, 1), seen.shape[-2:], mode="bilinear", align_corners=False)
    return Beard(large * seen, full)


def _fullness(color: torch.Tensor, hairy: torch.Tensor, tone: torch.Tensor) -> torch.Tensor:
    """Scalar in [0, 1]: how full a beard of those (r, r) texels is on skin of that tone (1, 3, 1, 1)."""
    share = color[0, :, hairy].median(dim=1).values.mean() / tone.mean().clamp_min(1e-3)
    return 1 - soft_threshold(share, _FULL)


def _roughness(texture: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Scalar: median strength of the finest bands in a (1, 1, R, R) mask that is above a half somewhere."""
    level = texture.mean(dim=1, keepdim=True)
    fine = level - blur(level, levels_for(texture.shape[-1], _PORE_SIZE))
    return fine[where > 0.5].abs().median()


def _like(color: torch.Tensor, sample: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
    """(1, 1, r, r), 1 where a colour is like those of an (r, r) mask.

    Around the mouth (1, 1, r, r) it may be darker, too: a moustache is denser than stubble. At the sides what is much
    darker than the beard is the hair of the head, or a shadow.
    """
    colors = color[0, :, sample]
    middle = colors.median(dim=1).values
    spread = (1.4826 * (colors - middle[:, None]).abs().median(dim=1).values).clamp_min(_LEAST_SPREAD)
    off = (color - middle.view(1, 3, 1, 1)) / spread.view(1, 3, 1, 1)
    above, below = (part.clamp_min(0).square().mean(dim=1, keepdim=True).sqrt() for part in (off, -off))
    return ((above < _SPREADS) & ((below < _DARKER) | (around > 0.5))).to(color)


def _connected(seeds: torch.Tensor, passable: torch.Tensor) -> torch.Tensor:
    """(1, 1, r, r): what of the passable can be reached from the seeds, over gaps of one texel."""
    reached = seeds * passable
    while True:
        grown = dilate(reached, 2) * passable
        if torch.equal(grown, reached):
            return reached
        reached = grown
