"""Labelling scales to 1024 pixels, keeps rows together, goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.dataset import labels_path
from stylefaceuv.training.dataset_labels import label_all, label_images, labels_length
from tests.training.shards import landmarks_of, random_faces, scores_of, write_shard


class _Landmarker:
    """Points at each picture's mean brightness, so that a label tells which picture it belongs to."""

    def __init__(self) -> None:
        self.seen = 0

    def detect(self, images: torch.Tensor, **options: Any) -> Any:
        self.seen += len(images)
        mean = images.mean(dim=(1, 2, 3))
        return SimpleNamespace(
            points=mean[:, None, None].expand(-1, 478, 3).clone(),
            score=mean.clone(),
            blendshapes=mean[:, None].expand(-1, 52).clone(),
        )


def test_labels_follow_their_pictures_through_the_batches_and_are_scaled() -> None:
    shades = torch.arange(0, 190, 10)  # 19 pictures: more than two batches
    images = shades[:, None, None, None].expand(-1, 3, 8, 8).to(torch.uint8)
    labels = label_images(_Landmarker(), images)  # type: ignore[arg-type]
    torch.testing.assert_close(labels.score, shades / 255)
    torch.testing.assert_close(labels.points[:, 5, 1], shades / 255 * (1024 / 8))
    assert labels.blendshapes.shape == (19, 52)


@pytest.fixture
def root(tmp_path: Path, tiny: MorphableModel) -> Path:
    for number, count in enumerate((3, 2)):
        faces = random_faces(count, number)
        labels = write_shard(
            tmp_path, number, torch.zeros(count, 512), landmarks_of(tiny, faces), scores_of(tiny, faces)
        )
        labels.unlink()
    return tmp_path


def test_finished_shards_are_not_labelled_again(root: Path) -> None:
    first, second = _Landmarker(), _Landmarker()
    assert label_all(root, first, 3, watch=False, progress=False) == 3  # type: ignore[arg-type]
    assert first.seen == 3
    assert label_all(root, second, None, watch=False, progress=False) == 5  # type: ignore[arg-type]
    assert second.seen == 2


def test_labels_of_another_length_are_made_anew(root: Path) -> None:
    label_all(root, _Landmarker(), None, watch=False, progress=False)  # type: ignore[arg-type]
    paths = [labels_path(path) for path in sorted(root.glob("*.images.safetensors"))]
    paths[0].write_bytes(paths[1].read_bytes())
    again = _Landmarker()
    label_all(root, again, None, watch=False, progress=False)  # type: ignore[arg-type]
    assert again.seen == 3
    assert [labels_length(path) for path in paths] == [3, 2]


def test_waiting_without_an_end_is_refused(root: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="count"):
        label_all(root, _Landmarker(), None, watch=True, progress=False)  # type: ignore[arg-type]
