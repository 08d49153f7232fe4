"""From fragments to per-pixel attributes: perspective-correct, differentiable in the vertices."""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.rendering.rasterizer import Fragments


def barycentrics(fragments: Fragments, vertices_screen: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Return perspective-correct barycentric coordinates of each pixel centre.

    Args:
        fragments: of the same vertices.
        vertices_screen: (N, V, 3) float: x px, y px, depth in decimetres.
        faces: (F, 3) int64.

    Returns:
        (N, H, W, 3) float, summing to 1; of triangle 0 where nothing is seen.
    """
    batch, height, width = fragments.pix_to_face.shape
    corners = gather_corners(fragments, vertices_screen, faces)  # (N, H, W, 3 corners, 3)
    rows = torch.arange(height, device=corners.device, dtype=corners.dtype) + 0.5
    columns = torch.arange(width, device=corners.device, dtype=corners.dtype) + 0.5
    pixel = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1).expand(batch, -1, -1, -1)
    offset = corners[..., :2] - pixel[..., None, :]
    ax, ay, bx, by, cx, cy = (offset[..., i, j] for i in range(3) for j in range(2))
    edges = torch.stack([bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx], dim=-1)
    weights = edges / corners[..., 2]
    total = weights.sum(-1, keepdim=True)
    return weights / torch.where(total == 0, torch.ones_like(total), total)


def gather_corners(fragments: Fragments, values: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Return the vertex values of each pixel's triangle, (N, H, W, 3, C); of triangle 0 where nothing is seen."""
    rows = faces[fragments.pix_to_face.clamp_min(0)]  # (N, H, W, 3)
    flat = rows.flatten(1)[..., None].expand(-1, -1, values.shape[-1])
    return values.gather(1, flat).unflatten(1, rows.shape[1:])


def interpolate(fragments: Fragments, weights: torch.Tensor, values: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Interpolate vertex values at the pixels.

    Args:
        fragments: what each pixel sees.
        weights: (N, H, W, 3) float, from :func:`barycentrics`.
        values: (N, V, C) float.
        faces: (F, 3) int64.

    Returns:
        (N, H, W, C) float, 0 where nothing is seen.
    """
    corners = gather_corners(fragments, values, faces)
    seen = (fragments.pix_to_face >= 0)[..., None]
    mixed = (corners * weights[..., None]).sum(dim=-2)
    return torch.where(seen, mixed, torch.zeros_like(mixed))


def sample_texture(texture: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Sample textures bilinearly.

    Args:
        texture: (N, C, h, w) float.
        uv: (N, H, W, 2) float in [0, 1], origin top left.

    Returns:
        (N, C, H, W) float.
    """
    return functional.grid_sample(texture, uv * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False)
