"""A photo of a head, what it shows of the skin, and the face lifted from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.lifting.hair_volume import HairShape
from stylefaceuv.types import FaceCoefficients


@dataclass(frozen=True)
class Photo:
    """A picture of a face and where the face is in it.

    Attributes:
        image: (3, H, W) float in [0, 1], sRGB.
        coefficients: unbatched, registered on the picture.
        detected: (478, 2) float landmarks found in it, pixels; None leaves the residual unwarped.
        displacement: (3, r, r) float, XYZ of the neutral head, millimetres, whose shading is no colour; None is none.
        hair: volume of its hair, which stands out from the head; None is none.
        segments: (S, s, s) float in [0, 1], what the picture shows, in the order of ``SEGMENTS``; None where unknown.
    """

    image: torch.Tensor
    coefficients: FaceCoefficients
    detected: torch.Tensor | None = None
    displacement: torch.Tensor | None = None
    hair: HairShape | None = None
    segments: torch.Tensor | None = None


@dataclass(frozen=True)
class LiftedFace:
    """What one photo gives.

    Attributes:
        diffuse: (3, R, R) float in [0, 1], sRGB, delit, complete.
        confidence: (R, R) float in [0, 1], how well each texel was seen.
        lighting: (9, 3) float, the photo's light, gain fixed to the albedo.
        cast_light: (3, q, q) float above 0, what the photo's light is on the skin over ``lighting``: cast shadows and
            colours of walls, that nine harmonics do not hold; 1 where no skin is seen.
        second_lighting: (9, 3) float, the same of the second photo; None where there was none.
        hair: (R, R) float in [0, 1], how much of each texel is hair; None of a head without its hair.
    """

    diffuse: torch.Tensor
    confidence: torch.Tensor
    lighting: torch.Tensor
    cast_light: torch.Tensor
    second_lighting: torch.Tensor | None = None
    hair: torch.Tensor | None = None


@dataclass(frozen=True)
class SkinEvidence:
    """What one photo shows before anything is completed.

    Attributes:
        texture: (1, 3, R, R) float in [0, 1], sRGB, delit, arbitrary where nothing is seen.
        seen: (1, 1, R, R) float in [0, 1].
        explained: (1, 1, R, R) float in [0, 1], where the albedo model takes it for skin.
    """

    texture: torch.Tensor
    seen: torch.Tensor
    explained: torch.Tensor
