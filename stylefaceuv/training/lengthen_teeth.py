"""Lengthens the upper teeth to where photos have their edges.

    python -m stylefaceuv.training lengthen-teeth --face-model OLD.safetensors --out NEW.safetensors

In smiles that bare the upper row its edge touches the lower lip, or all but; MakeHuman's row ended above it, over a
dark gap, and the pictures of teeth were read a little too high. The gums stay where they are.
"""

from __future__ import annotations

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser
from stylefaceuv.training.seat_teeth import move_teeth

LONGER_DM = 0.013


def lengthen_teeth(model: MorphableModel) -> None:
    """Stretch the upper teeth downwards, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    teeth = part_rows(model, "teeth_upper")
    place = model.mean[teeth].double()
    top, edge = place[:, 1].max(), place[:, 1].min()
    place[:, 1] -= LONGER_DM * (top - place[:, 1]) / (top - edge)
    move_teeth(model, teeth, place)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), lengthen_teeth)


if __name__ == "__main__":
    main()
