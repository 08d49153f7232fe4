"""Lifts a complete, delit diffuse map from one photo of a registered face."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.albedo_model import AlbedoFit, AlbedoModel
from stylefaceuv.lifting.beard import Beard, beard_over
from stylefaceuv.lifting.completion import below_hairline, complete, solid_mask
from stylefaceuv.lifting.dark_features import own_features
from stylefaceuv.lifting.delighter import Delighter
from stylefaceuv.lifting.delighting import even_out, luminance, shading, spread_light, uneven_light
from stylefaceuv.lifting.eye_texture import EyeTexels, eye_texels, paint_eye
from stylefaceuv.lifting.fringe import among_strands, fringe_over
from stylefaceuv.lifting.hair_fade import beside_head
from stylefaceuv.lifting.head_regions import HeadRegions
from stylefaceuv.lifting.lid_margin import lid_margin, paint_lid_margin
from stylefaceuv.lifting.lid_texture import lid_texels, paint_lids
from stylefaceuv.lifting.lip_texture import lip_texels, tidy_lips
from stylefaceuv.lifting.lit_mouth import LitMouth
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.lifting.mouth_texture import paint_mouth
from stylefaceuv.lifting.occluders import Occluders, background_on, find_occluders
from stylefaceuv.lifting.painted_guide import gain_to_painted, much_darker, seen_skin
from stylefaceuv.lifting.photo import LiftedFace, Photo, SkinEvidence
from stylefaceuv.lifting.photo_hair import Shown, photo_hair, with_hair
from stylefaceuv.lifting.projection import LiftedTexels
from stylefaceuv.lifting.pyramid import push_pull
from stylefaceuv.lifting.second_view import join_views, seen_from
from stylefaceuv.lifting.thin_lines import dark_lines, plain_skin
from stylefaceuv.lifting.tooth_pattern import tooth_pattern
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES

_SKIN, _HAIR = PART_NAMES.index("skin"), SEGMENTS.index("hair")
_EVENED_SHARE = 0.6
_EVENED_TINT = 0.85
_UNEVEN_SHARE = 0.9
_EYES_SHARE = 0.9
_BESIDE = 6
_ALONG, _ALONG_BEARD = (0.3, 0.55), (0.1, 0.3)
"""Cosines between the skin's normal and the view, of beards too, which leave a gap."""
CAST_LIGHT_RESOLUTION = 128
"""Edge of the map of slow light, texels."""


@dataclass(frozen=True)
class _Seen:
    """What the photos show: delit texels (T, 3), how they are seen, the albedo model's fit and the light of each view;
    and the own one."""

    lifted: torch.Tensor
    texels: LiftedTexels
    fit: AlbedoFit
    lighting: torch.Tensor
    second_lighting: torch.Tensor | None
    own: Photo


@dataclass(frozen=True)
class _Skin:
    """Complete skin (1, 3, R, R), what of it is the photo's (1, 1, R, R), slow light that was taken out of it
    (1, 3, q, q), its luminance, whether there are lenses over the eyes, in [0, 1], and what of it is hair
    (1, 1, R, R); None where none is kept."""

    color: torch.Tensor
    seen: torch.Tensor
    cast_light: torch.Tensor
    tone: float
    lenses: float
    hair: torch.Tensor | None


