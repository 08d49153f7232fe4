"""Tangent-space normal maps from displacement: what a mesh level is too coarse to show."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional

from stylefaceuv.export.atlas_raster import AtlasRaster, AtlasRasters
from stylefaceuv.export.tangents import TangentMesh
from stylefaceuv.export.textures import encode_normals, resize_normals
from stylefaceuv.face_model.displacement import sample_at_vertices
from stylefaceuv.types import FaceMesh, MeshTopology

METRES_PER_MILLIMETRE = 1e-3

FloatArray = npt.NDArray[np.float32]


class NormalMapBaker:
    """Bakes normal maps.

    Args:
        rasters: shared with other bakers.
    """

    def __init__(self, rasters: AtlasRasters) -> None:
        self._rasters = rasters

    def bake(
        self, mesh: FaceMesh, tangents: TangentMesh, displacement: npt.NDArray[np.float32], size: int
    ) -> npt.NDArray[np.uint8]:
        """Bake the normals that a displacement map has beyond those of the displaced mesh.

        Args:
            mesh: the displaced, neutral head, metres.
            tangents: its tangents.
            displacement: (h, w, 3) float, millimetres, XYZ of the neutral head.
            size: edge of the map, texels.

        Returns:
            (size, size, 3) uint8, n = 2·c/255 - 1, green up; flat (128, 128, 255) where the mesh says it all.
        """
        grid = min(size, max(displacement.shape[:2]))
        raster = self._rasters.get(mesh.uv[tangents.source], tangents.faces, grid)
        offset = _resize(displacement, grid) * np.float32(METRES_PER_MILLIMETRE)
        texels = _texel_normals(mesh, tangents, raster, offset, _vertex_offsets(mesh, displacement))
        return resize_normals(raster.fill(encode_normals(texels)), size)


def _resize(displacement: npt.NDArray[np.float32], size: int) -> FloatArray:
    """(size, size, 3) float32."""
    if displacement.shape[:2] == (size, size):
        return displacement.astype(np.float32)
    image = torch.from_numpy(np.ascontiguousarray(displacement, np.float32)).permute(2, 0, 1)[None]
    resized = functional.interpolate(image, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def _vertex_offsets(mesh: FaceMesh, displacement: npt.NDArray[np.float32]) -> FloatArray:
    """(V, 3) metres, what displacing moved each vertex by: sampled exactly as the mesh was displaced."""

    def tensor(part: npt.NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(part)).to(dtype)

    topology = MeshTopology(
        faces=tensor(mesh.faces, torch.int64),
        uv=tensor(mesh.uv, torch.float32),
        uv_makehuman=tensor(mesh.uv_makehuman, torch.float32),
        geometry_index=tensor(mesh.geometry_index, torch.int64),
        part=tensor(mesh.part, torch.uint8),
        makehuman_index=tensor(mesh.makehuman_index, torch.int64),
    )
    image = torch.from_numpy(np.ascontiguousarray(displacement, np.float32)).permute(2, 0, 1)[None]
    offsets: FloatArray = sample_at_vertices(image, topology)[0].numpy() * np.float32(METRES_PER_MILLIMETRE)
    return offsets


def _texel_normals(
    mesh: FaceMesh, tangents: TangentMesh, raster: AtlasRaster, offset: FloatArray, vertex_offset: FloatArray
) -> FloatArray:
    """(K, 3) normals of the finely displaced surface in the mesh's own tangent frames, any positive length."""
    smooth = mesh.vertices - vertex_offset
    turn = vertex_normals(smooth, mesh.faces, mesh.geometry_index)
    turn -= vertex_normals(mesh.vertices, mesh.faces, mesh.geometry_index)
    normals = mesh.normals[tangents.source]
    smooth_normals = _unit(normals + turn[tangents.source])
    along_u, along_v = _texture_derivatives(smooth, mesh, smooth_normals, tangents)
    tangent = tangents.tangents[:, :3]
    bitangent = np.cross(normals, tangent) * tangents.tangents[:, 3:]
    frames = np.concatenate([along_u, along_v, tangent, bitangent, normals], axis=1).astype(np.float32)
    along_u, along_v, tangent, bitangent, normals = np.split(raster.interpolation @ frames, 5, axis=1)
    across, down = _map_derivatives(offset, raster)
    # at level detail both products are normals of one orientation; the chart's own tells which
    sign = np.sign(_dot(np.cross(along_u, along_v), normals))
    fine = np.cross(along_u + across, along_v + down) * sign[:, None]
    return np.stack([_dot(fine, tangent), _dot(fine, bitangent), _dot(fine, normals)], axis=1)


