"""The conversion of the landmarker's TFLite files."""

from __future__ import annotations

import zipfile

import pytest
import torch

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks.landmarker import Landmarker
from stylefaceuv.training.convert_landmarker import convert, landmarker_tensors
from stylefaceuv.weights_file import load_tensors
from tests.networks.landmark_faces import TASK, WEIGHTS


@pytest.mark.skipif(not TASK.exists(), reason="the original landmarker is not in the cache")
def test_embedded_weights_are_those_of_the_wheel(tmp_path) -> None:
    pytest.importorskip("ai_edge_litert")
    convert(TASK, tmp_path / "landmarker.safetensors")
    made, shipped = load_tensors(tmp_path / "landmarker.safetensors"), load_tensors(WEIGHTS)
    assert made.keys() == shipped.keys()
    assert all(torch.equal(made[name], shipped[name]) for name in made)
    assert all(tensor.dtype == torch.float16 for tensor in made.values())


def test_other_archives_are_refused(tmp_path) -> None:
    with pytest.raises(WeightsError, match="face_landmarks_detector"):
        landmarker_tensors(tmp_path / "missing.task", Landmarker())
    with zipfile.ZipFile(tmp_path / "other.task", "w") as archive:
        archive.writestr("other.tflite", b"")
    with pytest.raises(WeightsError, match="face_landmarks_detector"):
        landmarker_tensors(tmp_path / "other.task", Landmarker())
