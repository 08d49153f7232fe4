"""A fixed sparse matrix applied to batches of points, fast in both directions of automatic differentiation."""

from __future__ import annotations

from typing import Any

import scipy.sparse as sparse
import torch
from torch import nn


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: torch.Tensor, matrix: torch.Tensor, transpose: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(matrix, transpose)
        return matrix @ points

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        matrix, transpose = ctx.saved_tensors
        return _Product.apply(gradient.contiguous(), transpose, matrix), None, None


class SparseProduct(nn.Module):
    """points -> matrix @ points, for (N, columns, C) batches.

    Args:
        matrix: (rows, columns) SciPy sparse matrix.
    """

    def __init__(self, matrix: sparse.spmatrix) -> None:
        super().__init__()
        self.register_buffer("matrix", _to_torch(matrix.tocsr()), persistent=False)
        self.register_buffer("transpose", _to_torch(matrix.T.tocsr()), persistent=False)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Apply the matrix.

        Args:
            points: (N, columns, C) float.

        Returns:
            (N, rows, C) float, in the dtype of ``points``.
        """
        batch, _, channels = points.shape
        columns = points.permute(1, 0, 2).reshape(points.shape[1], batch * channels)  # (columns, N·C)
        product = _Product.apply(columns, self.matrix.to(points.dtype), self.transpose.to(points.dtype))
        return product.reshape(-1, batch, channels).permute(1, 0, 2)


def _to_torch(matrix: sparse.csr_matrix) -> torch.Tensor:
    return torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype("int64")),
        torch.from_numpy(matrix.indices.astype("int64")),
        torch.from_numpy(matrix.data.astype("float32")),
        size=matrix.shape,
    )
