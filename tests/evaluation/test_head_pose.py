"""Poses of known heads, edits along a known direction, and where the second landmarker's points lie."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.editing import best_edits
from stylefaceuv.evaluation.head_pose import head_pose
from stylefaceuv.evaluation.second_landmarker import MIRRORED, SecondLandmarker, crops_of_points
from stylefaceuv.evaluation.second_points import SecondPoints, _barycentric
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera


def head() -> torch.Tensor:
    """Points of about a face's extent, decimetres."""
    noise = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    return noise * torch.tensor([0.6, 0.7, 0.3]) + torch.tensor([0.0, 0.0, 0.9])


def seen(rotation: tuple[float, float, float]) -> torch.Tensor:
    """The points in a picture of 256 pixels."""
    world = pose_vertices(head()[None], torch.tensor([rotation]), torch.tensor([[0.1, -0.2, -1.9]]))
    return Camera.portrait(256, 256).project(world)[0, :, :2]


@pytest.mark.parametrize("rotation", [(-60.0, 5.0, -3.0), (0.0, 0.0, 0.0), (25.0, -12.0, 8.0), (65.0, 4.0, 0.0)])
def test_a_known_pose_is_found(rotation: tuple[float, float, float]) -> None:
    torch.testing.assert_close(head_pose(head(), seen(rotation), 256), torch.tensor(rotation), atol=0.01, rtol=0)


def test_a_few_wild_points_do_not_matter() -> None:
    pixels = seen((30.0, 0.0, 0.0))
    pixels[:4] += 40
    assert abs(float(head_pose(head(), pixels, 256)[0]) - 30) < 1


def test_a_mirrored_picture_is_turned_the_other_way() -> None:
    flat = head().clone()
    flat = torch.cat([flat, flat * torch.tensor([-1.0, 1.0, 1.0])])
    world = pose_vertices(flat[None], torch.tensor([[40.0, 0.0, 0.0]]), torch.zeros(1, 3))
    pixels = Camera.portrait(256, 256).project(world)[0, :, :2]
    mirrored = torch.cat([pixels[60:], pixels[:60]])
    mirrored[:, 0] = 256 - mirrored[:, 0]
    assert float(head_pose(flat, mirrored, 256)[0]) == pytest.approx(-40, abs=0.1)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^pixels"):
        head_pose(head(), torch.zeros(3, 2), 256)


def test_editing_gets_as_near_as_the_direction_can() -> None:
    direction = torch.zeros(512)
    direction[3] = 1

    def synthesize(w: torch.Tensor) -> torch.Tensor:
        return w[3].tanh().expand(1, 3, 4, 4)

    edits = best_edits(
        torch.zeros(512), direction, (-60.0, 20.0), synthesize, lambda image: 30 * float(image[0, 0, 0, 0])
    )
    assert edits[0].yaw == pytest.approx(-30, abs=0.01)
    assert edits[1].yaw == pytest.approx(20, abs=10)
    assert edits[1].step > 0 > edits[0].step


def test_editing_hits_a_linear_direction() -> None:
    direction = torch.zeros(512)
    direction[3] = 1
    edits = best_edits(
        torch.zeros(512), direction, (17.0,), lambda w: w[3].expand(1, 3, 4, 4), lambda i: 5 * float(i[0, 0, 0, 0])
    )
    assert edits[0].yaw == pytest.approx(17, abs=1e-4)


def test_mirroring_twice_is_nothing() -> None:
    assert [MIRRORED[MIRRORED[i]] for i in range(68)] == list(range(68))


def test_a_mirrored_picture_gets_mirrored_points() -> None:
    torch.manual_seed(0)
    network = SecondLandmarker().eval()
    image = torch.rand(1, 3, 128, 128)
    landmarks = torch.rand(1, 478, 3) * 100 + 10
    crop = crops_of_points(landmarks[:, :, :2])
    assert crop.shape == (1, 4)
    box = landmarks.clone()
    box[..., 0] = 128 - box[..., 0]
    found, mirrored = network.detect(image, landmarks), network.detect(image.flip(3), box)
    expected = mirrored[:, list(MIRRORED)]
    expected[..., 0] = 128 - expected[..., 0]
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_barycentric_weights_give_the_point_back() -> None:
    triangle = torch.tensor([[[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]])
    point = torch.tensor([[1.0, 2.0]])
    weights = _barycentric(triangle, point)
    torch.testing.assert_close((weights[..., None] * triangle).sum(1), point)


def test_points_of_the_mean_head_are_symmetric() -> None:
    vertices = torch.rand(9, 3, generator=torch.Generator().manual_seed(0))
    corners = torch.randint(0, 9, (2, 68, 3), generator=torch.Generator().manual_seed(1))
    places = SecondPoints(corners, torch.full((2, 68, 3), 1 / 3), vertices)
    points = vertices[corners].mean((0, 2)) + places.shift
    torch.testing.assert_close(points[list(MIRRORED)] * torch.tensor([-1.0, 1.0, 1.0]), points)


def test_an_edit_without_a_face_is_not_taken() -> None:
    direction = torch.zeros(512)
    direction[3] = 1

    def measure(image: torch.Tensor) -> float:
        step = float(image[0, 0, 0, 0])
        return 5 * step if step <= 6 else math.nan

    edits = best_edits(torch.zeros(512), direction, (60.0,), lambda w: w[3].expand(1, 3, 4, 4), measure)
    assert edits[0].step == 6
