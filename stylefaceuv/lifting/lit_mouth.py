"""The inside of the mouth as a photo shows it: read without the shade of the lips, and only where there is light."""

from __future__ import annotations

import torch
from torch import nn

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.mouth_texture import mouth_occlusion
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.lip_light import LipLight
from stylefaceuv.soft_steps import smoothstep

_LIT = (0.2, 0.45)
"""Shares of the light between which photos begin to tell something of the inside of a mouth."""
_OFF_LIPS_DM = (0.002, 0.008)
"""Heights between which what lies beside a lip begins to be told from it."""


class LitMouth(nn.Module):
    """Constants of one face model's mouth in the atlas.

    Args:
        face_model: the morphable head.
        texels: of the atlas.
        level: subdivision level of the surface.
        rest_positions: (T, 3) float, texels of the mean head, decimetres.

    Attributes:
        occlusion: (T, 1) float in (0, 1], the shade of a half-open mouth, which every map has; 1 outside.
    """

    occlusion: torch.Tensor
    rows: torch.Tensor

    def __init__(
        self, face_model: MorphableModel, texels: TexelGeometry, level: int, rest_positions: torch.Tensor
    ) -> None:
        super().__init__()
        self._light = LipLight(face_model, level)
        self.register_buffer("rows", self._light.inside(texels.part), persistent=False)
        self._texels = texels.at(self.rows)
        self.register_buffer("occlusion", mouth_occlusion(texels, rest_positions, self._light.depth), persistent=False)

    def without_shade(
        self, lifted: torch.Tensor, confidence: torch.Tensor, vertices: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the shade of a photo's lips out of its teeth and tongue.

        Args:
            lifted: (T, 3) float in [0, 1], sRGB.
            confidence: (T,) float in [0, 1].
            vertices: (V, 3) float, decimetres, the photo's head, unposed.

        Returns:
            Both, (T, 3) and (T,). Where the shade is deep little is seen of a mouth, and along the lips their own
            colour: there it counts less. All that lies outside is as it was.
        """
        points = self._texels.interpolate(vertices)
        light, bare, surer = self._light.on(points, vertices), lifted.clone(), confidence.clone()
        bare[self.rows] = linear_to_srgb((srgb_to_linear(lifted[self.rows]) / light).clamp(0, 1))
        apart = smoothstep(self._light.within(points, vertices), _OFF_LIPS_DM)
        surer[self.rows] *= apart * smoothstep(light[:, 0], _LIT)
        return bare, surer
