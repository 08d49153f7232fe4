"""Where the second landmarker's 68 points lie on the head: read off frontal renders of a few fixed heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stylefaceuv.evaluation.second_landmarker import MIRRORED, SecondLandmarker
from stylefaceuv.evaluation.tensors import to_tensor
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.picture import CENTRE
from stylefaceuv.pipeline import StyleFaceUV
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.types import Face, FaceCoefficients

_SIZE = 512


class SecondPoints:
    """Places of the 68 points on a head's surface, as means of points found on a few heads, made symmetric.

    Args:
        corners: (C, 68, 3) int64, rows of the level-1 mesh.
        weights: (C, 68, 3) float, barycentric.
        mean: (V, 3) float, the mean head, which is its own mirror image.
    """

    def __init__(self, corners: torch.Tensor, weights: torch.Tensor, mean: torch.Tensor) -> None:
        self.corners, self.weights = corners, weights
        points = self._at(mean)
        self.shift = (points[list(MIRRORED)] * points.new_tensor([-1.0, 1.0, 1.0]) - points) / 2

    def on(self, face_model: MorphableModel, coefficients: FaceCoefficients) -> torch.Tensor:
        """Return the (68, 3) points of a head, head frame, decimetres."""
        return self._at(surface_vertices(face_model, coefficients)) + self.shift

    def _at(self, vertices: torch.Tensor) -> torch.Tensor:
        return (vertices[self.corners] * self.weights[..., None]).sum(2).mean(0)


def surface_vertices(face_model: MorphableModel, coefficients: FaceCoefficients) -> torch.Tensor:
    """(V, 3) vertices of the level-1 mesh without pose, decimetres, of unbatched coefficients."""
    cage = face_model(coefficients.identity[None], coefficients.expression[None])
    return face_model.refine(cage, 1)[0]


@torch.inference_mode()
def register_second_points(model: StyleFaceUV, network: SecondLandmarker, heads: Sequence[Face]) -> SecondPoints:
    """Find the 68 points on frontal renders of a few heads and read what lies under them.

    Args:
        model: the pipeline.
        network: the second landmarker.
        heads: faces that nothing is measured on.

    Returns:
        The places.
    """
    found = []
    for face in heads:
        image = to_tensor(face.render(size=_SIZE, yaw=0.0, pitch=0.0, roll=0.0))
        points = network.detect(image, model.components.landmarker.detect(image).points)[0]
        found.append(_under(model.components.face_model, face.coefficients, points))
    corners, weights = (torch.stack(parts) for parts in zip(*found, strict=True))
    face_model = model.components.face_model
    return SecondPoints(corners, weights, face_model.refine(face_model.mean[None], 1)[0])


def _under(
    face_model: MorphableModel, coefficients: FaceCoefficients, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(68, 3) corners and weights of the surface under pixels of a frontal render."""
    camera = Camera.portrait(_SIZE, _SIZE)
    vertices = surface_vertices(face_model, coefficients)
    faces = face_model.topology(1).faces
    screen = camera.project((vertices + vertices.new_tensor(CENTRE))[None])
    rows, columns = (points[:, axis].floor().long().clamp(0, _SIZE - 1) for axis in (1, 0))
    hit = rasterize(screen, faces, _SIZE, _SIZE).pix_to_face[0, rows, columns]
    nearest = (screen[0, :, :2][faces].mean(1)[None] - points[:, None]).norm(dim=2).argmin(1)
    corners = faces[torch.where(hit >= 0, hit, nearest)]
    return corners, _barycentric(screen[0, :, :2][corners], points)


def _barycentric(triangles: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """(K, 3) weights of (K, 3, 2) triangles' corners at (K, 2) points, kept inside."""
    edges = torch.stack([triangles[:, 0] - triangles[:, 2], triangles[:, 1] - triangles[:, 2]], dim=2)
    flat = edges.det().abs() < 1e-9
    edges = torch.where(flat[:, None, None], torch.eye(2).to(edges), edges)
    two = torch.linalg.solve(edges, (points - triangles[:, 2])[..., None])[..., 0]
    weights = torch.cat([two, 1 - two.sum(1, keepdim=True)], dim=1).clamp(0, 1)
    return weights / weights.sum(1, keepdim=True)
