"""Photos of teeth are read without the shade of the lips, and only where light falls on them."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.lit_mouth import LitMouth
from stylefaceuv.lifting.texel_geometry import TexelGeometry, texel_geometry
from stylefaceuv.lip_light import LipLight
from stylefaceuv.types import PART_NAMES

TEETH = (0.8, 0.75, 0.65)


@pytest.fixture(scope="module")
def texels(head: MorphableModel) -> TexelGeometry:
    return texel_geometry(head.topology(1), 256)


@pytest.fixture(scope="module")
def mouth(head: MorphableModel, texels: TexelGeometry) -> LitMouth:
    return LitMouth(head, texels, 1, texels.interpolate(head.refine(head.mean[None], 1)[0]))


def posed(head: MorphableModel, jaw: float) -> torch.Tensor:
    """(V, 3) mean head with an open jaw."""
    expression = torch.zeros(1, 64)
    expression[0, list(head.expression_names).index("jawOpen")] = jaw
    return head.refine(head(torch.zeros(1, 80), expression), 1)[0]


def test_shaded_teeth_get_their_own_colour(head: MorphableModel, texels: TexelGeometry, mouth: LitMouth) -> None:
    vertices, plain = posed(head, 0.6), torch.tensor(TEETH).expand(len(texels.part), 3)
    light = LipLight(head, 1).on(texels.interpolate(vertices), vertices)
    shaded = linear_to_srgb(srgb_to_linear(plain) * light)
    bare, surer = mouth.without_shade(shaded, torch.ones(len(plain)), vertices)
    row = texels.part == PART_NAMES.index("teeth_upper")
    told = row & (surer > 0.5)
    assert 10 < int(told.sum()) < int(row.sum()), "the edges show, the gums do not"
    torch.testing.assert_close(bare[told], plain[told], atol=1e-4, rtol=0)
    assert float((shaded - plain)[told].abs().mean()) > 0.02
    outside = torch.ones_like(row)
    outside[mouth.rows] = False
    assert torch.equal(bare[outside], shaded[outside])
    assert bool((surer[outside] == 1).all())


def test_a_closed_mouth_tells_no_teeth(head: MorphableModel, texels: TexelGeometry, mouth: LitMouth) -> None:
    lips = torch.tensor((0.6, 0.2, 0.2)).expand(len(texels.part), 3)
    _, surer = mouth.without_shade(lips, torch.ones(len(lips)), posed(head, 0.0))
    teeth = (texels.part == PART_NAMES.index("teeth_upper")) | (texels.part == PART_NAMES.index("teeth_lower"))
    assert float(surer[teeth].max()) < 0.05
