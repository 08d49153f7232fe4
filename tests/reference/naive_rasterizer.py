"""A rasteriser by the definition: every pixel centre against every triangle, in double precision."""

from __future__ import annotations

import numpy as np


def rasterize(screen: np.ndarray, faces: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest triangle of each pixel (-1 for none) and its inverse depth (0 for none).

    Args:
        screen: (V, 3) x px, y px, depth.
        faces: (F, 3).
        height: pixels.
        width: pixels.
    """
    nearest = np.full((height, width), -1)
    inverse = np.zeros((height, width))
    for f, (i, j, k) in enumerate(faces):
        a, b, c = screen[i].astype(float), screen[j].astype(float), screen[k].astype(float)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        for row in range(height):
            for column in range(width):
                x, y = column + 0.5, row + 0.5
                wa = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                wb = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                wc = 1 - wa - wb
                if min(wa, wb, wc) < 0:
                    continue
                depth = wa / a[2] + wb / b[2] + wc / c[2]
                if depth > inverse[row, column]:
                    nearest[row, column], inverse[row, column] = f, depth
    return nearest, inverse
