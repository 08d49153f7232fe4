"""Where two rims of the skin meet, a unit ends: lids stop on lids and lips on lips, on every head."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.face_model.lid_landmarks import LOWER_LIDS, UPPER_LIDS
from stylefaceuv.face_model.lip_landmarks import LOWER_RIM, UPPER_RIM
from stylefaceuv.face_model.morphable import MorphableModel

OVERLAP = 0.004
"""How far a rim may cover the other beyond its rest, decimetres: landmarks lie on the skin, not on its very edge."""
_LEAST_MOTION = 0.005
_PASSES = 3


@dataclass(frozen=True)
class Rims:
    """Two rims that a unit brings together.

    Attributes:
        unit: its name.
        upper: landmarks of the upper rim.
        lower: landmarks of the lower rim, each below its partner.
    """

    unit: str
    upper: tuple[int, ...]
    lower: tuple[int, ...]


EYE_LEFT = Rims("eyeBlinkLeft", UPPER_LIDS["left"][1:-1], LOWER_LIDS["left"][1:-1])
EYE_RIGHT = Rims("eyeBlinkRight", UPPER_LIDS["right"][1:-1], LOWER_LIDS["right"][1:-1])
LIPS = Rims("mouthClose", UPPER_RIM[1:-1], LOWER_RIM[1:-1])


class RimContact:
    """Fits a unit to a head, column by column, so that at weight 1 one rim ends on the other and never goes past it.

    The heads of a model differ, and units add up: a weight that just closes one head's eye leaves another's open, and
    drags a third one's lid over the cheek. What would carry a rim past the other is taken back, never more than the
    unit's own weight; what is missing comes with the square of the weight, so that slight weights stay linear.

    Args:
        model: the face model, with the 478 landmarks.
        rims: the unit and its rims.
    """

    def __init__(self, model: MorphableModel, rims: Rims) -> None:
        self._model = model
        self._unit = model.expression_names.index(rims.unit)
        rest = model.landmarks(model.mean[None])[0]
        order = rest[list(rims.upper), 0].argsort().tolist()
        self._upper = [rims.upper[column] for column in order]
        self._lower = [rims.lower[column] for column in order]
        self._motion = model.expression_basis[self._unit]
        moved = model.landmarks((model.mean + self._motion)[None])[0]
        self._closing = self._gap(rest) - self._gap(moved)
        self._columns = columns_of(model.mean[:, 0], rest[self._upper, 0])

    @property
    def closes(self) -> bool:
        """Whether the model's unit brings the rims together at all, in every column by half a millimetre."""
        return bool((self._closing > _LEAST_MOTION).all())

    def part(self, cage: torch.Tensor, rest: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """Close rims that would not meet, and part rims that crossed.

        Args:
            cage: (1, V0, 3) float, with the expression, unposed, decimetres.
            rest: (1, V0, 3) float, the same head without expression.
            expression: (64,) float in [0, 1].

        Returns:
            (1, V0, 3) float, decimetres.
        """
        weight = float(expression[self._unit])
        if weight == 0:
            return cage
        open_gap = self._gap(self._model.landmarks(rest)[0])
        missing = (open_gap + OVERLAP - self._closing).clamp_min(0) / self._closing
        least = taken = -missing * weight**2
        for _ in range(_PASSES):
            fitted = cage - (self._columns @ taken)[:, None] * self._motion
            crossed = open_gap.clamp_max(0) - OVERLAP - self._gap(self._model.landmarks(fitted)[0])
            taken = torch.maximum(taken + crossed / self._closing, least).clamp_max(weight)
        return cage - (self._columns @ taken)[:, None] * self._motion

    def _gap(self, landmarks: torch.Tensor) -> torch.Tensor:
        """(K,) height of the upper over the lower rim, decimetres."""
        return landmarks[self._upper, 1] - landmarks[self._lower, 1]


def columns_of(at: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    """Return weights that interpolate linearly between columns, constant beyond the ends.

    Args:
        at: (V,) float.
        knots: (K,) float, ascending.

    Returns:
        (V, K) float; rows sum to 1.
    """
    row = torch.searchsorted(knots.contiguous(), at.contiguous()).clamp(1, len(knots) - 1)
    share = ((at - knots[row - 1]) / (knots[row] - knots[row - 1])).clamp(0, 1)
    weights = at.new_zeros(len(at), len(knots))
    weights.scatter_(1, row[:, None] - 1, 1 - share[:, None])
    return weights.scatter_add_(1, row[:, None], share[:, None])
