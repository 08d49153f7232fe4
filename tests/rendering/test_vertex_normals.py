"""Normals against a loop over faces."""

from __future__ import annotations

import numpy as np
import torch

from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.types import MeshTopology
from tests.reference import naive_rendering


def tetrahedron(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, MeshTopology]:
    """A tetrahedron whose last corner is cut by a texture seam: rows 3 and 4 are one vertex."""
    corners = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1.5, 0], [0.2, 0.1, 1], [0.2, 0.1, 1]], dtype=dtype)
    faces = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 4], [2, 0, 3]])
    index = torch.tensor([0, 1, 2, 3, 3])
    uv = torch.zeros(5, 2, dtype=dtype)
    return corners, MeshTopology(faces, uv, uv, index, torch.zeros(4, dtype=torch.uint8), index)


def test_normals_are_those_of_a_loop_over_faces() -> None:
    corners, topology = tetrahedron()
    batch = torch.stack([corners, corners * torch.tensor([2.0, 0.5, 3.0]), corners + 7])
    normals = VertexNormals(topology)(batch)
    for item in range(3):
        faces, index = topology.faces.numpy(), topology.geometry_index.numpy()
        expected = naive_rendering.vertex_normals(batch[item].numpy(), faces, index)
        np.testing.assert_allclose(normals[item].numpy(), expected, atol=1e-12)


def test_normals_point_outward_and_do_not_break_at_seams() -> None:
    corners, topology = tetrahedron()
    normals = VertexNormals(topology)(corners[None])[0]
    assert bool(((corners - corners.mean(0)) * normals).sum(-1).gt(0).all())
    assert torch.equal(normals[3], normals[4])


def test_normals_turn_with_the_mesh_and_ignore_its_scale() -> None:
    corners, topology = tetrahedron()
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    turn = turn * torch.linalg.det(turn)
    operator = VertexNormals(topology)
    torch.testing.assert_close(operator(5 * corners[None] @ turn), operator(corners[None]) @ turn)


def test_normals_have_the_right_gradient() -> None:
    corners, topology = tetrahedron()
    operator = VertexNormals(topology)
    assert torch.autograd.gradcheck(operator, (torch.stack([corners, corners * 1.7]).requires_grad_(),))


def test_a_collapsed_mesh_has_finite_normals() -> None:
    _, topology = tetrahedron(torch.float32)
    points = torch.zeros(1, 5, 3, requires_grad=True)
    normals = VertexNormals(topology)(points)
    normals.sum().backward()
    assert torch.isfinite(normals).all()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
