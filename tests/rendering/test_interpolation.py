"""Perspective-correct interpolation and texture lookup against their definitions, values and gradients."""

from __future__ import annotations

import numpy as np
import torch

from stylefaceuv.rendering.interpolation import barycentrics, interpolate, sample_texture
from stylefaceuv.rendering.rasterizer import Fragments, rasterize
from tests.reference import naive_rendering

HEIGHT, WIDTH = 7, 11


def two_triangles(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, Fragments]:
    """Steep triangles of both orientations, two poses."""
    first = [[1.2, 0.3, 2.0], [9.1, 1.4, 9.0], [3.3, 6.6, 4.0], [10.4, 6.1, 3.0]]
    second = [[0.3, 0.9, 7.0], [8.0, 0.2, 2.5], [2.0, 6.1, 3.0], [9.7, 5.5, 11.0]]
    screen = torch.tensor([first, second], dtype=dtype)
    faces = torch.tensor([[0, 1, 2], [3, 1, 2]])
    return screen, faces, rasterize(screen, faces, HEIGHT, WIDTH)


def pipeline(screen: torch.Tensor, values: torch.Tensor, faces: torch.Tensor, fragments: Fragments) -> torch.Tensor:
    return interpolate(fragments, barycentrics(fragments, screen, faces), values, faces)


def test_values_are_those_where_the_ray_meets_the_triangle() -> None:
    screen, faces, fragments = two_triangles()
    values = torch.randn(2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pixels = pipeline(screen, values, faces, fragments)
    weights = barycentrics(fragments, screen, faces)
    seen = fragments.pix_to_face >= 0
    assert int(seen.sum()) > 40
    for n, i, j in torch.nonzero(seen).tolist():
        corners = faces[fragments.pix_to_face[n, i, j]].numpy()
        expected = naive_rendering.interpolate(screen[n].numpy(), values[n].numpy(), corners, j + 0.5, i + 0.5)
        np.testing.assert_allclose(pixels[n, i, j].numpy(), expected, atol=1e-9)
        assert bool((weights[n, i, j] > -1e-3).all())
    assert not pixels[~seen].any()
    torch.testing.assert_close(weights[seen].sum(-1), torch.ones(int(seen.sum()), dtype=torch.float64))


def test_interpolating_depth_gives_the_depth_map() -> None:
    screen, faces, fragments = two_triangles()
    depth = pipeline(screen, screen[..., 2:], faces, fragments)[..., 0]
    seen = fragments.pix_to_face >= 0
    torch.testing.assert_close(1 / depth[seen], fragments.inverse_depth[seen].double(), rtol=1e-3, atol=0)


def test_interpolation_has_the_right_gradient() -> None:
    screen, faces, fragments = two_triangles()
    values = torch.randn(2, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda points, values: pipeline(points, values, faces, fragments), (screen.requires_grad_(), values)
    )


def test_a_triangle_without_area_gives_finite_numbers() -> None:
    points = torch.ones(1, 3, 3, requires_grad=True)
    fragments = Fragments(torch.zeros(1, 2, 2, dtype=torch.int64), torch.ones(1, 2, 2))
    pixels = pipeline(points, torch.ones(1, 3, 1), torch.tensor([[0, 1, 2]]), fragments)
    pixels.sum().backward()
    assert torch.isfinite(pixels).all()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_lookup_is_bilinear_with_texel_centres_at_half_numbers() -> None:
    source = torch.Generator().manual_seed(2)
    texture = torch.rand(2, 3, 4, 6, dtype=torch.float64, generator=source)
    uv = torch.rand(2, 5, 7, 2, dtype=torch.float64, generator=source)
    uv[0, 0, 0], uv[0, 0, 1], uv[1, 0, 0] = torch.zeros(2), torch.ones(2), torch.tensor([2.5 / 6, 1.5 / 4])
    sampled = sample_texture(texture, uv)
    for n, i, j in np.ndindex(2, 5, 7):
        expected = naive_rendering.texture(texture[n].numpy(), *uv[n, i, j].tolist())
        np.testing.assert_allclose(sampled[n, :, i, j].numpy(), expected, atol=1e-12)
    torch.testing.assert_close(sampled[1, :, 0, 0], texture[1, :, 1, 2])


def test_lookup_has_the_right_gradient() -> None:
    source = torch.Generator().manual_seed(3)
    texture = torch.rand(1, 2, 4, 6, dtype=torch.float64, generator=source).requires_grad_()
    uv = (0.15 + 0.7 * torch.rand(1, 3, 3, 2, dtype=torch.float64, generator=source)).requires_grad_()
    assert torch.autograd.gradcheck(sample_texture, (texture, uv))
