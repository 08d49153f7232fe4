"""Rigid pose of the head: yaw, pitch and roll in degrees, translation in decimetres."""

from __future__ import annotations

import torch

from stylefaceuv.errors import InvalidArgumentError


def rotation_matrix(rotation: torch.Tensor) -> torch.Tensor:
    """Return R = Rz(roll) Ry(yaw) Rx(-pitch).

    Args:
        rotation: (..., 3) float, yaw, pitch, roll in degrees. Yaw > 0 turns the nose towards +X, pitch > 0 looks
            up, roll > 0 tilts counter-clockwise seen by the viewer.

    Returns:
        (..., 3, 3) float, world from head.

    Raises:
        InvalidArgumentError: the last axis is not 3.
    """
    if rotation.shape[-1] != 3:
        raise InvalidArgumentError("rotation", "shape (..., 3)", tuple(rotation.shape))
    yaw, pitch, roll = torch.deg2rad(rotation).unbind(-1)
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    about_y = _matrix([yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()])
    about_x = _matrix([one, zero, zero, zero, pitch.cos(), pitch.sin(), zero, -pitch.sin(), pitch.cos()])
    about_z = _matrix([roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one])
    return about_z @ about_y @ about_x


def _matrix(entries: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def pose_vertices(vertices: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Rotate and translate heads.

    Args:
        vertices: (N, V, 3) float, head frame, decimetres.
        rotation: (N, 3) float, yaw, pitch, roll in degrees.
        translation: (N, 3) float, decimetres.

    Returns:
        (N, V, 3) float, world frame, decimetres.
    """
    return vertices @ rotation_matrix(rotation).transpose(-1, -2) + translation[:, None]
