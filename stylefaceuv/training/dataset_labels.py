"""Label the training set: landmarks and blendshape scores of every shard of images; can be resumed.

``shard-NNNNN.labels.safetensors`` holds ``points`` (n, 478, 3) float32 in pixels at 1024 x 1024, ``score`` (n,) and
``blendshapes`` (n, 52) float32, for the same rows as ``shard-NNNNN.images.safetensors``.

    python -m stylefaceuv.training.dataset_labels --root DIR [--watch --count 10240]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from safetensors import safe_open
from tqdm import tqdm

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.landmarker import Landmarker, load_landmarker
from stylefaceuv.training.dataset import LABEL_SIZE, FaceLabels, labels_path, read_images, shard_length
from stylefaceuv.training.image_engines import embedded_weights
from stylefaceuv.weights_file import save_tensors

_REFINEMENTS = 3
_CHUNK = 8
_POLL_SECONDS = 5.0


def label_images(landmarker: Landmarker, images: torch.Tensor) -> FaceLabels:
    """Label images aligned as in FFHQ.

    Args:
        landmarker: finds the points.
        images: (N, 3, S, S) uint8 sRGB.

    Returns:
        Labels on the CPU, points scaled to 1024 x 1024.
    """
    scale = LABEL_SIZE / images.shape[-1]
    parts = [landmarker.detect(chunk / 255, refinements=_REFINEMENTS) for chunk in images.split(_CHUNK)]
    return FaceLabels(
        torch.cat([part.points for part in parts]).cpu() * scale,
        torch.cat([part.score for part in parts]).cpu(),
        torch.cat([part.blendshapes for part in parts]).cpu(),
    )


def label_shard(landmarker: Landmarker, path: Path) -> int:
    """Label one file of images unless that is done already.

    Args:
        landmarker: finds the points.
        path: the file of images.

    Returns:
        Number of faces in it.

    Raises:
        WeightsError: the file cannot be read.
        OutputError: the folder cannot be written.
    """
    target = labels_path(path)
    count = shard_length(path)
    if target.exists() and labels_length(target) == count:
        return count
    labels = label_images(landmarker, read_images(path))
    tensors = {"points": labels.points, "score": labels.score, "blendshapes": labels.blendshapes}
    save_tensors(target, tensors, {"blendshape_names": list(BLENDSHAPE_NAMES), "image_size": LABEL_SIZE})
    return count


def labels_length(path: Path) -> int:
    """Number of faces in a file of labels."""
    with safe_open(str(path), framework="pt") as stream:
        return int(stream.get_slice("score").get_shape()[0])


def label_all(root: Path, landmarker: Landmarker, count: int | None, watch: bool, progress: bool = True) -> int:
    """Label every shard of a folder.

    Args:
        root: the folder.
        landmarker: finds the points.
        count: stop when so many faces are labelled; ``None`` for all that are there.
        watch: wait for shards that are still to come, until ``count`` is reached.
        progress: show a progress bar on stderr.

    Returns:
        Number of labelled faces.

    Raises:
        InvalidArgumentError: ``watch`` without ``count``.
    """
    if watch and count is None:
        raise InvalidArgumentError("count", "a number of faces to wait for", count)
    done: dict[Path, int] = {}
    with tqdm(total=count, unit="face", disable=not progress) as bar:
        while count is None or sum(done.values()) < count:
            waiting = [path for path in sorted(root.glob("shard-*.images.safetensors")) if path not in done]
            if not waiting and not watch:
                break
            if not waiting:
                time.sleep(_POLL_SECONDS)
                continue
            done[waiting[0]] = label_shard(landmarker, waiting[0])
            bar.update(done[waiting[0]])
    return sum(done.values())


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the training set")
    parser.add_argument("--count", type=int, help="stop at so many faces")
    parser.add_argument("--watch", action="store_true", help="wait for shards that are still to come")
    parser.add_argument("--threads", type=int, help="CPU threads; torch's own choice without it")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    landmarker = load_landmarker(embedded_weights("landmarker")).to(args.device)
    label_all(args.root, landmarker, args.count, args.watch)


if __name__ == "__main__":
    main()
