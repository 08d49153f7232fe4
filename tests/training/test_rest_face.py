"""The resting face in the model's mean: what moves, what must not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.training.rest_face import LIPS, LIPS_OVERLAP_DM, RestingFaces, rest, resting_faces, symmetric
from stylefaceuv.types import PART_NAMES
from stylefaceuv.weights_file import save_tensors

NONE = torch.zeros(1, 80)
LIP = {"mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2}


def weights(head: MorphableModel, **units: float) -> torch.Tensor:
    """(64,) expression."""
    values = torch.zeros(64)
    for name, value in units.items():
        values[head.expression_names.index(name)] = value
    return values


@pytest.fixture(scope="module")
def before() -> MorphableModel:
    return load_face_model()


@pytest.fixture(scope="module")
def after(before: MorphableModel) -> MorphableModel:
    head = load_face_model()
    units = dict.fromkeys(("eyeSquintLeft", "eyeSquintRight", "eyeLookUpLeft", "eyeLookUpRight"), 0.3)
    with torch.no_grad():
        rest(head, 0.5 * torch.eye(80)[0], weights(head, **units, **LIP))
    return head


def part(head: MorphableModel, name: str) -> torch.Tensor:
    return head.quads[head.quad_part == PART_NAMES.index(name)].long().reshape(-1).unique()


def test_the_mean_takes_identity_and_resting_units_up(before: MorphableModel, after: MorphableModel) -> None:
    units = weights(before, eyeSquintLeft=0.3, eyeSquintRight=0.3, **LIP)
    wanted = before(0.5 * torch.eye(80)[:1], units[None])[0]
    brow = part(before, "skin")[before.mean[part(before, "skin"), 1] > 0.15]
    torch.testing.assert_close(after.mean[brow], wanted[brow], atol=5e-4, rtol=0)


def test_a_full_unit_ends_where_it_ended(before: MorphableModel, after: MorphableModel) -> None:
    squint = weights(before, eyeSquintLeft=1.0, eyeSquintRight=0.3, **LIP)
    wanted = before(0.5 * torch.eye(80)[:1], squint[None])[0]
    got = after(NONE, weights(after, eyeSquintLeft=1.0)[None])[0]
    brow = part(before, "skin")[before.mean[part(before, "skin"), 1] > 0.15]
    torch.testing.assert_close(got[brow], wanted[brow], atol=5e-4, rtol=0)


def test_a_blink_closes_as_before(before: MorphableModel, after: MorphableModel) -> None:
    wanted = before(0.5 * torch.eye(80)[:1], weights(before, eyeBlinkLeft=1.0, eyeSquintRight=0.3, **LIP)[None])[0]
    got = after(NONE, weights(after, eyeBlinkLeft=1.0)[None])[0]
    brow = part(before, "skin")[before.mean[part(before, "skin"), 1] > 0.15]
    torch.testing.assert_close(got[brow], wanted[brow], atol=5e-4, rtol=0)


def test_lips_overlap_and_gaze_lifts_the_balls_without_turning_them(
    before: MorphableModel, after: MorphableModel
) -> None:
    def gap(head: MorphableModel) -> float:
        points = head.landmarks(head.mean[None])[0, list(LIPS), 1]
        return float(points[0] - points[1])

    assert gap(after) == pytest.approx(-LIPS_OVERLAP_DM, abs=1e-3)
    rows = part(before, "eye_left")
    moved = after.mean[rows] - before(0.5 * torch.eye(80)[:1], torch.zeros(1, 64))[0, rows]
    assert float(moved.std(dim=0).max()) < 1e-5, "a shift, no turn"
    assert float(moved[:, 1].mean()) > 0.003


def test_the_mean_stays_exactly_symmetric_and_the_neck_where_it_was(
    before: MorphableModel, after: MorphableModel
) -> None:
    flipped = after.mean[after.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(flipped, after.mean)
    ring = after.neck_ring.long()
    torch.testing.assert_close(after.mean[ring], before.mean[ring], atol=1e-6, rtol=0)


def test_only_neutral_frontal_faces_are_averaged(tmp_path: Path) -> None:
    scores = torch.zeros(4, 52)
    scores[1, BLENDSHAPE_NAMES.index("mouthSmileLeft")] = 0.9
    rotation = torch.zeros(4, 3)
    rotation[2, 0] = 40.0
    identity = torch.arange(4.0)[:, None].expand(4, 80).contiguous()
    fits = {"identity": identity, "expression": torch.rand(4, 64), "rotation": rotation}
    error = torch.tensor([0.01, 0.01, 0.01, 0.01])
    save_tensors(tmp_path / "shard-00000.fits.safetensors", {**fits, "error": error})
    save_tensors(tmp_path / "shard-00000.labels.safetensors", {"blendshapes": scores})
    found = resting_faces(tmp_path)
    assert found.count == 2
    assert float(found.identity[0]) == pytest.approx(1.5)


def test_means_are_made_symmetric(before: MorphableModel) -> None:
    faces = RestingFaces(torch.ones(80), weights(before, eyeSquintLeft=0.4), torch.zeros(52), 1)
    identity, expression = symmetric(before, faces)
    assert bool((identity[before.identity_mirror_sign < 0] == 0).all())
    torch.testing.assert_close(expression, weights(before, eyeSquintLeft=0.2, eyeSquintRight=0.2))
