"""Texture targets for the UV generator: maps lifted from the own and the symmetric view of faces of the data set.

    python -m stylefaceuv.training.uv_targets --root DIR --count 3072

The data set must be labelled and fitted. Every shard ``shard-NNNNN.targets.safetensors`` appears whole and is kept by
later calls, so the work can be split over many. It holds, for each face that both views find:
``w`` and ``w_sym`` (n, 512) float32, ``diffuse`` (n, 3, R, R) uint8 sRGB delit and complete, ``confidence`` (n, R, R)
uint8, ``haired`` and ``hair_confidence`` the same with the photo's hair on the head, ``lighting`` and ``lighting_sym``
(n, 27) float32, ``number`` (n,) int64 place in the data set, and the symmetric view's image as JPEG 512 x 512:
``jpeg_bytes`` uint8 from ``jpeg_offsets[i]`` to ``[i + 1]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.lifting.atlas_view import AtlasViewer
from stylefaceuv.lifting.hair_volume import HairVolume
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.painted_head import PaintedHead
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.lifting.registration import Registrar
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.generator import to_unit_range
from stylefaceuv.networks.head_segmenter import segments_of
from stylefaceuv.networks.uv_generator import AtlasView, UVPrediction
from stylefaceuv.networks.yaw import symmetric_yaw
from stylefaceuv.training.dataset import IMAGE_SIZE, LABEL_SIZE, SHARD_SIZE, FaceSample, FaceShards, encode_jpeg
from stylefaceuv.training.fitting import fitted_faces
from stylefaceuv.types import FaceCoefficients
from stylefaceuv.weights_file import save_tensors

SUFFIX = ".targets.safetensors"
WORST_ERROR = 0.03
_AT_ONCE = 8


@dataclass(frozen=True)
class TwoViews:
    """A face, lifted from both views.

    Attributes:
        w_sym: (512,) float32 stylecode of the symmetric view.
        diffuse: (3, R, R) uint8 sRGB.
        confidence: (R, R) uint8, 255 is sure.
        haired: (3, R, R) uint8 sRGB, with the photo's hair.
        hair_confidence: (R, R) uint8, 255 where the photo shows skin or hair.
        lighting: (27,) float32 of the own view.
        lighting_sym: (27,) float32 of the symmetric view.
        jpeg: the symmetric view's image.
    """

    w_sym: torch.Tensor
    diffuse: torch.Tensor
    confidence: torch.Tensor
    haired: torch.Tensor
    hair_confidence: torch.Tensor
    lighting: torch.Tensor
    lighting_sym: torch.Tensor
    jpeg: bytes


@dataclass(frozen=True)
class _OtherView:
    """A symmetric view: its stylecode (512,), its JPEG, and where the face is in it; None where there is none."""

    w: torch.Tensor
    jpeg: bytes
    photo: Photo | None


class TargetMaker:
    """Makes the targets of faces.

    Args:
        parts: components with a yaw editor.
        resolution: edge R of the maps, texels.
        networks: the same parts on another device, whose networks make images and look at them; None for ``parts``.
            Lifting is many small steps, which a CPU does as fast.
    """

    def __init__(self, parts: Components, resolution: int = 256, networks: Components | None = None) -> None:
        self.parts, self.networks = parts, networks or parts
        self.registrar = Registrar(parts.face_model)
        self.lifter = Lifter(parts.face_model, parts.albedo_model, resolution)
        self.painted_head = PaintedHead(self.lifter)
        self.hair_volume = HairVolume(parts.face_model)
        painter = parts.uv_generator
        self.viewer = AtlasViewer(parts.face_model, painter.config.resolution) if painter else None

    @property
    def _device(self) -> torch.device:
        return self.networks.generator.mean_stylecode.device

    @torch.inference_mode()
    def make(self, faces: list[tuple[FaceSample, FaceCoefficients]]) -> Iterator[TwoViews | None]:
        """Lift both views of faces. The networks look at several at once, lifting is one face after the other.

        Args:
            faces: labelled, and their unbatched coefficients.

        Yields:
            Of each face; None where the symmetric view shows no face that can be registered.
        """
        for start in range(0, len(faces), _AT_ONCE):
            chunk = faces[start : start + _AT_ONCE]
            w = torch.stack([face.w for face, _ in chunk])
            yaw = torch.stack([fitted.rotation[0] for _, fitted in chunk])
            others, (painted, segments) = self._second(w, yaw), self._first(w)
            for (face, fitted), other, skin, shown in zip(chunk, others, painted, segments, strict=True):
                if face.points is None or other.photo is None:
                    yield None
                    continue
                image = torch.from_numpy(face.image().copy()).permute(2, 0, 1).float() / 255
                points = face.points[:, :2] * (IMAGE_SIZE / LABEL_SIZE)
                yield self._lift(self._photo(image, fitted, points, shown), other, other.photo, skin)

    def _lift(self, own: Photo, other: _OtherView, second: Photo, painted: UVPrediction | None) -> TwoViews:
        skin = None
        if painted is not None:
            skin = self.painted_head.skin_of(painted.diffuse[0]).texture[0]
            own, second = (replace(photo, displacement=painted.displacement[0]) for photo in (own, second))
        lifted, haired = self.lifter.both(own, second, skin)
        assert lifted.second_lighting is not None
        return TwoViews(
            other.w,
            to_bytes(lifted.diffuse),
            to_bytes(lifted.confidence),
            to_bytes(haired.diffuse),
            to_bytes(haired.confidence),
            lifted.lighting.reshape(27),
            lifted.second_lighting.reshape(27),
            other.jpeg,
        )

    def _photo(
        self, image: torch.Tensor, found: FaceCoefficients, points: torch.Tensor, segments: torch.Tensor | None
    ) -> Photo:
        """A registered photo, with its hair where a segmenter tells."""
        hair = None if segments is None else self.hair_volume(segments, found)
        return Photo(image, found, points, hair=hair, segments=segments)

    def _segments(self, w: torch.Tensor, trunk: torch.Tensor | None = None) -> list[torch.Tensor] | list[None]:
        """What the images of stylecodes (n, 512) show, (S, s, s) each; None where the bundle has no segmenter."""
        segmenter = self.networks.head_segmenter
        if segmenter is None:
            return [None] * len(w)
        return list(segments_of(segmenter, self.networks.generator, w.to(self._device), trunk).to(w.device))

    def _first(self, w: torch.Tensor) -> tuple[list[UVPrediction] | list[None], list[torch.Tensor] | list[None]]:
        """An earlier UV generator's maps, where the bundle has one, a batch of one each, and what the images show.

        The maps tell fringes, hats and glasses from skin, and the shading of wrinkles from colour.
        """
        painter = self.networks.uv_generator
        if painter is None or self.viewer is None:
            return [None] * len(w), self._segments(w)
        view, code = self.viewer(self.parts.mapper(w)), w.to(self._device)
        moved = AtlasView(*(part.to(self._device) for part in (view.grid, view.visibility, view.normal)))
        trunk = self.networks.generator.synthesis_features(code, painter.config.trunk_resolution)
        painted = painter(trunk, moved, code)
        pairs = (painted.diffuse.clamp(0, 1).to(w.device), painted.displacement.float().to(w.device))
        maps = [UVPrediction(*pair) for pair in zip(*(part.split(1) for part in pairs), strict=True)]
        return maps, self._segments(w, trunk)

    def _second(self, w: torch.Tensor, yaw: torch.Tensor) -> list[_OtherView]:
        """The symmetric views of stylecodes (n, 512) whose faces are turned by (n,) degrees."""
        assert self.parts.yaw_editor is not None
        w_sym = self.parts.yaw_editor(w, symmetric_yaw(yaw))
        rendered = self.networks.generator.synthesis(w_sym.to(self._device))
        image = to_unit_range(rendered)
        found = self.networks.landmarker.detect(image)
        small = functional.avg_pool2d(image, image.shape[-1] // IMAGE_SIZE).to(w.device)
        points, scores = found.points[..., :2].to(w.device), found.blendshapes.to(w.device)
        registered = self.registrar(self.parts.mapper(w_sym), points, scores, BLENDSHAPE_NAMES, image.shape[-1])
        points = points * (IMAGE_SIZE / image.shape[-1])
        views = []
        for row, (error, shown) in enumerate(zip(registered.error.tolist(), self._segments(w_sym), strict=True)):
            usable = error < WORST_ERROR
            photo = self._photo(small[row], registered.coefficients[row], points[row], shown) if usable else None
            views.append(_OtherView(w_sym[row], encode_jpeg(rendered[row]), photo))
        return views


def write_targets(root: Path, count: int, maker: TargetMaker, first: int = 0, every: int = 1) -> None:
    """Make the targets of the first faces of a data set; shards that are there are kept.

    Args:
        root: folder of the data set.
        count: faces of the data set to go through, a multiple of the shard size.
        maker: lifts.
        first: shard to begin with.
        every: step from shard to shard, so that several processes can share the work.
    """
    shards = range(first, count // SHARD_SIZE, every)
    with tqdm(total=len(shards) * SHARD_SIZE, desc="targets", unit="face", mininterval=20) as bar:
        for shard in shards:
            path = root / f"shard-{shard:05d}{SUFFIX}"
            if not path.exists():
                save_tensors(path, _packed(list(_rows(root, shard, maker))))
            bar.update(SHARD_SIZE)


def _rows(root: Path, shard: int, maker: TargetMaker) -> Iterator[dict[str, torch.Tensor]]:
    faces = list(fitted_faces(FaceShards(root, labelled=True, only=shard)))
    for (face, _), made in zip(faces, maker.make(faces), strict=True):
        if made is not None:
            yield {
                "number": torch.tensor(face.index),
                "w": face.w,
                "w_sym": made.w_sym,
                "diffuse": made.diffuse,
                "confidence": made.confidence,
                "haired": made.haired,
                "hair_confidence": made.hair_confidence,
                "lighting": made.lighting,
                "lighting_sym": made.lighting_sym,
                "jpeg": torch.from_numpy(np.frombuffer(made.jpeg, np.uint8).copy()),
            }


def to_bytes(unit: torch.Tensor) -> torch.Tensor:
    """[0, 1] to uint8."""
    return (unit * 255 + 0.5).to(torch.uint8)


def _packed(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    tensors = {name: torch.stack([row[name] for row in rows]) for name in rows[0] if name != "jpeg"}
    sizes = torch.tensor([0] + [len(row["jpeg"]) for row in rows])
    return tensors | {"jpeg_bytes": torch.cat([row["jpeg"] for row in rows]), "jpeg_offsets": sizes.cumsum(0)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder")
    parser.add_argument("--count", type=int, default=3072, help="faces to go through")
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    parser.add_argument("--first", type=int, default=0, help="shard to begin with")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    parts = load_components(Bundle.open(args.bundle), torch.device("cpu"))
    write_targets(args.root, args.count, TargetMaker(parts), args.first)


if __name__ == "__main__":
    main()
