"""One shading path over any rasteriser: texture per pixel, smooth normals, spherical-harmonics light."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as functional

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.antialias import MeshEdges, antialias, mesh_edges
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.covered import CoveredPixels, covered_pixels
from stylefaceuv.rendering.interpolation import sample_texture
from stylefaceuv.rendering.lighting import shade
from stylefaceuv.rendering.rasterizer import Fragments, rasterize
from stylefaceuv.rendering.self_shadow import shadowed
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.types import MeshTopology

STRIP_PIXELS = 2**18
"""Of a strip: shading one takes up to half a gigabyte."""


@dataclass(frozen=True)
class _Scene:
    """What all rows of a picture share; ``screen`` and ``camera`` are in samples, ``values`` are normals, uv
    and, where the heads have one, their shadow."""

    screen: torch.Tensor
    values: torch.Tensor
    faces: torch.Tensor
    texture: torch.Tensor
    light: torch.Tensor
    camera: Camera


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
        antialias: whether colour and coverage are blended across silhouettes
            (:mod:`stylefaceuv.rendering.antialias`), so that moving an outline has a gradient; needs ``supersample=1``.
    """

    def __init__(self, backend: str | None = None, supersample: int = 2, antialias: bool = False) -> None:
        if supersample not in (1, 2, 3, 4):
            raise InvalidArgumentError("supersample", "1, 2, 3 or 4", supersample)
        if antialias and supersample != 1:
            raise InvalidArgumentError("supersample", "1 with antialias=True", supersample)
        self.backend, self.supersample, self.antialias = backend, supersample, antialias
        self._normals: dict[tuple[int, torch.dtype], tuple[MeshTopology, VertexNormals]] = {}
        self._known_edges: dict[int, tuple[MeshTopology, MeshEdges]] = {}

    def render(
        self,
        world_vertices: torch.Tensor,
        topology: MeshTopology,
        albedo: torch.Tensor,
        sh_coefficients: torch.Tensor,
        camera: Camera,
        self_shadow: torch.Tensor | None = None,
    ) -> RenderOutput:
        """Render a batch of heads.

        Args:
            world_vertices: (N, V, 3) float, decimetres.
            topology: the mesh.
            albedo: (N, 3, h, w) float, linear light, head atlas; (N, 3, 1, 1) is one colour.
            sh_coefficients: (N, 9, 3) float, linear light.
            camera: the camera.
            self_shadow: (N, V, 3) float, linear light, what the heads' own shapes take from the shading of each vertex
                (:mod:`stylefaceuv.rendering.self_shadow`); None is nothing.

        Returns:
            The picture.

        Raises:
            InvalidArgumentError: wrong shapes, vertices or light not finite.
        """
        scene = self._scene(world_vertices, topology, albedo, sh_coefficients, camera, self_shadow)
        picture, fragments = self._rows(scene, 0, camera.height)
        if self.antialias:
            blended = antialias(picture[:, :4], fragments, scene.screen, self._edges(topology))
            picture = torch.cat([blended, picture[:, 4:]], dim=1)
        return _output(picture, fragments)

    def strips(
        self,
        world_vertices: torch.Tensor,
        topology: MeshTopology,
        albedo: torch.Tensor,
        sh_coefficients: torch.Tensor,
        camera: Camera,
        self_shadow: torch.Tensor | None = None,
    ) -> Iterator[RenderOutput]:
        """Render as :meth:`render` does, in strips of rows, so that a large picture needs no more memory than a strip.

        Args:
            world_vertices: as for :meth:`render`, like all others.
            topology: the mesh.
            albedo: linear light.
            sh_coefficients: linear light.
            camera: of the whole picture.
            self_shadow: linear light.

        Returns:
            The strips, from the top; each has ``STRIP_PIXELS`` pixels at most, or one row. A single strip with
            antialiasing, which blends across rows.

        Raises:
            InvalidArgumentError: wrong shapes, vertices or light not finite.
        """
        if self.antialias:
            return iter([self.render(world_vertices, topology, albedo, sh_coefficients, camera, self_shadow)])
        scene = self._scene(world_vertices, topology, albedo, sh_coefficients, camera, self_shadow)
        rows = max(STRIP_PIXELS // (camera.width * max(len(world_vertices), 1)), 1)
        tops = range(0, camera.height, rows)
        return (_output(*self._rows(scene, top, min(rows, camera.height - top))) for top in tops)

    def _scene(
        self,
        vertices: torch.Tensor,
        topology: MeshTopology,
        albedo: torch.Tensor,
        light: torch.Tensor,
        camera: Camera,
        shadow: torch.Tensor | None,
    ) -> _Scene:
        _check(vertices, topology, albedo, light, shadow)
        fine = _scaled(camera, self.supersample)
        screen = fine.project(vertices)
        uv = topology.uv.to(screen)[None].expand(len(screen), -1, -1)
        parts = [self.vertex_normals(vertices, topology), uv]
        values = torch.cat(parts if shadow is None else [*parts, shadow], dim=-1)
        return _Scene(screen, values, topology.faces, _minify(albedo, fine.height), light, fine)

    def _rows(self, scene: _Scene, top: int, height: int) -> tuple[torch.Tensor, Fragments]:
        """Some rows of the picture, (N, 9, height, W): colour, alpha, normals, uv; and their fragments."""
        scale, screen = self.supersample, scene.screen
        fragments = rasterize(screen, scene.faces, height * scale, scene.camera.width, self.backend, top=top * scale)
        pixels = covered_pixels(fragments, scale, screen.dtype, top)
        surface = pixels.interpolate(screen, scene.values, scene.faces)  # (P, S * S, 5 or 8)
        seen = (pixels.face >= 0).to(screen.dtype)[..., None]
        color = _shade(surface, pixels, scene.texture, scene.light) * seen
        samples = torch.cat([color, seen, surface[..., :5]], dim=-1)
        return pixels.spread(samples.mean(dim=1)), fragments

    def vertex_normals(self, vertices: torch.Tensor, topology: MeshTopology) -> torch.Tensor:
        """Return (N, V, 3) unit normals; the operator of a topology is made once."""
        key = (id(topology), vertices.dtype)
        known = self._normals.get(key)
        if known is None or known[0] is not topology:
            known = (topology, VertexNormals(topology, vertices))
            self._normals[key] = known
        return known[1](vertices)

    def _edges(self, topology: MeshTopology) -> MeshEdges:
        """The edges of a topology, listed once."""
        known = self._known_edges.get(id(topology))
        if known is None or known[0] is not topology:
            known = (topology, mesh_edges(topology))
            self._known_edges[id(topology)] = known
        return known[1]


def _output(picture: torch.Tensor, fragments: Fragments) -> RenderOutput:
    color, alpha, normals, coordinates = picture.split([3, 1, 3, 2], dim=1)
    return RenderOutput(color, alpha, normals, coordinates, fragments)


def _scaled(camera: Camera, factor: int) -> Camera:
    """The camera with ``factor`` times the pixels along each axis."""
    return replace(
        camera, height=camera.height * factor, width=camera.width * factor, focal_px=camera.focal_px * factor
    )


def _shade(
    surface: torch.Tensor, pixels: CoveredPixels, texture: torch.Tensor, sh_coefficients: torch.Tensor
) -> torch.Tensor:
    """Colours (P, S, 3) of surface samples (P, S, 5 or 8: normal, uv, shadow) of the covered pixels."""
    rows, padded = pixels.by_item(surface)  # (N, M, S, 5 or 8)
    normals = functional.normalize(padded[..., :3], dim=-1, eps=1e-8)
    albedo = sample_texture(texture, padded[..., 3:5]).permute(0, 2, 3, 1)
    shading = shade(normals, sh_coefficients)
    if padded.shape[-1] > 5:
        shading = shadowed(shading, padded[..., 5:])
    return (albedo * shading).flatten(0, 1).index_select(0, rows)


def _minify(texture: torch.Tensor, height: int) -> torch.Tensor:
    """Halve a texture while it has twice as many texels as the picture has samples over a head."""
    while texture.shape[-1] > 1.4 * height and texture.shape[-1] % 2 == 0 and texture.shape[-2] % 2 == 0:
        texture = functional.avg_pool2d(texture, 2)
    return texture


def _check(
    vertices: torch.Tensor,
    topology: MeshTopology,
    albedo: torch.Tensor,
    sh_coefficients: torch.Tensor,
    self_shadow: torch.Tensor | None,
) -> None:
    batch = len(vertices)
    if vertices.ndim != 3 or vertices.shape[1:] != (len(topology.uv), 3):
        raise InvalidArgumentError("world_vertices", f"shape (N, {len(topology.uv)}, 3)", tuple(vertices.shape))
    if albedo.ndim != 4 or albedo.shape[:2] != (batch, 3) or min(albedo.shape[2:]) < 1:
        raise InvalidArgumentError("albedo", f"shape ({batch}, 3, h, w)", tuple(albedo.shape))
    if sh_coefficients.shape != (batch, 9, 3):
        raise InvalidArgumentError("sh_coefficients", f"shape ({batch}, 9, 3)", tuple(sh_coefficients.shape))
    if self_shadow is not None and self_shadow.shape != vertices.shape:
        raise InvalidArgumentError("self_shadow", f"shape {tuple(vertices.shape)}", tuple(self_shadow.shape))
    named = {"world_vertices": vertices, "sh_coefficients": sh_coefficients, "self_shadow": self_shadow}
    for name, values in named.items():
        if values is not None and not bool(torch.isfinite(values).all()):
            raise InvalidArgumentError(name, "finite numbers", "NaN or Inf")
