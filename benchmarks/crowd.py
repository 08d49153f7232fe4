"""Seconds a head in a crowd, GLB included, for one worker and for several.

    python benchmarks/crowd.py --count 8 --workers 1 2

Each number of workers makes the same heads, in turn and twice after a first head that is not counted; the smaller of
both figures is printed, and CPU seconds with it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from stylefaceuv import StyleFaceUV
from stylefaceuv.allocator import keep_freed_memory
from stylefaceuv.crowd import CrowdOptions, CrowdRange, generate_crowd

ROUNDS = 2


def seconds(model: StyleFaceUV, options: CrowdOptions, heads: CrowdRange) -> tuple[float, float]:
    """Wall and CPU seconds a head."""
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = time.perf_counter(), time.process_time()
        generate_crowd(model, Path(folder), options, heads)
        return (time.perf_counter() - wall) / heads.count, (time.process_time() - processor) / heads.count


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--detail", default="lifted", choices=("lifted", "two-views", "generator"))
    parser.add_argument("--hair", default="clean", choices=("clean", "keep"))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    keep_freed_memory()  # as the command line does
    model = StyleFaceUV.from_pretrained(hair=args.hair)
    options = CrowdOptions(args.seed, detail=args.detail, hair=args.hair)
    seconds(model, options, CrowdRange(1, sheet_rows=0))
    measured: dict[int, list[tuple[float, float]]] = {workers: [] for workers in args.workers}
    for _ in range(ROUNDS):
        for workers, figures in measured.items():
            heads = CrowdRange(args.count, batch=max(4, workers), sheet_rows=0, workers=workers)
            figures.append(seconds(model, options, heads))
    for workers, figures in measured.items():
        wall, processor = min(figures)
        row = {"workers": workers, "seconds_a_head": round(wall, 2), "cpu_seconds_a_head": round(processor, 2)}
        print(json.dumps(row))


if __name__ == "__main__":
    main()
