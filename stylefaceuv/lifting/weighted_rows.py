"""Weighted sums of rows of a table: values of vertices at texels, colours of texels at their neighbours."""

from __future__ import annotations

import torch
from torch.nn import functional


def weighted_rows(values: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum rows of a table with weights; differentiable in the table and in the weights.

    An embedding bag reads and sums in one pass: several times faster than gathering first, which writes all K rows.

    Args:
        values: (V, C) float.
        rows: (T, K) int64, of the table.
        weights: (T, K) float.

    Returns:
        (T, C) float.
    """
    if rows.numel() == 0:
        return values.new_zeros(len(rows), values.shape[1])
    return functional.embedding_bag(rows, values, per_sample_weights=weights.to(values.dtype), mode="sum")
