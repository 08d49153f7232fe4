"""Photos of heads whose texture is known."""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.lighting import ambient_light
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.types import FaceCoefficients


def neutral(yaw: float = 0.0, depth: float = 0.0) -> FaceCoefficients:
    """The mean head, unbatched, turned; ``depth`` decimetres towards the camera."""
    return FaceCoefficients(
        torch.zeros(80),
        torch.zeros(64),
        torch.tensor([yaw, 0.0, 0.0]),
        ambient_light().reshape(27),
        torch.tensor([0.0, 0.0, depth]),
    )


def mirrored(model: MorphableModel, own: FaceCoefficients) -> FaceCoefficients:
    """Coefficients of the head in the mirror."""
    identity, expression = model.mirror_coefficients(own.identity[None], own.expression[None])
    turn, shift = torch.tensor([-1.0, 1.0, -1.0]), torch.tensor([-1.0, 1.0, 1.0])
    return FaceCoefficients(
        identity[0], expression[0], own.rotation * turn, own.lighting, own.translation * shift, own.expression_names
    )


def smooth_image(size: int, seed: int = 0, cells: int = 12, channels: int = 3) -> torch.Tensor:
    """(channels, size, size) float in [0.1, 0.9], without detail below size / cells pixels."""
    coarse = torch.rand(1, channels, cells, cells, generator=torch.Generator().manual_seed(seed))
    return 0.1 + 0.8 * functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)[0]


def photograph(
    model: MorphableModel, own: FaceCoefficients, texture: torch.Tensor, light: torch.Tensor, size: int
) -> torch.Tensor:
    """Render a head as a photo.

    Args:
        model: the head.
        own: unbatched coefficients.
        texture: (3, R, R) float in [0, 1], sRGB albedo.
        light: (9, 3) float.
        size: edge of the photo, pixels.

    Returns:
        (3, size, size) float in [0, 1], sRGB, on mid-grey.
    """
    vertices = model.refine(model(own.identity[None], own.expression[None]), 1)
    world = pose_vertices(vertices, own.rotation[None], own.translation[None])
    albedo = srgb_to_linear(texture)[None]
    output = Renderer(supersample=2).render(world, model.topology(1), albedo, light[None], Camera.portrait(size, size))
    return linear_to_srgb((output.color + (1 - output.alpha) * 0.2).clamp(0, 1))[0]