class Lifter(HeadRegions):
    """Photo and coefficients in, diffuse map out. All constants of the face model are prepared once.

    Args:
        face_model: the morphable head.
        albedo_model: robust completion of skin.
        resolution: edge of the map, texels; a multiple of the albedo model's.
        level: subdivision level whose surface is projected.

    Attributes:
        sides: (T,) bool, texels of :func:`beside_head` that are no ears.
    """

    sides: torch.Tensor

    def __init__(
        self, face_model: MorphableModel, albedo_model: AlbedoModel, resolution: int = 1024, level: int = 1
    ) -> None:
        super().__init__(face_model, albedo_model, resolution, level)
        self.delighter = Delighter(albedo_model, self.texels)
        points, skin = face_model.landmarks(face_model.mean[None])[0], self.texels.part == _SKIN
        self.mouth = LitMouth(face_model, self.texels, level, self.surface.rest_positions)
        self.lips = lip_texels(self.surface.rest_positions, skin, points)
        self.lids = lid_texels(face_model, self.texels, self.surface.rest_positions, level)
        self.margin = lid_margin(face_model, self.texels, self.surface.rest_positions)
        head = skin & (self.texels.gather(self.ears[0])[:, 0] == 0)
        self.register_buffer("sides", head & beside_head(self.surface.rest_positions), persistent=False)
        self.pattern = tooth_pattern(self.texels, self.surface.rest_positions)
        self.eyes = tuple(self._eye(PART_NAMES.index(name)) for name in ("eye_left", "eye_right"))

    def _eye(self, part: int) -> EyeTexels:
        rows = torch.nonzero(self.texels.part == part).squeeze(1)
        return eye_texels(self.surface.rest_positions[rows], rows)

    @torch.no_grad()
    def forward(
        self,
        own: Photo,
        other: Photo | None = None,
        painted: torch.Tensor | None = None,
        keep_hair: bool = False,
    ) -> LiftedFace:
        """Lift one photo, or two of the same head.

        Args:
            own: the photo that decides.
            other: a second view, which fills what the own view cannot see.
            painted: (3, r, r) float in [0, 1], the UV generator's diffuse map of the same head: it completes what the
                photos do not show, decides the skin's tone, and what is much darker than it (fringe, hat's shadow,
                sunglasses) is no skin. None leaves all that to the albedo model.
            keep_hair: paint the photo's hair on forehead and scalp instead of completing bare skin.

        Returns:
            The complete diffuse map, its confidence and the light of each view.

        Raises:
            InvalidArgumentError: an image is not (3, H, W).
        """
        return self._finished(self._gather(own, other, painted), keep_hair)

    @torch.no_grad()
    def both(
        self, own: Photo, other: Photo | None = None, painted: torch.Tensor | None = None
    ) -> tuple[LiftedFace, LiftedFace]:
        """Lift once and complete twice.

        Args:
            own: as :meth:`forward` takes it.
            other: as there.
            painted: as there.

        Returns:
            The face without its hair and with it.

        Raises:
            InvalidArgumentError: an image is not (3, H, W).
        """
        seen = self._gather(own, other, painted)
        return self._finished(seen, False), self._finished(seen, True)

    @torch.no_grad()
    def evidence(self, photo: Photo) -> SkinEvidence:
        """Tell skin from all else in a photo, by the albedo model alone.

        Args:
            photo: of a registered face.

        Returns:
            What the photo shows, and what of it is skin.

        Raises:
            InvalidArgumentError: the image is not (3, H, W).
        """
        texels, lifted, _, fit = self._lift(photo)
        seen = self.texels.scatter(texels.confidence[:, None])[None]
        return SkinEvidence(self.texels.scatter(lifted)[None], seen, self._enlarged(fit.weights))

    def _gather(self, own: Photo, other: Photo | None, painted: torch.Tensor | None) -> _Seen:
        texels, lifted, lighting, fit = self._lift(own)
        second_lighting = None
        if other is not None:
            texels, lifted, fit, second_lighting = self._join(texels, lifted, fit, other)
        if painted is not None:
            gain, fit = self._follow(painted, lifted, texels, fit)
            lifted = linear_to_srgb((srgb_to_linear(lifted) * gain).clamp(0, 1))
            lighting = lighting / gain
            second_lighting = None if second_lighting is None else second_lighting / gain
        return _Seen(lifted, texels, fit, lighting, second_lighting, own)

    def _finished(self, seen: _Seen, keep_hair: bool) -> LiftedFace:
        skin = self._skin(seen, keep_hair)
        diffuse, confidence = self._assemble(seen, skin)
        hair = None if skin.hair is None else skin.hair[0, 0]
        return LiftedFace(diffuse, confidence, seen.lighting, skin.cast_light[0], seen.second_lighting, hair)

    def _lift(self, photo: Photo) -> tuple[LiftedTexels, torch.Tensor, torch.Tensor, AlbedoFit]:
        """What a photo shows, delit (T, 3), its light (9, 3) and the albedo model's fit."""
        if photo.image.ndim != 3 or photo.image.shape[0] != 3:
            raise InvalidArgumentError("image", "shape (3, H, W)", tuple(photo.image.shape))
        texels = self.surface.project(
            photo.image,
            photo.coefficients,
            photo.detected,
            photo.displacement,
            None if photo.hair is None else photo.hair.displacement,
            photo.segments,
        )
        texels = self._without_background(texels)
        lighting, fit = self.delighter(texels)
        linear = srgb_to_linear(texels.color) / shading(texels.normal, lighting)
        shape = self.surface.shape(photo.coefficients, photo.displacement)[0]
        lifted, seen = self.mouth.without_shade(linear_to_srgb(linear.clamp(0, 1)), texels.confidence, shape)
        return replace(texels, confidence=seen), lifted, lighting, fit

    def _without_background(self, texels: LiftedTexels) -> LiftedTexels:
        """Texels of which skin is unseen where the photo shows background, clothes or hands."""
        shown = self._shown(texels)
        if shown is None:
            return texels
        background = self.texels.gather(background_on(shown)[0])[:, 0]
        return replace(texels, confidence=texels.confidence * (1 - background))

    def _shown(self, texels: LiftedTexels) -> torch.Tensor | None:
        """(1, S, R, R) in [0, 1]: what the photo shows on skin; None where unknown."""
        return None if texels.segments is None else self.texels.scatter(texels.segments)[None] * self.skin_chart

    def _join(
        self, texels: LiftedTexels, lifted: torch.Tensor, fit: AlbedoFit, other: Photo
    ) -> tuple[LiftedTexels, torch.Tensor, AlbedoFit, torch.Tensor]:
        """Fill skin that the own view does not see from the other one; also returns the other one's light."""
        more, also, lighting, second = self._lift(other)
        weights = [self._skin_weight(view, one) for view, one in ((texels, fit), (more, second))]
        if texels.segments is not None:  # hair that the own view shows stays, whatever the other one has there
            weights[1] = weights[1] * (1 - self.texels.scatter(texels.segments[:, _HAIR, None])[None])
        maps = [self.texels.scatter(colors)[None] for colors in (lifted, also)]
        joined, weight = join_views(maps[0], weights[0], maps[1], weights[1])
        is_skin = (self.texels.part == _SKIN)[:, None]
        lifted = torch.where(is_skin, self.texels.gather(joined[0]), lifted)
        seen = torch.maximum(texels.confidence, self.texels.gather(weight[0])[:, 0])
        explained = torch.maximum(fit.weights, functional.adaptive_avg_pool2d(weight, fit.weights.shape[-1]))
        own_skin, other_skin = (self.texels.gather(each[0])[:, 0] for each in weights)
        joined_texels = replace(seen_from(texels, more, (1 - own_skin).square() * (other_skin > 0)), confidence=seen)
        return joined_texels, lifted, replace(fit, weights=explained), lighting

    def _follow(
        self, painted: torch.Tensor, lifted: torch.Tensor, texels: LiftedTexels, fit: AlbedoFit
    ) -> tuple[torch.Tensor, AlbedoFit]:
        """Let the painted map stand for the fit, and drop what is much darker in the photo than in it.

        Also returns (3,), by which the linear lifted skin has to be multiplied to have the painted tone.
        """
        side = self.albedo_model.resolution
        wanted = functional.adaptive_avg_pool2d(painted[None], side).clamp(0, 1)
        seen = self.texels.scatter(texels.confidence[:, None])[None] * self.skin_chart
        pooled = seen_skin(self.texels.scatter(lifted)[None], seen, side)
        gain = gain_to_painted(wanted, pooled, (fit.weights > 0.9) & (self.albedo_model.support[None] > 0.9))
        pooled = linear_to_srgb((srgb_to_linear(pooled) * gain[:, None, None]).clamp(0, 1))
        return gain, replace(fit, texture=wanted, weights=fit.weights * (1 - much_darker(wanted, pooled)))

    def tidied(self, painted: torch.Tensor, confidence: torch.Tensor) -> torch.Tensor:
        """(T, 3) sRGB colours with whole lips and lids; ``confidence`` (T,) in [0, 1] tells how well each was seen."""
        return paint_lid_margin(paint_lids(tidy_lips(painted, confidence, self.lips), self.lids), self.margin)

    def _skin_weight(self, texels: LiftedTexels, fit: AlbedoFit) -> torch.Tensor:
        """(1, 1, R, R) in [0, 1]: seen, and skin."""
        explained = self._enlarged(fit.weights)
        seen = self.texels.scatter(texels.confidence[:, None])[None]
        return solid_mask(torch.minimum(seen, explained) * self.skin_chart, self.texels.resolution // 256, 2)

    def _strands(
        self,
        lines: torch.Tensor,
        model_texture: torch.Tensor,
        explained: torch.Tensor,
        seen: torch.Tensor,
        glasses: torch.Tensor,
    ) -> torch.Tensor:
        """(1, 1, R, R) in [0, 1]: those dark lines that are hair or rims, on the forehead and beside glasses."""
        scale = self.texels.resolution // 256
        foreign = (seen > 0.5) * (explained < 0.5) * self.skin_chart
        beside = dilate(foreign, _BESIDE * 2 * scale)
        place = torch.maximum(self.forehead, glasses * beside * self.above_mouth)
        return lines * place * plain_skin(model_texture, self.skin_chart)

    def _assemble(self, shows: _Seen, skin: _Skin) -> tuple[torch.Tensor, torch.Tensor]:
        """(3, R, R) the finished map, and (R, R) how well it was seen: skin, then eyes and mouth, then the gutters."""
        lifted, texels, tone = shows.lifted, shows.texels, skin.tone
        painted, confidence = self.texels.gather(skin.color[0]), self.texels.gather(skin.seen[0])[:, 0]
        for eye in self.eyes:
            rows, kept = eye.rows, _EYES_SHARE * (1 - skin.lenses)
            painted[rows] = paint_eye(eye, lifted[rows], texels.confidence[rows], tone, kept)
            confidence[eye.rows] = texels.confidence[eye.rows]
        painted = paint_mouth(painted, lifted, texels.confidence, self.texels, tone, self.pattern)
        painted = self.tidied(painted, confidence) * self.mouth.occlusion
        diffuse = push_pull(self.texels.scatter(painted)[None], self.covered)[0]
        return diffuse.clamp(0, 1), self.texels.scatter(confidence[:, None])[0]

    def _skin(self, shows: _Seen, keep_hair: bool) -> _Skin:
        """Skin and hair, from the photos where they show them, and completed."""
        texels, size = shows.texels, (self.texels.resolution, self.texels.resolution)
        model_texture = functional.interpolate(shows.fit.texture, size=size, mode="bicubic", align_corners=False)
        model_texture, raw = model_texture.clamp(0, 1), self.texels.scatter(shows.lifted)[None]
        seen, scale = self.texels.scatter(texels.confidence[:, None])[None], self.texels.resolution // 256
        lines, shown = dark_lines(raw, 2 * scale), self._shown(texels)
        over = find_occluders(shown, lines, seen, self._enlarged(shows.fit.weights), self.features)
        towards = self.texels.scatter(texels.normal[:, 2:])[None]
        frontal, barely = smoothstep(towards, _ALONG), smoothstep(towards, _ALONG_BEARD)  # 0 seen along the surface
        explained, plain, own, beard = self._explained(shows, raw, model_texture, seen, over, frontal, keep_hair)
        if not keep_hair:
            explained = self._without_hair(explained, own, lines, model_texture, seen, over)
        plain = torch.minimum(plain, explained)
        cast_light = uneven_light(raw, model_texture, plain, _EVENED_SHARE, _EVENED_TINT, _UNEVEN_SHARE)
        image, kept = even_out(raw, cast_light), None
        if keep_hair:
            bare = Shown(image, seen, explained, model_texture)
            light = shading(texels.normal[self.sides], shows.lighting).mean(dim=0)
            kept = with_hair(self, photo_hair(shows.own, light, self.height), bare, raw, shown, over, frontal)
            image, seen, skinlike, model_texture = kept.image, kept.seen, kept.skinlike, kept.texture
        else:
            skinlike = below_hairline(explained, self.forehead, 2 * scale)
        shown_skin = torch.minimum(seen, skinlike) * self.skin_chart
        mask = torch.maximum(solid_mask(shown_skin, scale, 3), beard.mask(shown_skin * barely))
        parted = None if kept is None else torch.maximum(self.fringe, self.scalp)
        hair = None if kept is None else kept.grown + mask * (kept.hair - kept.grown)
        skin = complete(image, mask, model_texture, self.skin_chart, self.support, self.grain, hair=parted)
        tone = float(luminance(srgb_to_linear(model_texture[0, :, size[0] // 2, size[1] // 2])))
        spread = spread_light(cast_light, plain, CAST_LIGHT_RESOLUTION)
        chart = functional.adaptive_max_pool2d(self.skin_chart, CAST_LIGHT_RESOLUTION)
        return _Skin(skin, mask, torch.where(chart > 0, spread, 1.0), tone, float(over.lenses), hair)

    def _explained(
        self,
        shows: _Seen,
        raw: torch.Tensor,
        model_texture: torch.Tensor,
        seen: torch.Tensor,
        over: Occluders,
        frontal: torch.Tensor,
        keep_hair: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Beard]:
        """Where the photo shows the face; its bare skin; its own features and beard, (1, 1, R, R) each; the beard."""
        explained = self._enlarged(shows.fit.weights)
        own = own_features(raw, model_texture, seen, over.over_features, self.features)
        explained = torch.maximum(explained, own) * (1 - over.rims)
        plain = torch.minimum(seen, explained) * self.skin_chart
        places = self.beard_places.below_hair() if keep_hair else self.beard_places
        beard = beard_over(raw, seen * self.skin_chart * (1 - over.rims), explained, places, frontal=frontal)
        return torch.maximum(explained, beard.shown), plain, torch.maximum(own, beard.shown), beard

    def _without_hair(
        self,
        explained: torch.Tensor,
        own: torch.Tensor,
        lines: torch.Tensor,
        model_texture: torch.Tensor,
        seen: torch.Tensor,
        over: Occluders,
    ) -> torch.Tensor:
        """(1, 1, R, R): where the photo shows the face, without the head's hair and single strands over it."""
        explained = explained * (1 - over.hair * torch.maximum(self.fringe, self.temples))
        fringe = fringe_over(lines, explained, seen, self.low_forehead)
        explained = explained * (1 - (1 - own) * self._strands(lines, model_texture, explained, seen, over.glasses))
        return explained * (1 - fringe * among_strands(lines, self.below_forehead, self.features[:, :1]))
