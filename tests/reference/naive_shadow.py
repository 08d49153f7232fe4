"""Self-shadow by one ray at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tests.reference.naive_rendering import harmonic

Floats = npt.NDArray[np.floating]
ORDERS = [(degree, order) for degree in range(3) for order in range(-degree, degree + 1)]
LOBE = (math.pi, 2 * math.pi / 3, math.pi / 4)
"""Integrals of the clamped cosine with the harmonics of bands 0 to 2, without their norm."""


def self_shadow(vertices: Floats, normals: Floats, faces: npt.NDArray[np.int64], directions: Floats) -> Floats:
    """(V, 9): what each harmonic of light misses, by a ray from every vertex along every direction."""
    taken = np.zeros((len(vertices), 9))
    for row, (vertex, normal) in enumerate(zip(vertices, normals, strict=True)):
        for direction in directions:
            facing = float(normal @ direction)
            if facing > 0 and _hits(vertex + 1e-3 * normal, direction, vertices[faces]):
                values = [harmonic(*order, direction) / LOBE[order[0]] for order in ORDERS]
                taken[row] += facing * np.array(values) * 4 * math.pi / len(directions)
    return taken


def _hits(origin: Floats, direction: Floats, triangles: Floats) -> bool:
    """Whether a ray meets a triangle ahead of its origin."""
    for a, b, c in triangles:
        system = np.stack([b - a, c - a, -direction], axis=1)
        if abs(np.linalg.det(system)) > 1e-12:
            first, second, ahead = np.linalg.solve(system, origin - a)
            if min(first, second, 1 - first - second, ahead) > 0:
                return True
    return False
