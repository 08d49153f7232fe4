"""What a blink unrolls, on the shipped head."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.lid_texture import (
    _LIGHTENED,
    _TINT,
    LidTexels,
    blink_stretch,
    lid_texels,
    paint_lids,
    rest_and_blink,
)
from stylefaceuv.lifting.surface import Surface
from tests.reference.tiny_head import tiny_head


@pytest.fixture(scope="module")
def surface(head: MorphableModel) -> Surface:
    return Surface(head, 256)


@pytest.fixture(scope="module")
def lids(head: MorphableModel, surface: Surface) -> LidTexels:
    return lid_texels(head, surface.texels, surface.rest_positions, 1)


def test_stretch_is_the_ratio_of_areas(head: MorphableModel) -> None:
    stretch = blink_stretch(head, rest_and_blink(head, 0), 0)
    closed = torch.zeros(2, 64)
    closed[1, [list(head.expression_names).index(f"eyeBlink{side}") for side in ("Left", "Right")]] = 1
    still, shut = head.refine(head(torch.zeros(2, 80), closed), 0)
    faces = head.topology(0).faces
    vertex = int(stretch.argmax())
    around = faces[(faces == vertex).any(dim=1)]
    areas = [
        sum(float(torch.linalg.cross(v[b] - v[a], v[c] - v[a]).norm()) for a, b, c in around) for v in (still, shut)
    ]
    assert float(stretch[vertex]) == pytest.approx(areas[1] / areas[0], rel=1e-4)
    assert float(stretch[vertex]) > 2
    assert float(stretch.median()) == pytest.approx(1, abs=1e-3)


def test_lids_lie_above_the_eyes_on_both_sides(head: MorphableModel, surface: Surface, lids: LidTexels) -> None:
    eyes = head.landmarks(head.mean[None])[0, [159, 386]]
    at = surface.rest_positions[lids.rows[lids.share > 0.5]]
    assert len(at) > 50
    distance = torch.cdist(at, eyes).amin(dim=1)
    assert float(distance.max()) < 0.25
    assert float((at[:, 0] > 0).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_lids_lighten_towards_still_skin_and_cheeks_and_nothing_else_changes(surface: Surface, lids: LidTexels) -> None:
    dark, above, cheek = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.8, 0.6, 0.5])
    painted = dark.expand(len(surface.rest_positions), 3).clone()
    painted[lids.still.rows.unique()], painted[lids.cheeks] = above, cheek
    assert not torch.isin(lids.cheeks, lids.still.rows).any()
    assert not torch.isin(lids.still.rows, lids.rows[lids.share > 0]).any()
    result = paint_lids(painted, lids)
    smooth = (painted[lids.around.rows] * lids.around.weights[..., None]).sum(dim=1)
    light = (above * torch.tensor(_TINT) + cheek) / 2
    expected = torch.lerp(painted[lids.rows], torch.lerp(smooth, light, _LIGHTENED), lids.share[:, None])
    assert torch.allclose(result[lids.rows], expected, atol=1e-5)
    assert int((lids.share > 0.9).sum()) > 50
    others = torch.ones(len(painted), dtype=torch.bool)
    others[lids.rows] = False
    assert torch.equal(result[others], painted[others])


def test_lids_are_smoothed_as_the_shut_eye_lies_more_along_than_across(
    head: MorphableModel, surface: Surface, lids: LidTexels
) -> None:
    shut = torch.zeros(1, 64)
    shut[0, [list(head.expression_names).index(f"eyeBlink{side}") for side in ("Left", "Right")]] = 1
    place = surface.texels.interpolate(head.refine(head(torch.zeros(1, 80), shut), 1)[0])
    apart = place[lids.around.rows] - place[lids.rows][:, None]
    along, across = ((lids.around.weights * apart[..., axis] ** 2).sum(dim=1).sqrt().median() for axis in (0, 1))
    assert 0.015 < float(along) < 0.03  # decimetres
    assert 0.3 < float(across / along) < 0.6
    assert torch.allclose(lids.around.weights.sum(dim=1), torch.ones(len(lids.rows)))


def test_a_head_without_lids_has_none() -> None:
    tiny = tiny_head()
    surface = Surface(tiny, 32)
    lids = lid_texels(tiny, surface.texels, surface.rest_positions, 1)
    color = torch.rand(len(surface.rest_positions), 3)
    if len(lids.rows) == 0:
        assert torch.equal(paint_lids(color, lids), color)
