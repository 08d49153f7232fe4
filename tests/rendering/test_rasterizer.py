"""Every back-end against the definition, on soups of triangles that overlap and cut each other."""

from __future__ import annotations

import math
import multiprocessing

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, StyleFaceUVError
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import Fragments, rasterize
from tests.reference import naive_rasterizer

HEIGHT, WIDTH = 13, 22
BACKENDS = ("numba", "torch")


def soup(batch: int, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, 3 count, 3) vertices and (count, 3) triangles, all around and beyond the picture."""
    source = torch.Generator().manual_seed(seed)
    places = torch.rand(batch, 3 * count, 3, generator=source)
    scale, shift = torch.tensor([WIDTH + 12.0, HEIGHT + 12.0, 3.0]), torch.tensor([-6.0, -6.0, 2.0])
    return places * scale + shift, torch.arange(3 * count).reshape(count, 3)


def assert_as_defined(fragments: Fragments, vertices: torch.Tensor, faces: torch.Tensor) -> None:
    height, width = fragments.pix_to_face.shape[1:]
    for n in range(len(vertices)):
        nearest, inverse = naive_rasterizer.rasterize(vertices[n].numpy(), faces.numpy(), height, width)
        np.testing.assert_array_equal(fragments.pix_to_face[n].numpy(), nearest)
        np.testing.assert_allclose(fragments.inverse_depth[n].numpy(), inverse, rtol=1e-6, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_nearest_triangle_wins(backend: str, seed: int) -> None:
    vertices, faces = soup(2, 17, seed)
    fragments = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
    assert_as_defined(fragments, vertices, faces)
    assert 0.2 < float((fragments.pix_to_face >= 0).float().mean()) < 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_centres_on_edges_and_corners_have_one_owner(backend: str) -> None:
    """Half-pixel coordinates put corners and whole edges on pixel centres."""
    vertices, faces = soup(1, 12, 3)
    vertices[..., :2] = (vertices[..., :2] * 2).round() / 2
    fragments = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
    assert_as_defined(fragments, vertices, faces)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("clockwise", [False, True])
def test_a_fan_covers_each_centre_once(backend: str, clockwise: bool) -> None:
    rim = [[11.5, 0.5], [20.5, 3.5], [17.5, 11.5], [8.5, 12.5], [1.5, 6.5], [4.5, 1.5]]
    vertices = torch.tensor([[[x, y, 4.0] for x, y in [[10.5, 6.5], *rim]]])
    faces = torch.tensor([[0, k, k % 6 + 1] for k in range(1, 7)])
    faces = faces.flip(1) if clockwise else faces
    owners = sum((rasterize(vertices, face[None], HEIGHT, WIDTH, backend).pix_to_face >= 0).int() for face in faces)
    assert int(owners.max()) == 1
    assert int(owners[0, 6, 10]) == 1  # the hub's own centre
    together = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
    assert torch.equal((together.pix_to_face >= 0).int(), owners)
    assert_as_defined(together, vertices, faces)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_equal_depths_the_first_triangle_wins(backend: str) -> None:
    vertices = torch.tensor([[[2.0, 1, 4], [19, 1, 4], [2, 12, 4]]])
    fragments = rasterize(vertices, torch.tensor([[0, 1, 2], [0, 1, 2], [0, 1, 2]]), HEIGHT, WIDTH, backend)
    assert set(fragments.pix_to_face.unique().tolist()) == {-1, 0}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_behind_the_camera_or_has_no_area_is_not_drawn(backend: str) -> None:
    corners = [[2.0, 1, 4], [19, 1, 4], [2, 12, 4], [2, 12, -4], [2, 12, 0], [10.5, 1, 4]]
    faces = torch.tensor([[0, 1, 3], [0, 1, 4], [0, 5, 1], [1, 1, 1]])
    fragments = rasterize(torch.tensor([corners]), faces, HEIGHT, WIDTH, backend)
    assert (fragments.pix_to_face == -1).all()
    drawn = rasterize(torch.tensor([corners]), torch.cat([faces, torch.tensor([[0, 1, 2]])]), HEIGHT, WIDTH, backend)
    assert (drawn.pix_to_face == 4).any()


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1, 1), (1, 40), (70, 3), (150, 33)])
def test_the_backends_agree_exactly(size: tuple[int, int]) -> None:
    vertices, faces = soup(3, 200, 5)
    vertices[..., :2] *= torch.tensor([size[1] / WIDTH, size[0] / HEIGHT])
    first, second = (rasterize(vertices, faces, *size, backend) for backend in BACKENDS)
    assert torch.equal(first.pix_to_face, second.pix_to_face)
    assert torch.equal(first.inverse_depth, second.inverse_depth)


def test_the_backends_agree_exactly_on_the_head() -> None:
    model = load_face_model()
    vertices, faces = model.refine(model.mean[None], 1), model.topology(1).faces
    screen = Camera.portrait(140, 120).project(
        torch.cat([vertices, vertices @ torch.diag(torch.tensor([-1.0, 1, -1]))])
    )
    first, second = (rasterize(screen, faces, 140, 120, backend) for backend in BACKENDS)
    assert torch.equal(first.pix_to_face, second.pix_to_face)
    assert torch.equal(first.inverse_depth, second.inverse_depth)
    assert 0.2 < float((first.pix_to_face >= 0).float().mean()) < 0.9


@pytest.mark.parametrize("backend", BACKENDS)
def test_coordinates_far_outside_do_not_overflow(backend: str) -> None:
    far = 1.3e5
    vertices = torch.tensor([[[-far, -far, 3.0], [far, -far, 3.0], [0.0, far, 3.0]]])
    fragments = rasterize(vertices, torch.tensor([[0, 1, 2]]), HEIGHT, WIDTH, backend)
    assert (fragments.pix_to_face == 0).all()
    torch.testing.assert_close(fragments.inverse_depth, torch.full((1, HEIGHT, WIDTH), 1 / 3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_in_view_is_background(backend: str) -> None:
    vertices = torch.tensor([[[-9.0, -9, 3], [-5, -9, 3], [-5, -4, 3]]])
    for faces in (torch.tensor([[0, 1, 2]]), torch.zeros(0, 3, dtype=torch.int64)):
        fragments = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
        assert (fragments.pix_to_face == -1).all()
        assert (fragments.inverse_depth == 0).all()
        assert fragments.pix_to_face.dtype == torch.int64
        assert fragments.inverse_depth.dtype == torch.float32


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_batch_gives_empty_pictures(backend: str) -> None:
    fragments = rasterize(torch.zeros(0, 3, 3), torch.tensor([[0, 1, 2]]), HEIGHT, WIDTH, backend)
    assert fragments.pix_to_face.shape == fragments.inverse_depth.shape == (0, HEIGHT, WIDTH)


@pytest.mark.parametrize("backend", BACKENDS)
def test_double_precision_and_views_of_other_tensors_are_taken(backend: str) -> None:
    vertices, faces = soup(2, 30, 8)
    strided = vertices.double().transpose(0, 1).contiguous().transpose(0, 1)
    columns = faces.T.contiguous().T
    first = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
    second = rasterize(strided, columns, HEIGHT, WIDTH, backend)
    assert torch.equal(first.pix_to_face, second.pix_to_face)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("argument", "change"),
    [
        ("vertices_screen", {"vertices_screen": torch.full((1, 3, 3), math.nan)}),
        ("vertices_screen", {"vertices_screen": torch.tensor([[[0, 0, 1], [5, 5, math.inf], [0, 5, 1]]])}),
        ("vertices_screen", {"vertices_screen": torch.full((1, 3, 3), 2.0e5)}),
        ("vertices_screen", {"vertices_screen": torch.zeros(3, 3)}),
        ("faces", {"faces": torch.tensor([[0, 1, 3]])}),
        ("faces", {"faces": torch.tensor([[0, 1, -1]])}),
        ("faces", {"faces": torch.tensor([[0, 1, 2]], dtype=torch.int32)}),
        ("faces", {"faces": torch.tensor([0, 1, 2])}),
        ("size", {"height": 0}),
        ("size", {"width": -3}),
    ],
)
def test_bad_arguments_are_named(backend: str, argument: str, change: dict[str, object]) -> None:
    arguments: dict[str, object] = {"vertices_screen": torch.ones(1, 3, 3), "faces": torch.tensor([[0, 1, 2]])}
    arguments |= {"height": 4, "width": 4, "backend": backend} | change
    with pytest.raises(InvalidArgumentError, match=argument):
        rasterize(**arguments)  # type: ignore[arg-type]


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match=r"backend: expected one of .*numba.*, got 'opengl'"):
        rasterize(torch.ones(1, 3, 3), torch.tensor([[0, 1, 2]]), 4, 4, "opengl")


def test_pytorch3d_sees_the_same_up_to_its_edges() -> None:
    pytest.importorskip("pytorch3d")
    vertices, faces = soup(2, 17, 0)
    own, other = (rasterize(vertices, faces, HEIGHT, WIDTH, backend) for backend in ("numba", "pytorch3d"))
    same = own.pix_to_face == other.pix_to_face
    assert float(same.float().mean()) > 0.98
    torch.testing.assert_close(own.inverse_depth[same], other.inverse_depth[same], rtol=1e-4, atol=1e-6)


def test_without_pytorch3d_its_backend_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pytorch3d", None)
    with pytest.raises(StyleFaceUVError, match="pytorch3d"):
        rasterize(torch.ones(1, 3, 3), torch.tensor([[0, 1, 2]]), 4, 4, "pytorch3d")


def _child(queue: multiprocessing.SimpleQueue) -> None:  # type: ignore[type-arg]
    vertices, faces = soup(2, 40, 6)
    queue.put(rasterize(vertices, faces, 64, 48, "numba").pix_to_face.sum().item())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_rasterises_too() -> None:
    """Threads do not survive a fork; a child that waited for them would hang."""
    vertices, faces = soup(2, 40, 6)
    expected = rasterize(vertices, faces, 64, 48, "numba").pix_to_face.sum().item()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_child, args=(queue,), daemon=True)
    child.start()
    child.join(timeout=60)
    if child.exitcode is None:
        child.kill()
    assert child.exitcode == 0
    assert queue.get() == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_strips_of_rows_have_the_bits_of_the_whole(backend: str) -> None:
    vertices, faces = soup(2, 17, 4)
    whole = rasterize(vertices, faces, HEIGHT, WIDTH, backend)
    for top, bottom in ((0, 5), (5, 6), (6, HEIGHT)):
        strip = rasterize(vertices, faces, bottom - top, WIDTH, backend, top=top)
        assert torch.equal(strip.pix_to_face, whole.pix_to_face[:, top:bottom])
        assert torch.equal(strip.inverse_depth, whole.inverse_depth[:, top:bottom])
