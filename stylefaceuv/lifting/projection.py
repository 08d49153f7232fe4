"""From image pixels to texels: where each texel falls in the photo, whether it is seen there, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES, MeshTopology

_EYE_PARTS = (PART_NAMES.index("eye_left"), PART_NAMES.index("eye_right"))


@dataclass(frozen=True)
class LiftedTexels:
    """What one photo says about each covered texel.

    Attributes:
        color: (T, 3) float32, the image at the texel, in the image's own encoding.
        normal: (T, 3) float32, world frame, unit length.
        confidence: (T,) float32 in [0, 1]: 0 unseen, 1 seen frontally and far from any occluding edge.
        segments: (T, S) float32 in [0, 1], what the image shows there, in the order of ``SEGMENTS``; None unknown.
    """

    color: torch.Tensor
    normal: torch.Tensor
    confidence: torch.Tensor
    segments: torch.Tensor | None = None


@dataclass(frozen=True)
class TexelView:
    """Where each covered texel lies in a picture, and how well it is seen there.

    Attributes:
        pixel: (T, 2) float32, x and y in pixels, centres at +0.5; anywhere, also outside the picture.
        normal: (T, 3) float32, world frame, unit length.
        confidence: (T,) float32 in [0, 1]: 0 unseen, 1 seen frontally and far from any occluding edge.
    """

    pixel: torch.Tensor
    normal: torch.Tensor
    confidence: torch.Tensor


def lift_texels(
    image: torch.Tensor,
    world_vertices: torch.Tensor,
    world_normals: torch.Tensor,
    pixel_offsets: torch.Tensor,
    topology: MeshTopology,
    texels: TexelGeometry,
    camera: Camera,
    segments: torch.Tensor | None = None,
) -> LiftedTexels:
    """Project every texel into the photo and read its colour and how well it is seen.

    Args:
        image: (3, H, W) float, any encoding.
        world_vertices: (V, 3) float, posed mesh, decimetres.
        world_normals: (V, 3) float, unit length.
        pixel_offsets: (V, 2) float, landmark warp in pixels, added to the projection.
        topology: the mesh.
        texels: its texel geometry.
        camera: the photo's camera, of the photo's size.
        segments: (S, h, w) float in [0, 1], of the photo at any size; None where unknown.

    Returns:
        Colour, normal, geometric confidence and segment of each covered texel.
    """
    view = view_texels(world_vertices, world_normals, pixel_offsets, topology, texels, camera)
    color = _sample(image, view.pixel)
    if segments is None:
        return LiftedTexels(color, view.normal, view.confidence)
    scale = view.pixel.new_tensor([segments.shape[-1] / camera.width, segments.shape[-2] / camera.height])
    return LiftedTexels(color, view.normal, view.confidence, _sample(segments, view.pixel * scale))


def view_texels(
    world_vertices: torch.Tensor,
    world_normals: torch.Tensor,
    pixel_offsets: torch.Tensor,
    topology: MeshTopology,
    texels: TexelGeometry,
    camera: Camera,
) -> TexelView:
    """Project every texel into a picture and tell how well it is seen.

    Args:
        world_vertices: (V, 3) float, posed mesh, decimetres.
        world_normals: (V, 3) float, unit length.
        pixel_offsets: (V, 2) float, added to the projection, pixels.
        topology: the mesh.
        texels: its texel geometry.
        camera: the picture's camera, of the picture's size.

    Returns:
        Place, normal and geometric confidence of each covered texel.
    """
    screen = camera.project(world_vertices[None])[0]
    screen = torch.cat([screen[:, :2] + pixel_offsets, screen[:, 2:]], dim=1)
    fragments = rasterize(screen[None], topology.faces, camera.height, camera.width)
    surface = texels.interpolate(torch.cat([screen, world_normals, world_vertices], dim=1))
    pixel, depth, normal, position = surface.split([2, 1, 3, 3], dim=1)
    normal = functional.normalize(normal, dim=1)
    to_camera = functional.normalize(camera.position.to(position) - position, dim=1)
    facing = (normal * to_camera).sum(dim=1)
    near_skin, near_eye, cover = _sample(_clearance_maps(fragments.inverse_depth[0]), pixel).split(1, dim=1)
    is_eye = (texels.part == _EYE_PARTS[0]) | (texels.part == _EYE_PARTS[1])
    nearest = torch.where(is_eye, near_eye[:, 0], near_skin[:, 0])
    seen = smoothstep(1 / depth[:, 0] - nearest, (-0.0016, -0.0006))
    inside = ((pixel > 1) & (pixel < pixel.new_tensor([camera.width - 1, camera.height - 1]))).all(dim=1)
    confidence = seen * inside * smoothstep(facing, (0.08, 0.3)) * smoothstep(cover[:, 0], (0.75, 0.999))
    return TexelView(pixel, normal, confidence)


def _clearance_maps(inverse_depth: torch.Tensor) -> torch.Tensor:
    """(3, H, W): nearest inverse depth within 5 px, within 1 px, and covered share within 5 px.

    A texel farther away than the nearest surface around its pixel lies beside an occluding edge, where the
    photo mixes both surfaces.
    """
    plane = inverse_depth[None, None]
    wide = dilate(plane, 5)
    narrow = dilate(plane, 1)
    cover = functional.avg_pool2d((plane > 0).to(plane.dtype), (11, 1), stride=1, padding=(5, 0))
    cover = functional.avg_pool2d(cover, (1, 11), stride=1, padding=(0, 5))
    return torch.cat([wide, narrow, cover], dim=1)[0]


def _sample(image: torch.Tensor, pixel: torch.Tensor) -> torch.Tensor:
    """Bilinear sample of a (C, H, W) image at (T, 2) pixel positions (centres at +0.5), (T, C)."""
    height, width = image.shape[-2:]
    grid = pixel / pixel.new_tensor([width, height]) * 2 - 1
    sampled = functional.grid_sample(image[None], grid[None, None], align_corners=False, padding_mode="border")
    return sampled[0, :, 0].T
