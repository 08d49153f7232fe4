"""Time the rasteriser on the head at the finest level, alternating frontal and turned views.

    python benchmarks/rasterizer.py --count 200

Prints median and best time of a call after warm-up (bar: 8 ms at level 2, 512 px) and its processor time, for
:func:`rasterize` as the renderer calls it and, with ``--torch``, for the plain torch back-end. On a shared machine
the best is the figure that other jobs disturb least.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize


def screens(level: int, size: int, yaws: tuple[float, ...]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the projected mean head at some yaws, each (1, V, 3), and its faces."""
    model = load_face_model()
    vertices, topology = model.refine(model.mean[None], level), model.topology(level)
    camera = Camera.portrait(size, size)
    views = [pose_vertices(vertices, torch.tensor([[yaw, 0.0, 0.0]]), torch.zeros(1, 3)) for yaw in yaws]
    return [camera.project(view) for view in views], topology.faces


def time_calls(
    backend: str, views: list[torch.Tensor], faces: torch.Tensor, size: int, count: int
) -> tuple[list[float], list[float]]:
    """Return the milliseconds and processor milliseconds of ``count`` calls, after one per view not counted."""
    times, work = [], []
    for index in range(count + len(views)):
        screen = views[index % len(views)]
        start, busy = time.perf_counter(), time.process_time()
        rasterize(screen, faces, size, size, backend)
        times.append(1e3 * (time.perf_counter() - start))
        work.append(1e3 * (time.process_time() - busy))
    return times[len(views) :], work[len(views) :]


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", type=int, default=2)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--torch", action="store_true", help="time the torch back-end too")
    options = parser.parse_args()
    views, faces = screens(options.level, options.size, (0.0, 35.0, -60.0))
    print(f"level {options.level}, {len(faces)} triangles, {options.size} px, {torch.get_num_threads()} threads")
    for backend in ("numba", "torch") if options.torch else ("numba",):
        count = options.count if backend == "numba" else min(options.count, 10)
        times, work = time_calls(backend, views, faces, options.size, count)
        print(
            f"{backend:8s} median {statistics.median(times):.2f} ms, best {min(times):.2f} ms of {count} calls; "
            f"processor median {statistics.median(work):.2f} ms"
        )


if __name__ == "__main__":
    main()
