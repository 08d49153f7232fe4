"""The pose of a known head from landmarks in a picture: Gauss–Newton on rotation and translation alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.transform import Rotation

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.landmark_fit import FACE_OVAL, LANDMARK_COUNT, euler_degrees
from stylefaceuv.rendering.camera import Camera

Array = npt.NDArray[np.float64]

INNER_LANDMARKS = tuple(index for index in range(LANDMARK_COUNT) if index not in set(FACE_OVAL))
"""The landmarks that stay on one place of the skin as the head turns: all but the outline."""

_ITERATIONS = 12
_START_YAWS = (0.0, -50.0, 50.0)
_OUTLIER = 0.05


def head_pose(points: torch.Tensor, pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Find how a head is turned whose points are known.

    Tried from three yaws, the best is kept; points that fit badly count less (Geman–McClure).

    Args:
        points: (K, 3) float, head frame, decimetres.
        pixels: (K, 2) float, where they were seen.
        size: edge of the square picture, pixels, of the standard portrait camera.

    Returns:
        (3,) float32, yaw, pitch, roll in degrees.

    Raises:
        InvalidArgumentError: shapes differ.
    """
    if points.ndim != 2 or points.shape[1] != 3:
        raise InvalidArgumentError("points", "shape (K, 3)", tuple(points.shape))
    if pixels.shape != (len(points), 2):
        raise InvalidArgumentError("pixels", f"shape ({len(points)}, 2)", tuple(pixels.shape))
    camera = Camera.portrait(size, size)
    focal, distance = float(camera.focal_px), float(camera.distance)
    head = points.detach().double().numpy()
    seen = (pixels.detach().double().numpy() - size / 2) * (1.0, -1.0) / focal
    solutions = [_solve(head, seen, distance, yaw) for yaw in _START_YAWS]
    rotation = min(solutions, key=lambda solution: solution[1])[0]
    return euler_degrees(torch.from_numpy(rotation)[None])[0].float()


def _solve(head: Array, seen: Array, distance: float, yaw: float) -> tuple[Array, float]:
    """Rotation matrix and robust cost, from a start; pixels are given as tangents of angles."""
    rotation: Array = Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    unit = _OUTLIER * float(np.sqrt(np.square(seen - seen.mean(0)).sum(1).mean()))
    place = _start(head, seen, distance)
    for _ in range(_ITERATIONS):
        turned = head @ rotation.T
        residual, by_world = _residual(turned + place, seen, distance)
        weight = 1 / (1 + np.square(residual).sum(1) / unit**2) ** 2
        jacobian = np.concatenate([by_world @ _turns(turned), by_world], axis=2)
        normal = np.einsum("kic,k,kid->cd", jacobian, weight, jacobian)
        right = np.einsum("kic,k,ki->c", jacobian, weight, residual)
        step = np.linalg.solve(normal + np.diag(normal.diagonal() * 1e-3 + 1e-12), -right)
        rotation = Rotation.from_rotvec(step[:3].clip(-0.5, 0.5)).as_matrix() @ rotation
        place = place + step[3:]
    squared = np.square(_residual(head @ rotation.T + place, seen, distance)[0]).sum(1) / unit**2
    return rotation, float((squared / (1 + squared)).sum())


def _residual(world: Array, seen: Array, distance: float) -> tuple[Array, Array]:
    """(K, 2) and its derivative by the world point, (K, 2, 3)."""
    depth = distance - world[:, 2]
    flat = world[:, :2] / depth[:, None]
    zero = np.zeros_like(depth)
    rows = ([1 / depth, zero, flat[:, 0] / depth], [zero, 1 / depth, flat[:, 1] / depth])
    return flat - seen, np.stack([np.stack(row, -1) for row in rows], -2)


def _turns(turned: Array) -> Array:
    """(K, 3, 3): derivative of a turned point by a rotation vector in the world frame."""
    x, y, z = turned.T
    zero = np.zeros_like(x)
    rows = ([zero, z, -y], [-z, zero, x], [y, -x, zero])
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _start(head: Array, seen: Array, distance: float) -> Array:
    """Translation that gives the points their height in the picture."""
    depth = head[:, 1].std() / max(float(seen[:, 1].std()), 1e-6)
    x, y = seen.mean(0) * depth
    return np.array([x, y, distance - depth]) - head.mean(0)
