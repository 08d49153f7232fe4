"""How far hair stands out, on discs of known sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.lifting.hair_outline import HairOutline, hair_outline
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import FaceCoefficients
from tests.reference.naive_hair_outline import naive_ends

SIZE = 200
MIDDLE = torch.tensor([0.0, 0.2, 0.1])


def coefficients(yaw: float = 0.0, roll: float = 0.0) -> FaceCoefficients:
    return FaceCoefficients(
        torch.zeros(3),
        torch.zeros(4),
        torch.tensor([yaw, 0.0, roll]),
        torch.zeros(27),
        torch.tensor([0.0, -0.3, -7.0]),
    )


def origin(own: FaceCoefficients, middle: torch.Tensor = MIDDLE) -> tuple[float, float, float]:
    """Column and row of the middle of the head, and pixels for each millimetre there."""
    camera = Camera.portrait(SIZE, SIZE)
    x, y, depth = camera.project((rotation_matrix(own.rotation) @ middle + own.translation)[None, None])[0, 0].tolist()
    return x, y, camera.focal_px / depth / 100


def disc(own: FaceCoefficients, radius: float) -> torch.Tensor:
    x, y, _ = origin(own)
    along = torch.arange(SIZE) + 0.5
    return (torch.hypot(along[None] - x, along[:, None] - y) < radius).float()


def outline(person: torch.Tensor, head: torch.Tensor, own: FaceCoefficients) -> HairOutline:
    return hair_outline(person, head, own, MIDDLE)


@pytest.mark.parametrize("thickness", [-6.0, 0.0, 9.0])
@pytest.mark.parametrize("yaw", [0.0, 25.0])
def test_a_ring_of_hair_is_measured(thickness: float, yaw: float) -> None:
    own = coefficients(yaw)
    pixels_per_mm = origin(own)[2]
    found = outline(disc(own, 40 + thickness), disc(own, 40), own)
    assert len(found.offset_mm) > 60
    torch.testing.assert_close(
        found.offset_mm, torch.full_like(found.offset_mm, thickness / pixels_per_mm), atol=1.01 / pixels_per_mm, rtol=0
    )
    torch.testing.assert_close(found.direction.norm(dim=1), torch.ones(len(found.offset_mm)))
    assert not bool(found.cut.any())


def test_directions_are_those_of_the_head_and_above_its_brows() -> None:
    own = coefficients(30.0, 15.0)
    found = outline(disc(own, 50), disc(own, 40), own)
    assert float(found.direction[:, 1].min()) > 0.2
    seen = found.direction @ rotation_matrix(own.rotation).T
    torch.testing.assert_close(seen[:, 2], torch.zeros(len(seen)), atol=1e-5, rtol=0)


def test_it_equals_the_naive_one() -> None:
    own = coefficients(12.0, -23.0)
    x, y, pixels_per_mm = origin(own)
    waves = torch.arange(SIZE, dtype=torch.float32)
    person = (disc(own, 58) - 0.4 * torch.sin(waves / 9)[None].abs() * disc(own, 58)).clamp(0, 1)
    person[:, : SIZE // 3] *= 0.0
    head = disc(own, 44)
    found = outline(person, head, own)
    reach = int(140 * pixels_per_mm) + 1
    offsets = []
    for ray in range(180):
        skull, hair, _ = naive_ends(person.numpy(), head.numpy(), (x, y), ray * 2 * math.pi / 180, reach)
        offsets.append((hair - skull) / pixels_per_mm)
    smooth = [np.median([offsets[(ray + step) % 180] for step in range(-4, 5)]) for ray in range(180)]
    flat = found.direction @ rotation_matrix(own.rotation).T
    ray = (torch.atan2(flat[:, 1], flat[:, 0]) / (2 * math.pi) * 180).round().long() % 180
    assert len(ray) > 60
    expected = torch.tensor(np.array(smooth), dtype=torch.float32)[ray]
    exact = (found.offset_mm - expected).abs() < 1e-3
    assert float(exact.float().mean()) > 0.97, "rounding may move an edge by a pixel on a ray or two"
    torch.testing.assert_close(found.offset_mm, expected, atol=1.01 / pixels_per_mm, rtol=0)


def test_a_lone_strand_does_not_count() -> None:
    own = coefficients()
    x, y, _ = origin(own)
    person = disc(own, 45)
    person[: int(y), int(x) : int(x) + 1] = 1
    found = outline(person, disc(own, 45), own)
    assert float(found.offset_mm.abs().max()) < 2


def test_the_edge_of_the_picture_cuts_hair() -> None:
    own = coefficients()
    person = disc(own, 60)
    person[:, int(origin(own)[0]) - 3 : int(origin(own)[0]) + 3] = 1
    person[:90] = 1
    found = outline(person, disc(own, 40), own)
    assert bool(found.cut[found.direction[:, 1] > 0.95].all())
    assert not bool(outline(disc(own, 60), disc(own, 40), own).cut.any())


def test_rays_on_which_the_head_leaves_the_picture_are_left_out() -> None:
    own = coefficients()
    head = torch.ones(SIZE, SIZE)
    assert len(outline(head, head, own).offset_mm) == 0


def test_the_mirror_image_is_measured_alike() -> None:
    own, other = coefficients(24.0), coefficients(-24.0)
    x = origin(own)[0]
    person = disc(own, 50)
    person[:, : int(x)] = torch.maximum(disc(own, 62), person)[:, : int(x)]
    found = outline(person, disc(own, 44), own)
    mirrored = outline(person.flip(1), disc(own, 44).flip(1), other)
    flipped = mirrored.direction * torch.tensor([-1.0, 1.0, 1.0])
    distance, nearest = torch.cdist(found.direction, flipped).min(dim=1)
    same = distance < 1e-3  # the lowest ray may be left out on one side and not on the other
    assert int(same.sum()) >= len(same) - 2
    apart = (mirrored.offset_mm[nearest] - found.offset_mm)[same].abs()
    assert float(apart.median()) < 0.2
    assert float(apart.max()) < 2.5
