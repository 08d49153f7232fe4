"""Catmull–Clark subdivision of quad meshes as sparse matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse

from stylefaceuv.errors import InvalidArgumentError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Subdivision:
    """One subdivision step.

    Attributes:
        matrix: (V', V) sparse float64; new vertices = matrix @ old vertices. Old vertices come first, then one
            vertex for each edge, then one for each quad.
        quads: (4Q, 4) int64, corners in the old winding; the first corner is the old vertex, the third the quad's.
    """

    matrix: sparse.csr_matrix
    quads: IntArray


def catmull_clark(quads: IntArray, vertex_count: int) -> Subdivision:
    """Subdivide a quad mesh once; boundaries become cubic B-spline curves.

    Args:
        quads: (Q, 4) int64, a manifold with or without boundary.
        vertex_count: V; every vertex belongs to some quad.

    Returns:
        The step. Source: Catmull and Clark (1978); boundary rule of Hoppe et al. (1994).

    Raises:
        InvalidArgumentError: not quads, or an edge with more than two quads.
    """
    if quads.ndim != 2 or quads.shape[1] != 4:
        raise InvalidArgumentError("quads", "shape (Q, 4)", quads.shape)
    edges, edge_of_corner, edge_uses = _edges(quads)
    count = len(quads)
    rows = np.repeat(np.arange(count), 4)
    face_points = sparse.csr_matrix((np.full(4 * count, 0.25), (rows, quads.ravel())), shape=(count, vertex_count))
    border = edge_uses == 1
    midpoints = _incidence(edges, len(edges), vertex_count) * 0.5
    edge_faces = sparse.csr_matrix(
        (np.ones(4 * count), (edge_of_corner.ravel(), rows)), shape=(len(edges), count)
    )
    inner = sparse.diags((~border).astype(float))
    edge_points = sparse.diags(np.where(border, 1.0, 0.5)) @ midpoints + 0.25 * inner @ edge_faces @ face_points
    vertex_points = _vertex_points(quads, edges, border, midpoints, face_points, vertex_count)
    matrix = sparse.vstack([vertex_points, edge_points, face_points]).tocsr()
    matrix.sum_duplicates()
    matrix.sort_indices()
    return Subdivision(matrix, _children(quads, edge_of_corner, vertex_count, len(edges)))


def _edges(quads: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Unique edges (E, 2), the edge from each corner to the next (Q, 4), and how many quads use each edge."""
    pairs = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges, inverse, uses = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True, return_counts=True)
    if uses.max() > 2:
        raise InvalidArgumentError("quads", "a manifold mesh", f"an edge used by {uses.max()} quads")
    return edges, inverse.reshape(quads.shape), uses


def _incidence(edges: IntArray, count: int, vertex_count: int) -> sparse.csr_matrix:
    rows = np.repeat(np.arange(count), 2)
    return sparse.csr_matrix((np.ones(2 * count), (rows, edges.ravel())), shape=(count, vertex_count))


def _vertex_points(
    quads: IntArray,
    edges: IntArray,
    border: npt.NDArray[np.bool_],
    midpoints: sparse.csr_matrix,
    face_points: sparse.csr_matrix,
    vertex_count: int,
) -> sparse.csr_matrix:
    """Inner: (mean face point + 2 mean edge midpoint + (n - 3) vertex) / n; border: 1/8, 6/8, 1/8 along it."""
    valence = np.bincount(quads.ravel(), minlength=vertex_count).astype(float)
    on_border = np.zeros(vertex_count, bool)
    on_border[edges[border].ravel()] = True
    rows = np.repeat(np.arange(len(quads)), 4)
    faces_of_vertex = sparse.csr_matrix(
        (np.ones(quads.size), (quads.ravel(), rows)), shape=(vertex_count, len(quads))
    )
    edges_of_vertex = _incidence(edges, len(edges), vertex_count).T
    edge_valence = np.asarray(edges_of_vertex.sum(axis=1)).ravel()
    safe = np.maximum(valence, 1)
    mean_face = sparse.diags(1 / safe) @ faces_of_vertex @ face_points
    mean_edge = sparse.diags(1 / np.maximum(edge_valence, 1)) @ edges_of_vertex @ midpoints
    keep = sparse.diags((safe - 3) / safe)
    smooth = sparse.diags(1 / safe) @ (mean_face + 2 * mean_edge) + keep
    border_edges = edges_of_vertex @ sparse.diags(border.astype(float))
    curve = 0.5 * sparse.identity(vertex_count) + 0.25 * border_edges @ midpoints
    selected = sparse.diags(on_border.astype(float))
    return (sparse.identity(vertex_count) - selected) @ smooth + selected @ curve


def _children(quads: IntArray, edge_of_corner: IntArray, vertex_count: int, edge_count: int) -> IntArray:
    centre = vertex_count + edge_count + np.arange(len(quads))
    after = vertex_count + edge_of_corner
    before = vertex_count + np.roll(edge_of_corner, 1, axis=1)
    corners = [quads, after, np.broadcast_to(centre[:, None], quads.shape), before]
    return np.stack(corners, axis=-1).reshape(-1, 4)


def subdivide_corners(corner_uv: FloatArray) -> FloatArray:
    """Subdivide per-corner texture coordinates bilinearly, in step with :func:`catmull_clark`.

    Args:
        corner_uv: (Q, 4, 2) float.

    Returns:
        (4Q, 4, 2) float; the chart keeps its outline and stays injective.
    """
    after = (corner_uv + np.roll(corner_uv, -1, axis=1)) / 2
    before = np.roll(after, 1, axis=1)
    centre = np.broadcast_to(corner_uv.mean(axis=1, keepdims=True), corner_uv.shape)
    return np.stack([corner_uv, after, centre, before], axis=2).reshape(-1, 4, 2)
