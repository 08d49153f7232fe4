"""Hair that hangs beside a face is measured and becomes a mantle over ears and neck; bare ears stay bare."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.lifting.hair_places import ear_weights
from stylefaceuv.lifting.hanging_hair import HangingHair, HangingShape, skull_radius
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.types import PART_NAMES, FaceCoefficients
from tests.lifting.lifted_scene import Scene
from tests.lifting.long_hair import SIZE, framed, portrait
from tests.lifting.scenes import mirrored

SKIN = PART_NAMES.index("skin")
UNPAINTED = 0.4
"""What a texel has to reach to be painted at all."""
AXIS = torch.tensor([0.0, 0.0, 0.1])


@pytest.fixture(scope="module")
def hanging(scene: Scene) -> HangingHair:
    return HangingHair(scene.lifter.surface)


def hang(scene: Scene, hanging: HangingHair, segments: torch.Tensor, own: FaceCoefficients) -> HangingShape | None:
    made: HangingShape | None = hanging(segments, own, scene.lifter.surface.view(own, SIZE))
    return made


def moved(scene: Scene, offset_mm: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, 3) vertices before and after, decimetres."""
    rest = scene.head.refine(scene.head.mean[None], scene.lifter.surface.level)[0]
    return rest, rest + weight * offset_mm / 100


def on_ears(scene: Scene, rest: torch.Tensor) -> torch.Tensor:
    return ear_weights(rest, scene.head.landmarks(scene.head.mean[None])[0])[:, 0] > 0.9


def test_long_hair_is_a_mantle_over_the_ears(scene: Scene, hanging: HangingHair) -> None:
    shape = hang(scene, hanging, portrait(scene, framed(), 0.95, -1.05), framed())
    assert shape is not None
    rest, new = moved(scene, shape.offset_mm, shape.weight)
    ears = on_ears(scene, rest)
    assert int(ears.sum()) > 100
    distance = torch.hypot(new[:, 0], new[:, 2] - AXIS[2])[ears]
    assert float(distance.min()) > 0.85, "no fold of an ear stays behind"
    assert float(distance.max()) < 1.0, "and none stands out"
    assert float((new - rest)[:, 1].abs().max()) == 0, "it moves level"
    assert float(shape.weight[ears].min()) > 0.8
    cheek = (rest[:, 2] > 0.55) & (rest[:, 1] < -0.1)
    for where in (cheek, rest[:, 2] > 0.72, rest[:, 1] > 0.62, rest[:, 1] < -0.95):
        assert float(shape.weight[where].max()) == 0


def test_it_is_as_wide_and_as_long_as_in_the_picture(scene: Scene, hanging: HangingHair) -> None:
    narrow, wide, short = (
        hang(scene, hanging, portrait(scene, framed(), *size), framed())
        for size in ((0.8, -1.05), (1.0, -1.05), (0.95, -0.3))
    )
    assert narrow is not None
    assert wide is not None
    assert short is not None
    rest, _ = moved(scene, wide.offset_mm, wide.weight)
    side = on_ears(scene, rest)
    grown = ((wide.offset_mm - narrow.offset_mm)[side].norm(dim=1)).median()
    assert float(grown) == pytest.approx(20, abs=4)
    nape = (rest[:, 2] < -0.2) & (rest[:, 1] < -0.45) & (rest[:, 1] > -0.6)
    assert float(short.weight[nape].max()) == 0
    assert float(wide.weight[nape].min()) > 0.5


def test_bare_ears_and_short_hair_hang_nowhere(scene: Scene, hanging: HangingHair) -> None:
    own = framed()
    assert hang(scene, hanging, portrait(scene, own, 0.3, -1.0), own) is None, "the sides of the face are free"
    assert hang(scene, hanging, portrait(scene, own, 0.95, 0.3), own) is None, "it ends above the ears"
    bald = torch.zeros(len(SEGMENTS), SIZE, SIZE)
    head = scene.lifter.surface.silhouette(own, SIZE)
    bald[SEGMENTS.index("face")], bald[SEGMENTS.index("background")] = head, 1 - head
    assert hang(scene, hanging, bald, own) is None


def behind_the_ears(scene: Scene, own: FaceCoefficients, lowest: float) -> torch.Tensor:
    """Long hair that the bare head and its ears hide in part."""
    segments = portrait(scene, own, 0.95, lowest)
    shown = scene.lifter.surface.silhouette(own, SIZE) > 0
    segments[:, shown] = 0
    segments[SEGMENTS.index("face"), shown] = 1
    return segments


