"""Raises the lower teeth, so that an open mouth shows them.

    python -m stylefaceuv.training raise-teeth --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's rows of teeth meet edge to edge, 5 mm below the rim of the lower lip, and a jaw that opens wholly brings
their edges just up to it: seen from the front, the lip hid them. People's upper incisors overlap the lower ones by a
few millimetres; so much the lower row rises, behind the upper one.
"""

from __future__ import annotations

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser
from stylefaceuv.training.seat_teeth import move_teeth

OVERBITE_DM = 0.03


def raise_teeth(model: MorphableModel) -> None:
    """Move the lower teeth up, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    teeth = part_rows(model, "teeth_lower")
    place = model.mean[teeth].double()
    place[:, 1] += OVERBITE_DM
    move_teeth(model, teeth, place)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), raise_teeth)


if __name__ == "__main__":
    main()
