"""The StyleGAN2 images of both views of the target set, decoded once."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylefaceuv.training.dataset import FaceShards
from stylefaceuv.training.uv_dataset import TargetSet


class TwoViewImages:
    """Images by row of the targets. A face takes 6 S² bytes.

    Args:
        root: folder of the data set.
        targets: its targets.
        size: edge of the pictures, pixels.
        device: where they are kept.
        rows: (m,) int64, the rows that will be asked for; None for all.
    """

    def __init__(
        self, root: Path, targets: TargetSet, size: int, device: torch.device, rows: torch.Tensor | None = None
    ) -> None:
        wanted = torch.arange(len(targets)) if rows is None else rows.cpu()
        self._place = torch.full((len(targets),), -1, dtype=torch.int64)
        self._place[wanted] = torch.arange(len(wanted))
        self._place = self._place.to(device)
        shards = FaceShards(root)
        place = {number: position for position, number in enumerate(shards.indices().tolist())}
        positions = [place[number] for number in targets.number[wanted].tolist()]
        self._own = _decoded((shards[position].jpeg for position in positions), size).to(device)
        self._symmetric = _decoded((targets.jpeg[row] for row in wanted.tolist()), size).to(device)

    def own(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) float in [0, 1], sRGB."""
        return self._own[self._place[rows]].float() / 255

    def symmetric(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) float in [0, 1], sRGB."""
        return self._symmetric[self._place[rows]].float() / 255


def _decoded(files: Iterable[bytes], size: int) -> torch.Tensor:
    """(n, 3, size, size) uint8."""

    def decode(file: bytes) -> torch.Tensor:
        picture = Image.open(io.BytesIO(file)).convert("RGB").resize((size, size), Image.Resampling.BOX)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = list(pool.map(decode, files))
    return torch.stack(decoded) if decoded else torch.zeros(0, 3, size, size, dtype=torch.uint8)
