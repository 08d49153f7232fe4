"""Values along a line that is known at knots."""

from __future__ import annotations

import torch

_LEAST_WIDTH = 1e-9


def interpolate(at: torch.Tensor, knots: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Interpolate linearly, constant beyond the ends.

    Args:
        at: (N,) float.
        knots: (K,) float, ascending.
        values: (K,) float.

    Returns:
        (N,) float.
    """
    row = torch.searchsorted(knots.contiguous(), at.contiguous()).clamp(1, len(knots) - 1)
    share = ((at - knots[row - 1]) / (knots[row] - knots[row - 1]).clamp_min(_LEAST_WIDTH)).clamp(0, 1)
    return values[row - 1] + share * (values[row] - values[row - 1])


def height_over(line: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return the height of a polyline that runs along x, constant beyond its ends.

    Args:
        line: (K, 2 or 3) float, x and y of its knots, in any order along x.
        x: (N,) float.

    Returns:
        (N,) float, y.
    """
    knots = line[line[:, 0].argsort()]
    return interpolate(x, knots[:, 0], knots[:, 1])
