"""Rasterisation through PyTorch3D, for CUDA users who have it; coverage follows its own float rule."""

from __future__ import annotations

import torch

from stylefaceuv.errors import StyleFaceUVError


def rasterize_pytorch3d(
    vertices: torch.Tensor, faces: torch.Tensor, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rasterise with ``pytorch3d.renderer.mesh.rasterize_meshes``.

    Args:
        vertices: (N, V, 3) float: x px, y px (down), depth in decimetres.
        faces: (F, 3) int64.
        height: pixels.
        width: pixels.

    Returns:
        (N, H, W) int64 and (N, H, W) float32.

    Raises:
        StyleFaceUVError: PyTorch3D is not installed.
    """
    try:
        from pytorch3d.renderer.mesh import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ImportError as error:
        raise StyleFaceUVError("backend: expected an installed pytorch3d for backend='pytorch3d', got none") from error
    # PyTorch3D: +X left, +Y up, the shorter side spans [-1, 1].
    half = min(height, width) / 2
    x = (width / 2 - vertices[..., 0]) / half
    y = (height / 2 - vertices[..., 1]) / half
    points = torch.stack([x, y, vertices[..., 2]], dim=-1).float()
    meshes = Meshes(points, faces[None].expand(len(points), -1, -1))
    packed, depth, _, _ = rasterize_meshes(
        meshes,
        (height, width),
        blur_radius=0.0,
        faces_per_pixel=1,
        perspective_correct=True,
        clip_barycentric_coords=False,
    )
    seen = packed[..., 0] >= 0
    pix_to_face = torch.where(seen, packed[..., 0] % max(len(faces), 1), -1)
    return pix_to_face, torch.where(seen, 1 / depth[..., 0].clamp_min(1e-9), 0.0)
