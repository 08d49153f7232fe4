"""What the UV generator's painter of hair is to paint: hair that was lifted from a stylecode's own photo.

Only the own view is needed, no data set, and no labels: hair is told by the segmenter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch.nn import functional

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_maker import FaceMaker
from stylefaceuv.lifting.hair_places import hair_share, strand_edge
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.training.uv_targets import WORST_ERROR, to_bytes
from stylefaceuv.weights_file import load_tensors, save_tensors

_PICTURE = 512


@dataclass(frozen=True)
class HairTargets:
    """Heads without and with their hair; n of them.

    Attributes:
        w: (n, 512) float32 stylecodes.
        bare: (n, 3, R, R) uint8 sRGB, delit and complete.
        haired: (n, 3, R, R) uint8 sRGB, the same with the photo's hair.
        confidence: (n, 1, R, R) uint8, 255 where the photo shows skin or hair of ``haired``.
        cover: (n, 1, R, R) uint8, 255 where that is hair.
    """

    w: torch.Tensor
    bare: torch.Tensor
    haired: torch.Tensor
    confidence: torch.Tensor
    cover: torch.Tensor

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
        InvalidArgumentError: there is none.
    """
    shards = [load_tensors(path) for path in sorted(folder.glob("*.hair.safetensors"))]
    if not shards:
        raise InvalidArgumentError("folder", "files *.hair.safetensors in it", folder)
    return HairTargets(*(torch.cat([shard[field.name] for shard in shards]) for field in fields(HairTargets)))


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
                yield HairTargets(
                    code[None].clone(),
                    to_bytes(bare.diffuse)[None],
                    to_bytes(haired.diffuse)[None],
                    to_bytes(haired.confidence)[None, None],
                    to_bytes(self._cover(seen.photo))[None],
                )

    def _cover(self, photo: Photo) -> torch.Tensor:
        """(1, R, R) in [0, 1]: where hair grows on the skin that a photo shows, or hangs over it."""
        assert photo.segments is not None
        surface = self.maker.lifter.surface
        place = surface.view(photo.coefficients, _PICTURE).pixel / _PICTURE
        hair = surface.texels.scatter(hair_share(photo.segments, place))
        if photo.hair is None:
            return hair
        size = (hair.shape[-2], hair.shape[-1])
        hanging = functional.interpolate(photo.hair.hanging[None], size=size, mode="bilinear", align_corners=False)[0]
        return torch.maximum(hair, strand_edge(hanging[None])[0])


def join_hair_targets(parts: list[HairTargets]) -> HairTargets:
    """Heads of several sets as one."""
    return HairTargets(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(HairTargets)))
