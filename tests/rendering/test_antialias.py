"""Gradients at outlines: against finite differences, against the area of a triangle, and on the head."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.autograd.functional import jacobian

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.rendering.antialias import MeshEdges, antialias, mesh_edges
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.lighting import ambient_light
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.types import MeshTopology
from tests.reference import naive_antialias

HEIGHT, WIDTH = 18, 26


def topology(faces: list[list[int]], count: int) -> MeshTopology:
    rows = torch.arange(count)
    uv = torch.zeros(count, 2)
    return MeshTopology(torch.tensor(faces), uv, uv, rows, torch.zeros(len(faces), dtype=torch.uint8), rows)


def backdrop() -> torch.Tensor:
    """(3, H, W) float64, different everywhere."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    smooth = [torch.sin(0.3 * rows + 0.1 * columns), 0.02 * columns, torch.cos(0.2 * columns - 0.25 * rows)]
    return torch.stack(smooth).double()


def draw(
    screen: torch.Tensor, mesh: MeshTopology, colors: torch.Tensor, edges: MeshEdges | None = None
) -> torch.Tensor:
    """(1, 4, H, W): triangles of one colour each over the backdrop, and their coverage, blended across silhouettes."""
    fragments = rasterize(screen, mesh.faces, HEIGHT, WIDTH)
    seen = fragments.pix_to_face >= 0
    front = colors[fragments.pix_to_face.clamp_min(0)].permute(0, 3, 1, 2)
    picture = torch.where(seen[:, None], front, backdrop()[None])
    return antialias(torch.cat([picture, seen[:, None].double()], dim=1), fragments, screen, edges or mesh_edges(mesh))


def triangle(angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    points = []
    for k in range(3):
        turn = math.radians(angle + 120 * k)
        points.append([13.13 + shift[0] + 7.7 * math.cos(turn), 9.21 + shift[1] + 7.7 * math.sin(turn), 4.0 + k])
    return torch.tensor([points], dtype=torch.float64)


@pytest.mark.parametrize("angle", [3.0, 20.0, 47.0, 85.0])
def test_a_triangle_over_a_backdrop_has_the_gradient_of_finite_differences(angle: float) -> None:
    mesh, colors = topology([[0, 1, 2]], 3), torch.tensor([[2.0, -1.0, 0.7]], dtype=torch.float64)
    screen, step = triangle(angle), 1e-7

    def drawn(numbers: torch.Tensor) -> torch.Tensor:
        return draw(numbers[:9].reshape(1, 3, 3), mesh, numbers[9:].reshape(1, 3))

    numbers = torch.cat([screen.reshape(-1), colors.reshape(-1)])
    # What torch.autograd.gradcheck asks, but all pixels' gradients at once: one by one they take ten times as long.
    own = jacobian(drawn, numbers, vectorize=True)
    moves = step * torch.eye(len(numbers), dtype=torch.float64)
    expected = torch.stack([(drawn(numbers + move) - drawn(numbers - move)) / (2 * step) for move in moves], dim=-1)
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-3)
    screen.requires_grad_()
    draw(screen, mesh, colors)[:, 0].sum().backward()
    assert screen.grad is not None
    assert bool((screen.grad[..., :2].abs() > 1e-3).any(-1).all())


def test_a_moving_triangle_fades_over_the_pixels_without_steps() -> None:
    """The sum of gradients over a whole pixel is the difference: no jump when a pixel changes hands."""
    mesh, colors = topology([[0, 1, 2]], 3), torch.ones(1, 3, dtype=torch.float64)
    flat = triangle(20.0)
    flat[..., 2] = 5.0
    steps, total, pictures = 200, 0.0, []
    for step in range(steps + 1):
        shift = torch.tensor(step / steps, dtype=torch.float64, requires_grad=True)
        picture = draw(flat + shift * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64), mesh, colors)
        pictures.append(picture.detach())
        loss = picture[0, 3, :, 13:].sum()  # what moves into the right half
        (gradient,) = torch.autograd.grad(loss, shift)
        total += float(gradient) / steps * (0.5 if step in (0, steps) else 1)
    change = float(pictures[-1][0, 3, :, 13:].sum() - pictures[0][0, 3, :, 13:].sum())
    assert total == pytest.approx(change, rel=0.03)
    assert change > 5
    away = away_from_corners(flat, 2.5)
    largest = max(float((a - b)[0, 3, away].abs().max()) for a, b in itertools.pairwise(pictures))
    assert largest < 0.02  # without blending a pixel goes from 0 to 1 at once


