"""Strands: they run away from the whorl, or down, are as fine everywhere, and close around the head."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.lifting.strands import HAIR_AXIS_Z, combed_strands, hanging_strands
from tests.lifting.lifted_scene import Scene

MIDDLE = torch.tensor([0.1, 0.4, 0.2])
RADIUS = 0.9


def sphere(count: int = 20000) -> torch.Tensor:
    """(count, 3) points spread evenly."""
    noise = torch.randn(count, 3, generator=torch.Generator().manual_seed(3))
    return MIDDLE + RADIUS * torch.nn.functional.normalize(noise, dim=1)


def whorl() -> torch.Tensor:
    return torch.tensor([0.0, math.cos(math.radians(35)), -math.sin(math.radians(35))])


def around_whorl(polar: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(count, 3) points on a circle around the whorl, ``polar`` radians away, and the ways (count, 3) away from it."""
    turn = torch.arange(count) * (2 * math.pi / count)
    right = torch.tensor([1.0, 0.0, 0.0])
    flat = turn.cos()[:, None] * right + turn.sin()[:, None] * torch.linalg.cross(right, whorl())
    outwards = math.cos(polar) * whorl() + math.sin(polar) * flat
    away = -math.sin(polar) * whorl() + math.cos(polar) * flat
    return MIDDLE + RADIUS * outwards, away


def test_they_have_no_mean_and_about_unit_variance(scene: Scene) -> None:
    points = sphere()
    for pattern in (combed_strands(MIDDLE), combed_strands(MIDDLE, cropped=(True,)), hanging_strands()):
        strands = pattern(points)
        assert strands.shape == (len(points), 1)
        assert float(strands.mean()) == pytest.approx(0, abs=0.2)
        assert 0.8 < float(strands.std()) < 1.2
    scalp = (scene.lifter.scalp > 0.5) & (scene.lifter.skin_chart > 0)
    assert float(scene.lifter.streaks[scalp].mean()) == pytest.approx(0, abs=0.02)
    assert float(scene.lifter.streaks[scalp].std()) == pytest.approx(1, abs=0.02)
    hanging = scene.lifter.strands[scene.lifter.skin_chart > 0]
    assert float(hanging.mean()) == pytest.approx(0, abs=1e-3)
    assert float(hanging.std()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("polar", [0.5, 1.0, 1.5, 2.2])
def test_combed_ones_run_away_from_the_whorl(polar: float) -> None:
    points, away = around_whorl(polar, 3000)
    both = torch.cat([points, points + 0.01 * away, points.roll(1, 0)])
    here, along, beside = combed_strands(MIDDLE)(both)[:, 0].split(len(points))
    step = 2 * math.pi * RADIUS * math.sin(polar) / len(points)
    change_along, change_beside = (here - along).abs().mean() / 0.01, (here - beside).abs().mean() / step
    assert float(change_beside) > 4 * float(change_along)


def test_cropped_ones_are_shorter() -> None:
    points, away = around_whorl(1.2, 3000)
    both = torch.cat([points, points + 0.04 * away])
    change = {}
    for cropped in (False, True):
        here, along = combed_strands(MIDDLE, cropped=(cropped,))(both)[:, 0].split(len(points))
        change[cropped] = float((here - along).abs().mean() / here.std())
    assert change[True] > 3 * change[False]


def test_a_cut_has_streaks_of_unit_variance(scene: Scene) -> None:
    places = scene.lifter.hair_places
    scalp = (places.scalp > 0.5) & (scene.lifter.skin_chart > 0)
    for combed, like in ((1.0, places.streaks), (0.0, places.cropped), (0.5, None)):
        streaks = places.cut(combed).streaks
        assert float(streaks[scalp].std()) == pytest.approx(1, abs=0.05)
        assert like is None or float((streaks - like).abs().max()) < 1e-5
    own, _ = scene.lifter.own_hair_places(None, 0.0)
    assert torch.equal(own.streaks, places.cropped)


def test_they_branch_so_that_they_are_as_fine_everywhere() -> None:
    """Rings of one spacing have equally rough patterns, though the small one holds a quarter of the strands."""
    rough = []
    for polar in (0.26, 0.54, math.pi / 2):
        points, _ = around_whorl(polar, round(4000 * math.sin(polar)))
        ring = combed_strands(MIDDLE)(torch.cat([points, sphere(5000)]))[: len(points), 0]
        rough.append(float((ring - ring.roll(1)).abs().mean() / ring.std()))
    assert max(rough) < 1.5 * min(rough)


def test_hanging_ones_run_down_and_close_behind_the_head() -> None:
    angle = torch.linspace(-math.pi, math.pi, 4001)[:-1]
    ring = torch.stack([0.8 * angle.sin(), torch.full_like(angle, -0.2), HAIR_AXIS_Z - 0.8 * angle.cos()], dim=1)
    here, lower = (hanging_strands()(ring - torch.tensor([0.0, drop, 0.0]))[:, 0] for drop in (0.0, 0.002))
    step = 2 * math.pi * 0.8 / len(ring)
    assert float((here - here.roll(1)).abs().mean() / step) > 4 * float((here - lower).abs().mean() / 0.002)
    across = (here - here.roll(1)).abs()
    assert float(across[0]) < 6 * float(across.mean()), "no seam where the angle jumps"


def test_the_same_seed_gives_the_same_strands() -> None:
    points = sphere(500)
    for first, again, other in (
        tuple(combed_strands(MIDDLE, seed)(points) for seed in (1, 1, 2)),
        tuple(hanging_strands(seed)(points) for seed in (1, 1, 2)),
    ):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
