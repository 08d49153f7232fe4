"""Centring of the mean head on faces whose miss is known."""

from __future__ import annotations

from copy import deepcopy

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.training.centre_landmarks import mean_miss, move_mean, shaped_landmarks, slide_landmarks

CAMERA = Camera.portrait(256, 256)
LIP, CHEEK = 13, 50


def fits(count: int) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(2)
    turn = (torch.rand(count, 3, generator=source) - 0.5) * torch.tensor([50.0, 20.0, 10.0])
    return {
        "identity": torch.randn(count, 80, generator=source),
        "expression": torch.zeros(count, 64),
        "rotation": turn,
        "translation": torch.tensor([0.0, -0.1, -1.9]).expand(count, 3),
    }


def seen(head: MorphableModel, faces: dict[str, torch.Tensor], miss: torch.Tensor) -> torch.Tensor:
    """(N, 478, 2) pixels of landmarks that are ``miss`` (478, 3) away from the model's, on the unposed head."""
    points = head.landmarks(head(faces["identity"], faces["expression"])) + miss
    world = pose_vertices(points, faces["rotation"], faces["translation"])
    return CAMERA.project(world)[..., :2]


def test_a_known_miss_is_found_from_turned_faces(head: MorphableModel) -> None:
    faces, miss = fits(40), torch.zeros(478, 3)
    miss[LIP], miss[CHEEK] = torch.tensor([0.0, -0.03, 0.0]), torch.tensor([0.02, 0.01, 0.0])
    found = mean_miss(head, faces, seen(head, faces, miss), CAMERA)
    torch.testing.assert_close(found[:, :2], miss[:, :2], atol=3e-3, rtol=0)
    assert float(found[:, 2].abs().max()) < 0.02


def test_faces_that_are_fitted_exactly_miss_nothing(head: MorphableModel) -> None:
    faces = fits(6)
    found = mean_miss(head, faces, seen(head, faces, torch.zeros(478, 3)), CAMERA)
    assert float(found.abs().max()) < 1e-4


def test_the_mean_head_moves_by_the_miss_and_stays_symmetric(head: MorphableModel) -> None:
    moved, miss = deepcopy(head), torch.zeros(478, 3)
    miss[shaped_landmarks(head), 1] = -0.02
    before = head.landmarks(head.mean[None])[0]
    with torch.no_grad():
        offset = move_mean(moved, miss)
    torch.testing.assert_close(moved.mean, head.mean + offset)
    change = moved.landmarks(moved.mean[None])[0] - before
    assert -0.026 < float(change[LIP, 1]) < -0.014
    mirrored = moved.mean[moved.mirror_index.long()] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, moved.mean, atol=1e-5, rtol=0)


def test_landmarks_of_plain_skin_slide_and_those_on_shapes_stay(head: MorphableModel) -> None:
    miss = torch.zeros(478, 3)
    miss[:, 1] = 0.03
    slid = slide_landmarks(head, miss)
    change = slid.landmarks(head.mean[None])[0] - head.landmarks(head.mean[None])[0]
    shaped = shaped_landmarks(head)
    assert torch.equal(slid.landmark_vertices[shaped], head.landmark_vertices[shaped])
    assert torch.equal(slid.mean, head.mean)
    assert 0.02 < float(change[CHEEK, 1]) < 0.04
