"""Finishes what the UV generator paints: a small map becomes a whole head's, with eyes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.albedo_model import AlbedoFit
from stylefaceuv.lifting.beard import ROUGH_PAINTED, BeardPlaces, beard_over
from stylefaceuv.lifting.completion import below_hairline, complete, solid_mask
from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.eye_texture import paint_eye
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.lifting.mouth_texture import paint_mouth
from stylefaceuv.lifting.painted_guide import gain_to_painted, painted_lenses
from stylefaceuv.lifting.pyramid import halvings, push_pull
from stylefaceuv.soft_steps import smoothstep

_RIMS, _HAIRS, _WHOLE = (0.3, 0.6), (0.2, 0.5), 0.99
_GRAIN = 0.006
_GUTTER, _FULL_SIZE = 2, 1024
"""Texels beside the skin that enlarging reads; the size that completion's widths are meant for."""


class PaintedHead:
    """Finishes painted maps on a lifter's atlas.

    Args:
        lifter: whose regions of the head and albedo model are used.
    """

    def __init__(self, lifter: Lifter) -> None:
        self.lifter = lifter

    @torch.no_grad()
    def skin_of(self, painted: torch.Tensor, glasses: torch.Tensor | None = None) -> AlbedoFit:
        """Tell skin from what a painter of maps left on it: hair, and streaks where no photo ever spoke.

        Args:
            painted: (3, r, r) float in [0, 1], sRGB, a UV generator's diffuse map.
            glasses: (1, r, r) float in [0, 1], where its image shows rims or dark lenses; None where unknown.

        Returns:
            At the albedo model's resolution: the painted skin where it is skin, completed by the model elsewhere, and
            as weights where it was kept.
        """
        model, forehead = self.lifter.albedo_model, self._small(self.lifter.forehead)
        fit, small, lenses, known = self._read(painted, glasses)
        skin = known * (1 - model.unexplained(small, fit)) * (1 - lenses)
        skin = torch.maximum(skin, self._small(self._beard(painted[None])))
        return _believed(fit, small, below_hairline(skin, forehead, 1), lenses)

    @torch.no_grad()
    def bare_head_of(
        self, painted: torch.Tensor, glasses: torch.Tensor | None = None, hair: torch.Tensor | None = None
    ) -> AlbedoFit:
        """Take a painter that has learnt bare heads at its word, but not under glasses and hair.

        Args:
            painted: (3, r, r) float in [0, 1], sRGB, a UV generator's diffuse map.
            glasses: (1, r, r) float in [0, 1], where its image shows rims or dark lenses; None where unknown.
            hair: the same of hair.

        Returns:
            At the albedo model's resolution: the painted head, completed by the model where something hides it, and as
            weights where it was kept.
        """
        fit, small, lenses, _ = self._read(painted, glasses)
        chart = (self._small(self.lifter.skin_chart) > _WHOLE).to(small.dtype)
        return _believed(fit, small, chart * self._free(glasses) * self._free(hair, _HAIRS) * (1 - lenses), lenses)

    def _read(
        self, painted: torch.Tensor, glasses: torch.Tensor | None
    ) -> tuple[AlbedoFit, torch.Tensor, torch.Tensor, torch.Tensor]:
        """The albedo model's fit of a painted map (3, r, r), the map itself without sunglasses, (1, 3, q, q), where
        those were, and where the model knows the face and no glasses hide it, (1, 1, q, q)."""
        small, known = self._small(painted[None]), self._small(self.lifter.support) * self._free(glasses)
        fit = self.lifter.albedo_model.fit(small, known)
        small, lenses = self._without_sunglasses(small)
        return fit, small, lenses, known

    def _free(self, hidden: torch.Tensor | None, shares: tuple[float, float] = _RIMS) -> torch.Tensor | float:
        """(1, 1, q, q) in [0, 1]: where (1, r, r) nothing hides the skin; 1 where nothing tells."""
        if hidden is None:
            return 1.0
        return 1 - smoothstep(functional.adaptive_max_pool2d(hidden[None], self.lifter.albedo_model.resolution), shares)

    def _small(self, image: torch.Tensor) -> torch.Tensor:
        """(1, C, q, q) of (1, C, R, R): at the albedo model's resolution."""
        return functional.adaptive_avg_pool2d(image, self.lifter.albedo_model.resolution)

    def _beard(self, painted: torch.Tensor) -> torch.Tensor:
        """(1, 1, r, r) in [0, 1]: where a painted map (1, 3, r, r) has a beard."""
        size = painted.shape[-1]
        places = BeardPlaces(*functional.adaptive_avg_pool2d(self.lifter.beards, size).split(1, dim=1))
        chart = functional.adaptive_avg_pool2d(self.lifter.skin_chart, size)
        return beard_over(painted, chart, chart, places, ROUGH_PAINTED).shown

    def _without_sunglasses(self, painted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the mean face's eyes, at the painted tone, where the painter painted lenses; also where, (1, 1, r, r)."""
        model = self.lifter.albedo_model
        support, mean = model.support[None], srgb_to_linear(model.mean[None].clamp(0, 1))
        eyes = functional.adaptive_avg_pool2d(self.lifter.features[:, :1], painted.shape[-1])
        gain = gain_to_painted(painted, linear_to_srgb(mean), (support > 0.9) & (eyes < 0.05))
        toned = linear_to_srgb((mean * gain[:, None, None]).clamp(0, 1))
        lenses = painted_lenses(painted, toned, eyes, support)
        return painted + lenses * (toned - painted), lenses

    @torch.no_grad()
    def enlarge(
        self,
        diffuse: torch.Tensor,
        visibility: torch.Tensor,
        glasses: torch.Tensor | None = None,
        hair: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Bring a small painted map to the lifter's size: eyes repainted sharply, grain on the skin.

        Args:
            diffuse: (3, r, r) float in [0, 1], sRGB, delit, complete.
            visibility: (1, r, r) float in [0, 1], what of it was seen; an iris that was not is brown.
            glasses: (1, r, r) float in [0, 1], where its image shows rims or dark lenses; None where unknown.
            hair: the same of hair.

        Returns:
            (3, R, R) float in [0, 1].
        """
        lifter = self.lifter
        large = self._large(self._completed(diffuse[None], self.bare_head_of(diffuse, glasses, hair)), "bicubic")
        painted = lifter.texels.gather((large + _GRAIN * lifter.grain * lifter.skin_chart)[0]).clamp(0, 1)
        confidence = lifter.texels.gather(self._large(visibility[None])[0])[:, 0]
        middle = large.shape[-1] // 2
        tone = float(luminance(srgb_to_linear(large[0, :, middle, middle].clamp(0, 1))))
        for eye in lifter.eyes:
            painted[eye.rows] = paint_eye(eye, painted[eye.rows], confidence[eye.rows], tone)
        unseen = torch.zeros_like(confidence)  # a painter's mouths are those of photos that hardly ever show one
        painted = paint_mouth(painted, painted, unseen, lifter.texels, tone, lifter.pattern)
        painted = lifter.tidied(painted, unseen) * lifter.mouth.occlusion
        return push_pull(lifter.texels.scatter(painted)[None], lifter.covered)[0].clamp(0, 1)

    def _completed(self, painted: torch.Tensor, fit: AlbedoFit) -> torch.Tensor:
        """(1, 3, r, r): a painted map (1, 3, r, r), completed where it was not kept, and on into the skin's gutters.

        It is no finer than this; completing it at the lifter's size gave the same in many times the time.
        """
        lifter, size = self.lifter, (painted.shape[-2], painted.shape[-1])
        texture, kept = (
            functional.interpolate(part, size, mode=mode, align_corners=False)
            for part, mode in ((fit.texture, "bicubic"), (fit.weights, "bilinear"))
        )
        chart, support = (functional.adaptive_avg_pool2d(part, size) for part in (lifter.skin_chart, lifter.support))
        clean = complete(painted, kept * chart, texture, chart, support, halved=halvings(_FULL_SIZE, size[0]))
        skin = dilate((chart > 0).to(chart.dtype), _GUTTER)
        return painted + skin * (clean - painted)

    def _large(self, small: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
        """(1, C, r, r) at the lifter's size."""
        size = (self.lifter.texels.resolution, self.lifter.texels.resolution)
        smooth = mode == "bicubic"  # enlarging it is but a softer kernel, in half the time
        return functional.interpolate(small, size=size, mode=mode, align_corners=False, antialias=smooth)


def _believed(fit: AlbedoFit, small: torch.Tensor, skin: torch.Tensor, lenses: torch.Tensor) -> AlbedoFit:
    """A painted map (1, 3, q, q) inside ``skin``, and where it was rid of ``lenses``, (1, 1, q, q) in [0, 1] each; the
    model's fit elsewhere."""
    kept = solid_mask(skin, 1, 1)
    texture = fit.texture + torch.maximum(kept, lenses) * (small - fit.texture)
    return replace(fit, texture=texture, weights=kept)
