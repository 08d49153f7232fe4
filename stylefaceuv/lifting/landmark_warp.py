"""A smooth image-space warp that moves the mesh's landmarks onto the detected ones before pixels are lifted.

Registration leaves a residual of a few pixels that no linear face model removes; over a lid or a lip a few
pixels paint an iris on skin. The residual is spread over the surface by radial basis functions and dies away
from the landmarks, so that ears, scalp and neck stay where the model puts them.
"""

from __future__ import annotations

import torch

from stylefaceuv.errors import InvalidArgumentError

FIRST_IRIS_LANDMARK = 468


def warp_matrix(
    cage: torch.Tensor,
    landmarks: torch.Tensor,
    eye_vertices: torch.Tensor,
    radius: float = 0.18,
    damping: float = 0.25,
) -> torch.Tensor:
    """Build the fixed matrix that spreads landmark residuals over the cage.

    Args:
        cage: (V0, 3) float, mean head, decimetres.
        landmarks: (478, 3) float, landmark points on the mean head, decimetres.
        eye_vertices: (V0,) bool, True on the eyeballs: they follow the iris landmarks only.
        radius: width of the Gaussian basis, decimetres.
        damping: regularisation; the larger, the less a single landmark is trusted.

    Returns:
        (V0, 478) float; ``warp_matrix @ residual_px`` is the offset of each cage vertex in pixels.

    Raises:
        InvalidArgumentError: the landmarks are not 478 points.
    """
    if landmarks.shape != (478, 3):
        raise InvalidArgumentError("landmarks", "shape (478, 3)", tuple(landmarks.shape))
    matrix = cage.new_zeros(len(cage), len(landmarks))
    skin = slice(0, FIRST_IRIS_LANDMARK)
    matrix[~eye_vertices, skin] = _spread(cage[~eye_vertices], landmarks[skin], radius, damping)
    iris = slice(FIRST_IRIS_LANDMARK, len(landmarks))
    matrix[eye_vertices, iris] = _nearest_cluster(cage[eye_vertices], landmarks[iris])
    return matrix


def _spread(points: torch.Tensor, centres: torch.Tensor, radius: float, damping: float) -> torch.Tensor:
    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(-0.5 * (torch.cdist(a, b) / radius) ** 2)

    kernels = kernel(centres, centres).double()
    system = kernels + damping * torch.eye(len(centres), dtype=kernels.dtype, device=kernels.device)
    return torch.linalg.solve(system, kernel(points, centres).double().T).T.to(points.dtype)


def _nearest_cluster(points: torch.Tensor, iris: torch.Tensor) -> torch.Tensor:
    """Each eyeball moves rigidly with the mean of its own five iris points."""
    weights = points.new_zeros(len(points), len(iris))
    right_side = points[:, 0] < 0
    right_iris = iris[:, 0] < 0
    weights[right_side[:, None] & right_iris] = 1.0 / max(int(right_iris.sum()), 1)
    weights[~right_side[:, None] & ~right_iris] = 1.0 / max(int((~right_iris).sum()), 1)
    return weights
