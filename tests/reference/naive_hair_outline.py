"""Walks each ray a pixel at a time, with numpy, from the middle of a head to the ends of skull and hair."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]


def bilinear(picture: Picture, x: float, y: float) -> float:
    """Value at a position in pixels, whose centres lie at halves; the border goes on outside."""
    size = picture.shape[0]
    column, row = min(max(x - 0.5, 0.0), size - 1.0), min(max(y - 0.5, 0.0), size - 1.0)
    left, top = min(int(column), size - 2), min(int(row), size - 2)
    right, down = column - left, row - top
    above = (1 - right) * picture[top, left] + right * picture[top, left + 1]
    below = (1 - right) * picture[top + 1, left] + right * picture[top + 1, left + 1]
    return float((1 - down) * above + down * below)


def naive_ends(
    person: Picture, head: Picture, origin: tuple[float, float], angle: float, reach: int
) -> tuple[int, int, int]:
    """Pixels along one ray at which skull, hair and picture end."""
    size = person.shape[0]
    skull = hair = edge = reach
    for radius in range(reach):
        x, y = origin[0] + radius * math.cos(angle), origin[1] - radius * math.sin(angle)
        outside = not (0 < x < size and 0 < y < size)
        if edge == reach and outside:
            edge = radius
        if skull == reach and (outside or bilinear(head, x, y) <= 0.5):
            skull = radius
    for radius in range(reach):
        x, y = origin[0] + radius * math.cos(angle), origin[1] - radius * math.sin(angle)
        outside = not (0 < x < size and 0 < y < size)
        if radius > 0.5 * skull and (outside or bilinear(person, x, y) <= 0.5):
            hair = radius
            break
    return skull, hair, edge
