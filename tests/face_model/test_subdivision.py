from __future__ import annotations

import numpy as np
import pytest

from stylefaceuv.face_model.subdivision import bilinear, catmull_clark, find_edges
from stylefaceuv.face_model.topology import cage_level, diagonals, mesh_topology, refined_level, triangles
from tests.reference.naive_subdivision import catmull_clark_points

CUBE = np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]])
CUBE_VERTICES = np.array(
    [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=float
)


def grid(rows: int, columns: int) -> np.ndarray:
    at = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    return np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=-1).reshape(-1, 4)


MESHES = {
    "cube (closed, valence 3)": CUBE,
    "box without lid (open edge at valence 3)": np.delete(CUBE, 1, axis=0),
    "grid (corners, borders, inside)": grid(3, 4),
    "single quad (corners only)": grid(1, 1),
}


@pytest.mark.parametrize("name", MESHES)
def test_catmull_clark_equals_the_naive_rules(name: str) -> None:
    quads = MESHES[name]
    vertices = np.random.default_rng(1).normal(size=(int(quads.max()) + 1, 3))
    step = catmull_clark(quads, len(vertices))
    fine = step.matrix @ vertices
    vertex_points, edge_points, face_points = catmull_clark_points(vertices, quads)
    np.testing.assert_allclose(fine[: len(vertices)], vertex_points, atol=1e-12)
    np.testing.assert_allclose(fine[len(fine) - len(quads) :], face_points, atol=1e-12)
    for row, (a, b) in enumerate(find_edges(quads, len(vertices)).ends):
        np.testing.assert_allclose(fine[len(vertices) + row], edge_points[frozenset((a, b))], atol=1e-12)
    for face, quad in enumerate(quads):
        for k in range(4):
            small = step.quads[4 * face + k]
            after = edge_points[frozenset((quad[k], quad[(k + 1) % 4]))]
            before = edge_points[frozenset((quad[k], quad[k - 1]))]
            expected = [vertex_points[quad[k]], after, face_points[face], before]
            np.testing.assert_allclose(fine[small], expected, atol=1e-12)


def test_second_level_equals_the_naive_rules_twice() -> None:
    vertices, quads = CUBE_VERTICES, CUBE
    first = catmull_clark(quads, len(vertices))
    middle = first.matrix @ vertices
    second = catmull_clark(first.quads, len(middle))
    points, _, _ = catmull_clark_points(middle, first.quads)
    np.testing.assert_allclose((second.matrix @ middle)[: len(middle)], points, atol=1e-12)


def test_rows_sum_to_one_so_that_moving_the_cage_moves_the_surface() -> None:
    for quads in MESHES.values():
        matrix = catmull_clark(quads, int(quads.max()) + 1).matrix
        np.testing.assert_allclose(np.asarray(matrix.sum(axis=1)).ravel(), 1.0, atol=1e-12)


def test_an_open_edge_depends_on_itself_only() -> None:
    quads = grid(4, 4)
    matrix = catmull_clark(quads, 25).matrix.toarray()
    border = [v for v in range(25) if v // 5 in (0, 4) or v % 5 in (0, 4)]
    inside = [v for v in range(25) if v not in border]
    assert np.abs(matrix[border][:, inside]).max() == 0
    edges = find_edges(quads, 25)
    open_rows = 25 + np.flatnonzero(edges.face_count == 1)
    assert np.abs(matrix[open_rows][:, inside]).max() == 0


def test_bilinear_keeps_old_vertices_and_takes_midpoints() -> None:
    step = bilinear(grid(1, 1), 4)
    fine = step.matrix @ np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)
    np.testing.assert_allclose(fine[:4], [[0, 0], [1, 0], [0, 1], [1, 1]])
    assert sorted(map(tuple, fine[4:].tolist())) == [(0.0, 0.5), (0.5, 0.0), (0.5, 0.5), (0.5, 1.0), (1.0, 0.5)]


def split_cube():
    """A cube whose atlas gives every face its own square, while MakeHuman's layout is all one point."""
    square = np.array([[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]])
    corner_uv = square[None] + 0.15 * np.arange(6)[:, None, None]
    return cage_level(CUBE, np.arange(6, dtype=np.uint8), corner_uv, np.zeros((6, 4, 2)), 8)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_vertices_are_split_at_seams_and_nowhere_else(steps: int) -> None:
    level = split_cube()
    for _ in range(steps):
        level = refined_level(level)
    side = 2**steps + 1
    assert len(level.wedge_uv) == 6 * side * side
    assert level.vertex_count == 6 * 4**steps + 2
    np.testing.assert_array_equal(level.wedge_vertex[level.wedges], level.quads)
    assert (np.diff(level.wedge_vertex) >= 0).all()
    np.testing.assert_array_equal(np.unique(level.wedge_vertex), np.arange(level.vertex_count))


def test_texture_coordinates_are_subdivided_bilinearly_within_each_face() -> None:
    level = refined_level(split_cube())
    corner = level.wedge_uv[level.wedges][..., :2].reshape(6, 4, 4, 2)
    start = 0.15 * np.arange(6)[:, None]
    np.testing.assert_allclose(corner[:, 0, 0], start + np.zeros((6, 2)), atol=1e-12)
    np.testing.assert_allclose(corner[:, 0, 1], start + np.array([0.05, 0.0]), atol=1e-12)
    np.testing.assert_allclose(corner[:, :, 2], (start + 0.05)[:, None].repeat(4, 1).repeat(2, 2), atol=1e-12)


def test_triangles_keep_the_orientation_and_cover_the_quad() -> None:
    for flipped in (False, True):
        cut = triangles(np.array([[0, 1, 2, 3]]), np.array([flipped]))
        flat = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)[cut]
        a, b = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
        np.testing.assert_allclose(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], [1.0, 1.0])
        assert {1, 3} <= set(cut[0]) if flipped else {0, 2} <= set(cut[0])


def test_the_cage_is_cut_along_the_shorter_diagonal_and_finer_levels_at_the_old_vertex() -> None:
    kite = np.array([[0, 0, 0], [1, 0, 0], [3, 3, 0], [0, 1, 0]], dtype=float)
    quad = np.array([[0, 1, 2, 3]])
    assert diagonals(quad, kite, 0).tolist() == [True]
    assert diagonals(np.roll(quad, 1, axis=1), kite, 0).tolist() == [False]
    assert diagonals(quad, kite, 1).tolist() == [False]


def test_topology_names_base_vertices_and_marks_new_ones() -> None:
    topology = mesh_topology(refined_level(split_cube()), CUBE_VERTICES, np.arange(8) + 100)
    old = topology.geometry_index < 8
    assert (topology.makehuman_index[old] == topology.geometry_index[old] + 100).all()
    assert (topology.makehuman_index[~old] == -1).all()
    assert topology.part.tolist() == [part for part in range(6) for _ in range(8)]
