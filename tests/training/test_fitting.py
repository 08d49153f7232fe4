"""Fits of a whole data set: the mapper's targets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.rendering.lighting import sh_basis
from stylefaceuv.training.dataset import FaceShards
from stylefaceuv.training.fitting import DatasetFitter, fit_pending, fits_path, fitted_faces
from stylefaceuv.weights_file import load_tensors, save_tensors
from tests.training.shards import landmarks_of, random_faces, scores_of, write_shard


class _QuickFitter(DatasetFitter):
    """Keeps what it is given: the fit of a face tells the sum of its landmarks."""

    def __init__(self) -> None:
        self.seen = 0

    def fit(self, points: torch.Tensor, scores: torch.Tensor) -> dict[str, torch.Tensor]:
        self.seen += len(points)
        mark = points.sum((1, 2))[:, None]
        sizes = {"identity": 80, "expression": 64, "rotation": 3, "translation": 3}
        return {name: mark.expand(-1, size) for name, size in sizes.items()} | {"error": torch.zeros(len(points))}


@pytest.fixture
def root(tiny: MorphableModel, tmp_path: Path) -> Path:
    """Two shards, of 64 and of 5 faces."""
    for number, count in enumerate((64, 5)):
        faces = random_faces(count, number)
        write_shard(tmp_path, number, torch.randn(count, 512), landmarks_of(tiny, faces), scores_of(tiny, faces))
    return tmp_path


def test_faces_are_found_from_nothing(tiny: MorphableModel) -> None:
    faces = random_faces(6)
    fits = DatasetFitter(tiny).fit(landmarks_of(tiny, faces), scores_of(tiny, faces))
    shapes = {name: tuple(value.shape) for name, value in fits.items()}
    assert shapes == {
        "identity": (6, 80),
        "expression": (6, 64),
        "rotation": (6, 3),
        "translation": (6, 3),
        "error": (6,),
    }
    assert float(fits["error"].max()) < 0.01
    torch.testing.assert_close(fits["rotation"], faces.rotation, atol=3.0, rtol=0)
    torch.testing.assert_close(fits["expression"], faces.expression, atol=0.45, rtol=0)
    assert 0 <= float(fits["expression"].min()) <= float(fits["expression"].max()) <= 1
    again = DatasetFitter(tiny).fit(landmarks_of(tiny, faces)[2:3], scores_of(tiny, faces)[2:3])
    torch.testing.assert_close(again["rotation"][0], fits["rotation"][2], atol=0.02, rtol=0)


def test_landmarks_that_are_no_head_have_a_large_error(tiny: MorphableModel) -> None:
    noise = 1024 * torch.rand(2, 478, 3, generator=torch.Generator().manual_seed(0))
    assert float(DatasetFitter(tiny).fit(noise, torch.zeros(2, 52))["error"].min()) > 0.1


def test_only_shards_without_a_fit_are_fitted(root: Path) -> None:
    fitter = _QuickFitter()
    assert fit_pending(root, fitter) == 2
    assert fit_pending(root, fitter) == 0
    assert fitter.seen == 69
    first = fits_path(root / "shard-00000.labels.safetensors")
    before = load_tensors(first)
    first.unlink()
    assert fit_pending(root, fitter) == 1
    assert all(torch.equal(value, before[name]) for name, value in load_tensors(first).items())


def test_well_fitted_faces_come_with_their_own_coefficients(root: Path) -> None:
    fit_pending(root, _QuickFitter())
    path = fits_path(root / "shard-00001.labels.safetensors")
    fits = load_tensors(path)
    fits["error"][3] = 0.5
    save_tensors(path, fits)
    faces = list(fitted_faces(FaceShards(root, labelled=True)))
    assert [sample.index for sample, _ in faces] == [*range(64), 64, 65, 66, 68]
    sample, coefficients = faces[-1]
    assert torch.equal(coefficients.identity, fits["identity"][4])
    assert torch.equal(coefficients.translation, fits["translation"][4])
    assert sample.points is not None
    torch.testing.assert_close(coefficients.identity[0], sample.points.sum())
    assert torch.equal(sample.w, FaceShards(root)[68].w)
    normal = torch.nn.functional.normalize(torch.randn(5, 3), dim=1)
    torch.testing.assert_close(sh_basis(normal) @ coefficients.lighting.reshape(9, 3), torch.ones(5, 3))
    assert [s.index for s, _ in fitted_faces(FaceShards(root, labelled=True), stride=30)] == [0, 30, 60]


def test_shards_without_a_fit_are_passed_over(root: Path) -> None:
    fit_pending(root, _QuickFitter())
    fits_path(root / "shard-00000.labels.safetensors").unlink()
    assert [s.index for s, _ in fitted_faces(FaceShards(root, labelled=True))] == [64, 65, 66, 67, 68]
