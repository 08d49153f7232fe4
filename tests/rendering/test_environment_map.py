"""Environments whose light is known."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.environment_map import pixel_directions, sh_from_direction, sh_from_environment
from stylefaceuv.rendering.lighting import shade

NORMALS = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)), dim=1).double()


def naive_shading(image: torch.Tensor, normal: torch.Tensor) -> list[float]:
    """Irradiance over pi by adding up pixels, no harmonics."""
    height, width = image.shape[:2]
    total = [0.0, 0.0, 0.0]
    for i in range(height):
        polar = math.pi * (i + 0.5) / height
        angle = (math.cos(math.pi * i / height) - math.cos(math.pi * (i + 1) / height)) * 2 * math.pi / width
        for j in range(width):
            azimuth = 2 * math.pi * ((j + 0.5) / width - 0.5)
            towards = (math.sin(polar) * math.sin(azimuth), math.cos(polar), math.sin(polar) * math.cos(azimuth))
            cosine = max(sum(a * float(b) for a, b in zip(towards, normal, strict=True)), 0.0)
            for c in range(3):
                total[c] += float(image[i, j, c]) * cosine * angle / math.pi
    return total


def test_a_constant_environment_shades_everything_alike() -> None:
    color = torch.tensor([0.2, 0.5, 1.5], dtype=torch.float64)
    light = sh_from_environment(color.expand(64, 130, 3))
    torch.testing.assert_close(shade(NORMALS[None], light[None])[0], color.expand(50, 3), atol=1e-3, rtol=1e-3)


def test_a_smooth_environment_shades_as_the_sum_over_its_pixels() -> None:
    up, right = pixel_directions(24, 40)[..., 1], pixel_directions(24, 40)[..., 0]
    image = torch.stack([1 + 0.8 * up, 1 - 0.5 * right, 1 + 0.3 * up * right], dim=-1)
    light = sh_from_environment(image)
    for normal in NORMALS[:5]:
        expected = torch.tensor(naive_shading(image, normal), dtype=torch.float64)
        torch.testing.assert_close(shade(normal[None, None], light[None])[0, 0], expected, atol=0.02, rtol=0.02)


@pytest.mark.parametrize(
    ("row", "column", "direction"),
    [(16, 32, (0, 0, 1)), (16, 48, (1, 0, 0)), (16, 16, (-1, 0, 0)), (0, 5, (0, 1, 0)), (31, 5, (0, -1, 0))],
)
def test_a_bright_spot_lights_what_faces_it(row: int, column: int, direction: tuple[int, int, int]) -> None:
    image = torch.zeros(32, 64, 3, dtype=torch.float64)
    image[row, column - 1 : column + 1] = 100.0
    light = sh_from_environment(image)
    sides = torch.tensor([direction, tuple(-part for part in direction)], dtype=torch.float64)
    facing, away = shade(sides[None], light[None])[0, :, 0].tolist()
    assert facing > 10 * max(away, 1e-6)


def test_turning_the_environment_turns_the_light() -> None:
    source = torch.Generator().manual_seed(0)
    image = torch.rand(16, 32, 3, generator=source, dtype=torch.float64)
    turned = sh_from_environment(image.roll(8, dims=1))  # a quarter to the viewer's right: +Z goes to +X
    moved = torch.stack([NORMALS[:, 2], NORMALS[:, 1], -NORMALS[:, 0]], dim=1)
    first = shade(NORMALS[None], sh_from_environment(image)[None])
    torch.testing.assert_close(shade(moved[None], turned[None]), first, atol=1e-6, rtol=1e-6)


def test_one_lamp_and_ambient_light() -> None:
    light = sh_from_direction((0, 0, 3), (0.6, 0.3, 0.0), (0.1, 0.1, 0.2))
    facing, away = shade(torch.tensor([[[0.0, 0, 1], [0, 0, -1]]]), light[None])[0].tolist()
    assert facing == pytest.approx([0.7, 0.4, 0.2], abs=0.12)
    assert away == pytest.approx([0.1, 0.1, 0.2], abs=0.12)


def test_the_projection_is_differentiable() -> None:
    image = torch.rand(3, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sh_from_environment, (image,))


@pytest.mark.parametrize("bad", [torch.zeros(4, 8), torch.zeros(4, 8, 4), torch.full((4, 8, 3), math.nan)])
def test_what_is_no_environment_is_refused(bad: torch.Tensor) -> None:
    with pytest.raises(InvalidArgumentError, match="image"):
        sh_from_environment(bad)
