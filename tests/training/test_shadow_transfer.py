"""What a head takes from its own light: against rays, on convex bodies, and on the shipped head."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.rendering.self_shadow import ambient_occlusion, even_directions
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.training.shadow_transfer import cast_shadows, own_shade_weight, self_shadow
from tests.reference import naive_shadow

ODD = torch.tensor([1, 1, 1, -1, -1, 1, 1, -1, 1])


def floor_and_wall() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A floor of 4 x 3 points with a wall along one side; normals point up and along +Z."""
    x, z = torch.meshgrid(torch.linspace(-1, 1, 4), torch.linspace(0.2, 1.7, 3), indexing="ij")
    ground = torch.stack([x, torch.zeros_like(x), z], dim=-1).reshape(-1, 3)
    wall = torch.tensor([[-1.2, -0.1, 0.0], [1.2, -0.1, 0.0], [1.2, 1.0, 0.0], [-1.2, 1.0, 0.0]])
    normals = torch.tensor([[0.0, 1.0, 0.0]] * 12 + [[0.0, 0.0, 1.0]] * 4)
    quads = [(3 * i + j, 3 * i + j + 1, 3 * i + j + 4, 3 * i + j + 3) for i in range(3) for j in range(2)]
    quads.append((12, 13, 14, 15))
    faces = torch.tensor([[a, b, c] for a, b, c, _ in quads] + [[a, c, d] for a, _, c, d in quads])
    return torch.cat([ground, wall]), normals, faces


def test_views_find_what_rays_find() -> None:
    vertices, normals, faces = floor_and_wall()
    found = self_shadow(vertices, normals, faces, sides=150, size=256)
    rays = even_directions(150).double().numpy()
    wanted = naive_shadow.self_shadow(vertices.double().numpy(), normals.double().numpy(), faces.numpy(), rays)
    expected = torch.from_numpy(wanted).float()
    difference = (found - expected)[:12].abs()
    assert float(difference.max()) < 0.06, "a few directions of 150 pass an edge"
    assert float(difference.mean()) < 0.08 * float(expected[:12].abs().mean())
    near, far = ambient_occlusion(found[0:12:3]), ambient_occlusion(found[2:12:3])
    assert float(near.max()) < 0.8 < 0.9 < float(far.min())


def test_a_convex_body_is_in_the_open(tiny: MorphableModel) -> None:
    skin = tiny.topology(1).part == 0
    rows = tiny.topology(1).faces[skin]
    vertices = tiny.refine(tiny.mean[None], 1)
    normals = VertexNormals(tiny.topology(1), vertices)(vertices)
    taken = self_shadow(vertices[0], normals[0], rows, sides=60, size=128)
    assert float(taken[rows.unique(), 0].mean()) < 0.01


@pytest.fixture(scope="module")
def cast(head: MorphableModel) -> MorphableModel:
    """The shipped head, looked at from few sides."""
    model = copy.deepcopy(head)
    model.self_shadow.zero_()
    with torch.no_grad():
        cast_shadows(model, sides=40, size=160)
    return model


def test_the_shipped_shadow_is_what_the_stage_finds(head: MorphableModel, cast: MorphableModel) -> None:
    both = torch.stack([head.self_shadow[:, 0], cast.self_shadow[:, 0]])
    assert float(torch.corrcoef(both)[0, 1]) > 0.95
    assert float((both[0] - both[1]).abs().mean()) < 0.2 * float(both[0].mean())


def test_the_face_inner_parts_and_the_other_side_keep_their_rules(head: MorphableModel, cast: MorphableModel) -> None:
    for model in (head, cast):
        assert not model.self_shadow[own_shade_weight(model) == 0].any()
        for part in ("eye_left", "teeth_upper", "tongue"):
            assert not model.self_shadow[part_rows(model, part)].any()
        mirrored = model.self_shadow[model.mirror_index] * ODD
        torch.testing.assert_close(mirrored, model.self_shadow, atol=1e-3, rtol=0)


def test_ears_and_the_skin_behind_them_are_darker_than_the_vault(head: MorphableModel) -> None:
    reached = ambient_occlusion(head.self_shadow)
    vault = part_rows(head, "skin")[head.mean[part_rows(head, "skin"), 1] > 0.9]
    assert float(reached[vault].min()) > 0.98
    beside = (head.mean[:, 0].abs() > 0.65) & (head.mean[:, 1].abs() < 0.4)
    assert float(reached[beside].min()) < 0.75
    assert float(reached[beside].mean()) < 0.95
