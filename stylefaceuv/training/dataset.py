"""The training set: stylecodes, their images and labels, in shards that appear whole; making them can be resumed.

``shard-NNNNN.images.safetensors`` holds up to 64 faces: ``index`` (n,) int64, ``psi`` (n,) float32, ``w`` (n, 512)
float32, and one JPEG (512 x 512, sRGB) per face: ``jpeg_bytes`` uint8 from ``jpeg_offsets[i]`` to ``[i + 1]``.
``shard-NNNNN.labels.safetensors`` is written by :mod:`stylefaceuv.training.dataset_labels`.

Face ``i`` of a seed is drawn from NumPy's Philox keyed by (seed, i): z ~ N(0, I), then psi ~ U(0.5, 1), and
w = mean + psi (mapping(z) - mean).

    python -m stylefaceuv.training.dataset --root DIR --count 8192 --seed 1000 --engine torch
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import safe_open
from tqdm import tqdm

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.training.image_engines import ENGINES, ImageEngine, make_engine
from stylefaceuv.weights_file import load_tensors, save_tensors

SHARD_SIZE = 64
IMAGE_SIZE = 512
LABEL_SIZE = 1024
"""Labels are in pixels of images of this size, whatever the size of the stored ones."""

_QUALITY = 92
_IMAGES, _LABELS = ".images.safetensors", ".labels.safetensors"


@dataclass(frozen=True)
class FaceLabels:
    """What the landmarker says about N faces.

    Attributes:
        points: (N, 478, 3) float32, pixels at 1024 x 1024, as in ``LandmarkDetection``.
        score: (N,) float32, probability of a face.
        blendshapes: (N, 52) float32, ordered as ``BLENDSHAPE_NAMES``.
    """

    points: torch.Tensor
    score: torch.Tensor
    blendshapes: torch.Tensor


@dataclass(frozen=True)
class FaceSample:
    """One face of the training set.

    Attributes:
        index: number of the face under the seed of the set.
        psi: truncation.
        w: (512,) float32 stylecode.
        jpeg: the encoded image.
        points: (478, 3) float32, pixels at 1024 x 1024; None where not labelled.
        score: probability of a face, NaN where not labelled.
        blendshapes: (52,) float32; None where not labelled.
    """

    index: int
    psi: float
    w: torch.Tensor
    jpeg: bytes
    points: torch.Tensor | None
    score: float
    blendshapes: torch.Tensor | None

    def image(self) -> npt.NDArray[np.uint8]:
        """Decode the image, (512, 512, 3) uint8 sRGB."""
        return np.asarray(Image.open(io.BytesIO(self.jpeg)).convert("RGB"))


class FaceShards:
    """Reads a training set, in the order of the face numbers; shards that appear later are not seen.

    Iterating gives :class:`FaceSample`; the last few shards used stay in memory.
    """

    def __init__(self, root: str | Path, labelled: bool = False, only: int | None = None) -> None:
        """List the shards.

        Args:
            root: the folder.
            labelled: leave out shards without labels.
            only: number of the one shard to read; None for all.

        Raises:
            InvalidArgumentError: the folder holds no such shard.
        """
        pattern = "shard-*" if only is None else f"shard-{only:05d}"
        paths = sorted(Path(root).glob(f"{pattern}{_IMAGES}"))
        self.paths = [path for path in paths if not labelled or labels_path(path).exists()]
        if not self.paths:
            wanted = "labelled shards" if labelled else "shards"
            raise InvalidArgumentError("root", f"a folder with {wanted} ({pattern}{_IMAGES})", root)
        self._ends = np.cumsum([shard_length(path) for path in self.paths])
        self._shard = lru_cache(maxsize=4)(_read_shard)

    def __len__(self) -> int:
        """Number of faces."""
        return int(self._ends[-1])

    def __getitem__(self, number: int) -> FaceSample:
        """Return face ``number`` of this list (not of the seed); negative numbers count from the end."""
        position = number + len(self) if number < 0 else number
        if not 0 <= position < len(self):
            raise IndexError(number)
        shard = int(np.searchsorted(self._ends, position, side="right"))
        row = position - (int(self._ends[shard - 1]) if shard else 0)
        return _sample(self._shard(self.paths[shard]), row)

    def __iter__(self) -> Iterator[FaceSample]:
        """Go through all faces."""
        return (self[number] for number in range(len(self)))

    def stylecodes(self) -> torch.Tensor:
        """All stylecodes, (N, 512) float32."""
        return torch.cat([_read_one(path, "w") for path in self.paths])

    def psi(self) -> torch.Tensor:
        """All truncations, (N,) float32."""
        return torch.cat([_read_one(path, "psi") for path in self.paths])

    def indices(self) -> torch.Tensor:
        """All face numbers under the seed, (N,) int64."""
        return torch.cat([_read_one(path, "index") for path in self.paths])

    def labels(self) -> FaceLabels:
        """All labels; every shard must have them (open the set with ``labelled=True``)."""
        parts = [load_tensors(labels_path(path)) for path in self.paths]
        joined = {name: torch.cat([part[name] for part in parts]) for name in ("points", "score", "blendshapes")}
        return FaceLabels(**joined)


def images_path(root: str | Path, shard: int) -> Path:
    """Where the images of a shard are."""
    return Path(root) / f"shard-{shard:05d}{_IMAGES}"


def labels_path(images: Path) -> Path:
    """Where the labels that belong to a file of images are."""
    return images.with_name(images.name.removesuffix(_IMAGES) + _LABELS)


def shard_length(path: Path) -> int:
    """Number of faces in a file of images, read from its header."""
    with safe_open(str(path), framework="pt") as stream:
        return int(stream.get_slice("psi").get_shape()[0])


def read_images(path: Path) -> torch.Tensor:
    """Decode all images of a shard.

    Args:
        path: the file of images.

    Returns:
        (n, 3, 512, 512) uint8 sRGB.
    """
    tensors = load_tensors(path)
    images = [_sample(tensors, row).image() for row in range(len(tensors["psi"]))]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def draw_latent(seed: int, index: int) -> tuple[npt.NDArray[np.float32], np.float32]:
    """Draw face ``index`` of a seed.

    Args:
        seed: seed of the set.
        index: number of the face.

    Returns:
        (512,) float32 z and psi in [0.5, 1).
    """
    random = np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
    return random.standard_normal(512).astype(np.float32), np.float32(random.uniform(0.5, 1.0))


def write_images(
    root: str | Path,
    count: int,
    seed: int,
    engine: ImageEngine,
    progress: bool = True,
    shards: Sequence[int] | None = None,
) -> None:
    """Make the faces 0 ... ``count`` - 1 of a seed; shards that are there already are kept.

    Args:
        root: folder for the shards.
        count: number of faces.
        seed: seed of the set.
        engine: makes stylecodes and images.
        progress: show a progress bar on stderr.
        shards: which of the shards to make; None for all, so that several processes can share the work.

    Raises:
        InvalidArgumentError: the count is not positive, or the folder holds faces of another seed.
        OutputError: the folder cannot be written.
    """
    if count < 1:
        raise InvalidArgumentError("count", "1 or more", count)
    with tqdm(total=count, unit="face", disable=not progress) as bar:
        for shard in range(math.ceil(count / SHARD_SIZE)) if shards is None else shards:
            indices = range(shard * SHARD_SIZE, min(count, (shard + 1) * SHARD_SIZE))
            path = images_path(root, shard)
            if path.exists():
                _check_seed(path, seed)
            if not path.exists() or shard_length(path) < len(indices):
                save_tensors(path, _make_shard(indices, seed, engine), {"seed": seed})
            bar.update(len(indices))


def _make_shard(indices: range, seed: int, engine: ImageEngine) -> dict[str, torch.Tensor]:
    drawn = [draw_latent(seed, index) for index in indices]
    z = torch.from_numpy(np.stack([z for z, _ in drawn]))
    psi = torch.from_numpy(np.array([psi for _, psi in drawn], np.float32))
    mean = engine.mean_stylecode
    w = mean + psi[:, None] * (engine.mapping(z) - mean)
    files = [encode_jpeg(engine.synthesis(code[None])[0]) for code in w]
    return {
        "index": torch.tensor(list(indices)),
        "psi": psi,
        "w": w,
        "jpeg_bytes": torch.from_numpy(np.frombuffer(b"".join(files), np.uint8).copy()),
        "jpeg_offsets": torch.from_numpy(np.cumsum([0] + [len(file) for file in files]).astype(np.int64)),
    }


def encode_jpeg(image: torch.Tensor) -> bytes:
    """Clip an image, average it down to 512 x 512 and compress it.

    Args:
        image: (3, R, R) float, about [-1, 1], R a multiple of 512.

    Returns:
        A JPEG file.
    """
    unit = (image.clamp(-1, 1) + 1) / 2
    small = torch.nn.functional.avg_pool2d(unit[None], image.shape[-1] // IMAGE_SIZE)[0]
    pixels = (small * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


def _check_seed(path: Path, seed: int) -> None:
    """The first face tells whose shard it is: its psi is drawn with the seed."""
    index, psi = int(_read_one(path, "index")[0]), float(_read_one(path, "psi")[0])
    if psi != float(draw_latent(seed, index)[1]):
        raise InvalidArgumentError("seed", f"the seed of the faces already in {path.parent}", seed)


def _read_one(path: Path, name: str) -> torch.Tensor:
    with safe_open(str(path), framework="pt") as stream:
        return stream.get_tensor(name)


def _read_shard(path: Path) -> dict[str, torch.Tensor]:
    labels = labels_path(path)
    return load_tensors(path) | (load_tensors(labels) if labels.exists() else {})


def _sample(tensors: dict[str, torch.Tensor], row: int) -> FaceSample:
    start, end = tensors["jpeg_offsets"][row : row + 2].tolist()
    has_labels = "points" in tensors
    return FaceSample(
        index=int(tensors["index"][row]),
        psi=float(tensors["psi"][row]),
        w=tensors["w"][row],
        jpeg=tensors["jpeg_bytes"][start:end].numpy().tobytes(),
        points=tensors["points"][row] if has_labels else None,
        score=float(tensors["score"][row]) if has_labels else math.nan,
        blendshapes=tensors["blendshapes"][row] if has_labels else None,
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--count", type=int, required=True, help="number of faces")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--engine", choices=ENGINES, default="torch")
    parser.add_argument("--device", default="cpu", help="for the torch engine")
    parser.add_argument("--source", type=Path, help="folder of the wheel's networks, for the openvino engine")
    args = parser.parse_args()
    write_images(args.root, args.count, args.seed, make_engine(args.engine, torch.device(args.device), args.source))


if __name__ == "__main__":
    main()
