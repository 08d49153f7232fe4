"""Finds a photo's light: spherical harmonics and the robust albedo fit, one from the other in turn."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as functional
from torch import nn

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.albedo_model import AlbedoFit, AlbedoModel
from stylefaceuv.lifting.delighting import fix_gain, luminance, shading, tint_no_skin_has
from stylefaceuv.lifting.lighting_estimation import estimate_lighting
from stylefaceuv.lifting.projection import LiftedTexels
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.types import PART_NAMES

_SKIN = PART_NAMES.index("skin")
_ROUNDS = 3
_CAST_SHARE = 0.5


class Delighter(nn.Module):
    """Alternates the light and the albedo on the albedo model's small atlas.

    Args:
        albedo_model: what skin looks like.
        texels: of the atlas that photos are lifted to.
    """

    def __init__(self, albedo_model: AlbedoModel, texels: TexelGeometry) -> None:
        super().__init__()
        self.albedo_model = albedo_model
        self.texels = texels

    def forward(self, seen: LiftedTexels) -> tuple[torch.Tensor, AlbedoFit]:
        """Alternate the light and the robust albedo fit.

        Args:
            seen: what the photo shows.

        Returns:
            (9, 3) light with its gain fixed, and the albedo model's fit of the delit texture.
        """
        small = self.albedo_model.resolution
        linear = srgb_to_linear(seen.color)
        skin = seen.confidence * (self.texels.part == _SKIN)
        packed = torch.cat([linear * skin[:, None], seen.normal * skin[:, None], skin[:, None]], dim=1)
        pooled = functional.adaptive_avg_pool2d(self.texels.scatter(packed)[None], small)[0]
        weight = pooled[6].clamp(0, 1)
        pixels = (pooled[:3] / pooled[6].clamp_min(1e-6)).reshape(3, -1).T
        normals = functional.normalize(pooled[3:6].reshape(3, -1).T, dim=1)
        return self._alternate(pixels, normals, weight)

    def _alternate(
        self, pixels: torch.Tensor, normals: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, AlbedoFit]:
        """Light from the albedo, albedo from the light, on the small atlas."""
        trusted = weight.reshape(-1)
        tone = luminance(pixels[trusted > 0.5]).median() if bool((trusted > 0.5).any()) else pixels.new_tensor(0.3)
        albedo = srgb_to_linear(self.albedo_model.mean.reshape(3, -1).T.clamp(0, 1))
        albedo = albedo * (tone / luminance(albedo[trusted > 0.5]).median().clamp_min(1e-3))
        for _ in range(_ROUNDS):
            lighting = estimate_lighting(pixels, normals, albedo, trusted)
            lighting = fix_gain(lighting, normals, trusted)
            fit = self.albedo_model.fit(self._delit(pixels, normals, lighting), weight[None, None])
            albedo = srgb_to_linear(fit.texture[0].reshape(3, -1).T.clamp(0.01, 1))
            trusted = fit.weights.reshape(-1)
        lighting = lighting * self._white_balance(albedo, trusted)
        delit = self._delit(pixels, normals, lighting)
        fit = self.albedo_model.fit(delit, weight[None, None])
        return lighting, replace(fit, weights=weight[None, None] * (1 - self.albedo_model.unexplained(delit, fit)))

    def _delit(self, pixels: torch.Tensor, normals: torch.Tensor, lighting: torch.Tensor) -> torch.Tensor:
        """(1, 3, r, r) sRGB: linear pixels (r r, 3) without their light."""
        small = self.albedo_model.resolution
        return linear_to_srgb((pixels / shading(normals, lighting)).clamp(0, 1)).T.reshape(1, 3, small, small)

    def _white_balance(self, albedo: torch.Tensor, trusted: torch.Tensor) -> torch.Tensor:
        """(3,) colour of the light: half of what sets a tone apart from the mean skin's, and all that no skin has."""
        sure = trusted > 0.5
        if int(sure.sum()) < 16:
            return torch.ones_like(albedo[0])
        usual = srgb_to_linear(self.albedo_model.mean.reshape(3, -1).T.clamp(0, 1))[sure].mean(dim=0)
        own = albedo[sure].mean(dim=0)
        cast = (own / luminance(own)) / (usual / luminance(usual))
        tint = cast.clamp(0.5, 2.0) ** _CAST_SHARE
        tint = tint * tint_no_skin_has(own / tint)
        return tint * luminance(own / tint) / luminance(own)
