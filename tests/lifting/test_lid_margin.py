"""The margin of the lower lids, on the shipped head."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.lid_margin import _TINT, LidMargin, lid_margin, paint_lid_margin
from stylefaceuv.lifting.surface import Surface
from tests.reference.tiny_head import tiny_head


@pytest.fixture(scope="module")
def surface(head: MorphableModel) -> Surface:
    return Surface(head, 512)


@pytest.fixture(scope="module")
def margin(head: MorphableModel, surface: Surface) -> LidMargin:
    return lid_margin(head, surface.texels, surface.rest_positions)


def test_margins_lie_along_both_lower_lids(head: MorphableModel, surface: Surface, margin: LidMargin) -> None:
    at = surface.rest_positions[margin.rows[margin.share > 0.5]]
    lower = head.landmarks(head.mean[None])[0, [7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382]]
    assert len(at) > 100
    assert float((at[:, 0] > 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert float(torch.cdist(at, lower).amin(dim=1).max()) < 0.1
    heights = (surface.rest_positions[margin.below.rows][..., 1] * margin.below.weights).sum(dim=1)
    assert float((heights < surface.rest_positions[margin.rows][:, 1]).float().mean()) > 0.95


def test_a_white_margin_takes_the_colour_of_the_skin_below_and_nothing_else_changes(
    surface: Surface, margin: LidMargin
) -> None:
    skin = torch.tensor([0.7, 0.5, 0.4])
    painted = skin.expand(len(surface.rest_positions), 3).clone()
    painted[margin.rows] = 1.0
    assert not torch.isin(margin.below.rows, margin.rows).any()
    result = paint_lid_margin(painted, margin)
    expected = torch.lerp(torch.ones(3), skin * torch.tensor(_TINT), margin.share[:, None])
    assert torch.allclose(result[margin.rows], expected, atol=1e-5)
    others = torch.ones(len(painted), dtype=torch.bool)
    others[margin.rows] = False
    assert torch.equal(result[others], painted[others])
    assert bool((painted[margin.rows] == 1).all())


def test_a_head_without_lids_has_no_margin() -> None:
    tiny = tiny_head()
    surface = Surface(tiny, 32)
    margin = lid_margin(tiny, surface.texels, surface.rest_positions)
    assert len(margin.rows) == 0
    color = torch.rand(len(surface.rest_positions), 3)
    assert torch.equal(paint_lid_margin(color, margin), color)
