"""Puts painted maps on the mapper's head and renders them in both views, differentiably."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.components import Components
from stylefaceuv.face_model.displacement import displace
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.networks.uv_generator import UVPrediction
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.renderer import Renderer, RenderOutput
from stylefaceuv.types import FaceCoefficients


@dataclass(frozen=True)
class ViewPicture:
    """One view of a batch.

    Attributes:
        color: (N, 3, S, S) float in [0, 1], sRGB, not composited.
        alpha: (N, 1, S, S) float, coverage.
        uv: (N, 2, S, S) float, atlas coordinates.
    """

    color: torch.Tensor
    alpha: torch.Tensor
    uv: torch.Tensor


class Scene:
    """Renders at training size.

    Args:
        parts: with face model.
        size: edge of the pictures, pixels.
        level: subdivision level of the mesh.
    """

    def __init__(self, parts: Components, size: int, level: int) -> None:
        self.model, self.level = parts.face_model, level
        self.topology = parts.face_model.topology(level)
        # The compiled rasteriser on the CPU is faster than the torch one even if vertices and fragments have to travel.
        self.renderer = Renderer(backend="numba", supersample=1)
        self.camera = Camera.portrait(size, size)

    def render(self, maps: UVPrediction, identity: torch.Tensor, view: FaceCoefficients) -> ViewPicture:
        """Render maps.

        Args:
            maps: painted.
            identity: (N, 80) float, of the own view, in both views (StyleFaceUV, section 3.3).
            view: batched coefficients whose expression, pose and light are used.

        Returns:
            The picture, differentiable in the maps.
        """
        albedo = srgb_to_linear(maps.diffuse.clamp(0.001, 1))
        output = self._output(maps.displacement, albedo, identity, view)
        color = linear_to_srgb((output.color / output.alpha.clamp_min(1e-3)).clamp(1e-4, 1))
        return ViewPicture(color, output.alpha, output.uv)

    def _output(
        self, displacement: torch.Tensor, albedo: torch.Tensor, identity: torch.Tensor, view: FaceCoefficients
    ) -> RenderOutput:
        with torch.no_grad():
            shape = self.model.refine(self.model(identity, view.expression), self.level)
            neutral = self.model.refine(self.model(identity, torch.zeros_like(view.expression)), self.level)
            normals = self.renderer.vertex_normals(shape, self.topology)
            rest = self.renderer.vertex_normals(neutral, self.topology)
        vertices = displace(shape, normals, rest, displacement, self.topology)
        world = pose_vertices(vertices, view.rotation, view.translation)
        light = view.lighting.reshape(-1, 9, 3)
        return self.renderer.render(world, self.topology, albedo, light, self.camera)
