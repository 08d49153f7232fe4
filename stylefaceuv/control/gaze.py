"""Where the eyes look: rigid eyeballs, and lids that follow them, through the eyeLook units and beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import torch

from stylefaceuv.control.contact import EYE_LEFT, EYE_RIGHT
from stylefaceuv.control.lid_follow import LidFollow
from stylefaceuv.control.lids import LidClearance, sphere_centre
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.plain_values import is_finite_number
from stylefaceuv.types import PART_NAMES

Gaze = None | tuple[float, float] | Sequence[float] | torch.Tensor

GAZE_LIMITS = (40.0, 30.0)
"""Largest angles to either side, degrees: yaw and pitch."""
_SIDES = ("Left", "Right")
_DIRECTIONS = ("Down", "In", "Out", "Up")


def parse_gaze(value: Gaze) -> tuple[float, float] | None:
    """Return yaw and pitch of the eyes against the head.

    Args:
        value: None, or (yaw, pitch) in degrees; positive yaw looks to the viewer's right, positive pitch up.

    Returns:
        The same, checked.

    Raises:
        InvalidArgumentError: not two finite numbers within 40 degrees of yaw and 30 of pitch.
    """
    if value is None:
        return None
    expected = f"yaw and pitch within ±{GAZE_LIMITS[0]:g} and ±{GAZE_LIMITS[1]:g} degrees"
    try:
        yaw, pitch = value.tolist() if isinstance(value, torch.Tensor) else value
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError("gaze", expected, repr(value)[:60]) from error
    for angle, limit in zip((yaw, pitch), GAZE_LIMITS, strict=True):
        if not is_finite_number(angle) or abs(angle) > limit:
            raise InvalidArgumentError("gaze", expected, repr(value)[:60])
    return float(yaw), float(pitch)


class EyeRig:
    """Turns the eyeballs of a face model as rigid balls.

    The model's eyeLook units move an eyeball along straight lines, which dents it; here only the angle of each unit
    is taken from the model, and the ball of the neutral head is turned by it about its own centre. A model without
    eyeballs or eyeLook units is left as it is.

    Args:
        model: the face model.

    Attributes:
        angles: (2, 4, 2) float, degrees: yaw and pitch of the left and right ball at weight 1 of eyeLookDown,
            eyeLookIn, eyeLookOut and eyeLookUp.
    """

    def __init__(self, model: MorphableModel) -> None:
        topology = model.topology(0)
        parts = (PART_NAMES.index("eye_left"), PART_NAMES.index("eye_right"))
        self._balls = [topology.geometry_index[topology.faces[topology.part == part]].unique() for part in parts]
        names = [[f"eyeLook{direction}{side}" for direction in _DIRECTIONS] for side in _SIDES]
        if not all(len(rows) for rows in self._balls) or not set(chain(*names)) <= set(model.expression_names):
            self._balls, names = [], []
        self._lids = [LidClearance(model, ball) for ball in self._balls]
        self._units = [[model.expression_names.index(name) for name in side] for side in names]
        self.angles = torch.stack(
            [
                torch.stack([_turn(model.mean[ball], model.expression_basis[unit, ball]) for unit in units])
                for ball, units in zip(self._balls, self._units, strict=True)
            ]
            if self._balls
            else [model.mean.new_zeros(4, 2)] * 2
        )
        known = self._balls and {EYE_LEFT.unit, EYE_RIGHT.unit} <= set(model.expression_names)
        eyes = (EYE_LEFT, EYE_RIGHT) if known else ()
        self._blinks = [model.expression_names.index(rims.unit) for rims in eyes]
        self._follow = [
            LidFollow(model, ball, rims, (float(angles[0, 1]), float(angles[3, 1])))
            for ball, rims, angles in zip(self._balls, eyes, self.angles, strict=False)
        ]

    def look(self, expression: torch.Tensor, gaze: tuple[float, float] | None) -> torch.Tensor:
        """Set the eyeLook units to a gaze, so that the lids follow; beyond a unit's end :meth:`turn` moves them.

        Args:
            expression: (64,) float in [0, 1].
            gaze: (yaw, pitch) in degrees, or None, which changes nothing.

        Returns:
            (64,) float in [0, 1].

        Raises:
            InvalidArgumentError: a gaze is given and the face model has no eyeballs.
        """
        if gaze is None:
            return expression
        if not self._balls:
            raise InvalidArgumentError("gaze", "no gaze for a face model without eyeballs", gaze)
        followed = expression.clone()
        for side, units in enumerate(self._units):
            for direction, unit in enumerate(units):
                axis = 0 if _DIRECTIONS[direction] in ("In", "Out") else 1
                share = gaze[axis] / float(self.angles[side, direction, axis])
                followed[unit] = min(max(share, 0.0), 1.0)
        return followed

    def turn(
        self, cage: torch.Tensor, neutral: torch.Tensor, expression: torch.Tensor, gaze: tuple[float, float] | None
    ) -> torch.Tensor:
        """Put rigidly turned eyeballs into a cage, and keep the lids over them.

        Args:
            cage: (1, V0, 3) float, with the expression, unposed, decimetres.
            neutral: (1, V0, 3) float, the same head without expression.
            expression: (64,) float in [0, 1]; its eyeLook units turn the balls where no gaze is given.
            gaze: (yaw, pitch) in degrees, or None.

        Returns:
            (1, V0, 3) float, decimetres.
        """
        posed = cage.clone()
        for side, (ball, units, angles) in enumerate(zip(self._balls, self._units, self.angles, strict=False)):
            yaw, pitch = (expression[units] @ angles).unbind() if gaze is None else expression.new_tensor(gaze).unbind()
            rotation = rotation_matrix(torch.stack([yaw, pitch, torch.zeros_like(yaw)]))
            centre = sphere_centre(neutral[0, ball])
            posed[0, ball] = (neutral[0, ball] - centre) @ rotation.T + centre
            if self._follow:
                closed = float(expression[self._blinks[side]])
                posed = self._follow[side].move(posed[0], centre, float(pitch), closed)[None]
            posed = self._lids[side].keep(posed[0], posed[0, ball], centre)[None]
        return posed


def _turn(points: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """(2,) yaw and pitch in degrees of the rotation that comes closest to offsets (Kabsch)."""
    before, after = points - points.mean(dim=0), points + offsets
    u, _, v = torch.linalg.svd(before.T.double() @ (after - after.mean(dim=0)).double())
    sign = torch.ones(3, dtype=u.dtype, device=u.device)
    sign[2] = torch.det(u @ v)
    forward = (v.T @ torch.diag(sign) @ u.T)[:, 2]
    yaw, pitch = torch.atan2(forward[0], forward[2]), torch.asin(forward[1].clamp(-1, 1))
    return (torch.stack([yaw, pitch]) * (180 / math.pi)).to(points.dtype)
