"""PLY with texture coordinates and vertex colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylefaceuv.export.checks import check_maps, check_mesh
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.types import FaceMesh, UVMaps


def write_ply(path: str | Path, mesh: FaceMesh, maps: UVMaps) -> Path:
    """Write a head as binary PLY: points, normals, ``s t`` texture coordinates (origin at the bottom left), colours.

    Args:
        path: where to; its folder is made when missing.
        mesh: the neutral rest pose, metres.
        maps: its textures; the diffuse map colours the vertices.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: something of a wrong shape, dtype or range; nothing is written then.
        OutputError: the folder cannot be written.
    """
    import trimesh  # three quarters of a second, and only this format needs it

    check_mesh(mesh)
    check_maps(maps)
    solid = trimesh.Trimesh(
        mesh.vertices,
        mesh.faces,
        vertex_normals=mesh.normals,
        vertex_colors=vertex_colors(mesh, maps),
        process=False,
        validate=False,
    )
    solid.vertex_attributes["s"] = mesh.uv[:, 0].astype(np.float32)
    solid.vertex_attributes["t"] = (1 - mesh.uv[:, 1]).astype(np.float32)
    solid.face_attributes["part"] = mesh.part.astype(np.uint8)
    data = solid.export(file_type="ply", vertex_normal=True)
    atomic_write_bytes(path, data if isinstance(data, bytes) else str(data).encode())
    return Path(path)


def vertex_colors(mesh: FaceMesh, maps: UVMaps) -> npt.NDArray[np.uint8]:
    """Read the diffuse map at each vertex, from the nearest texel.

    Args:
        mesh: the head.
        maps: its textures.

    Returns:
        (V, 4) uint8, opaque.
    """
    height, width = maps.diffuse.shape[:2]
    column = np.clip((mesh.uv[:, 0] * width).astype(np.int64), 0, width - 1)
    row = np.clip((mesh.uv[:, 1] * height).astype(np.int64), 0, height - 1)
    opaque = np.full((len(mesh.uv), 1), 255, np.uint8)
    return np.concatenate([maps.diffuse[row, column], opaque], axis=1)
