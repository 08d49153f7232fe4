"""One shading path over any rasteriser: texture per pixel, smooth normals, spherical-harmonics light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as functional

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.interpolation import barycentrics, interpolate, sample_texture
from stylefaceuv.rendering.lighting import shade
from stylefaceuv.rendering.rasterizer import Fragments, rasterize
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.types import MeshTopology


@dataclass(frozen=True)
class RenderOutput:
    """A picture and what it is made of.

    Attributes:
        color: (N, C, H, W) float, linear light, premultiplied by ``alpha``.
        alpha: (N, 1, H, W) float in [0, 1], share of the pixel that the mesh covers.
        normals: (N, 3, H, W) float, world frame, 0 outside.
        uv: (N, 2, H, W) float, atlas coordinates, 0 outside.
        fragments: at the sampling resolution (``supersample`` times the picture's).
    """

    color: torch.Tensor
    alpha: torch.Tensor
    normals: torch.Tensor
    uv: torch.Tensor
    fragments: Fragments


class Renderer:
    """Renders meshes with textures under spherical-harmonics light. Differentiable in vertices, maps and light.

    Args:
        backend: of :func:`stylefaceuv.rendering.rasterizer.rasterize`; None chooses by device.
        supersample: samples a pixel along each axis; 1 for training, 2 for smooth outlines.
    """

    def __init__(self, backend: str | None = None, supersample: int = 2) -> None:
        if supersample not in (1, 2, 3, 4):
            raise InvalidArgumentError("supersample", "1, 2, 3 or 4", supersample)
        self.backend, self.supersample = backend, supersample
        self._normals: dict[tuple[int, torch.dtype], tuple[MeshTopology, VertexNormals]] = {}

    def render(
        self,
        world_vertices: torch.Tensor,
        topology: MeshTopology,
        albedo: torch.Tensor,
        sh_coefficients: torch.Tensor,
        camera: Camera,
    ) -> RenderOutput:
        """Render a batch of heads.

        Args:
            world_vertices: (N, V, 3) float, decimetres.
            topology: the mesh.
            albedo: (N, 3, h, w) float, linear light, head atlas; (N, 3, 1, 1) is one colour.
            sh_coefficients: (N, 9, 3) float, linear light.
            camera: the camera.

        Returns:
            The picture.

        Raises:
            InvalidArgumentError: wrong shapes, vertices or light not finite.
        """
        _check(world_vertices, topology, albedo, sh_coefficients)
        output = self.surface(world_vertices, topology, camera)
        texture = _minify(albedo, camera.height * self.supersample)
        normals = functional.normalize(output.normals.permute(0, 2, 3, 1), dim=-1, eps=1e-8)
        light = shade(normals, sh_coefficients).permute(0, 3, 1, 2)
        color = sample_texture(texture, output.uv.permute(0, 2, 3, 1)) * light * output.alpha
        return self._reduce(replace(output, color=color))

    def surface(self, world_vertices: torch.Tensor, topology: MeshTopology, camera: Camera) -> RenderOutput:
        """Return normals, texture coordinates and coverage at the sampling resolution, colour empty.

        Args:
            world_vertices: (N, V, 3) float, decimetres.
            topology: the mesh.
            camera: the camera.

        Returns:
            An output whose colour has no channels.
        """
        height, width = camera.height * self.supersample, camera.width * self.supersample
        camera = replace(camera, height=height, width=width, focal_px=camera.focal_px * self.supersample)
        screen = camera.project(world_vertices)
        fragments = rasterize(screen, topology.faces, height, width, self.backend)
        weights = barycentrics(fragments, screen, topology.faces)
        uv = topology.uv.to(screen)[None].expand(len(screen), -1, -1)
        values = torch.cat([self.vertex_normals(world_vertices, topology), uv], dim=-1)
        pixels = interpolate(fragments, weights, values, topology.faces).permute(0, 3, 1, 2)
        normals, uv = pixels.split([3, 2], dim=1)
        alpha = (fragments.pix_to_face >= 0).to(screen.dtype)[:, None]
        return RenderOutput(alpha[:, :0], alpha, normals, uv, fragments)

    def vertex_normals(self, vertices: torch.Tensor, topology: MeshTopology) -> torch.Tensor:
        """Return (N, V, 3) unit normals; the operator of a topology is made once."""
        key = (id(topology), vertices.dtype)
        known = self._normals.get(key)
        if known is None or known[0] is not topology:
            known = (topology, VertexNormals(topology, vertices))
            self._normals[key] = known
        return known[1](vertices)

    def _reduce(self, output: RenderOutput) -> RenderOutput:
        if self.supersample == 1:
            return output
        parts = (output.color, output.alpha, output.normals, output.uv)
        color, alpha, normals, uv = (functional.avg_pool2d(part, self.supersample) for part in parts)
        return RenderOutput(color, alpha, normals, uv, output.fragments)


def _minify(texture: torch.Tensor, height: int) -> torch.Tensor:
    """Halve a texture while it has twice as many texels as the picture has samples over a head."""
    while texture.shape[-1] > 1.4 * height and texture.shape[-1] % 2 == 0 and texture.shape[-2] % 2 == 0:
        texture = functional.avg_pool2d(texture, 2)
    return texture


def _check(vertices: torch.Tensor, topology: MeshTopology, albedo: torch.Tensor, sh_coefficients: torch.Tensor) -> None:
    batch = len(vertices)
    if vertices.ndim != 3 or vertices.shape[1:] != (len(topology.uv), 3):
        raise InvalidArgumentError("world_vertices", f"shape (N, {len(topology.uv)}, 3)", tuple(vertices.shape))
    if albedo.ndim != 4 or albedo.shape[:2] != (batch, 3) or min(albedo.shape[2:]) < 1:
        raise InvalidArgumentError("albedo", f"shape ({batch}, 3, h, w)", tuple(albedo.shape))
    if sh_coefficients.shape != (batch, 9, 3):
        raise InvalidArgumentError("sh_coefficients", f"shape ({batch}, 9, 3)", tuple(sh_coefficients.shape))
    for name, values in (("world_vertices", vertices), ("sh_coefficients", sh_coefficients)):
        if not bool(torch.isfinite(values).all()):
            raise InvalidArgumentError(name, "finite numbers", "NaN or Inf")
