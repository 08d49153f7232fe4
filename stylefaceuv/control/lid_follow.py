"""Lids go on following eyes that look farther up or down than the eyeLook units reach."""

from __future__ import annotations

import math

import torch

from stylefaceuv.control.contact import Rims, columns_of
from stylefaceuv.control.lids import sphere_centre
from stylefaceuv.control.mean_surface import part_mask
from stylefaceuv.face_model.lid_landmarks import UPPER_LIDS
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.soft_steps import smoothstep

_CORNERS = {f"eyeBlink{side.title()}": (lid[0], lid[-1]) for side, lid in UPPER_LIDS.items()}
"""Landmarks where both rims of an eye end."""

_UPPER_GAIN, _LOWER_GAIN = (0.7, 1.1), (0.6, 0.15)
"""Degrees of a lid for one of the eye, looking down and up; human upper lids keep pace, lower ones only downwards."""
_UPPER_FADE_DM, _LOWER_FADE_DM = (0.02, 0.16), (0.02, 0.14)
"""Distances from a rim over which the skin ceases to follow: before the brow and before the cheek."""
_REACH_DM = 0.5


class LidFollow:
    """Slides the lids of one eye around its ball.

    Args:
        model: the face model, with the 478 landmarks.
        ball: (B,) int64, cage rows of the eyeball.
        rims: of the eye.
        reach: angles in degrees, down (negative) and up, to which the eyeLook units move the lids already.
    """

    def __init__(self, model: MorphableModel, ball: torch.Tensor, rims: Rims, reach: tuple[float, float]) -> None:
        self._reach = reach
        points, mean = model.landmarks(model.mean[None])[0], model.mean
        order = points[list(rims.upper), 0].argsort().tolist()
        upper, lower = (points[[side[column] for column in order]] for side in (rims.upper, rims.lower))
        columns = columns_of(mean[:, 0], upper[:, 0])
        top, bottom = columns @ upper[:, 1], columns @ lower[:, 1]
        ends = points[list(_CORNERS[rims.unit]), 0].sort().values
        inside = ((mean[:, 0] - ends[0]) * (ends[1] - mean[:, 0])).clamp_min(0) * 4 / (ends[1] - ends[0]) ** 2
        local = mean - sphere_centre(mean[ball])
        near = inside.sqrt() * (part_mask(model, "skin") & (local[:, 2] > 0) & (local.norm(dim=1) < _REACH_DM))
        above = mean[:, 1] > (top + bottom) / 2
        self._upper = near * above * (1 - smoothstep(mean[:, 1] - top, _UPPER_FADE_DM))
        self._lower = near * ~above * (1 - smoothstep(bottom - mean[:, 1], _LOWER_FADE_DM))

    def move(self, cage: torch.Tensor, centre: torch.Tensor, pitch: float, closed: float) -> torch.Tensor:
        """Return a cage whose lids follow the eye.

        Args:
            cage: (V0, 3) float, decimetres, with what the eyeLook units do.
            centre: (3,) float, of the ball.
            pitch: of the eye against the head, degrees, positive up.
            closed: weight of the blink in [0, 1]; closed lids stay closed.

        Returns:
            (V0, 3) float, decimetres.
        """
        excess = (pitch - min(max(pitch, self._reach[0]), self._reach[1])) * (1 - closed)
        if excess == 0:
            return cage
        up = int(excess > 0)
        turn = math.radians(excess) * (_UPPER_GAIN[up] * self._upper + _LOWER_GAIN[up] * self._lower)
        x, y, z = (cage - centre).unbind(dim=1)
        moved = torch.stack([x, y * turn.cos() + z * turn.sin(), z * turn.cos() - y * turn.sin()], dim=1)
        return torch.where((turn != 0)[:, None], centre + moved, cage)
