"""The shade of two lids on a ball, one point at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt


def light_under_lids(
    ball: npt.NDArray[np.float64],
    rims: npt.NDArray[np.float64],
    depths: tuple[float, float],
    reaches: tuple[float, float],
    front: float,
) -> npt.NDArray[np.float64]:
    """(E,) share of light at (E, 3) points between (2, K, 3) rims."""
    radius = float(np.median([np.linalg.norm(point) for point in ball]))
    on_ball = [[knot / np.linalg.norm(knot) * radius for knot in rim] for rim in rims]
    return np.array([_at(point, on_ball, depths, reaches, front) for point in ball])


def _at(
    point: npt.NDArray[np.float64],
    rims: list[list[npt.NDArray[np.float64]]],
    depths: tuple[float, float],
    reaches: tuple[float, float],
    front: float,
) -> float:
    upper, lower = (_height(point[0], rim) for rim in rims)
    inside = lower < point[1] < upper and point[2] > front * np.linalg.norm(point)
    share = 1.0
    for rim, depth, reach in zip(rims, depths, reaches, strict=True):
        distance = min(_to_segment(point, a, b) for a, b in itertools.pairwise(rim)) if inside else 0.0
        share *= 1 - depth * math.exp(-distance / reach)
    return share


def _height(x: float, rim: list[npt.NDArray[np.float64]]) -> float:
    """Of a rim above x; NaN beyond its ends, so that nothing lies between there."""
    for a, b in itertools.pairwise(rim):
        if min(a[0], b[0]) <= x <= max(a[0], b[0]):
            return float(a[1] + (x - a[0]) / (b[0] - a[0]) * (b[1] - a[1]))
    return math.nan


def _to_segment(p: npt.NDArray[np.float64], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    t = min(max(float(np.dot(p - a, b - a) / np.dot(b - a, b - a)), 0.0), 1.0)
    return float(np.linalg.norm(p - a - t * (b - a)))
