"""One half of a basis that is its own mirror image: the other half need not be stored, and cannot differ."""

from __future__ import annotations

import torch

_MIRRORED = (-1.0, 1.0, 1.0)
"""What a mirror makes of x, y and z."""


def half_rows(mirror_index: torch.Tensor) -> torch.Tensor:
    """Tell which vertices stand for themselves and their mirror images.

    Args:
        mirror_index: (V,) integer, the vertex on the other side; that of a vertex in the middle is itself.

    Returns:
        (H,) int64, ascending: of each pair the first, and the middle.
    """
    index = mirror_index.long()
    return torch.nonzero(index >= torch.arange(len(index), device=index.device)).squeeze(1)


def mirrored(basis: torch.Tensor, mirror_index: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """Mirror a basis.

    Args:
        basis: (K, V, 3) float.
        mirror_index: (V,) integer.
        signs: (K,) float, 1 where a component moves both sides alike, -1 where it moves them against each other.

    Returns:
        (K, V, 3) float, equal to a basis whose components are their own mirror images times their signs.
    """
    return basis[:, mirror_index.long()] * (basis.new_tensor(_MIRRORED) * signs.to(basis)[:, None, None])


def fold(basis: torch.Tensor, mirror_index: torch.Tensor) -> torch.Tensor:
    """Keep one half.

    Args:
        basis: (K, V, 3) float.
        mirror_index: (V,) integer.

    Returns:
        (K, H, 3) float.
    """
    return basis[:, half_rows(mirror_index)].contiguous()


def unfold(half: torch.Tensor, mirror_index: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """Make the whole of one half.

    Args:
        half: (K, H, 3) float, of :func:`fold`.
        mirror_index: (V,) integer.
        signs: (K,) float, 1 where a component moves both sides alike, -1 where it moves them against each other.

    Returns:
        (K, V, 3) float: row ``mirror_index[v]`` is row ``v`` mirrored, times the sign.
    """
    rows = half_rows(mirror_index)
    whole = half.new_empty(len(half), len(mirror_index), 3)
    whole[:, mirror_index.long()[rows]] = half * (half.new_tensor(_MIRRORED) * signs.to(half)[:, None, None])
    whole[:, rows] = half
    return whole
