"""What the UV generator's painter of hair is to paint: hair that was lifted from a stylecode's own photo.

Only the own view is needed, no data set, and no labels: hair is told by the segmenter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_maker import FaceMaker
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.lifting.photo_hair import photo_hair
from stylefaceuv.training.uv_targets import WORST_ERROR, to_bytes
from stylefaceuv.weights_file import load_tensors, save_tensors


@dataclass(frozen=True)
class HairTargets:
    """Heads without and with their hair; n of them.

    Attributes:
        w: (n, 512) float32 stylecodes.
        bare: (n, 3, R, R) uint8 sRGB, delit and complete.
        haired: (n, 3, R, R) uint8 sRGB, the same with the photo's hair.
        confidence: (n, 1, R, R) uint8, 255 where the photo shows skin or hair of ``haired``.
        cover: (n, 1, R, R) uint8, 255 where ``haired`` is hair, that a photo shows or that completes it.
        combed: (n,) float32 in [0, 1], 1 of hair that is combed or hangs, 0 of cropped or curly hair.
    """

    w: torch.Tensor
    bare: torch.Tensor
    haired: torch.Tensor
    confidence: torch.Tensor
    cover: torch.Tensor
    combed: torch.Tensor

    def __len__(self) -> int:
        return len(self.w)

    def save(self, path: Path) -> None:
        """Write them; the file appears whole."""
        save_tensors(path, {field.name: getattr(self, field.name) for field in fields(self)})


def read_hair_targets(folder: Path) -> HairTargets:
    """Read all files of a folder.

    Args:
        folder: holds ``*.hair.safetensors``.

    Returns:
        The heads of all of them, in the order of their names.

    Raises:
        InvalidArgumentError: there is none, or one holds other tensors: those of earlier versions told no cut.
    """
    paths, names = sorted(folder.glob("*.hair.safetensors")), [field.name for field in fields(HairTargets)]
    if not paths:
        raise InvalidArgumentError("folder", "files *.hair.safetensors in it", folder)
    shards = [load_tensors(path) for path in paths]
    for path, shard in zip(paths, shards, strict=True):
        if set(shard) != set(names):
            raise InvalidArgumentError("folder", f"tensors {sorted(names)} in {path.name}", sorted(shard))
    return HairTargets(*(torch.cat([shard[name] for shard in shards]) for name in names))


class HairTargetMaker:
    """Lifts heads without and with their hair.

    Args:
        parts: with segmenter and UV generator.
        resolution: edge R of the maps, texels.

    Raises:
        InvalidArgumentError: there is no segmenter.
    """

    def __init__(self, parts: Components, resolution: int = 256) -> None:
        if parts.head_segmenter is None:
            raise InvalidArgumentError("parts", "components with a head segmenter", "none")
        self.maker = FaceMaker(parts, resolution, hair="keep")

    @torch.inference_mode()
    def __call__(self, w: torch.Tensor) -> Iterator[HairTargets]:
        """Lift stylecodes (n, 512) one after the other; those whose photo shows no face are left out."""
        for code in w:
            seen = self.maker.look(code)
            if seen.registration_error < WORST_ERROR:
                bare, haired = self.maker.lifter.both(seen.photo, painted=seen.guess)
                assert haired.hair is not None
                yield HairTargets(
                    code[None].clone(),
                    to_bytes(bare.diffuse)[None],
                    to_bytes(haired.diffuse)[None],
                    to_bytes(haired.confidence)[None, None],
                    to_bytes(haired.hair)[None, None],
                    torch.tensor([self._combed(seen.photo)]),
                )

    def _combed(self, photo: Photo) -> float:
        """How a photo's hair lies."""
        unlit = torch.ones(3, device=photo.image.device)
        return photo_hair(photo, unlit, self.maker.lifter.height).combed


def join_hair_targets(parts: list[HairTargets]) -> HairTargets:
    """Heads of several sets as one."""
    return HairTargets(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(HairTargets)))
