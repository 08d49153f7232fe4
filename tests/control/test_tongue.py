"""A tongue that is put out comes between the lips, in the rig and in exported targets."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.control.rig import FaceRig
from stylefaceuv.control.tongue import JAW_FOR_TONGUE, TonguePassage
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES
from tests.reference.tiny_head import tiny_head

MILLIMETRE = 0.01
UPPER, LOWER = 13, 14


def weights_of(head: MorphableModel, **units: float) -> torch.Tensor:
    weights = torch.zeros(len(head.expression_names))
    for name, weight in units.items():
        weights[head.expression_names.index(name)] = weight
    return weights


def heads(scale: float = 0.7) -> torch.Tensor:
    return scale * torch.randn(8, 80, generator=torch.Generator().manual_seed(5))


def room(head: MorphableModel, cage: torch.Tensor) -> tuple[float, float, float]:
    """How far the tongue stands over the lower lip's rim, under the upper lip's, and out of the mouth; decimetres."""
    points = head.landmarks(cage)[0]
    tongue = cage[0, head.quads[head.quad_part == PART_NAMES.index("tongue")].unique()]
    between = tongue[(tongue[:, 0].abs() < 0.08) & ((tongue[:, 2] - points[LOWER, 2]).abs() < 0.04)]
    over, under = between[:, 1].min() - points[LOWER, 1], points[UPPER, 1] - between[:, 1].max()
    return float(over), float(under), float(tongue[:, 2].max() - points[LOWER, 2])


@pytest.mark.parametrize("more", [{}, {"jawOpen": 0.3}, {"jawOpen": 0.8}, {"mouthClose": 1.0}])
def test_the_tongue_comes_out_between_the_lips(head: MorphableModel, more: dict[str, float]) -> None:
    rig, weights = FaceRig(head), weights_of(head, tongueOut=1, **more)
    for identity in heads():
        over, under, out = room(head, rig.pose(identity, weights)[0])
        assert over > -MILLIMETRE
        assert under > -MILLIMETRE
        assert out > 6 * MILLIMETRE
    assert room(head, head(torch.zeros(1, 80), weights_of(head, tongueOut=1)[None]))[0] < -3 * MILLIMETRE


def test_the_exported_target_opens_the_mouth_too(head: MorphableModel) -> None:
    rig = FaceRig(head)
    for identity in heads():
        still = rig.pose(identity, torch.zeros(64))[0]
        over, under, out = room(head, still + rig.unit_offsets(identity, ("tongueOut",)))
        assert min(over, under) > -MILLIMETRE
        assert out > 6 * MILLIMETRE


def test_only_as_much_as_the_tongue_needs(head: MorphableModel) -> None:
    passage, jaw = TonguePassage(head), head.expression_names.index("jawOpen")
    slight, own = weights_of(head, tongueOut=0.19), weights_of(head, jawOpen=0.9, mouthClose=0.5)
    assert passage.open(slight) is slight
    assert passage.open(own) is own
    opened = [float(passage.open(weights_of(head, tongueOut=out))[jaw]) for out in (0.3, 0.45, 0.7, 1.0)]
    assert opened == sorted(opened)
    assert opened[-1] == pytest.approx(JAW_FOR_TONGUE)
    assert float(passage.open(weights_of(head, tongueOut=1, jawOpen=0.7))[jaw]) == pytest.approx(0.7)
    assert float(passage.lift(weights_of(head, jawOpen=0.5, mouthClose=0.5)).abs().max()) == 0, "the mouth is shut"


def test_a_tongue_at_rest_sinks_with_the_jaw(head: MorphableModel) -> None:
    passage = TonguePassage(head)
    half, whole = (passage.lift(weights_of(head, jawOpen=jaw))[:, 1] for jaw in (0.21, 0.8))
    assert float(whole.max()) == 0
    assert -0.07 < float(whole.min()) < -0.04, "decimetres"
    torch.testing.assert_close(2 * half, whole)
    put_out = passage.lift(weights_of(head, jawOpen=0.42, tongueOut=1))[:, 1]
    assert float(put_out.min()) == 0


def test_nothing_but_the_tongue_is_lifted_and_both_sides_alike(head: MorphableModel) -> None:
    lift = TonguePassage(head).lift(weights_of(head, tongueOut=1))
    others = torch.ones(len(head.mean), dtype=torch.bool)
    others[head.quads[head.quad_part == PART_NAMES.index("tongue")].unique()] = False
    assert float(lift[others].abs().max()) == 0
    torch.testing.assert_close(lift[head.mirror_index.long()], lift, atol=1e-5, rtol=0)


def test_a_model_without_a_tongue_is_left_alone() -> None:
    plain = tiny_head()
    plain.expression_names = tuple(f"expression_{number:02d}" for number in range(64))
    weights, passage = torch.ones(64), TonguePassage(plain)
    assert passage.open(weights) is weights
    assert float(passage.lift(weights).abs().max()) == 0
