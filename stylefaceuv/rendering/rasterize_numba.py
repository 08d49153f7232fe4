"""Rasterisation on the CPU: compiled bands of rows in a thread pool."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

from stylefaceuv.rendering.thread_pool import run_parallel, thread_count

SUBPIXEL = 4096
_HALF = SUBPIXEL // 2
_ROWS_PER_BAND = 16


def rasterize_numba(
    vertices: torch.Tensor, faces: torch.Tensor, height: int, width: int, top: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rasterise as :func:`stylefaceuv.rendering.rasterizer.rasterize` says; arguments are checked there.

    Args:
        vertices: (N, V, 3) float.
        faces: (F, 3) int64.
        height: pixels.
        width: pixels.
        top: row of the first pixels.

    Returns:
        (N, H, W) int64 and (N, H, W) float32.
    """
    batch, count = vertices.shape[:2]
    points = vertices.detach().cpu().contiguous().numpy()
    triangles = faces.cpu().contiguous().numpy()
    pix_to_face = np.empty((batch, height, width), np.int64)
    inverse_depth = np.empty((batch, height, width), np.float32)
    bands = max(min(thread_count(), height // _ROWS_PER_BAND), 1)
    limits = [height * band // bands for band in range(bands + 1)]
    jobs = []
    for item in range(batch):
        fixed, inverse = np.empty((count, 2), np.int64), np.empty(count, np.float64)
        _snap(points[item], fixed, inverse)
        fixed[:, 1] -= top * SUBPIXEL
        for first, stop in itertools.pairwise(limits):
            jobs.append((fixed, inverse, triangles, first, stop, pix_to_face[item], inverse_depth[item]))
    run_parallel(_fill_band, jobs)
    return torch.from_numpy(pix_to_face).to(vertices.device), torch.from_numpy(inverse_depth).to(vertices.device)


@njit(nogil=True, cache=True, error_model="numpy")
def _snap(points: npt.NDArray[np.floating], fixed: npt.NDArray[np.int64], inverse: npt.NDArray[np.float64]) -> None:
    """Round to sub-pixels; the inverse depth of what is behind the camera is -1."""
    for row in range(points.shape[0]):
        fixed[row, 0] = np.int64(np.rint(np.float64(points[row, 0]) * SUBPIXEL))
        fixed[row, 1] = np.int64(np.rint(np.float64(points[row, 1]) * SUBPIXEL))
        depth = np.float64(points[row, 2])
        inverse[row] = 1.0 / depth if depth > 0.0 else -1.0


@njit(nogil=True, cache=True, error_model="numpy")
def _fill_band(
    fixed: npt.NDArray[np.int64],
    inverse: npt.NDArray[np.float64],
    faces: npt.NDArray[np.int64],
    top: int,
    bottom: int,
    pix_to_face: npt.NDArray[np.int64],
    inverse_depth: npt.NDArray[np.float32],
) -> None:
    width = pix_to_face.shape[1]
    pix_to_face[top:bottom] = -1
    nearest = np.zeros((bottom - top, width), np.float64)
    upper, lower = top * SUBPIXEL + _HALF, (bottom - 1) * SUBPIXEL + _HALF  # the band's first and last centres
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ay, by, cy = fixed[a, 1], fixed[b, 1], fixed[c, 1]
        low, high = min(ay, by, cy), max(ay, by, cy)
        if high < upper or low > lower:
            continue
        # First and last row whose centre lies inside the bounding box (ceil and floor of whole numbers).
        first_row = max(-((_HALF - low) >> 12), top)
        last_row = min((high - _HALF) >> 12, bottom - 1)
        if first_row > last_row:
            continue
        ax, bx, cx = fixed[a, 0], fixed[b, 0], fixed[c, 0]
        first_column = max(-((_HALF - min(ax, bx, cx)) >> 12), 0)
        last_column = min((max(ax, bx, cx) - _HALF) >> 12, width - 1)
        if first_column > last_column:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        ia, ib, ic = inverse[a], inverse[b], inverse[c]
        if area == 0 or ia <= 0.0 or ib <= 0.0 or ic <= 0.0:
            continue
        if area < 0:
            area = -area
            bx, by, cx, cy = cx, cy, bx, by
            ib, ic = ic, ib
        total = np.float64(area)
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
        for row in range(first_row, last_row + 1):
            edge_a, edge_b, edge_c = row_a, row_b, row_c
            for column in range(first_column, last_column + 1):
                if ((edge_a + bias_a) | (edge_b + bias_b) | (edge_c + bias_c)) >= 0:
                    value = (edge_a * ia + edge_b * ib + edge_c * ic) / total
                    if value > nearest[row - top, column]:
                        nearest[row - top, column] = value
                        pix_to_face[row, column] = face
                edge_a += step_ax
                edge_b += step_bx
                edge_c += step_cx
            row_a += step_ay
            row_b += step_by
            row_c += step_cy
    for row in range(top, bottom):
        for column in range(width):
            inverse_depth[row, column] = np.float32(nearest[row - top, column])
