"""Lifting photos of people with hair: fair hair that only a segmenter tells, hair with volume, and hair that hangs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.lifting.completion import complete
from stylefaceuv.lifting.delighting import shading
from stylefaceuv.lifting.hair_cut import UNTOLD
from stylefaceuv.lifting.hair_volume import VOLUME_RESOLUTION, HairShape
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.lifting.photo_hair import photo_hair
from stylefaceuv.lifting.pyramid import blur
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.types import PART_NAMES
from tests.lifting.lifted_scene import HAIR, SKIN, Scene
from tests.lifting.scenes import neutral

FAIR = (0.72, 0.62, 0.52)
"""Hair that is as bright as skin, and a little yellower."""
SEGMENT_SIZE = 128


def hairy(scene: Scene) -> torch.Tensor:
    """(T,) bool: the scalp, and the forehead from two centimetres above the brows on."""
    rest, points = scene.lifter.surface.rest_positions, scene.head.landmarks(scene.head.mean[None])[0]
    above = rest[:, 1] > points[[105, 334], 1].mean() + 0.2
    scalp = scene.lifter.texels.gather(scene.lifter.scalp[0])[:, 0] > 0.5
    return (above | scalp) & (scene.lifter.texels.part == PART_NAMES.index("skin"))


def photo_of(
    scene: Scene,
    color: tuple[float, float, float],
    segmented: bool = True,
    where: torch.Tensor | None = None,
    skin: torch.Tensor | None = None,
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Photo:
    """A head whose hair, on scalp and upper forehead or on some texels (T,), has a colour, and what a segmenter says of
    it; of another skin than the scene's, (T, 3), or in a tinted light."""
    texels, where = scene.lifter.texels, hairy(scene) if where is None else where
    colors = texels.gather(scene.albedo(4)).clone() if skin is None else skin.clone()
    colors[where] = torch.tensor(color)
    own = replace(neutral(), translation=torch.tensor([0.0, -0.12, -1.9]))
    photo = scene.photo(texels.scatter(colors), light_preset("studio") * torch.tensor(tint), own)
    if not segmented:
        return photo
    view = scene.lifter.surface.view(own, SEGMENT_SIZE)
    segments = torch.zeros(len(SEGMENTS), SEGMENT_SIZE, SEGMENT_SIZE)
    inside = scene.lifter.surface.silhouette(own, SEGMENT_SIZE) > 0
    seen = view.confidence > 0.1
    at = view.pixel.long().clamp(0, SEGMENT_SIZE - 1)
    hair = torch.zeros_like(inside)
    hair[at[seen & where, 1], at[seen & where, 0]] = True
    for name, mask in (("background", ~inside & ~hair), ("hair", hair), ("face", inside & ~hair)):
        segments[SEGMENTS.index(name)] = mask.float()
    return replace(photo, segments=segments)


def on_crown(scene: Scene, seen: bool) -> torch.Tensor:
    """(T,) bool: the crown as far as a photo from the front shows it, or the back of the head."""
    rest, texels = scene.lifter.surface.rest_positions, scene.lifter.texels
    side = rest[:, 2] > 0.75 if seen else rest[:, 2] < -0.3
    points = scene.head.landmarks(scene.head.mean[None])[0]
    above = (rest[:, 1] > points[[105, 334], 1].mean() + 0.3) & (rest[:, 0].abs() < 0.4)
    return side & above & (texels.part == PART_NAMES.index("skin"))


def distance(scene: Scene, diffuse: torch.Tensor, where: torch.Tensor, color: tuple[float, float, float]) -> float:
    """Of the median colour of some texels."""
    found = scene.lifter.texels.gather(diffuse)[where].median(dim=0).values
    return float((found - torch.tensor(color)).abs().max())


def test_fair_hair_is_taken_off_where_a_segmenter_tells(scene: Scene) -> None:
    where = on_crown(scene, seen=True)
    knowing, blind = (scene.lifter(photo_of(scene, FAIR, told)).confidence for told in (True, False))
    known, guessed = (float(scene.lifter.texels.gather(each[None])[where].mean()) for each in (knowing, blind))
    assert known < 0.05
    assert guessed > 0.3, "its colour alone does not tell"


def test_fair_hair_is_kept_and_grown_where_a_segmenter_tells(scene: Scene) -> None:
    knowing = scene.lifter(photo_of(scene, FAIR), keep_hair=True).diffuse
    blind = scene.lifter(photo_of(scene, FAIR, segmented=False), keep_hair=True).diffuse
    back = on_crown(scene, seen=False)
    tone = scene.lifter.texels.gather(knowing)[on_crown(scene, seen=True)].median(dim=0).values
    grown = tuple(tone.tolist())
    assert distance(scene, knowing, back, grown) < 0.06
    assert distance(scene, blind, back, grown) > distance(scene, knowing, back, grown)


