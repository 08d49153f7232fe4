"""A smooth image-space warp that moves the mesh's landmarks onto the detected ones before pixels are lifted.

Registration leaves a residual of a few pixels that no linear face model removes; over a lid or a lip a few
pixels paint an iris on skin. The residual is spread over the surface by radial basis functions and dies away
from the landmarks, so that ears, scalp and neck stay where the model puts them.
"""

from __future__ import annotations

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.mean_expression import mean_head_with
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES

FIRST_IRIS_LANDMARK = 468
_EYES = (PART_NAMES.index("eye_left"), PART_NAMES.index("eye_right"))
_OPENING = {
    "jawOpen": 0.7,
    "mouthUpperUpLeft": 0.5,
    "mouthUpperUpRight": 0.5,
    "eyeWideLeft": 1.0,
    "eyeWideRight": 1.0,
}


def landmark_spread(face_model: MorphableModel) -> torch.Tensor:
    """Return :func:`warp_matrix` of a face model, as (V0, 478) float."""
    opened = mean_head_with(face_model, _OPENING)
    return warp_matrix(opened[0], face_model.landmarks(opened)[0], _eye_vertices(face_model))


def warp_matrix(
    cage: torch.Tensor,
    landmarks: torch.Tensor,
    eye_vertices: torch.Tensor,
    radii: tuple[float, ...] = (0.18, 0.06),
    damping: float = 0.1,
) -> torch.Tensor:
    """Build the fixed matrix that spreads landmark residuals over the cage.

    Args:
        cage: (V0, 3) float, a head with mouth and eyes open, decimetres; where lips or lids touch, a residual that
            parts them would cancel itself.
        landmarks: (478, 3) float, landmark points on that head, decimetres.
        eye_vertices: (V0,) bool, True on the eyeballs: they follow the iris landmarks only.
        radii: widths of the Gaussians that are added up: a broad one that carries the face along, a narrow one that
            sets lips and lids right.
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
    matrix[~eye_vertices, skin] = _spread(cage[~eye_vertices], landmarks[skin], radii, damping)
    iris = slice(FIRST_IRIS_LANDMARK, len(landmarks))
    matrix[eye_vertices, iris] = _nearest_cluster(cage[eye_vertices], landmarks[iris])
    return matrix


def _spread(points: torch.Tensor, centres: torch.Tensor, radii: tuple[float, ...], damping: float) -> torch.Tensor:
    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        squared = torch.cdist(a, b) ** 2
        return torch.stack([torch.exp(-0.5 * squared / radius**2) for radius in radii]).sum(dim=0)

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


def _eye_vertices(face_model: MorphableModel) -> torch.Tensor:
    """(V0,) bool, cage vertices of the eyeballs."""
    cage = face_model.topology(0)
    in_eye = (cage.part == _EYES[0]) | (cage.part == _EYES[1])
    result = torch.zeros(len(face_model.mean), dtype=torch.bool, device=cage.faces.device)
    result[cage.geometry_index[cage.faces[in_eye]].reshape(-1)] = True
    return result
