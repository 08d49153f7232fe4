from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.face_model.displacement import displace, rotation_between, sample_at_vertices
from stylefaceuv.types import MeshTopology


def _topology() -> MeshTopology:
    """Five rows, the last two on both sides of a seam."""
    uv = torch.tensor([[0.25, 0.25], [0.75, 0.25], [0.5, 0.75], [0.1, 0.9], [0.9, 0.9]])
    index = torch.tensor([0, 1, 2, 3, 3])
    faces = torch.tensor([[0, 2, 1], [0, 3, 2], [1, 2, 4]])
    part = torch.zeros(3, dtype=torch.uint8)
    return MeshTopology(faces, uv, uv, index, part, index)


def test_a_constant_map_moves_every_vertex_by_its_millimetres() -> None:
    topology = _topology()
    vertices = torch.randn(2, 5, 3)
    normals = functional.normalize(torch.randn(2, 5, 3), dim=-1)
    amount = torch.tensor([1.0, -2.0, 3.0])
    moved = displace(vertices, normals, normals, amount[None, :, None, None].expand(2, 3, 6, 4), topology)
    torch.testing.assert_close(moved - vertices, (amount / 100).expand(2, 5, 3))


def test_both_sides_of_a_seam_move_alike() -> None:
    sampled = sample_at_vertices(torch.rand(2, 3, 7, 5), _topology())
    torch.testing.assert_close(sampled[:, 3], sampled[:, 4])
    assert (sampled[:, 0] - sampled[:, 1]).abs().max() > 1e-3


def test_displacement_turns_with_the_skin() -> None:
    topology = _topology()
    neutral = torch.tensor([0.0, 0.0, 1.0]).expand(1, 5, 3)
    turned = torch.tensor([0.0, 1.0, 0.0]).expand(1, 5, 3)
    outward = torch.tensor([0.0, 0.0, 1.0])[None, :, None, None].expand(1, 3, 4, 4)
    moved = displace(torch.zeros(1, 5, 3), turned, neutral, outward, topology)
    torch.testing.assert_close(moved, turned / 100)


def test_rotation_between_takes_one_direction_to_the_other() -> None:
    source = functional.normalize(torch.randn(6, 3, dtype=torch.float64), dim=-1)
    target = functional.normalize(torch.randn(6, 3, dtype=torch.float64), dim=-1)
    turn = rotation_between(source, target)
    torch.testing.assert_close((turn @ source[..., None])[..., 0], target)
    torch.testing.assert_close(turn @ turn.transpose(-1, -2), torch.eye(3, dtype=torch.float64).expand(6, 3, 3))


def test_gradient() -> None:
    topology = _topology()
    normals = functional.normalize(torch.randn(1, 5, 3, dtype=torch.float64), dim=-1)
    other = functional.normalize(normals + 0.2 * torch.randn_like(normals), dim=-1)

    def move(vertices: torch.Tensor, uv_map: torch.Tensor) -> torch.Tensor:
        return displace(vertices, normals, other, uv_map, topology)

    vertices = torch.randn(1, 5, 3, dtype=torch.float64, requires_grad=True)
    uv_map = torch.randn(1, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(move, (vertices, uv_map))
