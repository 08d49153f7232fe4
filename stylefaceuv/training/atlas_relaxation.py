"""Relaxes an injective chart: least stretch against the wanted metric, never a fold.

The energy of each triangle is that of the symmetric Dirichlet distortion, which grows without bound as a triangle
collapses, so that a descent that starts without folds stays without. Source: Smith and Schaefer (2015), Bijective
parameterization with free boundaries.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_FOLDED = 1e12
_CLOSING = 1e-3


def relax(
    uv: FloatArray,
    quads: IntArray,
    corners: FloatArray,
    scale: FloatArray,
    free: npt.NDArray[np.bool_],
    mirror: IntArray,
    closing: IntArray,
    iterations: int,
) -> FloatArray:
    """Minimise the distortion of a chart.

    Args:
        uv: (D, 2) float, injective start; NaN rows are ignored.
        quads: (S, 4) int64.
        corners: (S, 4, 3) float, surface positions of the quads' corners.
        scale: (S,) float, wanted length in the chart of a unit of length on the surface (up to a common factor).
        free: (D, 2) bool, coordinates that may move.
        mirror: (D,) int64.
        closing: (C, 3) int64, triangles that fill holes: they may take any shape but must not fold.
        iterations: of L-BFGS.

    Returns:
        (D, 2) float, injective, mirror-symmetric.
    """
    triangles, rest = _triangles(quads, corners)
    flat = _flatten(rest) * np.repeat(scale, 4)[:, None, None]
    start = np.nan_to_num(uv)
    flat = flat * _Energy(start, triangles, flat, free, mirror, closing).best_scale()
    energy = _Energy(start, triangles, flat, free, mirror, closing)
    result = minimize(energy, start[free], jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 30})
    relaxed = energy.place(torch.from_numpy(result.x)).numpy()
    return np.where(np.isnan(uv), np.nan, relaxed)


def _triangles(quads: IntArray, corners: FloatArray) -> tuple[IntArray, FloatArray]:
    """All four corner triangles of each quad: a quad whose corners all turn one way is convex."""
    order = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]])
    return quads[:, order].reshape(-1, 3), corners[:, order].reshape(-1, 3, 3)


def _flatten(triangles: FloatArray) -> FloatArray:
    """(T, 2, 2) edge matrices of triangles laid flat, columns are the two edges from the first corner."""
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    length = np.maximum(np.linalg.norm(first, axis=1), 1e-6)
    along = np.einsum("ti,ti->t", first, second) / length
    across = np.sqrt(np.maximum(np.einsum("ti,ti->t", second, second) - along**2, 1e-10))
    across = np.maximum(across, 0.15 * length)  # slivers would ask for a collapsed chart
    return np.stack([np.stack([length, along], -1), np.stack([np.zeros_like(length), across], -1)], -2)


class _Energy:
    def __init__(
        self,
        start: FloatArray,
        triangles: IntArray,
        flat: FloatArray,
        free: npt.NDArray[np.bool_],
        mirror: IntArray,
        closing: IntArray,
    ) -> None:
        self.start, self.free = torch.from_numpy(start), torch.from_numpy(free)
        self.triangles, self.mirror = torch.from_numpy(triangles), torch.from_numpy(mirror)
        self.inverse = torch.linalg.inv(torch.from_numpy(flat))
        area = torch.from_numpy(np.abs(np.linalg.det(flat)))
        self.area = area / area.sum()
        self.closing = torch.from_numpy(closing)
        self.sign = torch.sign(self._determinant(self.start, self.triangles)).median()
        self.closing_area = self._determinant(self.start, self.closing)
        self.closing = (
            self.closing if float((self.closing_area * self.sign).median()) > 0 else self.closing[:, [1, 0, 2]]
        )
        self.closing_area = self.closing_area.abs().mean()

    def best_scale(self) -> float:
        """The common factor of the wanted lengths under which the start is least distorted."""
        jacobian = self._edges(self.start, self.triangles) @ self.inverse
        inverse = torch.linalg.inv(jacobian)
        stretch = (self.area * (jacobian**2).sum((1, 2))).sum()
        shrink = (self.area * (inverse**2).sum((1, 2)).clamp_max(1e4)).sum()
        return float((stretch / shrink) ** 0.25)

    def place(self, values: torch.Tensor) -> torch.Tensor:
        uv = self.start.clone()
        uv[self.free] = values
        flipped = uv[self.mirror] * torch.tensor([-1.0, 1.0], dtype=uv.dtype) + torch.tensor([1.0, 0.0], dtype=uv.dtype)
        return (uv + flipped) / 2

    def __call__(self, values: FloatArray) -> tuple[float, FloatArray]:
        moved = torch.from_numpy(values).requires_grad_()
        uv = self.place(moved)
        holes = self._determinant(uv, self.closing) * self.sign / self.closing_area
        if bool((self._determinant(uv, self.triangles) * self.sign <= 0).any()) or bool((holes <= 0).any()):
            return _FOLDED, np.zeros_like(values)
        jacobian = self._edges(uv, self.triangles) @ self.inverse
        squared = (jacobian**2).sum((1, 2))
        determinant = torch.linalg.det(jacobian)
        energy = (self.area * squared * (1 + determinant**-2)).sum() + _CLOSING * (1 / holes + holes).mean()
        energy.backward()
        assert moved.grad is not None
        return float(energy.detach()), moved.grad.numpy()

    @staticmethod
    def _edges(uv: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
        corners = uv[triangles]
        return torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], dim=-1)

    def _determinant(self, uv: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
        return torch.linalg.det(self._edges(uv, triangles))
