"""The landmarker against the original, against plain formulas, and on bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.evaluation.original_landmarker import OriginalLandmarker, cut_crop
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES, LANDMARK_SUBSET
from stylefaceuv.networks.landmarker import (
    LandmarkDetection,
    Landmarker,
    crop_of_points,
    cut_crops,
    ffhq_crop,
    load_landmarker,
    points_to_image,
)
from stylefaceuv.weights_file import load_tensors, save_tensors
from tests.networks.landmark_faces import TASK, WEIGHTS, Faces, load_faces

needs_original = pytest.mark.skipif(not TASK.exists(), reason="the original landmarker is not in the cache")


@pytest.fixture(scope="module")
def faces() -> Faces:
    return load_faces()


@pytest.fixture(scope="module")
def landmarker() -> Landmarker:
    return load_landmarker(WEIGHTS)


@pytest.fixture(scope="module")
def detection(landmarker: Landmarker, faces: Faces) -> LandmarkDetection:
    return landmarker.detect(faces.images)


def _distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first[..., :2] - second[..., :2]).norm(dim=-1)


def test_points_are_those_of_the_original(detection: LandmarkDetection, faces: Faces) -> None:
    assert _distance(detection.points, faces.points).max() < 0.1
    assert (detection.points - faces.points)[..., 2].abs().max() < 0.1
    torch.testing.assert_close(detection.blendshapes, faces.blendshapes, atol=2e-3, rtol=0)
    torch.testing.assert_close(detection.score, faces.score, atol=1e-4, rtol=0)


@needs_original
def test_networks_equal_the_original_on_any_input(landmarker: Landmarker) -> None:
    pytest.importorskip("ai_edge_litert")
    original = OriginalLandmarker(TASK)
    crops = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    found = landmarker.landmark_network(crops)
    for row, crop in enumerate(crops):
        points, presence = original.run_crop(crop.permute(1, 2, 0).contiguous().numpy())
        np.testing.assert_allclose(found.points[row].numpy(), points, atol=5e-3)
        assert found.presence[row].item() == pytest.approx(presence, abs=1e-4)
        scores = landmarker.blendshape_network(found.points[row : row + 1])[0]
        np.testing.assert_allclose(scores.numpy(), original.run_blendshapes(points), atol=1e-3)


def test_detection_does_not_depend_on_the_batch(landmarker: Landmarker, faces: Faces) -> None:
    many = faces.images[[0, 1, 2, 2, 1, 0, 0, 1, 2, 1]]
    points = landmarker.detect(many).points
    for row in (0, 3, 8, 9):
        assert _distance(points[row], landmarker.detect(many[row : row + 1]).points[0]).max() < 0.05


def test_crops_are_halved_then_sampled_bilinearly() -> None:
    image = torch.rand(1, 3, 700, 600, generator=torch.Generator().manual_seed(2))
    crops = torch.tensor([[300.0, 340.0, 300.0, 25.0], [310.0, 350.0, 600.0, -40.0], [80.0, 60.0, 200.0, 90.0]])
    cut = cut_crops([image.expand(3, -1, -1, -1)], crops)
    array = image[0].permute(1, 2, 0).numpy()
    for row, crop in enumerate(crops.tolist()):
        expected = cut_crop(array, tuple(crop))
        np.testing.assert_allclose(cut[row].permute(1, 2, 0).numpy(), expected, atol=2e-3)


def test_points_go_back_to_where_the_crop_was_taken() -> None:
    crop = torch.tensor([[100.0, 50.0, 512.0, 90.0]])
    points = torch.tensor([[[128.0, 128.0, 3.0], [256.0, 128.0, 0.0], [128.0, 0.0, -1.0]]])
    expected = torch.tensor([[[100.0, 50.0, 6.0], [100.0, 306.0, 0.0], [356.0, 50.0, -2.0]]])
    torch.testing.assert_close(points_to_image(points, crop), expected, atol=1e-4, rtol=0)


def test_next_crop_is_one_and_a_half_boxes_turned_with_the_eyes() -> None:
    points = torch.full((1, 478, 3), 50.0)
    points[0, 0, :2], points[0, 1, :2] = torch.tensor([10.0, 20.0]), torch.tensor([110.0, 220.0])
    points[0, 33, :2], points[0, 263, :2] = torch.tensor([40.0, 100.0]), torch.tensor([60.0, 120.0])
    torch.testing.assert_close(crop_of_points(points), torch.tensor([[60.0, 120.0, 300.0, 45.0]]))


def test_points_follow_a_turned_image(landmarker: Landmarker, faces: Faces, detection: LandmarkDetection) -> None:
    angle = math.radians(20)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    theta = torch.cat([turn, torch.zeros(2, 1)], 1).expand(3, 2, 3)
    grid = torch.nn.functional.affine_grid(theta, list(faces.images.shape), align_corners=False)
    turned = torch.nn.functional.grid_sample(faces.images, grid, padding_mode="border", align_corners=False)
    expected = (detection.points[..., :2] - 512) @ turn + 512
    found = landmarker.detect(turned, refinements=4).points
    eyes = (expected[:, 33] - expected[:, 263]).norm(dim=1).mean()
    assert _distance(found, expected).mean() < 0.02 * eyes


def test_given_crop_replaces_the_fixed_one(landmarker: Landmarker, faces: Faces, detection: LandmarkDetection) -> None:
    shifted = torch.nn.functional.pad(faces.images, (700, 0, 300, 0))
    crop = ffhq_crop(faces.images) + torch.tensor([700.0, 300.0, 0.0, 0.0])
    points = landmarker.detect(shifted, initial_crop=crop).points - torch.tensor([700.0, 300.0, 0.0])
    assert _distance(points, detection.points).max() < 3


def test_images_without_a_face_score_low(landmarker: Landmarker, faces: Faces) -> None:
    background = faces.images[:, :, :1, :1].expand(-1, -1, 256, 256)
    assert landmarker.detect(background).score.max() < 0.5


def test_scores_are_picked_by_name(detection: LandmarkDetection) -> None:
    picked = detection.arkit_scores(["tongueOut", "mouthSmileLeft", "jawOpen", "noseCompression"])
    assert picked[:, [0, 3]].isnan().all()
    assert torch.equal(picked[:, 1], detection.blendshapes[:, BLENDSHAPE_NAMES.index("mouthSmileLeft")])
    assert picked[0, 1] > 0.3 > picked[1, 1], "the first face smiles, the second does not"


def test_names_and_subset_are_complete() -> None:
    assert len(set(BLENDSHAPE_NAMES)) == 52
    assert "tongueOut" not in BLENDSHAPE_NAMES
    assert len(LANDMARK_SUBSET) == 146
    assert list(LANDMARK_SUBSET) == sorted(set(LANDMARK_SUBSET))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"images": torch.zeros(1, 3, 64, 64, dtype=torch.uint8)}, "images"),
        ({"images": torch.zeros(3, 64, 64)}, "images"),
        ({"images": torch.zeros(1, 4, 64, 64)}, "images"),
        ({"images": torch.zeros(0, 3, 64, 64)}, "images"),
        ({"images": torch.zeros(2, 3, 64, 64), "initial_crop": torch.zeros(1, 4)}, "initial_crop"),
        ({"images": torch.zeros(1, 3, 64, 64), "refinements": -1}, "refinements"),
    ],
)
def test_bad_input_is_refused_by_name(landmarker: Landmarker, arguments: dict, named: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{named}: expected"):
        landmarker.detect(**arguments)


def test_foreign_weights_are_refused(tmp_path) -> None:
    tensors = load_tensors(WEIGHTS)
    del tensors["landmark_network.stem.weight"]
    save_tensors(tmp_path / "short.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"landmark_network\.stem\.weight"):
        load_landmarker(tmp_path / "short.safetensors")
