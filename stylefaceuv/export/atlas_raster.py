"""Which triangle of a texture atlas each texel belongs to, and where in it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

CANDIDATES_AT_ONCE = 2_000_000
INSIDE_TOLERANCE = 1e-6
RASTERS_KEPT = 3


Element = TypeVar("Element", bound=np.generic)


@dataclass(frozen=True)
class AtlasRaster:
    """The texels that an atlas covers.

    Attributes:
        size: edge of the square, texels.
        texels: (K,) int64, row · size + column of each covered texel.
        interpolation: (K, V) sparse float32; interpolation @ per-vertex values = per-texel values.
        nearest: (size · size,) int64, for every texel the place in ``texels`` of the nearest covered one.
    """

    size: int
    texels: npt.NDArray[np.int64]
    interpolation: sparse.csr_matrix
    nearest: npt.NDArray[np.int64]

    def fill(self, values: npt.NDArray[Element]) -> npt.NDArray[Element]:
        """Spread the covered texels over the whole square.

        Args:
            values: (K, ...) one row for each covered texel.

        Returns:
            (size, size, ...); what lies outside all charts repeats the nearest covered texel.
        """
        return values[self.nearest].reshape(self.size, self.size, *values.shape[1:])


class AtlasRasters:
    """Remembers the rasters of the last few atlases: all heads of a level share theirs, also between threads."""

    _lock = threading.Lock()  # of the class, so that an exporter can be copied and pickled

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, AtlasRaster] = OrderedDict()

    def get(self, uv: npt.NDArray[np.float32], faces: npt.NDArray[np.integer], size: int) -> AtlasRaster:
        """Return :func:`rasterize_atlas` of these arguments, known or made."""
        digest = hashlib.blake2b(np.ascontiguousarray(uv).tobytes(), digest_size=16)
        digest.update(np.ascontiguousarray(faces).tobytes() + size.to_bytes(4, "little"))
        key = digest.digest()
        with self._lock:
            if key not in self._known:
                self._known[key] = rasterize_atlas(uv, faces, size)
                if len(self._known) > RASTERS_KEPT:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]


def rasterize_atlas(uv: npt.NDArray[np.float32], faces: npt.NDArray[np.integer], size: int) -> AtlasRaster:
    """Find the texels whose centres lie in the triangles of an atlas.

    Args:
        uv: (V, 2) float, origin at the top left; texel (i, j) has its centre at ((j + 0.5) / size, (i + 0.5) / size).
        faces: (F, 3) integers.
        size: edge, texels.

    Returns:
        The covered texels; where charts overlap, the last triangle wins.
    """
    corners = uv.astype(np.float64)[faces] * size - 0.5
    owner = np.full(size * size, -1, np.int64)
    weights = np.zeros((size * size, 2), np.float32)
    low = np.clip(np.ceil(corners.min(axis=1) - INSIDE_TOLERANCE), 0, size).astype(np.int64)
    high = np.clip(np.floor(corners.max(axis=1) + INSIDE_TOLERANCE), -1, size - 1).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    for chosen in _portions(extent.prod(axis=1)):
        _claim(chosen, corners, low, extent, size, owner, weights)
    texels = np.flatnonzero(owner >= 0)
    first, second = weights[texels].T
    shares = np.stack([1 - first - second, first, second], axis=1)
    columns = faces[owner[texels]].astype(np.int32)
    starts = np.arange(0, 3 * len(texels) + 1, 3, dtype=np.int32)
    matrix = sparse.csr_matrix((shares.ravel(), columns.ravel(), starts), shape=(len(texels), len(uv)))
    return AtlasRaster(size, texels, matrix, _nearest(owner >= 0, texels, size))


def _portions(cost: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Triangles with a box that is not empty, in portions of bounded cost."""
    live = np.flatnonzero(cost)
    portion = np.cumsum(cost[live]) // CANDIDATES_AT_ONCE
    return [live[portion == k] for k in np.unique(portion)]


def _claim(
    chosen: npt.NDArray[np.int64],
    corners: npt.NDArray[np.float64],
    low: npt.NDArray[np.int64],
    extent: npt.NDArray[np.int64],
    size: int,
    owner: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
) -> None:
    """Test every texel of the triangles' boxes and note those inside."""
    count = extent[chosen].prod(axis=1)
    which = np.repeat(np.arange(len(chosen)), count)
    step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    width = extent[chosen, 0][which]
    column = low[chosen, 0][which] + step % width
    row = low[chosen, 1][which] + step // width
    origin, side_a, side_b, area = _triangle_frames(corners[chosen])
    across, down = column - origin[which, 0], row - origin[which, 1]
    first = (across * side_b[which, 1] - down * side_b[which, 0]) / area[which]
    second = (down * side_a[which, 0] - across * side_a[which, 1]) / area[which]
    inside = (first >= -INSIDE_TOLERANCE) & (second >= -INSIDE_TOLERANCE) & (first + second <= 1 + INSIDE_TOLERANCE)
    texel = row[inside] * size + column[inside]
    owner[texel] = chosen[which[inside]]
    weights[texel, 0], weights[texel, 1] = first[inside], second[inside]


def _triangle_frames(corners: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Origin, two sides, doubled area (never zero: a flat triangle gets a huge one and so only its own corner)."""
    side_a, side_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = side_a[:, 0] * side_b[:, 1] - side_a[:, 1] * side_b[:, 0]
    return corners[:, 0], side_a, side_b, np.where(area == 0, np.inf, area)


def _nearest(covered: npt.NDArray[np.bool_], texels: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    place = np.cumsum(covered) - 1
    if not len(texels):
        return np.zeros(size * size, np.int64)
    rows, columns = ndimage.distance_transform_edt(
        ~covered.reshape(size, size), return_distances=False, return_indices=True
    )
    nearest: npt.NDArray[np.int64] = place[(rows * size + columns).ravel()]
    return nearest