def test_hair_tucked_behind_both_ears_hangs_behind_them(scene: Scene, hanging: HangingHair) -> None:
    own = framed()
    shape = hang(scene, hanging, behind_the_ears(scene, own, -1.05), own)
    assert shape is not None
    rest, new = moved(scene, shape.offset_mm, shape.weight)
    assert float((new - rest)[on_ears(scene, rest)].abs().max()) < 0.005, "bare ears stay where they are"
    front = scene.lifter.surface.rest_positions[:, 2] > 0.02
    assert float(shape.cover[front].max()) < UNPAINTED
    nape = (rest[:, 2] < -0.25) & (rest[:, 1] < -0.3) & (rest[:, 1] > -0.7)
    assert int(nape.sum()) > 100
    assert float(shape.weight[nape].min()) > 0.5
    assert hang(scene, hanging, behind_the_ears(scene, own, -0.2), own) is None, "not below the ears: short"


def test_what_the_picture_shows_below_a_gap_is_no_hair(scene: Scene, hanging: HangingHair) -> None:
    """A bob, and a collar as dark as it."""
    own = framed()
    bob = portrait(scene, own, 0.95, -0.45)
    collar = portrait(scene, own, 0.95, -1.05)
    lower = torch.arange(SIZE) >= round(0.93 * SIZE)
    both = torch.where(lower[:, None], collar, bob)
    alone, worn = (hang(scene, hanging, segments, own) for segments in (bob, both))
    assert alone is not None
    assert worn is not None
    assert float((both - bob).abs().max()) == 1
    torch.testing.assert_close(worn.weight, alone.weight)


def test_nobody_knows_how_far_hair_stands_off_the_nape(scene: Scene, hanging: HangingHair) -> None:
    shape = hang(scene, hanging, portrait(scene, framed(), 1.15, -1.05), framed())
    assert shape is not None
    rest, new = moved(scene, shape.offset_mm, shape.weight)
    low = (rest[:, 1] < -0.2) & (rest[:, 1] > -0.5) & (shape.weight[:, 0] > 0.95)
    distance = torch.hypot(new[:, 0], new[:, 2] - AXIS[2])
    back, side = low & (rest[:, 0].abs() < 0.1) & (rest[:, 2] < 0), low & on_ears(scene, rest)
    skull = torch.hypot(rest[:, 0], rest[:, 2] - AXIS[2])[(rest[:, 1] > 0.4) & (rest[:, 0].abs() < 0.1)].max()
    assert int(back.sum()) > 5
    assert int(side.sum()) > 5
    assert float(distance[back].max()) < float(skull) + 0.13
    assert float(distance[side].max()) > 1.0


def test_hair_on_one_side_is_not_half_a_mantle(scene: Scene, hanging: HangingHair) -> None:
    own = framed()
    one = hang(scene, hanging, portrait(scene, own, 1.1, -1.05, right=False), own)
    both = hang(scene, hanging, portrait(scene, own, 1.1, -1.05), own)
    assert one is not None
    assert both is not None
    ears = on_ears(scene, scene.lifter.surface.rest_positions) & (scene.lifter.texels.part == SKIN)
    assert float(one.cover[ears].max()) < 0.2, "one ear is bare, so both are"
    assert float(both.cover[ears].min()) > 0.8, "a half is painted"


def test_the_mirror_image_hangs_mirrored(scene: Scene, hanging: HangingHair) -> None:
    own = framed(25.0)
    segments = portrait(scene, own, 0.95, -0.8)
    shape, other = (
        hang(scene, hanging, segments, own),
        hang(scene, hanging, segments.flip(-1), mirrored(scene.head, own)),
    )
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


def test_paint_reaches_the_very_edge_of_the_hair(scene: Scene, hanging: HangingHair) -> None:
    """A slope that is skin in part looks like the teeth of a saw."""
    shape = hang(scene, hanging, portrait(scene, framed(), 0.95, -1.05), framed())
    assert shape is not None
    weight, place = scene.lifter.texels.interpolate(shape.weight)[:, 0], scene.lifter.surface.rest_positions
    front = (place[:, 2] > 0.2) & (place[:, 1] > -0.5) & (place[:, 1] < 0.2)
    edge = front & (weight > 0.05) & (weight < 0.5)
    assert int(edge.sum()) > 50
    assert float(shape.cover[edge].min()) > 0.5
    for free in ((place[:, 2] > 0.57) & (place[:, 1] < -0.1), place[:, 2] > 0.78):
        assert float(shape.cover[free].max()) < UNPAINTED, "nor is the cheek"


