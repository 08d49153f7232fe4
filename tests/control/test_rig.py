"""Lids meet and cover the ball, lips do not cross, jaw carries teeth and tongue: on heads that differ."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.control import EXPRESSION_PRESETS, FaceRig
from stylefaceuv.control.contact import EYE_LEFT, EYE_RIGHT, LIPS, OVERLAP, Rims, columns_of
from stylefaceuv.control.lids import sphere_centre
from stylefaceuv.control.tongue import TonguePassage
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES
from tests.reference.tiny_head import tiny_head

MILLIMETRE = 0.01
HEADS = 12


@pytest.fixture(scope="module")
def rig(head: MorphableModel) -> FaceRig:
    return FaceRig(head)


@pytest.fixture(scope="module")
def identities() -> torch.Tensor:
    return 0.7 * torch.randn(HEADS, 80, generator=torch.Generator().manual_seed(5))


def _weights(head: MorphableModel, **units: float) -> torch.Tensor:
    weights = torch.zeros(len(head.expression_names))
    for name, weight in units.items():
        weights[head.expression_names.index(name)] = weight
    return weights


def _gap(head: MorphableModel, cage: torch.Tensor, rims: Rims) -> torch.Tensor:
    points = head.landmarks(cage)[0]
    return points[list(rims.upper), 1] - points[list(rims.lower), 1]


def _rows(head: MorphableModel, part: str) -> torch.Tensor:
    topology = head.topology(0)
    return topology.geometry_index[topology.faces[topology.part == PART_NAMES.index(part)]].unique()


@pytest.mark.parametrize("more", [{}, {"eyeSquintLeft": 1.0, "eyeSquintRight": 1.0}, {"cheekSquintLeft": 1.0}])
def test_a_blink_ends_on_the_lower_lid_of_every_head(
    head: MorphableModel, rig: FaceRig, identities: torch.Tensor, more: dict[str, float]
) -> None:
    weights = _weights(head, eyeBlinkLeft=1.0, eyeBlinkRight=1.0, **more)
    linear = []
    for identity in identities:
        cage, _ = rig.pose(identity, weights)
        for rims in (EYE_LEFT, EYE_RIGHT):
            gap = _gap(head, cage, rims)
            assert float(gap.max()) < 0.1 * MILLIMETRE
            assert float(gap.min()) > -OVERLAP - 0.6 * MILLIMETRE
            linear.append(_gap(head, head(identity[None], weights[None]), rims))
    assert float(torch.stack(linear).min()) < -MILLIMETRE  # what the rig puts right


def test_slight_blinks_stay_as_they_were_fitted(head: MorphableModel, rig: FaceRig, identities: torch.Tensor) -> None:
    weights = _weights(head, eyeBlinkLeft=0.2, eyeBlinkRight=0.2)
    for identity in identities:
        gap = _gap(head, rig.pose(identity, weights)[0], EYE_LEFT)
        torch.testing.assert_close(
            gap, _gap(head, head(identity[None], weights[None]), EYE_LEFT), atol=0.4 * MILLIMETRE, rtol=0
        )


@pytest.mark.parametrize("gaze", [None, (-30.0, 0.0), (30.0, 0.0), (0.0, 25.0), (0.0, -25.0), (25.0, 20.0)])
@pytest.mark.parametrize("blink", [0.0, 0.5, 1.0])
def test_no_ball_cuts_its_lids(
    head: MorphableModel, rig: FaceRig, identities: torch.Tensor, gaze: tuple[float, float] | None, blink: float
) -> None:
    weights, surface = _weights(head, eyeBlinkLeft=blink, eyeBlinkRight=blink), head.topology(1)
    for identity in identities:
        cage, rest = rig.pose(identity, weights, gaze)
        for side, rims in (("eye_left", EYE_LEFT), ("eye_right", EYE_RIGHT)):
            centre = sphere_centre(rest[0, _rows(head, side)])
            rim = head.landmarks(cage)[0, [*rims.upper, *rims.lower[1:]]] - centre  # the corner itself is lining
            points = head.refine(cage, 1)[0, surface.faces[surface.part == PART_NAMES.index(side)].unique()] - centre
            towards = (functional.normalize(rim, dim=1) @ functional.normalize(points, dim=1).T).argmax(dim=1)
            assert float((rim.norm(dim=1) - points[towards].norm(dim=1)).min()) > 0


def test_eyeballs_stay_rigid(head: MorphableModel, rig: FaceRig, identities: torch.Tensor) -> None:
    weights = _weights(head, eyeLookUpLeft=0.7, eyeLookInLeft=0.5, eyeBlinkLeft=0.6)
    cage, rest = rig.pose(identities[0], weights)
    ball = _rows(head, "eye_left")
    torch.testing.assert_close(torch.pdist(cage[0, ball]), torch.pdist(rest[0, ball]), atol=1e-5, rtol=0)
    assert float((cage[0, ball] - rest[0, ball]).abs().max()) > MILLIMETRE


@pytest.mark.parametrize("jaw", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("close", [0.3, 1.0])
def test_mouth_close_closes_what_the_jaw_opened_and_no_more(
    head: MorphableModel, rig: FaceRig, identities: torch.Tensor, jaw: float, close: float
) -> None:
    weights = _weights(head, jawOpen=jaw, mouthClose=close)
    for identity in identities:
        cage, rest = rig.pose(identity, weights)
        allowed = _gap(head, rest, LIPS).clamp_max(0) - OVERLAP
        assert float((_gap(head, cage, LIPS) - allowed).min()) > -0.3 * MILLIMETRE
        if close < jaw:
            tongue, linear = _rows(head, "tongue"), head(identity[None], weights[None])
            alone = linear + TonguePassage(head).lift(weights)
            torch.testing.assert_close(cage[:, tongue], alone[:, tongue])


@pytest.mark.parametrize("unit", ["mouthPucker", "jawForward", "mouthFunnel", "jawOpen"])
def test_lips_hardly_cross(head: MorphableModel, rig: FaceRig, identities: torch.Tensor, unit: str) -> None:
    for identity in identities:
        cage, rest = rig.pose(identity, _weights(head, **{unit: 1.0}))
        assert float((_gap(head, cage, LIPS) - _gap(head, rest, LIPS)).min()) > -2.5 * MILLIMETRE


def test_lower_teeth_and_tongue_move_with_the_jaw(head: MorphableModel, rig: FaceRig) -> None:
    cage, rest = rig.pose(torch.zeros(80), _weights(head, jawOpen=1.0))
    moved = {part: float((cage - rest)[0, _rows(head, part), 1].mean()) for part in PART_NAMES}
    assert moved["teeth_lower"] < -10 * MILLIMETRE
    assert moved["tongue"] < -5 * MILLIMETRE
    assert abs(moved["teeth_upper"]) < MILLIMETRE


@pytest.mark.parametrize("name", sorted(EXPRESSION_PRESETS))
def test_presets_part_no_finite_head(head: MorphableModel, rig: FaceRig, identities: torch.Tensor, name: str) -> None:
    weights = _weights(head, **EXPRESSION_PRESETS[name])
    cage, rest = rig.pose(identities[0], weights)
    assert bool(torch.isfinite(cage).all())
    assert float((cage - rest).norm(dim=-1).max()) < 50 * MILLIMETRE
    assert bool(weights.any()) == (not torch.equal(cage, rig.pose(identities[0], torch.zeros_like(weights))[0]))


def test_the_neck_ring_never_moves(head: MorphableModel, rig: FaceRig, identities: torch.Tensor) -> None:
    cage, _ = rig.pose(identities[0], torch.ones(64), (10.0, -10.0))
    torch.testing.assert_close(cage[0, head.neck_ring], head.mean[head.neck_ring], atol=1e-6, rtol=0)


def test_single_units_close_the_eyes_in_other_programs_too(
    head: MorphableModel, rig: FaceRig, identities: torch.Tensor
) -> None:
    names = ("eyeBlinkLeft", "mouthClose", "jawOpen")
    for identity in identities:
        still = rig.pose(identity, torch.zeros(64))[0]
        blink, close, jaw = rig.unit_offsets(identity, names)
        gap = _gap(head, still + blink, EYE_LEFT)
        assert float(gap.min()) > -OVERLAP - 0.6 * MILLIMETRE
        assert float(gap.max()) < 0.1 * MILLIMETRE
        others = torch.ones(len(close), dtype=torch.bool)
        others[_rows(head, "tongue")] = False
        linear = head.expression_basis[head.expression_names.index("mouthClose")]
        torch.testing.assert_close(close[others], linear[others])
        open_wide = rig.pose(identity, _weights(head, jawOpen=1.0))[0]
        tongue = _rows(head, "tongue")
        torch.testing.assert_close((still + jaw)[:, tongue], open_wide[:, tongue], atol=1e-5, rtol=0)
        assert float(_gap(head, still + close + jaw, LIPS).abs().max()) < 3 * MILLIMETRE


def test_a_model_without_the_units_moves_linearly() -> None:
    plain = tiny_head()
    plain.expression_names = tuple(f"expression_{number:02d}" for number in range(64))
    identity, weights = torch.full((80,), 0.5), torch.linspace(0, 1, 64)
    rig = FaceRig(plain)
    cage, rest = rig.pose(identity, weights)
    torch.testing.assert_close(cage, plain(identity[None], weights[None]))
    torch.testing.assert_close(rest, plain(identity[None], torch.zeros(1, 64)))


def test_columns_interpolate() -> None:
    weights = columns_of(torch.tensor([-1.0, 0.0, 0.5, 2.0, 9.0]), torch.tensor([0.0, 1.0, 3.0]))
    expected = [[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]]
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float32))
