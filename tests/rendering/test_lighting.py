"""Spherical harmonics against their textbook formula, light against sums over lamps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.light_presets import LIGHT_PRESETS, light_preset
from stylefaceuv.rendering.lighting import ambient_light, directional_light, sh_basis, shade
from tests.reference import naive_rendering

ORDERS = [(degree, order) for degree in range(3) for order in range(-degree, degree + 1)]


def directions(count: int, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, 3, generator=source, dtype=torch.float64), dim=-1)


def test_the_basis_is_the_textbooks() -> None:
    normals = torch.cat([directions(20), torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)])
    expected = [[naive_rendering.harmonic(*order, normal) for order in ORDERS] for normal in normals.numpy()]
    np.testing.assert_allclose(sh_basis(normals).numpy(), expected, atol=1e-12)


def test_the_basis_is_orthonormal_on_the_sphere() -> None:
    """By quadrature: a product of Gauss-Legendre in z and equal angles integrates degree 4 exactly."""
    z, weight = np.polynomial.legendre.leggauss(8)
    angle = np.arange(16) * (2 * np.pi / 16)
    ring = np.sqrt(1 - z**2)
    points = np.stack([np.outer(ring, np.cos(angle)), np.outer(ring, np.sin(angle)), np.outer(z, np.ones(16))], -1)
    basis = sh_basis(torch.from_numpy(points.reshape(-1, 3)))
    weights = torch.from_numpy(np.repeat(weight * 2 * np.pi / 16, 16))
    torch.testing.assert_close((basis * weights[:, None]).T @ basis, torch.eye(9, dtype=torch.float64))


def test_basis_and_shading_have_the_right_gradient() -> None:
    normals = directions(6).reshape(2, 3, 3).requires_grad_()
    light = torch.rand(2, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    light[:, 0] += 3  # away from the cut at zero
    assert torch.autograd.gradcheck(sh_basis, (normals,))
    assert torch.autograd.gradcheck(shade, (normals, light.requires_grad_()))


def test_shading_is_the_sum_over_the_basis_and_never_negative() -> None:
    normals = directions(40).reshape(2, 4, 5, 3)
    light = torch.randn(2, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    shading = shade(normals, light)
    for n, i, j, c in ((0, 0, 0, 0), (0, 3, 1, 2), (1, 2, 4, 1), (1, 1, 1, 1)):
        terms = [naive_rendering.harmonic(*order, normals[n, i, j].numpy()) for order in ORDERS]
        expected = max(sum(term * float(light[n, k, c]) for k, term in enumerate(terms)), 0.0)
        assert float(shading[n, i, j, c]) == pytest.approx(expected, abs=1e-9)
    assert float(shading.min()) == 0  # random light rings below zero somewhere: cut off


def test_ambient_light_shades_every_normal_by_its_colour() -> None:
    shading = shade(directions(50).float()[None], ambient_light((0.2, 0.5, 1.5))[None])
    torch.testing.assert_close(shading, torch.tensor([0.2, 0.5, 1.5]).expand(1, 50, 3))


def test_a_lamp_shades_nearly_as_the_cosine() -> None:
    """Bands 0 to 2 hold the clamped cosine within 0.11 everywhere."""
    normals, towards = directions(400), torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)
    shading = shade(normals[None], directional_light(towards.tolist(), (1.0, 0.5, 0.0))[None].double())[0]
    cosine = (normals @ (towards / towards.norm())).clamp_min(0)
    assert float((shading[:, 0] - cosine).abs().max()) < 0.11
    torch.testing.assert_close(shading[:, 1], shading[:, 0] / 2, atol=1e-6, rtol=0)
    assert not shading[:, 2].any()


@pytest.mark.parametrize("direction", [(0.0, 0.0, 0.0), (math.nan, 0.0, 1.0), (1.0, 2.0)])
def test_a_lamp_from_nowhere_is_refused(direction: tuple[float, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match="direction"):
        directional_light(direction)


@pytest.mark.parametrize("name", sorted(LIGHT_PRESETS))
def test_presets_light_and_do_not_blind(name: str) -> None:
    shading = shade(directions(400).float()[None], light_preset(name)[None])
    assert 0.1 < float(shading.mean()) < 1.2
    assert float(shading.max()) < 2


@pytest.mark.parametrize(
    ("name", "bright", "dark"),
    [
        ("left", (-1, 0, 0), (1, 0, 0)),
        ("right", (1, 0, 0), (-1, 0, 0)),
        ("top", (0, 1, 0), (0, -1, 0)),
        ("sunset", (1, 0, 0), (-1, 0, 0)),
        ("rim", (-0.9, 0, -0.5), (0, 0, 1)),
        ("overcast", (0, 1, 0), (0, -1, 0)),
        ("studio", (0, 0, 1), (0, 0, -1)),
    ],
)
def test_presets_come_from_where_their_name_says(name: str, bright: tuple[float, ...], dark: tuple[float, ...]) -> None:
    sides = torch.nn.functional.normalize(torch.tensor([[bright, dark]], dtype=torch.float32), dim=-1)
    lit, unlit = shade(sides, light_preset(name)[None])[0].mean(-1).tolist()
    assert lit > 1.4 * unlit


def test_left_and_right_are_mirror_images_and_sunset_is_warm() -> None:
    normals = directions(30).float()
    mirrored = normals * torch.tensor([-1.0, 1, 1])
    left, right = (light_preset(name)[None] for name in ("left", "right"))
    torch.testing.assert_close(shade(normals[None], left), shade(mirrored[None], right))
    red, _, blue = shade(torch.tensor([[[0.9, 0.1, 0.4]]]), light_preset("sunset")[None])[0, 0].tolist()
    assert red > 1.3 * blue


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match=r"overcast.*got 'disco'"):
        light_preset("disco")
