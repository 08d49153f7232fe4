"""Lays the mapper's head over the StyleGAN2 image: where the UV generator reads each texel's activations."""

from __future__ import annotations

import torch
from torch import nn

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.networks.uv_generator import AtlasView
from stylefaceuv.types import FaceCoefficients

_SIZE = 512
_OUTSIDE = 2.0


class AtlasViewer(nn.Module):
    """Coefficients to atlas views; the face model's constants are prepared once.

    Args:
        face_model: the morphable head.
        resolution: edge of the atlas, texels.
    """

    def __init__(self, face_model: MorphableModel, resolution: int) -> None:
        super().__init__()
        self.surface = Surface(face_model, resolution)

    @torch.no_grad()
    def forward(self, coefficients: FaceCoefficients) -> AtlasView:
        """Tell where every texel of N heads lies in their images.

        Args:
            coefficients: batched.

        Returns:
            The views, on the face model's device.
        """
        rows = [self._one(coefficients[row]) for row in range(len(coefficients.identity))]
        return AtlasView(*(torch.stack(parts) for parts in zip(*rows, strict=True)))

    def _one(self, coefficients: FaceCoefficients) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        view, texels = self.surface.view(coefficients, _SIZE), self.surface.texels
        grid = texels.scatter(view.pixel * (2 / _SIZE) - 1, fill=_OUTSIDE).permute(1, 2, 0)
        return grid, texels.scatter(view.confidence[:, None]), texels.scatter(view.normal)
