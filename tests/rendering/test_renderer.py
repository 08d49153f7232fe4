"""Properties of the whole shading path on the real head."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.rendering.lighting import ambient_light, directional_light
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


def test_a_head_and_a_light_turned_together_show_the_same_colours(head: MorphableModel) -> None:
    """Turning the camera by the same angle as head and light changes nothing at all."""
    cage, albedo = some_heads(head, 1), torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    camera, angle = Camera.portrait(HEIGHT, WIDTH), torch.tensor(25.0).deg2rad()
    world = pose_vertices(head.refine(cage, 0), torch.zeros(1, 3), torch.zeros(1, 3))
    turned = pose_vertices(head.refine(cage, 0), torch.tensor([[25.0, 0, 0]]), torch.zeros(1, 3))
    first = Renderer().render(world, head.topology(0), albedo, directional_light((0, 0.3, 1))[None], camera)
    lamp = (float(angle.sin()), 0.3, float(angle.cos()))
    second = Renderer().render(turned, head.topology(0), albedo, directional_light(lamp)[None], camera.orbit(25.0))
    assert float((first.color - second.color).abs().mean()) < 5e-4
    still = Renderer().render(world, head.topology(0), albedo, directional_light(lamp)[None], camera)
    assert float((first.color - still.color).abs().mean()) > 5e-3


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_normals_texture_coordinates_and_coverage_are_averages(head: MorphableModel, supersample: int) -> None:
    world = head.refine(some_heads(head, 2), 0)
    arguments = (head.topology(0), torch.ones(2, 3, 1, 1), ambient_light().expand(2, 9, 3))
    output = Renderer(supersample=supersample).render(world, *arguments, Camera.portrait(HEIGHT, WIDTH))
    fine = Camera.portrait(HEIGHT * supersample, WIDTH * supersample)
    fine = replace(fine, focal_px=Camera.portrait(HEIGHT, WIDTH).focal_px * supersample)
    single = Renderer(supersample=1).render(world, *arguments, fine)
    assert output.fragments.pix_to_face.shape == (2, HEIGHT * supersample, WIDTH * supersample)
    for name, channels in (("color", 3), ("alpha", 1), ("normals", 3), ("uv", 2)):
        values = getattr(output, name)
        assert values.shape == (2, channels, HEIGHT, WIDTH)
        expected = torch.nn.functional.avg_pool2d(getattr(single, name), supersample)
        torch.testing.assert_close(values, expected, atol=1e-5, rtol=0)
    inside = output.alpha[:, 0] == 1
    assert float(output.normals[:, 2][inside].mean()) > 0.5  # towards the viewer
    assert float(output.uv.amin()) >= 0
    assert float(output.uv.amax()) <= 1


def test_a_double_precision_scene_is_rendered_in_double_precision(head: MorphableModel) -> None:
    world = head.refine(some_heads(head, 1), 0)
    arguments = (torch.ones(1, 3, 1, 1), light_preset("studio")[None])
    camera = Camera.portrait(HEIGHT, WIDTH)
    single = Renderer().render(world, head.topology(0), *arguments, camera).color
    double = Renderer().render(world.double(), head.topology(0), *(part.double() for part in arguments), camera).color
    assert double.dtype == torch.float64
    assert float((single - double).abs().mean()) < 1e-4


def test_no_heads_and_heads_out_of_view_give_empty_pictures(head: MorphableModel) -> None:
    world, light, camera = head.refine(head.mean[None], 0), ambient_light()[None], Camera.portrait(HEIGHT, WIDTH)
    nothing = Renderer().render(world[:0], head.topology(0), torch.ones(0, 3, 4, 4), light[:0], camera)
    assert nothing.color.shape == (0, 3, HEIGHT, WIDTH)
    for away in (100.0, -100.0):
        beside = Renderer().render(world + away, head.topology(0), torch.ones(1, 3, 4, 4), light, camera)
        assert beside.color.shape == (1, 3, HEIGHT, WIDTH)
        assert not beside.color.any()
        assert not beside.alpha.any()


def test_a_shadow_is_taken_from_the_shading_where_it_is_and_has_a_gradient(head: MorphableModel) -> None:
    world, light = head.refine(some_heads(head, 2), 0), ambient_light().expand(2, 9, 3)
    camera, white = Camera.portrait(HEIGHT, WIDTH), torch.ones(2, 3, 1, 1)
    taken = torch.zeros_like(world)
    taken[1] = torch.tensor([0.1, 0.2, 0.3])
    taken.requires_grad_()
    bare = Renderer().render(world, head.topology(0), white, light, camera)
    dark = Renderer().render(world, head.topology(0), white, light, camera, taken)
    torch.testing.assert_close(dark.color[0], bare.color[0], atol=1e-6, rtol=0)
    left = torch.tensor([0.9, 0.8, 0.7])[:, None, None]
    torch.testing.assert_close(dark.color[1], left * bare.color[1], atol=1e-5, rtol=0)
    for name in ("alpha", "normals", "uv"):
        assert torch.equal(getattr(dark, name), getattr(bare, name))
    dark.color[1].sum().backward()
    assert taken.grad is not None
    pixels = float(dark.alpha[1].detach().sum())
    torch.testing.assert_close(-taken.grad[1].sum(dim=0), torch.full((3,), pixels), rtol=1e-3, atol=0)


@pytest.mark.parametrize("argument", ["world_vertices", "albedo", "sh_coefficients", "self_shadow"])
def test_wrong_shapes_are_named(head: MorphableModel, argument: str) -> None:
    vertices, albedo, light = head.refine(head.mean[None], 0), torch.ones(1, 3, 4, 4), ambient_light()[None]
    shadow = torch.zeros_like(vertices)
    if argument == "world_vertices":
        vertices = vertices[:, :-1]
    elif argument == "albedo":
        albedo = albedo[:, :2]
    elif argument == "self_shadow":
        shadow = shadow[:, 1:]
    else:
        light = light[:, :4]
    with pytest.raises(InvalidArgumentError, match=argument):
        Renderer().render(vertices, head.topology(0), albedo, light, Camera.portrait(HEIGHT, WIDTH), shadow)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("argument", ["world_vertices", "sh_coefficients", "self_shadow"])
def test_what_is_not_finite_is_named(head: MorphableModel, argument: str, bad: float) -> None:
    vertices, light = head.refine(head.mean[None], 0).clone(), ambient_light()[None].clone()
    values = {"world_vertices": vertices, "sh_coefficients": light, "self_shadow": torch.zeros_like(vertices)}
    values[argument][0, 5, 1] = bad
    camera, white = Camera.portrait(HEIGHT, WIDTH), torch.ones(1, 3, 1, 1)
    with pytest.raises(InvalidArgumentError, match=argument):
        Renderer().render(vertices, head.topology(0), white, light, camera, values["self_shadow"])


def test_a_texture_without_texels_and_odd_supersampling_are_refused(head: MorphableModel) -> None:
    vertices, light = head.refine(head.mean[None], 0), ambient_light()[None]
    with pytest.raises(InvalidArgumentError, match="albedo"):
        Renderer().render(vertices, head.topology(0), torch.ones(1, 3, 0, 4), light, Camera.portrait(HEIGHT, WIDTH))
    with pytest.raises(InvalidArgumentError, match="supersample"):
        Renderer(supersample=0)


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_strips_are_the_rows_of_the_picture(
    head: MorphableModel, monkeypatch: pytest.MonkeyPatch, supersample: int
) -> None:
    monkeypatch.setattr("stylefaceuv.rendering.renderer.STRIP_PIXELS", 2 * 10 * WIDTH + 7)  # two heads, ten rows
    world = head.refine(some_heads(head, 2), 0)
    albedo = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(2))
    light, camera = directional_light((0.4, 0.3, 1.0)).expand(2, 9, 3), Camera.portrait(HEIGHT, WIDTH)
    renderer = Renderer(supersample=supersample)
    whole = renderer.render(world, head.topology(0), albedo, light, camera)
    strips = list(renderer.strips(world, head.topology(0), albedo, light, camera))
    assert [strip.color.shape[2] for strip in strips] == [10] * 7 + [2]
    assert torch.equal(torch.cat([strip.fragments.pix_to_face for strip in strips], 1), whole.fragments.pix_to_face)
    for name in ("color", "alpha", "normals", "uv"):
        joined = torch.cat([getattr(strip, name) for strip in strips], dim=2)
        torch.testing.assert_close(joined, getattr(whole, name), atol=1e-6, rtol=0)


def test_a_strip_has_one_row_at_least_and_antialiasing_one_strip(
    head: MorphableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylefaceuv.rendering.renderer.STRIP_PIXELS", 3)
    arguments = (head.refine(some_heads(head, 1), 0), head.topology(0), torch.ones(1, 3, 1, 1))
    light, camera = ambient_light()[None], Camera.portrait(9, 14)
    assert [strip.alpha.shape[2] for strip in Renderer().strips(*arguments, light, camera)] == [1] * 9
    smooth = Renderer(supersample=1, antialias=True)
    (only,) = smooth.strips(*arguments, light, camera)
    assert torch.equal(only.color, smooth.render(*arguments, light, camera).color)
