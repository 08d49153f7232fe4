"""Neutral heads shut their mouths."""

from __future__ import annotations

import copy

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.training.close_lips import LEVEL, OVERLAP_DM, close_lips, edges, lips_of
from stylefaceuv.types import PART_NAMES

SIZE = 512
_TEETH = [PART_NAMES.index(name) for name in ("teeth_upper", "teeth_lower")]


def apart(head: MorphableModel, shape: torch.Tensor) -> torch.Tensor:
    """(15,) upper over lower edge of a shape (V0, 3) at the mean's stations, dm, negative where they overlap."""
    rows = edges(head.refine(head.mean[None], LEVEL)[0], lips_of(head))
    upper, lower = (head.refine(shape[None], LEVEL)[0, one, 1] for one in rows)
    return upper - lower


@pytest.fixture(scope="module")
def parted(head: MorphableModel) -> MorphableModel:
    """A head with parted lips, whose first component parts them further."""
    model = copy.deepcopy(head)
    jaw = head.expression_basis[list(head.expression_names).index("jawOpen")]
    model.mean += 0.08 * jaw
    model.identity_basis[0] += 0.05 * jaw
    return model


@pytest.fixture(scope="module")
def closed(parted: MorphableModel) -> MorphableModel:
    model = copy.deepcopy(parted)
    with torch.no_grad():
        close_lips(model)
    return model


def test_parted_lips_overlap_and_the_identity_does_not_part_them(
    parted: MorphableModel, closed: MorphableModel
) -> None:
    assert float(apart(parted, parted.mean)[:8].min()) > 0.005
    middle = apart(closed, closed.mean)[:10]
    assert float(middle.max()) < -0.7 * OVERLAP_DM
    assert float(middle.min()) > -2 * OVERLAP_DM
    before, after = (abs(apart(closed, model.identity_basis[0].float())[:10]).mean() for model in (parted, closed))
    assert float(after) < 0.3 * float(before)


def test_only_the_height_of_the_lips_changes_and_mirror_images_stay(
    parted: MorphableModel, closed: MorphableModel
) -> None:
    motion = closed.mean - parted.mean
    assert float(motion[:, [0, 2]].abs().max()) == 0
    lips = closed.landmarks(closed.mean[None])[0, [13, 14, 291]]
    moved = motion[:, 1] != 0
    assert float(torch.cdist(closed.mean[moved][:, 1:], lips[:, 1:]).amin(1).max()) < 0.2
    flipped = closed.mean[closed.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(flipped, closed.mean, atol=1e-6, rtol=0)
    assert torch.equal(closed.expression_basis, parted.expression_basis)


def test_a_closed_mouth_is_left_alone(closed: MorphableModel) -> None:
    again = copy.deepcopy(closed)
    with torch.no_grad():
        close_lips(again)
    motion = (again.mean - closed.mean).abs().amax(1)
    assert float(motion[closed.mean[:, 0].abs() < 0.15].max()) < 0.002
    assert float(motion.max()) < OVERLAP_DM, "at the corners, where the lips' edges end"


@pytest.mark.parametrize("yaw", [0.0, 30.0, 60.0])
def test_no_tooth_shows_on_shipped_neutral_heads(head: MorphableModel, yaw: float) -> None:
    identity = torch.randn(5, 80, generator=torch.Generator().manual_seed(2)) * 0.7
    identity[0] = 0
    shape = head.refine(head(identity, torch.zeros(5, 64)), 1)
    world = pose_vertices(shape, torch.tensor([[yaw, 0.0, 0.0]]).expand(5, -1), torch.zeros(5, 3))
    topology = head.topology(1)
    seen = rasterize(Camera.portrait(SIZE, SIZE).project(world), topology.faces, SIZE, SIZE).pix_to_face
    inside = torch.isin(topology.part[seen.clamp_min(0)].long(), torch.tensor(_TEETH)) & (seen >= 0)
    assert int(inside.sum()) <= 5, "at most a pixel a head, at the corners"
