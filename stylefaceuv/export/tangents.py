"""Tangents as MikkTSpace defines them, for indexed triangle meshes, in NumPy.

The tangent space is evaluated on (u, 1 - v), so that ``cross(normal, tangent) * w`` points up the picture, as
glTF's normal maps want it although its texture origin is at the top left.
Source: Mikkelsen, "Simulation of Wrinkled Surfaces Revisited" (2008) and its reference ``mikktspace.c``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TangentMesh:
    """A mesh with one tangent for each vertex.

    Attributes:
        faces: (F, 3) int64.
        source: (V',) int64, row of the mesh that was given; the first V rows are its own, any further ones are
            copies of rows where mirrored texture charts meet.
        tangents: (V', 4) float32, unit XYZ, w = 1 or -1.
    """

    faces: IntArray
    source: IntArray
    tangents: npt.NDArray[np.float32]


def compute_tangents(
    vertices: npt.NDArray[np.float32],
    normals: npt.NDArray[np.float32],
    uv: npt.NDArray[np.float32],
    faces: npt.NDArray[np.integer],
) -> TangentMesh:
    """Compute the tangents of a mesh.

    Args:
        vertices: (V, 3) float, any unit.
        normals: (V, 3) float, unit length.
        uv: (V, 2) float, origin at the top left.
        faces: (F, 3) integers, counter-clockwise seen from outside.

    Returns:
        The tangents, with rows copied where one vertex needs two.
    """
    corners = faces.astype(np.int64)
    points = vertices.astype(np.float64)
    texture = uv.astype(np.float64) * (1, -1) + (0, 1)
    welded = _weld(vertices, normals, uv)[corners]
    edge_u, positive, flat = _face_directions(points, texture, corners)
    group = _corner_groups(welded, positive, flat)
    tangent = _group_tangents(points, normals.astype(np.float64), corners, edge_u, flat, group)
    return _spread(tangent, positive, group, corners, normals)


def _weld(*attributes: npt.NDArray[np.float32]) -> IntArray:
    """(V,) int64: rows whose attributes are all equal share a number."""
    table = np.ascontiguousarray(np.concatenate(attributes, axis=1).astype(np.float32) + np.float32(0))  # -0 -> 0
    packed = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
    return np.unique(packed, return_inverse=True)[1].astype(np.int64)


def _face_directions(
    points: FloatArray, texture: FloatArray, faces: IntArray
) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(F, 3) direction of growing u, (F,) whether the chart is unmirrored, (F,) whether it has no area."""
    first, second, third = (points[faces[:, k]] for k in range(3))
    corner = [texture[faces[:, k]] for k in range(3)]
    side_a, side_b = corner[1] - corner[0], corner[2] - corner[0]
    area = side_a[:, 0] * side_b[:, 1] - side_a[:, 1] * side_b[:, 0]
    direction = side_b[:, 1:] * (second - first) - side_a[:, 1:] * (third - first)
    positive = area > 0
    direction = _unit(direction) * np.where(positive, 1.0, -1.0)[:, None]
    flat = (np.abs(area) <= np.finfo(np.float32).tiny) | ~direction.any(axis=1)
    return direction, positive, flat


def _corner_groups(welded: IntArray, positive: npt.NDArray[np.bool_], flat: npt.NDArray[np.bool_]) -> IntArray:
    """(F, 3) int64: corners at one vertex, joined through shared edges and of one handedness, share a number.

    A face without texture area takes the handedness of a neighbour; ``positive`` is updated in place.
    """
    half, opposite = _opposite_half_edges(welded)
    face, other = half // 3, opposite // 3
    adopt = flat[face] & ~flat[other]
    positive[face[adopt]] = positive[other[adopt]]
    same = positive[face] == positive[other]
    half, opposite = half[same], opposite[same]
    # the half edge a->b leaves corner `half`; its partner b->a arrives at the corner after `opposite`
    joined = sparse.coo_matrix(
        (np.ones(len(half), np.int8), (half, _next_corner(opposite))), shape=(welded.size, welded.size)
    )
    return csgraph.connected_components(joined, directed=False)[1].reshape(welded.shape).astype(np.int64)


def _opposite_half_edges(welded: IntArray) -> tuple[IntArray, IntArray]:
    """Half edges (numbered as the corner they leave) that have a partner running the other way, and the partner."""
    start, stop = welded.ravel(), np.roll(welded, -1, axis=1).ravel()
    stride = int(welded.max()) + 1
    key = start * stride + stop
    order = np.argsort(key, kind="stable")
    found = np.searchsorted(key[order], stop * stride + start)
    partner = order[np.minimum(found, len(order) - 1)]
    paired = key[partner] == stop * stride + start
    half = np.flatnonzero(paired)
    return half, partner[half]


def _next_corner(corner: IntArray) -> IntArray:
    return corner - corner % 3 + (corner + 1) % 3


def _group_tangents(
    points: FloatArray,
    normals: FloatArray,
    faces: IntArray,
    edge_u: FloatArray,
    flat: npt.NDArray[np.bool_],
    group: IntArray,
) -> FloatArray:
    """(G, 3) unit tangent of each group: u directions in the normal's plane, weighted by the corner's angle."""
    total = np.zeros((int(group.max()) + 1, 3))
    for corner in range(3):
        here = faces[:, corner]
        normal = normals[here]
        direction = _unit(_flatten(edge_u, normal))
        before = _unit(_flatten(points[faces[:, corner - 1]] - points[here], normal))
        after = _unit(_flatten(points[faces[:, (corner + 1) % 3]] - points[here], normal))
        angle = np.arccos(np.clip((before * after).sum(axis=1), -1, 1))
        weighted = direction * np.where(flat, 0.0, angle)[:, None]
        for axis in range(3):
            total[:, axis] += np.bincount(group[:, corner], weighted[:, axis], minlength=len(total))
    return _unit(total)


def _spread(
    tangent: FloatArray,
    positive: npt.NDArray[np.bool_],
    group: IntArray,
    faces: IntArray,
    normals: npt.NDArray[np.float32],
) -> TangentMesh:
    """Give each vertex its group's tangent; copy a vertex for each further group."""
    count = len(normals)
    groups = len(tangent)
    pairs, first, inverse = np.unique(faces.ravel() * groups + group.ravel(), return_index=True, return_inverse=True)
    owner, of_group = pairs // groups, pairs % groups
    is_first = np.r_[True, owner[1:] != owner[:-1]]
    row = owner.copy()
    row[~is_first] = count + np.arange(int((~is_first).sum()))
    source = np.r_[np.arange(count), owner[~is_first]]
    result = np.zeros((len(source), 4))
    result[:, 3] = 1
    result[row, :3] = tangent[of_group]
    result[row, 3] = np.where(positive[first // 3], 1.0, -1.0)
    missing = ~result[:, :3].any(axis=1)
    result[missing, :3] = _any_perpendicular(normals[source[missing]].astype(np.float64))
    return TangentMesh(row[inverse].reshape(faces.shape), source, result.astype(np.float32))


def _any_perpendicular(normals: FloatArray) -> FloatArray:
    axis = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    return _unit(_flatten(axis, normals))


def _flatten(vectors: FloatArray, normals: FloatArray) -> FloatArray:
    """Project vectors into the planes of unit normals."""
    return vectors - normals * (vectors * normals).sum(axis=1, keepdims=True)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
