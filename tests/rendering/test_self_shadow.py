"""Light in a turned frame, and shading that loses what the own shape takes."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.rendering.lighting import Y00, ambient_light, directional_light, sh_basis
from stylefaceuv.rendering.self_shadow import DEEPEST, ambient_occlusion, even_directions, shadowed, turned_light

ANGLES = torch.tensor([[40.0, -15.0, 8.0], [-70.0, 30.0, -100.0]], dtype=torch.float64)


def lights(count: int) -> torch.Tensor:
    return torch.randn(count, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(count))


def test_a_turned_light_shades_the_own_normal_as_the_light_does_the_turned_one() -> None:
    light, rotation = lights(2), rotation_matrix(ANGLES)
    normals = torch.nn.functional.normalize(torch.randn(7, 3, dtype=torch.float64), dim=-1)
    turned = sh_basis(normals) @ turned_light(light, rotation)
    torch.testing.assert_close(turned, sh_basis(normals @ rotation.transpose(1, 2)) @ light)
    assert not torch.allclose(turned, sh_basis(normals) @ light, atol=0.1)


def test_light_turned_there_and_back_or_from_all_around_is_the_same() -> None:
    light, rotation = lights(2), rotation_matrix(ANGLES)
    torch.testing.assert_close(turned_light(turned_light(light, rotation), rotation.transpose(1, 2)), light)
    ambient = ambient_light().double().expand(2, 9, 3)
    torch.testing.assert_close(turned_light(ambient, rotation), ambient)


def test_turning_has_gradients_and_a_batch_equals_its_singles() -> None:
    light, rotation = lights(2).requires_grad_(), rotation_matrix(ANGLES).requires_grad_()
    assert torch.autograd.gradcheck(turned_light, (light, rotation))
    whole = turned_light(light, rotation)
    for n in range(2):
        torch.testing.assert_close(turned_light(light[n : n + 1], rotation[n : n + 1])[0], whole[n])


@pytest.mark.parametrize(("argument", "light", "rotation"), [("sh_coefficients", 8, 3), ("rotation", 9, 2)])
def test_wrong_shapes_are_named(argument: str, light: int, rotation: int) -> None:
    with pytest.raises(InvalidArgumentError, match=argument):
        turned_light(torch.zeros(2, light, 3), torch.zeros(2, rotation, 3))


def test_shadow_takes_and_never_gives_and_leaves_a_share() -> None:
    shading = torch.tensor([0.8, 0.8, 0.8, 0.0])
    taken = torch.tensor([0.2, -0.2, 5.0, 1.0])
    torch.testing.assert_close(shadowed(shading, taken), torch.tensor([0.6, 0.8, DEEPEST * 0.8, 0.0]))


def test_occlusion_is_what_is_left_of_light_from_all_around() -> None:
    transfer = 0.02 * torch.rand(5, 9, generator=torch.Generator().manual_seed(3))
    left = 1 - transfer @ ambient_light()
    torch.testing.assert_close(ambient_occlusion(transfer)[:, None].expand(5, 3), left)
    assert float(ambient_occlusion(torch.full((9,), 9.0))) == pytest.approx(DEEPEST)
    assert float(ambient_occlusion(torch.full((9,), -Y00))) == 1


def test_directions_are_spread_evenly() -> None:
    directions = even_directions(500).double()
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(500, dtype=torch.float64), atol=1e-6, rtol=0)
    basis = sh_basis(directions)
    gram = 4 * torch.pi * basis.T @ basis / 500
    torch.testing.assert_close(gram, torch.eye(9, dtype=torch.float64), atol=0.02, rtol=0)


def test_a_lamp_turned_into_the_own_frame_is_a_lamp_there() -> None:
    rotation = rotation_matrix(torch.tensor([[90.0, 0.0, 0.0]]))  # the nose towards +X
    seen = turned_light(directional_light((1.0, 0.0, 0.0))[None], rotation)[0]
    torch.testing.assert_close(seen, directional_light((0.0, 0.0, 1.0)), atol=1e-5, rtol=0)
