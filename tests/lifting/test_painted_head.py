"""What the UV generator paints, finished: whole eyes, clean skin, hair that grows on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb
from stylefaceuv.lifting.hair_places import ear_weights
from stylefaceuv.lifting.painted_head import PaintedHead
from tests.lifting.lifted_scene import ATLAS, HAIR, SKIN, SMALL, Scene


def test_small_painted_maps_are_enlarged_with_whole_eyes(scene: Scene) -> None:
    small = linear_to_srgb(torch.full((3, SMALL, SMALL), 0.3))
    large = PaintedHead(scene.lifter).enlarge(small, torch.zeros(1, SMALL, SMALL))
    assert large.shape == (3, ATLAS, ATLAS)
    texels = scene.lifter.texels
    colors = texels.gather(large)
    torch.testing.assert_close(colors[scene.face].mean(dim=0), small[:, 0, 0], atol=0.01, rtol=0)
    assert 0.001 < float(colors[scene.face].std(dim=0).mean()) < 0.02, "grain"
    for eye in scene.lifter.eyes:
        assert float(colors[eye.rows][eye.angle < 6].max()) < 0.2


def test_what_is_painted_beside_the_skin_does_not_reach_it(scene: Scene) -> None:
    head, chart, seen = PaintedHead(scene.lifter), scene.lifter.skin_chart, torch.ones(1, SMALL, SMALL)
    beside = functional.adaptive_max_pool2d(chart, SMALL)[0] == 0
    skin = torch.tensor(SKIN)[:, None, None].expand(3, SMALL, SMALL)
    green = torch.where(beside, torch.tensor([0.0, 1.0, 0.0])[:, None, None], skin)
    assert int(beside.sum()) > 20
    assert float((head.enlarge(green, seen) - head.enlarge(skin, seen)).abs()[:, chart[0, 0] > 0].max()) < 0.02


def test_the_smaller_the_painted_map_the_fewer_bands_complete_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        "stylefaceuv.lifting.painted_head.complete", lambda image, *_, halved: asked.append(halved) or image
    )
    for size in (SMALL, SMALL // 2):
        PaintedHead(scene.lifter).enlarge(torch.full((3, size, size), 0.5), torch.ones(1, size, size))
    assert asked == [4, 5], "of 1,024 texels"


def test_a_tiny_map_that_is_hidden_all_over_is_completed_by_the_model(scene: Scene) -> None:
    small = torch.full((3, 32, 32), 0.2)
    hidden = torch.ones(1, 32, 32)
    large = PaintedHead(scene.lifter).enlarge(small, hidden, None, hidden)
    found = scene.lifter.texels.gather(large)[scene.face].mean(dim=0)
    assert bool(torch.isfinite(large).all())
    assert float((found - small[:, 0, 0]).abs().max()) > 0.02


def test_hair_and_streaks_are_taken_out_of_a_painted_map_and_the_face_is_kept(scene: Scene) -> None:
    albedo = functional.adaptive_avg_pool2d(scene.albedo(3)[None], SMALL)[0]
    fit = PaintedHead(scene.lifter).skin_of(albedo)
    kept = fit.weights[0, 0] > 0.9
    assert float(kept.float().mean()) > 0.1
    torch.testing.assert_close(fit.texture[0][:, kept], albedo[:, kept], atol=0.02, rtol=0)
    forehead = functional.adaptive_avg_pool2d(scene.lifter.forehead, SMALL)[0] > 0.9
    hairy = torch.where(forehead, torch.tensor(HAIR)[:, None, None], albedo)
    cleaned = PaintedHead(scene.lifter).skin_of(hairy)
    where = forehead[0] & (fit.weights[0, 0] > 0.5)
    assert float(cleaned.weights[0, 0][forehead[0]].max()) < 0.1
    if bool(where.any()):
        assert float(cleaned.texture[0][:, where].mean()) > 0.45, "skin, not hair"


def test_a_painter_of_bare_heads_is_believed_everywhere(scene: Scene) -> None:
    """Brows as dark as hair, and what is painted on the forehead, reach the large map."""
    lifter, head = scene.lifter, PaintedHead(scene.lifter)
    albedo = functional.adaptive_avg_pool2d(scene.albedo(3)[None], SMALL)[0]
    whole = functional.adaptive_avg_pool2d(lifter.skin_chart, SMALL)[0] > 0.99
    inside = -functional.max_pool2d(-whole.float(), 9, stride=1, padding=4) > 0.5
    forehead = (functional.adaptive_avg_pool2d(lifter.forehead, SMALL)[0] > 0.9) & inside
    marked = torch.where(forehead, 0.5 * albedo, albedo)
    assert int(forehead.sum()) > 20
    assert float(head.skin_of(marked).weights[0][forehead].max()) < 0.1, "it looks like hair"
    fit = head.bare_head_of(marked)
    torch.testing.assert_close(fit.texture[0][:, inside[0]], marked[:, inside[0]], atol=1e-5, rtol=0)
    assert float(fit.weights[0][inside].min()) > 0.99
    assert float(fit.weights[0][functional.adaptive_avg_pool2d(lifter.skin_chart, SMALL)[0] == 0].max()) == 0
    shown = functional.max_pool2d(forehead.float()[None], 3, stride=1, padding=1)[0]
    hairy = head.bare_head_of(marked, None, shown)
    assert float(hairy.weights[0][forehead].max()) == 0
    assert float((hairy.texture - albedo)[0][:, forehead[0]].abs().mean()) < 0.1, "skin, not what hides it"
    assert float((marked - albedo)[:, forehead[0]].abs().mean()) > 0.2
    large, cleaned = (head.enlarge(marked, torch.ones(1, SMALL, SMALL), None, each) for each in (None, shown))
    deep = -functional.max_pool2d(-forehead[None].float(), 5, stride=1, padding=2)
    deep = functional.interpolate(deep, size=(ATLAS, ATLAS), mode="nearest")[0, 0] > 0.5
    assert int(deep.sum()) > 20
    expected = functional.interpolate(marked[None], size=(ATLAS, ATLAS), mode="bilinear")[0]
    torch.testing.assert_close(large[:, deep], expected[:, deep], atol=0.05, rtol=0)
    assert float((cleaned - large)[:, deep].mean()) > 0.15


def test_painted_hair_covers_the_head_where_it_grows_and_nothing_else(scene: Scene) -> None:
    lifter, seen = scene.lifter, torch.ones(1, SMALL, SMALL)
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    hair = torch.tensor([*HAIR, 0.0]).reshape(4, 1, 1).expand(4, SMALL, SMALL).clone()
    assert torch.equal(PaintedHead(lifter).cover_with_hair(skin, hair, seen), skin)
    hair[3] = 1
    covered = PaintedHead(lifter).cover_with_hair(skin, hair, seen)
    other = (lifter.skin_chart[0, 0] == 0) & (lifter.covered[0, 0] > 0)
    assert torch.equal(covered[:, other], skin[:, other])
    scalp = (lifter.scalp[0, 0] > 0.99) & (lifter.skin_chart[0, 0] > 0)
    assert float(covered[:, scalp].max()) < 0.25, "dark hair, with its strands"
    torch.testing.assert_close(covered[:, scalp].mean(dim=1), torch.tensor(HAIR), atol=0.03, rtol=0)
    beside = functional.max_pool2d(scalp[None].float(), 3, stride=1, padding=1)[0] > 0
    gutter = beside & (lifter.covered[0, 0] == 0)
    assert int(gutter.sum()) > 50
    assert float(covered[:, gutter].mean(dim=0).quantile(0.9)) < 0.25, "no skin bleeds in at the cut"
    nose = lifter.texels.scatter(scene.face.float()[:, None])[0] > 0.5
    nose[:, : 3 * ATLAS // 8] = nose[:, 5 * ATLAS // 8 :] = False
    nose &= (lifter.fringe[0, 0] == 0) & (lifter.front[0, 0] == 0)  # between the brows the hair's edge is soft
    nose = -torch.nn.functional.max_pool2d(-nose[None].float(), 17, stride=1, padding=8)[0] > 0.5
    assert int(nose.sum()) > 50
    torch.testing.assert_close(covered[:, nose], skin[:, nose], atol=0.02, rtol=0)


def test_gloss_on_painted_hair_is_evened(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    lifter, seen = scene.lifter, torch.ones(1, SMALL, SMALL)
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    hair = torch.tensor([*HAIR, 1.0]).reshape(4, 1, 1).expand(4, SMALL, SMALL).clone()
    hair[:3, :, : SMALL // 2] *= 2
    crown = (lifter.crown[0, 0] > 0.5) & (lifter.skin_chart[0, 0] > 0)
    left = crown & (torch.arange(ATLAS) < ATLAS // 3)
    right = crown & (torch.arange(ATLAS) > 2 * ATLAS // 3)
    apart = []
    for share in (0.0, 0.6):
        monkeypatch.setattr("stylefaceuv.lifting.painted_head._EVENED", share)
        covered = PaintedHead(lifter).cover_with_hair(skin, hair, seen)
        apart.append(float(covered[:, left].mean() - covered[:, right].mean()))
    assert apart[0] > 0.05
    assert apart[1] < 0.7 * apart[0]


def test_painted_hair_grows_on_where_it_was_not_seen(scene: Scene) -> None:
    lifter = scene.lifter
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    hair = torch.tensor([*HAIR, 1.0]).reshape(4, 1, 1).expand(4, SMALL, SMALL).clone()
    hair[3, :, : SMALL // 2] = 0  # nothing is known of the left half, and it is not seen
    seen = torch.ones(1, SMALL, SMALL)
    seen[..., : SMALL // 2] = 0
    covered = PaintedHead(lifter).cover_with_hair(skin, hair, seen)
    scalp = (lifter.scalp[0, 0] > 0.99) & (lifter.skin_chart[0, 0] > 0)
    assert float(covered[:, scalp].max()) < 0.33
    bald = PaintedHead(lifter).cover_with_hair(skin, hair * torch.tensor([1.0, 1.0, 1.0, 0.3]).reshape(4, 1, 1), seen)
    assert float(bald[:, scalp].min()) > 0.2, "a thin cover is no head of hair"


def test_painted_hair_is_half_cropped_unless_it_hangs(scene: Scene) -> None:
    lifter, places = scene.lifter, scene.lifter.hair_places
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    hair, seen = torch.tensor([*HAIR, 1.0]).reshape(4, 1, 1).expand(4, SMALL, SMALL), torch.ones(1, SMALL, SMALL)
    scalp = (lifter.scalp[0, 0] > 0.99) & (lifter.skin_chart[0, 0] > 0)
    neck = (lifter.height < -0.6).float()[0] * lifter.skin_chart[0]

    def like(hanging: torch.Tensor | None, combed: float) -> float:
        covered = PaintedHead(lifter).cover_with_hair(skin, hair, seen, hanging)
        rows = torch.stack([covered.mean(dim=0)[scalp], places.cut(combed).streaks[0, 0][scalp]])
        return float(torch.corrcoef(rows)[0, 1])

    assert like(None, 0.4) > 0.9
    assert like(None, 0.4) > like(None, 1.0) + 0.1
    assert like(neck, 1.0) > 0.9


def test_hair_that_is_painted_thinly_grows_where_the_image_shows_hair(scene: Scene) -> None:
    lifter, seen = scene.lifter, torch.ones(1, SMALL, SMALL)
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    thin = torch.tensor([*HAIR, 0.4]).reshape(4, 1, 1).expand(4, SMALL, SMALL).clone()
    shown = functional.adaptive_avg_pool2d(torch.maximum(lifter.scalp, lifter.fringe)[0], SMALL)
    covered = PaintedHead(lifter).cover_with_hair(skin, thin, seen, shown=shown)
    scalp = (lifter.scalp[0, 0] > 0.99) & (lifter.skin_chart[0, 0] > 0)
    thinly = torch.tensor(SKIN) + 0.4 * (torch.tensor(HAIR) - torch.tensor(SKIN))
    torch.testing.assert_close(covered[:, scalp].mean(dim=1), thinly, atol=0.06, rtol=0)
    seen[..., SMALL // 2 :] = 0
    grown = PaintedHead(lifter).cover_with_hair(skin, thin, seen, shown=shown)
    torch.testing.assert_close(grown[:, scalp].mean(dim=1), thinly, atol=0.06, rtol=0)
    left = PaintedHead(lifter).cover_with_hair(skin, thin, seen)
    assert float(left[:, scalp].std()) > 1.5 * float(grown[:, scalp].std()), "without, half a head of hair"
    seen[:] = 1
    face = lifter.texels.scatter(scene.face.float()[:, None])[0] > 0.5
    face &= (lifter.fringe[0, 0] == 0) & (lifter.scalp[0, 0] == 0) & (lifter.beside[0, 0] == 0)
    plain = PaintedHead(lifter).cover_with_hair(skin, thin, seen)
    assert float((covered - plain)[:, face].abs().mean()) < 0.02


def test_hair_that_hangs_is_painted_over_ears(scene: Scene) -> None:
    lifter, seen = scene.lifter, torch.ones(1, SMALL, SMALL)
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    scalp = functional.adaptive_avg_pool2d(lifter.scalp[0], SMALL)
    hair = torch.cat([torch.tensor(HAIR).reshape(3, 1, 1).expand(3, SMALL, SMALL), scalp])
    points = scene.head.landmarks(scene.head.mean[None])[0]
    ears = lifter.texels.scatter(ear_weights(lifter.surface.rest_positions, points)) * lifter.skin_chart[0]
    bare, hung = (PaintedHead(lifter).cover_with_hair(skin, hair, seen, each) for each in (None, ears))
    inside = ears[0] > 0.99
    assert float(bare[:, inside].mean()) > 0.5
    torch.testing.assert_close(hung[:, inside].mean(dim=1), torch.tensor(HAIR), atol=0.05, rtol=0)


@pytest.mark.parametrize(("hangs", "fair"), [(True, True), (True, False), (False, True)])
def test_painted_hair_that_hangs_has_the_colour_below_the_brows(scene: Scene, hangs: bool, fair: bool) -> None:
    """The same painted hair, darker above the brows; the back of the head and the neck are not seen."""
    lifter, golden, brown = scene.lifter, (0.62, 0.47, 0.3), (0.45, 0.33, 0.24)
    rest = lifter.surface.rest_positions
    above = functional.adaptive_avg_pool2d(lifter.fringe, SMALL)[0] > 0.5
    low = torch.tensor(golden if fair else brown)[:, None, None]
    colors = torch.where(above, torch.tensor(brown)[:, None, None], low)
    sides = lifter.texels.scatter(((rest[:, 0].abs() > 0.4) & (rest[:, 1] > -0.3)).float()[:, None])
    cover = torch.maximum(functional.adaptive_avg_pool2d(sides, SMALL), above.float())
    mantle = lifter.texels.scatter(((rest[:, 1] < 0.3) & (rest[:, 2] < 0.3)).float()[:, None]) * lifter.skin_chart[0]
    seen = functional.adaptive_avg_pool2d(lifter.texels.scatter((rest[:, 2] > 0.35).float()[:, None]), SMALL)
    skin = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)
    covered = PaintedHead(lifter).cover_with_hair(
        skin, torch.cat([colors, cover]), seen, mantle if hangs else 0 * mantle, standing=True
    )
    where = (rest[:, 1] < -0.1) & (rest[:, 1] > -0.5) if hangs else rest[:, 1] > 0.5  # nape, or back of the head
    found = lifter.texels.gather(covered)[where & (rest[:, 2] < -0.2)].median(dim=0).values
    torch.testing.assert_close(found, torch.tensor(golden if hangs and fair else brown), atol=0.06, rtol=0)


@pytest.mark.parametrize("reading", ["skin_of", "bare_head_of"])
def test_what_is_known_for_glasses_is_no_skin(scene: Scene, reading: str) -> None:
    albedo = functional.adaptive_avg_pool2d(scene.albedo(3)[None], SMALL)[0]
    rims = torch.zeros(1, SMALL, SMALL)
    rims[:, SMALL // 2 : SMALL // 2 + 2, SMALL // 3 : 2 * SMALL // 3] = 1
    worn = albedo * (1 - 0.08 * rims)
    read = getattr(PaintedHead(scene.lifter), reading)
    plain, blind, knowing = read(albedo), read(worn), read(worn, rims)
    under = (rims[0] > 0) & (plain.weights[0, 0] > 0.9)
    assert int(under.sum()) > 10
    errors = [float((fit.texture - plain.texture)[0][:, under].abs().mean()) for fit in (blind, knowing)]
    assert errors[1] < 0.35 * errors[0]
    assert float(knowing.weights[0, 0][under].max()) < 0.2
