"""Every backend against the definition, on soups of triangles that overlap and cut each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylefaceuv.rendering.rasterizer import rasterize
from tests.reference import naive_rasterizer

HEIGHT, WIDTH = 13, 22
BACKENDS = ("numba", "torch")


def soup(batch: int, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, 3 count, 3) vertices and (count, 3) triangles, all around and beyond the picture."""
    source = torch.Generator().manual_seed(seed)
    places = torch.rand(batch, 3 * count, 3, generator=source)
    scale, shift = torch.tensor([WIDTH + 12.0, HEIGHT + 12.0, 3.0]), torch.tensor([-6.0, -6.0, 2.0])
    return places * scale + shift, torch.arange(3 * count).reshape(count, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_nearest_triangle_wins(backend: str, seed: int) -> None:
    vertices, faces = soup(2, 17, seed)
    fragments = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
    for n in range(2):
        nearest, inverse = naive_rasterizer.rasterize(vertices[n].numpy(), faces.numpy(), HEIGHT, WIDTH)
        agree = fragments.pix_to_face[n].numpy() == nearest
        assert agree.mean() > 0.99  # a centre on an edge may fall to either side in single precision
        np.testing.assert_allclose(fragments.inverse_depth[n].numpy()[agree], inverse[agree], rtol=1e-4, atol=1e-6)
        assert 0.2 < (nearest >= 0).mean() < 1


def test_the_backends_agree_exactly() -> None:
    vertices, faces = soup(3, 200, 5)
    first, second = (rasterize(vertices, faces, HEIGHT, WIDTH, backend) for backend in BACKENDS)
    assert torch.equal(first.pix_to_face, second.pix_to_face)
    assert torch.equal(first.inverse_depth, second.inverse_depth)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_in_view_is_background(backend: str) -> None:
    vertices = torch.tensor([[[-9.0, -9, 3], [-5, -9, 3], [-5, -4, 3]]])
    fragments = rasterize(vertices, torch.tensor([[0, 1, 2]]), HEIGHT, WIDTH, backend)
    assert (fragments.pix_to_face == -1).all()
    assert (fragments.inverse_depth == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_triangles_of_a_square_leave_no_gap_and_do_not_overlap(backend: str) -> None:
    square = torch.tensor([[[2.0, 1, 4], [19, 1, 4], [19, 12, 4], [2, 12, 4]]])
    both = rasterize(square, torch.tensor([[0, 1, 2], [0, 2, 3]]), HEIGHT, WIDTH, backend).pix_to_face[0]
    assert (both >= 0).sum() == 17 * 11
    assert (both[1:12, 2:19] >= 0).all()
