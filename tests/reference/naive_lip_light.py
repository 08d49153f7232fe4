"""Light between two lips, one point at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Point = npt.NDArray[np.float64]


def seen_between_lips(
    points: Point,
    rims: Point,
    soft: float,
    before: tuple[float, float],
    behind: tuple[float, float],
    teeth: tuple[float, float, float],
) -> Point:
    """(T,) share of light at (T, 3) points behind (2, K, 3) rims."""
    return np.array([_at(point, rims, soft, before, behind, teeth) for point in points])


def _at(
    point: Point,
    rims: Point,
    soft: float,
    before: tuple[float, float],
    behind: tuple[float, float],
    teeth: tuple[float, float, float],
) -> float:
    (upper_y, upper_z), (lower_y, lower_z) = (
        [np.interp(point[0], *(np.array(sorted(rim.tolist()))[:, [0, axis]].T)) for axis in (1, 2)] for rim in rims
    )
    depth = (upper_z + lower_z) / 2 - point[2]
    taken = [_step(depth, behind) * width for width in teeth]
    corners = sorted(np.concatenate(list(rims)).tolist())
    edges = [
        (upper_y - taken[0] - point[1], upper_z - point[2]),
        (point[1] - taken[1] - lower_y, lower_z - point[2]),
        (point[0] - taken[2] - corners[0][0], corners[0][2] - point[2]),
        (corners[-1][0] - taken[2] - point[0], corners[-1][2] - point[2]),
    ]
    sines = []
    for beside, ahead in edges:
        hidden = 1 - math.sin(math.atan2(beside + soft, max(ahead, 0.0)))
        sines.append(1 - hidden * (1 - _step(-ahead, before)))
    return max((sines[0] + sines[1]) / 2, 0.0) * max((sines[2] + sines[3]) / 2, 0.0)


def _step(value: float, ends: tuple[float, float]) -> float:
    share = min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)
    return (3 - 2 * share) * share * share
