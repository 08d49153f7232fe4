"""Whole shards of the data set, from stylecodes to texture targets: images, labels, fits and both views lifted.

    python -m stylefaceuv.training shards --root DIR --count 4096 --device cuda --worker 0 --workers 16

The networks run on the device, lifting on one CPU core, so a machine with a GPU is used well by as many workers as it
has cores, each a process of its own. Files that are there are kept: a stopped worker goes on, and shards made by the
single stages (``dataset``, ``labels``, ``fitting``, ``targets``) count.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import load_components, resolve_device
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.training.dataset import SHARD_SIZE, images_path, labels_path, write_images
from stylefaceuv.training.dataset_labels import label_shard
from stylefaceuv.training.fitting import DatasetFitter, fit_shard
from stylefaceuv.training.image_engines import make_engine
from stylefaceuv.training.uv_targets import TargetMaker, write_targets


class ShardMaker:
    """Makes shards one after the other.

    Args:
        root: folder of the data set.
        seed: of the set.
        device: of the networks.
        bundle: folder of a bundle; None for the embedded one.
    """

    def __init__(self, root: Path, seed: int, device: torch.device, bundle: str | None = None) -> None:
        opened = Bundle.open(bundle)
        parts = load_components(opened, torch.device("cpu"))
        networks = parts if device.type == "cpu" else load_components(opened, device)
        self.root, self.seed = root, seed
        self.engine = make_engine("torch", device)
        self.landmarker = networks.landmarker
        self.fitter = DatasetFitter(parts.face_model)
        self.targets = TargetMaker(parts, networks=networks)

    def make(self, shard: int) -> None:
        """Make one shard's four files.

        Args:
            shard: its number.
        """
        count = (shard + 1) * SHARD_SIZE
        write_images(self.root, count, self.seed, self.engine, progress=False, shards=[shard])
        images = images_path(self.root, shard)
        label_shard(self.landmarker, images)
        fit_shard(labels_path(images), self.fitter)
        write_targets(self.root, count, self.targets, first=shard)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder")
    parser.add_argument("--count", type=int, required=True, help=f"faces, a multiple of {SHARD_SIZE}")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--device", default="cpu", help="of the networks")
    parser.add_argument("--worker", type=int, default=0, help="number of this process, from 0")
    parser.add_argument("--workers", type=int, default=1, help="how many processes share the work")
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    if not 0 <= args.worker < args.workers:
        raise InvalidArgumentError("worker", f"a number below {args.workers}", args.worker)
    torch.set_num_threads(args.threads)
    args.root.mkdir(parents=True, exist_ok=True)
    maker = ShardMaker(args.root, args.seed, resolve_device(args.device), args.bundle)
    for shard in range(args.worker, args.count // SHARD_SIZE, args.workers):
        maker.make(shard)


if __name__ == "__main__":
    main()
