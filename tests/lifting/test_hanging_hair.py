"""Hair that hangs beside a face is measured and becomes a mantle over ears and neck; bare ears stay bare."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.lifting.hair_texture import ear_weights
from stylefaceuv.lifting.hanging_hair import HangingHair, skull_radius
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import FaceCoefficients
from tests.lifting.lifted_scene import Scene
from tests.lifting.scenes import mirrored, neutral

SIZE = 192
AXIS = torch.tensor([0.0, 0.0, 0.1])
TEMPLE_DM = 0.56
"""Half the width of the face that hair leaves free."""


@pytest.fixture(scope="module")
def hanging(scene: Scene) -> HangingHair:
    return HangingHair(scene.lifter.surface)


def framed(yaw: float = 0.0) -> FaceCoefficients:
    return replace(neutral(yaw), translation=torch.tensor([0.0, -0.3, -1.0]))


def portrait(
    scene: Scene, own: FaceCoefficients, half_width: float, lowest: float, left: bool = True, right: bool = True
) -> torch.Tensor:
    """(S, SIZE, SIZE): hair from the crown down to a height, decimetres, as wide as said, on the head's sides."""
    camera = Camera.portrait(SIZE, SIZE)
    heights = torch.tensor([[0.0, 0.45, 0.1], [0.0, lowest, 0.1]])
    (x, top, depth), (_, bottom, _) = camera.project((heights + own.translation)[None])[0].tolist()
    scale = camera.focal_px / depth
    rows = torch.arange(SIZE)[:, None] + 0.5
    across = (torch.arange(SIZE)[None] + 0.5 - x) / scale
    sides = ((across > 0) & torch.tensor(left)) | ((across < 0) & torch.tensor(right))
    mantle = (across.abs() < half_width) & (across.abs() > TEMPLE_DM) & (rows > top) & (rows < bottom) & sides
    head = scene.lifter.surface.silhouette(own, SIZE) > 0
    hair = mantle | (head & (rows < top - 0.3 * scale))
    face = head & ~hair
    made = torch.zeros(len(SEGMENTS), SIZE, SIZE)
    for name, where in (("hair", hair), ("face", face), ("background", ~hair & ~face)):
        made[SEGMENTS.index(name)][where] = 1
    return made


def moved(scene: Scene, offset_mm: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, 3) vertices before and after, decimetres."""
    rest = scene.head.refine(scene.head.mean[None], scene.lifter.surface.level)[0]
    return rest, rest + weight * offset_mm / 100


def on_ears(scene: Scene, rest: torch.Tensor) -> torch.Tensor:
    return ear_weights(rest, scene.head.landmarks(scene.head.mean[None])[0])[:, 0] > 0.9


def test_long_hair_is_a_mantle_over_the_ears(scene: Scene, hanging: HangingHair) -> None:
    shape = hanging(portrait(scene, framed(), 0.95, -1.05), framed())
    assert shape is not None
    rest, new = moved(scene, shape.offset_mm, shape.weight)
    ears = on_ears(scene, rest)
    assert int(ears.sum()) > 100
    distance = torch.hypot(new[:, 0], new[:, 2] - AXIS[2])[ears]
    assert float(distance.min()) > 0.85, "no fold of an ear stays behind"
    assert float(distance.max()) < 1.0, "and none stands out"
    assert float((new - rest)[:, 1].abs().max()) == 0, "it moves level"
    assert float(shape.weight[ears].min()) > 0.8
    for where in (rest[:, 2] > 0.55, rest[:, 1] > 0.62, rest[:, 1] < -0.95):
        assert float(shape.weight[where].max()) == 0


def test_it_is_as_wide_and_as_long_as_in_the_picture(scene: Scene, hanging: HangingHair) -> None:
    narrow, wide, short = (
        hanging(portrait(scene, framed(), *size), framed()) for size in ((0.8, -1.05), (1.0, -1.05), (0.95, -0.5))
    )
    assert narrow is not None
    assert wide is not None
    assert short is not None
    rest, _ = moved(scene, wide.offset_mm, wide.weight)
    side = on_ears(scene, rest)
    grown = ((wide.offset_mm - narrow.offset_mm)[side].norm(dim=1)).median()
    assert float(grown) == pytest.approx(20, abs=4)
    nape = (rest[:, 2] < -0.2) & (rest[:, 1] < -0.65) & (rest[:, 1] > -0.8)
    assert float(short.weight[nape].max()) == 0
    assert float(wide.weight[nape].min()) > 0.5


def test_bare_ears_and_short_hair_hang_nowhere(scene: Scene, hanging: HangingHair) -> None:
    own = framed()
    assert hanging(portrait(scene, own, 0.3, -1.0), own) is None, "the sides of the face are free"
    assert hanging(portrait(scene, own, 0.95, 0.3), own) is None, "it ends above the ears"
    bald = torch.zeros(len(SEGMENTS), SIZE, SIZE)
    head = scene.lifter.surface.silhouette(own, SIZE)
    bald[SEGMENTS.index("face")], bald[SEGMENTS.index("background")] = head, 1 - head
    assert hanging(bald, own) is None


def test_hair_tucked_behind_both_ears_does_not_hang_over_them(scene: Scene, hanging: HangingHair) -> None:
    own = framed()
    segments = portrait(scene, own, 0.95, -1.05)
    shown = scene.lifter.surface.silhouette(own, SIZE) > 0
    segments[:, shown] = 0
    segments[SEGMENTS.index("face"), shown] = 1
    assert hanging(segments, own) is None


def test_hair_on_one_side_is_not_half_a_mantle(scene: Scene, hanging: HangingHair) -> None:
    own = framed()
    assert hanging(portrait(scene, own, 1.1, -1.05, right=False), own) is None
    assert hanging(portrait(scene, own, 1.1, -1.05), own) is not None


def test_the_mirror_image_hangs_mirrored(scene: Scene, hanging: HangingHair) -> None:
    own = framed(25.0)
    segments = portrait(scene, own, 0.95, -0.8)
    shape, other = hanging(segments, own), hanging(segments.flip(-1), mirrored(scene.head, own))
    assert shape is not None
    assert other is not None
    rest, new = moved(scene, shape.offset_mm, shape.weight)
    _, reflected = moved(scene, other.offset_mm, other.weight)
    back = reflected * torch.tensor([-1.0, 1.0, 1.0])
    nearest = torch.cdist(rest[::17] * torch.tensor([-1.0, 1.0, 1.0]), rest).argmin(dim=1)
    torch.testing.assert_close(back[nearest], new[::17], atol=0.02, rtol=0)


def test_the_skull_s_radius_is_found_in_every_direction() -> None:
    angle = torch.linspace(-torch.pi, torch.pi, 720)
    ring = torch.stack([0.7 * angle.sin(), torch.full_like(angle, 0.5), -0.9 * angle.cos() + 0.1], dim=1)
    low = ring * torch.tensor([0.5, 0.0, 0.5]) - torch.tensor([0.0, 0.6, 0.0])
    points = torch.cat([ring, low])
    flat = (points - torch.tensor([0.0, 0.0, 0.1])) * torch.tensor([1.0, 0.0, 1.0])
    radius = flat.norm(dim=1, keepdim=True)
    found = skull_radius(points, flat / radius, radius)[:720]
    torch.testing.assert_close(found, radius[:720], atol=0.02, rtol=0)
