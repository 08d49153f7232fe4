"""Longer upper teeth, and larger charts of both rows."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.texel_geometry import texel_geometry
from stylefaceuv.training.atlas_islands import SLOTS
from stylefaceuv.training.enlarge_tooth_charts import PARTS, enlarge_tooth_charts
from stylefaceuv.training.lengthen_teeth import LONGER_DM, lengthen_teeth
from stylefaceuv.types import PART_NAMES


def test_upper_teeth_grow_from_their_gums(head: MorphableModel) -> None:
    model, teeth = copy.deepcopy(head), part_rows(head, "teeth_upper")
    with torch.no_grad():
        lengthen_teeth(model)
    before, after = head.mean[teeth], model.mean[teeth]
    assert float(before[:, 1].min() - after[:, 1].min()) == pytest.approx(LONGER_DM, abs=1e-5)
    assert float(before[:, 1].max() - after[:, 1].max()) == pytest.approx(0, abs=1e-6)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    others = torch.ones(len(head.mean), dtype=torch.bool)
    others[teeth] = False
    assert torch.equal(model.mean[others], head.mean[others])
    flip = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(model.mean[model.mirror_index] * flip, model.mean, atol=1e-6, rtol=0)


def test_shipped_teeth_have_large_charts_that_touch_no_other(head: MorphableModel) -> None:
    texels = texel_geometry(head.topology(1), 1024)
    place = torch.stack([texels.flat_index % 1024, texels.flat_index // 1024], dim=1).float() / 1024
    for name in PARTS:
        own = place[(texels.part == PART_NAMES.index(name)) & (place[:, 0] > 0.5)]
        assert len(own) > 3000
        low, high = own.min(dim=0).values, own.max(dim=0).values
        u0, v0, u1, v1 = SLOTS[name]
        assert u0 - 1e-3 < float(low[0])
        assert float(high[0]) < u1 + 1e-3
        assert v0 - 1e-3 < float(low[1])
        assert float(high[1]) < v1 + 1e-3
    slots = list(SLOTS.values())
    for number, first in enumerate(slots):
        for second in slots[number + 1 :]:
            apart = max(max(first[axis], second[axis]) - min(first[axis + 2], second[axis + 2]) for axis in (0, 1))
            assert apart >= 0.009, "nine texels of 1024"


def test_enlarging_moves_teeth_only_and_keeps_the_symmetry(head: MorphableModel) -> None:
    model = copy.deepcopy(head)
    uv = model.get_buffer("corner_uv")
    teeth = torch.isin(model.quad_part, torch.tensor([PART_NAMES.index(name) for name in PARTS]))
    uv[teeth] = 0.25
    with torch.no_grad():
        enlarge_tooth_charts(model)
    torch.testing.assert_close(uv, head.get_buffer("corner_uv"), atol=1e-6, rtol=0)
    sides = uv[teeth].flatten(0, 1).double()
    mirrored = torch.stack([1 - sides[:, 0], sides[:, 1]], dim=1)
    assert float(torch.cdist(sides, mirrored).min(dim=1).values.max()) < 1e-5
