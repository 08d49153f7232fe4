"""Texels that lend their colours to others, and with what weight: fixed for a head model, shared by all faces."""

from __future__ import annotations

from dataclasses import dataclass

import scipy.spatial
import torch

from stylefaceuv.lifting.weighted_rows import weighted_rows
from stylefaceuv.rendering.thread_pool import thread_count


@dataclass(frozen=True)
class Neighbours:
    """Where the colours of some texels come from.

    Attributes:
        rows: (L, K) int64, rows of the texel geometry.
        weights: (L, K) float, summing to 1.
    """

    rows: torch.Tensor
    weights: torch.Tensor

    def mean(self, painted: torch.Tensor) -> torch.Tensor:
        """Average (T, 3) colours over the neighbours of each texel, (L, 3)."""
        return weighted_rows(painted, self.rows, self.weights)


def nearest(places: torch.Tensor, points: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the nearest points to some places.

    Args:
        places: (L, 3) float.
        points: (P, 3) float, the same unit.
        count: how many; all of fewer points.

    Returns:
        (L, K) int64, rows of the points, the nearest first, and (L, K) float, how far they are.
    """
    tree = scipy.spatial.cKDTree(points.cpu().numpy())
    distance, found = tree.query(places.cpu().numpy(), k=min(count, len(points)), workers=thread_count())
    return torch.from_numpy(found).to(points.device), torch.from_numpy(distance).to(places)


def weighted(rows: torch.Tensor, weights: torch.Tensor) -> Neighbours:
    """Return neighbours of (L, K) rows whose weights sum to 1.

    Args:
        rows: (L, K) int64.
        weights: (L, K) float, positive, of any sum.
    """
    return Neighbours(rows, weights / weights.sum(dim=1, keepdim=True))


def without_neighbours(like: torch.Tensor) -> Neighbours:
    """Return the neighbours of no texel.

    Args:
        like: any float tensor of the device and type of the weights.
    """
    none = like.new_zeros(0, 0)
    return Neighbours(none.long(), none)
