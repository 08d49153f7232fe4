"""Properties of the whole shading path on the real head."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.light_presets import LIGHT_PRESETS, light_preset
from stylefaceuv.rendering.lighting import ambient_light, directional_light, sh_basis, shade
from stylefaceuv.rendering.renderer import Renderer, RenderOutput
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS

HEIGHT, WIDTH = 72, 96


@pytest.fixture(scope="module")
def head() -> MorphableModel:
    return load_face_model(EMBEDDED_WEIGHTS / "face_model.safetensors")


def render(
    head: MorphableModel, cage: torch.Tensor, yaw: list[float], light: torch.Tensor, albedo: torch.Tensor
) -> RenderOutput:
    count = len(yaw)
    rotation = torch.tensor([[angle, 0.0, 0.0] for angle in yaw])
    world = pose_vertices(head.refine(cage, 0), rotation, torch.zeros(count, 3))
    lights = light.expand(count, 9, 3)
    return Renderer().render(world, head.topology(0), albedo, lights, Camera.portrait(HEIGHT, WIDTH))


def some_heads(head: MorphableModel, count: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(4)
    return head(0.7 * torch.randn(count, 80, generator=source), 0.3 * torch.rand(count, 64, generator=source))


def test_in_a_white_furnace_a_white_head_is_flat(head: MorphableModel) -> None:
    output = render(head, some_heads(head, 2), [0.0, 40.0], ambient_light(), torch.ones(2, 3, 1, 1))
    inside = output.alpha.expand_as(output.color) == 1
    torch.testing.assert_close(output.color[inside], torch.ones_like(output.color[inside]), atol=1e-5, rtol=0)
    torch.testing.assert_close(output.color, output.alpha.expand_as(output.color), atol=1e-5, rtol=0)
    assert 0.1 < float(output.alpha.mean()) < 0.9


def test_the_mirrored_head_at_minus_yaw_is_the_mirror_image(head: MorphableModel) -> None:
    cage = some_heads(head, 1)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    mirrored = cage[:, head.mirror_index] * flip
    source = torch.Generator().manual_seed(2)
    albedo = torch.rand(1, 3, 64, 64, generator=source)
    left, right = directional_light((0.7, 0.4, 0.6)), directional_light((-0.7, 0.4, 0.6))
    first = render(head, cage, [25.0], left, albedo).color
    second = render(head, mirrored, [-25.0], right, albedo.flip(-1)).color.flip(-1)
    assert float((first - second).abs().mean()) < 2e-3
    assert float((first - second.flip(-1)).abs().mean()) > 2e-2


def test_a_batch_equals_its_singles_and_a_second_call_the_first(head: MorphableModel) -> None:
    cage, albedo = some_heads(head, 3), torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    light, yaw = light_preset("studio"), [-30.0, 5.0, 50.0]
    batch, again = (render(head, cage, yaw, light, albedo) for _ in range(2))
    assert torch.equal(batch.color, again.color)
    for n in range(3):
        single = render(head, cage[n : n + 1], yaw[n : n + 1], light, albedo[n : n + 1])
        torch.testing.assert_close(single.color[0], batch.color[n], atol=1e-5, rtol=1e-5)


def test_the_picture_has_gradients_in_maps_light_and_vertices(head: MorphableModel) -> None:
    cage = some_heads(head, 1).requires_grad_()
    albedo = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    light = light_preset("left")[None].clone().requires_grad_()
    render(head, cage, [10.0], light, albedo).color.square().mean().backward()
    for tensor in (cage, albedo, light):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.any()


def test_the_albedo_gradient_is_the_finite_difference(head: MorphableModel) -> None:
    cage, light = some_heads(head, 1), light_preset("studio")
    albedo = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    render(head, cage, [0.0], light, albedo).color.sum().backward()
    assert albedo.grad is not None
    step = 0.1
    with torch.no_grad():
        changed = albedo.detach().clone()
        changed[0, 1, 1, 2] += step
        difference = render(head, cage, [0.0], light, changed).color.sum()
        difference = (difference - render(head, cage, [0.0], light, albedo.detach()).color.sum()) / step
    assert float(albedo.grad[0, 1, 1, 2]) == pytest.approx(float(difference), rel=2e-2)


@pytest.mark.parametrize("name", sorted(LIGHT_PRESETS))
def test_presets_light_and_do_not_blind(name: str) -> None:
    normals = torch.nn.functional.normalize(torch.randn(1, 400, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    shading = shade(normals, light_preset(name)[None])
    assert 0.1 < float(shading.mean()) < 1.2
    assert float(shading.max()) < 2


def test_left_light_comes_from_the_left() -> None:
    sides = torch.tensor([[[-1.0, 0, 0], [1.0, 0, 0]]])
    left, right = (shade(sides, light_preset(name)[None])[0, :, 0] for name in ("left", "right"))
    assert left[0] > 2 * left[1]
    assert right[1] > 2 * right[0]


def test_the_basis_is_orthonormal_on_the_sphere() -> None:
    """By quadrature: a product of Gauss-Legendre in z and equal angles integrates degree 4 exactly."""
    import numpy as np

    z, weight = np.polynomial.legendre.leggauss(8)
    angle = np.arange(16) * (2 * np.pi / 16)
    ring = np.sqrt(1 - z**2)
    points = np.stack([np.outer(ring, np.cos(angle)), np.outer(ring, np.sin(angle)), np.outer(z, np.ones(16))], -1)
    basis = sh_basis(torch.from_numpy(points.reshape(-1, 3)))
    weights = torch.from_numpy(np.repeat(weight * 2 * np.pi / 16, 16))
    torch.testing.assert_close((basis * weights[:, None]).T @ basis, torch.eye(9, dtype=torch.float64))


def test_the_basis_has_the_right_gradient() -> None:
    normals = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sh_basis, (normals,))


def test_turning_the_camera_around_is_turning_the_head_and_the_light_back(head: MorphableModel) -> None:
    """A camera 30 degrees to the right sees the silhouette of a head turned 30 degrees to the left."""
    vertices = head.refine(some_heads(head, 1), 0)
    still = pose_vertices(vertices, torch.zeros(1, 3), torch.zeros(1, 3))
    turned = pose_vertices(vertices, torch.tensor([[-30.0, 0, 0]]), torch.zeros(1, 3))
    camera, white = Camera.portrait(HEIGHT, WIDTH), torch.ones(1, 3, 1, 1)
    light = ambient_light()[None]
    orbit = Renderer().render(still, head.topology(0), white, light, camera.orbit(30.0)).alpha
    rotated = Renderer().render(turned, head.topology(0), white, light, camera).alpha
    assert float((orbit - rotated).abs().mean()) < 1e-3


@pytest.mark.parametrize("argument", ["world_vertices", "albedo", "sh_coefficients"])
def test_wrong_shapes_are_named(head: MorphableModel, argument: str) -> None:
    vertices, albedo, light = head.refine(head.mean[None], 0), torch.ones(1, 3, 4, 4), ambient_light()[None]
    if argument == "world_vertices":
        vertices = vertices[:, :-1]
    elif argument == "albedo":
        albedo = albedo[:, :2]
    else:
        light = light[:, :4]
    with pytest.raises(InvalidArgumentError, match=argument):
        Renderer().render(vertices, head.topology(0), albedo, light, Camera.portrait(HEIGHT, WIDTH))
