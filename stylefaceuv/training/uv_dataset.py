"""Reads the texture targets that :mod:`stylefaceuv.training.uv_targets` wrote."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.training.uv_targets import SUFFIX
from stylefaceuv.weights_file import load_tensors


@dataclass(frozen=True)
class TargetSet:
    """All faces of all shards, in memory.

    Attributes:
        number: (n,) int64, place in the data set.
        w: (n, 512) float32, own view.
        w_sym: (n, 512) float32, symmetric view.
        diffuse: (n, 3, R, R) uint8 sRGB.
        confidence: (n, R, R) uint8.
        lighting: (n, 27) float32, own view.
        lighting_sym: (n, 27) float32, symmetric view.
        jpeg: n JPEG files, the symmetric view's images.
    """

    number: torch.Tensor
    w: torch.Tensor
    w_sym: torch.Tensor
    diffuse: torch.Tensor
    confidence: torch.Tensor
    lighting: torch.Tensor
    lighting_sym: torch.Tensor
    jpeg: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.w)

    def symmetric_images(self, rows: torch.Tensor) -> torch.Tensor:
        """Decode images of the symmetric view, (len(rows), 3, 512, 512) float in [0, 1]."""
        decoded = [np.asarray(Image.open(io.BytesIO(self.jpeg[row])).convert("RGB")) for row in rows.tolist()]
        return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255


def read_targets(root: Path, limit: int | None = None) -> TargetSet:
    """Read target shards.

    Args:
        root: folder of the data set.
        limit: shards to read at most, from the first; None for all.

    Returns:
        The faces.

    Raises:
        InvalidArgumentError: the folder holds no targets.
    """
    paths = sorted(root.glob(f"shard-*{SUFFIX}"))[:limit]
    if not paths:
        raise InvalidArgumentError("root", f"a folder with targets (shard-*{SUFFIX})", root)
    shards = [load_tensors(path) for path in paths]
    jpeg = tuple(file for shard in shards for file in _files(shard))
    names = ("number", "w", "w_sym", "diffuse", "confidence", "lighting", "lighting_sym")
    joined = {name: torch.cat([shard[name] for shard in shards]) for name in names}
    return TargetSet(**joined, jpeg=jpeg)


def _files(shard: dict[str, torch.Tensor]) -> list[bytes]:
    ends = shard["jpeg_offsets"].tolist()
    data = shard["jpeg_bytes"].numpy()
    return [data[start:end].tobytes() for start, end in itertools.pairwise(ends)]