def away_from_corners(screen: torch.Tensor, distance: float) -> torch.Tensor:
    """(H, W) bool: there one edge crosses a pixel alone; at corners a cut comes and goes with a step below a half."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    offsets = torch.stack([columns, rows], -1)[:, :, None] - screen[0, :, :2]
    return (offsets.norm(dim=-1) > distance).all(-1)


@pytest.mark.parametrize("angle", [0.0, 11.0, 31.0, 45.0, 60.0, 77.0])
def test_coverage_is_the_triangles_area_and_so_is_its_gradient(angle: float) -> None:
    screen = triangle(angle).requires_grad_()
    covered = draw(screen, topology([[0, 1, 2]], 3), torch.ones(1, 3, dtype=torch.float64))[0, 3].sum()
    a, b, c = screen[0, :, :2]
    area = ((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]).abs() / 2
    assert float(covered.detach()) == pytest.approx(float(area.detach()), rel=0.01)
    (own,) = torch.autograd.grad(covered, screen)
    (expected,) = torch.autograd.grad(area, screen)
    torch.testing.assert_close(own[..., :2], expected[..., :2], atol=0.7, rtol=0.1)
    assert float((own * expected).sum() / own.norm() / expected.norm()) > 0.99


def test_an_edge_between_two_triangles_of_one_surface_is_no_silhouette() -> None:
    square = torch.tensor([[[3.3, 2.2, 5], [20.1, 3.1, 5], [19.4, 15.2, 5], [4.2, 14.3, 5]]], dtype=torch.float64)
    colors = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]], dtype=torch.float64)
    picture = draw(square, topology([[0, 1, 2], [0, 2, 3]], 4), colors)
    inside = picture[0, :2, 5:12, 7:17]
    assert bool(((inside == 0) | (inside == 1)).all())


def test_a_seam_of_the_texture_is_no_silhouette() -> None:
    faces = torch.tensor([[0, 1, 2], [4, 5, 3]])
    rows = torch.tensor([0, 1, 2, 3, 0, 2])
    uv = torch.zeros(6, 2)
    edges = mesh_edges(MeshTopology(faces, uv, uv, rows, torch.zeros(2, dtype=torch.uint8), rows))
    assert len(edges.ends) == 5
    assert int((edges.opposite[:, 0] == edges.opposite[:, 1]).sum()) == 4


def test_a_hidden_edge_has_no_gradient_and_the_edge_in_front_has() -> None:
    front = [[2.2, 1.3, 3.0], [24.1, 2.2, 3.0], [12.3, 16.7, 3.0]]
    hidden = [[9.3, 4.4, 6.0], [15.2, 5.1, 6.0], [12.1, 9.6, 6.0]]
    screen = torch.tensor([front + hidden], dtype=torch.float64, requires_grad=True)
    mesh = topology([[0, 1, 2], [3, 4, 5]], 6)
    draw(screen, mesh, torch.tensor([[1.0, 0, 0], [0, 5.0, 0]], dtype=torch.float64)).square().sum().backward()
    assert screen.grad is not None
    assert not screen.grad[0, 3:].any()
    assert bool(screen.grad[0, :3].any(-1).all())


def test_of_two_silhouettes_between_two_pixels_the_nearer_counts() -> None:
    """Both edges cross between columns 10 and 11; the nearer triangle covers column 10."""
    near = [[10.7, -30.0, 3.0], [10.7, 60.0, 3.0], [2.2, 9.0, 3.0]]
    behind = [[10.9, -30.0, 4.0], [10.9, 60.0, 4.0], [2.2, 9.0, 4.0]]
    screen = torch.tensor([near + behind], dtype=torch.float64, requires_grad=True)
    mesh = topology([[3, 4, 5], [0, 1, 2]], 6)
    picture = draw(screen, mesh, torch.tensor([[9.0, 9, 9], [1.0, 1, 1]], dtype=torch.float64))
    expected = 0.7 + 0.3 * float(backdrop()[0, 9, 11])  # the nearer edge lies 0.3 before the right side of column 10
    assert float(picture[0, 0, 9, 10]) == pytest.approx(expected)
    picture[0, 0, 9].sum().backward()
    assert screen.grad is not None
    assert not screen.grad[0, 3:].any()
    assert bool(screen.grad[0, :2, 0].any())


@pytest.fixture(scope="module")
def head() -> tuple[torch.Tensor, MeshTopology]:
    model = load_face_model()
    return model.refine(model.mean[None], 1).double(), model.topology(1)


def test_the_outline_of_a_dense_head_has_the_gradient_of_its_area(head: tuple[torch.Tensor, MeshTopology]) -> None:
    """Triangles are smaller than pixels here. Coverage against scale and position, by wide finite differences."""
    vertices, mesh = head
    camera, renderer = Camera.portrait(72, 64), Renderer(supersample=1, antialias=True)
    weight = torch.linspace(0, 1, 64, dtype=torch.float64) ** 2  # makes a shift to the right pay

    def paid(scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        world = vertices * scale + torch.cat([shift, shift.new_zeros(2)])
        light = ambient_light()[None].double()
        white = torch.ones(1, 3, 1, 1, dtype=torch.float64)
        return (renderer.render(world, mesh, white, light, camera).color[0, 0] * weight).sum()

    one, none = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    leaves = one.clone().requires_grad_(), none.clone().requires_grad_()
    by_scale, by_shift = torch.autograd.grad(paid(*leaves), leaves)
    assert float(by_scale) == pytest.approx(float(paid(one * 1.01, none) - paid(one * 0.99, none)) / 0.02, rel=0.1)
    assert float(by_shift) == pytest.approx(float(paid(one, none + 0.02) - paid(one, none - 0.02)) / 0.04, rel=0.1)
    plain = Renderer(supersample=1)
    assert plain.antialias is False


def test_blended_outlines_are_close_to_supersampled_ones(head: tuple[torch.Tensor, MeshTopology]) -> None:
    vertices, mesh = head[0].float(), head[1]
    arguments = (mesh, torch.ones(1, 3, 1, 1), ambient_light()[None], Camera.portrait(72, 64))
    exact = Renderer(supersample=4).render(vertices, *arguments).alpha
    hard, soft = (Renderer(supersample=1, antialias=flag).render(vertices, *arguments).alpha for flag in (False, True))
    assert float((soft - exact).abs().mean()) < 0.35 * float((hard - exact).abs().mean())
    assert float(soft.amin()) >= -1e-6
    assert float(soft.amax()) <= 1 + 1e-6


def crumpled_sheet(seed: int) -> tuple[torch.Tensor, MeshTopology]:
    """(1, 20, 3) float64 vertices of a sheet of 24 triangles with folds, and two loose triangles behind it."""
    source = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    sheet = torch.stack([3 + 5 * columns, 2 + 4.5 * rows, torch.full((4, 5), 4.0)], -1).reshape(20, 3)
    sheet = sheet + 5 * (torch.rand(20, 3, generator=source) - 0.5) * torch.tensor([1.4, 1.2, 0.2])
    corners = [r * 5 + c for r in range(3) for c in range(4)]
    faces = [face for k in corners for face in ([k, k + 1, k + 6], [k, k + 6, k + 5])]
    loose = torch.rand(6, 3, generator=source) * torch.tensor([26.0, 18, 1]) + torch.tensor([0.0, 0, 6])
    faces += [[20, 21, 22], [23, 24, 25]]
    return torch.cat([sheet, loose]).double()[None], topology(faces, 26)


@pytest.mark.parametrize("seed", range(4))
def test_value_and_gradient_are_those_of_the_naive_reference(seed: int) -> None:
    screen, mesh = crumpled_sheet(seed)
    fragments = rasterize(screen, mesh.faces, HEIGHT, WIDTH)
    source = torch.Generator().manual_seed(seed)
    picture, weight = torch.rand(2, 3, HEIGHT, WIDTH, generator=source, dtype=torch.float64)
    inverse, faces = fragments.inverse_depth[0].double().numpy(), mesh.faces.numpy()

    def naive(points: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(naive_antialias.antialias(picture.numpy(), inverse, points.numpy(), faces))

    leaf = screen.clone().requires_grad_()
    own = antialias(picture[None], fragments, leaf, mesh_edges(mesh))[0]
    torch.testing.assert_close(own.detach(), naive(screen[0]), atol=1e-9, rtol=0)
    assert int((own != picture).any(0).sum()) > 30
    (gradient,) = torch.autograd.grad((own * weight).sum(), leaf)
    assert int((gradient != 0).sum()) > 15
    for vertex, axis in [(vertex, axis) for vertex in range(0, 26, 2) for axis in (0, 1)]:
        step = torch.zeros_like(screen[0])
        step[vertex, axis] = 1e-6
        difference = ((naive(screen[0] + step) - naive(screen[0] - step)) * weight).sum() / 2e-6
        assert float(gradient[0, vertex, axis]) == pytest.approx(float(difference), abs=1e-5)
