"""What the UV generator paints, finished: whole eyes, clean skin, hair that grows on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb
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
