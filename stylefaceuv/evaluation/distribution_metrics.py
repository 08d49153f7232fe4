"""Distances between two small sets of images' features: Fréchet distance in few dimensions, kernel distance in all.

With 64 faces a 1280-dimensional covariance has no full rank and its Fréchet distance means nothing. So the features
are first projected to 32 dimensions by a fixed random orthonormal matrix, which no data was used for; its bias is that
of the floor (two disjoint sets of the same size), which stands beside it. The kernel distance is unbiased.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from stylefaceuv.errors import InvalidArgumentError

Array = npt.NDArray[np.floating]
PROJECTED_SIZE = 32
_PROJECTION_KEY = 20220711
_REPEATS = 200


def project(features: Array, size: int = PROJECTED_SIZE) -> Array:
    """Project features to fewer dimensions by a fixed random orthonormal matrix.

    Args:
        features: (N, D) float, D at least ``size``.
        size: dimensions left.

    Returns:
        (N, size) float64.

    Raises:
        InvalidArgumentError: wrong shape.
    """
    if features.ndim != 2 or features.shape[1] < size:
        raise InvalidArgumentError("features", f"shape (N, at least {size})", features.shape)
    noise = np.random.Generator(np.random.Philox(key=_PROJECTION_KEY)).standard_normal((features.shape[1], size))
    return features.astype(np.float64) @ np.linalg.qr(noise)[0]


def frechet_distance(first: Array, second: Array) -> float:
    """Fréchet distance of the Gaussians that fit two sets.

    Args:
        first: (N, D) float.
        second: (M, D) float.

    Returns:
        Squared distance, not negative; 0 for equal means and covariances.

    Raises:
        InvalidArgumentError: fewer than two rows, or other dimensions.
    """
    _check(first, second)
    shift = first.mean(0) - second.mean(0)
    spread_1, spread_2 = (np.atleast_2d(np.cov(part.astype(np.float64), rowvar=False)) for part in (first, second))
    # The trace of the root of a product of two covariances, by a symmetric matrix: stable and real.
    root = _root(spread_1)
    middle = linalg.eigvalsh(root @ spread_2 @ root)
    cross = np.sqrt(np.clip(middle, 0, None)).sum()
    return max(0.0, float(shift @ shift + np.trace(spread_1) + np.trace(spread_2) - 2 * cross))


def kernel_distance(first: Array, second: Array) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel of KID.

    Args:
        first: (N, D) float.
        second: (M, D) float.

    Returns:
        About 0, of either sign, for two sets of one distribution; times 1000.

    Raises:
        InvalidArgumentError: fewer than two rows, or other dimensions.
    """
    _check(first, second)
    within_1, within_2, across = _kernel(first, first), _kernel(second, second), _kernel(first, second)
    rows, columns = across.shape
    mean_1 = (within_1.sum() - np.trace(within_1)) / (rows * (rows - 1))
    mean_2 = (within_2.sum() - np.trace(within_2)) / (columns * (columns - 1))
    return 1000 * float(mean_1 + mean_2 - 2 * across.mean())


def kernel_interval(first: Array, second: Array) -> tuple[float, float]:
    """Interval of :func:`kernel_distance` over subsets of 80 % of the faces, drawn with fixed seeds.

    Args:
        first: (N, D) float.
        second: (M, D) float.

    Returns:
        The 2.5th and 97.5th percentile.
    """
    draw = np.random.Generator(np.random.Philox(key=_PROJECTION_KEY + 1))
    values = []
    for _ in range(_REPEATS):
        parts = [part[draw.permutation(len(part))[: max(2, round(0.8 * len(part)))]] for part in (first, second)]
        values.append(kernel_distance(*parts))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _kernel(first: Array, second: Array) -> Array:
    return (first.astype(np.float64) @ second.astype(np.float64).T / first.shape[1] + 1) ** 3


def _root(symmetric: Array) -> Array:
    values, vectors = linalg.eigh(symmetric)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def _check(first: Array, second: Array) -> None:
    for name, part in (("first", first), ("second", second)):
        if part.ndim != 2 or len(part) < 2:
            raise InvalidArgumentError(name, "shape (2 or more, D)", part.shape)
    if first.shape[1] != second.shape[1]:
        raise InvalidArgumentError("second", f"{first.shape[1]} columns", second.shape[1])
