"""From expression and gaze to a head's cage: what 64 linear units alone get wrong is put right here."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stylefaceuv.control.arch import ToothClearance
from stylefaceuv.control.contact import EYE_LEFT, EYE_RIGHT, LIPS, RimContact
from stylefaceuv.control.gaze import EyeRig
from stylefaceuv.control.lining import MouthLining
from stylefaceuv.control.tongue import CLOSE, JAW, TonguePassage
from stylefaceuv.control.tongue import UNIT as TONGUE_UNIT
from stylefaceuv.face_model.morphable import MorphableModel

LIDS_MEET_AT = 0.9
"""Weight of a blink at which lids meet: detectors call an eye shut well before their score reaches 1."""


class FaceRig:
    """Moves a face: eyeballs turn rigidly under lids that follow, and lids and lips stop where they meet.

    Rows of teeth stay behind the cheeks, and a tongue between the teeth.

    A model without the units and eyeballs that this needs, such as the Basel Face Model, moves linearly.

    Args:
        model: the face model.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        self._eyes = EyeRig(model)
        blinks = [name.startswith("eyeBlink") for name in model.expression_names]
        self._blinks = torch.tensor(blinks, device=model.mean.device)
        known = [rims for rims in (EYE_LEFT, EYE_RIGHT, LIPS) if rims.unit in model.expression_names]
        self._teeth = ToothClearance(model)
        self._tongue = TonguePassage(model)
        self._lining = MouthLining(model) if LIPS in known else None
        self._contacts = [contact for rims in known if (contact := RimContact(model, rims)).closes]

    def pose(
        self, identity: torch.Tensor, expression: torch.Tensor, gaze: tuple[float, float] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the cage with an expression, and the same head at rest.

        Args:
            identity: (80,) float, unit-variance coordinates.
            expression: (64,) float in [0, 1].
            gaze: (yaw, pitch) in degrees, or None, which leaves the eyes to the eyeLook units.

        Returns:
            Cage and rest, (1, V0, 3) float, unposed, decimetres.

        Raises:
            InvalidArgumentError: a gaze is given and the face model has no eyeballs.
        """
        teeth, rest = self._resting(identity)
        return self._moved(identity, expression, gaze, teeth, rest), rest

    def _resting(self, identity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What narrows a head's rows of teeth (V0, 3), and the cage of the head at rest (1, V0, 3)."""
        teeth = self._teeth.offset(identity)
        still = identity.new_zeros(1, len(self._model.expression_names))
        return teeth, self._model(identity[None], still) + teeth

    def _moved(
        self,
        identity: torch.Tensor,
        expression: torch.Tensor,
        gaze: tuple[float, float] | None,
        teeth: torch.Tensor,
        rest: torch.Tensor,
    ) -> torch.Tensor:
        """(1, V0, 3): the cage with an expression, of a head whose :meth:`_resting` is known."""
        looking = self._eyes.look(self._tongue.open(expression), gaze)
        looking = torch.where(self._blinks, (looking / LIDS_MEET_AT).clamp_max(1), looking)
        cage = self._model(identity[None], looking[None]) + teeth + self._tongue.lift(looking)
        for contact in self._contacts:
            cage = contact.part(cage, rest, looking)
        if self._lining is not None:
            cage = self._lining.hold(cage)
        return self._eyes.turn(cage, rest, looking, gaze)

    def unit_offsets(self, identity: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
        """Return what single units at weight 1 add to a head, for programs that know linear targets only.

        The units of the eyes are put right for this head, tongueOut opens the mouth, and the tongue sinks with jawOpen
        and rises with mouthClose; the other units of the mouth stay linear, because mouthClose is made to be added to
        jawOpen and would come to nothing alone.

        Args:
            identity: (80,) float, unit-variance coordinates.
            names: K units.

        Returns:
            (K, V0, 3) float, decimetres.
        """
        rows = [self._model.expression_names.index(name) for name in names]
        offsets = self._model.expression_basis[rows].clone()
        units = torch.eye(len(self._model.expression_names), dtype=identity.dtype, device=identity.device)
        teeth, rest = self._resting(identity)
        still = self._moved(identity, torch.zeros_like(units[0]), None, teeth, rest)
        sinks = {JAW: self._tongue.sunk, CLOSE: -self._tongue.sunk}
        for number, (row, name) in enumerate(zip(rows, names, strict=True)):
            if name.startswith("eye") or name == TONGUE_UNIT:
                offsets[number] = (self._moved(identity, units[row], None, teeth, rest) - still)[0]
            elif name in sinks:
                offsets[number] += sinks[name]
        return offsets
