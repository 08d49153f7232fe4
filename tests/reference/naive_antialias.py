"""Edge anti-aliasing, one pair of neighbouring pixel centres at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Edge = tuple[Floats, Floats, Floats]
"""Its two ends and the third vertex of one of its faces: x, y, depth."""


def antialias(picture: Floats, inverse_depth: Floats, screen: Floats, faces: npt.NDArray[np.int64]) -> Floats:
    """Return the picture (C, H, W) blended across the silhouettes of a mesh without seams.

    Args:
        picture: (C, H, W), sampled at pixel centres.
        inverse_depth: (H, W), 0 on the background.
        screen: (V, 3), x px, y px, depth.
        faces: (F, 3).
    """
    blended = picture.copy()
    outline = silhouettes(screen, faces)
    _, height, width = picture.shape
    for row in range(height):
        for column in range(width):
            for axis, other in ((0, (row, column + 1)), (1, (row + 1, column))):
                if other[0] < height and other[1] < width:
                    _blend(blended, picture, inverse_depth, outline, axis, (row, column), other)
    return blended


def silhouettes(screen: Floats, faces: npt.NDArray[np.int64]) -> list[Edge]:
    """Edges with one face, or with both faces on the same side."""
    beside: dict[tuple[int, int], list[int]] = {}
    for a, b, c in faces.tolist():
        for start, end, third in ((a, b, c), (b, c, a), (c, a, b)):
            beside.setdefault((min(start, end), max(start, end)), []).append(third)
    found = []
    for (start, end), thirds in beside.items():
        sides = [_side(screen[start], screen[end], screen[third]) for third in thirds]
        if len(thirds) == 1 or sides[0] * sides[1] > 0:
            found.append((screen[start], screen[end], screen[thirds[0]]))
    return found


def _side(start: Floats, end: Floats, point: Floats) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _blend(
    blended: Floats,
    picture: Floats,
    inverse_depth: Floats,
    outline: list[Edge],
    axis: int,
    first: tuple[int, int],
    second: tuple[int, int],
) -> None:
    """Blend two neighbours, if silhouettes pass between their centres, by the nearest of those."""
    centres = [np.array([pixel[1] + 0.5, pixel[0] + 0.5]) for pixel in (first, second)]
    nearest = None
    for start, end, third in outline:
        along, across = abs(end[axis] - start[axis]), abs(end[1 - axis] - start[1 - axis])
        steep = across >= along if axis == 0 else across > along
        low, high = sorted((start[1 - axis], end[1 - axis]))
        line = centres[0][1 - axis]
        if not steep or not low <= line < high:
            continue
        share = (line - start[1 - axis]) / (end[1 - axis] - start[1 - axis])
        place = start[axis] + share * (end[axis] - start[axis])
        if not centres[0][axis] <= place < centres[1][axis]:
            continue
        depth = (1 - share) / start[2] + share / end[2]
        inner_first = _side(start, end, centres[0]) * _side(start, end, third) > 0
        near, far = (first, second) if inner_first else (second, first)
        far_depth, near_depth = inverse_depth[far], inverse_depth[near]
        if depth <= far_depth * (1 + 1e-6) or near_depth - far_depth <= 0.5 * (depth - far_depth):
            continue
        distance = place - centres[0][axis] if inner_first else centres[1][axis] - place
        if nearest is None or depth > nearest[0]:
            nearest = (depth, near, far, distance)
    if nearest is None:
        return
    _, near, far, distance = nearest
    step = picture[:, far[0], far[1]] - picture[:, near[0], near[1]]
    if distance > 0.5:  # the near surface reaches into the far pixel
        blended[:, far[0], far[1]] -= (distance - 0.5) * step
    else:
        blended[:, near[0], near[1]] += (0.5 - distance) * step