@pytest.mark.parametrize("keep", [False, True])
def test_dark_hair_stays_only_where_it_is_kept(scene: Scene, keep: bool) -> None:
    lifted = scene.lifter(photo_of(scene, HAIR), keep_hair=keep).diffuse
    for seen in (True, False):
        assert (distance(scene, lifted, on_crown(scene, seen), HAIR) < 0.15) == keep
        assert (distance(scene, lifted, on_crown(scene, seen), SKIN) < 0.2) != keep


@pytest.mark.parametrize("segmented", [True, False])
def test_what_of_a_head_is_hair_is_told_texel_by_texel(scene: Scene, segmented: bool) -> None:
    """Where the photo shows it and where it was grown; the map's colours say the same."""
    photo, lifter = photo_of(scene, HAIR, segmented), scene.lifter
    bare, haired = lifter.both(photo)
    assert bare.hair is None
    assert haired.hair is not None
    assert haired.hair.shape == haired.confidence.shape
    hair = lifter.texels.gather(haired.hair[None])[:, 0]
    for seen in (True, False):
        assert float(hair[on_crown(scene, seen)].median()) > 0.9
    other = scene.face & ~hairy(scene) & (lifter.surface.rest_positions[:, 2] > 0.6)
    assert float(hair[other].quantile(0.9)) < 0.1
    change = (haired.diffuse - bare.diffuse).abs().mean(dim=0)[None]
    changed = lifter.texels.gather(change)[:, 0]
    assert float(changed[(hair < 0.02) & other].mean()) < 0.02
    assert float(changed[hair > 0.98].mean()) > 0.2


def shape(scene: Scene, raised_mm: float, hanging: torch.Tensor | None = None) -> HairShape:
    """The crown raised, and hair over some texels (T,)."""
    texels, up = scene.lifter.texels, torch.tensor([0.0, raised_mm, 0.0])
    raised = texels.scatter(hairy(scene)[:, None] * up)
    cover = texels.scatter((torch.zeros(len(texels.part)) if hanging is None else hanging.float())[:, None])
    assert texels.resolution == VOLUME_RESOLUTION
    return HairShape(raised, cover)


def test_volume_moves_where_hair_is_looked_for(scene: Scene) -> None:
    photo = photo_of(scene, HAIR)
    rows = torch.linspace(0.2, 0.8, photo.image.shape[-2])[:, None].expand_as(photo.image[0])
    striped = replace(photo, image=rows.expand_as(photo.image).clone())
    flat, raised = (
        scene.lifter.texels.gather(scene.lifter.evidence(replace(striped, hair=hair)).texture[0])
        for hair in (None, shape(scene, 25.0))
    )
    assert float((raised - flat)[on_crown(scene, seen=True)].median()) < -0.05, "the picture is darker higher up"
    assert float((raised - flat)[scene.face].median()) > -0.01


def test_hair_hangs_over_ears(scene: Scene) -> None:
    rest = scene.lifter.surface.rest_positions
    beside = (rest[:, 0].abs() > 0.62) & (rest[:, 1] < 0.2) & (rest[:, 2] < 0.3)
    hung = shape(scene, 0.0, beside)
    bare, covered = (
        scene.lifter(replace(photo_of(scene, HAIR), hair=hair), keep_hair=True) for hair in (shape(scene, 0.0), hung)
    )
    inner = beside & (rest[:, 1] < 0.0) & (rest[:, 1] > -0.4)
    assert distance(scene, covered.diffuse, inner, HAIR) < 0.15
    assert distance(scene, bare.diffuse, inner, HAIR) > 0.3


@pytest.mark.parametrize("segmented", [True, False])
def test_a_fringe_over_the_brows_stays_where_a_segmenter_tells(scene: Scene, segmented: bool) -> None:
    rest, points = scene.lifter.surface.rest_positions, scene.head.landmarks(scene.head.mean[None])[0]
    eyes, brows = points[[33, 263], 1].mean(), points[[105, 334], 1].mean()
    fringe = (rest[:, 1] > eyes + 0.06) & (rest[:, 1] < brows + 0.3) & (rest[:, 0].abs() < 0.5) & (rest[:, 2] > 0.6)
    photo = photo_of(scene, HAIR, segmented, hairy(scene) | fringe)
    lifted = scene.lifter(photo, keep_hair=True).diffuse
    low = fringe & (rest[:, 1] > eyes + 0.1) & (rest[:, 1] < brows - 0.05)
    assert int(low.sum()) > 50
    assert (distance(scene, lifted, low, HAIR) < 0.15) == segmented


