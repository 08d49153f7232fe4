"""Opens the mouth for a tongue that is put out and lays it on the lower lip; at rest it lies low in an open jaw."""

from __future__ import annotations

import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel

UNIT, JAW, CLOSE = "tongueOut", "jawOpen", "mouthClose"
JAW_FOR_TONGUE = 0.42
"""Weight of jawOpen at which upper teeth and lower lip are as far apart as the tongue is thick."""
_AT_TEETH, _OUTSIDE = 0.2, 0.7
"""Weights of the unit: the tip reaches the teeth; the tongue lies between the lips in its full thickness."""
_LIFT_DM = 0.05
"""From behind the lower lip's rim onto it; a wholly open jaw brings the lip below the tongue by itself."""
_REST_SHARE = 1.2
"""How far a tongue at rest sinks into an open jaw, as a share of that: else it hides the lower teeth."""
_ROOT_DM, _BLADE_DM = 0.40, 0.05
"""How far behind the tip the tongue ceases to rise, and from where on it rises wholly."""


class TonguePassage:
    """What a tongue needs to come out between the teeth and not through the lips.

    Args:
        model: the face model; without a tongue and its units nothing changes.

    Attributes:
        sunk: (V0, 3) float, decimetres, from a tongue at rest to the bottom of an open mouth.
    """

    def __init__(self, model: MorphableModel) -> None:
        names = (UNIT, JAW, CLOSE)
        self._units, self._lift = list[int](), torch.zeros_like(model.mean)
        self.sunk = self._lift
        if not set(names) <= set(model.expression_names):
            return
        tongue = part_rows(model, "tongue")
        if len(tongue):
            self._units = [model.expression_names.index(name) for name in names]
            behind = model.mean[tongue, 2].max() - model.mean[tongue, 2]
            self._lift[tongue, 1] = _LIFT_DM * ((_ROOT_DM - behind) / (_ROOT_DM - _BLADE_DM)).clamp(0, 1)
            self.sunk = -_REST_SHARE * self._lift

    def open(self, expression: torch.Tensor) -> torch.Tensor:
        """Return weights whose jaw is open wide enough; lips do not close on a tongue.

        Args:
            expression: (64,) float in [0, 1].

        Returns:
            (64,) float in [0, 1]; a copy where anything changes.
        """
        if not self._units or float(expression[self._units[0]]) <= _AT_TEETH:
            return expression
        out, jaw, close = self._units
        opened = expression.clone()
        share = ((expression[out] - _AT_TEETH) / (_OUTSIDE - _AT_TEETH)).clamp(0, 1)
        opened[jaw] = torch.maximum(expression[jaw], JAW_FOR_TONGUE * share)
        opened[close] = expression[close] * (1 - share)
        return opened

    def lift(self, expression: torch.Tensor) -> torch.Tensor:
        """Return what to add to a cage so that the tongue lies on the lip, or at the bottom of an open mouth.

        Args:
            expression: (64,) float in [0, 1].

        Returns:
            (V0, 3) float, decimetres.
        """
        if not self._units:
            return self._lift
        out, jaw, close = expression[self._units]
        rises = out * ((1 - jaw) / (1 - JAW_FOR_TONGUE)).clamp_max(1)
        sinks = (1 - out) * ((jaw - close) / JAW_FOR_TONGUE).clamp(0, 1)
        return self._lift * rises + self.sunk * sinks
