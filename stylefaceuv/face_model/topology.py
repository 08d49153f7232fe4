"""Levels of a head mesh: subdivided quads, texture seams, triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch

from stylefaceuv.face_model.subdivision import FloatArray, IntArray, bilinear, catmull_clark
from stylefaceuv.types import MeshTopology

UV_GRID = float(2**20)
"""Texture coordinates closer than one step of this grid are the same corner."""


@dataclass(frozen=True)
class QuadLevel:
    """A quad mesh of one level, before triangles and seams are handed out.

    Attributes:
        level: number of subdivisions.
        quads: (Q, 4) int64 rows of the unsplit vertices.
        wedges: (Q, 4) int64 rows of ``wedge_uv``: vertices split at texture seams.
        wedge_uv: (W, 4) float64, head atlas u, v, MakeHuman u, v.
        wedge_vertex: (W,) int64, the unsplit vertex of each wedge.
        part: (Q,) uint8.
        matrix: (V, V0) sparse map from the cage to the unsplit vertices.
    """

    level: int
    quads: IntArray
    wedges: IntArray
    wedge_uv: FloatArray
    wedge_vertex: IntArray
    part: npt.NDArray[np.uint8]
    matrix: scipy.sparse.csr_matrix

    @property
    def vertex_count(self) -> int:
        """Number of unsplit vertices."""
        return int(self.matrix.shape[0])


def cage_level(
    quads: IntArray,
    part: npt.NDArray[np.uint8],
    corner_uv: npt.NDArray[np.floating],
    makehuman_corner_uv: npt.NDArray[np.floating],
    vertex_count: int,
) -> QuadLevel:
    """Make level 0 from quads with texture coordinates at their corners.

    Args:
        quads: (Q, 4) int64 rows of the cage.
        part: (Q,) uint8.
        corner_uv: (Q, 4, 2) head atlas, origin top left.
        makehuman_corner_uv: (Q, 4, 2) MakeHuman's layout, origin top left.
        vertex_count: number of cage vertices.
    """
    corners = np.concatenate([corner_uv, makehuman_corner_uv], axis=-1).reshape(-1, 4).astype(np.float64)
    keys = np.column_stack([quads.ravel(), np.rint(corners * UV_GRID).astype(np.int64)])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return QuadLevel(
        level=0,
        quads=quads,
        wedges=inverse.reshape(quads.shape).astype(np.int64),
        wedge_uv=corners[first],
        wedge_vertex=quads.ravel()[first],
        part=part,
        matrix=scipy.sparse.identity(vertex_count, format="csr"),
    )


def refined_level(coarse: QuadLevel) -> QuadLevel:
    """Subdivide a level once: Catmull-Clark for the shape, bilinear for the texture coordinates."""
    shape = catmull_clark(coarse.quads, coarse.vertex_count)
    texture = bilinear(coarse.wedges, len(coarse.wedge_uv))
    vertex = np.empty(texture.matrix.shape[0], dtype=np.int64)
    vertex[texture.quads] = shape.quads
    order = np.argsort(vertex, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return QuadLevel(
        level=coarse.level + 1,
        quads=shape.quads,
        wedges=rank[texture.quads],
        wedge_uv=(texture.matrix @ coarse.wedge_uv)[order],
        wedge_vertex=vertex[order],
        part=coarse.part.repeat(4),
        matrix=(shape.matrix @ coarse.matrix).tocsr(),
    )


def diagonals(quads: IntArray, vertices: FloatArray, level: int) -> npt.NDArray[np.bool_]:
    """Say for each quad whether it is cut from corner 1 to 3 (else from 0 to 2).

    Subdivided quads are cut from their old vertex to their face point, cage quads along the shorter diagonal of the
    mean, so that the cut is the same on both sides of a symmetric mesh.
    """
    if level > 0:
        return np.zeros(len(quads), dtype=bool)
    corner = vertices[quads]
    first = np.linalg.norm(corner[:, 0] - corner[:, 2], axis=-1)
    second = np.linalg.norm(corner[:, 1] - corner[:, 3], axis=-1)
    return np.asarray(second < first - 1e-6)


def triangles(quads: IntArray, flipped: npt.NDArray[np.bool_]) -> IntArray:
    """Cut quads into (2 Q, 3) triangles, two per quad in order, same orientation.

    Args:
        quads: (Q, 4) rows of any vertex list.
        flipped: (Q,) as :func:`diagonals` returns.
    """
    turned = np.where(flipped[:, None], np.roll(quads, -1, axis=1), quads)
    return turned[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def mesh_topology(level: QuadLevel, mean: FloatArray, makehuman_index: IntArray) -> MeshTopology:
    """Make the triangle topology of a level.

    Args:
        level: the quads.
        mean: (V0, 3) mean cage, decimetres; decides the diagonals of level 0.
        makehuman_index: (V0,) MakeHuman vertex of each cage vertex.
    """
    flipped = diagonals(level.quads, mean, level.level)
    base = np.full(level.vertex_count, -1, dtype=np.int64)
    base[: len(makehuman_index)] = makehuman_index
    return MeshTopology(
        faces=torch.from_numpy(triangles(level.wedges, flipped)),
        uv=torch.from_numpy(level.wedge_uv[:, :2].astype(np.float32)),
        uv_makehuman=torch.from_numpy(level.wedge_uv[:, 2:].astype(np.float32)),
        geometry_index=torch.from_numpy(level.wedge_vertex.copy()),
        part=torch.from_numpy(level.part.repeat(2)),
        makehuman_index=torch.from_numpy(base[level.wedge_vertex]),
    )