def test_bare_temples_stay_bare_though_the_albedo_model_knows_no_such_skin(scene: Scene) -> None:
    lifter, pale = scene.lifter, (0.95, 0.93, 0.7)
    texels, rest = lifter.texels, lifter.surface.rest_positions
    grows = texels.gather((lifter.scalp * lifter.temples)[0])[:, 0] > 0.5
    temple = grows & hairy(scene) & (rest[:, 2] > 0.35) & (rest[:, 1] < 0.9)
    skin = texels.gather(scene.albedo(4)).clone()
    skin[temple] = torch.tensor(pale)
    photo = photo_of(scene, HAIR, True, hairy(scene) & ~temple, skin)
    lifted = lifter(photo, keep_hair=True)
    shown = lifter.surface.view(photo.coefficients, 512).confidence > 0.9
    inner = temple & shown & (rest[:, 1] < 0.8)
    assert int(inner.sum()) > 50
    assert distance(scene, lifted.diffuse, inner, HAIR) > 0.5


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.5, 0.25)])
def test_ends_are_read_without_the_photo_s_light(scene: Scene, tint: tuple[float, float, float]) -> None:
    lifter, blond = scene.lifter, (0.7, 0.6, 0.55)
    rest = lifter.surface.rest_positions
    beside = (rest[:, 0].abs() > 0.45) & (rest[:, 1] < 0.4) & (rest[:, 1] > -0.8) & (rest[:, 2] < 0.8)
    photo = photo_of(scene, blond, True, hairy(scene) | beside, tint=tint)
    posed = scene.head.landmarks(scene.head.mean[None])[0] + photo.coefficients.translation
    detected = Camera.portrait(512, 512).project(posed[None])[0, :, :2]
    photo = replace(photo, detected=detected, hair=shape(scene, 0.0, beside))
    normals = lifter._lift(photo)[0].normal[lifter.sides]
    light = shading(normals, light_preset("studio") * torch.tensor(tint)).mean(dim=0)
    ends = photo_hair(photo, light, lifter.height).ends
    assert ends is not None
    torch.testing.assert_close(ends.color, torch.tensor(blond), atol=0.12, rtol=0)


def test_a_hat_gives_way_to_hair(scene: Scene) -> None:
    """Of a colour that no hair has, and over all of the hair: that of the head is dark brown then."""
    covered = scene.lifter(photo_of(scene, (0.2, 0.4, 0.85)), keep_hair=True)
    for seen in (True, False):
        assert distance(scene, covered.diffuse, on_crown(scene, seen), (0.24, 0.17, 0.13)) < 0.1
    where = scene.lifter.texels.gather(covered.confidence[None])[on_crown(scene, seen=True)]
    assert float(where.mean()) < 0.05, "none of it is the photo's"


