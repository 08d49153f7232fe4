"""Adds a displacement map to a mesh: millimetres in the frame of the neutral head, turned with the skin."""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.types import MeshTopology

MILLIMETRES_PER_DECIMETRE = 100.0


def sample_at_vertices(uv_map: torch.Tensor, topology: MeshTopology) -> torch.Tensor:
    """Sample a map at each vertex's texture coordinate; rows split at a seam get their common mean.

    Args:
        uv_map: (N, C, h, w) float.
        topology: the mesh.

    Returns:
        (N, V, C) float, equal on both sides of every seam.
    """
    grid = (topology.uv * 2 - 1)[None, None].expand(len(uv_map), -1, -1, -1).to(uv_map)
    sampled = functional.grid_sample(uv_map, grid, align_corners=False, padding_mode="border")[:, :, 0]
    return _seam_mean(sampled.transpose(1, 2), topology.geometry_index)


def _seam_mean(values: torch.Tensor, geometry_index: torch.Tensor) -> torch.Tensor:
    rows = int(geometry_index.max()) + 1
    total = values.new_zeros(values.shape[0], rows, values.shape[2]).index_add(1, geometry_index, values)
    ones = values.new_ones(len(geometry_index))
    count = values.new_zeros(rows).index_add(0, geometry_index, ones)
    return (total / count.clamp_min(1)[None, :, None])[:, geometry_index]


def displace(
    vertices: torch.Tensor,
    normals: torch.Tensor,
    neutral_normals: torch.Tensor,
    displacement_mm: torch.Tensor,
    topology: MeshTopology,
) -> torch.Tensor:
    """Move vertices by a displacement map.

    Args:
        vertices: (N, V, 3) float, decimetres, unposed, with any expression.
        normals: (N, V, 3) float, of ``vertices``.
        neutral_normals: (N, V, 3) float, of the neutral head.
        displacement_mm: (N, 3, h, w) float, XYZ of the neutral head, millimetres.
        topology: the mesh.

    Returns:
        (N, V, 3) float, decimetres.
    """
    offset = sample_at_vertices(displacement_mm, topology) / MILLIMETRES_PER_DECIMETRE
    turn = rotation_between(neutral_normals, normals)
    return vertices + (turn @ offset[..., None])[..., 0]


def rotation_between(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the smallest rotation that takes each source direction to its target.

    Args:
        source: (..., 3) float, unit length.
        target: (..., 3) float, unit length, not opposite to the source.

    Returns:
        (..., 3, 3) float. Source: Rodrigues' formula with axis source x target.
    """
    axis = torch.linalg.cross(source, target)
    cosine = (source * target).sum(-1)[..., None, None]
    zero = torch.zeros_like(axis[..., 0])
    x, y, z = axis.unbind(-1)
    rows = [torch.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    skew = torch.stack(rows, -2)
    identity = torch.eye(3, dtype=source.dtype, device=source.device)
    return identity + skew + skew @ skew / (1 + cosine).clamp_min(1e-6)