def _texture_derivatives(
    points: FloatArray, mesh: FaceMesh, normals: FloatArray, tangents: TangentMesh
) -> tuple[FloatArray, FloatArray]:
    """(V', 3) dP/du and dP/dv, means over the faces at each vertex, in the planes of the normals."""
    rows = tangents.source[tangents.faces]
    corner, texture = points[rows].astype(np.float64), mesh.uv[rows].astype(np.float64)
    side_a, side_b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    uv_a, uv_b = texture[:, 1] - texture[:, 0], texture[:, 2] - texture[:, 0]
    area = uv_a[:, 0] * uv_b[:, 1] - uv_a[:, 1] * uv_b[:, 0]
    weight = np.sign(area)[:, None]  # the derivative times the doubled area: an area-weighted mean
    along_u = (side_a * uv_b[:, 1:] - side_b * uv_a[:, 1:]) * weight
    along_v = (side_b * uv_a[:, :1] - side_a * uv_b[:, :1]) * weight
    total = np.maximum(_gather(np.abs(area)[:, None], tangents.faces, len(normals)), 1e-20)
    results = []
    for direction in (along_u, along_v):
        mean = _gather(direction, tangents.faces, len(normals)) / total
        results.append((mean - normals * _dot(mean, normals)[:, None]).astype(np.float32))
    return results[0].astype(np.float32), results[1].astype(np.float32)


def _map_derivatives(offset: FloatArray, raster: AtlasRaster) -> tuple[FloatArray, FloatArray]:
    """(K, 3) derivatives of the displacement for u and for v; one-sided at the border of a chart."""
    size = raster.size
    covered = np.zeros((size, size), bool)
    covered.ravel()[raster.texels] = True
    results = []
    for axis in (1, 0):
        forward = np.diff(offset, axis=axis)
        both = np.take(covered, range(1, size), axis) & np.take(covered, range(size - 1), axis)
        forward *= both[..., None]
        total = np.zeros_like(offset)
        steps = np.zeros((size, size), np.float32)
        for place in (slice(0, size - 1), slice(1, size)):
            where = (slice(None), place) if axis == 1 else (place, slice(None))
            total[where] += forward
            steps[where] += both
        slope = total * (size / np.maximum(steps, 1))[..., None]
        results.append(slope.reshape(-1, 3)[raster.texels])
    return results[0].astype(np.float32), results[1].astype(np.float32)


def vertex_normals(
    vertices: npt.NDArray[np.floating], faces: npt.NDArray[np.integer], geometry_index: npt.NDArray[np.int64]
) -> FloatArray:
    """Area-weighted vertex normals, equal on both sides of texture seams.

    Args:
        vertices: (V, 3) float.
        faces: (F, 3) integers.
        geometry_index: (V,) int64, rows that are one point of the surface share a number.

    Returns:
        (V, 3) float32, unit length; zero where no face has an area.
    """
    corner = vertices[faces].astype(np.float64)
    area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = _gather(area, geometry_index[faces], int(geometry_index.max()) + 1)
    return _unit(total)[geometry_index].astype(np.float32)


def _gather(per_face: npt.NDArray[np.float64], faces: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.float64]:
    """(count, C): sum of the values of the faces at each vertex."""
    columns = [
        np.bincount(faces.T.ravel(), np.tile(per_face[:, k], 3), minlength=count) for k in range(per_face.shape[1])
    ]
    return np.stack(columns, axis=1)


def _dot(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.einsum("ij,ij->i", first, second)


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    length = np.sqrt(_dot(vectors, vectors))[:, None]
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
