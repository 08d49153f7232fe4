"""Light, normals, interpolation and texture lookup, one number at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


def harmonic(degree: int, order: int, direction: Floats) -> float:
    """Real spherical harmonic of a unit vector from associated Legendre polynomials, no Condon-Shortley phase."""
    x, y, z = (float(part) for part in direction)
    m = abs(order)
    azimuth = math.atan2(y, x)
    scale = math.sqrt((2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m))
    sine = math.sqrt(max(1 - z * z, 0.0))
    legendre = {(0, 0): 1.0, (1, 0): z, (1, 1): sine}
    legendre |= {(2, 0): (3 * z * z - 1) / 2, (2, 1): 3 * z * sine, (2, 2): 3 * sine * sine}
    value = scale * legendre[degree, m]
    if order == 0:
        return value
    return math.sqrt(2) * value * (math.cos(m * azimuth) if order > 0 else math.sin(m * azimuth))


def vertex_normals(vertices: Floats, faces: Ints, geometry_index: Ints) -> Floats:
    """(V, 3): sum of the cross products of all faces at the unsplit vertex of each row, unit length."""
    sums: dict[int, Floats] = {}
    for a, b, c in faces:
        normal = np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])
        for unsplit in {int(geometry_index[corner]) for corner in (a, b, c)}:
            sums[unsplit] = sums.get(unsplit, np.zeros(3)) + normal
    return np.stack([sums[int(row)] / np.linalg.norm(sums[int(row)]) for row in geometry_index])


def interpolate(screen: Floats, values: Floats, corners: Ints, x: float, y: float) -> Floats:
    """Values where the ray through pixel position (x, y) meets a triangle's plane.

    The pixel is the image of a point of the plane through the three corners in space; an orthonormal camera of focal
    length 1 stands in for the real one, which the result does not depend on.
    """
    space = np.array([[px * depth, py * depth, depth] for px, py, depth in screen[corners]])
    weights = np.linalg.solve(space.T, np.array([x, y, 1.0]))  # up to scale, the ray as a mix of the corners
    return (weights / weights.sum()) @ values[corners]


def texture(image: Floats, u: float, v: float) -> Floats:
    """Bilinear lookup in (C, h, w); texel centres at half numbers, the border goes on for ever."""
    channels, height, width = image.shape
    x, y = u * width - 0.5, v * height - 0.5
    left, top = math.floor(x), math.floor(y)
    result = np.zeros(channels)
    for row, row_share in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, column_share in ((left, 1 - (x - left)), (left + 1, x - left)):
            texel = image[:, min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
            result += row_share * column_share * texel
    return result
