"""Teeth, tongue and cavity: natural colours that lean to what was seen."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.mouth_texture import mouth_occlusion, paint_mouth
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.lifting.tooth_pattern import ToothPattern
from stylefaceuv.types import PART_NAMES

EACH = 400


def texels() -> TexelGeometry:
    part = torch.arange(len(PART_NAMES)).repeat_interleave(EACH).to(torch.uint8)
    count = len(part)
    return TexelGeometry(64, torch.arange(count), torch.zeros(count, 3, dtype=torch.int64), torch.ones(count, 3), part)


def rows(name: str) -> slice:
    first = PART_NAMES.index(name) * EACH
    return slice(first, first + EACH)


def paint(color: tuple[float, float, float], confidence: float, skin: float = 0.3) -> torch.Tensor:
    count = len(PART_NAMES) * EACH
    lifted = torch.tensor(color).expand(count, 3)
    plain = ToothPattern(torch.ones(count, 1), torch.zeros(count, 1))
    return paint_mouth(torch.full((count, 3), 0.123), lifted, torch.full((count,), confidence), texels(), skin, plain)


def test_only_the_mouth_is_painted() -> None:
    painted = paint((0.5, 0.5, 0.5), 1.0)
    for name in ("skin", "eye_left", "eye_right"):
        assert (painted[rows(name)] == 0.123).all()
    for name in ("mouth", "teeth_upper", "teeth_lower", "tongue"):
        assert not (painted[rows(name)] == 0.123).any()


def test_a_closed_mouth_has_natural_colours_whatever_was_lifted() -> None:
    first, second = paint((0.0, 1.0, 0.0), 0.0), paint((1.0, 0.0, 1.0), 0.0)
    assert torch.equal(first, second)
    teeth, tongue = first[rows("teeth_upper")].mean(dim=0), first[rows("tongue")].mean(dim=0)
    assert float(teeth.min()) > 0.6
    assert float(tongue[0]) > 1.4 * float(tongue[1])
    assert float(teeth.mean()) > float(first[rows("mouth")].mean()) + 0.3


def test_seen_teeth_pull_their_colour() -> None:
    natural, yellow = paint((0.9, 0.75, 0.3), 0.0), paint((0.9, 0.75, 0.3), 1.0)
    before, after = natural[rows("teeth_upper")].mean(dim=0), yellow[rows("teeth_upper")].mean(dim=0)
    assert float(after[2]) < float(before[2]) - 0.1
    assert abs(float(after[0]) - float(before[0])) < 0.1


def test_hidden_teeth_have_the_tint_of_seen_ones_and_their_own_brightness() -> None:
    """Half of the upper teeth are seen, under a dim orange lamp."""
    count = len(PART_NAMES) * EACH
    upper, confidence = rows("teeth_upper"), torch.zeros(count)
    confidence[upper.start : upper.start + EACH // 2] = 1
    plain = ToothPattern(torch.ones(count, 1), torch.zeros(count, 1))
    lifted = torch.tensor([0.62, 0.45, 0.3]).expand(count, 3)
    painted = paint_mouth(torch.zeros(count, 3), lifted, confidence, texels(), 0.3, plain)
    hidden, natural = painted[upper][EACH // 2 :].mean(dim=0), paint((0.0, 0.0, 0.0), 0.0)[upper].mean(dim=0)
    assert float(hidden[2] / hidden[0]) < 0.8 * float(natural[2] / natural[0])
    assert float(hidden.mean()) > 0.85 * float(natural.mean())


def test_what_is_seen_cannot_turn_teeth_black() -> None:
    assert float(paint((0.0, 0.0, 0.0), 1.0)[rows("teeth_lower")].min()) > 0.25


def test_a_dim_photo_has_a_dim_mouth() -> None:
    dim, bright = paint((0.5, 0.5, 0.5), 0.0, skin=0.01), paint((0.5, 0.5, 0.5), 0.0, skin=0.45)
    assert float(bright[rows("teeth_upper")].mean()) > 1.15 * float(dim[rows("teeth_upper")].mean())


def test_a_tongue_that_comes_out_is_not_as_dark_as_the_throat() -> None:
    places = torch.zeros(len(PART_NAMES) * EACH, 3)
    places[:, 2] = 0.9
    shade = mouth_occlusion(texels(), places, lip_depth=1.2)[:, 0]
    assert float(shade[rows("tongue")].min()) > float(shade[rows("mouth")].max()) + 0.08
    assert float(shade[rows("tongue")].max()) < 0.7, "nor as bright as the lips: most often it is inside"


def test_tongues_are_pink() -> None:
    red, green, blue = paint((0.5, 0.5, 0.5), 0.0)[rows("tongue")].mean(dim=0).tolist()
    assert 0.65 < red < 0.85
    assert 0.45 < green / red < 0.65
    assert abs(green - blue) < 0.05
