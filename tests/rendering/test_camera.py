"""Projection against trigonometry done by hand."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.camera import Camera


def seen(camera: Camera, point: tuple[float, float, float]) -> list[float]:
    return camera.project(torch.tensor([[point]], dtype=torch.float64))[0, 0].tolist()


def test_the_portrait_camera_is_the_papers() -> None:
    camera = Camera.portrait(224, 300)
    assert camera.focal_px == pytest.approx(1015)
    assert camera.position.tolist() == pytest.approx([0, 0, 10])
    assert seen(camera, (0, 0, 0)) == pytest.approx([150, 112, 10])
    assert seen(camera, (1, 0.5, 2)) == pytest.approx([150 + 1015 / 8, 112 - 0.5 * 1015 / 8, 8])


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (0, 40), (-75, 20), (160, -50)])
def test_orbits_look_at_the_target_from_the_same_distance(yaw: float, pitch: float) -> None:
    camera = Camera(80, 60, 100.0, target=(0.3, -0.2, 0.5)).orbit(yaw, pitch)
    assert seen(camera, camera.target) == pytest.approx([30, 40, 10], abs=1e-4)
    place = camera.position - torch.tensor(camera.target)
    flat = 10 * math.cos(math.radians(pitch))
    angle = math.radians(yaw)
    expected = [flat * math.sin(angle), 10 * math.sin(math.radians(pitch)), flat * math.cos(angle)]
    assert place.tolist() == pytest.approx(expected, abs=1e-5)
    axes = camera.cam_from_world[:3, :3]
    torch.testing.assert_close(axes @ axes.T, torch.eye(3), atol=1e-6, rtol=0)
    assert float(torch.linalg.det(axes)) == pytest.approx(1)


def test_orbiting_to_the_right_moves_the_front_to_the_left_and_up_moves_it_down() -> None:
    camera = Camera.portrait(100, 100)
    assert seen(camera.orbit(20), (0, 0, 1))[0] < 50
    assert seen(camera.orbit(0, 20), (0, 0, 1))[1] > 50
    assert seen(camera.orbit(20), (0, 1, 0))[0] == pytest.approx(50, abs=1e-4)


def test_dolly_and_field_of_view() -> None:
    camera = Camera.portrait(100, 100)
    assert seen(camera.dolly(2), (0, 0, 0))[2] == pytest.approx(20)
    wide = camera.with_field_of_view(90)
    assert seen(wide, (0, 10, 0)) == pytest.approx([50, 0, 10], abs=1e-4)


def test_projection_has_the_right_gradient() -> None:
    camera = Camera.portrait(20, 30).orbit(25, -10)
    world = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(camera.project, (world,))


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        ("size", {"height": 0}),
        ("size", {"width": -1}),
        ("focal_px", {"focal_px": 0.0}),
        ("focal_px", {"focal_px": math.nan}),
        ("distance", {"distance": -1.0}),
    ],
)
def test_impossible_cameras_are_refused(argument: str, change: dict[str, float]) -> None:
    arguments: dict[str, float] = {"height": 4, "width": 4, "focal_px": 10.0} | change
    with pytest.raises(InvalidArgumentError, match=argument):
        Camera(**arguments)  # type: ignore[arg-type]


def test_an_impossible_field_of_view_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="degrees"):
        Camera.portrait(4, 4).with_field_of_view(180)
