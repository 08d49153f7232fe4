"""Both views' images of the target set, on a data set whose pictures are known."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from stylefaceuv.training.uv_dataset import TargetSet
from stylefaceuv.training.uv_images import TwoViewImages
from tests.training.shards import write_shard

CPU = torch.device("cpu")


def flat_jpeg(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (48, 48), (level, level, level)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def three_targets() -> TargetSet:
    """Faces 64, 66 and 1, whose symmetric views are of three greys."""
    return TargetSet(
        number=torch.tensor([64, 66, 1]),
        w=torch.arange(3.0)[:, None].expand(3, 512),
        w_sym=torch.zeros(3, 512),
        diffuse=torch.zeros(3, 3, 4, 4, dtype=torch.uint8),
        confidence=torch.zeros(3, 4, 4, dtype=torch.uint8),
        haired=torch.zeros(3, 3, 4, 4, dtype=torch.uint8),
        hair_confidence=torch.zeros(3, 4, 4, dtype=torch.uint8),
        lighting=torch.zeros(3, 27),
        lighting_sym=torch.zeros(3, 27),
        jpeg=tuple(flat_jpeg(level) for level in (40, 120, 200)),
    )


def write_faces(root: Path) -> None:
    for number in range(2):
        write_shard(root, number, torch.zeros(3, 512), torch.zeros(3, 478, 3), torch.zeros(3, 52))


def test_images_are_found_by_the_row_of_the_target(tmp_path: Path) -> None:
    write_faces(tmp_path)
    images = TwoViewImages(tmp_path, three_targets(), 16, CPU)
    rows = torch.tensor([2, 0])
    assert images.symmetric(rows).shape == (2, 3, 16, 16)
    levels = images.symmetric(rows).mean(dim=(1, 2, 3)) * 255
    torch.testing.assert_close(levels, torch.tensor([200.0, 40.0]), atol=1.5, rtol=0)
    torch.testing.assert_close(images.own(rows).mean() * 255, torch.tensor(128.0), atol=1.5, rtol=0)


def test_only_the_rows_that_are_asked_for_are_decoded(tmp_path: Path) -> None:
    write_faces(tmp_path)
    broken = three_targets()
    broken = replace(broken, jpeg=(b"no picture", *broken.jpeg[1:]))
    images = TwoViewImages(tmp_path, broken, 16, CPU, rows=torch.tensor([2, 1]))
    levels = images.symmetric(torch.tensor([1, 2])).mean(dim=(1, 2, 3)) * 255
    torch.testing.assert_close(levels, torch.tensor([120.0, 200.0]), atol=1.5, rtol=0)
