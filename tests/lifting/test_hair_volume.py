"""Hair has the thickness of its outline on the scalp, and none on face and ears."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.lifting.hair_volume import VOLUME_RESOLUTION, HairVolume
from stylefaceuv.lifting.morphology import dilate
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.types import FaceCoefficients
from tests.lifting import long_hair
from tests.lifting.lifted_scene import Scene
from tests.lifting.scenes import mirrored, neutral

SIZE = 128
BACKGROUND = SEGMENTS.index("background")
RING_PIXELS, FOREHEAD = 8, 10


@pytest.fixture(scope="module")
def volume(scene: Scene) -> HairVolume:
    return HairVolume(scene.head)


def framed(yaw: float = 0.0, height: float = -0.4) -> FaceCoefficients:
    """The mean head, low enough in the picture for hair above it."""
    return replace(neutral(yaw), translation=torch.tensor([0.0, height, 0.0]))


def portrait(scene: Scene, own: FaceCoefficients, grown: int, bald: bool = False) -> torch.Tensor:
    """(S, SIZE, SIZE): a head whose hair stands out by some pixels, above the brows."""
    surface = scene.lifter.surface
    head = surface.silhouette(own, SIZE)
    rows, brows = torch.arange(SIZE)[:, None], brow_row(scene, own)
    person = torch.maximum(head, dilate(head[None, None], grown)[0, 0] * (rows < brows)) if grown else head
    hair = torch.zeros_like(person) if bald else torch.maximum(person - head, person * (rows < brows - FOREHEAD))
    return torch.stack([1 - person, person - hair, hair, torch.zeros_like(hair)])


def brow_row(scene: Scene, own: FaceCoefficients) -> int:
    view = scene.lifter.surface.view(own, SIZE)
    rest, points = scene.lifter.surface.rest_positions, scene.head.landmarks(scene.head.mean[None])[0]
    near = (rest - points[105]).norm(dim=1).argmin()
    return int(view.pixel[near, 1])


def at(scene: Scene, volume: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Millimetres of the texels in a (T,) mask."""
    large = torch.nn.functional.interpolate(volume[None], (256, 256), mode="bilinear")[0]
    return scene.lifter.texels.gather(large)[mask].norm(dim=1)


def regions(scene: Scene, volume: HairVolume) -> dict[str, torch.Tensor]:
    texels, places = scene.lifter.texels, scene.lifter.hair_places
    rest = scene.lifter.surface.rest_positions
    skin = texels.part == 0
    return {
        "crown": skin & (texels.gather(places.crown[0])[:, 0] > 0.9) & (rest[:, 0].abs() < 0.2),
        "ears": skin & (texels.gather(volume.bare[0])[:, 0] > 0.99),
        "face": scene.face & (texels.gather(places.forehead[0])[:, 0] < 0.01) & (rest[:, 0].abs() < 0.5),
        "eyes": texels.part == 1,
    }


def test_a_ring_of_hair_raises_the_crown_and_nothing_else(scene: Scene, volume: HairVolume) -> None:
    own = framed()
    made = volume(portrait(scene, own, RING_PIXELS), own).displacement
    assert made.shape == (3, VOLUME_RESOLUTION, VOLUME_RESOLUTION)
    where = regions(scene, volume)
    crown = at(scene, made, where["crown"])
    assert 8 < float(crown.median()) < 25
    for name, most in (("ears", 1.2), ("face", 0.3), ("eyes", 0.0)):
        assert float(at(scene, made, where[name]).max()) <= most, name
    thicker = volume(portrait(scene, own, RING_PIXELS + 4), own).displacement
    assert float(at(scene, thicker, where["crown"]).median()) > float(crown.median()) + 3


def test_short_hair_lies_close_above_ears_and_at_the_nape(scene: Scene, volume: HairVolume) -> None:
    own, rest = framed(), scene.lifter.surface.rest_positions
    made = volume(portrait(scene, own, RING_PIXELS), own).displacement
    scalp = scene.lifter.texels.gather((scene.lifter.scalp * scene.lifter.skin_chart)[0])[:, 0] > 0.99
    side = scalp & (rest[:, 0].abs() > 0.4) & (rest[:, 2].abs() < 0.3)
    low, high = (at(scene, made, side & within).median() for within in (rest[:, 1] < 0.4, rest[:, 1] > 0.8))
    assert float(low) < 0.6 * float(high)


def test_hair_that_the_picture_cuts_is_as_thick_as_the_rest(scene: Scene, volume: HairVolume) -> None:
    low, high = framed(), framed(height=-0.2)
    segments, cut = portrait(scene, low, RING_PIXELS), portrait(scene, high, RING_PIXELS)
    assert float(segments[BACKGROUND, 0].min()) == 1
    assert float(cut[BACKGROUND, 0].min()) == 0, "hair reaches the upper edge"
    crown = regions(scene, volume)["crown"]
    whole, ended = (
        float(at(scene, volume(each, own).displacement, crown).median()) for each, own in ((segments, low), (cut, high))
    )
    assert abs(ended - whole) < 2.5


