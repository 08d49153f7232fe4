"""A landmarker that misplaces its points and sees turned faces as less turned is read right once it is calibrated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.judges import mirrored_view
from stylefaceuv.evaluation.pose_calibration import CALIBRATION_YAWS, KnownView, Protractor, calibrate
from stylefaceuv.evaluation.second_landmarker import INNER
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.picture import CENTRE
from stylefaceuv.rendering.camera import Camera

SIZE, COUNT = 320, 40


def believed(seed: int) -> torch.Tensor:
    """(K, 3) points where a head is thought to have them, decimetres; every head is a little different."""
    place = torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([0.6, 0.7, 0.3])
    return (
        place + 0.02 * torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(seed)) + torch.tensor([0, 0, 0.9])
    )


TRUE_OFFSET = 0.04 * torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(2))


def view(seed: int, yaw: float, pitch: float = 0.0, shrink: float = 1.0) -> KnownView:
    """What a landmarker sees whose points lie deeper than believed and that draws turned heads as less turned."""
    pairs = []
    for mirrored in (False, True):
        flip = torch.tensor([-1.0 if mirrored else 1.0, 1.0, 1.0])
        points = believed(seed) * flip
        angles = torch.tensor([[shrink * yaw * float(flip[0]), pitch, 0.0]])
        world = pose_vertices((points + TRUE_OFFSET * flip)[None], angles, torch.tensor([CENTRE]))
        pairs.append((points, Camera.portrait(SIZE, SIZE).project(world)[0, :, :2]))
    (plain, pixels), (other, other_pixels) = pairs
    return KnownView((plain, other), (pixels, other_pixels), yaw, SIZE)


def views(shrink: float = 1.0) -> list[KnownView]:
    return [view(seed, yaw, shrink=shrink) for seed in range(3) for yaw in CALIBRATION_YAWS]


def read(protractor: Protractor, seen: KnownView) -> torch.Tensor:
    return protractor.pose(seen.points, seen.pixels, seen.size)


def test_rays_find_where_the_points_lie() -> None:
    offsets = calibrate(views()).offsets
    torch.testing.assert_close(offsets[0], TRUE_OFFSET, atol=2e-3, rtol=0)
    torch.testing.assert_close(offsets[1], TRUE_OFFSET * torch.tensor([-1.0, 1.0, 1.0]), atol=2e-3, rtol=0)


@pytest.mark.parametrize("yaw", [-60.0, -37.0, 0.0, 22.5, 75.0])
def test_an_unseen_head_is_read_right(yaw: float) -> None:
    protractor = calibrate(views(shrink=0.85))
    pose = read(protractor, view(seed=9, yaw=yaw, pitch=6.0, shrink=0.85))
    torch.testing.assert_close(pose, torch.tensor([yaw, 6.0, 0.0]), atol=1.0, rtol=0)


def test_without_calibration_it_is_read_wrong() -> None:
    plain = Protractor((torch.zeros(1, 3),) * 2)
    assert abs(float(read(plain, view(seed=9, yaw=-60.0, shrink=0.85))[0]) + 60) > 6


def test_a_mirrored_picture_reads_the_other_way() -> None:
    protractor, seen = calibrate(views(shrink=0.9)), view(seed=5, yaw=40.0, pitch=5.0)
    turned = KnownView(seen.points[::-1], seen.pixels[::-1], -40.0, SIZE)
    swapped = Protractor(protractor.offsets[::-1], protractor.marks)
    expected = read(protractor, seen) * torch.tensor([-1.0, 1.0, -1.0])
    torch.testing.assert_close(read(swapped, turned), expected, atol=1e-3, rtol=0)


def test_the_scale_is_straight_between_its_marks_and_beyond() -> None:
    protractor = Protractor((torch.zeros(1, 3),), ((0.0, 0.0), (10.0, 20.0), (40.0, 60.0)))
    readings = [-70.0, -25.0, -5.0, 0.0, 5.0, 10.0, 25.0, 70.0]
    expected = [-100.0, -40.0, -10.0, 0.0, 10.0, 20.0, 40.0, 100.0]
    np.testing.assert_allclose([protractor._true_yaw(value) for value in readings], expected)


def test_views_must_come_from_both_sides_and_grow_with_the_yaw() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^views"):
        calibrate([view(0, 30.0), view(0, 60.0)])
    mislabelled = [view(0, yaw) for yaw in (-30.0, 30.0)]
    for sign in (-1.0, 1.0):
        near = view(0, sign * 20.0)
        mislabelled.append(KnownView(near.points, near.pixels, sign * 60.0, SIZE))
    with pytest.raises(InvalidArgumentError, match="grow"):
        calibrate(mislabelled)


def test_as_many_pictures_as_it_was_calibrated_with() -> None:
    seen = view(0, 10.0)
    with pytest.raises(InvalidArgumentError, match=r"^points, pixels"):
        calibrate(views()).pose(seen.points[:1], seen.pixels[:1], SIZE)


def test_the_second_landmarker_sees_mirror_images_the_other_way() -> None:
    pixels = torch.rand(51, 2, generator=torch.Generator().manual_seed(3)) * SIZE
    points = torch.rand(51, 3, generator=torch.Generator().manual_seed(4))
    seen = KnownView((points,), (pixels,), 25.0, SIZE)
    mirrored = mirrored_view(seen)
    assert mirrored.yaw == -25
    outer, other = 36 - INNER.start, 45 - INNER.start  # the outer corners of both eyes
    torch.testing.assert_close(mirrored.pixels[0][outer], torch.stack([SIZE - pixels[other, 0], pixels[other, 1]]))
    again = mirrored_view(mirrored)
    torch.testing.assert_close(again.points[0], points)
    torch.testing.assert_close(again.pixels[0], pixels)
