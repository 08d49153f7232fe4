"""Lids go with eyes that look far up or down, and stay as the units have them on the way there."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from stylefaceuv.control.contact import EYE_LEFT, EYE_RIGHT, Rims
from stylefaceuv.control.lid_follow import LidFollow
from stylefaceuv.control.lids import sphere_centre
from stylefaceuv.control.rig import FaceRig
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES

PUPIL_DEGREES = 8.5
BROWS = (52, 65, 282, 295)


def ball_of(head: MorphableModel, part: str) -> torch.Tensor:
    return head.quads[head.quad_part == PART_NAMES.index(part)].unique()


def elevations(head: MorphableModel, cage: torch.Tensor, rest: torch.Tensor, rims: Rims) -> tuple[float, float]:
    """Of the middles of the upper and lower rim about the ball's centre, degrees, positive up."""
    centre = sphere_centre(rest[0, ball_of(head, "eye_left" if rims is EYE_LEFT else "eye_right")])
    middles = head.landmarks(cage)[0, [rims.upper[3], rims.lower[3]]] - centre
    upper, lower = torch.rad2deg(torch.atan2(middles[:, 1], middles[:, 2])).tolist()
    return upper, lower


def heads() -> torch.Tensor:
    return 0.7 * torch.randn(6, 80, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("pitch", [30.0, 20.0, -20.0, -30.0])
@pytest.mark.parametrize("rims", [EYE_LEFT, EYE_RIGHT])
def test_the_pupil_is_seen(head: MorphableModel, pitch: float, rims: Rims) -> None:
    rig = FaceRig(head)
    for identity in heads():
        cage, rest = rig.pose(identity, torch.zeros(64), (0.0, pitch))
        upper, lower = elevations(head, cage, rest, rims)
        assert lower < pitch < upper, "its middle lies between the lids"
        if pitch < 0:
            assert upper < pitch + 2.5 * PUPIL_DEGREES, "and the upper lid sinks with it"


def test_lids_follow_all_the_way(head: MorphableModel) -> None:
    rig, pitches = FaceRig(head), (-30.0, -20.0, -12.0, 0.0, 11.0, 20.0, 30.0)
    posed = [rig.pose(torch.zeros(80), torch.zeros(64), (0.0, pitch)) for pitch in pitches]
    upper = [elevations(head, cage, rest, EYE_LEFT)[0] for cage, rest in posed]
    assert upper == sorted(upper)
    assert min(b - a for a, b in pairwise(upper)) > 2


def test_closed_lids_stay_closed_and_brows_stay(head: MorphableModel) -> None:
    rig, weights = FaceRig(head), torch.zeros(64)
    weights[[head.expression_names.index(rims.unit) for rims in (EYE_LEFT, EYE_RIGHT)]] = 1
    shut, _ = rig.pose(torch.zeros(80), weights, (0.0, 30.0))
    points = head.landmarks(shut)[0]
    assert float((points[list(EYE_LEFT.upper), 1] - points[list(EYE_LEFT.lower), 1]).max()) < 0.002
    for pitch in (-30.0, 30.0):
        cage, rest = rig.pose(torch.zeros(80), torch.zeros(64), (0.0, pitch))
        assert float((head.landmarks(cage) - head.landmarks(rest))[0, list(BROWS)].abs().max()) < 0.03


def test_both_eyes_alike_and_only_lids(head: MorphableModel) -> None:
    rig = FaceRig(head)
    cage, rest = rig.pose(torch.zeros(80), torch.zeros(64), (0.0, 30.0))
    motion = (cage - rig.pose(torch.zeros(80), torch.zeros(64))[0])[0]
    flipped = motion[head.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(flipped, motion, atol=1e-3, rtol=0)
    assert float(motion[rest[0, :, 1] < -0.45].abs().max()) == 0
    assert float(motion[head.neck_ring].abs().max()) == 0


def test_within_the_units_reach_nothing_is_added(head: MorphableModel) -> None:
    ball = ball_of(head, "eye_left")
    follow, centre = LidFollow(head, ball, EYE_LEFT, (-11.0, 10.0)), sphere_centre(head.mean[ball])
    for pitch in (-11.0, 0.0, 10.0):
        assert follow.move(head.mean, centre, pitch, 0.0) is head.mean
    assert follow.move(head.mean, centre, 30.0, 1.0) is head.mean
    moved = follow.move(head.mean, centre, 30.0, 0.0) - head.mean
    assert float(moved[:, 1].max()) > 0.03
    assert float(moved[ball].abs().max()) == 0
