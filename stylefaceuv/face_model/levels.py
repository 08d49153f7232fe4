"""Subdivision levels of a quad cage: topology split at texture seams, and the matrix that refines vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse
import torch

from stylefaceuv.face_model.subdivision import catmull_clark, subdivide_corners
from stylefaceuv.types import MeshTopology


@dataclass(frozen=True)
class Cage:
    """The coarse quad mesh that all heads share.

    Attributes:
        mean: (V0, 3) float64, mean positions; they choose the diagonals of the quads.
        quads: (Q, 4) int64, counter-clockwise seen from outside.
        part: (Q,) uint8, index into ``PART_NAMES``.
        corner_uv: (Q, 4, 2) float64, head atlas, origin top left.
        corner_uv_makehuman: (Q, 4, 2) float64, MakeHuman's layout, origin top left.
        mirror_index: (V0,) int64, the mirror image of each vertex.
        makehuman_index: (V0,) int64, row in MakeHuman's base mesh.
    """

    mean: npt.NDArray[np.float64]
    quads: npt.NDArray[np.int64]
    part: npt.NDArray[np.uint8]
    corner_uv: npt.NDArray[np.float64]
    corner_uv_makehuman: npt.NDArray[np.float64]
    mirror_index: npt.NDArray[np.int64]
    makehuman_index: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """One subdivision level.

    Attributes:
        topology: faces, texture coordinates and labels, vertices split at seams.
        matrix: (V, V0) sparse float64, split vertices = matrix @ cage vertices.
    """

    topology: MeshTopology
    matrix: sparse.csr_matrix


def build_level(cage: Cage, level: int) -> Level:
    """Subdivide a cage.

    Args:
        cage: the coarse mesh.
        level: number of Catmull–Clark steps.

    Returns:
        The level.
    """
    quads, count = cage.quads, len(cage.mean)
    uv, uv_makehuman, part = cage.corner_uv, cage.corner_uv_makehuman, cage.part
    matrix: Any = sparse.identity(count, format="csr")
    for _ in range(level):
        step = catmull_clark(quads, matrix.shape[0])
        matrix, quads = step.matrix @ matrix, step.quads
        uv, uv_makehuman = subdivide_corners(uv), subdivide_corners(uv_makehuman)
        part = np.repeat(part, 4)
    row_of_corner, geometry_index, split_uv, split_makehuman = _split(quads, uv, uv_makehuman)
    order = _diagonals(cage, quads) if level == 0 else np.zeros(len(quads), np.int64)
    makehuman_index = np.full(matrix.shape[0], -1, np.int64)
    makehuman_index[:count] = cage.makehuman_index
    topology = MeshTopology(
        faces=torch.from_numpy(_triangles(row_of_corner, order)),
        uv=torch.from_numpy(split_uv.astype(np.float32)),
        uv_makehuman=torch.from_numpy(split_makehuman.astype(np.float32)),
        geometry_index=torch.from_numpy(geometry_index),
        part=torch.from_numpy(np.repeat(part, 2)),
        makehuman_index=torch.from_numpy(makehuman_index[geometry_index]),
    )
    return Level(topology, matrix.tocsr()[geometry_index])


def _split(
    quads: npt.NDArray[np.int64], uv: npt.NDArray[np.float64], uv_makehuman: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give each distinct (vertex, uv, MakeHuman uv) a row of its own, in order of the vertices."""
    keys = np.concatenate(
        [
            quads.reshape(-1, 1),
            np.round(uv.reshape(-1, 2) * 2**22).astype(np.int64),
            np.round(uv_makehuman.reshape(-1, 2) * 2**22).astype(np.int64),
        ],
        axis=1,
    )
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    row_of_corner = inverse.reshape(quads.shape)
    return row_of_corner, quads.ravel()[first], uv.reshape(-1, 2)[first], uv_makehuman.reshape(-1, 2)[first]


def _diagonals(cage: Cage, quads: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """First corner of the shorter diagonal, chosen alike on both sides of the head."""
    corners = cage.mean[quads]
    lengths = [np.linalg.norm(corners[:, i] - corners[:, i + 2], axis=1) for i in (0, 1)]
    rank = np.minimum(np.arange(len(cage.mean)), cage.mirror_index)[quads]
    lowest = np.argmin(rank, axis=1) % 2
    tie = np.abs(lengths[0] - lengths[1]) < 1e-9
    return np.where(tie, lowest, (lengths[1] < lengths[0]).astype(np.int64))


def _triangles(quads: npt.NDArray[np.int64], first: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Two triangles a quad, sharing the diagonal that starts at corner ``first``."""
    corner = (first[:, None] + np.arange(4)) % 4
    turned = np.take_along_axis(quads, corner, axis=1)
    return np.stack([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
