"""Turning and moving a head: world = R v + t with R = Rz(roll) Ry(yaw) Rx(-pitch)."""

from __future__ import annotations

import torch

from stylefaceuv.errors import InvalidArgumentError


def rotation_matrix(rotation_degrees: torch.Tensor) -> torch.Tensor:
    """Return the rotation of yaw, pitch and roll.

    Positive yaw turns the nose towards +X, positive pitch looks up, positive roll tilts counter-clockwise
    seen by the viewer.

    Args:
        rotation_degrees: (..., 3) yaw, pitch, roll in degrees.

    Returns:
        (..., 3, 3) proper rotations, same dtype; differentiable.

    Raises:
        InvalidArgumentError: the last dimension is not 3.
    """
    if rotation_degrees.shape[-1:] != (3,):
        raise InvalidArgumentError("rotation_degrees", "shape (..., 3)", tuple(rotation_degrees.shape))
    yaw, pitch, roll = torch.deg2rad(rotation_degrees).unbind(-1)
    cy, sy, cp, sp = torch.cos(yaw), torch.sin(yaw), torch.cos(pitch), torch.sin(pitch)
    cr, sr, zero, one = torch.cos(roll), torch.sin(roll), torch.zeros_like(yaw), torch.ones_like(yaw)
    turn = _matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    nod = _matrix(one, zero, zero, zero, cp, sp, zero, -sp, cp)
    tilt = _matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return tilt @ turn @ nod


def pose_vertices(vertices: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Turn and move heads into the world.

    Args:
        vertices: (N, V, 3) model frame, decimetres.
        rotation: (N, 3) yaw, pitch, roll in degrees.
        translation: (N, 3) decimetres, world frame.

    Returns:
        (N, V, 3) world frame, decimetres; differentiable in all three.

    Raises:
        InvalidArgumentError: a shape differs from these.
    """
    if vertices.ndim != 3 or vertices.shape[-1] != 3:
        raise InvalidArgumentError("vertices", "shape (N, V, 3)", tuple(vertices.shape))
    for name, value in (("rotation", rotation), ("translation", translation)):
        if value.shape != (vertices.shape[0], 3):
            raise InvalidArgumentError(name, f"shape ({vertices.shape[0]}, 3)", tuple(value.shape))
    return vertices @ rotation_matrix(rotation).transpose(-1, -2) + translation[:, None]


def _matrix(*entries: torch.Tensor) -> torch.Tensor:
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))
