"""A fixed sparse matrix applied to batches of vertices, differentiable in the vertices."""

from __future__ import annotations

import warnings
from typing import Any

import scipy.sparse
import torch
from torch import nn


class SparseMap(nn.Module):
    """Multiplies vertex batches by a constant sparse matrix.

    The matrix and its transpose are kept as plain buffers, which follow ``.to()``, can be copied and pickled, and are
    not saved.
    """

    def __init__(self, matrix: scipy.sparse.spmatrix, like: torch.Tensor) -> None:
        """Store the matrix and its transpose.

        Args:
            matrix: (R, V) SciPy sparse matrix.
            like: tensor whose dtype and device the matrix takes.
        """
        super().__init__()
        self._shape: tuple[int, int] = (int(matrix.shape[0]), int(matrix.shape[1]))
        for prefix, rows in (("forward", matrix.tocsr()), ("backward", matrix.T.tocsr())):
            rows.sort_indices()
            start = torch.from_numpy(rows.indptr.astype("int64"))
            column = torch.from_numpy(rows.indices.astype("int64"))
            value = torch.from_numpy(rows.data).to(like.dtype)
            for name, buffer in (("start", start), ("column", column), ("value", value)):
                self.register_buffer(f"{prefix}_{name}", buffer.to(like.device), persistent=False)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            self._csr("forward", check=True), self._csr("backward", check=True)

    def forward(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return (N, R, 3) for (N, V, 3)."""
        batch, rows, width = vertices.shape
        flat = vertices.transpose(0, 1).reshape(rows, batch * width)
        product = _SparseProduct.apply(flat, self._csr("forward"), self._csr("backward"))
        return product.view(self._shape[0], batch, width).transpose(0, 1).contiguous()

    def _csr(self, prefix: str, check: bool = False) -> torch.Tensor:
        start, column, value = (self.get_buffer(f"{prefix}_{name}") for name in ("start", "column", "value"))
        size = self._shape if prefix == "forward" else self._shape[::-1]
        return torch.sparse_csr_tensor(start, column, value, size=size, check_invariants=check)


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: torch.Tensor, matrix: torch.Tensor, transposed: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(matrix, transposed)
        return matrix @ dense.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        matrix, transposed = ctx.saved_tensors
        return _SparseProduct.apply(gradients[0], transposed, matrix), None, None
