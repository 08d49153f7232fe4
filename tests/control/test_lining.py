"""What is inside the mouth stays behind the lower lip, and nothing else moves."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.control.contact import LIPS
from stylefaceuv.control.lining import MouthLining
from stylefaceuv.control.rig import FaceRig
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES

OUTER, FOLD = 17, 18
"""Landmarks in the middle of the lower lip's outer edge, and of the fold under it."""


@pytest.fixture(scope="module")
def lining(head: MorphableModel) -> MouthLining:
    return MouthLining(head)


def of_part(head: MorphableModel, name: str) -> torch.Tensor:
    """(V0,) bool: vertices of a part that no other part has."""
    index = PART_NAMES.index(name)
    own, other = (torch.zeros(len(head.mean), dtype=torch.bool) for _ in range(2))
    own[head.quads[head.quad_part == index].unique()] = True
    other[head.quads[head.quad_part != index].unique()] = True
    return own & ~other


def pushed(head: MorphableModel, name: str, forward: float) -> torch.Tensor:
    """(1, V0, 3): the mean head, the front of one part moved out of the face."""
    cage = head.mean[None].clone()
    rows = of_part(head, name) & (head.mean[:, 0].abs() < 0.1)
    cage[0, rows, 2] += forward
    return cage


def test_the_resting_head_stays_as_it_is(head: MorphableModel, lining: MouthLining) -> None:
    cage = head.mean[None]
    assert float((lining.hold(cage) - cage).abs().max()) < 0.02


@pytest.mark.parametrize("name", ["mouth", "teeth_lower"])
def test_what_came_through_the_lip_goes_back_behind_it(head: MorphableModel, lining: MouthLining, name: str) -> None:
    cage = pushed(head, name, 0.4)
    held = lining.hold(cage)
    points = head.landmarks(cage)[0]
    moved = of_part(head, name) & (head.mean[:, 0].abs() < 0.1)
    height = cage[0, :, 1]
    lip = moved & (height < points[14, 1] - 0.01) & (height > points[OUTER, 1] + 0.01)
    below = moved & (height < points[OUTER, 1] - 0.01) & (height > points[FOLD, 1] + 0.01)
    assert bool((lip | below).any())
    front = points[[14, OUTER, FOLD], 2].max()
    assert float(cage[0, lip | below, 2].max()) > float(front), "it came through"
    assert float(held[0, lip | below, 2].max()) < float(front) - 0.02
    assert torch.equal(held[..., :2], cage[..., :2]), "straight back"
    torch.testing.assert_close(lining.hold(held), held)


@pytest.mark.parametrize("name", ["skin", "tongue", "teeth_upper"])
def test_other_parts_are_not_held(head: MorphableModel, lining: MouthLining, name: str) -> None:
    quiet = lining.hold(head.mean[None])
    rows = of_part(head, name)
    assert torch.equal(quiet[0, rows], head.mean[rows])
    cage = pushed(head, name, 0.1) if name != "skin" else head.mean[None]
    assert torch.equal(lining.hold(cage)[0, rows], cage[0, rows])


def test_a_mouth_that_is_open_shows_its_inside(head: MorphableModel, lining: MouthLining) -> None:
    expression = torch.zeros(1, 64)
    expression[0, head.expression_names.index("jawOpen")] = 0.7
    cage = head(torch.zeros(1, 80), expression)
    points = head.landmarks(cage)[0]
    above = cage[0, :, 1] > points[list(LIPS.lower), 1].max()
    assert torch.equal(lining.hold(cage)[0, above], cage[0, above])


def test_a_rolled_and_shrugged_lip_stays_whole(head: MorphableModel, lining: MouthLining) -> None:
    expression = torch.zeros(64)
    for name in ("mouthRollLower", "mouthShrugLower"):
        expression[head.expression_names.index(name)] = 1
    identity = torch.randn(80, generator=torch.Generator().manual_seed(58))
    linear = head(identity[None], expression[None])
    assert float((lining.hold(linear) - linear).abs().max()) > 0.08, "this head's lining comes through"
    cage, _ = FaceRig(head).pose(identity, expression)
    torch.testing.assert_close(lining.hold(cage), cage)


def test_what_stands_above_the_rim_is_seen_through_the_mouth(head: MorphableModel, lining: MouthLining) -> None:
    cage = pushed(head, "mouth", 0.4)
    above = cage[0, :, 1] > head.landmarks(cage)[0, list(LIPS.lower), 1].max()
    assert bool((above & (cage[0] != head.mean).any(dim=1)).any())
    assert torch.equal(lining.hold(cage)[0, above], cage[0, above])


def test_a_model_without_a_mouth_has_nothing_to_hold(head: MorphableModel, lining: MouthLining) -> None:
    bare = MouthLining(head)
    bare._rows = bare._rows[:0]
    cage = pushed(head, "mouth", 0.4)
    assert bare.hold(cage) is cage
    assert lining.hold(cage) is not cage
