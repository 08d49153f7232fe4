"""Catmull-Clark by the book: loops over faces, edges and vertices of a quad mesh, no matrices."""

from __future__ import annotations

import numpy as np


def catmull_clark_points(vertices: np.ndarray, quads: np.ndarray) -> tuple[list, dict, list]:
    """Return new vertex points (list), edge points (by frozenset of ends) and face points (list)."""
    face_points = [sum(vertices[v] for v in quad) / 4.0 for quad in quads]
    faces_of_edge: dict[frozenset, list[int]] = {}
    for face, quad in enumerate(quads):
        for k in range(4):
            edge = frozenset((int(quad[k]), int(quad[(k + 1) % 4])))
            faces_of_edge.setdefault(edge, []).append(face)
    edge_points = {}
    for edge, faces in faces_of_edge.items():
        a, b = edge
        if len(faces) == 1:
            edge_points[edge] = (vertices[a] + vertices[b]) / 2.0
        else:
            edge_points[edge] = (vertices[a] + vertices[b] + face_points[faces[0]] + face_points[faces[1]]) / 4.0
    vertex_points = [_vertex_point(v, vertices, quads, face_points, faces_of_edge) for v in range(len(vertices))]
    return vertex_points, edge_points, face_points


def _vertex_point(v, vertices, quads, face_points, faces_of_edge):
    faces = [face for face, quad in enumerate(quads) if v in quad]
    edges = [edge for edge in faces_of_edge if v in edge]
    open_ends = [next(iter(edge - {v})) for edge in edges if len(faces_of_edge[edge]) == 1]
    if not faces:
        return vertices[v]
    if open_ends:
        if len(faces) == 1:
            return vertices[v]
        return (vertices[open_ends[0]] + 6.0 * vertices[v] + vertices[open_ends[1]]) / 8.0
    n = len(faces)
    around = sum(face_points[face] for face in faces) / n
    middles = sum((vertices[v] + vertices[next(iter(edge - {v}))]) / 2.0 for edge in edges) / n
    return (around + 2.0 * middles + (n - 3) * vertices[v]) / n
