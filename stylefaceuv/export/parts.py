"""How a head is taken apart for a file: which faces share a material, and where the eyes turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stylefaceuv.types import PART_NAMES

EYE_PARTS = ("eye_left", "eye_right")


@dataclass(frozen=True)
class Surface:
    """A material.

    Attributes:
        name: its name in files.
        parts: the names of the parts that wear it.
        roughness: of the metallic-roughness model, 0 is a mirror.
    """

    name: str
    parts: tuple[str, ...]
    roughness: float


SURFACES = (
    Surface("skin", ("skin",), 0.55),
    Surface("mouth", ("mouth", "teeth_upper", "teeth_lower", "tongue"), 0.7),
    Surface("eyes", EYE_PARTS, 0.1),
)


def faces_of(part: npt.NDArray[np.uint8], names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Find the faces of some parts.

    Args:
        part: (F,) uint8, index into ``PART_NAMES``.
        names: names of parts.

    Returns:
        (n,) int64, rows of ``part``, in order.
    """
    return np.flatnonzero(np.isin(part, [PART_NAMES.index(name) for name in names]))


def sphere_centre(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Fit a sphere and return its centre: where an eyeball turns, even when its back is open.

    Args:
        points: (n, 3) float.

    Returns:
        (3,) float32; the mean of the points when they do not tell a sphere, or tell one outside their own box.
    """
    mean = points.mean(axis=0, dtype=np.float64)
    local = points - mean
    system = np.concatenate([2 * local, np.ones((len(local), 1))], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(system, (local**2).sum(axis=1), rcond=None)
    inside = (solution[:3] >= local.min(axis=0)) & (solution[:3] <= local.max(axis=0))
    centre = mean + solution[:3] if rank == 4 and inside.all() else mean
    return centre.astype(np.float32)
