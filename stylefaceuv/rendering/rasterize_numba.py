"""Rasterisation on the CPU: compiled bands of rows in a thread pool."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

SUBPIXEL = 4096
_HALF = SUBPIXEL // 2
_pool: tuple[int, ThreadPoolExecutor] | None = None


def _workers() -> ThreadPoolExecutor:
    """The pool of this process: threads do not survive a fork, so a child makes its own."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        _pool = (os.getpid(), ThreadPoolExecutor(max(os.cpu_count() or 1, 1), thread_name_prefix="rasterize"))
    return _pool[1]


def rasterize_numba(
    vertices: torch.Tensor, faces: torch.Tensor, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rasterise as :func:`stylefaceuv.rendering.rasterizer.rasterize` says; arguments are checked there.

    Args:
        vertices: (N, V, 3) float.
        faces: (F, 3) int64.
        height: pixels.
        width: pixels.

    Returns:
        (N, H, W) int64 and (N, H, W) float32.
    """
    batch = len(vertices)
    points = vertices.detach().cpu().to(torch.float64).numpy()
    triangles = np.ascontiguousarray(faces.cpu().numpy())
    pix_to_face = np.full((batch, height, width), -1, np.int64)
    inverse_depth = np.zeros((batch, height, width), np.float64)
    bands = max(min(os.cpu_count() or 1, height // 16), 1)
    limits = np.linspace(0, height, bands + 1).astype(np.int64)
    jobs = []
    for item in range(batch):
        fixed = np.rint(points[item, :, :2] * SUBPIXEL).astype(np.int64)
        depth = points[item, :, 2]
        inverse = np.where(depth > 0, 1.0 / np.where(depth > 0, depth, 1.0), -1.0)
        for top, bottom in itertools.pairwise(limits):
            jobs.append((fixed, inverse, triangles, top, bottom, pix_to_face[item], inverse_depth[item]))
    _run(jobs)
    device = vertices.device
    depth_map = torch.from_numpy(inverse_depth.astype(np.float32)).to(device)
    return torch.from_numpy(pix_to_face).to(device), depth_map


def _run(jobs: list[tuple[Any, ...]]) -> None:
    if len(jobs) == 1:
        _fill_band(*jobs[0])
        return
    for done in [_workers().submit(_fill_band, *job) for job in jobs]:
        done.result()


@njit(nogil=True, cache=True)
def _fill_band(
    fixed: npt.NDArray[np.int64],
    inverse: npt.NDArray[np.float64],
    faces: npt.NDArray[np.int64],
    top: int,
    bottom: int,
    pix_to_face: npt.NDArray[np.int64],
    inverse_depth: npt.NDArray[np.float64],
) -> None:
    width = pix_to_face.shape[1]
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ay, by, cy = fixed[a, 1], fixed[b, 1], fixed[c, 1]
        low, high = min(ay, by, cy), max(ay, by, cy)
        # First and last row whose centre lies inside the bounding box (ceil and floor of whole numbers).
        first_row = max(-((_HALF - low) // SUBPIXEL), top)
        last_row = min((high - _HALF) // SUBPIXEL, bottom - 1)
        if first_row > last_row:
            continue
        ax, bx, cx = fixed[a, 0], fixed[b, 0], fixed[c, 0]
        first_column = max(-((_HALF - min(ax, bx, cx)) // SUBPIXEL), 0)
        last_column = min((max(ax, bx, cx) - _HALF) // SUBPIXEL, width - 1)
        if first_column > last_column:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        ia, ib, ic = inverse[a], inverse[b], inverse[c]
        if ia <= 0.0 or ib <= 0.0 or ic <= 0.0:
            continue
        if area < 0:
            area = -area
            bx, by, cx, cy = cx, cy, bx, by
            ib, ic = ic, ib
        bias_a = 0 if (cy < by or (cy == by and cx > bx)) else -1
        bias_b = 0 if (ay < cy or (ay == cy and ax > cx)) else -1
        bias_c = 0 if (by < ay or (by == ay and bx > ax)) else -1
        px = first_column * SUBPIXEL + _HALF
        py = first_row * SUBPIXEL + _HALF
        row_a = (cx - bx) * (py - by) - (cy - by) * (px - bx)
        row_b = (ax - cx) * (py - cy) - (ay - cy) * (px - cx)
        row_c = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
        step_ax, step_ay = -(cy - by) * SUBPIXEL, (cx - bx) * SUBPIXEL
        step_bx, step_by = -(ay - cy) * SUBPIXEL, (ax - cx) * SUBPIXEL
        step_cx, step_cy = -(by - ay) * SUBPIXEL, (bx - ax) * SUBPIXEL
        total = float(area)
        for row in range(first_row, last_row + 1):
            edge_a, edge_b, edge_c = row_a, row_b, row_c
            for column in range(first_column, last_column + 1):
                if edge_a + bias_a >= 0 and edge_b + bias_b >= 0 and edge_c + bias_c >= 0:
                    value = (edge_a * ia + edge_b * ib + edge_c * ic) / total
                    if value > inverse_depth[row, column]:
                        inverse_depth[row, column] = value
                        pix_to_face[row, column] = face
                edge_a += step_ax
                edge_b += step_bx
                edge_c += step_cx
            row_a += step_ay
            row_b += step_by
            row_c += step_cy
