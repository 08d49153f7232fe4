"""A rasteriser by the definition, in whole numbers of any length: every pixel centre against every triangle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SUBPIXEL = 4096
FINE = 2**40
"""Points are scaled by its square: a step of FINE is nothing against a sub-pixel, and 1 nothing against FINE."""

Point = tuple[int, int]


def rasterize(
    screen: npt.NDArray[np.floating], faces: npt.NDArray[np.int64], height: int, width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the nearest triangle of each pixel (-1 for none) and its inverse depth (0 for none).

    A centre on an edge belongs to the triangle into which it falls when it moves a bit to the right and, by far less,
    down: that is the top-left rule.

    Args:
        screen: (V, 3) x px, y px, depth.
        faces: (F, 3).
        height: pixels.
        width: pixels.
    """
    nearest = np.full((height, width), -1)
    inverse = np.zeros((height, width))
    points = [tuple(round(float(part) * SUBPIXEL) * FINE**2 for part in vertex[:2]) for vertex in screen]
    for row in range(height):
        for column in range(width):
            centre = tuple((2 * part + 1) * (SUBPIXEL // 2) * FINE**2 for part in (column, row))
            moved = (centre[0] + FINE, centre[1] + 1)
            for face, corners in enumerate(faces):
                depths = [float(screen[corner, 2]) for corner in corners]
                triangle = [points[corner] for corner in corners]
                if min(depths) <= 0 or not inside(moved, triangle):
                    continue
                shares = areas(centre, triangle)
                value = sum(share / sum(shares) / depth for share, depth in zip(shares, depths, strict=True))
                if value > inverse[row, column]:
                    nearest[row, column], inverse[row, column] = face, value
    return nearest, inverse


def areas(point: Point, triangle: list[Point]) -> list[int]:
    """Return the signed areas, doubled, of the triangles between a point and the sides opposite each corner."""
    result = []
    for corner in range(3):
        (ax, ay), (bx, by) = triangle[(corner + 1) % 3], triangle[(corner + 2) % 3]
        result.append((ax - point[0]) * (by - point[1]) - (ay - point[1]) * (bx - point[0]))
    return result


def inside(point: Point, triangle: list[Point]) -> bool:
    """Whether a point is strictly inside a triangle of either orientation."""
    parts = areas(point, triangle)
    return all(part > 0 for part in parts) or all(part < 0 for part in parts)
