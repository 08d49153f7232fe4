"""Teeth stay inside the mouth, whatever the jaw does."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.types import PART_NAMES

SIZE = 320
TEETH = (PART_NAMES.index("teeth_upper"), PART_NAMES.index("teeth_lower"))
INSIDE = (*TEETH, PART_NAMES.index("tongue"), PART_NAMES.index("mouth"))


def teeth_through_skin(head: MorphableModel, widened: float, **weights: float) -> int:
    """Pixels of lower teeth outside the lips, over three identities and three yaws: they came through the skin."""
    expression = torch.zeros(3, 64)
    for name, weight in weights.items():
        expression[:, head.expression_names.index(name)] = weight
    identity = 0.6 * torch.randn(3, 80, generator=torch.Generator().manual_seed(5))
    cage = head(identity, expression).clone()
    rows = head.quads[head.quad_part == TEETH[1]].long().unique()
    cage[:, rows, 0] *= widened
    topology, surface = head.topology(1), head.refine(cage, 1)
    solid = torch.isin(topology.part, torch.tensor(TEETH), invert=True)
    camera, count = Camera.portrait(SIZE, SIZE), 0
    for yaw in (0.0, 40.0, -40.0):
        world = pose_vertices(surface, torch.tensor([[yaw, 0.0, 0.0]]).expand(3, 3), torch.zeros(3, 3))
        screen = camera.project(world)
        seen = rasterize(screen, topology.faces, SIZE, SIZE).pix_to_face
        behind = rasterize(screen, topology.faces[solid], SIZE, SIZE).pix_to_face
        tooth = (seen >= 0) & (topology.part[seen.clamp_min(0)] == TEETH[1])
        skin = (behind >= 0) & ~torch.isin(topology.part[solid][behind.clamp_min(0)], torch.tensor(INSIDE))
        count += int((tooth & skin).sum())
    return count


@pytest.mark.parametrize("weights", [{"jawOpen": 1.0}, {"jawOpen": 0.6}, {"jawOpen": 0.4, "mouthFunnel": 1.0}])
def test_lower_teeth_do_not_come_through_the_cheeks(head: MorphableModel, weights: dict[str, float]) -> None:
    assert teeth_through_skin(head, 1.0, **weights) < 20


def test_the_test_would_see_teeth_in_the_cheeks(head: MorphableModel) -> None:
    assert teeth_through_skin(head, 1.35, jawOpen=1.0) > 200
