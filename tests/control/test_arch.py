"""Teeth stay behind the skin of every head when the jaw opens, and nothing but teeth moves."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.control.arch import ToothClearance
from stylefaceuv.control.rig import FaceRig
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.types import PART_NAMES
from tests.reference.tiny_head import tiny_head

SIZE = 320
HEADS = 6
TEETH = torch.tensor([PART_NAMES.index("teeth_upper"), PART_NAMES.index("teeth_lower")])
INSIDE = torch.tensor([*TEETH.tolist(), PART_NAMES.index("tongue"), PART_NAMES.index("mouth")])


@pytest.fixture(scope="module")
def clearance(head: MorphableModel) -> ToothClearance:
    return ToothClearance(head)


@pytest.fixture(scope="module")
def narrow(head: MorphableModel, clearance: ToothClearance) -> torch.Tensor:
    """(6, 80): those of 40 heads whose teeth have to give way most."""
    heads = 0.7 * torch.randn(40, 80, generator=torch.Generator().manual_seed(5))
    moved = torch.stack([clearance.offset(one).abs().max() for one in heads])
    return heads[moved.argsort(descending=True)[:HEADS]]


def teeth_on_skin(head: MorphableModel, cage: torch.Tensor) -> int:
    """Pixels of teeth, in three views, where skin is seen without them."""
    topology, surface, count = head.topology(1), head.refine(cage, 1), 0
    solid = ~torch.isin(topology.part.long(), TEETH)
    for yaw in (0.0, 45.0, -45.0):
        world = pose_vertices(surface, torch.tensor([[yaw, 0.0, 0.0]]), torch.zeros(1, 3))
        screen = Camera.portrait(SIZE, SIZE).project(world)
        seen = rasterize(screen, topology.faces, SIZE, SIZE).pix_to_face
        behind = rasterize(screen, topology.faces[solid], SIZE, SIZE).pix_to_face
        tooth = (seen >= 0) & torch.isin(topology.part[seen.clamp_min(0)].long(), TEETH)
        skin = (behind >= 0) & ~torch.isin(topology.part[solid][behind.clamp_min(0)].long(), INSIDE)
        count += int((tooth & skin).sum())
    return count


@pytest.mark.parametrize(("units", "most", "linearly"), [(["jawOpen"], 15, 40), (["jawOpen", "mouthLeft"], 60, 300)])
def test_no_teeth_come_through_the_cheeks(
    head: MorphableModel, narrow: torch.Tensor, units: list[str], most: int, linearly: int
) -> None:
    """A drawn cheek over a wide open jaw may show an edge of a tooth."""
    weights, rig = torch.zeros(64), FaceRig(head)
    weights[[head.expression_names.index(unit) for unit in units]] = 1
    linear = [teeth_on_skin(head, head(identity[None], weights[None])) for identity in narrow]
    held = [teeth_on_skin(head, rig.pose(identity, weights)[0]) for identity in narrow]
    assert max(held) < most
    assert max(linear) > linearly, "the test would see them"


def test_only_teeth_move_and_only_inwards(
    head: MorphableModel, clearance: ToothClearance, narrow: torch.Tensor
) -> None:
    others = torch.ones(len(head.mean), dtype=torch.bool)
    others[head.quads[torch.isin(head.quad_part.long(), TEETH)].unique()] = False
    for identity in narrow:
        offset = clearance.offset(identity)
        assert float(offset[others].abs().max()) == 0
        assert float(offset[:, 1].abs().max()) == 0
        assert float((offset[:, 0] * head.mean[:, 0]).max()) < 1e-4
        assert 0.005 < float(offset.abs().max()) < 0.2


def test_a_mirrored_head_has_mirrored_teeth(
    head: MorphableModel, clearance: ToothClearance, narrow: torch.Tensor
) -> None:
    mirrored, _ = head.mirror_coefficients(narrow[:1], torch.zeros(1, 64))
    expected = clearance.offset(narrow[0])[head.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(clearance.offset(mirrored[0]), expected, atol=2e-4, rtol=0)


def test_teeth_are_hard(head: MorphableModel, narrow: torch.Tensor) -> None:
    rig, weights = FaceRig(head), torch.zeros(64)
    weights[head.expression_names.index("mouthSmileLeft")] = 1
    cage, rest = rig.pose(narrow[0], weights)
    rows = head.quads[head.quad_part == TEETH[0]].unique()
    torch.testing.assert_close(cage[0, rows], rest[0, rows])


def test_a_model_without_teeth_is_left_alone() -> None:
    plain = tiny_head()
    plain.expression_names = tuple(f"expression_{number:02d}" for number in range(64))
    assert float(ToothClearance(plain).offset(torch.ones(80)).abs().max()) == 0
