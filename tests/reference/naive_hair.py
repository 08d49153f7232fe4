"""Pieces of a mask and edges of strands, a texel at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def flood(seeds: npt.NDArray[np.bool_], mask: npt.NDArray[np.bool_], steps: int) -> npt.NDArray[np.bool_]:
    """Texels (H, W) of a mask that a walk of so many steps, diagonal ones too, reaches from seeds in it."""
    reached = {(int(row), int(column)) for row, column in np.argwhere(seeds & mask)}
    border = reached
    for _ in range(steps):
        near = {(r + y, c + x) for r, c in border for y in (-1, 0, 1) for x in (-1, 0, 1)}
        inside = {(r, c) for r, c in near if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c]}
        border = inside - reached
        reached = reached | border
    result = np.zeros_like(mask)
    for row, column in reached:
        result[row, column] = True
    return result


def painted(hanging: float, strand: float) -> float:
    """How much of a texel is painted where hair hangs so much and its strand is so light."""
    if hanging <= 0:
        return 0.0
    place = hanging + min(max(0.1 * strand, -0.3), 0.3)
    share = min(max((place - 0.4) / 0.2, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def evened(own: float, slow: float, wanted: float, share: float) -> float:
    """A texel deep inside hair, whose surroundings have a slow colour."""
    ratio = min(max(wanted / slow, 1 / 2.2), 2.2)
    return min(own * ratio**share, 1.0)