def test_hair_stands_away_from_the_head(scene: Scene, volume: HairVolume) -> None:
    own = framed()
    made = volume(portrait(scene, own, RING_PIXELS), own).displacement
    texels = scene.lifter.texels
    large = torch.nn.functional.interpolate(made[None], (256, 256), mode="bilinear")[0]
    rest = scene.lifter.surface.rest_positions - volume.middle
    moved = texels.gather(large)[(texels.part == 0)]
    outward = (moved * rest[texels.part == 0]).sum(dim=1)
    assert float(outward.min()) > -0.5


def test_a_bald_head_has_none(scene: Scene, volume: HairVolume) -> None:
    own = framed()
    made = volume(portrait(scene, own, 0, bald=True), own)
    assert not bool(made.displacement.any())
    assert not bool(made.hanging.any())


def shrunk(scene: Scene, own: FaceCoefficients, pixels: int) -> torch.Tensor:
    """(S, SIZE, SIZE): thin hair on a head whose outline lies inside the model's."""
    segments = portrait(scene, own, 0)
    person = 1 - dilate(segments[None, BACKGROUND, None], pixels)[0, 0]
    return torch.cat([(1 - person)[None], segments[1:] * person])


def test_thin_hair_on_a_smaller_skull_lies_inside_the_model_s(scene: Scene, volume: HairVolume) -> None:
    own = framed()
    made = volume(shrunk(scene, own, 3), own).displacement
    texels = scene.lifter.texels
    large = torch.nn.functional.interpolate(made[None], (256, 256), mode="bilinear")[0]
    outward = (texels.gather(large) * (scene.lifter.surface.rest_positions - volume.middle)).sum(dim=1)
    where = regions(scene, volume)
    assert float(outward[where["crown"]].median()) < -2
    assert float(at(scene, made, where["face"]).quantile(0.95)) < 0.3
    assert float(at(scene, made, where["eyes"]).max()) == 0


def test_an_outline_that_no_head_has_is_not_believed(scene: Scene, volume: HairVolume) -> None:
    own = framed()
    made = volume(shrunk(scene, own, 8), own).displacement
    assert float(at(scene, made, regions(scene, volume)["crown"]).max()) < 0.1


def test_holes_in_the_outline_are_no_measure_of_the_head(scene: Scene, volume: HairVolume) -> None:
    """Dim hair at both sides that was taken for background, on more than half of all rays."""
    own = framed()
    whole = portrait(scene, own, RING_PIXELS)
    head = scene.lifter.surface.silhouette(own, SIZE)
    columns = torch.nonzero(head.sum(dim=0))[:, 0].float()
    middle, width = float(columns.mean()), float(columns.max() - columns.min())
    beside = ((torch.arange(SIZE) - middle).abs() > 0.25 * width) & (torch.arange(SIZE)[:, None] < brow_row(scene, own))
    torn = whole.clone()
    torn[:, beside] = torch.tensor([1.0, 0.0, 0.0, 0.0])[:, None]
    crown = regions(scene, volume)["crown"]
    believed, expected = (at(scene, volume(each, own).displacement, crown).median() for each in (torn, whole))
    assert float(believed) == pytest.approx(float(expected), rel=0.3)


def test_hair_on_one_side_is_thin_on_the_other(scene: Scene, volume: HairVolume) -> None:
    own = framed()
    thick, thin = portrait(scene, own, RING_PIXELS), portrait(scene, own, 0)
    segments = torch.cat([thick[..., : SIZE // 2], thin[..., SIZE // 2 :]], dim=-1)
    made = volume(segments, own).displacement
    rest, texels = scene.lifter.surface.rest_positions, scene.lifter.texels
    high = (texels.gather(volume.growth.scalp[0])[:, 0] > 0.9) & (texels.part == 0) & (rest[:, 1] > 0.6)
    left, right = (at(scene, made, high & (rest[:, 0] * sign > 0.45)).median() for sign in (1, -1))
    more, less = (max(float(left), float(right)), min(float(left), float(right)))
    assert more > 8
    assert 0.15 * more < less < 0.5 * more, "some of it, since one rarely has hair on one side"


def test_long_hair_is_volume_and_paint_over_the_ears(scene: Scene, volume: HairVolume) -> None:
    own = long_hair.framed()
    made = volume(long_hair.portrait(scene, own, 0.95, -1.05), own)
    where = regions(scene, volume)
    assert float(at(scene, made.displacement, where["ears"]).median()) > 8
    ears = scene.lifter.texels.gather(made.hanging)[where["ears"]]
    assert float(ears.min()) > 0.9
    short = volume(portrait(scene, framed(), RING_PIXELS), framed())
    assert not bool(short.hanging.any())


def test_its_atlas_is_its_own(scene: Scene, volume: HairVolume) -> None:
    """A lifter's atlas may be of any size; hair has the same shape with each."""
    assert volume.surface.texels.resolution == VOLUME_RESOLUTION


def test_the_mirror_image_has_the_mirrored_volume(scene: Scene, volume: HairVolume) -> None:
    own = framed(20.0)
    segments = portrait(scene, own, RING_PIXELS)
    made, flipped = (
        volume(segments, own).displacement,
        volume(segments.flip(-1), mirrored(scene.head, own)).displacement,
    )
    back = flipped.flip(-1) * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1)
    assert float((made - back).abs().mean()) < 0.05 * float(made.abs().mean())
