"""The training set: drawing, writing, resuming, reading, labelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.landmarker import LandmarkDetection
from stylefaceuv.training.dataset import (
    FaceShards,
    draw_latent,
    images_path,
    labels_path,
    read_images,
    shard_length,
    write_images,
)
from stylefaceuv.training.dataset_labels import label_all
from stylefaceuv.training.image_engines import make_engine


class _FlatEngine:
    """Images of one colour that the stylecode gives; counts what it makes."""

    def __init__(self) -> None:
        self.mean_stylecode = torch.linspace(-1, 1, 512)
        self.made = 0

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        return 2 * z

    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        self.made += len(w)
        return torch.tanh(w[:, :3, None, None]).expand(-1, 3, 1024, 1024)


class _CentreLandmarker:
    """Puts every landmark at the centre; the score is the mean of the image."""

    def __init__(self) -> None:
        self.seen = 0

    def detect(self, images: torch.Tensor, refinements: int) -> LandmarkDetection:
        self.seen += len(images)
        points = torch.full((len(images), 478, 3), images.shape[-1] / 2)
        return LandmarkDetection(points, images.mean((1, 2, 3)), torch.full((len(images), 52), 0.5))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_images(tmp_path, 66, 7, _FlatEngine(), progress=False)
    return tmp_path


def test_latents_depend_on_seed_and_index_only() -> None:
    random = np.random.Generator(np.random.Philox(key=[1000, 5]))
    z, psi = draw_latent(1000, 5)
    np.testing.assert_array_equal(z, random.standard_normal(512).astype(np.float32))
    assert psi == np.float32(random.uniform(0.5, 1))
    assert not np.array_equal(z, draw_latent(1001, 5)[0])


def test_faces_come_back_as_they_were_drawn(root: Path) -> None:
    shards = FaceShards(root)
    assert len(shards) == 66
    assert [sample.index for sample in shards] == list(range(66)) == shards.indices().tolist()
    engine = _FlatEngine()
    for number in (0, 63, 64, -1):
        sample = shards[number]
        z, psi = draw_latent(7, sample.index)
        expected = engine.mean_stylecode + float(psi) * (2 * torch.from_numpy(z) - engine.mean_stylecode)
        assert sample.psi == pytest.approx(float(psi))
        torch.testing.assert_close(sample.w, expected)
        assert sample.points is None
        colour = (np.tanh(expected[:3].numpy()) + 1) / 2 * 255
        assert sample.image().shape == (512, 512, 3)
        np.testing.assert_allclose(sample.image()[100, 200], colour, atol=4)
    torch.testing.assert_close(shards.stylecodes()[65], shards[65].w)
    assert read_images(images_path(root, 1)).shape == (2, 3, 512, 512)
    with pytest.raises(IndexError):
        shards[66]


def test_writing_resumes_and_grows_the_last_shard(root: Path) -> None:
    engine = _FlatEngine()
    before = images_path(root, 0).stat().st_mtime_ns
    write_images(root, 66, 7, engine, progress=False)
    assert engine.made == 0
    write_images(root, 70, 7, engine, progress=False)
    assert engine.made == 6
    assert shard_length(images_path(root, 1)) == 6
    assert images_path(root, 0).stat().st_mtime_ns == before


def test_seeds_are_not_mixed(root: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="seed"):
        write_images(root, 200, 8, _FlatEngine(), progress=False)
    assert not images_path(root, 2).exists()


def test_labels_are_in_pixels_of_the_large_image(root: Path) -> None:
    landmarker = _CentreLandmarker()
    assert label_all(root, landmarker, None, False, progress=False) == 66
    assert landmarker.seen == 66
    labels = FaceShards(root, labelled=True).labels()
    assert labels.points.shape == (66, 478, 3)
    assert (labels.points == 512).all()
    sample = FaceShards(root)[65]
    assert sample.score == pytest.approx(sample.image().mean() / 255, abs=1e-3)
    label_all(root, landmarker, None, False, progress=False)
    assert landmarker.seen == 66, "labelled shards are kept"
    labels_path(images_path(root, 1)).unlink()
    assert len(FaceShards(root, labelled=True)) == 64
    label_all(root, landmarker, 66, True, progress=False)
    assert landmarker.seen == 68


def test_folders_without_shards_and_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="root"):
        FaceShards(tmp_path)
    with pytest.raises(InvalidArgumentError, match="count"):
        write_images(tmp_path, 0, 7, _FlatEngine())
    with pytest.raises(InvalidArgumentError, match="count"):
        label_all(tmp_path, _CentreLandmarker(), None, True)
    with pytest.raises(InvalidArgumentError, match="engine"):
        make_engine("jax")
