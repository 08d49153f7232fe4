"""A fixed sparse matrix applied to batches of vertices, differentiable in the vertices."""

from __future__ import annotations

import warnings
from typing import Any

import scipy.sparse
import torch
from torch import nn


class SparseMap(nn.Module):
    """Multiplies vertex batches by a constant sparse matrix; the matrix follows ``.to()`` and is not saved."""

    matrix: torch.Tensor
    transposed: torch.Tensor

    def __init__(self, matrix: scipy.sparse.spmatrix, like: torch.Tensor) -> None:
        """Store the matrix and its transpose.

        Args:
            matrix: (R, V) SciPy sparse matrix.
            like: tensor whose dtype and device the matrix takes.
        """
        super().__init__()
        self.register_buffer("matrix", _to_torch(matrix, like), persistent=False)
        self.register_buffer("transposed", _to_torch(matrix.T, like), persistent=False)

    def forward(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return (N, R, 3) for (N, V, 3)."""
        batch, rows, width = vertices.shape
        flat = vertices.transpose(0, 1).reshape(rows, batch * width)
        product = _SparseProduct.apply(flat, self.matrix, self.transposed)
        return product.view(-1, batch, width).transpose(0, 1).contiguous()


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: torch.Tensor, matrix: torch.Tensor, transposed: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(matrix, transposed)
        return matrix @ dense.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        matrix, transposed = ctx.saved_tensors
        return _SparseProduct.apply(gradients[0], transposed, matrix), None, None


def _to_torch(matrix: scipy.sparse.spmatrix, like: torch.Tensor) -> torch.Tensor:
    rows = matrix.tocsr()
    rows.sort_indices()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(rows.indptr.astype("int64")),
            torch.from_numpy(rows.indices.astype("int64")),
            torch.from_numpy(rows.data),
            size=rows.shape,
            dtype=like.dtype,
            device=like.device,
            check_invariants=True,
        )
