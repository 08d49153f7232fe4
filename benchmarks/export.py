"""Measure files and the time to write them.

    python benchmarks/export.py --repeats 5

Median wall seconds and bytes of one head (seed 7) in each format, after one call that is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from stylefaceuv import Face, StyleFaceUV

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "GLB level 0, 52 morphs (aim 2.5 MB, 0.6 s)": ("head.glb", {"level": 0}),
    "GLB level 0, no morphs (aim 0.25 s)": ("head.glb", {"level": 0, "morphs": False}),
    "GLB level 1, 52 morphs": ("head.glb", {"level": 1}),
    "GLB level 2, 52 morphs": ("head.glb", {"level": 2}),
    "OBJ level 0": ("head.obj", {"level": 0}),
    "PLY level 0": ("head.ply", {"level": 0}),
    "USD level 0, 52 blend shapes": ("head.usdc", {"level": 0}),
}


def measure(face: Face, name: str, options: dict[str, Any], repeats: int) -> tuple[float, int]:
    """Median seconds, and bytes of all files together."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats + 1):
            start = time.perf_counter()
            face.export(Path(folder) / name, **options)
            seconds.append(time.perf_counter() - start)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return statistics.median(seconds[1:]), size


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = StyleFaceUV.from_pretrained()
    face = model.generate(model.sample(1, seed=7)[0])
    sys.stdout.write("| file | MB | s |\n|---|---|---|\n")
    for label, (name, options) in CASES.items():
        seconds, size = measure(face, name, options, args.repeats)
        sys.stdout.write(f"| {label} | {size / 1e6:.2f} | {seconds:.3f} |\n")


if __name__ == "__main__":
    main()