def test_hair_under_a_hat_has_the_colour_of_what_hangs_below(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    rest, ginger = scene.lifter.surface.rest_positions, (0.6, 0.36, 0.2)
    beside = (rest[:, 0].abs() > 0.62) & (rest[:, 1] < 0.2) & (rest[:, 2] < 0.3)
    monkeypatch.setattr("stylefaceuv.lifting.photo_hair.hanging_color", lambda *_: torch.tensor(ginger))
    photo = replace(photo_of(scene, (0.2, 0.4, 0.85)), detected=torch.full((478, 2), 256.0))
    covered = scene.lifter(replace(photo, hair=shape(scene, 0.0, beside)), keep_hair=True)
    assert distance(scene, covered.diffuse, on_crown(scene, seen=False), ginger) < 0.1


def test_gloss_on_hair_is_evened(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the crown is twice as bright in the photo, which light may well do to hair."""
    photo, rest = photo_of(scene, HAIR), scene.lifter.surface.rest_positions
    half = torch.where(torch.arange(photo.image.shape[-1]) < photo.image.shape[-1] // 2, 1.0, 2.0)
    assert photo.segments is not None
    hair = photo.segments[SEGMENTS.index("hair")][None, None]
    large = torch.nn.functional.interpolate(hair, photo.image.shape[-2:], mode="bilinear")[0]
    glossy = replace(photo, image=(photo.image * (1 + large * (half - 1))).clamp(0, 1))
    crown = on_crown(scene, seen=True) & (rest[:, 1] > scene.lifter.height.max() - 0.9)
    apart = []
    for share in (0.0, 0.6):
        monkeypatch.setattr("stylefaceuv.lifting.photo_hair._EVENED", share)
        found = scene.lifter.texels.gather(scene.lifter(glossy, keep_hair=True).diffuse).mean(dim=1)
        left, right = (float(found[crown & (rest[:, 0] * sign > 0.1)].median()) for sign in (1, -1))
        apart.append(abs(left - right))
    assert apart[1] < 0.8 * apart[0]


@pytest.mark.parametrize("hangs", [True, False])
def test_only_hair_that_hangs_has_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    rest = scene.lifter.surface.rest_positions
    beside = (rest[:, 0].abs() > 0.62) & (rest[:, 1] < 0.2) & (rest[:, 2] < 0.3)
    hair = shape(scene, 0.0, beside if hangs else None)
    photo = replace(photo_of(scene, HAIR), detected=torch.full((478, 2), 256.0), hair=hair)
    found = []
    for ends in (torch.tensor(HAIR), torch.tensor(HAIR) * torch.tensor([1.5, 1.5, 0.9])):
        monkeypatch.setattr("stylefaceuv.lifting.photo_hair.hanging_color", lambda *_, ends=ends: ends)
        found.append(scene.lifter(photo, keep_hair=True).diffuse)
    changed = scene.lifter.texels.gather(found[1] - found[0])
    back = changed[(rest[:, 2] < -0.2) & (rest[:, 1] > 0.2) & (rest[:, 1] < 0.5)]
    red, _, blue = back.median(dim=0).values.tolist()
    assert (red > 0.02) == hangs
    assert (blue < red - 0.01) == hangs
    assert hangs or torch.equal(*found)


def cut_photo(scene: Scene, cropped: bool, hanging: torch.Tensor | None = None) -> Photo:
    """Hair whose strands stand side by side, or are a pixel long, and landmarks below it."""
    photo, source = photo_of(scene, HAIR), torch.Generator().manual_seed(7)
    assert photo.segments is not None
    edge = photo.image.shape[-1]
    strands = torch.randn(1, edge if cropped else 1, edge, generator=source).expand(1, edge, edge)
    hair = photo.segments[SEGMENTS.index("hair")][None, None]
    large = torch.nn.functional.interpolate(hair, photo.image.shape[-2:], mode="bilinear")[0]
    image = (photo.image * (1 + 0.3 * large * strands)).clamp(0, 1)
    return replace(photo, image=image, detected=torch.full((478, 2), 256.0), hair=shape(scene, 0.0, hanging))


def alike(scene: Scene, diffuse: torch.Tensor, streaks: torch.Tensor) -> float:
    """Correlation of the fine luminance of the back of a map's head with streaks (1, 1, R, R)."""
    where = on_crown(scene, seen=False)
    fine = diffuse.mean(dim=0) - blur(diffuse[None], 3)[0].mean(dim=0)
    rows = scene.lifter.texels.gather(torch.stack([fine, streaks[0, 0]]))[where]
    return float(torch.corrcoef(rows.T)[0, 1])


@pytest.mark.parametrize("cropped", [True, False])
def test_unseen_hair_is_cut_as_the_photo_s(scene: Scene, cropped: bool) -> None:
    lifted, places = scene.lifter(cut_photo(scene, cropped), keep_hair=True).diffuse, scene.lifter.hair_places
    short, long = (alike(scene, lifted, streaks) for streaks in (places.cropped, places.streaks))
    assert (short > long + 0.3) == cropped
    assert (long > short + 0.3) != cropped


def test_the_cut_is_read_of_hair_that_does_not_hang_and_is_known(scene: Scene) -> None:
    light, height, cropped = torch.ones(3), scene.lifter.height, cut_photo(scene, True)
    side = scene.lifter.surface.rest_positions[:, 0].abs() > 0.62
    assert photo_hair(cropped, light, height).combed == 0
    assert photo_hair(cut_photo(scene, False), light, height).combed == 1
    assert photo_hair(cut_photo(scene, True, side), light, height).combed == 1
    for untold in (replace(cropped, segments=None), replace(cropped, detected=None)):
        assert photo_hair(untold, light, height).combed == UNTOLD
        assert photo_hair(replace(untold, hair=shape(scene, 0.0, side)), light, height).combed == 1


def test_the_mirror_image_is_doubted_where_hair_is_kept_and_nowhere_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[torch.Tensor | None] = []
    plain = complete

    def spy(*args: torch.Tensor, hair: torch.Tensor | None = None) -> torch.Tensor:
        given.append(hair)
        return plain(*args, hair=hair)

    monkeypatch.setattr("stylefaceuv.lifting.lifter.complete", spy)
    for keep in (False, True):
        scene.lifter(photo_of(scene, HAIR), keep_hair=keep)
    assert given[0] is None
    assert given[1] is not None
    assert float(given[1][scene.lifter.scalp > 0.9].min()) > 0.9
    assert float(given[1][scene.lifter.beards[:, 1:2] > 0.5].max()) == 0, "not on chins"
