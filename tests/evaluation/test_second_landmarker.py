"""The second landmarker with its real weights, where they are in the cache."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import WeightsError
from stylefaceuv.evaluation.second_landmarker import DLIB_IN_MEDIAPIPE, INNER, load_second_landmarker
from tests.evaluation.test_identity import MODEL
from tests.networks.landmark_faces import load_faces


def test_missing_files_are_named(tmp_path: object) -> None:
    with pytest.raises(WeightsError, match="face_landmark_68_model"):
        load_second_landmarker(tmp_path)  # type: ignore[arg-type]


@pytest.mark.skipif(not MODEL.exists(), reason="face-api's models are not in the cache")
def test_it_finds_what_the_first_landmarker_finds() -> None:
    faces = load_faces()
    found = load_second_landmarker(MODEL).detect(faces.images, faces.points)
    first = faces.points[:, list(DLIB_IN_MEDIAPIPE), :2]
    eyes = (first[:, 36] - first[:, 45]).norm(dim=1)
    apart = (found - first)[:, INNER].norm(dim=2).mean(1) / eyes
    assert apart.max() < 0.08
    shuffled = (found - first.roll(1, 1))[:, INNER].norm(dim=2).mean(1) / eyes
    assert shuffled.min() > 2 * apart.max()


@pytest.mark.skipif(not MODEL.exists(), reason="face-api's models are not in the cache")
def test_a_mirrored_face_gets_mirrored_points() -> None:
    faces = load_faces()
    network = load_second_landmarker(MODEL)
    width = faces.images.shape[-1]
    mirrored = faces.points.clone()
    mirrored[..., 0] = width - mirrored[..., 0]
    found = network.detect(faces.images, faces.points)[:, 30, 0]
    torch.testing.assert_close(
        width - network.detect(faces.images.flip(3), mirrored)[:, 30, 0], found, atol=0.01 * width, rtol=0
    )
