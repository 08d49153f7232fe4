"""Painted hair on a head: where it grows and hangs, in its colour, cut as the painter says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from stylefaceuv.lifting.hair_places import ear_weights
from stylefaceuv.lifting.hair_volume import HairShape
from stylefaceuv.lifting.hats import UNDER_HAT
from stylefaceuv.lifting.painted_hair import lay_hair
from stylefaceuv.networks.uv_generator import HairPrediction
from tests.lifting.lifted_scene import ATLAS, HAIR, SKIN, SMALL, Scene


def painted_hair(cover: float | torch.Tensor, combed: float = 1.0) -> HairPrediction:
    """Hair of one colour, all over the atlas or of a cover (1, SMALL, SMALL)."""
    color = torch.tensor(HAIR).reshape(1, 3, 1, 1).expand(1, 3, SMALL, SMALL)
    laid = cover if isinstance(cover, torch.Tensor) else torch.full((1, SMALL, SMALL), cover)
    return HairPrediction(color, laid[None], torch.tensor([combed]))


def skin_all_over() -> torch.Tensor:
    return torch.tensor(SKIN).reshape(3, 1, 1).expand(3, ATLAS, ATLAS)


def scalp_of(scene: Scene) -> torch.Tensor:
    return (scene.lifter.scalp[0, 0] > 0.99) & (scene.lifter.skin_chart[0, 0] > 0)


def shape_of(hanging: torch.Tensor, standing: bool = True) -> HairShape:
    """Volume all over or nowhere, and where hair hangs, (1, ATLAS, ATLAS)."""
    return HairShape(torch.full((3, 8, 8), float(standing)), hanging)


def test_painted_hair_covers_the_head_where_it_grows_and_nothing_else(scene: Scene) -> None:
    lifter, skin = scene.lifter, skin_all_over()
    assert torch.equal(lay_hair(lifter, skin, painted_hair(0.0)), skin)
    covered = lay_hair(lifter, skin, painted_hair(1.0))
    other = (lifter.skin_chart[0, 0] == 0) & (lifter.covered[0, 0] > 0)
    assert torch.equal(covered[:, other], skin[:, other])
    scalp = scalp_of(scene)
    assert float(covered[:, scalp].max()) < 0.25, "dark hair, with its strands"
    torch.testing.assert_close(covered[:, scalp].mean(dim=1), torch.tensor(HAIR), atol=0.03, rtol=0)
    beside = functional.max_pool2d(scalp[None].float(), 3, stride=1, padding=1)[0] > 0
    gutter = beside & (lifter.covered[0, 0] == 0)
    assert int(gutter.sum()) > 50
    assert float(covered[:, gutter].mean(dim=0).quantile(0.9)) < 0.25, "no skin bleeds in at the cut"
    nose = lifter.texels.scatter(scene.face.float()[:, None])[0] > 0.5
    nose[:, : 3 * ATLAS // 8] = nose[:, 5 * ATLAS // 8 :] = False
    nose &= (lifter.fringe[0, 0] == 0) & (lifter.front[0, 0] == 0)
    assert int(nose.sum()) > 50
    assert torch.equal(covered[:, nose], skin[:, nose])


def test_a_head_of_painted_hair_has_no_half_covers_but_at_its_edge(scene: Scene) -> None:
    """Paint is sure of a third of the head, unsure of a third, and sure of bare skin on the last one."""
    cover = torch.tensor([0.9, 0.5, 0.1]).repeat_interleave(SMALL // 3 + 1)[:SMALL].expand(1, SMALL, SMALL)
    covered = lay_hair(scene.lifter, skin_all_over(), painted_hair(cover))
    scalp, column, third = scalp_of(scene), torch.arange(ATLAS).expand(ATLAS, ATLAS), ATLAS // 3
    sure, bare = scalp & (column < third - 8), scalp & (column > 2 * third + 12)
    assert min(int(sure.sum()), int(bare.sum())) > 50
    torch.testing.assert_close(covered[:, sure].mean(dim=1), torch.tensor(HAIR), atol=0.03, rtol=0)
    torch.testing.assert_close(covered[:, bare].mean(dim=1), torch.tensor(SKIN), atol=0.03, rtol=0)


def test_hair_that_is_painted_thinly_is_hair_where_it_has_volume(scene: Scene) -> None:
    lifter, scalp, skin = scene.lifter, scalp_of(scene), skin_all_over()
    thin = painted_hair(0.2)
    bald = lay_hair(lifter, skin, thin, shape_of(torch.zeros(1, ATLAS, ATLAS), standing=False))
    assert torch.equal(bald, skin), "a thin cover is no head of hair"
    covered = lay_hair(lifter, skin, thin, shape_of(torch.zeros(1, ATLAS, ATLAS)))
    torch.testing.assert_close(covered[:, scalp].mean(dim=1), torch.tensor(HAIR), atol=0.03, rtol=0)
    face = lifter.texels.scatter(scene.face.float()[:, None])[0] > 0.5
    face &= lifter.scalp[0, 0] == 0
    assert float((covered - skin)[:, face].abs().mean()) < 0.01


@pytest.mark.parametrize("combed", [0.0, 0.4, 1.0])
def test_painted_hair_is_cut_as_the_painter_says_unless_it_hangs(scene: Scene, combed: float) -> None:
    lifter, places, scalp = scene.lifter, scene.lifter.hair_places, scalp_of(scene)
    neck = (lifter.height < -0.6).float()[0] * lifter.skin_chart[0]

    def like(hanging: torch.Tensor, cut: float) -> float:
        hair, shape = painted_hair(1.0, combed), shape_of(hanging)
        covered = lay_hair(lifter, skin_all_over(), hair, shape)
        rows = torch.stack([covered.mean(dim=0)[scalp], places.cut(cut).streaks[0, 0][scalp]])
        return float(torch.corrcoef(rows)[0, 1])

    assert like(0 * neck, combed) > 0.9
    assert like(0 * neck, combed) > like(0 * neck, 1.0 if combed < 0.5 else 0.0) + 0.1
    assert like(neck, 1.0) > 0.9


def test_hair_that_hangs_is_painted_over_ears(scene: Scene) -> None:
    lifter, skin = scene.lifter, skin_all_over()
    scalp = functional.adaptive_avg_pool2d(lifter.scalp[0], SMALL)
    points = scene.head.landmarks(scene.head.mean[None])[0]
    ears = lifter.texels.scatter(ear_weights(lifter.surface.rest_positions, points)) * lifter.skin_chart[0]
    bare, hung = (lay_hair(lifter, skin, painted_hair(scalp), shape_of(each)) for each in (0 * ears, ears))
    inside = ears[0] > 0.99
    assert float(bare[:, inside].mean()) > 0.5
    torch.testing.assert_close(hung[:, inside].mean(dim=1), torch.tensor(HAIR), atol=0.05, rtol=0)


def test_the_colour_of_hair_is_read_where_hair_is_painted(scene: Scene) -> None:
    """Paint knows no hair on the left third; where volume says that there is some, it has the colour of the rest."""
    cover = (torch.arange(SMALL) > SMALL // 3).float().expand(1, SMALL, SMALL)
    green = torch.tensor([0.2, 0.9, 0.1]).reshape(1, 3, 1, 1)
    hair = painted_hair(cover)
    hair = replace(hair, color=green + cover * (hair.color - green))
    covered = lay_hair(scene.lifter, skin_all_over(), hair, shape_of(torch.zeros(1, ATLAS, ATLAS)))
    left = scalp_of(scene) & (torch.arange(ATLAS) < ATLAS // 3)
    assert int(left.sum()) > 50
    torch.testing.assert_close(covered[:, left].mean(dim=1), torch.tensor(HAIR), atol=0.06, rtol=0)


def test_specks_of_paint_beside_the_face_are_no_hair(scene: Scene) -> None:
    """A speck before the ear, and a lock of the same breadth that comes from the scalp."""
    lifter, skin = scene.lifter, skin_all_over()
    places = torch.maximum(lifter.hair_places.fringe_and_sides(), lifter.scalp)
    small = functional.adaptive_avg_pool2d(places, SMALL)[0]
    scalp = functional.adaptive_avg_pool2d(lifter.scalp, SMALL)[0]
    free = (small > 0.99) & (scalp == 0)
    free &= -functional.max_pool2d(-free.float(), 5, stride=1, padding=2) > 0.5
    row, column = free[0].nonzero()[-1].tolist()
    speck, lock = torch.zeros(2, 1, SMALL, SMALL)
    speck[:, row - 1 : row + 2, column - 1 : column + 2] = 1
    lock[:, : row + 2, column - 1 : column + 2] = 1
    place = tuple(slice(at * ATLAS // SMALL, (at + 1) * ATLAS // SMALL) for at in (row, column))
    for cover, covered in ((speck, False), (lock, True)):
        hair = lay_hair(lifter, skin, painted_hair(torch.maximum(cover, scalp)))
        change = float((hair - skin)[:, place[0], place[1]].abs().mean())
        assert (change > 0.2) == covered
        assert covered or change < 0.02


def test_hair_takes_the_tone_that_its_image_shows(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it is believed, and what is brighter or darker in the paint stays so."""
    fair, hair = 2 * torch.tensor(HAIR), painted_hair(1.0)
    half = 1 + 0.3 * (torch.arange(SMALL) < SMALL // 2).float()
    shaded = replace(hair, color=hair.color * half)
    scalp, column = scalp_of(scene), torch.arange(ATLAS).expand(ATLAS, ATLAS)
    means = []
    for told in (0.0, 0.7, 1.0):
        monkeypatch.setattr("stylefaceuv.lifting.painted_hair._TOLD", told)
        laid = lay_hair(scene.lifter, skin_all_over(), shaded, tone=fair)
        means.append(laid[:, scalp].mean(dim=1))
        left, right = (laid[:, scalp & side].mean() for side in (column < ATLAS // 3, column > 2 * ATLAS // 3))
        assert float(left / right) == pytest.approx(1.3, abs=0.12)
    painted = lay_hair(scene.lifter, skin_all_over(), shaded)[:, scalp].mean(dim=1)
    torch.testing.assert_close(means[0], painted)
    torch.testing.assert_close(means[2], fair, atol=0.05, rtol=0)
    torch.testing.assert_close(means[1], means[0] ** 0.3 * means[2] ** 0.7, atol=0.03, rtol=0)


def test_a_tone_that_no_hair_has_is_a_hat_s(scene: Scene) -> None:
    blue = torch.tensor([0.2, 0.35, 0.8])
    laid = lay_hair(scene.lifter, skin_all_over(), painted_hair(1.0), tone=blue)
    torch.testing.assert_close(laid[:, scalp_of(scene)].mean(dim=1), torch.tensor(UNDER_HAT), atol=0.03, rtol=0)


def test_blotches_of_painted_hair_are_evened_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    spread, hair = [], painted_hair(1.0)
    blotches = (torch.arange(SMALL) // 4 % 2).float() - 0.5
    blotchy = replace(hair, color=hair.color * (1 + blotches))
    for share in (1.0, 0.4):
        monkeypatch.setattr("stylefaceuv.lifting.painted_hair._LOCAL", share)
        covered = [lay_hair(scene.lifter, skin_all_over(), each) for each in (blotchy, hair)]
        spread.append(float((covered[0] - covered[1])[:, scalp_of(scene)].std()))
    assert spread[1] < 0.6 * spread[0]


def test_painted_hair_keeps_the_colours_of_its_crown_and_its_ends(scene: Scene) -> None:
    lifter, rest = scene.lifter, scene.lifter.surface.rest_positions
    golden, brown = torch.tensor((0.62, 0.47, 0.3)), torch.tensor((0.45, 0.33, 0.24))
    above = functional.adaptive_avg_pool2d(lifter.texels.scatter((rest[:, 1:2] > 0.2).float()), SMALL)
    hair = replace(painted_hair(1.0), color=(golden[:, None, None] + above * (brown - golden)[:, None, None])[None])
    mantle = lifter.texels.scatter(((rest[:, 1] < 0.3) & (rest[:, 2] < 0.3)).float()[:, None]) * lifter.skin_chart[0]
    covered = lifter.texels.gather(lay_hair(lifter, skin_all_over(), hair, shape_of(mantle)))
    for where, color in ((rest[:, 1] > 0.6, brown), ((rest[:, 1] < -0.2) & (rest[:, 1] > -0.5), golden)):
        found = covered[where & (rest[:, 2] < -0.2)].median(dim=0).values
        torch.testing.assert_close(found, color, atol=0.05, rtol=0)
