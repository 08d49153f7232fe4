"""Catmull-Clark subdivision of quad meshes as sparse matrices, with texture coordinates per face corner.

Only combinatorics live here (NumPy and SciPy); what comes out is a fixed linear map from a cage to a finer surface.
Vertices of a finer mesh come in the order: old vertices, edge points, face points. A quad ``(a, b, c, d)`` becomes
four, the k-th being ``(corner k, edge k to k+1, face point, edge k-1 to k)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Refinement:
    """One step of subdivision.

    Attributes:
        matrix: (V_fine, V_coarse) sparse; rows sum to one.
        quads: (4 Q, 4) int64, rows of the fine mesh, four per coarse quad in order.
    """

    matrix: scipy.sparse.csr_matrix
    quads: IntArray


@dataclass(frozen=True)
class Edges:
    """The edges of a quad mesh.

    Attributes:
        ends: (E, 2) int64, ascending in each row.
        of_quad: (Q, 4) int64, edge from corner k to corner k + 1.
        face_count: (E,) int64, number of quads at each edge.
    """

    ends: IntArray
    of_quad: IntArray
    face_count: IntArray


def find_edges(quads: IntArray, vertex_count: int) -> Edges:
    """Number the edges of a quad mesh.

    Args:
        quads: (Q, 4) int64 rows of vertices.
        vertex_count: number of vertices.
    """
    pairs = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    keys, inverse, counts = np.unique(pairs[:, 0] * vertex_count + pairs[:, 1], return_inverse=True, return_counts=True)
    ends = np.stack([keys // vertex_count, keys % vertex_count], axis=1)
    return Edges(ends, inverse.reshape(quads.shape), counts)


def catmull_clark(quads: IntArray, vertex_count: int) -> Refinement:
    """Subdivide once with Catmull and Clark's rules; open edges follow the cubic B-spline of the edge curve.

    A vertex at an open edge depends on its neighbours along that edge only; one with a single quad is a
    corner and stays.

    Args:
        quads: (Q, 4) int64 rows of vertices.
        vertex_count: number of vertices.
    """
    edges = find_edges(quads, vertex_count)
    face_points = _averaging(quads, vertex_count)
    edge_points = _edge_points(quads, edges, face_points, vertex_count)
    vertex_points = _vertex_points(quads, edges, face_points, vertex_count)
    matrix = scipy.sparse.vstack([vertex_points, edge_points, face_points]).tocsr()
    matrix.sort_indices()
    return Refinement(matrix, _fine_quads(quads, edges, vertex_count))


def bilinear(quads: IntArray, vertex_count: int) -> Refinement:
    """Subdivide once without smoothing: edge points are midpoints and old vertices stay (for texture coordinates).

    Args:
        quads: (Q, 4) int64 rows of vertices.
        vertex_count: number of vertices.
    """
    edges = find_edges(quads, vertex_count)
    parts = [scipy.sparse.identity(vertex_count), _averaging(edges.ends, vertex_count), _averaging(quads, vertex_count)]
    return Refinement(scipy.sparse.vstack(parts).tocsr(), _fine_quads(quads, edges, vertex_count))


def _averaging(rows: IntArray, vertex_count: int) -> scipy.sparse.csr_matrix:
    """Matrix that averages the vertices named in each row."""
    count, width = rows.shape
    pointer = np.arange(count + 1) * width
    return scipy.sparse.csr_matrix((np.full(rows.size, 1.0 / width), rows.ravel(), pointer), (count, vertex_count))


def _incidence(rows: IntArray, row_count: int) -> scipy.sparse.csr_matrix:
    """(row_count, Q) matrix with a one where column q's entries ``rows[q]`` name the row."""
    columns = np.repeat(np.arange(len(rows)), rows.shape[1])
    return scipy.sparse.csr_matrix((np.ones(rows.size), (rows.ravel(), columns)), (row_count, len(rows)))


def _edge_points(
    quads: IntArray, edges: Edges, face_points: scipy.sparse.csr_matrix, vertex_count: int
) -> scipy.sparse.csr_matrix:
    inner = (edges.face_count == 2).astype(np.float64)
    midpoints = _averaging(edges.ends, vertex_count)
    faces = _incidence(edges.of_quad, len(edges.ends)) @ face_points
    return scipy.sparse.diags(1.0 - 0.5 * inner) @ midpoints + scipy.sparse.diags(0.25 * inner) @ faces


def _vertex_points(
    quads: IntArray, edges: Edges, face_points: scipy.sparse.csr_matrix, vertex_count: int
) -> scipy.sparse.csr_matrix:
    identity = scipy.sparse.identity(vertex_count, format="csr")
    valence = np.bincount(quads.ravel(), minlength=vertex_count).astype(np.float64)
    open_ends = edges.ends[edges.face_count == 1]
    at_border = np.zeros(vertex_count, dtype=bool)
    at_border[open_ends] = True
    corner = (valence < 2) & at_border
    border = at_border & ~corner
    inner = ~at_border & (valence > 0)
    n = np.where(inner, valence, 1.0)
    faces = _incidence(quads, vertex_count) @ face_points
    middles = _incidence(edges.ends, vertex_count) @ _averaging(edges.ends, vertex_count)
    smooth = (
        scipy.sparse.diags(inner / n**2) @ faces
        + scipy.sparse.diags(inner * 2.0 / n**2) @ middles
        + scipy.sparse.diags(np.where(inner, (n - 3.0) / n, 1.0 - 0.25 * border)) @ identity
    )
    along = scipy.sparse.csr_matrix(
        (np.ones(open_ends.size), (open_ends.ravel(), open_ends[:, ::-1].ravel())), (vertex_count, vertex_count)
    )
    return smooth + scipy.sparse.diags(0.125 * border) @ along


def _fine_quads(quads: IntArray, edges: Edges, vertex_count: int) -> IntArray:
    after = vertex_count + edges.of_quad
    before = np.roll(after, 1, axis=1)
    face = vertex_count + len(edges.ends) + np.arange(len(quads))[:, None].repeat(4, axis=1)
    return np.stack([quads, after, face, before], axis=-1).reshape(-1, 4)