def test_hair_comes_from_the_temples(scene: Scene, hanging: HangingHair) -> None:
    """Further forward the higher up: a line straight up would leave a corner of hair beside the eye."""
    shape = hang(scene, hanging, portrait(scene, framed(), 0.95, -1.05), framed())
    assert shape is not None
    place = scene.lifter.surface.rest_positions
    skin = scene.lifter.texels.part == PART_NAMES.index("skin")
    ends = []
    for height in (-0.3, 0.0, 0.15, 0.3):
        painted = skin & ((place[:, 1] - height).abs() < 0.02) & (shape.cover[:, 0] > 0.5)
        ends.append(float(place[painted, 2].max()))
    assert ends == sorted(ends)
    assert 0.45 < ends[0] < 0.55
    assert 0.62 < ends[-1] < 0.75


def test_ends_turn_in_to_the_neck(scene: Scene, hanging: HangingHair) -> None:
    """Three centimetres above their end they begin to, so that they are no edge of a helmet; a half is painted."""
    shape = hang(scene, hanging, portrait(scene, framed(), 0.95, -1.05), framed())
    assert shape is not None
    rest, _ = moved(scene, shape.offset_mm, shape.weight)
    side = (rest[:, 2].abs() < 0.15) & (rest[:, 0].abs() > 0.3)
    low, middle, high = (
        float(shape.weight[side & ((rest[:, 1] + level).abs() < 0.04)].mean()) for level in (0.86, 0.72, 0.5)
    )
    assert low < 0.15
    assert 0.25 < middle < 0.75
    assert high > 0.95
    place = scene.lifter.surface.rest_positions
    at_side = (place[:, 2].abs() < 0.15) & (place[:, 0].abs() > 0.3) & (scene.lifter.texels.part == SKIN)
    cover = [float(shape.cover[at_side & ((place[:, 1] + level).abs() < 0.02)].mean()) for level in (0.98, 0.88, 0.75)]
    assert cover[0] < 0.2
    assert cover[1] == pytest.approx(0.5, abs=0.15)
    assert cover[2] > 0.85


def test_an_ear_that_looks_away_is_not_asked(scene: Scene, hanging: HangingHair) -> None:
    """Turned far to a side, only the near ear counts: hair over it, and skin where the far one would be."""
    own = framed(50.0)
    segments = portrait(scene, own, 1.1, -1.05)
    view, rest = scene.lifter.surface.view(own, SIZE), scene.lifter.surface.rest_positions
    ears = hanging.ears > 0.5
    left, right = (float(view.confidence[ears & (rest[:, 0] * sign > 0)].mean()) for sign in (1, -1))
    near = 1.0 if left > right else -1.0
    far = view.pixel[ears & (rest[:, 0] * near < 0)].long().clamp(0, SIZE - 1)
    own_ear = view.pixel[ears & (rest[:, 0] * near > 0)].long().clamp(0, SIZE - 1)
    for where, name in ((far, "face"), (own_ear, "hair")):
        segments[:, where[:, 1], where[:, 0]] = 0
        segments[SEGMENTS.index(name), where[:, 1], where[:, 0]] = 1
    assert hanging._ears_shown(segments, own, view) < 0.1


def test_a_step_in_the_picture_is_no_step_in_the_mantle(scene: Scene, hanging: HangingHair) -> None:
    """One row of the picture that is much wider than its neighbours."""
    segments = portrait(scene, framed(), 0.8, -1.05)
    rows = torch.nonzero(segments[SEGMENTS.index("hair")].sum(dim=1) > 0)[:, 0]
    low = int(rows[int(0.6 * len(rows))])
    segments[:, low : low + 2] = 0
    segments[SEGMENTS.index("hair"), low : low + 2] = 1
    shape = hang(scene, hanging, segments, framed())
    plain = hang(scene, hanging, portrait(scene, framed(), 0.8, -1.05), framed())
    assert shape is not None
    assert plain is not None
    wider = (shape.offset_mm - plain.offset_mm).norm(dim=1)
    assert 0.5 < float(wider.max()) < 15


def test_the_back_of_an_ear_stays_behind_the_hair(scene: Scene, hanging: HangingHair) -> None:
    shape = hang(scene, hanging, portrait(scene, framed(), 0.95, -1.05), framed())
    assert shape is not None
    rest, new = moved(scene, shape.offset_mm, shape.weight)
    distance, ears = torch.hypot(new[:, 0], new[:, 2] - AXIS[2]), on_ears(scene, rest)
    back = ears & (hanging.tucked[:, 0] > 0.04)
    front = ears & (hanging.tucked[:, 0] == 0)
    assert int(back.sum()) > 20
    assert float(distance[back].median()) < float(distance[front].median()) - 0.02
