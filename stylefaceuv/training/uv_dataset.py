"""Reads the texture targets that :mod:`stylefaceuv.training.uv_targets` wrote."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.training.uv_targets import SUFFIX
from stylefaceuv.weights_file import load_tensors

_MOVED = ("w", "w_sym", "diffuse", "confidence", "haired", "hair_confidence", "lighting", "lighting_sym")


@dataclass(frozen=True)
class TargetSet:
    """All faces of all shards, in memory.

    Attributes:
        number: (n,) int64, place in the data set.
        w: (n, 512) float32, own view.
        w_sym: (n, 512) float32, symmetric view.
        diffuse: (n, 3, R, R) uint8 sRGB.
        confidence: (n, R, R) uint8.
        haired: (n, 3, R, R) uint8 sRGB, with the photo's hair.
        hair_confidence: (n, R, R) uint8.
        lighting: (n, 27) float32, own view.
        lighting_sym: (n, 27) float32, symmetric view.
        jpeg: n JPEG files, the symmetric view's images.
    """

    number: torch.Tensor
    w: torch.Tensor
    w_sym: torch.Tensor
    diffuse: torch.Tensor
    confidence: torch.Tensor
    haired: torch.Tensor
    hair_confidence: torch.Tensor
    lighting: torch.Tensor
    lighting_sym: torch.Tensor
    jpeg: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.w)

    def to(self, device: torch.device) -> TargetSet:
        """The same faces with stylecodes, maps and light on a device; numbers and files stay where they are."""
        moved = {name: getattr(self, name).to(device) for name in _MOVED}
        return replace(self, **moved)


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
    joined = {name: torch.cat([shard[name] for shard in shards]) for name in ("number", *_MOVED)}
    return TargetSet(**joined, jpeg=jpeg)


def _files(shard: dict[str, torch.Tensor]) -> list[bytes]:
    ends = shard["jpeg_offsets"].tolist()
    data = shard["jpeg_bytes"].numpy()
    return [data[start:end].tobytes() for start, end in itertools.pairwise(ends)]
