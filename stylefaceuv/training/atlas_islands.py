"""Places eyes, teeth, tongue and mouth in the strip below the skin's chart, each half on its own side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stylefaceuv.types import PART_NAMES

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SLOTS: dict[str, tuple[float, float, float, float]] = {
    "eye_left": (0.904, 0.908, 0.990, 0.994),
    "mouth": (0.800, 0.908, 0.886, 0.994),
    "tongue": (0.716, 0.908, 0.782, 0.994),
    "teeth_upper": (0.507, 0.908, 0.602, 0.994),
    "teeth_lower": (0.612, 0.908, 0.707, 0.994),
}
"""Slot (u0, v0, u1, v1) of each part's half on the person's left; the other half is its mirror image."""

_EYE_EXPONENT = 0.62


def place_islands(
    corner_uv: FloatArray,
    vertices: FloatArray,
    quads: IntArray,
    quad_part: npt.NDArray[np.uint8],
    makehuman_corner_uv: FloatArray,
    mirror_index: IntArray,
    parts: Sequence[str] = tuple(SLOTS),
) -> None:
    """Fill the corners of parts, by default of all but the skin.

    Args:
        corner_uv: (Q, 4, 2) float, written in place.
        vertices: (V0, 3) float, mean head.
        quads: (Q, 4) int64.
        quad_part: (Q,) uint8.
        makehuman_corner_uv: (Q, 4, 2) float.
        mirror_index: (V0,) int64.
        parts: keys of :data:`SLOTS`.
    """
    partner = mirrored_corners(quads, mirror_index)
    centre = vertices[quads].mean(axis=1)
    for name in parts:
        slot = SLOTS[name]
        rows = np.flatnonzero((quad_part == PART_NAMES.index(name)) & (centre[:, 0] > 0))
        chart = eye_chart(vertices[quads[rows]]) if name == "eye_left" else makehuman_corner_uv[rows]
        corner_uv[rows] = fit_into(chart, slot)
        other, order = partner[rows]
        mirrored = corner_uv[rows] * np.array([-1.0, 1.0]) + np.array([1.0, 0.0])
        corner_uv[other[:, None], order] = mirrored


class _MirroredCorners:
    def __init__(self, quad: IntArray, corner: IntArray) -> None:
        self.quad, self.corner = quad, corner

    def __getitem__(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        return self.quad[rows], self.corner[rows]


def mirrored_corners(quads: IntArray, mirror_index: IntArray) -> _MirroredCorners:
    """Find, for each quad, the mirrored quad, and for each of its corners the corner there."""
    index = {tuple(sorted(row)): number for number, row in enumerate(quads.tolist())}
    mirrored = mirror_index[quads]
    quad = np.array([index[tuple(sorted(row))] for row in mirrored.tolist()], np.int64)
    corner = np.argmax(quads[quad][:, None, :] == mirrored[:, :, None], axis=2)
    return _MirroredCorners(quad, corner)


def eye_chart(corners: FloatArray) -> FloatArray:
    """Unroll an eyeball around its optical axis: the pupil in the middle, the back around the rim.

    Args:
        corners: (E, 4, 3) float, quad corners of one eyeball.

    Returns:
        (E, 4, 2) float chart in the unit square's disk, v down. Quads around the back pole, which an unrolled ball
        cannot hold, are seen from behind in a corner that the disk leaves free.
    """
    low, high = corners.reshape(-1, 3).min(axis=0), corners.reshape(-1, 3).max(axis=0)
    direction = corners - (low + high) / 2
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    angle = np.arccos(np.clip(direction[..., 2], -1, 1))
    azimuth = np.arctan2(direction[..., 1], direction[..., 0])
    radius = (angle / np.pi) ** _EYE_EXPONENT
    chart = np.stack([radius * np.cos(azimuth), -radius * np.sin(azimuth)], axis=-1)
    edges = np.roll(chart, -1, axis=1) - chart
    turn = np.roll(edges, 1, axis=1)[..., 0] * edges[..., 1] - np.roll(edges, 1, axis=1)[..., 1] * edges[..., 0]
    front = angle.max(axis=1) < np.pi / 2
    winding = np.sign(np.median(turn[front]))
    behind = (turn * winding <= 0).any(axis=1)
    from_behind = np.stack([-direction[..., 0], -direction[..., 1]], axis=-1)
    reach = np.abs(from_behind[behind]).max() if behind.any() else 1.0
    chart[behind] = np.array([-0.88, -0.88]) + 0.1 * from_behind[behind] / reach
    return chart


def fit_into(chart: FloatArray, slot: tuple[float, float, float, float]) -> FloatArray:
    """Turn a chart's long side along the slot's, scale it to fit, and centre it."""
    flat = chart.reshape(-1, 2)
    low, high = flat.min(axis=0), flat.max(axis=0)
    size, room = high - low, np.array([slot[2] - slot[0], slot[3] - slot[1]])
    result = chart - (low + high) / 2
    if (size[0] > size[1]) != (room[0] > room[1]) and abs(np.log(size[0] / size[1])) > 0.15:
        result, size = result[..., ::-1] * np.array([1.0, -1.0]), size[::-1]
    return result * np.min(room / size) + np.array([slot[0] + slot[2], slot[1] + slot[3]]) / 2
